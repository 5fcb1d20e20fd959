//! A gate: a checklist's findings become a verdict with blockers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Level, Outcome, Question, Reason};
use crate::contact::Reach;
use crate::name::{CheckPath, Name};
use crate::time::Due;

/// The answer of a gate. Worse ones compare greater.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Verdict {
    /// Every required fact was seen to hold.
    #[serde(rename = "GO")]
    Go,
    /// Nothing is known to be wrong, and something is not known.
    #[serde(rename = "HOLD")]
    Hold,
    /// Something required is wrong.
    #[serde(rename = "NO-GO")]
    NoGo,
}

impl Verdict {
    /// The word, the same on every surface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "GO",
            Self::Hold => "HOLD",
            Self::NoGo => "NO-GO",
        }
    }
}

/// Which question a checklist gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gates {
    /// May we launch?
    Launch,
    /// May we declare success?
    Live,
    /// Is it still healthy?
    Watch,
}

/// An ordered list of checks with an owner and a due time.
#[derive(Debug, Clone, PartialEq)]
pub struct Checklist {
    /// The name.
    pub id: Name,
    /// The title for people.
    pub title: String,
    /// The role that answers for it.
    pub owner: Option<Name>,
    /// When it must be GO.
    pub due: Due,
    /// Which question it gates.
    pub gates: Gates,
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// The hash of the compiled checklist; sign-offs are bound to it.
    pub hash: String,
}

/// What kind of blocker.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A required check fails or was rejected.
    Failed,
    /// A sign-off is missing.
    Unsigned,
    /// A sign-off has expired or become void.
    Expired,
    /// A probe could not look.
    Unknown,
    /// Nothing recent enough was seen.
    Stale,
    /// Nothing was seen yet.
    NotYetRun,
    /// The checklist holds no check.
    Empty,
}

impl Why {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unsigned => "unsigned",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::NotYetRun => "not yet run",
            Self::Empty => "empty",
        }
    }
}

/// Why a gate is not GO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blocker {
    /// The checklist; none when the launch as a whole blocks.
    pub checklist: Option<Name>,
    /// The check; none when the checklist is empty.
    pub check: Option<CheckPath>,
    /// The check's title.
    pub title: String,
    /// What kind.
    pub why: Why,
    /// The sentence.
    pub because: String,
    /// The role that must act.
    pub owner: Option<Name>,
    /// Whom to turn to, and how, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Reach>,
}

/// A checklist's decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The answer.
    pub verdict: Verdict,
    /// Why it is not GO, in the order of the checks.
    pub blockers: Vec<Blocker>,
    /// How many checks warn.
    pub warnings: usize,
}

/// Decides a gate from its checks, how each stands and why: NO-GO if a required check fails, else HOLD if one has no answer, else GO. An empty checklist is HOLD.
pub fn decide<'f>(
    checklist: &Checklist,
    findings: impl IntoIterator<Item = (&'f Check, Outcome, &'f str)>,
) -> Decided {
    let mut decided = Decided { verdict: Verdict::Go, blockers: Vec::new(), warnings: 0 };
    let mut empty = true;
    for (check, outcome, because) in findings {
        empty = false;
        if outcome == Outcome::Warn {
            decided.warnings += 1;
        }
        if check.level == Level::Advisory {
            continue;
        }
        let (verdict, why) = match outcome {
            Outcome::Pass | Outcome::Warn | Outcome::Waived => continue,
            Outcome::Fail => (Verdict::NoGo, Why::Failed),
            Outcome::Unknown(reason) => (Verdict::Hold, why(reason)),
        };
        decided.verdict = decided.verdict.max(verdict);
        decided.blockers.push(Blocker {
            checklist: Some(checklist.id.clone()),
            check: Some(check.path.clone()),
            title: check.title.clone(),
            why,
            because: because.to_owned(),
            owner: match &check.question {
                // Whoever must sign is who must act.
                Question::SignOff(rule) => Some(rule.by.clone()),
                Question::Probe { .. } | Question::Rehearsal(_) => checklist.owner.clone(),
            },
            contacts: Vec::new(),
        });
    }
    if empty {
        decided.verdict = Verdict::Hold;
        decided.blockers.push(Blocker {
            checklist: Some(checklist.id.clone()),
            check: None,
            title: checklist.title.clone(),
            why: Why::Empty,
            because: "the checklist holds no check".to_owned(),
            owner: checklist.owner.clone(),
            contacts: Vec::new(),
        });
    }
    decided
}

fn why(reason: Reason) -> Why {
    match reason {
        Reason::NotYetRun => Why::NotYetRun,
        Reason::Stale => Why::Stale,
        Reason::Unsigned => Why::Unsigned,
        Reason::Expired => Why::Expired,
        Reason::CouldNotLook(_) => Why::Unknown,
    }
}
