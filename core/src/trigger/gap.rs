//! Time without samples in the middle of a breach, and what the source's history says about it.
//!
//! What is filled in is credited as live samples would have been, and never fires by itself: that takes a live breach.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Memory, OnUnknown, Trigger};
use crate::expectation::Truth;
use crate::observation::Observation;
use crate::time::{Moment, elapsed};
use std::time::Duration;

/// A gap between two breach samples that earned no credit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The breach sample before it.
    pub from: (Timestamp, Moment),
    /// The breach sample after it.
    pub to: (Timestamp, Moment),
    /// The credit when it opened.
    pub credit: Duration,
    /// The breaches when it opened.
    pub breaches: u32,
}

/// What the history within a gap adds up to.
#[derive(Default)]
struct Tail {
    credit: Duration,
    breaches: u32,
    /// When the breach began that lasts to the gap's end, if a good sample lies before it.
    began: Option<Timestamp>,
}

impl Memory {
    /// Fills the open gap from the source's history: breaches next to each other are credited, a good sample among them
    /// ends the breach that came before. Without an open gap nothing changes.
    pub fn fill(&mut self, trigger: &Trigger, history: &[Observation]) {
        let Some(gap) = self.gap.take() else { return };
        let tail = gap.tail(trigger, history);
        let earned = tail.credit.min(gap.to.1.since(gap.from.1));
        if tail.began.is_some() {
            self.credit = self.credit.saturating_sub(gap.credit);
            self.breaches = self.breaches.saturating_sub(gap.breaches);
            self.breach_since = tail.began;
        }
        self.credit += earned;
        self.breaches = self.breaches.saturating_add(tail.breaches);
    }
}

impl Gap {
    fn tail(&self, trigger: &Trigger, history: &[Observation]) -> Tail {
        let breach = &trigger.watch.children[0].breach;
        let mut inside: Vec<(Timestamp, bool)> = history
            .iter()
            .filter_map(|seen| {
                let at =
                    Some(seen.sampled_at()).filter(|at| *at > self.from.0 && *at < self.to.0)?;
                let judged = seen.outcome.as_ref().map(|readings| breach.evaluate(readings).truth);
                match judged {
                    Ok(Truth::True) => Some((at, true)),
                    Ok(Truth::False) => Some((at, false)),
                    // As it would have been, had it been seen live.
                    _ => (trigger.on_unknown == OnUnknown::Reset).then_some((at, false)),
                }
            })
            .collect();
        inside.sort_unstable();
        inside.dedup_by_key(|(at, _)| *at);
        inside.push((self.to.0, true));
        let mut tail = Tail::default();
        let mut last = Some(self.from.0);
        for (at, bad) in inside {
            if !bad {
                (tail, last) = (Tail::default(), None);
                continue;
            }
            match last {
                Some(last) if elapsed(last, at) <= trigger.max_gap => {
                    tail.credit += elapsed(last, at);
                }
                Some(_) => {}
                None => tail.began = Some(at),
            }
            // The sample at the gap's end has been counted when it came.
            tail.breaches += u32::from(at < self.to.0);
            last = Some(at);
        }
        tail
    }
}
