//! A rehearsal: a procedure walked through with nothing done, each step saying whether it could do its part, and what it
//! would do. It counts for the procedure, the version and the scripts that it was made with.

use schemars::JsonSchema;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::check::{Finding, Outcome, Reason};
use crate::name::Name;
use crate::procedure::Procedure;
use crate::time::{add, elapsed, format_duration};

/// What one step said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rehearsed {
    /// The step.
    pub step: Name,
    /// Whether it could do its part.
    pub ready: bool,
    /// What it would do, or why it cannot.
    pub says: String,
    /// What it would run, as a hash of its script; nothing for what runs none.
    pub fingerprint: Option<String>,
}

/// A procedure walked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rehearsal {
    /// The procedure.
    pub procedure: Name,
    /// SHA-256 over the procedure as compiled, in hexadecimal.
    pub hash: String,
    /// The version that was to be launched.
    pub version: String,
    /// Who asked for it; nobody when the daemon looked by itself.
    pub by: Option<Name>,
    /// When.
    pub at: Timestamp,
    /// The steps, in order.
    pub steps: Vec<Rehearsed>,
}

/// What a rehearsal must be to count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsalRule {
    /// The procedure.
    pub procedure: Name,
    /// How old it may be.
    #[serde(with = "crate::time::duration_text")]
    pub valid_for: Duration,
}

impl Rehearsal {
    /// The hash that binds a rehearsal to its procedure.
    pub fn hash_of(procedure: &Procedure) -> String {
        let text = serde_json::to_string(procedure).unwrap_or_default();
        format!("{:x}", Sha256::digest(text.as_bytes()))
    }

    /// Whether every step could do its part.
    pub fn is_ready(&self) -> bool {
        self.steps.iter().all(|step| step.ready)
    }

    /// What is missing, step by step.
    pub fn missing(&self) -> String {
        let missing = self.steps.iter().filter(|step| !step.ready);
        missing.map(|s| format!("{}: {}", s.step, s.says)).collect::<Vec<_>>().join("; ")
    }

    /// The steps that would run something else than in `earlier`.
    fn changed_since<'r>(&'r self, earlier: &'r Self) -> impl Iterator<Item = &'r Name> {
        let before = |step: &Rehearsed| earlier.steps.iter().find(|s| s.step == step.step);
        self.steps
            .iter()
            .filter(move |now| before(now).is_some_and(|then| then.fingerprint != now.fingerprint))
            .map(|step| &step.step)
    }
}

/// Judges a rehearsal check: the newest rehearsal by a person counts if it is of this procedure and version, young enough,
/// and what it would have run is what would run now.
pub fn judge(
    rule: &RehearsalRule,
    procedure: Option<&Procedure>,
    rehearsals: &[Rehearsal],
    ready_now: Option<&Rehearsal>,
    version: &str,
    now: Timestamp,
) -> Finding {
    let newest = rehearsals.iter().rev().find(|r| r.procedure == rule.procedure && r.by.is_some());
    let Some(last) = newest else {
        let how =
            format!("`{0}` was not rehearsed: `launchgate run --rehearse {0}`", rule.procedure);
        return Finding::new(Outcome::Unknown(Reason::NotYetRun), how);
    };
    let by = last.by.as_ref().map_or("", Name::as_str);
    let ago = format_duration(elapsed(last.at, now));
    let changed: Vec<&str> =
        ready_now.into_iter().flat_map(|now| now.changed_since(last)).map(Name::as_str).collect();
    let void = if procedure.map(Rehearsal::hash_of).as_ref() != Some(&last.hash) {
        Some("the procedure has changed since it was rehearsed".to_owned())
    } else if last.version != version {
        Some(format!("it was rehearsed for version {}", last.version))
    } else if !changed.is_empty() {
        Some(format!("what {} would run has changed since the rehearsal", changed.join(", ")))
    } else if now >= add(last.at, rule.valid_for) {
        Some(format!("rehearsed {ago} ago by {by}, which is too long ago"))
    } else {
        None
    };
    if let Some(why) = void {
        return Finding::new(Outcome::Unknown(Reason::Expired), why);
    }
    if !last.is_ready() {
        let text = format!("rehearsed {ago} ago by {by} and not ready: {}", last.missing());
        return Finding::new(Outcome::Fail, text);
    }
    let text = format!("rehearsed {ago} ago by {by}: all {} steps ready", last.steps.len());
    Finding::new(Outcome::Pass, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rehearsal(version: &str, fingerprint: &str, ready: bool) -> Rehearsal {
        let step = Rehearsed {
            step: Name::of("revert"),
            ready,
            says: "scripts/rollback.sh is not there".into(),
            fingerprint: Some(fingerprint.into()),
        };
        let procedure = Procedure {
            id: Name::of("rollback"),
            purpose: crate::procedure::Purpose::Rollback,
            steps: Vec::new(),
        };
        Rehearsal {
            procedure: Name::of("rollback"),
            hash: Rehearsal::hash_of(&procedure),
            version: version.into(),
            by: Some(Name::of("alice")),
            at: Timestamp::UNIX_EPOCH,
            steps: vec![step],
        }
    }

    #[test]
    fn a_rehearsal_counts_for_what_it_was_made_with() {
        let rule = RehearsalRule {
            procedure: Name::of("rollback"),
            valid_for: Duration::from_secs(86_400),
        };
        let procedure = Procedure {
            id: Name::of("rollback"),
            purpose: crate::procedure::Purpose::Rollback,
            steps: Vec::new(),
        };
        let (fresh, old) = (3_600, 90_000);
        let unattended = Rehearsal { by: None, ..rehearsal("2.4", "a", true) };
        let rows = [
            ("none", vec![], "a", fresh, Outcome::Unknown(Reason::NotYetRun)),
            (
                "by the daemon alone",
                vec![unattended],
                "a",
                fresh,
                Outcome::Unknown(Reason::NotYetRun),
            ),
            ("ready", vec![rehearsal("2.4", "a", true)], "a", fresh, Outcome::Pass),
            ("not ready", vec![rehearsal("2.4", "a", false)], "a", fresh, Outcome::Fail),
            ("old", vec![rehearsal("2.4", "a", true)], "a", old, Outcome::Unknown(Reason::Expired)),
            (
                "another version",
                vec![rehearsal("2.3", "a", true)],
                "a",
                fresh,
                Outcome::Unknown(Reason::Expired),
            ),
            (
                "another script",
                vec![rehearsal("2.4", "a", true)],
                "b",
                fresh,
                Outcome::Unknown(Reason::Expired),
            ),
            (
                "the newest counts",
                vec![rehearsal("2.4", "a", false), rehearsal("2.4", "a", true)],
                "a",
                fresh,
                Outcome::Pass,
            ),
        ];
        for (row, all, script, age, outcome) in rows {
            let now = add(Timestamp::UNIX_EPOCH, Duration::from_secs(age));
            let ready_now = rehearsal("2.4", script, true);
            let finding = judge(&rule, Some(&procedure), &all, Some(&ready_now), "2.4", now);
            assert_eq!(finding.outcome, outcome, "{row}: {}", finding.because);
        }
        let changed = Procedure {
            id: Name::of("other"),
            purpose: crate::procedure::Purpose::Rollback,
            steps: Vec::new(),
        };
        let all = [rehearsal("2.4", "a", true)];
        let finding = judge(&rule, Some(&changed), &all, None, "2.4", Timestamp::UNIX_EPOCH);
        assert_eq!(finding.because, "the procedure has changed since it was rehearsed");
    }
}
