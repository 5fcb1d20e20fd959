//! The watch after the launch: how often a report of it is compiled and told, in stages that grow calmer by themselves.

use schemars::JsonSchema;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gate::Verdict;
use crate::name::Name;
use crate::time::{Due, add};

/// A stage of the watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// When it ends.
    pub until: Due,
    /// How often a report is compiled; none but at its end without it.
    pub every: Option<Duration>,
    /// The channels that are told.
    pub to: Vec<Name>,
}

/// A time at which a report is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When.
    pub at: Timestamp,
    /// Of which stage.
    pub stage: usize,
    /// Whether the watch ends with it.
    pub last: bool,
}

/// The first slot after an instant; `ends` are the ends of the stages, in order. None when the watch is over by then.
pub fn next_slot(stages: &[Stage], ends: &[Timestamp], after: Timestamp) -> Option<Slot> {
    let mut from = after;
    for (place, (stage, end)) in stages.iter().zip(ends).enumerate() {
        if from >= *end {
            continue;
        }
        let last = place + 1 == stages.len();
        let inside = stage.every.map(|every| add(from, every)).filter(|at| at < end);
        match inside {
            Some(at) => return Some(Slot { at, stage: place, last: false }),
            None if last || stage.every.is_some() => {
                return Some(Slot { at: *end, stage: place, last });
            }
            None => from = *end,
        }
    }
    None
}

/// A report of the watch, as it is kept: how the launch stood at one of its slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WatchReport {
    /// Its number since the launch went live, counted from 1.
    pub number: u32,
    /// The slot that it was compiled for.
    pub slot: Timestamp,
    /// When it was compiled.
    pub at: Timestamp,
    /// How many slots before it nobody could compile, since the daemon was away.
    pub missed: u32,
    /// Whether the launch is still healthy.
    pub verdict: Verdict,
    /// How many of the watch's checks pass, warnings among them.
    pub good: usize,
    /// Of how many.
    pub of: usize,
    /// What does not pass, in sentences; the first ones.
    pub open: Vec<String>,
    /// Whether the watch ends with it.
    pub last: bool,
}

impl WatchReport {
    /// What is told of it.
    pub fn text(&self, next: Option<Timestamp>) -> String {
        let what = if self.last { "the watch ends" } else { "watch report" };
        let mut text = format!(
            "{what} ({}): {} – {} of {} checks pass",
            self.number,
            self.verdict.name(),
            self.good,
            self.of
        );
        if self.missed > 0 {
            text += &format!("; {} reports before it were missed", self.missed);
        }
        for open in &self.open {
            text += &format!("\n- {open}");
        }
        match next {
            Some(next) => text += &format!("\nnext at {next:.0}"),
            None if self.last => text += "\n`launchgate milestone closed` ends the launch",
            None => {}
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn stage(every: Option<u64>) -> Stage {
        let until = "H+4h".parse().expect("a due time");
        Stage { until, every: every.map(Duration::from_secs), to: Vec::new() }
    }

    #[test]
    fn it_grows_calmer_by_itself() {
        let stages = [stage(Some(1_800)), stage(Some(3_600)), stage(None)];
        let ends = [at(4 * HOUR), at(24 * HOUR), at(168 * HOUR)];
        let mut slots = Vec::new();
        let mut now = at(0);
        while let Some(slot) = next_slot(&stages, &ends, now) {
            slots.push(slot);
            now = slot.at;
        }
        let count = |stage: usize| slots.iter().filter(|slot| slot.stage == stage).count();
        assert_eq!((count(0), count(1), count(2)), (8, 20, 1));
        assert_eq!(slots.last(), Some(&Slot { at: at(168 * HOUR), stage: 2, last: true }));
        assert_eq!(slots.iter().filter(|slot| slot.last).count(), 1);
    }

    #[test]
    fn slots_are_told_from_any_instant() {
        let stages = [stage(Some(1_800)), stage(None)];
        let ends = [at(HOUR), at(2 * HOUR)];
        let rows = [
            ("at the start", 0, Some((1_800, 0, false))),
            ("the end of a stage is a slot", 1_800, Some((HOUR, 0, false))),
            ("went live late in it", 3_000, Some((HOUR, 0, false))),
            ("a stage without a rhythm has its end", HOUR, Some((2 * HOUR, 1, true))),
            ("it is over", 2 * HOUR, None),
        ];
        for (row, after, expected) in rows {
            let slot = next_slot(&stages, &ends, at(after));
            let expected = expected.map(|(t, stage, last)| Slot { at: at(t), stage, last });
            assert_eq!(slot, expected, "{row}");
        }
        assert_eq!(next_slot(&[], &[], at(0)), None, "no watch");
    }
}
