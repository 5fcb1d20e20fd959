//! The stages of the watch after the launch.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use launchgate_core::cadence::Stage;
use launchgate_core::name::Name;
use launchgate_core::plan::Channel;
use launchgate_core::problem::Problem;
use launchgate_core::time::Due;

use super::compiler::{Compiler, at};
use super::raw;

/// No report comes more often.
const MIN_EVERY: Duration = Duration::from_secs(60);

impl Compiler<'_> {
    pub(super) fn cadence(
        &mut self,
        stages: &[raw::Stage],
        channels: &BTreeMap<Name, Channel>,
        go_live: Option<&Zoned>,
    ) -> Vec<Stage> {
        let mut all = Vec::new();
        let mut last: Option<Timestamp> = None;
        for (i, raw) in stages.iter().enumerate() {
            let path = at("watch").index(i);
            let until: Option<Due> = self.parse(&raw.until, &path.entry("until"), None);
            let every = self.duration(raw.every.as_deref(), &path.entry("every"));
            if every.is_some_and(|every| every < MIN_EVERY) {
                let problem = Problem::new(path.entry("every"), "once per minute is the most");
                self.problem(problem);
            }
            let names = raw.to.iter().map(String::as_str);
            let to = self.channels_named(names, &path.entry("to"), channels);
            self.no_status_page(&to, &path.entry("to"), channels);
            let Some(until) = until else { continue };
            if let Some(go_live) = go_live {
                let ends = until.resolve(go_live);
                if ends <= go_live.timestamp() {
                    let message = "the watch would end before the launch";
                    self.problem(
                        Problem::new(path.entry("until"), message).hint("write `H+4h` or `T+7d`"),
                    );
                } else if last.is_some_and(|before| ends <= before) {
                    let message = "a stage ends after the one before it";
                    self.problem(Problem::new(path.entry("until"), message));
                }
                last = Some(ends);
            }
            all.push(Stage { until, every, to });
        }
        all
    }
}
