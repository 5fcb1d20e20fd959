//! From a list of backups to readings, whatever keeps them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::{elapsed, format_duration};

/// How far ahead of our clock a backup may have ended.
const SKEW: Duration = Duration::from_secs(60);
/// How many earlier backups its size is held against.
const EARLIER: usize = 7;

/// A backup.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Backup {
    pub(super) label: String,
    /// Its repository; the name of the folder for files.
    pub(super) repository: String,
    pub(super) kind: String,
    pub(super) end: Timestamp,
    pub(super) size: u64,
    pub(super) good: bool,
}

/// Reads a list of backups. Every repository of `expected` must have a good one: a fresh one in one repository says
/// nothing of another.
pub(super) fn read(
    backups: &[Backup],
    expected: &[String],
    healthy: bool,
    now: Timestamp,
) -> Result<Readings, Failure> {
    let good: Vec<&Backup> = backups.iter().filter(|b| b.good).collect();
    let mut newest: BTreeMap<&str, &Backup> = BTreeMap::new();
    for backup in &good {
        let best = newest.entry(&backup.repository).or_insert(backup);
        if backup.end > best.end {
            *best = backup;
        }
    }
    if let Some(ahead) = newest.values().find(|b| elapsed(now, b.end) > SKEW) {
        let message = format!("{} ended at {}, ahead of our clock", ahead.label, ahead.end);
        return Err(Failure::new(Cause::BadResponse, message));
    }
    let covered = expected.iter().filter(|r| newest.contains_key(r.as_str())).count();
    let mut readings = Readings::new()
        .number("count", count(good.len()))
        .number("bad", count(backups.len() - good.len()))
        .number("covered", 100.0 * count(covered) / count(expected.len().max(1)))
        .flag("healthy", healthy);
    for repository in expected {
        readings = match newest.get(repository.as_str()) {
            Some(backup) => {
                let age = format_duration(elapsed(backup.end, now));
                let says = format!("{} ended {age} ago, {}", backup.label, bytes(backup.size));
                readings.part(repository, says, false)
            }
            None => readings.part(repository, "no good backup", true),
        };
    }
    // Without a backup in each there is no age: what expects one is then not met by the others.
    if covered < expected.len() {
        return Ok(readings);
    }
    let Some(oldest) = newest.values().min_by_key(|b| b.end) else { return Ok(readings) };
    readings = readings.time("age", elapsed(oldest.end, now)).number("size", float(oldest.size));
    if let Some(median) = median_before(oldest, &good) {
        readings = readings.number("size_ratio", 100.0 * float(oldest.size) / median);
    }
    Ok(readings)
}

/// The median size of the backups of the same kind and repository that ended before this one.
fn median_before(backup: &Backup, good: &[&Backup]) -> Option<f64> {
    let same = |b: &&&Backup| {
        b.end < backup.end && b.kind == backup.kind && b.repository == backup.repository
    };
    let mut earlier: Vec<&&Backup> = good.iter().filter(same).collect();
    earlier.sort_by_key(|b| std::cmp::Reverse(b.end));
    let mut sizes: Vec<u64> = earlier.iter().take(EARLIER).map(|b| b.size).collect();
    sizes.sort_unstable();
    let middle = sizes.len() / 2;
    let median = match sizes.len() {
        0 => return None,
        n if n % 2 == 1 => float(sizes[middle]),
        _ => f64::midpoint(float(sizes[middle - 1]), float(sizes[middle])),
    };
    (median > 0.0).then_some(median)
}

#[expect(clippy::cast_precision_loss, reason = "counts and sizes below 2^52 are exact")]
fn float(n: u64) -> f64 {
    n as f64
}

fn count(n: usize) -> f64 {
    float(u64::try_from(n).unwrap_or(u64::MAX))
}

fn bytes(n: u64) -> String {
    Unit::Bytes.format(float(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(repository: &str, hours: i64, size: u64, good: bool) -> Backup {
        let end = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1_000 - hours);
        let (kind, label) = ("full".to_owned(), format!("b{hours}"));
        Backup { label, repository: repository.into(), kind, end, size, good }
    }

    fn told(backups: &[Backup], expected: &[&str]) -> String {
        let expected: Vec<String> = expected.iter().map(|r| (*r).to_owned()).collect();
        let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1_000);
        let readings = match read(backups, &expected, true, now) {
            Ok(readings) => readings,
            Err(failure) => return failure.message,
        };
        let show =
            |name: &str, unit| readings.get(name).map_or_else(|| "-".to_owned(), |v| v.show(unit));
        format!(
            "age {} ratio {} count {} bad {} covered {}",
            show("age", Unit::Time),
            show("size_ratio", Unit::Percent),
            show("count", Unit::One),
            show("bad", Unit::One),
            show("covered", Unit::Percent)
        )
    }

    #[test]
    fn only_a_good_backup_in_every_repository_has_an_age() {
        let b = backup;
        let rows: [(&str, Vec<Backup>, &[&str], &str); 7] = [
            (
                "the newest good one",
                vec![b("r", 2, 100, true), b("r", 26, 100, true)],
                &["r"],
                "age 2h ratio 100% count 2 bad 0 covered 100%",
            ),
            (
                "a bad one is newer",
                vec![b("r", 1, 100, false), b("r", 26, 100, true)],
                &["r"],
                "age 1d2h ratio - count 1 bad 1 covered 100%",
            ),
            (
                "a fresh repository hides no dead one",
                vec![b("r1", 1, 9, true), b("r2", 90, 9, true)],
                &["r1", "r2"],
                "age 3d18h ratio - count 2 bad 0 covered 100%",
            ),
            (
                "an empty repository",
                vec![b("r1", 1, 9, true)],
                &["r1", "r2"],
                "age - ratio - count 1 bad 0 covered 50%",
            ),
            ("none at all", vec![], &["r"], "age - ratio - count 0 bad 0 covered 0%"),
            (
                "half the size",
                vec![b("r", 1, 50, true), b("r", 25, 90, true), b("r", 49, 110, true)],
                &["r"],
                "age 1h ratio 50% count 3 bad 0 covered 100%",
            ),
            (
                "from the future",
                vec![b("r", -2, 9, true)],
                &["r"],
                "b-2 ended at 1970-02-11T18:00:00Z, ahead of our clock",
            ),
        ];
        for (row, backups, expected, told_as) in rows {
            assert_eq!(told(&backups, expected), told_as, "{row}");
        }
    }
}
