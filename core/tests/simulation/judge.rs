//! The rules that hold at every step, checked against what the kernel says, keeps and reports.

use std::time::Duration;

use launchgate_core::check::Outcome;
use launchgate_core::gate::{Gates, Verdict};
use launchgate_core::milestone::{Milestone, Phase, Reached};
use launchgate_core::reading::Value;
use launchgate_core::report::Report;
use launchgate_core::state::{Effect, Event, Record, Saved};
use launchgate_core::time::Moment;
use launchgate_core::trigger::{Flag, Status};

use crate::clock::Second;
use crate::launch::{CHECKS, EVERY, FRESH_FOR, LASTS, WATCHED};
use crate::oracle::Oracle;
use crate::violation::{Violation, broken};

/// The names of the triggers, in the order of the plan.
const TRIGGERS: [&str; 3] = ["errors", "spike", "latency"];

/// What the rules need to know of the process that is alive; a crash takes back what was not kept.
#[derive(Debug, Clone)]
pub(crate) struct Knowledge {
    oracles: Vec<Oracle>,
    /// What the kernel says that it has credited.
    credit: [Duration; 3],
    /// When each check was last seen, and whether it was good.
    seen: [Option<(Second, bool)>; 4],
    /// Triggers whose memory waits to be kept, idle ones too: what was true of them when it was written.
    written: [Option<Oracle>; 3],
}

#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) now: Knowledge,
    kept: Knowledge,
    /// Since when each watched check brought nothing but fresh breaches.
    pub(crate) clean: [Option<Second>; 4],
    /// When a clock was last set, or the daemon last came up.
    pub(crate) disturbed: Second,
    /// When each trigger was last seen to be kept from firing, by a person or by what the launch allows.
    stopped: [Second; 3],
    /// Whether a clock was ever set.
    pub(crate) clocks_set: bool,
    deployed: Second,
    /// Whether a boot followed a wall clock that was set back: then no clock can tell the age of what was kept.
    pub(crate) timeless: bool,
    /// How often a trigger fired by itself.
    pub(crate) fired: u32,
}

impl Judge {
    pub(crate) fn new() -> Self {
        let oracles = WATCHED.iter().zip(LASTS).zip(TRIGGERS);
        let oracles = oracles
            .map(|((check, lasts), id)| Oracle::new(lasts, EVERY[*check], id == "latency"))
            .collect();
        let credit = [Duration::ZERO; 3];
        let now = Knowledge { oracles, credit, seen: [None; 4], written: [None, None, None] };
        Self {
            kept: now.clone(),
            now,
            clean: [None; 4],
            disturbed: 0,
            stopped: [0; 3],
            clocks_set: false,
            deployed: 0,
            timeless: false,
            fired: 0,
        }
    }

    /// Everything said so far is durable.
    pub(crate) fn keep(&mut self) {
        for place in 0..TRIGGERS.len() {
            let oracle = &self.now.oracles[place];
            if oracle.armed && !oracle.fired {
                self.kept.oracles[place] = oracle.clone();
            } else if let Some(written) = &self.now.written[place] {
                self.kept.oracles[place] = written.clone();
            }
        }
        (self.kept.credit, self.kept.seen) = (self.now.credit, self.now.seen);
        self.now.written = [None, None, None];
    }

    /// The process died: what it had not kept is gone. The credit is what the store says.
    pub(crate) fn lose(&mut self, saved: &Saved) {
        self.now = self.kept.clone();
        for kept in &saved.triggers {
            if let Some(place) = TRIGGERS.iter().position(|id| kept.trigger.as_str() == *id) {
                self.now.credit[place] = kept.memory.credit;
            }
        }
        self.now.written = [None, None, None];
        self.clean = [None; 4];
    }

    /// Follows an event that the kernel took, with the milestones that it brought and what it wants done.
    pub(crate) fn follow(
        &mut self,
        event: &Event,
        reached: &[Reached],
        effects: &[Effect],
        at: Second,
        now: Moment,
    ) -> Result<(), Violation> {
        if matches!(event, Event::Ordered { .. }) {
            self.stopped = [at; 3];
        }
        let mut touched = self.see(event, at, now);
        if !reached.is_empty() {
            // A milestone lets the clock work on every trigger, whatever event brought it.
            for (oracle, touched) in self.now.oracles.iter_mut().zip(&mut touched) {
                if !std::mem::replace(touched, true) {
                    oracle.time(now);
                }
            }
        }
        for milestone in reached.iter().map(|reached| reached.milestone) {
            match milestone {
                Milestone::DeployStarted => {
                    self.now.oracles.iter_mut().for_each(Oracle::arm);
                    self.deployed = at;
                }
                Milestone::RolledBack | Milestone::Closed => {
                    self.now.oracles.iter_mut().for_each(Oracle::disarm);
                }
                _ => {}
            }
        }
        self.read(event, effects)?;
        for place in (0..TRIGGERS.len()).filter(|place| touched[*place]) {
            let (oracle, credit) = (&self.now.oracles[place], self.now.credit[place]);
            if !oracle.armed || oracle.fired || oracle.credit() == credit {
                continue;
            }
            let told = format!(
                "{} has {credit:?} of credit; its samples are worth {:?}",
                TRIGGERS[place],
                oracle.credit()
            );
            return broken(if credit > oracle.credit() { "S6" } else { "S7" }, told);
        }
        Ok(())
    }

    /// Tells the oracles; gives which triggers the event worked on.
    fn see(&mut self, event: &Event, at: Second, now: Moment) -> [bool; 3] {
        let mut touched = [false; 3];
        let (check, everywhere) = match event {
            Event::Observed { check, .. } | Event::LookedBack { check, .. } => (Some(check), false),
            Event::Tick | Event::Restarted | Event::Milestone { .. } => (None, true),
            _ => (None, false),
        };
        let check = check.and_then(|check| CHECKS.iter().position(|c| check.to_string() == *c));
        for (place, oracle) in self.now.oracles.iter_mut().enumerate() {
            touched[place] = everywhere || check == Some(WATCHED[place]);
            match event {
                _ if !touched[place] => {}
                Event::LookedBack { history, .. } => oracle.fill(history),
                Event::Observed { observation, .. } => {
                    oracle.time(now);
                    oracle.sample(observation, now);
                }
                _ => oracle.time(now),
            }
        }
        if let (Event::Observed { observation, .. }, Some(check)) = (event, check) {
            let value = observation.outcome.as_ref().ok().and_then(|r| r.get("value"));
            let good = matches!(value, Some(Value::Number(number)) if *number < 5.0);
            self.now.seen[check] = Some((at, good));
        }
        touched
    }

    /// Reads what the kernel wants kept of its triggers.
    fn read(&mut self, event: &Event, effects: &[Effect]) -> Result<(), Violation> {
        for effect in effects {
            let Effect::Persist(Record::Trigger { trigger, memory, .. }) = effect else { continue };
            let Some(place) = TRIGGERS.iter().position(|id| trigger.as_str() == *id) else {
                continue;
            };
            self.now.credit[place] = memory.credit;
            let oracle = &mut self.now.oracles[place];
            if memory.status != Status::Fired || oracle.fired {
                self.now.written[place] = Some(oracle.clone());
                continue;
            }
            let by_hand = matches!(event, Event::Fire { trigger: fired, .. } if fired == trigger);
            if !by_hand && !oracle.is_due() {
                let worth = oracle.credit();
                return broken("S6", format!("{trigger} fires on {worth:?} of evidence"));
            }
            oracle.fire();
            self.now.written[place] = Some(oracle.clone());
            self.fired += u32::from(!by_hand);
        }
        Ok(())
    }

    /// Judges a report: no GO on what is not known, and no covered breach without its consequence.
    pub(crate) fn report(&mut self, report: &Report, at: Second) -> Result<(), Violation> {
        let gates = match report.phase {
            Phase::Preparing => Some(Gates::Launch),
            Phase::Launching => Some(Gates::Live),
            Phase::Watching => Some(Gates::Watch),
            Phase::RollingBack | Phase::RolledBack | Phase::Closed => None,
        };
        let asked = report.checklists.iter().filter(|list| Some(list.gates) == gates);
        for check in asked.flat_map(|list| &list.checks) {
            let place = CHECKS.iter().position(|known| check.id.to_string() == *known);
            let seen = place.and_then(|place| self.now.seen[place]);
            let holds = seen.is_some_and(|(when, good)| good && at - when <= FRESH_FOR);
            let unknown = matches!(check.outcome, Outcome::Unknown(_));
            if report.verdict == Verdict::Go && (unknown || !holds && !self.timeless) {
                return broken("S10", format!("GO, and {} was last seen {seen:?}", check.id));
            }
        }
        if !matches!(report.phase, Phase::Launching | Phase::Watching) {
            return Ok(());
        }
        for (place, trigger) in report.triggers.iter().enumerate() {
            let (check, every) = (WATCHED[place], EVERY[WATCHED[place]]);
            let stopped = [Flag::Held, Flag::Preexisting, Flag::Blocked];
            if trigger.flags.iter().any(|flag| stopped.contains(flag)) {
                self.stopped[place] = at;
            }
            let Some(clean) = self.clean[check] else { continue };
            // A clock that was set costs the samples by which the new timeline is told, once one is seen.
            let timeline = if self.clocks_set { 4 * every } else { 0 };
            let from =
                clean.max(self.disturbed).max(self.deployed).max(self.stopped[place]) + timeline;
            let free = !trigger.flags.iter().any(|flag| stopped.contains(flag));
            if free && trigger.state != Status::Fired && at > from + LASTS[place] + 2 * every {
                let lasts = at - from;
                let what = format!(
                    "{} has not fired after {lasts}s of breach: {}",
                    trigger.id, trigger.because
                );
                return broken("L1", what);
            }
        }
        Ok(())
    }
}
