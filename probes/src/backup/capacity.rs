//! For how long there is room: the backups to come are laid down one by one, as the past ones say.
//!
//! A straight line through the sizes of each kind (least squares) says how large the next ones are, the mean interval
//! when they come. One fits if half of its size is still free beside it. Nothing is known of compression or of what
//! several backups share beyond what the tool says that each takes up.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::listing::Backup;
use super::sizes::{count, float};

/// How far ahead is looked.
const HORIZON: f64 = 3_650.0 * 86_400.0;
/// The most backups that are laid down.
const MAX_STEPS: usize = 20_000;
/// The most kinds of one repository.
const MAX_KINDS: usize = 16;
/// How many backups of a kind make a trend.
const TREND: usize = 3;
/// What must be free for the next one, as a multiple of its size.
const ROOM: f64 = 1.5;

/// The backups of one kind to come.
struct Course {
    /// Seconds from now until the next one.
    next: f64,
    interval: f64,
    /// The size at `now`, and what it grows by in a second, in bytes.
    size: f64,
    growth: f64,
}

/// How long until a backup does not fit into `free` bytes, ten years at most. Backups older than `retention` make room;
/// without it nothing is ever removed. `None` without a trend: fewer than three good backups of a kind, or sizes that
/// are not known.
pub(super) fn lasts(
    good: &[&Backup],
    free: u64,
    retention: Option<Duration>,
    now: Timestamp,
) -> Option<Duration> {
    let mut kinds: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for backup in good {
        let at = backup.end?.duration_since(now).as_secs_f64();
        kinds.entry(&backup.kind).or_default().push((at, float(backup.stored?)));
    }
    if kinds.is_empty() || kinds.len() > MAX_KINDS {
        return None;
    }
    let mut held: Vec<(f64, f64)> = kinds.values().flatten().copied().collect();
    held.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut courses =
        kinds.into_values().map(|points| course(&points)).collect::<Option<Vec<Course>>>()?;
    let mut held = VecDeque::from(held);
    let mut free = float(free);
    for _ in 0..MAX_STEPS {
        let next = courses.iter_mut().min_by(|a, b| a.next.total_cmp(&b.next))?;
        let (at, size) = (next.next, (next.size + next.growth * next.next).max(0.0));
        next.next += next.interval;
        if at > HORIZON {
            break;
        }
        if let Some(retention) = retention {
            while let Some((_, old)) =
                held.pop_front_if(|(then, _)| *then < at - retention.as_secs_f64())
            {
                free += old;
            }
        }
        if free < ROOM * size {
            return Some(Duration::from_secs_f64(at.max(0.0)));
        }
        free -= size;
        held.push_back((at, size));
    }
    Some(Duration::from_secs_f64(HORIZON))
}

/// The course that the points (seconds from now, bytes) set.
fn course(points: &[(f64, f64)]) -> Option<Course> {
    if points.len() < TREND {
        return None;
    }
    let n = count(points.len());
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (mean_at, mean_size) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = points.iter().map(|p| (p.0 - mean_at).powi(2)).sum();
    let common: f64 = points.iter().map(|p| (p.0 - mean_at) * (p.1 - mean_size)).sum();
    let first = points.iter().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let last = points.iter().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
    let interval = (last - first) / (n - 1.0);
    // Backups within one second of each other are no rhythm.
    if interval < 1.0 {
        return None;
    }
    let growth = common / spread;
    Some(Course {
        next: (last + interval).max(0.0),
        interval,
        size: mean_size - growth * mean_at,
        growth,
    })
}

#[cfg(test)]
mod tests {
    use super::super::listing::State;
    use super::*;

    const DAY: i64 = 86_400;

    fn now() -> Timestamp {
        Timestamp::from_second(1_000 * DAY).unwrap()
    }

    /// Daily backups up to now, the oldest first, of these sizes.
    fn daily(kind: &str, sizes: &[u64]) -> Vec<Backup> {
        let days = (0..).map(|day: i64| day * DAY);
        let backup = |(ago, size): (i64, &u64)| {
            let mut backup = Backup::new("r", "b", State::Good);
            backup.kind = kind.to_owned();
            backup.end = Timestamp::from_second(now().as_second() - ago).ok();
            backup.stored = Some(*size);
            backup
        };
        days.zip(sizes.iter().rev()).map(backup).collect()
    }

    /// What it is about, the sizes, what is free, the retention, and the days that the room lasts.
    type Row<'a> = (&'a str, &'a [u64], u64, Option<Duration>, Option<f64>);

    #[test]
    fn the_room_lasts_until_the_first_backup_that_does_not_fit() {
        let days = |n: f64| Some(n);
        let week = Some(Duration::from_secs(7 * 86_400));
        let rows: [Row<'_>; 8] = [
            // 10 + 10 + 10 fit beside half a backup; the fourth would leave less.
            ("steady, nothing is removed", &[10, 10, 10], 35, None, days(4.0)),
            ("no room for the next", &[10, 10, 10], 14, None, days(1.0)),
            ("as much goes as comes", &[10; 8], 15, week, days(3_650.0)),
            ("growing, nothing is removed", &[10, 20, 30], 150, None, days(3.0)),
            // Eight are kept, so that every day takes eight bytes more.
            ("growing, the old ones go", &[10, 11, 12, 13, 14, 15, 16, 17], 60, week, days(7.0)),
            ("shrinking to nothing", &[30, 20, 10], 100, None, days(3_650.0)),
            ("two are no trend", &[10, 10], 100, None, None),
            ("none", &[], 100, None, None),
        ];
        for (row, sizes, free, retention, lasting) in rows {
            let backups = daily("full", sizes);
            let good: Vec<&Backup> = backups.iter().collect();
            let found = lasts(&good, free, retention, now());
            assert_eq!(found.map(|d| (d.as_secs_f64() / 86_400.0).round()), lasting, "{row}");
        }
    }

    #[test]
    fn every_kind_takes_its_share() {
        let mut backups = daily("full", &[10, 10, 10]);
        backups.extend(daily("incr", &[5, 5, 5]));
        let good: Vec<&Backup> = backups.iter().collect();
        let found = lasts(&good, 50, None, now()).expect("both have a trend");
        // Fifteen bytes go every day; on the fourth five are left, where fifteen must be free.
        assert_eq!(found, Duration::from_secs(4 * 86_400));
        backups[0].stored = None;
        let good: Vec<&Backup> = backups.iter().collect();
        assert_eq!(lasts(&good, 50, None, now()), None, "a size is not known");
    }
}
