//! How much of the past is kept. It bounds observations alone: sign-offs, milestones and runs are kept for good.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::HISTORY;

/// The bounds of a check's history. The newest observation is part of the check's memory and outlives both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How many observations of a check can be read back; a few more may lie in the store until it trims them.
    pub per_check: usize,
    /// How long an observation is kept, by the time of its commit.
    pub age: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { per_check: HISTORY, age: Duration::from_secs(14 * 86_400) }
    }
}

impl Retention {
    /// What was committed before this is too old at `now`.
    pub(super) fn oldest(self, now: Timestamp) -> Timestamp {
        SignedDuration::try_from(self.age)
            .ok()
            .and_then(|age| now.checked_sub(age).ok())
            .unwrap_or(Timestamp::MIN)
    }
}
