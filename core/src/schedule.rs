//! When each check looks next. Looks are spread over the whole rhythm, and of those that were missed one is made.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::name::CheckPath;

/// The first looks come within this time, however rarely a check looks; sooner where there are few of them.
const FIRST_WITHIN: Duration = Duration::from_secs(5);
/// So many first looks a second are no burst.
const FIRST_A_SECOND: f64 = 1_000.0;

/// The times of the next looks, on a timeline that never steps (time since boot or since start).
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    every: HashMap<CheckPath, Rhythm>,
    queue: BinaryHeap<Reverse<(Duration, CheckPath)>>,
}

/// A check's rhythm.
#[derive(Debug, Clone, Copy)]
struct Rhythm {
    every: Duration,
    /// How soon the second look follows the first: the first come soon after the start, the later ones must not bunch.
    second: Option<Duration>,
}

impl Schedule {
    /// A schedule whose first looks are spread over a few seconds from `now`, in an order that `seed` chooses.
    pub fn new(
        checks: impl IntoIterator<Item = (CheckPath, Duration)>,
        now: Duration,
        seed: u64,
    ) -> Self {
        let mut schedule = Self::default();
        let checks: Vec<(CheckPath, Duration)> = checks.into_iter().collect();
        let looks = f64::from(u32::try_from(checks.len()).unwrap_or(u32::MAX));
        let within = Duration::from_secs_f64(looks / FIRST_A_SECOND).min(FIRST_WITHIN);
        for (check, every) in checks {
            let first = spread(&check, seed, every.min(within));
            schedule.queue.push(Reverse((now + first, check.clone())));
            let every = every.max(Duration::from_millis(1));
            let second = spread(&check, seed.wrapping_add(1), every).max(every / 16);
            schedule.every.insert(check, Rhythm { every, second: Some(second) });
        }
        schedule
    }

    /// When the next check is due, if there is one.
    pub fn next_at(&self) -> Option<Duration> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one check that is due by `now`. Its next look comes at its next regular time after `now`: looks that were
    /// missed meanwhile are not made up for.
    pub fn pop_due(&mut self, now: Duration) -> Option<CheckPath> {
        let Reverse((at, _)) = self.queue.peek()?;
        if *at > now {
            return None;
        }
        let Reverse((at, check)) = self.queue.pop()?;
        let rhythm = self.every.get_mut(&check)?;
        let every = rhythm.every;
        if let Some(second) = rhythm.second.take()
            && at + second > now
        {
            self.queue.push(Reverse((at + second, check.clone())));
            return Some(check);
        }
        let missed = now.saturating_sub(at).as_nanos() / every.as_nanos();
        let steps = u32::try_from(missed).unwrap_or(u32::MAX - 1) + 1;
        let next = at + every.saturating_mul(steps);
        self.queue.push(Reverse((next, check.clone())));
        Some(check)
    }
}

/// A share of `over` that depends on the check and the seed alone.
fn spread(check: &CheckPath, seed: u64, over: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    (seed, check).hash(&mut hasher);
    let share = u32::try_from(hasher.finish() >> 48).unwrap_or_default();
    over * share / 65_536
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(n: u64, every: u64) -> Vec<(CheckPath, Duration)> {
        let path = |i: u64| format!("list/c{i}").parse().expect("a name");
        (0..n).map(|i| (path(i), Duration::from_secs(every))).collect()
    }

    fn due(schedule: &mut Schedule, second: u64) -> usize {
        std::iter::from_fn(|| schedule.pop_due(Duration::from_secs(second))).count()
    }

    #[test]
    fn looks_are_spread_and_none_is_made_up_for() {
        let mut schedule = Schedule::new(checks(1_000, 30), Duration::ZERO, 7);
        assert!((1_000..1_100).contains(&due(&mut schedule, 1)), "a thousand looks, a second");
        assert!((150..300).contains(&(2..=8).map(|s| due(&mut schedule, s)).sum::<usize>()));
        let later: Vec<usize> = (40..70).map(|s| due(&mut schedule, s)).skip(1).collect();
        assert!(later.iter().all(|n| (5..80).contains(n)), "spread over the rhythm: {later:?}");
        assert_eq!(due(&mut schedule, 3_600), 1_000, "after a pause each looks once");
        assert_eq!(due(&mut schedule, 3_600), 0);
    }

    #[test]
    fn the_seed_alone_decides_the_order() {
        let order = |seed| {
            let mut s = Schedule::new(checks(50, 30), Duration::ZERO, seed);
            std::iter::from_fn(move || s.pop_due(Duration::from_millis(50))).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
