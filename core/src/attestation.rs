//! Sign-offs: dated statements of people, bound to what they were asked and to the plan they saw.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{CheckPath, Name};

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
}

/// What a person said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The statement holds.
    Approved,
    /// It does not: the gate is NO-GO until the person approves.
    Rejected,
}

/// One person's dated statement on one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When.
    pub at: Timestamp,
    /// The launch version that they saw; a signature counts for no other.
    pub version: String,
    /// The hash of the checklist that they saw; a changed checklist voids the signature.
    pub checklist_hash: String,
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
    /// Evidence is missing.
    #[error("`{0}` takes evidence, such as a link")]
    EvidenceMissing(CheckPath),
}
