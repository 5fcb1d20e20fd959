//! The lead time of a lowered TTL: an answer fetched just before may be kept for as long as the former TTL said.
//!
//! What has to have run out is followed from look to look: whatever was published until now may have been fetched just
//! now. Nothing is assumed of the time before the first look but a bound.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::time::{add, elapsed};
use serde::{Deserialize, Serialize};

/// For how long resolvers keep an answer at most, whatever its TTL: the longest default in common use.
const LONGEST_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// What is remembered from look to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Of what: name and type.
    of: String,
    /// The TTL at the last look, in seconds.
    ttl: u32,
    /// When it was first seen to be low, if it is.
    low_since: Option<Timestamp>,
    /// When the last answer with a longer TTL has run out.
    out_at: Option<Timestamp>,
    /// Whether that is a mere bound, as nobody knows the former TTL.
    bound: bool,
}

/// What there is to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lead {
    /// For how long the TTL is known to have been low; nothing while it is not.
    pub(super) lowered_for: Option<Duration>,
    /// How long until every answer with a longer TTL has run out, if that is known.
    pub(super) left: Option<Duration>,
    /// Whether all have; nothing when that cannot be told.
    pub(super) in_force: Option<bool>,
}

/// Looks at a TTL now, in the light of what was remembered. `former` is what people say that it was before.
pub(super) fn look(
    memory: Option<Memory>,
    of: &str,
    ttl: u32,
    low: Duration,
    former: Option<Duration>,
    now: Timestamp,
) -> (Lead, Memory) {
    let seconds = |ttl: u32| Duration::from_secs(ttl.into());
    let is_low = |ttl: u32| seconds(ttl) <= low;
    let memory = memory.filter(|memory| memory.of == of);
    let (mut out_at, mut bound) = match &memory {
        Some(memory) => (memory.out_at, memory.bound),
        None if is_low(ttl) => (Some(add(now, former.unwrap_or(LONGEST_KEPT))), former.is_none()),
        None => (None, false),
    };
    if let Some(memory) = memory.as_ref().filter(|memory| !is_low(memory.ttl)) {
        // It may have been fetched a moment ago.
        let kept = seconds(memory.ttl).min(LONGEST_KEPT);
        out_at = out_at.max(Some(add(now, kept)));
        bound = false;
    }
    if !is_low(ttl) {
        // A bound on what was before says nothing once it is known.
        let out_at = out_at.filter(|_| !bound);
        let lead = Lead { in_force: Some(false), ..Lead::default() };
        return (lead, Memory { of: of.to_owned(), ttl, low_since: None, out_at, bound: false });
    }
    let since = memory.and_then(|memory| memory.low_since).unwrap_or(now);
    let out = out_at.is_none_or(|at| at <= now);
    let left = out_at.map_or(Duration::ZERO, |at| elapsed(now, at));
    let lead = Lead {
        lowered_for: Some(elapsed(since, now)),
        left: (out || !bound).then_some(left),
        in_force: if out { Some(true) } else { (!bound).then_some(false) },
    };
    (lead, Memory { of: of.to_owned(), ttl, low_since: Some(since), out_at, bound })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at these TTLs at these hours, and gives what the last look says.
    fn after(looks: &[(i64, u32)], former: Option<u64>) -> Lead {
        let (mut memory, mut last) = (None, Lead::default());
        for (hour, ttl) in looks {
            let now = Timestamp::from_second(hour * 3_600).expect("a time");
            let former = former.map(Duration::from_secs);
            let five = Duration::from_secs(300);
            let (lead, next) = look(memory, "x A", *ttl, five, former, now);
            let kept = serde_json::to_value(&next).expect("it is plain");
            memory = Some(serde_json::from_value(kept).expect("what was kept"));
            last = lead;
        }
        last
    }

    /// Of a row: its name, the looks (hour, TTL), and what people say of before.
    type Row<'r> = (&'r str, &'r [(i64, u32)], Option<u64>);
    /// What is then known: lowered for, left, in force.
    type Told = (Option<Duration>, Option<Duration>, Option<bool>);

    #[test]
    fn a_low_ttl_counts_when_the_former_one_has_run_out() {
        const DAY: u32 = 86_400;
        let hours = |h: u64| Some(Duration::from_secs(h * 3_600));
        let rows: [(Row<'_>, Told); 12] = [
            (("not low", &[(0, DAY)], None), (None, None, Some(false))),
            (("low, nobody knows since when", &[(0, 300)], None), (hours(0), None, None)),
            (("still unknown", &[(0, 300), (100, 300)], None), (hours(100), None, None)),
            (
                ("longer than anybody keeps", &[(0, 300), (168, 60)], None),
                (hours(168), hours(0), Some(true)),
            ),
            (
                ("the former one is told", &[(0, 300)], Some(7_200)),
                (hours(0), hours(2), Some(false)),
            ),
            (
                ("told and over", &[(0, 300), (2, 300)], Some(7_200)),
                (hours(2), hours(0), Some(true)),
            ),
            (("lowered just now", &[(0, DAY), (1, 300)], None), (hours(0), hours(24), Some(false))),
            (
                ("an hour ago", &[(0, DAY), (1, 300), (2, 300)], None),
                (hours(1), hours(23), Some(false)),
            ),
            (
                ("long ago", &[(0, DAY), (1, 300), (25, 300)], None),
                (hours(24), hours(0), Some(true)),
            ),
            (
                (
                    "in two steps the longest counts",
                    &[(0, DAY), (1, 3_600), (2, 300), (4, 300)],
                    None,
                ),
                (hours(2), hours(21), Some(false)),
            ),
            (
                (
                    "raised in between",
                    &[(0, DAY), (1, 300), (25, 300), (26, 3_600), (27, 300)],
                    None,
                ),
                (hours(0), hours(1), Some(false)),
            ),
            (
                ("unknown, then raised and lowered", &[(0, 60), (1, 3_600), (2, 60)], None),
                (hours(0), hours(1), Some(false)),
            ),
        ];
        for ((row, looks, former), (lowered_for, left, in_force)) in rows {
            assert_eq!(after(looks, former), Lead { lowered_for, left, in_force }, "{row}");
        }
    }

    #[test]
    fn what_is_remembered_of_another_name_says_nothing() {
        let now = Timestamp::UNIX_EPOCH;
        let (five, day) = (Duration::from_secs(300), 86_400);
        let (_, memory) = look(None, "x A", day, five, None, now);
        let (lead, _) = look(Some(memory), "y A", 60, five, None, now);
        assert_eq!(lead.in_force, None);
    }
}
