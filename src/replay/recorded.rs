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
    Some(Tape { start, every, deployed: None, looks, restarts: Vec::new(), remembers: false })
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Readings;
    use launchgate_core::time::Moment;

    use super::*;

    #[test]
    fn a_history_is_put_in_order() {
        let seen = |at: &str| {
            let at = Moment::at(at.parse().expect("an instant"));
            let outcome = Ok(Readings::new());
            let check = "health/errors".parse().expect("a path");
            (check, Observation { at, took: Duration::ZERO, outcome })
        };
        let newest_first = vec![seen("2026-12-01T09:02:00Z"), seen("2026-12-01T09:00:30Z")];
        let tape = tape(newest_first, Duration::from_secs(60)).expect("there is something");
        assert_eq!(tape.start.to_string(), "2026-12-01T09:00:30Z");
        let times: Vec<u64> = tape.looks.iter().map(|look| look.at.as_secs()).collect();
        assert_eq!(times, [0, 90]);
        assert_eq!(super::tape(Vec::new(), Duration::from_secs(60)), None);
    }
}
