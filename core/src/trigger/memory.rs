//! What a trigger remembers, and how a sample or the passing of time changes it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::gap::Gap;
use super::orders::{Asked, Hold};
use super::sample::Sample;
use super::{Arming, Flag, OnUnknown, Status, Trigger};
use crate::milestone::Reached;
use crate::name::{CheckPath, Name};
use crate::observation::Observation;
use crate::time::{Moment, elapsed, format_duration};

/// The share of the samples of `for` that must have been seen as breach, in percent.
const COVERAGE_PERCENT: u128 = 80;
/// How many of the last decided samples tell whether a condition flaps, as Nagios counts them.
const FLAP_SAMPLES: u32 = 20;
/// How many changes among them begin and end flapping.
const FLAPS: (u32, u32) = (6, 3);

/// What one child of the condition last said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Whether it was a breach.
    pub breach: bool,
    /// When it was true, by the source.
    pub sampled_at: Timestamp,
    /// When we saw it.
    pub at: Moment,
    /// In words.
    pub because: String,
}

/// What is remembered of one child.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChildMemory {
    /// The newest sample time taken.
    pub high_water: Option<Timestamp>,
    /// What it last said; it holds for `max_gap`.
    pub last: Option<Seen>,
    /// Why it says nothing now.
    pub unknown: Option<String>,
    /// Samples under the mark: the last one, when we saw it, and how many go on as our clock does.
    pub behind: Option<(Timestamp, Moment, u32)>,
}

/// Everything a trigger remembers; persisted on every change and restored as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Where it stands.
    pub status: Status,
    /// Which deployment it is armed for, counted from 1.
    pub generation: u32,
    /// When it was armed.
    pub armed_at: Option<Moment>,
    /// Breach time credited so far.
    pub credit: Duration,
    /// Breach samples since the last good one.
    pub breaches: u32,
    /// The newest sample time taken; survives resets, so an old sample never counts again.
    pub high_water: Option<Timestamp>,
    /// The last breach sample, if none but unknowns followed it: its own time, and when we saw it.
    pub last_breach: Option<(Timestamp, Moment)>,
    /// When the present breach began.
    pub breach_since: Option<Timestamp>,
    /// Since when samples are good.
    pub good_since: Option<Moment>,
    /// When evidence went missing, and how many looks in a row brought none.
    pub unknown_since: Option<Timestamp>,
    /// How many looks in a row brought no evidence.
    pub unknowns: u32,
    /// When it last had evidence, good or bad, by our clocks; arming counts as a start.
    pub last_evidence: Option<Moment>,
    /// What that evidence was, in words.
    pub last_words: String,
    /// When it fired.
    pub fired_at: Option<Timestamp>,
    /// What was last seen, in words.
    pub because: String,
    /// The children of the condition, in its order.
    pub children: Vec<ChildMemory>,
    /// The last looks of a window: their places on the grid, and whether each was a breach.
    pub slots: Vec<(i64, bool)>,
    /// The last decided samples, newest in the lowest bit, breach as one; and how many there are.
    pub recent: (u32, u32),
    /// Whether it flaps.
    pub flapping: bool,
    /// Whether the last decided sample before arming was a breach.
    pub bad_before: Option<bool>,
    /// Whether it was in breach before the deployment and has not recovered since.
    pub preexisting: bool,
    /// Whether nothing live was seen since a restart.
    pub unconfirmed: bool,
    /// Who keeps it from firing.
    pub hold: Option<Hold>,
    /// How many more live breaches it takes after a hold has ended.
    pub confirm: u32,
    /// What keeps it from firing although its duration is met.
    pub blocked: Option<String>,
    /// Time without samples that the source's history may fill.
    pub gap: Option<Gap>,
    /// The question that a suggestion put, and what became of it.
    pub asked: Option<Asked>,
    /// Who has seen it.
    pub acked: Option<Name>,
    /// Who was first to ask for re-arming, where it takes two.
    pub rearm_asked: Option<Name>,
}

impl Memory {
    /// Takes the milestones and the clock into account: arming, disarming, suspension and blindness.
    pub fn tick(&mut self, trigger: &Trigger, history: &[Reached], generation: u32, now: Moment) {
        match trigger.arming(history, now.wall) {
            Arming::Out => {
                if self.status != Status::Fired && self.status != Status::Disarmed {
                    self.disarm(Status::Disarmed);
                }
                return;
            }
            Arming::Ended => {
                if self.status != Status::Pending {
                    if !matches!(self.status, Status::Fired | Status::Expired) {
                        self.disarm(Status::Expired);
                    }
                    return;
                }
            }
            Arming::Over => {
                if !matches!(self.status, Status::Fired | Status::Expired) {
                    self.disarm(Status::Expired);
                }
                return;
            }
            Arming::In => {}
        }
        if self.generation != generation
            || !(self.status.is_armed() || self.status == Status::Fired)
        {
            self.arm(generation, now);
        }
        self.end_hold(now);
        self.look_at_the_clock(trigger, now);
    }

    /// Begins anew: what was seen before counts no more, save the marks under which samples are old.
    pub(super) fn arm(&mut self, generation: u32, now: Moment) {
        *self = Self {
            status: Status::Arming,
            generation,
            armed_at: Some(now),
            high_water: self.high_water,
            children: self.marks(),
            bad_before: self.bad_before,
            hold: self.hold.take(),
            last_evidence: Some(now),
            because: "armed; nothing seen yet".to_owned(),
            ..Self::default()
        };
    }

    fn disarm(&mut self, to: Status) {
        let lost = format_duration(self.credit);
        *self = Self {
            status: to,
            generation: self.generation,
            high_water: self.high_water,
            children: std::mem::take(&mut self.children),
            because: format!("{} with {lost} of credit dropped", to.name()),
            ..Self::default()
        };
    }

    /// Moves to suspended or blind when evidence is missing for too long.
    fn look_at_the_clock(&mut self, trigger: &Trigger, now: Moment) {
        let silent = self.last_evidence.map(|at| now.age_of(at)).unwrap_or_default();
        if self.status == Status::Pending && silent > trigger.max_gap {
            self.status = Status::Suspended;
            self.unknown_since.get_or_insert(now.wall);
        }
        // A long silence may have passed since the last tick: it can lead through both.
        match self.status {
            Status::Watching | Status::Arming
                if silent > trigger.blind_after().max(self.patience(trigger)) =>
            {
                self.status = Status::Blind;
                self.unknown_since.get_or_insert(now.wall);
            }
            Status::Suspended if silent > trigger.retention() => {
                let lost = format_duration(self.credit);
                self.forget_breach();
                self.status = Status::Blind;
                let silent = format_duration(silent);
                self.because =
                    format!("pending credit of {lost} dropped after {silent} without data");
            }
            _ => {}
        }
    }

    /// How long a trigger that was just armed may be without evidence: while it does not count, none is missed.
    fn patience(&self, trigger: &Trigger) -> Duration {
        if self.status == Status::Arming { trigger.arm_delay } else { Duration::ZERO }
    }

    pub(super) fn forget_breach(&mut self) {
        self.credit = Duration::ZERO;
        self.breaches = 0;
        self.last_breach = None;
        self.breach_since = None;
        self.slots.clear();
        self.blocked = None;
        self.gap = None;
    }

    /// Takes an observation of a watched check in. Returns whether the trigger's duration is met by a live breach and
    /// nothing that it remembers keeps it from firing.
    pub fn take(
        &mut self,
        trigger: &Trigger,
        check: &CheckPath,
        observation: &Observation,
        now: Moment,
    ) -> bool {
        let Some(sample) = self.look(trigger, check, observation, now) else { return false };
        if !self.status.is_armed() {
            self.look_on(trigger, &sample, observation.at);
            return false;
        }
        match sample {
            Sample::Old => false,
            Sample::Unknown(because) => {
                self.unknown(trigger, because, observation.at);
                false
            }
            Sample::Rebased(mark, because) => {
                self.high_water = Some(mark);
                self.forget_breach();
                self.unknown(trigger, because, observation.at);
                self.status = Status::Blind;
                false
            }
            Sample::Good(at, because) => {
                self.accept(at, observation.at, because, false);
                self.good(trigger, observation.at);
                false
            }
            Sample::Breach(at, because) => {
                self.accept(at, observation.at, because, true);
                self.breach(trigger, at, observation.at)
            }
        }
    }

    /// What is seen while it is not armed is kept for two questions: was it in breach before the deployment, and has a
    /// fired trigger's condition cleared?
    fn look_on(&mut self, trigger: &Trigger, sample: &Sample, at: Moment) {
        let (bad, mark) = match sample {
            Sample::Breach(mark, _) => (Some(true), Some(*mark)),
            Sample::Good(mark, _) => (Some(false), Some(*mark)),
            Sample::Rebased(mark, _) => (None, Some(*mark)),
            Sample::Unknown(_) => (None, None),
            Sample::Old => return,
        };
        // Also while it is latched: the next deployment counts from here.
        self.high_water = mark.or(self.high_water);
        if self.status == Status::Fired {
            match bad {
                Some(false) => {
                    self.good_since.get_or_insert(at);
                }
                _ => self.good_since = None,
            }
            if self.has_recovered(trigger, at) {
                self.acked = None;
            }
            return;
        }
        self.bad_before = bad;
    }

    /// The children without what they said: the samples of another deployment say nothing about this one.
    fn marks(&self) -> Vec<ChildMemory> {
        let mark = |child: &ChildMemory| ChildMemory {
            high_water: child.high_water,
            ..ChildMemory::default()
        };
        self.children.iter().map(mark).collect()
    }

    /// Whether samples have been good for as long as recovery takes.
    pub(super) fn has_recovered(&self, trigger: &Trigger, now: Moment) -> bool {
        self.good_since.is_some_and(|since| now.since(since) >= trigger.recover_for())
    }

    fn unknown(&mut self, trigger: &Trigger, because: String, at: Moment) {
        self.unknown_since.get_or_insert(at.wall);
        self.unknowns = self.unknowns.saturating_add(1);
        self.because = because;
        self.good_since = None;
        if trigger.on_unknown == OnUnknown::Reset {
            self.forget_breach();
            if matches!(self.status, Status::Pending | Status::Suspended) {
                self.status = Status::Watching;
            }
        }
    }

    fn accept(&mut self, sampled_at: Timestamp, seen: Moment, because: String, breach: bool) {
        if let Some(true) = self.bad_before.take()
            && breach
        {
            self.preexisting = true;
        }
        self.high_water = Some(sampled_at);
        self.last_evidence = Some(seen);
        self.unknown_since = None;
        self.unknowns = 0;
        self.unconfirmed = false;
        self.last_words.clone_from(&because);
        self.because = because;
        let (bits, count) = self.recent;
        self.recent = (bits << 1 | u32::from(breach), (count + 1).min(FLAP_SAMPLES));
        let changes = self.changes();
        self.flapping = if self.flapping { changes > FLAPS.1 } else { changes >= FLAPS.0 };
    }

    /// How often breach and good changed places among the last decided samples.
    pub(super) fn changes(&self) -> u32 {
        let (bits, count) = self.recent;
        let pairs = count.saturating_sub(1);
        ((bits ^ bits >> 1) & ((1 << pairs) - 1)).count_ones()
    }

    fn good(&mut self, trigger: &Trigger, seen: Moment) {
        let since = *self.good_since.get_or_insert(seen);
        if self.preexisting && self.has_recovered(trigger, seen) {
            self.preexisting = false;
        }
        self.slot(trigger, false);
        let in_window = self.slots.iter().any(|(_, breach)| *breach);
        let kept = self.credit > Duration::ZERO && seen.since(since) < trigger.clear_after;
        if trigger.window.is_some() && in_window || kept {
            // The next breach is not adjacent to the last one.
            self.last_breach = None;
            self.status = Status::Pending;
            return;
        }
        self.forget_breach();
        self.status =
            if self.is_waiting(trigger, seen) { Status::Arming } else { Status::Watching };
    }

    /// Whether the deployment is too young for its breaches to count.
    fn is_waiting(&self, trigger: &Trigger, seen: Moment) -> bool {
        self.armed_at.is_some_and(|at| seen.age_of(at) < trigger.arm_delay)
    }

    fn breach(&mut self, trigger: &Trigger, sampled_at: Timestamp, seen: Moment) -> bool {
        self.good_since = None;
        if self.is_waiting(trigger, seen) {
            self.status = Status::Arming;
            return false;
        }
        if let Some((earlier, seen_earlier)) = self.last_breach {
            let by_source = elapsed(earlier, sampled_at);
            let by_us = seen.since(seen_earlier);
            if by_source <= trigger.max_gap && by_us <= trigger.max_gap {
                self.credit += by_source.min(by_us);
            } else if trigger.watch.children.len() == 1 && trigger.window.is_none() {
                self.gap = Some(Gap {
                    from: (earlier, seen_earlier),
                    to: (sampled_at, seen),
                    credit: self.credit,
                    breaches: self.breaches,
                });
            }
        }
        self.last_breach = Some((sampled_at, seen));
        self.breach_since.get_or_insert(sampled_at);
        self.breaches = self.breaches.saturating_add(1);
        self.slot(trigger, true);
        self.status = Status::Pending;
        self.confirm = self.confirm.saturating_sub(1);
        self.is_due(trigger) && self.obstacle(trigger).is_none()
    }

    /// Marks the newest sample's place in the window.
    fn slot(&mut self, trigger: &Trigger, breach: bool) {
        let (Some(window), Some(mark)) = (trigger.window, self.high_water) else { return };
        let every = i128::try_from(trigger.every.as_nanos()).unwrap_or(i128::MAX).max(1);
        let place = i64::try_from(mark.as_nanosecond().div_euclid(every)).unwrap_or(i64::MAX);
        self.slots.retain(|(at, _)| *at != place && *at > place - i64::from(window.of));
        self.slots.push((place, breach));
        let breaches = self.slots.iter().filter(|(_, breach)| *breach).count();
        self.credit = trigger.every * u32::try_from(breaches).unwrap_or(u32::MAX);
    }

    /// Whether credit and coverage suffice; the caller has just seen a live breach.
    fn is_due(&self, trigger: &Trigger) -> bool {
        if let Some(window) = trigger.window {
            let breaches = self.slots.iter().filter(|(_, breach)| *breach).count();
            return breaches >= usize::try_from(window.breaches).unwrap_or(usize::MAX);
        }
        let samples = trigger.lasts.as_millis() / trigger.every.as_millis().max(1);
        let needed = samples * COVERAGE_PERCENT / 100 + 1;
        self.credit >= trigger.lasts && u128::from(self.breaches) >= needed
    }

    /// What keeps it from firing now that its duration is met, noted for people.
    fn obstacle(&mut self, trigger: &Trigger) -> Option<&str> {
        self.blocked = if let Some(hold) = &self.hold {
            Some(format!("it would fire; held by {}", hold.by))
        } else if self.confirm > 0 {
            Some(format!("a hold has ended: it fires after {} more breaches", self.confirm))
        } else if self.preexisting && !trigger.preexisting_may_fire {
            Some("the condition was in breach before the deployment".to_owned())
        } else {
            None
        };
        self.blocked.as_deref()
    }

    /// What stays of the memory when the trigger comes to watch something else: the latch and the high-water mark.
    pub fn latch_only(self) -> Self {
        if self.status == Status::Fired {
            return self;
        }
        Self { high_water: self.high_water, hold: self.hold, ..Self::default() }
    }

    /// Latches the trigger.
    pub fn fire(&mut self, at: Timestamp) {
        self.status = Status::Fired;
        self.fired_at = Some(at);
        self.blocked = None;
        self.gap = None;
        self.good_since = None;
    }

    /// What stands beside the status.
    pub fn flags(&self, trigger: &Trigger, now: Moment) -> Vec<Flag> {
        let fired = self.status == Status::Fired;
        [
            (Flag::Held, self.hold.is_some()),
            (Flag::DryRun, trigger.mode == super::Mode::Observe),
            (Flag::Preexisting, self.preexisting),
            (Flag::Flapping, self.flapping && self.status.is_armed()),
            (Flag::Unconfirmed, self.unconfirmed && self.status.is_armed()),
            (Flag::Blocked, self.blocked.is_some()),
            (Flag::Acked, self.acked.is_some()),
            (Flag::Cleared, fired && self.has_recovered(trigger, now)),
        ]
        .into_iter()
        .filter_map(|(flag, stands)| stands.then_some(flag))
        .collect()
    }
}
