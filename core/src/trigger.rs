//! A trigger: a breach of a check that lasts for its duration calls for a procedure.
//!
//! Duration is *credited*, never assumed: only time between adjacent fresh breach samples counts, so an outage of the
//! source, a restart or a stepped clock adds nothing. Unknown freezes the credit and never fires. What happens when a
//! trigger fires is not decided here.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::expectation::{Expectation, Truth};
use crate::milestone::{Milestone, Phase, Reached};
use crate::name::{CheckPath, Name};
use crate::observation::Observation;
use crate::time::{Moment, add, elapsed, format_duration, format_exact};

/// The share of the samples of `for` that must have been seen as breach, in percent.
const COVERAGE_PERCENT: u128 = 80;
/// How far a sample's own time may lie ahead of ours before it is no answer.
const SKEW: Duration = Duration::from_secs(5);

/// What an unknown sample does to a pending trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Credit is kept and frozen.
    #[default]
    Hold,
    /// Credit is dropped.
    Reset,
}

/// What a trigger does when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Record what would have happened.
    Observe,
    /// Ask a person.
    Suggest,
    /// Run the procedure.
    Act,
}

/// A watched condition, as compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// The name.
    pub id: Name,
    /// The check whose readings are watched.
    pub check: CheckPath,
    /// What counts as breach.
    pub breach: Expectation,
    /// For how long it must last.
    pub lasts: Duration,
    /// What unknown does.
    pub on_unknown: OnUnknown,
    /// What firing does.
    pub mode: Mode,
    /// The procedure that it calls for.
    pub procedure: Name,
    /// The milestone that arms it.
    pub armed_from: Milestone,
    /// How long after which milestone it is disarmed.
    pub armed_until: Option<(Duration, Milestone)>,
    /// How often the check looks.
    pub every: Duration,
    /// The longest time between two breach samples that still counts as breach.
    pub max_gap: Duration,
}

/// Where a trigger stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its milestone has not been reached.
    #[default]
    Disarmed,
    /// Armed, no breach.
    Watching,
    /// In breach, credit grows.
    Pending,
    /// In breach when last seen; evidence is missing and credit is frozen.
    Suspended,
    /// Armed, and there is no evidence to judge by.
    Blind,
    /// It fired; latched for this deployment.
    Fired,
    /// Its window has ended.
    Expired,
}

impl Status {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disarmed => "disarmed",
            Self::Watching => "watching",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
            Self::Blind => "blind",
            Self::Fired => "fired",
            Self::Expired => "expired",
        }
    }
}

/// Everything a trigger remembers; persisted on every change and restored as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Where it stands.
    pub status: Status,
    /// Which deployment it is armed for, counted from 1.
    pub generation: u32,
    /// Breach time credited so far.
    pub credit: Duration,
    /// Breach samples since the last good one.
    pub breaches: u32,
    /// The newest sample time taken; survives resets, so an old sample never counts again.
    pub high_water: Option<Timestamp>,
    /// The last breach sample: its own time, and when we saw it.
    pub last_breach: Option<(Timestamp, Moment)>,
    /// When the present breach began.
    pub breach_since: Option<Timestamp>,
    /// When evidence went missing.
    pub unknown_since: Option<Timestamp>,
    /// When it last had evidence, good or bad, by our clocks; armed time counts as a start.
    pub last_evidence: Option<Moment>,
    /// When it fired.
    pub fired_at: Option<Timestamp>,
    /// What was last seen, in words.
    pub because: String,
}

/// What a sample says.
enum Sample {
    Breach(String),
    Good(String),
    Unknown(String),
}

impl Trigger {
    /// What it watches, as text: two triggers with the same text may share a memory.
    pub fn watches(&self) -> String {
        let lasts = format_exact(self.lasts);
        format!("{}: {} for {lasts}, unknown: {:?}", self.check, self.breach, self.on_unknown)
    }

    /// How long evidence may be missing before the trigger is blind.
    pub fn blind_after(&self) -> Duration {
        (self.every * 3).max(Duration::from_secs(60)).max(self.max_gap)
    }

    /// Whether the milestones so far arm it, at `now`.
    fn is_armed(&self, history: &[Reached], now: Timestamp) -> Option<Arming> {
        match Phase::after(history) {
            Phase::Preparing | Phase::Closed | Phase::RolledBack => return Some(Arming::Out),
            Phase::Launching | Phase::Watching | Phase::RollingBack => {}
        }
        let since_deploy = history.iter().rposition(|r| r.milestone == Milestone::DeployStarted)?;
        let this_deployment = &history[since_deploy..];
        let at =
            |m: Milestone| this_deployment.iter().rev().find(|r| r.milestone == m).map(|r| r.at);
        at(self.armed_from)?;
        match self.armed_until.and_then(|(after, m)| at(m).map(|at| add(at, after))) {
            Some(end) if now >= end => Some(Arming::Ended),
            _ => Some(Arming::In),
        }
    }

    fn sample(&self, observation: &Observation, now: Moment) -> Sample {
        let readings = match &observation.outcome {
            Ok(readings) => readings,
            Err(failure) => return Sample::Unknown(failure.to_string()),
        };
        let sampled_at = observation.sampled_at();
        if sampled_at > add(now.wall, SKEW) {
            return Sample::Unknown(format!(
                "the sample is dated {sampled_at}, ahead of our clock"
            ));
        }
        if elapsed(sampled_at, now.wall) > self.max_gap {
            let age = format_duration(elapsed(sampled_at, now.wall));
            return Sample::Unknown(format!("the newest sample is {age} old"));
        }
        let judged = self.breach.evaluate(readings);
        match judged.truth {
            Truth::True => Sample::Breach(judged.because),
            Truth::False => Sample::Good(judged.because),
            Truth::Unknown(cause) => Sample::Unknown(format!("{cause}: {}", judged.because)),
        }
    }
}

enum Arming {
    In,
    Out,
    Ended,
}

impl Memory {
    /// Takes the milestones and the clock into account: arming, disarming, suspension and blindness.
    pub fn tick(&mut self, trigger: &Trigger, history: &[Reached], generation: u32, now: Moment) {
        match trigger.is_armed(history, now.wall) {
            None | Some(Arming::Out) => {
                if self.status != Status::Fired && self.status != Status::Disarmed {
                    self.disarm(Status::Disarmed);
                }
                return;
            }
            Some(Arming::Ended) => {
                if !matches!(self.status, Status::Fired | Status::Pending | Status::Expired) {
                    self.disarm(Status::Expired);
                }
                if self.status != Status::Pending {
                    return;
                }
            }
            Some(Arming::In) => {}
        }
        if self.generation != generation {
            *self = Self {
                status: Status::Watching,
                generation,
                high_water: self.high_water,
                last_evidence: Some(now),
                because: "armed; nothing seen yet".to_owned(),
                ..Self::default()
            };
        }
        if self.status == Status::Disarmed || self.status == Status::Expired {
            self.status = Status::Watching;
            self.last_evidence = Some(now);
        }
        self.look_at_the_clock(trigger, now);
    }

    fn disarm(&mut self, to: Status) {
        *self = Self {
            status: to,
            generation: self.generation,
            high_water: self.high_water,
            because: format!(
                "{} with {} of credit dropped",
                to.name(),
                format_duration(self.credit)
            ),
            ..Self::default()
        };
    }

    /// Moves to suspended or blind when evidence is missing for too long.
    fn look_at_the_clock(&mut self, trigger: &Trigger, now: Moment) {
        let silent = self.last_evidence.map(|at| now.age_of(at)).unwrap_or_default();
        match self.status {
            Status::Pending if silent > trigger.max_gap => {
                self.status = Status::Suspended;
                self.unknown_since.get_or_insert(now.wall);
            }
            Status::Watching if silent > trigger.blind_after() => {
                self.status = Status::Blind;
                self.unknown_since.get_or_insert(now.wall);
            }
            Status::Suspended if silent > retention(trigger) => {
                let lost = format_duration(self.credit);
                self.forget_breach();
                self.status = Status::Blind;
                self.because = format!(
                    "pending credit of {lost} dropped after {} without data",
                    format_duration(silent)
                );
            }
            _ => {}
        }
    }

    fn forget_breach(&mut self) {
        self.credit = Duration::ZERO;
        self.breaches = 0;
        self.last_breach = None;
        self.breach_since = None;
    }

    /// Takes an observation of the watched check in. Returns whether the trigger fires now.
    pub fn take(&mut self, trigger: &Trigger, observation: &Observation, now: Moment) -> bool {
        if matches!(self.status, Status::Disarmed | Status::Expired | Status::Fired) {
            return false;
        }
        let sampled_at = observation.sampled_at();
        match trigger.sample(observation, now) {
            Sample::Unknown(because) => {
                self.unknown_since.get_or_insert(observation.at.wall);
                self.because = because;
                if trigger.on_unknown == OnUnknown::Reset {
                    self.forget_breach();
                    if self.status != Status::Blind {
                        self.status = Status::Watching;
                    }
                }
                false
            }
            // Seen before, or older than what was seen: it says nothing new.
            _ if self.high_water.is_some_and(|mark| sampled_at <= mark) => false,
            Sample::Good(because) => {
                self.accept(sampled_at, observation.at, because);
                self.forget_breach();
                self.status = Status::Watching;
                false
            }
            Sample::Breach(because) => {
                self.accept(sampled_at, observation.at, because);
                self.credit_breach(trigger, sampled_at, observation.at);
                self.status = Status::Pending;
                self.is_due(trigger)
            }
        }
    }

    fn accept(&mut self, sampled_at: Timestamp, seen: Moment, because: String) {
        self.high_water = Some(sampled_at);
        self.last_evidence = Some(seen);
        self.unknown_since = None;
        self.because = because;
    }

    fn credit_breach(&mut self, trigger: &Trigger, sampled_at: Timestamp, seen: Moment) {
        if let Some((earlier, seen_earlier)) = self.last_breach {
            let by_source = elapsed(earlier, sampled_at);
            let by_us = seen.since(seen_earlier);
            if by_source <= trigger.max_gap && by_us <= trigger.max_gap {
                self.credit += by_source.min(by_us);
            }
        }
        self.last_breach = Some((sampled_at, seen));
        self.breach_since.get_or_insert(sampled_at);
        self.breaches = self.breaches.saturating_add(1);
    }

    /// Whether credit and coverage suffice; the caller has just seen a live breach.
    fn is_due(&self, trigger: &Trigger) -> bool {
        let samples = trigger.lasts.as_millis() / trigger.every.as_millis().max(1);
        let needed = samples * COVERAGE_PERCENT / 100 + 1;
        self.credit >= trigger.lasts && u128::from(self.breaches) >= needed
    }

    /// What stays of the memory when the trigger comes to watch something else: the latch and the high-water mark.
    pub fn latch_only(self) -> Self {
        if self.status == Status::Fired {
            return self;
        }
        Self { high_water: self.high_water, ..Self::default() }
    }

    /// Latches the trigger.
    pub fn fire(&mut self, at: Timestamp) {
        self.status = Status::Fired;
        self.fired_at = Some(at);
    }

    /// The sentence for people: what is known, since when, and what will and will not happen.
    pub fn because(&self, trigger: &Trigger) -> String {
        let progress =
            format!("{} of {}", format_duration(self.credit), format_duration(trigger.lasts));
        match self.status {
            Status::Disarmed => format!("armed from {}", trigger.armed_from),
            Status::Expired => "its window has ended".to_owned(),
            Status::Watching => self.because.clone(),
            Status::Pending => format!("{}, for {progress}", self.because),
            Status::Suspended | Status::Blind => {
                let since =
                    self.unknown_since.map_or_else(String::new, |at| format!(" since {at:.0}"));
                let kept = if self.status == Status::Suspended {
                    format!(" Pending {progress} is kept.")
                } else {
                    String::new()
                };
                format!("UNKNOWN{since}: {}.{kept} Will not fire without new data.", self.because)
            }
            Status::Fired => format!("{}, for {progress}", self.because),
        }
    }
}

/// How long a suspended trigger keeps its credit: `for`, at least 15 minutes, at most an hour.
fn retention(trigger: &Trigger) -> Duration {
    trigger.lasts.max(Duration::from_secs(900)).min(Duration::from_secs(3_600))
}

#[cfg(test)]
mod tests;
