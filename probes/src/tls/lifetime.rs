//! How long a certificate is valid in all, how long it may be, and how much of that must be left.
//!
//! Pure dates. The limits are those that public certificate authorities are held to; a private one is not.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

const DAY: u64 = 86_400;

/// Since when which number of days is the most that a public authority may issue (CA/Browser Forum, ballot SC-081v3).
const LIMITS: [(&str, u64); 4] = [
    ("2029-03-15T00:00:00Z", 47),
    ("2027-03-15T00:00:00Z", 100),
    ("2026-03-15T00:00:00Z", 200),
    ("2020-09-01T00:00:00Z", 398),
];
/// The limit before all of them, in days.
const EARLIER: u64 = 825;

/// From when until when a certificate says it is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// The first second.
    pub(super) from: Timestamp,
    /// The last second.
    pub(super) to: Timestamp,
}

impl Lifetime {
    /// How long that is, the last second included.
    pub(super) fn length(self) -> Duration {
        let last = SignedDuration::from_secs(1);
        Duration::try_from(self.to.duration_since(self.from) + last).unwrap_or_default()
    }

    /// The longest that a public authority may issue when this one begins.
    pub(super) fn limit(self) -> Duration {
        let since = |at: &str| at.parse::<Timestamp>().is_ok_and(|at| self.from >= at);
        let days = LIMITS.iter().find(|(at, _)| since(at)).map_or(EARLIER, |(_, days)| *days);
        Duration::from_secs(days * DAY)
    }

    /// What must be left where certificates are renewed in time: `needed`, or a third of a short lifetime.
    pub(super) fn required(self, needed: Duration) -> Duration {
        needed.min(self.length() / 3)
    }

    /// Whether no certificate of this lifetime can ever have more than `needed` left.
    pub(super) fn never_has(self, needed: Duration) -> bool {
        self.length() <= needed
    }

    /// The share of it that is left at `at`, in percent; negative when it has ended.
    pub(super) fn share_left(self, at: Timestamp) -> f64 {
        let left = self.to.duration_since(at).as_secs_f64();
        100.0 * left / self.length().as_secs_f64().max(1.0)
    }
}

/// The instants at which a certificate is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    /// Now.
    pub(super) now: Timestamp,
    /// The planned go-live, if there is one.
    pub(super) go_live: Option<Timestamp>,
    /// For how long after that it must last.
    pub(super) needed: Duration,
}

impl When {
    /// The go-live, or now where none is planned or it is over.
    pub(super) fn start(self) -> Timestamp {
        self.go_live.map_or(self.now, |at| at.max(self.now))
    }

    /// So long after the start as it must last.
    pub(super) fn later(self) -> Timestamp {
        let needed = SignedDuration::try_from(self.needed).unwrap_or(SignedDuration::MAX);
        self.start().checked_add(needed).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn a_lifetime_is_held_to_the_limit_of_its_first_day() {
        // From, to, days in all, the limit in days.
        let rows = [
            ("2020-08-31T00:00:00Z", "2022-11-30T23:59:59Z", 822, 825),
            ("2026-03-14T23:59:59Z", "2027-04-16T23:59:58Z", 398, 398),
            ("2026-03-15T00:00:00Z", "2026-09-30T23:59:59Z", 200, 200),
            ("2027-03-15T00:00:00Z", "2027-06-12T23:59:59Z", 90, 100),
            ("2029-03-15T00:00:00Z", "2029-04-30T23:59:59Z", 47, 47),
        ];
        for (from, to, days, limit) in rows {
            let life = Lifetime { from: at(from), to: at(to) };
            assert_eq!(life.length(), Duration::from_secs(days * DAY), "{from}");
            assert_eq!(life.limit(), Duration::from_secs(limit * DAY), "{from}");
        }
        let over = Lifetime { from: at("2026-03-15T00:00:00Z"), to: at("2026-10-01T00:00:00Z") };
        assert!(over.length() > over.limit(), "a second too long");
    }

    #[test]
    fn what_must_be_left_is_relative_to_a_short_lifetime() {
        let days = |days: u64| Duration::from_secs(days * DAY);
        let start = at("2026-12-01T00:00:00Z");
        // Days in all, what must be left of 90, whether 90 can never be left.
        for (all, required, never) in
            [(47, 15, true), (90, 30, true), (91, 30, false), (398, 90, false)]
        {
            let to = start + SignedDuration::from_secs(i64::try_from(all * DAY).expect("days") - 1);
            let life = Lifetime { from: start, to };
            assert_eq!(life.required(days(90)).as_secs() / DAY, required, "{all}");
            assert_eq!(life.never_has(days(90)), never, "{all}");
            assert!((life.share_left(start) - 100.0).abs() < 1e-3, "{all}");
            assert!(life.share_left(to + SignedDuration::from_secs(9)) < 0.0, "{all}");
        }
    }

    #[test]
    fn a_go_live_that_is_over_counts_from_now() {
        let now = at("2026-12-01T00:00:00Z");
        let needed = Duration::from_secs(90 * DAY);
        let rows = [
            ("none", None, "2026-12-01T00:00:00Z"),
            ("past", Some("2026-11-01T00:00:00Z"), "2026-12-01T00:00:00Z"),
            ("to come", Some("2026-12-11T00:00:00Z"), "2026-12-11T00:00:00Z"),
        ];
        for (row, go_live, start) in rows {
            let when = When { now, go_live: go_live.map(at), needed };
            assert_eq!(when.start(), at(start), "{row}");
            assert_eq!(when.later().duration_since(when.start()).as_secs(), 90 * 86_400, "{row}");
        }
    }
}
