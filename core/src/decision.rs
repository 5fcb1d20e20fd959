//! The go/no-go decision: what the incident commander said, with the report that it was said on. It is never taken back by
//! itself: what has changed since stands beside it.

use schemars::JsonSchema;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::check::Outcome;
use crate::gate::Verdict;
use crate::milestone::Phase;
use crate::name::Name;
use crate::report::Report;

/// How many changes are told one by one.
const MOST: usize = 10;

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Go on.
    Go,
    /// Do not.
    NoGo,
}

impl Word {
    /// The word on every surface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "GO",
            Self::NoGo => "NO-GO",
        }
    }
}

/// A decision as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    pub decision: Word,
    /// Who, taken from their credentials.
    pub person: Name,
    /// Why, or under which conditions.
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The question that it answers.
    pub question: String,
    /// What it was made on.
    pub facts: Facts,
    /// The whole report that it was made on, as JSON.
    pub report: Arc<str>,
}

/// What of a report a decision rests on. Numbers move all the time; these do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// The launch's version.
    pub version: String,
    /// The launch file, by its hash.
    pub plan: String,
    /// Where the launch stood.
    pub phase: Phase,
    /// launchgate's own answer.
    pub verdict: Verdict,
    /// Every check that did not pass, with how it stood.
    pub open: BTreeMap<String, String>,
}

impl Facts {
    /// The facts of a report of a plan.
    pub fn of(report: &Report, plan: &str) -> Self {
        let checks = report.checklists.iter().flat_map(|list| &list.checks);
        let open = checks.filter(|check| check.outcome != Outcome::Pass);
        Self {
            version: report.version.clone(),
            plan: plan.to_owned(),
            phase: report.phase,
            verdict: report.verdict,
            open: open.map(|c| (c.id.to_string(), c.outcome.name().to_owned())).collect(),
        }
    }

    /// What is different now, in words; the first ones and how many more.
    pub fn changes(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let heads = [
            ("the verdict", self.verdict.name(), now.verdict.name()),
            ("the launch", self.phase.name(), now.phase.name()),
            ("the version", self.version.as_str(), now.version.as_str()),
        ];
        for (what, was, is) in heads.into_iter().filter(|(_, was, is)| was != is) {
            changes.push(format!("{what} was {was}, is {is}"));
        }
        if self.plan != now.plan {
            changes.push("the launch file has changed".to_owned());
        }
        let passes = "pass".to_owned();
        let names = self.open.keys().chain(now.open.keys().filter(|k| !self.open.contains_key(*k)));
        for name in names {
            let (was, is) = (self.open.get(name), now.open.get(name));
            let (was, is) = (was.unwrap_or(&passes), is.unwrap_or(&passes));
            if was != is {
                changes.push(format!("{name} was {was}, is {is}"));
            }
        }
        let more = changes.len().saturating_sub(MOST);
        changes.truncate(MOST);
        if more > 0 {
            changes.push(format!("and {more} more"));
        }
        changes
    }
}

/// Why a decision is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// The person is no incident commander.
    #[error("{0} is no incident_commander, and it is the incident commander who decides")]
    NotInRole(Name),
    /// GO against the verdict takes a reason.
    #[error("the verdict is {}: to decide GO against it takes a note that says why", .0.name())]
    NoteMissing(Verdict),
    /// There is nothing to decide.
    #[error("there is nothing to decide while the launch is {}", .0.name())]
    NothingToDecide(Phase),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(verdict: Verdict, open: &[(&str, &str)]) -> Facts {
        Facts {
            version: "2".to_owned(),
            plan: "p".to_owned(),
            phase: Phase::Preparing,
            verdict,
            open: open.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn what_changed_is_told() {
        let was = facts(Verdict::Go, &[("a/warns", "warn"), ("a/waived", "waived")]);
        let rows: [(&str, Facts, &[&str]); 5] = [
            ("nothing", was.clone(), &[]),
            (
                "one fails",
                facts(
                    Verdict::NoGo,
                    &[("a/warns", "warn"), ("a/waived", "waived"), ("b/x", "fail")],
                ),
                &["the verdict was GO, is NO-GO", "b/x was pass, is fail"],
            ),
            (
                "one passes",
                facts(Verdict::Go, &[("a/waived", "waived")]),
                &["a/warns was warn, is pass"],
            ),
            (
                "another file",
                Facts { plan: "q".to_owned(), ..was.clone() },
                &["the launch file has changed"],
            ),
            (
                "another version",
                Facts { version: "3".to_owned(), ..was.clone() },
                &["the version was 2, is 3"],
            ),
        ];
        for (row, now, expected) in rows {
            assert_eq!(was.changes(&now), expected, "{row}");
        }
    }

    #[test]
    fn many_changes_are_counted() {
        let names: Vec<String> = (0..30).map(|i| format!("a/c{i:02}")).collect();
        let open: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "fail")).collect();
        let changes = facts(Verdict::Go, &[]).changes(&facts(Verdict::Go, &open));
        assert_eq!(changes.len(), MOST + 1);
        assert_eq!(changes.last().map(String::as_str), Some("and 20 more"));
    }
}
