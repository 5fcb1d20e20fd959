//! `wait`: until checks have passed for a while, by looks that were made after the step began.

use std::sync::Arc;

use jiff::Timestamp;
use launchgate_core::report::{CheckReport, Report};
use launchgate_core::run::Ended;
use launchgate_core::time::{elapsed, format_duration};
use tokio::time::{Instant, timeout_at};

use super::settings::WaitSettings;
use super::{Attempt, Done};

/// How the wait stands, by one report.
enum Standing {
    /// All pass since then.
    Passing,
    /// What is missing.
    Missing(String),
}

impl Attempt {
    pub(super) async fn wait(&self) -> Done {
        let settings: WaitSettings = match self.settings() {
            Ok(settings) => settings,
            Err(done) => return done,
        };
        let mut reports = self.around.handle.reports();
        let began = reports.borrow_and_update().as_of;
        let mut since: Option<(Timestamp, Instant)> = None;
        let mut missing = "nothing was seen since the step began".to_owned();
        // Its time counts from its start, also where a process before this one has waited.
        let gone = elapsed(self.perform.since, began);
        let deadline = Instant::now() + self.perform.step.timeout.saturating_sub(gone);
        loop {
            match timeout_at(deadline, reports.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return (Ended::InDoubt, "the daemon is shutting down".to_owned()),
                Err(_) => return (Ended::TimedOut, missing),
            }
            let report = Arc::clone(&reports.borrow_and_update());
            match standing(&settings, &report, began) {
                Standing::Missing(why) => (since, missing) = (None, why),
                Standing::Passing => {
                    let (wall, start) = *since.get_or_insert((report.as_of, Instant::now()));
                    // The smaller of both, since a wall clock can be stepped.
                    let lasted = elapsed(wall, report.as_of).min(start.elapsed());
                    missing = format!(
                        "all pass, for {} of {}",
                        format_duration(lasted),
                        format_duration(settings.lasts)
                    );
                    if lasted >= settings.lasts {
                        let names: Vec<String> =
                            settings.checks.iter().map(ToString::to_string).collect();
                        let lasts = format_duration(settings.lasts);
                        return (
                            Ended::Succeeded,
                            format!("{} passed for {lasts}", names.join(", ")),
                        );
                    }
                }
            }
        }
    }
}

fn standing(settings: &WaitSettings, report: &Report, began: Timestamp) -> Standing {
    let checks = || report.checklists.iter().flat_map(|list| &list.checks);
    let mut missing = Vec::new();
    for path in &settings.checks {
        match checks().find(|check| check.id == *path) {
            Some(check) if is_new(check, began) && check.outcome.is_good() => {}
            Some(check) if is_new(check, began) => {
                missing.push(format!("{path}: {}: {}", check.outcome.name(), check.because));
            }
            Some(_) => missing.push(format!("{path}: not seen since the step began")),
            None => missing.push(format!("{path}: the plan has no such check any more")),
        }
    }
    if missing.is_empty() { Standing::Passing } else { Standing::Missing(missing.join("; ")) }
}

fn is_new(check: &CheckReport, began: Timestamp) -> bool {
    check.observed_at.is_some_and(|at| at > began)
}
