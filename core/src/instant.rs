//! An instant as people name it: by the clock, by the launch (`T-1d`, `H+2h`), or from now (`2h`).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{Timestamp, Zoned};

use crate::time::{Due, parse_duration};

/// An instant that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// By the clock.
    Clock(Timestamp),
    /// By the launch.
    Due(Due),
    /// So long from now.
    FromNow(Duration),
}

/// A text that names no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no instant: write `2026-12-01T09:00:00Z`, `2026-12-01T09:00:00[Europe/London]`, `T-1d`, `H+2h`, or how long \
     from now, such as `2h`"
)]
pub struct AtError(pub String);

impl FromStr for At {
    type Err = AtError;
    fn from_str(text: &str) -> Result<Self, AtError> {
        let text = text.trim();
        if let Ok(due) = text.parse() {
            return Ok(Self::Due(due));
        }
        if let Ok(lasts) = parse_duration(text) {
            return Ok(Self::FromNow(lasts));
        }
        let zoned = || text.parse::<Zoned>().map(|zoned| zoned.timestamp());
        let instant = text.parse::<Timestamp>().or_else(|_| zoned());
        instant.map(Self::Clock).map_err(|_| AtError(text.to_owned()))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(at) => at.fmt(f),
            Self::Due(due) => due.fmt(f),
            Self::FromNow(lasts) => f.write_str(&crate::time::format_exact(*lasts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_and_written() {
        let rows = [
            ("by the clock", "2026-12-01T09:00:00Z", Some("2026-12-01T09:00:00Z")),
            ("in a zone", "2026-12-01T09:00:00[Europe/Paris]", Some("2026-12-01T08:00:00Z")),
            ("by the launch", "T-1d", Some("T-1d")),
            ("from now", "90m", Some("90m")),
            ("a date alone", "2026-12-01", None),
            ("a word", "tomorrow", None),
            ("without a zone", "2026-12-01T09:00:00", None),
        ];
        for (row, text, expected) in rows {
            let read = text.parse::<At>().ok().map(|at| at.to_string());
            assert_eq!(read.as_deref(), expected, "{row}");
        }
    }
}
