//! Sign-offs: dated statements of people, bound to what they were asked and to the plan they saw.

use schemars::JsonSchema;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::check::{Finding, Outcome, Reason};
use crate::name::{CheckPath, Name};
use crate::reading::cut;
use crate::time::{add, format_duration};

/// Who must sign a check off, and for how long a signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOffRule {
    /// The role that may sign.
    pub by: Name,
    /// How many different people must sign; at least one.
    pub quorum: u32,
    /// Whether a signature needs evidence, such as a link.
    pub evidence_required: bool,
    /// How long a signature counts; without it, for good.
    pub valid_for: Option<Duration>,
    /// What a signature records, such as `measured_peak`: each needs a value.
    pub record: Vec<Name>,
    /// What a signature is bound to besides the version.
    pub covers: Covers,
    /// The sign-offs whose signers do not count here: who did the work does not accept it.
    pub apart_from: Vec<CheckPath>,
}

/// What a signature is bound to: when that changes, it is void.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Covers {
    /// The checklist that the check stands in.
    #[default]
    Checklist,
    /// The whole launch file: an approval of the plan.
    LaunchFile,
}

/// What a person said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The statement holds.
    Approved,
    /// It does not: the gate is NO-GO until the person approves.
    Rejected,
}

/// One person's dated statement on one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignOff {
    /// The check.
    pub check: CheckPath,
    /// Who signed, taken from their credentials.
    pub person: Name,
    /// What they said.
    pub decision: Decision,
    /// A link or text that backs it.
    pub evidence: Option<String>,
    /// A remark.
    pub note: Option<String>,
    /// What was recorded with it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<Name, String>,
    /// When.
    pub at: Timestamp,
    /// The launch version that they saw; a signature counts for no other.
    pub version: String,
    /// The hash of what they saw, the checklist or the launch file; a changed one voids the signature.
    pub checklist_hash: String,
}

impl SignOff {
    /// The sign-off with its texts no longer than what is kept.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.evidence = self.evidence.map(cut);
        self.note = self.note.map(cut);
        for value in self.values.values_mut() {
            *value = cut(std::mem::take(value));
        }
        self
    }
}

/// Why a sign-off is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignOffError {
    /// There is no such check.
    #[error("there is no check `{0}`")]
    NoSuchCheck(CheckPath),
    /// The check is judged by a probe.
    #[error("`{0}` is judged by a probe and cannot be signed off")]
    NotASignOff(CheckPath),
    /// The person does not hold the role.
    #[error("{person} does not hold the role `{role}`, which signs `{check}`")]
    NotInRole {
        /// Who tried.
        person: Name,
        /// The role it takes.
        role: Name,
        /// The check.
        check: CheckPath,
    },
    /// The person has signed what this is to be apart from.
    #[error("{person} signed `{other}`, and `{check}` is for somebody else to sign")]
    NotApart {
        /// Who tried.
        person: Name,
        /// What they signed before.
        other: CheckPath,
        /// The check.
        check: CheckPath,
    },
    /// A value is missing.
    #[error("`{check}` records {}: give a value for each", .missing.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "))]
    ValueMissing {
        /// The check.
        check: CheckPath,
        /// The values that are not there.
        missing: Vec<Name>,
    },
    /// A value has no place.
    #[error("`{check}` records no `{value}`")]
    NoSuchValue {
        /// The check.
        check: CheckPath,
        /// The value.
        value: Name,
    },
    /// Evidence is missing.
    #[error("`{0}` takes evidence, such as a link")]
    EvidenceMissing(CheckPath),
}

/// Whether a sign-off brings what its rule asks for. A rejection needs no evidence and no values.
///
/// # Errors
/// Evidence or a value is missing, or a value has no place.
pub fn complete(rule: &SignOffRule, said: &SignOff) -> Result<(), SignOffError> {
    let unknown = said.values.keys().find(|value| !rule.record.contains(value));
    if let Some(value) = unknown {
        let (check, value) = (said.check.clone(), value.clone());
        return Err(SignOffError::NoSuchValue { check, value });
    }
    let evident = said.evidence.as_ref().is_some_and(|text| !text.trim().is_empty());
    if rule.evidence_required && !evident {
        return Err(SignOffError::EvidenceMissing(said.check.clone()));
    }
    let given = |name: &&Name| said.values.get(*name).is_some_and(|value| !value.trim().is_empty());
    let missing: Vec<Name> = rule.record.iter().filter(|name| !given(name)).cloned().collect();
    if missing.is_empty() || said.decision == Decision::Rejected {
        return Ok(());
    }
    Err(SignOffError::ValueMissing { check: said.check.clone(), missing })
}

/// Judges a sign-off check: rejected if the newest word of one of its people is a rejection, else a pass when enough
/// different people approved, for this version of the launch and this compilation of the checklist, recently enough.
pub fn judge<'s>(
    rule: &SignOffRule,
    said: impl IntoIterator<Item = &'s SignOff>,
    version: &str,
    checklist_hash: &str,
    now: Timestamp,
) -> Finding {
    let mut newest: BTreeMap<&Name, &SignOff> = BTreeMap::new();
    for sign_off in said {
        newest.insert(&sign_off.person, sign_off);
    }
    let mut approved = Vec::new();
    let mut lost = Vec::new();
    for sign_off in newest.values() {
        let person = &sign_off.person;
        let expired = rule.valid_for.is_some_and(|d| now >= add(sign_off.at, d));
        if sign_off.version != version {
            lost.push(format!("{person} signed for version {}", sign_off.version));
        } else if sign_off.checklist_hash != checklist_hash {
            let what = match rule.covers {
                Covers::Checklist => "checklist",
                Covers::LaunchFile => "launch file",
            };
            lost.push(format!("the {what} has changed since {person} signed"));
        } else if sign_off.decision == Decision::Rejected {
            let note = sign_off.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
            return Finding::new(Outcome::Fail, format!("rejected by {person}{note}"));
        } else if expired {
            let valid = rule.valid_for.map(format_duration).unwrap_or_default();
            lost.push(format!("{person} signed more than {valid} ago"));
        } else {
            let values: Vec<String> =
                sign_off.values.iter().map(|(name, value)| format!("{name} {value}")).collect();
            let recorded =
                if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
            approved.push(format!("{person} at {:.0}{recorded}", sign_off.at));
        }
    }
    if approved.len() >= rule.quorum as usize {
        return Finding::new(Outcome::Pass, format!("signed by {}", approved.join(", ")));
    }
    let missing = format!("{} of {} signed; `{}` must sign", approved.len(), rule.quorum, rule.by);
    if lost.is_empty() {
        return Finding::new(Outcome::Unknown(Reason::Unsigned), missing);
    }
    Finding::new(Outcome::Unknown(Reason::Expired), format!("{}; {missing}", lost.join(", ")))
}
