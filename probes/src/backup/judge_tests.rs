//! Tables over the reading of lists: rows of backups by hours before now.

use super::*;
use crate::backup::wal::{Archive, SEGMENT};

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1_000)
}

fn hours_ago(hours: i64) -> Option<Timestamp> {
    Some(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1_000 - hours))
}

fn backup(repository: &str, hours: i64, size: u64, good: bool) -> Backup {
    let state = if good { State::Good } else { State::Bad("it broke".to_owned()) };
    let mut backup = Backup::new(repository, format!("b{hours}"), state);
    backup.kind = "full".to_owned();
    backup.end = hours_ago(hours);
    backup.size = Some(size);
    backup.stored = Some(size);
    backup
}

fn of_kind(kind: &str, hours: i64, size: u64) -> Backup {
    Backup { kind: kind.to_owned(), ..backup("r", hours, size, true) }
}

fn listing(expected: &[&str], backups: Vec<Backup>) -> Listing {
    let expected = expected.iter().map(|r| (*r).to_owned()).collect();
    Listing { expected, backups, healthy: Some(true), ..Listing::default() }
}

/// The readings as `name value`, in the order of `names`; `-` for one that is absent.
fn told(listing: &Listing, terms: &Terms, names: &[(&'static str, Unit)]) -> String {
    let readings = match read(listing, terms, When { now: now(), go_live: hours_ago(-240) }) {
        Ok(readings) => readings,
        Err(failure) => return failure.message,
    };
    let show = |(name, unit): &(&'static str, Unit)| {
        let value = readings.get(name).map_or_else(|| "-".to_owned(), |v| v.show(*unit));
        format!("{name} {value}")
    };
    names.iter().map(show).collect::<Vec<_>>().join(" ")
}

const BASIC: [(&str, Unit); 5] = [
    ("age", Unit::Time),
    ("size_ratio", Unit::Percent),
    ("count", Unit::One),
    ("bad", Unit::One),
    ("covered", Unit::Percent),
];

#[test]
fn only_a_good_backup_in_every_repository_has_an_age() {
    let b = backup;
    let running = Backup { state: State::Running, end: None, ..b("r", 0, 1, true) };
    let endless = Backup { end: None, ..b("r", 1, 1, true) };
    let rows: [(&str, Vec<Backup>, &[&str], &str); 10] = [
        (
            "the newest good one",
            vec![b("r", 2, 100, true), b("r", 26, 100, true)],
            &["r"],
            "age 2h size_ratio 100% count 2 bad 0 covered 100%",
        ),
        (
            "a bad one is newer",
            vec![b("r", 1, 100, false), b("r", 26, 100, true)],
            &["r"],
            "age 1d2h size_ratio - count 1 bad 1 covered 100%",
        ),
        (
            "a running one is no fault",
            vec![running, b("r", 26, 100, true)],
            &["r"],
            "age 1d2h size_ratio - count 1 bad 0 covered 100%",
        ),
        (
            "a fresh repository hides no dead one",
            vec![b("r1", 1, 9, true), b("r2", 90, 9, true)],
            &["r1", "r2"],
            "age 3d18h size_ratio - count 2 bad 0 covered 100%",
        ),
        (
            "an empty repository",
            vec![b("r1", 1, 9, true)],
            &["r1", "r2"],
            "age - size_ratio - count 1 bad 0 covered 50%",
        ),
        ("none at all", vec![], &["r"], "age - size_ratio - count 0 bad 0 covered 0%"),
        (
            "nothing is expected",
            vec![b("r", 1, 9, true)],
            &[],
            "age - size_ratio - count 1 bad 0 covered 0%",
        ),
        (
            "half the size",
            vec![b("r", 1, 50, true), b("r", 25, 90, true), b("r", 49, 110, true)],
            &["r"],
            "age 1h size_ratio 50% count 3 bad 0 covered 100%",
        ),
        (
            "from the future",
            vec![b("r", -2, 9, true)],
            &["r"],
            "b-2 ended at 1970-02-11T18:00:00Z, ahead of our clock",
        ),
        ("without an end", vec![endless], &["r"], "b1 has no end"),
    ];
    for (row, backups, expected, says) in rows {
        assert_eq!(told(&listing(expected, backups), &Terms::default(), &BASIC), says, "{row}");
    }
}

#[test]
fn every_kind_that_is_asked_for_must_be_there() {
    let names = [("age", Unit::Time), ("covered", Unit::Percent), ("size_suspicious", Unit::One)];
    let full = || vec![of_kind("full", 170, 100), of_kind("full", 338, 100)];
    let with = |more: Vec<Backup>| full().into_iter().chain(more).collect::<Vec<_>>();
    let rows: [(&str, &[&str], Vec<Backup>, &str); 5] = [
        (
            "any will do",
            &[],
            with(vec![of_kind("incr", 2, 1)]),
            "age 2h covered 100% size_suspicious false",
        ),
        (
            "the oldest of the kinds counts",
            &["full", "incr"],
            with(vec![of_kind("incr", 2, 1)]),
            // The incremental ones have no size that could be suspicious.
            "age 7d2h covered 100% size_suspicious -",
        ),
        ("one is missing", &["full", "incr"], full(), "age - covered 50% size_suspicious -"),
        ("only the full ones", &["full"], full(), "age 7d2h covered 100% size_suspicious false"),
        (
            "much smaller than those before",
            &[],
            with(vec![of_kind("full", 1, 49)]),
            "age 1h covered 100% size_suspicious true",
        ),
    ];
    for (row, kinds, backups, says) in rows {
        let kinds = kinds.iter().map(|k| (*k).to_owned()).collect();
        let terms = Terms { kinds, ..Terms::default() };
        assert_eq!(told(&listing(&["r"], backups), &terms, &names), says, "{row}");
    }
}

#[test]
fn rhythm_retention_and_expiry_are_those_of_the_worst_repository() {
    let names = [
        ("longest_interval", Unit::Time),
        ("oldest_age", Unit::Time),
        ("verified_age", Unit::Time),
        ("kept_after_go_live", Unit::Time),
    ];
    let b = |repository: &str, hours: i64| {
        let mut backup = backup(repository, hours, 9, true);
        backup.verified_at = hours_ago(hours - 1);
        backup.expires = hours_ago(hours - 480);
        backup
    };
    let unknown = |hours| Backup { verified_at: None, expires: None, ..b("r2", hours) };
    let rows = [
        (
            "one missed its night",
            vec![b("r1", 2), b("r1", 26), b("r2", 4), b("r2", 52)],
            "longest_interval 2d oldest_age 1d2h verified_age 3h kept_after_go_live 9d20h",
        ),
        (
            "one has only one",
            vec![b("r1", 2), b("r1", 26), b("r2", 4)],
            "longest_interval - oldest_age 4h verified_age 3h kept_after_go_live 9d20h",
        ),
        (
            "one says nothing",
            vec![b("r1", 2), b("r1", 26), unknown(4), unknown(28)],
            "longest_interval 1d oldest_age 1d2h verified_age - kept_after_go_live -",
        ),
        (
            "one goes before the launch",
            vec![b("r1", 2), b("r2", 300), b("r2", 250)],
            "longest_interval - oldest_age 2h verified_age 10d9h kept_after_go_live -10h",
        ),
    ];
    for (row, backups, says) in rows {
        let listing = listing(&["r1", "r2"], backups);
        assert_eq!(told(&listing, &Terms::default(), &names), says, "{row}");
    }
}

#[test]
fn room_is_measured_or_said_and_else_unknown() {
    let names = [("free", Unit::Bytes), ("capacity_days", Unit::Time)];
    let daily = || (0..3).map(|day| backup("r", day * 24, 10, true)).collect::<Vec<_>>();
    let sizeless = || daily().into_iter().map(|b| Backup { stored: None, ..b }).collect::<Vec<_>>();
    let rows = [
        ("not known", daily(), None, None, "free - capacity_days -"),
        ("measured", daily(), Some(35), None, "free 35B capacity_days 4d"),
        ("said", daily(), None, Some(65), "free 35B capacity_days 4d"),
        ("said less than there is", daily(), None, Some(20), "free 0B capacity_days 1d"),
        (
            "said, but nobody knows what is taken",
            sizeless(),
            None,
            Some(65),
            "free - capacity_days -",
        ),
    ];
    for (row, backups, free, capacity, says) in rows {
        let listing = Listing { free, ..listing(&["r"], backups) };
        let terms = Terms { capacity, ..Terms::default() };
        assert_eq!(told(&listing, &terms, &names), says, "{row}");
    }
}

#[test]
fn a_gap_in_any_archive_is_a_gap() {
    let names = [("wal_gap", Unit::One), ("pitr_from", Unit::Time), ("pitr_to", Unit::Time)];
    let archive = |numbers: &[u64]| {
        let mut archive = Archive::new(SEGMENT);
        for number in numbers {
            let segment = archive.segment(&format!("00000001000000{number:010X}"));
            let hours = 30 - i64::try_from(*number).expect("small");
            archive.add_at(segment.expect("a name"), hours_ago(hours));
        }
        archive
    };
    let based = |repository: &str| {
        let mut backup = backup(repository, 28, 9, true);
        backup.wal_start = Some("000000010000000000000002".to_owned());
        backup.wal_stop = Some("000000010000000000000003".to_owned());
        backup
    };
    let whole = || archive(&[2, 3, 4, 5]);
    let rows = [
        ("nobody listed it", vec![], "wal_gap - pitr_from - pitr_to -"),
        ("whole", vec![whole(), archive(&[2, 3, 4])], "wal_gap false pitr_from 1d4h pitr_to 1d2h"),
        ("one of them", vec![whole(), archive(&[2, 4])], "wal_gap true pitr_from - pitr_to 1d2h"),
        ("one is not listed", vec![whole()], "wal_gap - pitr_from - pitr_to -"),
    ];
    for (row, archives, says) in rows {
        let mut listing = listing(&["r1", "r2"], vec![based("r1"), based("r2")]);
        listing.wal = ["r1", "r2"].map(str::to_owned).into_iter().zip(archives).collect();
        assert_eq!(told(&listing, &Terms::default(), &names), says, "{row}");
    }
}
