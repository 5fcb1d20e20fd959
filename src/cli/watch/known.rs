//! What is known of the launches: the last report of each, and since when there is none that holds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launchgate_core::name::Name;
use launchgate_core::report::Report;
use launchgate_core::time::elapsed;

use super::follow::{Heard, News};
use super::line;
use crate::render::words::tame;

/// Every launch that is followed.
pub(super) struct Known {
    pub(super) launches: BTreeMap<Name, Told>,
}

/// What is known of a launch.
#[derive(Default)]
pub(super) struct Told {
    /// The last report.
    pub(super) report: Option<Report>,
    /// Since when it does not hold any more.
    pub(super) lost: Option<Lost>,
    /// Whether the newest report is one that this launchgate cannot read.
    is_strange: bool,
}

/// Since when a launch is lost, and why.
#[derive(Clone)]
pub(super) struct Lost {
    pub(super) since: Timestamp,
    pub(super) why: String,
}

impl Known {
    pub(super) fn new(launches: &[Name]) -> Self {
        let launches = launches.iter().map(|launch| (launch.clone(), Told::default())).collect();
        Self { launches }
    }

    pub(super) fn take(&mut self, heard: Heard, now: Timestamp) {
        let told = self.launches.entry(heard.launch).or_default();
        let why = match heard.news {
            // What could not be read then cannot be read now.
            News::Same if told.is_strange => return,
            News::Same => None,
            News::Report(json) => match serde_json::from_str(&json) {
                Ok(report) => {
                    told.report = Some(report);
                    told.is_strange = false;
                    None
                }
                Err(e) => {
                    told.is_strange = true;
                    Some(format!("this launchgate cannot read the daemon's report: {e}"))
                }
            },
            News::Lost(why) => Some(why),
        };
        told.lost = why.map(|why| Lost {
            since: told.lost.as_ref().map_or(now, |lost| lost.since),
            why: tame(line::first(&why)),
        });
    }
}

impl Told {
    /// The last report with its clock moved on: nothing else of it is newer.
    pub(super) fn at(&self, now: Timestamp) -> Option<Report> {
        let mut report = self.report.clone()?;
        let passed = elapsed(report.as_of, now);
        report.as_of = report.as_of.max(now);
        let passed = i64::try_from(passed.as_secs()).unwrap_or(i64::MAX);
        report.seconds_to_go_live = report.seconds_to_go_live.saturating_sub(passed);
        Some(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::Sample;

    #[test]
    fn a_loss_lasts_from_its_first_word_until_something_is_heard() {
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        let launch = Name::of("checkout-2-4");
        let mut known = Known::new(std::slice::from_ref(&launch));
        let report = || {
            let report = Sample::preparing().report();
            News::Report(serde_json::to_string(&report).expect("JSON"))
        };
        let lost = |why: &str| News::Lost(why.to_owned());
        let rows = [
            ("a first report", report(), 1, true, None),
            ("a loss", lost("refused\n  = hint: none"), 2, true, Some((2, "refused"))),
            ("the loss goes on", lost("gone"), 9, true, Some((2, "gone"))),
            ("back, and unchanged", News::Same, 10, true, None),
            ("a loss again", lost("gone"), 11, true, Some((11, "gone"))),
            ("back", report(), 12, true, None),
        ];
        for (row, news, second, is_known, since) in rows {
            known.take(Heard { launch: launch.clone(), news }, at(second));
            let told = &known.launches[&launch];
            assert_eq!(told.report.is_some(), is_known, "{row}");
            let lost = told.lost.as_ref().map(|lost| (lost.since, lost.why.as_str()));
            assert_eq!(lost, since.map(|(second, why)| (at(second), why)), "{row}");
        }
        known.take(Heard { launch: launch.clone(), news: News::Report("[1]".to_owned()) }, at(20));
        let lost = known.launches[&launch].lost.as_ref().expect("it cannot be read");
        assert!(lost.why.contains("cannot read the daemon's report"), "{}", lost.why);
        known.take(Heard { launch: launch.clone(), news: News::Same }, at(21));
        assert!(known.launches[&launch].lost.is_some(), "it can still not be read");
    }

    #[test]
    fn time_passes_in_a_report_and_never_runs_backwards() {
        let report = Sample::preparing().report();
        let (made, left) = (report.as_of, report.seconds_to_go_live);
        let told = Told { report: Some(report), ..Told::default() };
        for (row, now, passed) in
            [("later", 90, 90), ("at once", 0, 0), ("a clock that is behind", -30, 0)]
        {
            let now = made + jiff::SignedDuration::from_secs(now);
            let moved = told.at(now).expect("a report");
            assert_eq!(moved.seconds_to_go_live, left - passed, "{row}");
            assert_eq!(moved.as_of, made.max(now), "{row}");
        }
    }
}
