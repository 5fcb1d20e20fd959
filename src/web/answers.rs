//! What the API answers and takes, as types: the document of the API is made from them.

use std::sync::Arc;

use jiff::Timestamp;
use launchgate_core::gate::Verdict;
use launchgate_core::milestone::Phase;
use launchgate_core::name::Name;
use launchgate_core::observation::Observation;
use launchgate_core::report::{CheckReport, DecisionReport, Report, TriggerReport};
use launchgate_core::run::Run;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Deed;

/// A launch in short.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Summary {
    /// The launch's name.
    launch: Name,
    /// What people call it.
    title: String,
    /// What is launched.
    version: String,
    /// Where it stands.
    phase: Phase,
    /// What the verdict answers.
    question: String,
    /// The gate's verdict.
    verdict: Verdict,
    /// Whether nothing is overdue.
    on_schedule: bool,
    /// The planned go-live, with its time zone.
    go_live: String,
    /// When all of this was so.
    as_of: Timestamp,
}

impl From<&Report> for Summary {
    fn from(report: &Report) -> Self {
        Self {
            launch: report.launch.clone(),
            title: report.title.clone(),
            version: report.version.clone(),
            phase: report.phase,
            question: report.question.clone(),
            verdict: report.verdict,
            on_schedule: report.on_schedule,
            go_live: report.go_live.clone(),
            as_of: report.as_of,
        }
    }
}

/// Every launch that the daemon serves.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Launches {
    pub(super) launches: Vec<Summary>,
}

/// A check with its looks.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CheckAnswer {
    /// As it stands.
    pub(super) check: Arc<CheckReport>,
    /// The looks, newest first.
    pub(super) history: Vec<Observation>,
    /// What to give as `before` for the looks before these; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<Timestamp>,
}

/// The rollback triggers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Triggers {
    pub(super) triggers: Vec<TriggerReport>,
}

/// The runs of procedures, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Runs {
    pub(super) runs: Vec<Run>,
}

/// The go/no-go decisions, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Decisions {
    pub(super) decisions: Vec<DecisionReport>,
}

/// Whose a token or a certificate is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Whoami {
    /// Who acts with it.
    pub(super) identity: Name,
    /// What it allows.
    pub(super) deeds: Vec<Deed>,
}

/// The gate in a line.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct GateAnswer {
    /// Whether the verdict is GO.
    pub(super) go: bool,
    /// The verdict.
    pub(super) verdict: Verdict,
    /// Why, in a sentence.
    pub(super) because: String,
    /// The launch's name.
    pub(super) launch: Name,
    /// What is launched.
    pub(super) version: String,
    /// When this was so.
    pub(super) as_of: Timestamp,
}

/// An answer that is no success.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Problem {
    /// A word for programs.
    pub(super) code: &'static str,
    /// A sentence for people.
    pub(super) message: String,
    /// What may help.
    pub(super) hint: Option<String>,
}
