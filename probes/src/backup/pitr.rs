//! From when to when one can go back to any point: good backups, and the WAL that leads on from them.

use jiff::Timestamp;

use super::listing::Backup;
use super::wal::{Archive, Gap, Segment};

/// How far one can go back in one repository.
#[derive(Debug, PartialEq)]
pub(super) struct Window {
    /// The end of the oldest good backup from which the WAL goes on without a gap.
    pub(super) from: Option<Timestamp>,
    /// When the furthest WAL was archived, if that is told.
    pub(super) to: Option<Timestamp>,
    /// What is missing since the newest full backup began: nothing, if all is well.
    pub(super) missing: Vec<Gap>,
    /// What is missing further back, since the oldest good backup began.
    pub(super) earlier: Vec<Gap>,
}

/// The window that `good` backups of one repository and its archive leave. `None` if no backup tells where its WAL
/// begins.
pub(super) fn window(archive: &Archive, good: &[&Backup]) -> Option<Window> {
    let segment = |name: &Option<String>| name.as_deref().and_then(|n| archive.segment(n));
    let mut bases: Vec<(&Backup, Segment, Option<Segment>)> = good
        .iter()
        .filter_map(|b| Some((*b, segment(&b.wal_start)?, segment(&b.wal_stop))))
        .collect();
    bases.sort_by_key(|(backup, ..)| backup.end);
    let newest = bases.iter().rev();
    let full = newest.clone().find(|(backup, ..)| !backup.is_incremental());
    let (_, start, _) = full.or(newest.clone().next())?;
    // The archive must at least reach to where the last of them is consistent.
    let until = bases.iter().filter_map(|(.., stop)| *stop).max();
    let missing = archive.missing(*start, until);
    let whole = |(_, start, _): &&(&Backup, Segment, Option<Segment>)| {
        archive.missing(*start, until).is_empty()
    };
    // What leads on from one leads on from all after it.
    let from = bases.iter().rev().take_while(whole).last().and_then(|(backup, ..)| backup.end);
    let earlier = bases.first().map(|(_, start, _)| archive.missing(*start, until));
    let mut earlier = earlier.unwrap_or_default();
    earlier.retain(|gap| !missing.contains(gap));
    Some(Window { from, to: archive.newest_at(), missing, earlier })
}

#[cfg(test)]
mod tests {
    use super::super::listing::State;
    use super::super::wal::SEGMENT;
    use super::*;

    fn backup(kind: &str, day: i64, start: u64) -> Backup {
        let mut backup = Backup::new("r", format!("{kind}{day}"), State::Good);
        backup.kind = kind.to_owned();
        backup.end = Timestamp::from_second(day * 86_400).ok();
        backup.wal_start = Some(format!("0000000100000000{start:08X}"));
        backup.wal_stop = Some(format!("0000000100000000{:08X}", start + 1));
        backup
    }

    /// What it is about, the segments that are there, the day from which one can go back, and the gaps.
    type Row<'a> = (&'a str, &'a [(u64, u64)], Option<i64>, &'a str, &'a str);

    #[test]
    fn one_can_go_back_to_the_oldest_backup_that_leads_on() {
        let backups = [backup("full", 1, 0x10), backup("full", 8, 0x20), backup("incr", 9, 0x28)];
        let rows: [Row<'_>; 5] = [
            ("whole", &[(0x10, 0x30)], Some(1), "", ""),
            ("before the newest", &[(0x10, 0x17), (0x19, 0x30)], Some(8), "", "18"),
            ("since the newest full", &[(0x10, 0x24), (0x26, 0x30)], Some(9), "25", ""),
            ("the last one's is not there", &[(0x10, 0x27)], None, "28 to 29", ""),
            ("none", &[], None, "20 to 29", "10 to 29"),
        ];
        for (row, runs, from, missing, earlier) in rows {
            let mut archive = Archive::new(SEGMENT);
            for (first, last) in runs {
                archive.add(Segment { timeline: 1, number: *first }, *last);
            }
            let good: Vec<&Backup> = backups.iter().collect();
            let window = window(&archive, &good).expect("the backups tell of their WAL");
            let day = |at: Timestamp| at.as_second() / 86_400;
            assert_eq!(window.from.map(day), from, "{row}");
            let told = |gaps: &[Gap]| {
                let short = |g: &Gap| g.to_string().replace("0000000100000000000000", "");
                gaps.iter().map(short).collect::<Vec<_>>().join(", ")
            };
            assert_eq!(told(&window.missing), missing, "{row}");
            assert_eq!(told(&window.earlier), earlier, "{row}");
        }
    }
}
