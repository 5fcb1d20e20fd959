//! What other launches do to the same target: a target is rolled back by one run at a time.
//!
//! A launch is its own target unless its file names another. What is known of the others is told to the state from
//! outside, newest first; that two runs never touch a target at once is the store's to hold, not this knowledge's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::run::RunId;

/// A rollback of another launch on the same target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The run.
    pub run: RunId,
    /// The other launch.
    pub launch: Name,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; nothing while it is in flight.
    pub ended: Option<Timestamp>,
    /// Whether a trigger began it, and not a person.
    pub by_itself: bool,
}

/// The run that keeps any other from touching the target, if one does.
pub fn in_flight(elsewhere: &[Elsewhere]) -> Option<&Elsewhere> {
    elsewhere.iter().find(|other| other.ended.is_none())
}
