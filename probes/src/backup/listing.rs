//! The one form that every tool's list of backups is brought into.
//!
//! Nothing is judged here. What a tool does not say stays absent: no zero stands in for a date or a size.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};

use super::wal::Archive;

/// How many repositories one list may be of.
const MAX_REPOSITORIES: usize = 200;

/// What a tool says of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It ended well.
    Good,
    /// It is no use, and why.
    Bad(String),
    /// It is not done yet, which is no fault.
    Running,
}

/// A backup.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Backup {
    /// What the tool calls it.
    pub(super) label: String,
    /// Whose it is: a repository, a server, a schedule, a folder. Backups of two are never mixed.
    pub(super) repository: String,
    /// `full`, `incr` or whatever the tool says; empty where there are no kinds.
    pub(super) kind: String,
    pub(super) state: State,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    /// The size of what was backed up, in bytes.
    pub(super) size: Option<u64>,
    /// What it takes up in the repository by itself, in bytes.
    pub(super) stored: Option<u64>,
    /// The first and the last WAL segment that it needs to be consistent.
    pub(super) wal_start: Option<String>,
    pub(super) wal_stop: Option<String>,
    /// When it was last read back and found to be whole.
    pub(super) verified_at: Option<Timestamp>,
    /// When it is removed.
    pub(super) expires: Option<Timestamp>,
}

impl Backup {
    /// A backup of which no more is known.
    pub(super) fn new(
        repository: impl Into<String>,
        label: impl Into<String>,
        state: State,
    ) -> Self {
        Self {
            label: label.into(),
            repository: repository.into(),
            kind: String::new(),
            state,
            start: None,
            end: None,
            size: None,
            stored: None,
            wal_start: None,
            wal_stop: None,
            verified_at: None,
            expires: None,
        }
    }

    /// Whether it holds only what changed since another one.
    pub(super) fn is_incremental(&self) -> bool {
        matches!(self.kind.as_str(), "incr" | "diff" | "incremental" | "differential" | "delta")
    }
}

/// What one look at a tool brought.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The repositories that must have a good backup.
    pub(super) expected: Vec<String>,
    pub(super) backups: Vec<Backup>,
    /// Whether the tool itself says that all is well.
    pub(super) healthy: Option<bool>,
    /// Whether a backup is being made, if the tool tells.
    pub(super) running: Option<bool>,
    /// The archived WAL by repository, if it was listed.
    pub(super) wal: BTreeMap<String, Archive>,
    /// The room left for further backups in bytes, if it was measured.
    pub(super) free: Option<u64>,
    pub(super) notes: Vec<String>,
}

impl Listing {
    /// Adds a repository that must have a good backup.
    ///
    /// # Errors
    /// [`Cause::TooManySeries`] beyond what can be shown.
    pub(super) fn expect(&mut self, repository: &str) -> Result<(), Failure> {
        if self.expected.iter().any(|known| known == repository) {
            return Ok(());
        }
        if self.expected.len() == MAX_REPOSITORIES {
            let message = format!("there are backups of more than {MAX_REPOSITORIES} repositories");
            return Err(Failure::new(Cause::TooManySeries, message));
        }
        self.expected.push(repository.to_owned());
        Ok(())
    }
}

/// A time in seconds since the epoch. Zero and less is how tools write that there is none.
pub(super) fn seconds(at: i64) -> Option<Timestamp> {
    (at > 0).then(|| Timestamp::from_second(at).ok()).flatten()
}

/// A time as RFC 3339 writes it. The year 1 and the epoch are how tools write that there is none.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|at| at.as_second() > 0)
}
