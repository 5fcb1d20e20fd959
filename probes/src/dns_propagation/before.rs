//! What the zone said before a change, and when it changed: remembered from look to look.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::time::{add, elapsed};
use serde::{Deserialize, Serialize};

/// The most records that are remembered of one answer, and the longest of them in bytes.
const MAX_RECORDS: usize = 50;
const MAX_LENGTH: usize = 255;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Of what: name and type.
    of: String,
    /// The records at the last look; none if there were none.
    now: BTreeSet<String>,
    /// Their time to live, in seconds.
    ttl: Option<u32>,
    /// The records before the last change, if one was seen.
    old: Option<BTreeSet<String>>,
    /// When the old records have run out everywhere, at the latest.
    out_at: Option<Timestamp>,
}

impl Memory {
    /// What is to be remembered now that the zone has these records, given what was remembered.
    pub(super) fn next(
        earlier: Option<Self>,
        of: &str,
        records: &BTreeSet<String>,
        ttl: Option<u32>,
        now: Timestamp,
    ) -> Self {
        let fits = |r: &&String| r.len() <= MAX_LENGTH;
        let kept: BTreeSet<String> =
            records.iter().filter(fits).take(MAX_RECORDS).cloned().collect();
        let mut next = Self { of: of.to_owned(), now: kept, ttl, old: None, out_at: None };
        let Some(earlier) = earlier.filter(|earlier| earlier.of == of) else { return next };
        if earlier.now == next.now {
            (next.old, next.out_at) = (earlier.old, earlier.out_at);
        } else {
            let kept = earlier.ttl.map(|ttl| Duration::from_secs(ttl.into()));
            // An answer fetched a moment before the change lives its whole time from here.
            next.out_at = kept.map(|ttl| add(now, ttl)).max(earlier.out_at);
            next.old = Some(earlier.now);
        }
        next
    }

    /// The records before the last change.
    pub(super) fn old(&self) -> Option<&BTreeSet<String>> {
        self.old.as_ref().filter(|old| !old.is_empty())
    }

    /// How long until the old records have run out, by what the zone said; zero when they should have.
    pub(super) fn left(&self, now: Timestamp) -> Option<Duration> {
        self.out_at.map(|at| elapsed(now, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_noticed_and_its_end_is_known() {
        let set = |r: &str| BTreeSet::from([r.to_owned()]);
        let mut memory = None;
        // At which second which record has which TTL; what is old then, and for how many seconds.
        let rows = [
            (0, "1", 300, None, None),
            (60, "1", 300, None::<&str>, None::<u64>),
            (100, "2", 60, Some("1"), Some(300)),
            (200, "2", 60, Some("1"), Some(200)),
            (500, "2", 60, Some("1"), Some(0)),
        ];
        for (second, record, ttl, old, left) in rows {
            let now = Timestamp::from_second(second).expect("a time");
            let next = Memory::next(memory, "x A", &set(record), Some(ttl), now);
            assert_eq!(next.old(), old.map(set).as_ref(), "at {second}");
            assert_eq!(next.left(now), left.map(Duration::from_secs), "at {second}");
            memory = Some(next);
        }
        let other = Memory::next(memory, "y A", &set("1"), None, Timestamp::UNIX_EPOCH);
        assert_eq!(other.old(), None, "another name's past is none");
    }

    #[test]
    fn what_is_remembered_is_small() {
        let many: BTreeSet<String> = (0..1_000).map(|i| format!("{i}")).collect();
        let mut long = many.clone();
        long.insert("x".repeat(10_000));
        let memory = Memory::next(None, "x TXT", &long, None, Timestamp::UNIX_EPOCH);
        assert!(serde_json::to_string(&memory).expect("it is plain").len() < 1_000);
    }
}
