//! Archived WAL: which segments there are, and which are missing on the way from a backup to the end.
//!
//! A segment's name is a timeline, a log and a number in it, eight hexadecimal digits each; a log is 4 GiB, so that the
//! number is below 2^32 / the segment's size. Nothing is read but names: that a segment is there does not say that it
//! can be replayed.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

/// The size of a segment unless the cluster was made with another: 16 MiB.
pub(super) const SEGMENT: u64 = 16 << 20;

/// A segment: its timeline, and its number counted through all logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub(super) timeline: u32,
    pub(super) number: u64,
}

/// Missing segments in a row on one timeline, ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    timeline: u32,
    first: u64,
    last: u64,
    per_log: u64,
}

/// Whether a size can be a segment's: a power of two from 1 MiB to 1 GiB.
pub(super) fn is_segment_size(bytes: u64) -> bool {
    bytes.is_power_of_two() && (1 << 20..=1 << 30).contains(&bytes)
}

/// What is archived of one cluster in one repository.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    /// How many segments a log has.
    per_log: u64,
    /// By timeline, the runs of segments that are there: from the first to the last, ends included.
    runs: BTreeMap<u32, BTreeMap<u64, u64>>,
    /// When the furthest segment came, if that is told.
    newest: Option<(Segment, Timestamp)>,
}

impl Archive {
    /// An empty archive of segments of `size` bytes.
    pub(super) fn new(size: u64) -> Self {
        Self { per_log: (1 << 32) / size.max(1), runs: BTreeMap::new(), newest: None }
    }

    /// Reads a segment's name, which a tool may have followed by `-` and a checksum. Nothing for other files, such as
    /// histories, labels of backups and partial segments, nor for a number that a segment of this size cannot have.
    pub(super) fn segment(&self, name: &str) -> Option<Segment> {
        let (name, rest) = name.split_at_checked(24)?;
        if !(rest.is_empty() || rest.starts_with('-')) {
            return None;
        }
        if !name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let part = |at: usize| u32::from_str_radix(&name[at..at + 8], 16).ok();
        let (timeline, log, number) = (part(0)?, u64::from(part(8)?), u64::from(part(16)?));
        let fits = number < self.per_log && timeline > 0;
        fits.then(|| Segment { timeline, number: log * self.per_log + number })
    }

    /// Adds the segments from `first` to `last`.
    pub(super) fn add(&mut self, first: Segment, last: u64) {
        let runs = self.runs.entry(first.timeline).or_default();
        let (mut from, mut to) = (first.number, last.max(first.number));
        if let Some((&start, &end)) = runs.range(..=from).next_back()
            && end.saturating_add(1) >= from
        {
            (from, to) = (start, to.max(end));
        }
        while let Some((&start, &end)) = runs.range(from..=to.saturating_add(1)).next() {
            runs.remove(&start);
            to = to.max(end);
        }
        runs.insert(from, to);
    }

    /// Adds a segment, with when it came.
    pub(super) fn add_at(&mut self, segment: Segment, at: Option<Timestamp>) {
        self.add(segment, segment.number);
        if let Some(at) = at
            && self.newest.is_none_or(|(furthest, _)| segment > furthest)
        {
            self.newest = Some((segment, at));
        }
    }

    /// When the furthest segment came, by the newest timeline.
    pub(super) fn newest_at(&self) -> Option<Timestamp> {
        self.newest.map(|(_, at)| at)
    }

    /// What is missing from `from` up to the furthest segment, and at least up to `to`, on the way that the newest
    /// timeline came. A timeline begins where its first segment stands; one that began before `from` is none of its
    /// descendants.
    pub(super) fn missing(&self, from: Segment, to: Option<Segment>) -> Vec<Gap> {
        let end_of = |timeline: u32| {
            let archived = self.runs.get(&timeline).and_then(|runs| runs.values().next_back());
            let needed = to.filter(|to| to.timeline == timeline).map(|to| to.number);
            archived.copied().max(needed)
        };
        let mut gaps = Vec::new();
        // Where what follows begins: only what is before it is needed of an older timeline.
        let mut follows: Option<u64> = None;
        for (&timeline, runs) in self.runs.range(from.timeline.saturating_add(1)..).rev() {
            let Some((&begins, _)) = runs.first_key_value() else { continue };
            if begins < from.number || follows.is_some_and(|follows| begins >= follows) {
                continue;
            }
            let last = follows.map_or_else(|| end_of(timeline), |f| f.checked_sub(1));
            self.holes(timeline, begins, last.unwrap_or(begins), &mut gaps);
            follows = Some(begins);
        }
        let last = match follows {
            Some(follows) if follows <= from.number => return gaps,
            Some(follows) => follows - 1,
            None => end_of(from.timeline).unwrap_or(from.number).max(from.number),
        };
        self.holes(from.timeline, from.number, last, &mut gaps);
        gaps.reverse();
        gaps
    }

    /// What is missing of one timeline between two numbers, ends included; the furthest first.
    fn holes(&self, timeline: u32, first: u64, last: u64, gaps: &mut Vec<Gap>) {
        let gap = |first, last| Gap { timeline, first, last, per_log: self.per_log };
        let mut found = Vec::new();
        let mut next = first;
        let runs = self.runs.get(&timeline);
        let before = runs.and_then(|runs| runs.range(..=first).next_back());
        let after = runs.into_iter().flat_map(|runs| runs.range(first.saturating_add(1)..));
        for (&start, &end) in before.into_iter().chain(after) {
            if start > last {
                break;
            }
            if start > next {
                found.push(gap(next, start - 1));
            }
            next = next.max(end.saturating_add(1));
        }
        if next <= last {
            found.push(gap(next, last));
        }
        gaps.extend(found.into_iter().rev());
    }
}

impl Gap {
    /// How many segments are missing.
    pub(super) fn len(&self) -> u64 {
        self.last - self.first + 1
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |n: u64| {
            format!("{:08X}{:08X}{:08X}", self.timeline, n / self.per_log, n % self.per_log)
        };
        f.write_str(&name(self.first))?;
        if self.last > self.first { write!(f, " to {}", name(self.last)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(size: u64, runs: &[(&str, &str)]) -> Archive {
        let mut archive = Archive::new(size);
        for (first, last) in runs {
            let [first, last] = [first, last].map(|n| archive.segment(n).expect("a segment"));
            archive.add(first, last.number);
        }
        archive
    }

    #[test]
    fn names_are_segments_only_if_the_size_allows() {
        let rows = [
            ("0000000100000000000000FF", SEGMENT, Some((1, 255))),
            ("000000010000000100000000", SEGMENT, Some((1, 256))),
            ("000000010000000000000100", SEGMENT, None),
            ("000000010000000000000FFF", 1 << 20, Some((1, 4_095))),
            ("000000010000000100000000", 1 << 20, Some((1, 4_096))),
            ("000000010000000100000003", 1 << 30, Some((1, 7))),
            ("000000010000000000000007-0a1b.gz", SEGMENT, Some((1, 7))),
            ("000000010000000000000007.partial", SEGMENT, None),
            ("000000010000000000000007.00000028.backup", SEGMENT, None),
            ("00000002.history", SEGMENT, None),
            ("000000000000000000000007", SEGMENT, None),
            ("00000001000000000000000G", SEGMENT, None),
            ("+0000001000000000000000F", SEGMENT, None),
            ("ü00000010000000000000001", SEGMENT, None),
            ("", SEGMENT, None),
        ];
        for (name, size, expected) in rows {
            let found = Archive::new(size).segment(name).map(|s| (s.timeline, s.number));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn gaps_are_found_on_the_way_that_the_newest_timeline_came() {
        // Timelines and numbers in short: `1:05` is number 5 of timeline 1.
        fn long(short: &str) -> String {
            let (timeline, number) = short.split_once(':').expect("a colon");
            let number = u64::from_str_radix(number, 16).expect("a number");
            format!("{timeline:0>8}{:08X}{:08X}", number / 256, number % 256)
        }
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, Option<&'a str>, &'a [&'a str]);
        let rows: [Row<'_>; 12] = [
            ("whole", &[("1:05", "1:20")], "1:07", None, &[]),
            ("over the end of a log", &[("1:FE", "1:102")], "1:FF", None, &[]),
            ("one missing", &[("1:05", "1:08"), ("1:0A", "1:20")], "1:07", None, &["1:09"]),
            ("a gap before it", &[("1:05", "1:06"), ("1:08", "1:20")], "1:08", None, &[]),
            ("its first is missing", &[("1:08", "1:20")], "1:07", None, &["1:07"]),
            ("nothing is archived", &[], "1:07", None, &["1:07"]),
            ("its end is not archived", &[("1:05", "1:08")], "1:07", Some("1:0A"), &["1:09-0A"]),
            ("switched", &[("1:05", "1:09"), ("2:0A", "2:20")], "1:07", None, &[]),
            (
                "switched within a segment that the old timeline holds too",
                &[("1:05", "1:0A"), ("2:0A", "2:20")],
                "1:07",
                None,
                &[],
            ),
            (
                "the new timeline's first is missing",
                &[("1:05", "1:09"), ("2:0B", "2:20")],
                "1:07",
                None,
                &["1:0A"],
            ),
            (
                "a timeline that was left again",
                &[("1:05", "1:09"), ("2:0C", "2:0D"), ("3:0A", "3:20")],
                "1:07",
                None,
                &[],
            ),
            (
                "a timeline that began before the backup",
                &[("1:05", "1:20"), ("2:02", "2:03")],
                "1:07",
                None,
                &[],
            ),
        ];
        for (row, runs, from, to, missing) in rows {
            let runs: Vec<(String, String)> =
                runs.iter().map(|(a, b)| (long(a), long(b))).collect();
            let runs: Vec<(&str, &str)> = runs.iter().map(|(a, b)| (&**a, &**b)).collect();
            let archive = archive(SEGMENT, &runs);
            let from = archive.segment(&long(from)).expect("a segment");
            let to = to.and_then(|to| archive.segment(&long(to)));
            let told: Vec<String> =
                archive.missing(from, to).iter().map(ToString::to_string).collect();
            let expected: Vec<String> = missing
                .iter()
                .map(|gap| match gap.split_once('-') {
                    None => long(gap),
                    Some((first, last)) => {
                        format!("{} to {}", long(first), long(&format!("{}:{last}", &first[..1])))
                    }
                })
                .collect();
            assert_eq!(told, expected, "{row}");
        }
    }

    #[test]
    fn runs_grow_together_in_any_order() {
        let mut archive = Archive::new(SEGMENT);
        for number in [5, 7, 6, 1, 2, 9, 8, 2, 4] {
            archive.add_at(Segment { timeline: 1, number }, Timestamp::from_second(1_000).ok());
        }
        let gaps = archive.missing(Segment { timeline: 1, number: 1 }, None);
        assert_eq!(
            gaps.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["000000010000000000000003"]
        );
        assert_eq!(archive.newest_at(), Timestamp::from_second(1_000).ok());
        // The largest run that a tool may tell of costs no more than a small one.
        archive.add(Segment { timeline: 1, number: 3 }, (1 << 40) - 1);
        assert!(archive.missing(Segment { timeline: 1, number: 1 }, None).is_empty());
    }
}
