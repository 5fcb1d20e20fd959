//! From an observation to a sample: breach, good, or unknown with its words. Every doubt is unknown.

use std::time::Duration;

use jiff::Timestamp;

use super::condition::{Child, Class};
use super::memory::{ChildMemory, Memory, Seen};
use super::{Rule, Trigger};
use crate::expectation::Truth;
use crate::name::CheckPath;
use crate::observation::Observation;
use crate::time::{Moment, add, elapsed, format_duration};

/// How far a sample's own time may lie ahead of ours before it is no answer.
const SKEW: Duration = Duration::from_secs(5);
/// How many samples under the mark, which go on as our clock does, make it a new timeline.
const NEW_TIMELINE: u32 = 3;

/// What the condition says at a look.
#[derive(Debug)]
pub(super) enum Sample {
    Breach(Timestamp, String),
    Good(Timestamp, String),
    Unknown(String),
    /// Seen before: it says nothing new.
    Old,
    /// The source's clock was set back; the mark now follows the new timeline.
    Rebased(Timestamp, String),
}

impl Trigger {
    /// What one child's observation says by itself.
    pub(super) fn classify(
        &self,
        child: &Child,
        observation: &Observation,
        now: Timestamp,
    ) -> (Class, String) {
        let readings = match &observation.outcome {
            Ok(readings) => readings,
            Err(failure) => return (Class::Unknown, failure.to_string()),
        };
        let sampled_at = observation.sampled_at();
        if sampled_at > add(now, SKEW) {
            let why = format!("the sample is dated {sampled_at}, ahead of our clock");
            return (Class::Unknown, why);
        }
        if elapsed(sampled_at, now) > self.max_gap {
            let age = format_duration(elapsed(sampled_at, now));
            return (Class::Unknown, format!("the newest sample is {age} old"));
        }
        let judged = child.breach.evaluate(readings);
        match judged.truth {
            Truth::True => (Class::Breach, judged.because),
            Truth::False => (Class::Good, judged.because),
            Truth::Unknown(cause) => (Class::Unknown, format!("{cause}: {}", judged.because)),
        }
    }
}

impl Memory {
    /// Takes an observation into the children that watch its check, and gives what the condition says, if this check is
    /// the one at whose looks it is judged.
    pub(super) fn look(
        &mut self,
        trigger: &Trigger,
        check: &CheckPath,
        observation: &Observation,
        now: Moment,
    ) -> Option<Sample> {
        self.children.resize_with(trigger.watch.children.len(), ChildMemory::default);
        let mut rebased = None;
        let mut unknown = None;
        for (child, memory) in trigger.watch.children.iter().zip(&mut self.children) {
            if child.check != *check {
                continue;
            }
            let (class, because) = trigger.classify(child, observation, now.wall);
            match memory.take(class, because, observation, trigger.max_gap) {
                Taken::Known => {}
                Taken::Unknown(why) => unknown = Some(why),
                Taken::Rebased(at, why) => rebased = Some(Sample::Rebased(at, why)),
            }
        }
        if check != trigger.watch.clock() {
            return None;
        }
        Some(match rebased {
            Some(rebased) => rebased,
            None => self.compose(trigger, unknown, now),
        })
    }

    fn compose(&self, trigger: &Trigger, unknown: Option<String>, now: Moment) -> Sample {
        let fresh = |child: &ChildMemory| {
            child.last.clone().filter(|seen| now.age_of(seen.at) <= trigger.max_gap)
        };
        let seen: Vec<Option<Seen>> = self.children.iter().map(fresh).collect();
        let classes: Vec<Class> = seen
            .iter()
            .map(|seen| match seen {
                Some(seen) if seen.breach => Class::Breach,
                Some(_) => Class::Good,
                None => Class::Unknown,
            })
            .collect();
        let newest = seen.iter().flatten().map(|seen| seen.sampled_at).max();
        let (class, Some(newest)) = (trigger.watch.compose(&classes), newest) else {
            return Sample::Unknown(unknown.unwrap_or_else(|| self.missing(trigger)));
        };
        if class == Class::Unknown {
            return Sample::Unknown(unknown.unwrap_or_else(|| self.missing(trigger)));
        }
        if self.high_water.is_some_and(|mark| newest <= mark) {
            return unknown.map_or(Sample::Old, Sample::Unknown);
        }
        let wanted = class == Class::Breach;
        let words: Vec<&str> = seen
            .iter()
            .flatten()
            .filter(|seen| seen.breach == wanted)
            .map(|seen| seen.because.as_str())
            .collect();
        let because = match (trigger.watch.rule, wanted) {
            (Rule::Any, true) | (Rule::All, false) => words.join("; "),
            _ => words.join(", and "),
        };
        if wanted { Sample::Breach(newest, because) } else { Sample::Good(newest, because) }
    }

    /// Which children have nothing to say.
    fn missing(&self, trigger: &Trigger) -> String {
        let pairs = trigger.watch.children.iter().zip(&self.children);
        let silent = pairs.filter_map(|(child, memory)| {
            memory.unknown.as_ref().map(|why| format!("{}: {why}", child.check))
        });
        let silent: Vec<String> = silent.collect();
        if silent.is_empty() { "nothing seen yet".to_owned() } else { silent.join("; ") }
    }
}

/// What became of a child's observation.
enum Taken {
    Known,
    Unknown(String),
    Rebased(Timestamp, String),
}

impl ChildMemory {
    fn take(
        &mut self,
        class: Class,
        because: String,
        observation: &Observation,
        max_gap: Duration,
    ) -> Taken {
        if class == Class::Unknown {
            self.unknown = Some(because.clone());
            return Taken::Unknown(because);
        }
        let sampled_at = observation.sampled_at();
        if let Some(mark) = self.high_water.filter(|mark| sampled_at <= *mark) {
            if sampled_at == mark {
                return Taken::Known;
            }
            return self.behind(sampled_at, mark, observation.at, max_gap);
        }
        self.behind = None;
        self.unknown = None;
        self.high_water = Some(sampled_at);
        self.last =
            Some(Seen { breach: class == Class::Breach, sampled_at, at: observation.at, because });
        Taken::Known
    }

    /// A sample older than what was seen. A few of them that go on as our clock does are a source whose clock was set.
    fn behind(
        &mut self,
        sampled_at: Timestamp,
        mark: Timestamp,
        at: Moment,
        max_gap: Duration,
    ) -> Taken {
        let follows = self.behind.as_ref().is_some_and(|(earlier, seen, _)| {
            let (by_source, by_us) = (elapsed(*earlier, sampled_at), at.uptime_since(*seen));
            by_source > Duration::ZERO
                && by_source <= max_gap
                && by_source.abs_diff(by_us) <= SKEW.min(max_gap / 4)
        });
        let count = match &self.behind {
            Some((_, _, count)) if follows => count + 1,
            _ => 1,
        };
        let why =
            format!("the source's clock went back {}", format_duration(elapsed(sampled_at, mark)));
        if count >= NEW_TIMELINE {
            *self = Self { high_water: Some(sampled_at), ..Self::default() };
            return Taken::Rebased(sampled_at, why);
        }
        self.behind = Some((sampled_at, at, count));
        // One alone is a late sample; it says nothing.
        if count == 1 { Taken::Known } else { Taken::Unknown(why) }
    }
}
