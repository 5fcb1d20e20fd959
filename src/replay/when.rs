//! What the command line says of time: an instant, a range of durations to sweep, an incident.

use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launchgate_core::scenario::Window;
use launchgate_core::time::{elapsed, parse_duration};

/// The most durations of one sweep.
const MAX_DURATIONS: u32 = 200;

/// An instant, written out or as a length of time from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// `2026-12-01T09:00:00Z`.
    Clock(Timestamp),
    /// `6h`.
    Apart(Duration),
}

impl FromStr for When {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(apart) = parse_duration(text) {
            return Ok(Self::Apart(apart));
        }
        text.parse().map(Self::Clock).map_err(|_| {
            format!("`{text}` is neither an instant, such as `2026-12-01T09:00:00Z`, nor a length of time, such as `6h`")
        })
    }
}

impl When {
    /// The instant, a length of time being that long before `now`.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Clock(at) => at,
            Self::Apart(ago) => SignedDuration::try_from(ago)
                .ok()
                .and_then(|ago| now.checked_sub(ago).ok())
                .unwrap_or(Timestamp::MIN),
        }
    }

    /// How long after `start` it is; what lies before is at the start.
    fn after(self, start: Timestamp) -> Duration {
        match self {
            Self::Clock(at) => elapsed(start, at),
            Self::Apart(after) => after,
        }
    }
}

/// A time in which something was truly wrong: `10m..40m` from the first sample, or two instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incident {
    from: When,
    to: When,
}

impl FromStr for Incident {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").ok_or("write it like `10m..40m`")?;
        Ok(Self { from: from.parse()?, to: to.parse()? })
    }
}

impl Incident {
    /// The span on a tape that begins at `start`.
    ///
    /// # Errors
    /// An end that is not after the beginning.
    pub fn on(self, start: Timestamp) -> Result<Window, String> {
        let window = Window { from: self.from.after(start), to: self.to.after(start) };
        if window.from >= window.to {
            return Err("the incident ends before it begins, or before the first sample".to_owned());
        }
        Ok(window)
    }
}

/// The durations of `for` that are tried: `for=1m..10m/1m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The durations, shortest first.
    pub durations: Vec<Duration>,
}

impl FromStr for Sweep {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let range = text
            .strip_prefix("for=")
            .ok_or("only `for` can be swept: write it like `for=1m..10m/1m`")?;
        let (range, step) = range.split_once('/').unwrap_or((range, "1m"));
        let (from, to) =
            range.split_once("..").ok_or("a range is written like `for=1m..10m/1m`")?;
        let read = |text: &str| parse_duration(text).map_err(|error| error.to_string());
        let (from, to, step) = (read(from)?, read(to)?, read(step)?);
        if from.is_zero() || step.is_zero() || from > to {
            return Err("a range begins above zero and goes up, like `for=1m..10m/1m`".to_owned());
        }
        let count = to.saturating_sub(from).as_nanos() / step.as_nanos() + 1;
        let count = u32::try_from(count).ok().filter(|count| *count <= MAX_DURATIONS);
        let count = count.ok_or_else(|| {
            format!("more than {MAX_DURATIONS} durations: take a longer step, like `/5m`")
        })?;
        Ok(Self { durations: (0..count).map(|i| from + step * i).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, what is written, and the seconds that it stands for or what is said of it.
    type Row = (&'static str, &'static str, Result<Vec<u64>, &'static str>);

    #[test]
    fn ranges_are_swept_with_both_ends() {
        let rows: [Row; 8] = [
            ("by a minute", "for=1m..3m", Ok(vec![60, 120, 180])),
            ("by a step", "for=30s..2m/30s", Ok(vec![30, 60, 90, 120])),
            ("an end between steps", "for=1m..2m30s", Ok(vec![60, 120])),
            ("one", "for=5m..5m", Ok(vec![300])),
            ("something else", "max_gap=1m..2m", Err("only `for` can be swept")),
            ("downwards", "for=3m..1m", Err("a range begins above zero and goes up")),
            ("no step", "for=1m..3m/0s", Err("a range begins above zero and goes up")),
            ("too many", "for=1s..1h/1s", Err("more than 200 durations")),
        ];
        for (row, text, expected) in rows {
            let got = text.parse::<Sweep>();
            match expected {
                Ok(seconds) => {
                    let durations = got.map(|sweep| sweep.durations);
                    assert_eq!(
                        durations,
                        Ok(seconds.into_iter().map(Duration::from_secs).collect()),
                        "{row}"
                    );
                }
                Err(why) => assert!(got.is_err_and(|told| told.starts_with(why)), "{row}"),
            }
        }
    }

    #[test]
    fn an_incident_is_placed_on_the_tape() {
        let start = "2026-12-01T09:00:00Z".parse().expect("an instant");
        let span =
            |from, to| Window { from: Duration::from_secs(from), to: Duration::from_secs(to) };
        let rows = [
            ("from the first sample", "10m..40m", Some(span(600, 2400))),
            (
                "by the calendar",
                "2026-12-01T09:10:00Z..2026-12-01T09:40:00Z",
                Some(span(600, 2400)),
            ),
            ("begun before", "2026-12-01T08:00:00Z..2026-12-01T09:40:00Z", Some(span(0, 2400))),
            ("over before", "2026-12-01T07:00:00Z..2026-12-01T08:00:00Z", None),
            ("backwards", "5m..4m", None),
        ];
        for (row, text, expected) in rows {
            let incident: Incident = text.parse().expect(row);
            assert_eq!(incident.on(start).ok(), expected, "{row}");
        }
    }
}
