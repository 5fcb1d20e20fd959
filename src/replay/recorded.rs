//! From the history that a daemon keeps of the watched checks to a tape.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::name::CheckPath;
use launchgate_core::observation::Observation;
use launchgate_core::replay::{Look, Tape};
use launchgate_core::time::elapsed;

/// How many observations are asked for; a daemon keeps no more of one check.
pub const MOST: usize = 1_000;

/// Makes the tape of what was seen, in whatever order it is given; nothing if that is nothing.
pub fn tape(seen: Vec<(CheckPath, Observation)>, every: Duration) -> Option<Tape> {
    let start: Timestamp = seen.iter().map(|(_, observation)| observation.at.wall).min()?;
    let look = |(check, observation): (CheckPath, Observation)| Look {
        at: elapsed(start, observation.at.wall),
        check,
        outcome: observation.outcome,
    };
    let mut looks: Vec<Look> = seen.into_iter().map(look).collect();
    looks.sort_by_key(|look| look.at);
    Some(Tape { start, every, deployed: None, looks, restarts: Vec::new() })
}
