//! Time as the core knows it: moments handed in by whoever has a clock, durations as people write them, due times.
//!
//! Nothing here reads a clock. A [`Moment`] carries two timelines, since a wall clock can be stepped and a trigger
//! must not count the step as breach: differences are the smaller of both (see [`Moment::since`]).

use schemars::JsonSchema;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, Zoned};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One reading of the daemon's clocks: wall time, and time since boot (which counts through suspend, `CLOCK_BOOTTIME`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// Wall-clock time, UTC.
    pub wall: Timestamp,
    /// Time since the machine booted; meaningful against a moment of the same boot only.
    pub uptime: Duration,
    /// Which boot: a number that differs from boot to boot.
    pub boot: u64,
}

impl Moment {
    /// A moment on the wall clock alone, as if the machine had booted at the epoch. For tests, replays and `--at`.
    pub fn at(wall: Timestamp) -> Self {
        let uptime =
            Duration::try_from(wall.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
        Self { wall, uptime, boot: 0 }
    }

    /// The time that has surely passed since `earlier`: the smaller of wall and boot time within one boot, wall time
    /// across boots, never negative.
    pub fn since(self, earlier: Moment) -> Duration {
        let wall = elapsed(earlier.wall, self.wall);
        if self.boot == earlier.boot {
            wall.min(self.uptime.saturating_sub(earlier.uptime))
        } else {
            wall
        }
    }

    /// The age of something seen at `earlier`, for freshness: the *larger* of both timelines within one boot, so that a
    /// clock stepped back makes nothing look fresh again.
    pub fn age_of(self, earlier: Moment) -> Duration {
        let wall = elapsed(earlier.wall, self.wall);
        if self.boot == earlier.boot {
            wall.max(self.uptime.saturating_sub(earlier.uptime))
        } else {
            wall
        }
    }

    /// The time since `earlier` by a clock that nobody sets: time since boot within one boot, wall time across boots.
    pub fn uptime_since(self, earlier: Moment) -> Duration {
        if self.boot == earlier.boot {
            self.uptime.saturating_sub(earlier.uptime)
        } else {
            elapsed(earlier.wall, self.wall)
        }
    }

    /// This moment, moved on by `by` on both timelines.
    pub fn plus(self, by: Duration) -> Self {
        Self { wall: add(self.wall, by), uptime: self.uptime.saturating_add(by), boot: self.boot }
    }
}

/// The wall time from `from` to `to`, zero when `to` is earlier.
pub fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// `at` plus `by`, held at the end of representable time.
pub fn add(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| at.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no duration: {reason}")]
pub struct DurationError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The longest duration that is read: a hundred years, each with a quarter of a leap day.
const LONGEST: Duration = Duration::from_secs(36_525 * 86_400);

/// Reads a duration with its unit: `30s`, `5m`, `1h30m`, `14d`, `250ms`. A bare number and months are refused; a day is
/// 24 hours.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let fail = |reason: &str| DurationError { text: text.to_owned(), reason: reason.to_owned() };
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    if text.trim().parse::<f64>().is_ok() {
        return Err(fail("a unit is missing, such as `s`, `m`, `h` or `d`"));
    }
    let span: Span =
        text.trim().parse().map_err(|_| fail("write it like `30s`, `5m`, `1h30m` or `14d`"))?;
    let signed = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| fail("months and years have no fixed length: use days"))?;
    let duration = Duration::try_from(signed).map_err(|_| fail("it cannot be negative"))?;
    if duration > LONGEST {
        return Err(fail("nothing lasts longer than a hundred years"));
    }
    Ok(duration)
}

/// Writes a duration as people read it: the two largest units that say it, `87d`, `1h30m`, `4m15s`, `1.2s`, `350ms`.
pub fn format_duration(d: Duration) -> String {
    let total = d.as_secs();
    let (days, hours, minutes, seconds) =
        (total / 86_400, total % 86_400 / 3_600, total % 3_600 / 60, total % 60);
    let two = |a: u64, ua: &str, b: u64, ub: &str| {
        if b == 0 { format!("{a}{ua}") } else { format!("{a}{ua}{b}{ub}") }
    };
    match (days, hours, minutes, seconds) {
        (0, 0, 0, 0) if d.is_zero() => "0s".to_owned(),
        (0, 0, 0, 0) if d < Duration::from_millis(1) => format!("{}µs", d.as_micros()),
        (0, 0, 0, 0) => format!("{}ms", d.as_millis()),
        (0, 0, 0, s) if s < 10 && d.subsec_millis() >= 100 => {
            format!("{s}.{}s", d.subsec_millis() / 100)
        }
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => two(m, "m", s, "s"),
        (0, h, m, _) => two(h, "h", m, "m"),
        (d, h, _, _) => two(d, "d", h, "h"),
    }
}

/// A duration as text with a unit, for serde fields: `#[serde(with = "launchgate_core::time::duration_text")]`.
pub mod duration_text {
    use super::{Duration, format_exact, parse_duration};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the duration so that [`parse_duration`] reads the same value back.
    pub fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format_exact(*d))
    }

    /// Reads a duration with its unit.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(d)?;
        parse_duration(&text).map_err(serde::de::Error::custom)
    }
}

/// Writes a duration without loss, in the largest unit that divides it: `90s`, `14d`, `1500ms`.
pub fn format_exact(d: Duration) -> String {
    let nanos = d.as_nanos();
    let units: [(u128, &str); 7] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    if nanos == 0 {
        return "0s".to_owned();
    }
    let (size, unit) = units
        .into_iter()
        .find(|(size, _)| nanos.is_multiple_of(*size))
        .expect("every duration is a whole number of nanoseconds");
    format!("{}{unit}", nanos / size)
}

/// What a due time counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// `T`: the planned go-live.
    GoLive,
    /// `H`: the start of the deployment; before it happened, the planned go-live.
    DeployStarted,
}

/// A due time relative to the launch: `T-5d`, `T-0`, `H+1h30m`, `T+7d`. Days are calendar days in the launch's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Due {
    /// What it counts from.
    pub anchor: Anchor,
    /// Whether it lies before the anchor.
    pub before: bool,
    /// Whole calendar days.
    pub days: u32,
    /// The rest, below or beside the days.
    pub rest: Duration,
}

/// Why a text is no due time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no due time: write it like `T-5d`, `T-0`, `H+1h30m` or `T+7d`")]
pub struct DueError(pub String);

impl Due {
    /// The instant this due time means. Calendar days move in the zone of `anchor_at`, so `T-1d` across a change of
    /// daylight saving is the same local time on the day before.
    pub fn resolve(self, anchor_at: &Zoned) -> Timestamp {
        let days = Span::new().try_days(i64::from(self.days)).unwrap_or_default();
        let rest = SignedDuration::try_from(self.rest).unwrap_or(SignedDuration::MAX);
        let moved = if self.before {
            anchor_at.checked_sub(days).and_then(|z| z.checked_sub(rest))
        } else {
            anchor_at.checked_add(days).and_then(|z| z.checked_add(rest))
        };
        moved.map_or_else(
            |_| if self.before { Timestamp::MIN } else { Timestamp::MAX },
            |z| z.timestamp(),
        )
    }

    /// Whether it lies at or before the planned go-live.
    pub fn is_before_launch(self) -> bool {
        self.anchor == Anchor::GoLive && (self.before || (self.days == 0 && self.rest.is_zero()))
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let anchor = match self.anchor {
            Anchor::GoLive => 'T',
            Anchor::DeployStarted => 'H',
        };
        let sign = if self.before { '-' } else { '+' };
        if self.days == 0 && self.rest.is_zero() {
            return write!(
                f,
                "{anchor}{}0",
                if self.anchor == Anchor::GoLive { '-' } else { sign }
            );
        }
        write!(f, "{anchor}{sign}")?;
        if self.days > 0 {
            write!(f, "{}d", self.days)?;
        }
        // Hours stay hours: 48 of them are not two calendar days where the clocks change.
        let (whole, nanos) = (self.rest.as_secs(), u64::from(self.rest.subsec_nanos()));
        let parts = [
            (whole / 3_600, "h"),
            (whole % 3_600 / 60, "m"),
            (whole % 60, "s"),
            (nanos / 1_000_000, "ms"),
            (nanos / 1_000 % 1_000, "us"),
            (nanos % 1_000, "ns"),
        ];
        parts.into_iter().filter(|(n, _)| *n > 0).try_for_each(|(n, unit)| write!(f, "{n}{unit}"))
    }
}

impl FromStr for Due {
    type Err = DueError;
    fn from_str(text: &str) -> Result<Self, DueError> {
        let fail = || DueError(text.to_owned());
        let mut chars = text.chars();
        let anchor = match chars.next() {
            Some('T') => Anchor::GoLive,
            Some('H') => Anchor::DeployStarted,
            _ => return Err(fail()),
        };
        let before = match chars.next() {
            Some('-') => true,
            Some('+') => false,
            _ => return Err(fail()),
        };
        let offset = parse_offset(chars.as_str()).ok_or_else(fail)?;
        let (days, rest) = offset;
        // Nothing before is nothing after.
        let before = before && (days > 0 || !rest.is_zero());
        Ok(Self { anchor, before, days, rest })
    }
}

/// Splits `5d`, `1h30m`, `0:15`, `0` into calendar days and the rest.
fn parse_offset(text: &str) -> Option<(u32, Duration)> {
    if let Some((hours, minutes)) = text.split_once(':') {
        let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
        let seconds = hours.checked_mul(3_600)?.checked_add(minutes.checked_mul(60)?)?;
        let offset = Duration::from_secs(seconds);
        return (minutes < 60 && offset <= LONGEST).then_some((0, offset));
    }
    let total = parse_duration(text).ok()?;
    let days = if text.contains('d') || text.contains('w') { total.as_secs() / 86_400 } else { 0 };
    let rest = total.saturating_sub(Duration::from_secs(days * 86_400));
    Some((u32::try_from(days).ok()?, rest))
}

impl Serialize for Due {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Due {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_with_a_unit() {
        let rows: [(&str, &str, Option<u64>); 12] = [
            ("seconds", "30s", Some(30_000)),
            ("mixed", "1h30m", Some(5_400_000)),
            ("days are 24 hours", "14d", Some(14 * 86_400_000)),
            ("milliseconds", "250ms", Some(250)),
            ("zero", "0", Some(0)),
            ("bare number", "90", None),
            ("negative", "-5m", None),
            ("months have no length", "1 month", None),
            ("nonsense", "soon", None),
            ("a hundred years", "36525d", Some(36_525 * 86_400_000)),
            ("more than that", "36525d1s", None),
            ("what could not be written again", "1524462424444,1s", None),
        ];
        for (row, text, millis) in rows {
            assert_eq!(parse_duration(text).ok(), millis.map(Duration::from_millis), "{row}");
        }
    }

    #[test]
    fn durations_read_well() {
        let rows = [
            (0, "0s"),
            (350, "350ms"),
            (1_200, "1.2s"),
            (15_000, "15s"),
            (255_000, "4m15s"),
            (300_000, "5m"),
            (5_400_000, "1h30m"),
            (87 * 86_400_000, "87d"),
            (90_000_000, "1d1h"),
        ];
        for (millis, text) in rows {
            assert_eq!(format_duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(format_exact(Duration::from_secs(90)), "90s");
        assert_eq!(format_exact(Duration::from_millis(1500)), "1500ms");
    }

    #[test]
    fn due_times_count_in_calendar_days_of_the_launch() {
        // London leaves daylight saving on 2026-10-25: two days before noon on the 26th is noon, 49 hours earlier.
        let go_live: Zoned = "2026-10-26T12:00:00[Europe/London]".parse().unwrap();
        let rows: [(&str, &str, &str); 6] = [
            ("across the change", "T-2d", "2026-10-24T11:00:00Z"),
            ("hours are hours", "T-48h", "2026-10-24T12:00:00Z"),
            ("at go-live", "T-0", "2026-10-26T12:00:00Z"),
            ("after the start", "H+1h30m", "2026-10-26T13:30:00Z"),
            ("clock notation", "H+0:15", "2026-10-26T12:15:00Z"),
            ("a week later", "T+7d", "2026-11-02T12:00:00Z"),
        ];
        for (row, due, at) in rows {
            let due: Due = due.parse().unwrap();
            assert_eq!(due.resolve(&go_live).to_string(), at, "{row}");
        }
        for bad in [
            "",
            "T",
            "X-5d",
            "T5d",
            "T-",
            "T-5",
            "H+1:75",
            "H+9999999999999999999:00",
            "H+022222000000:41",
            "T-36526d",
            "H+5124095576030432:00",
        ] {
            assert!(bad.parse::<Due>().is_err(), "{bad}");
        }
        assert_eq!("T+0".parse::<Due>(), "T-0".parse(), "nothing before is nothing after");
        for same in
            ["T-5d", "T-0", "H+1h30m", "T+7d", "T-4h", "T-48h", "H+66h1m", "T-2d6h", "H+1ms"]
        {
            assert_eq!(same.parse::<Due>().unwrap().to_string(), same);
        }
    }

    #[test]
    fn a_stepped_wall_clock_neither_adds_time_nor_freshens() {
        let start = Moment {
            wall: "2026-12-01T09:00:00Z".parse().unwrap(),
            uptime: Duration::from_secs(100),
            boot: 1,
        };
        let forward = Moment {
            wall: add(start.wall, Duration::from_secs(3_600)),
            uptime: Duration::from_secs(110),
            boot: 1,
        };
        assert_eq!(forward.since(start), Duration::from_secs(10));
        assert_eq!(forward.age_of(start), Duration::from_secs(3_600));
        let back = Moment {
            wall: "2026-12-01T08:00:00Z".parse().unwrap(),
            uptime: Duration::from_secs(110),
            boot: 1,
        };
        assert_eq!(back.since(start), Duration::ZERO);
        assert_eq!(back.age_of(start), Duration::from_secs(10));
        let rebooted = Moment { boot: 2, uptime: Duration::from_secs(5), ..forward };
        assert_eq!(rebooted.since(start), Duration::from_secs(3_600));
    }
}
