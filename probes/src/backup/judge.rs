//! From a list of backups to readings, whatever keeps them.
//!
//! Every repository speaks for itself, and so does every kind that is asked for: the worst of them is what is read. While
//! one of them has no good backup there is no age at all.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::{elapsed, format_duration};

use super::listing::{Backup, Listing, State};
use super::sizes::{count, float};
use super::{capacity, pitr, sizes};

/// How far ahead of our clock a backup may have ended.
const SKEW: Duration = Duration::from_secs(60);
/// How many of the last backups' intervals are looked at.
const LAST: usize = 8;
/// How many gaps of one archive are told.
const MAX_GAPS: usize = 20;

/// What the settings ask of any list.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    /// The kinds of which each repository must have a good backup; any will do if empty.
    pub(super) kinds: Vec<String>,
    /// After how long backups are removed.
    pub(super) retention: Option<Duration>,
    /// How much a repository can hold, in bytes.
    pub(super) capacity: Option<u64>,
}

/// When the look is made, and for when.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub(super) now: Timestamp,
    pub(super) go_live: Option<Timestamp>,
}

/// The good backups that answer for one repository, and for one kind if kinds are asked for; the newest first.
struct Series<'a> {
    name: String,
    repository: &'a str,
    good: Vec<&'a Backup>,
}

/// Reads a list of backups.
///
/// # Errors
/// [`Cause::BadResponse`] for a good backup without an end, or one that ended ahead of our clock.
pub(super) fn read(listing: &Listing, terms: &Terms, when: When) -> Result<Readings, Failure> {
    let now = when.now;
    let good: Vec<&Backup> = listing.backups.iter().filter(|b| b.state == State::Good).collect();
    for backup in &good {
        let odd = match backup.end {
            None => "has no end".to_owned(),
            Some(end) if elapsed(now, end) > SKEW => {
                format!("ended at {end}, ahead of our clock")
            }
            Some(_) => continue,
        };
        return Err(Failure::new(Cause::BadResponse, format!("{} {odd}", backup.label)));
    }
    let bad = listing.backups.iter().filter(|b| matches!(b.state, State::Bad(_))).count();
    let series = series(listing, &good, terms);
    let newest: Vec<&Backup> = series.iter().filter_map(|s| s.good.first().copied()).collect();
    let mut readings = Readings::new()
        .number("count", count(good.len()))
        .number("bad", count(bad))
        .number("covered", 100.0 * count(newest.len()) / count(series.len().max(1)));
    if let Some(healthy) = listing.healthy {
        readings = readings.flag("healthy", healthy);
    }
    if let Some(running) = listing.running {
        readings = readings.flag("running", running);
    }
    readings = parts(readings, listing, &series, now);
    readings = back_in_time(readings, listing, &good, now);
    readings = room(readings, listing, &good, terms, now);
    for note in &listing.notes {
        readings = readings.note(note.clone());
    }
    // Without a backup in each there is no age: what expects one is then not met by the others.
    if newest.len() < series.len() {
        return Ok(readings);
    }
    readings = size(readings, &series, &newest, &good);
    Ok(times(readings, &series, &newest, when))
}

fn series<'a>(listing: &'a Listing, good: &[&'a Backup], terms: &'a Terms) -> Vec<Series<'a>> {
    let any = [None];
    let kinds: Vec<Option<&str>> = terms.kinds.iter().map(|k| Some(k.as_str())).collect();
    let kinds: &[Option<&str>] = if kinds.is_empty() { &any } else { &kinds };
    let mut series = Vec::new();
    for repository in &listing.expected {
        for kind in kinds {
            let mine = |b: &&&Backup| {
                b.repository == *repository && kind.is_none_or(|kind| b.kind == kind)
            };
            let mut good: Vec<&Backup> = good.iter().filter(mine).copied().collect();
            good.sort_by_key(|b| std::cmp::Reverse(b.end));
            let name = match kind {
                Some(kind) => format!("{repository}, {kind}"),
                None => repository.clone(),
            };
            series.push(Series { name, repository, good });
        }
    }
    series
}

/// What each series has, and what went wrong since.
fn parts(
    mut readings: Readings,
    listing: &Listing,
    series: &[Series<'_>],
    now: Timestamp,
) -> Readings {
    for one in series {
        let newest = one.good.first();
        readings = match newest.and_then(|b| Some((b, b.end?))) {
            Some((backup, end)) => {
                let age = format_duration(elapsed(end, now));
                let size = backup.size.map(|n| format!(", {}", bytes(n))).unwrap_or_default();
                readings.part(&one.name, format!("{} ended {age} ago{size}", backup.label), false)
            }
            None => readings.part(&one.name, "no good backup", true),
        };
        let since = newest.and_then(|b| b.end);
        let failed = listing.backups.iter().filter(|b| b.repository == one.repository);
        let failed = failed.filter(|b| b.end.or(b.start) > since || since.is_none());
        let failed = failed.filter_map(|b| match &b.state {
            State::Bad(why) => Some((b, why)),
            State::Good | State::Running => None,
        });
        if let Some((backup, why)) = failed.max_by_key(|(b, _)| b.end.or(b.start)) {
            readings = readings.part(&one.name, format!("{}: {why}", backup.label), true);
        }
    }
    readings
}

/// Size of the oldest of the newest ones, and whether any of them is of a suspicious size.
fn size(
    mut readings: Readings,
    series: &[Series<'_>],
    newest: &[&Backup],
    good: &[&Backup],
) -> Readings {
    let oldest = newest.iter().min_by_key(|b| b.end);
    if let Some(size) = oldest.and_then(|b| b.size) {
        readings = readings.number("size", float(size));
    }
    if let Some(ratio) = oldest.and_then(|b| sizes::ratio(b, good)) {
        readings = readings.number("size_ratio", ratio);
    }
    // What an incremental one holds may differ as it likes.
    let whole = series.iter().map(|s| s.good.iter().find(|b| !b.is_incremental()));
    let ratios: Vec<Option<f64>> =
        whole.map(|backup| backup.and_then(|b| sizes::ratio(b, good))).collect();
    let known = !ratios.is_empty() && ratios.iter().all(Option::is_some);
    let suspicious = ratios.iter().flatten().any(|ratio| sizes::is_suspicious(*ratio));
    if suspicious || known {
        readings = readings.flag("size_suspicious", suspicious);
    }
    readings
}

fn times(
    mut readings: Readings,
    series: &[Series<'_>],
    newest: &[&Backup],
    when: When,
) -> Readings {
    let age = |at: Timestamp| elapsed(at, when.now);
    if let Some(end) = newest.iter().filter_map(|b| b.end).min() {
        readings = readings.time("age", age(end));
    }
    if let Some(from) = series.iter().filter_map(|s| s.good.last()).filter_map(|b| b.end).max() {
        readings = readings.time("oldest_age", age(from));
    }
    let longest = |s: &Series<'_>| {
        let ends: Vec<Timestamp> = s.good.iter().take(LAST).filter_map(|b| b.end).collect();
        ends.windows(2).map(|pair| elapsed(pair[1], pair[0])).max()
    };
    if let Some(longest) = worst(series.iter().map(longest), Duration::max) {
        readings = readings.time("longest_interval", longest);
    }
    let verified = |s: &Series<'_>| s.good.iter().filter_map(|b| b.verified_at).max();
    if let Some(verified) = worst(series.iter().map(verified), Timestamp::min) {
        readings = readings.time("verified_age", age(verified));
    }
    let until = when.go_live.unwrap_or(when.now).max(when.now);
    if let Some(expires) = worst(newest.iter().map(|b| b.expires), Timestamp::min) {
        let left = expires.duration_since(until).as_secs_f64();
        readings = readings.number("kept_after_go_live", left);
    }
    readings
}

/// The worst of all, if all are known.
fn worst<T>(all: impl Iterator<Item = Option<T>>, of: impl Fn(T, T) -> T) -> Option<T> {
    all.collect::<Option<Vec<T>>>()?.into_iter().reduce(of)
}

/// How far one can go back by archived WAL.
fn back_in_time(
    mut readings: Readings,
    listing: &Listing,
    good: &[&Backup],
    now: Timestamp,
) -> Readings {
    if listing.wal.is_empty() {
        return readings;
    }
    let mut windows = Vec::new();
    for repository in &listing.expected {
        let mine: Vec<&Backup> =
            good.iter().filter(|b| b.repository == *repository).copied().collect();
        let window = listing.wal.get(repository).and_then(|wal| pitr::window(wal, &mine));
        let gaps = window.iter().flat_map(|w| {
            let missing = w.missing.iter().map(|gap| (gap, true));
            missing.chain(w.earlier.iter().map(|gap| (gap, false)))
        });
        for (gap, odd) in gaps.take(MAX_GAPS) {
            let says = format!("{} WAL segments are missing: {gap}", gap.len());
            readings = readings.part(repository, says, odd);
        }
        windows.push(window);
    }
    let known = windows.iter().all(Option::is_some);
    let gap = windows.iter().flatten().any(|w| !w.missing.is_empty());
    if gap || known {
        readings = readings.flag("wal_gap", gap);
    }
    let of = |pick: fn(&pitr::Window) -> Option<Timestamp>| {
        windows.iter().map(move |w| w.as_ref().and_then(pick))
    };
    if let Some(from) = worst(of(|w| w.from), Timestamp::max) {
        readings = readings.time("pitr_from", elapsed(from, now));
    }
    if let Some(to) = worst(of(|w| w.to), Timestamp::min) {
        readings = readings.time("pitr_to", elapsed(to, now));
    }
    readings
}

/// The room for further backups, in the repository that has the least.
fn room(
    mut readings: Readings,
    listing: &Listing,
    good: &[&Backup],
    terms: &Terms,
    now: Timestamp,
) -> Readings {
    let mut all = Vec::new();
    for repository in &listing.expected {
        let taken: u64 = listing
            .backups
            .iter()
            .filter(|b| b.repository == *repository)
            .filter_map(|b| b.stored)
            .fold(0, u64::saturating_add);
        let free = terms.capacity.map(|n| n.saturating_sub(taken)).or(listing.free);
        let mine: Vec<&Backup> =
            good.iter().filter(|b| b.repository == *repository).copied().collect();
        // A capacity less what is taken says nothing while it is not known what is taken.
        let known = terms.capacity.is_none() || mine.iter().all(|b| b.stored.is_some());
        let free = free.filter(|_| known);
        let lasts = free.and_then(|free| capacity::lasts(&mine, free, terms.retention, now));
        all.push((free, lasts));
    }
    if let Some(free) = worst(all.iter().map(|(free, _)| *free), u64::min) {
        readings = readings.number("free", float(free));
    }
    if let Some(lasts) = worst(all.iter().map(|(_, lasts)| *lasts), Duration::min) {
        readings = readings.time("capacity_days", lasts);
    }
    readings
}

fn bytes(n: u64) -> String {
    Unit::Bytes.format(float(n))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
