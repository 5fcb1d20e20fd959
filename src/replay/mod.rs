//! `launchgate replay`: where the looks come from, and how what a trigger made of them is shown.
//!
//! What a trigger makes of looks is decided in [`launchgate_core::replay`] and nowhere here.

pub mod json;
mod plot;
pub mod prometheus;
pub mod recorded;
pub mod subject;
pub mod tape;
pub mod text;
pub mod when;

use std::time::Duration;

pub use subject::{Subject, Watched};
pub use when::{Incident, Sweep, When};

/// Where the looks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file of samples: only the time since its beginning says anything.
    Samples,
    /// A Prometheus.
    Prometheus,
    /// The history that a daemon keeps.
    Recorded,
}

impl Origin {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::Prometheus => "prometheus",
            Self::Recorded => "recorded",
        }
    }

    /// Whether its instants are of the world's calendar.
    fn is_dated(self) -> bool {
        match self {
            Self::Samples => false,
            Self::Prometheus | Self::Recorded => true,
        }
    }
}

/// A time of a tape, to the millisecond: `15m`, `1h2m3s`, `500ms`.
fn clock(at: Duration) -> String {
    let total = at.as_secs();
    let parts = [
        (total / 86_400, "d"),
        (total % 86_400 / 3_600, "h"),
        (total % 3_600 / 60, "m"),
        (total % 60, "s"),
        (u64::from(at.subsec_millis()), "ms"),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if told.is_empty() { "0s".to_owned() } else { told.concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_tape_are_told_to_the_millisecond() {
        let rows = [(0, "0s"), (900_000, "15m"), (3_723_000, "1h2m3s"), (86_400_500, "1d500ms")];
        for (millis, text) in rows {
            assert_eq!(clock(Duration::from_millis(millis)), text);
        }
    }
}
