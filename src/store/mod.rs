//! What outlives the daemon: a small trait, and the stores that keep it.
//!
//! A store knows records and launches, no rules: what may follow what is the core's business. Every commit is one
//! transaction, kept for good before it returns.

mod audit;
#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod contract;
mod history;
mod key;
mod measured;
mod memory;
mod messages;
mod past;
mod retention;
mod sqlite;
#[cfg(test)]
mod sqlite_tests;
mod trouble;

use std::collections::HashMap;

use jiff::Timestamp;
use launchgate_core::audit::Line;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::observation::Observation;
use launchgate_core::state::{Record, Saved};
use launchgate_core::target::Elsewhere;

pub use self::audit::AuditFile;
pub use self::key::PublicKey;
pub use self::measured::Measured;
pub use self::memory::MemoryStore;
pub use self::retention::Retention;
pub use self::sqlite::SqliteStore;

/// How many observations of a check are kept unless something else is asked for.
pub const HISTORY: usize = 1_000;

/// How many observations before an instant are read: enough for what is damped.
pub const SEEN_BEFORE: usize = 10;

/// How many runs of other launches are told of a target.
pub const ELSEWHERE: usize = 32;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store's file or server does not do its part: a full disk, a lost volume, a lock held by another daemon.
    #[error("{0}")]
    Unavailable(String),
    /// What is kept cannot be read back: the file is damaged or written by a newer launchgate.
    #[error("{0}")]
    Unreadable(String),
    /// A record that may exist once exists: a deployment's run, an attempt's start.
    #[error("it is there already: {0}")]
    Conflict(String),
}

/// Where records are kept.
pub trait Store: Send {
    /// Everything that is kept of a launch; nothing for one that the store does not know.
    fn load(&mut self, launch: &Name) -> Result<Saved, StoreError>;

    /// What was kept of a launch by an instant: what people stated, milestones, runs, messages; and for each of `checks` up to
    /// [`SEEN_BEFORE`] observations before it, oldest first. An instant from before the launch was known has nothing.
    ///
    /// # Errors
    /// The store keeps no past, or cannot be read.
    fn load_at(
        &mut self,
        _launch: &Name,
        _at: Timestamp,
        _checks: &[CheckPath],
    ) -> Result<(Saved, HashMap<CheckPath, Vec<Observation>>), StoreError> {
        Err(StoreError::Unavailable("this store keeps no past".to_owned()))
    }

    /// Keeps records, all or none, in their order.
    fn commit(
        &mut self,
        launch: &Name,
        at: Timestamp,
        records: &[Record],
    ) -> Result<(), StoreError>;

    /// The newest runs of other launches than `launch` on `target`, newest first, [`ELSEWHERE`] at most.
    fn elsewhere(&mut self, target: &Name, launch: &Name) -> Result<Vec<Elsewhere>, StoreError>;

    /// The newest observations of a check, newest first; at most as many as the store's [`Retention`] keeps are there.
    fn history(
        &mut self,
        launch: &Name,
        check: &CheckPath,
        limit: usize,
    ) -> Result<Vec<Observation>, StoreError>;

    /// Drops the observations that were committed before an instant, and says how many those were. A store that keeps
    /// no history has none to drop; one that does bounds it by itself as well, so nobody has to call this. It takes
    /// the longer the more there is to drop, and the store does nothing else until then.
    fn prune(&mut self, _before: Timestamp) -> Result<usize, StoreError> {
        Ok(0)
    }

    /// The lines of a launch's audit log after entry `after`: at most `limit` entries, fewer if they are long, each with
    /// the signed head behind it that names it. Nothing when the log ends there. What a commit adds to the log is kept with
    /// it or not at all, under one signed head.
    fn audit(
        &mut self,
        _launch: &Name,
        _after: u64,
        _limit: usize,
    ) -> Result<Vec<Line>, StoreError> {
        Err(StoreError::Unavailable("this store keeps no audit log".to_owned()))
    }
}
