//! A check: a question about one fact, its freshness, and the finding that an observation leads to.

use schemars::JsonSchema;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::attestation::SignOffRule;
use crate::expectation::{Expectation, Truth};
use crate::name::{CheckPath, Name};
use crate::observation::{Cause, Observation};
use crate::rehearsal::RehearsalRule;
use crate::time::{Moment, format_duration};

/// Whether a gate hangs on a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The gate is not GO without it.
    Required,
    /// It shows, and never blocks.
    Advisory,
}

/// What answers a check.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// A probe looks.
    Probe {
        /// The kind of probe.
        kind: Name,
        /// Its settings, compiled and complete, secrets by reference.
        settings: Json,
    },
    /// People sign.
    SignOff(SignOffRule),
    /// A procedure must have been rehearsed.
    Rehearsal(RehearsalRule),
}

/// A question with its expectations.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The full name.
    pub path: CheckPath,
    /// The question for people.
    pub title: String,
    /// Whether the gate hangs on it.
    pub level: Level,
    /// What answers it.
    pub question: Question,
    /// The vantage that it is looked at from, if not this host as it is.
    pub from: Option<Name>,
    /// All must hold, else the check fails.
    pub expect: Vec<Expectation>,
    /// All should hold, else the check warns.
    pub warn: Vec<Expectation>,
    /// How often to look.
    pub every: Duration,
    /// How long one look may take.
    pub timeout: Duration,
    /// How long an observation counts.
    pub fresh_for: Duration,
    /// How many failing observations in a row make a fail; before that the earlier finding stands.
    pub fail_after: u32,
    /// How many passing observations in a row end a fail.
    pub pass_after: u32,
}

/// Why a finding is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing has been observed yet.
    NotYetRun,
    /// The last observation is older than `fresh_for`.
    Stale,
    /// Nobody has signed, or too few have.
    Unsigned,
    /// Signatures were there and have expired or become void.
    Expired,
    /// The probe could not look, or what it saw is no answer.
    #[serde(untagged)]
    CouldNotLook(Cause),
}

impl Reason {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotYetRun => "not_yet_run",
            Self::Stale => "stale",
            Self::Unsigned => "unsigned",
            Self::Expired => "expired",
            Self::CouldNotLook(cause) => cause.name(),
        }
    }
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every expectation holds.
    Pass,
    /// Every `expect` holds, a `warn` does not.
    Warn,
    /// An expectation does not hold, or a sign-off was rejected.
    Fail,
    /// It does not pass, and a person has accepted that for a time.
    Waived,
    /// There is no answer.
    Unknown(Reason),
}

impl Outcome {
    /// The word in reports and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Waived => "waived",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Pass or warn: nothing that blocks.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Pass | Self::Warn)
    }
}

/// A check judged at an instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How it stands.
    pub outcome: Outcome,
    /// The sentence that explains it, with the observed value, the limit and the thing.
    pub because: String,
}

impl Finding {
    /// A finding with its sentence.
    pub fn new(outcome: Outcome, because: impl Into<String>) -> Self {
        Self { outcome, because: because.into() }
    }

    /// Nothing observed yet.
    pub fn not_yet_run() -> Self {
        Self::new(Outcome::Unknown(Reason::NotYetRun), "not yet run")
    }
}

/// Judges what one observation says, fresh or not.
pub fn judge(check: &Check, observation: &Observation) -> Finding {
    let readings = match &observation.outcome {
        Ok(readings) => readings,
        Err(failure) => {
            let reason = Reason::CouldNotLook(failure.cause);
            return Finding::new(Outcome::Unknown(reason), failure.message.clone());
        }
    };
    let mut held = Vec::new();
    let mut failed = Vec::new();
    let mut unknown = None;
    for expectation in &check.expect {
        let judged = expectation.evaluate(readings);
        match judged.truth {
            Truth::True => held.push(judged.because),
            Truth::False => failed.push(judged.because),
            Truth::Unknown(cause) => {
                unknown.get_or_insert((cause, judged.because));
            }
        }
    }
    if !failed.is_empty() {
        return Finding::new(Outcome::Fail, failed.join("; ") + &odd_parts(readings));
    }
    if let Some((cause, because)) = unknown {
        return Finding::new(Outcome::Unknown(Reason::CouldNotLook(cause)), because);
    }
    let warnings: Vec<String> = check
        .warn
        .iter()
        .map(|w| w.evaluate(readings))
        .filter(|judged| judged.truth != Truth::True)
        .map(|judged| judged.because)
        .collect();
    if warnings.is_empty() {
        Finding::new(Outcome::Pass, held.join("; "))
    } else {
        Finding::new(Outcome::Warn, warnings.join("; ") + &odd_parts(readings))
    }
}

/// Names the things that stand out, four at most.
fn odd_parts(readings: &crate::reading::Readings) -> String {
    let mut odd = readings.parts.iter().filter(|p| p.odd);
    let named: Vec<String> =
        odd.by_ref().take(4).map(|p| format!("{}: {}", p.subject, p.says)).collect();
    if named.is_empty() {
        return String::new();
    }
    let more = match odd.count() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!(" ({}{more})", named.join(", "))
}

/// What is remembered of a probed check: the last observation, and how findings damped by `fail_after` stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// The last observation.
    pub last: Option<Observation>,
    /// The finding of the last observation, after damping, fresh when it was made.
    pub finding: Option<Finding>,
    /// Failing observations in a row.
    pub fails: u32,
    /// Good observations in a row.
    pub passes: u32,
    /// What the probe asked to be told at its next look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered: Option<Json>,
}

impl Memory {
    /// Takes an observation in and judges it. A fail must be seen `fail_after` times in a row while the check was good
    /// before; a fail that stands needs `pass_after` good ones to end. Unknown is never damped.
    pub fn take(&mut self, check: &Check, mut observation: Observation) {
        if let Ok(readings) = &mut observation.outcome {
            self.remembered = readings.memory.take().or(self.remembered.take());
        }
        let raw = judge(check, &observation);
        self.last = Some(observation);
        match raw.outcome {
            Outcome::Fail => (self.fails, self.passes) = (self.fails.saturating_add(1), 0),
            Outcome::Pass | Outcome::Warn => {
                (self.fails, self.passes) = (0, self.passes.saturating_add(1));
            }
            Outcome::Unknown(_) | Outcome::Waived => (self.fails, self.passes) = (0, 0),
        }
        let before = self.finding.as_ref().map(|f| f.outcome);
        let damped = match (raw.outcome, before) {
            (Outcome::Fail, Some(good)) if good.is_good() && self.fails < check.fail_after => {
                let text =
                    format!("{} ({} of {} in a row)", raw.because, self.fails, check.fail_after);
                Finding::new(Outcome::Warn, text)
            }
            (good, Some(Outcome::Fail)) if good.is_good() && self.passes < check.pass_after => {
                let text =
                    format!("recovering, {} of {}: {}", self.passes, check.pass_after, raw.because);
                Finding::new(Outcome::Fail, text)
            }
            _ => raw,
        };
        self.finding = Some(damped);
    }

    /// Whether what was last seen no longer counts.
    pub fn is_stale(&self, check: &Check, now: Moment) -> bool {
        self.last.as_ref().is_some_and(|last| now.age_of(last.at) > check.fresh_for)
    }

    /// The finding at `now`: what was judged, unless it has gone stale.
    pub fn finding_at(&self, check: &Check, now: Moment) -> Finding {
        let (Some(last), Some(finding)) = (&self.last, &self.finding) else {
            return Finding::not_yet_run();
        };
        let age = now.age_of(last.at);
        if age > check.fresh_for {
            let text = format!(
                "last seen {} ago, counts for {}; then: {}",
                format_duration(age),
                format_duration(check.fresh_for),
                finding.because
            );
            return Finding::new(Outcome::Unknown(Reason::Stale), text);
        }
        finding.clone()
    }
}
