//! What triggers bring about: samples handed to them, time that works on them, and persons who fire them.

use std::sync::Arc;
use std::time::Duration;

use super::{Effect, Record, Rejected, State};
use crate::milestone::{Milestone, Phase};
use crate::name::{CheckPath, Name};
use crate::observation::Observation;
use crate::run::RunId;
use crate::target::{self, Elsewhere};
use crate::time::{Moment, add, elapsed, format_duration};
use crate::trigger::{Memory, Mode, Order, Status, Trigger};

/// How many rollbacks may start by themselves within [`BREAKER_WITHIN`].
const BREAKER: usize = 2;
const BREAKER_WITHIN: Duration = Duration::from_secs(24 * 3_600);

impl State {
    /// Hands an observation to a trigger, and fires it if it is time.
    pub(super) fn watch(
        &mut self,
        place: usize,
        check: &CheckPath,
        observation: &Observation,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let plan = Arc::clone(&self.plan);
        let trigger = &plan.triggers[place];
        let generation = self.generation();
        let mut memory = self.triggers[place].clone();
        memory.tick(trigger, &self.milestones, generation, now);
        let had_gap = memory.gap.is_some();
        if memory.take(trigger, check, observation, now) {
            self.due(trigger, &mut memory, now, effects);
        }
        if let (Some(gap), false) = (&memory.gap, had_gap) {
            let (from, to) = (gap.from.0, gap.to.0);
            effects.push(Effect::LookBack { check: trigger.watch.clock().clone(), from, to });
        }
        self.moved(place, memory, now, effects);
    }

    /// Asks again for the history of gaps that are still open: the process that asked is gone.
    pub(super) fn ask_again(&self, effects: &mut Vec<Effect>) {
        for (trigger, memory) in self.plan.triggers.iter().zip(&self.triggers) {
            if let Some(gap) = &memory.gap {
                let (from, to) = (gap.from.0, gap.to.0);
                effects.push(Effect::LookBack { check: trigger.watch.clock().clone(), from, to });
            }
        }
    }

    /// The source's history for the time without samples.
    pub(super) fn look_back(
        &mut self,
        check: &CheckPath,
        history: &[Observation],
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let plan = Arc::clone(&self.plan);
        for (place, trigger) in plan.triggers.iter().enumerate() {
            if trigger.watch.clock() == check && self.triggers[place].gap.is_some() {
                let mut memory = self.triggers[place].clone();
                memory.fill(trigger, history);
                self.moved(place, memory, now, effects);
            }
        }
    }

    /// Puts a changed memory in place: kept, and told where people must know. What changes while it is not armed is
    /// kept when it matters.
    fn moved(&mut self, place: usize, memory: Memory, now: Moment, effects: &mut Vec<Effect>) {
        let plan = Arc::clone(&self.plan);
        let trigger = &plan.triggers[place];
        let before = std::mem::replace(&mut self.triggers[place], memory);
        let after = &self.triggers[place];
        if *after == before {
            return;
        }
        let idle = |m: &Memory| (m.status, m.bad_before, m.good_since.is_some(), m.generation);
        let told =
            |m: &Memory| (m.asked.clone(), m.acked.clone(), m.rearm_asked.clone(), m.hold.clone());
        if after.status.is_armed() || idle(after) != idle(&before) || told(after) != told(&before) {
            effects.push(Effect::Persist(Record::trigger(trigger, after)));
        }
        self.tell_move(trigger, &before, place, now, effects);
    }

    /// Calls for people when a trigger goes blind or is kept from firing.
    fn tell_move(
        &mut self,
        trigger: &Trigger,
        before: &Memory,
        place: usize,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let after = &self.triggers[place];
        let blind = after.status == Status::Blind && before.status != Status::Blind;
        let blocked = after.blocked.is_some() && before.blocked.is_none();
        let flaps = after.flapping && !before.flapping && after.status.is_armed();
        if blind || blocked || flaps {
            let (word, subject) = if blind {
                // One page for all that watch the same source.
                ("blind", format!("blind/{}", trigger.watch.clock()))
            } else if blocked {
                ("due and does not fire", format!("blocked/{}", trigger.id))
            } else {
                ("flapping", format!("flapping/{}", trigger.id))
            };
            let text = format!("trigger {} is {word}: {}", trigger.id, after.because(trigger, now));
            self.page(&subject, &text, None, now, effects);
        }
    }

    /// Fires a trigger whose duration is met, unless the launch keeps it from firing: then it stays pending, and says why.
    fn due(
        &mut self,
        trigger: &Trigger,
        memory: &mut Memory,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let run = RunId::of(&self.plan.launch, self.generation());
        if self.runs.iter().any(|known| known.id == run) {
            memory.because = format!("{}; run {run} is this deployment's rollback", memory.because);
            memory.fire(now.wall);
            return;
        }
        if trigger.mode == Mode::Act
            && let Some(because) = self.obstacle(trigger.cooldown, now)
        {
            memory.blocked = Some(because);
            return;
        }
        let cause = format!("trigger {}: {}", trigger.id, memory.because(trigger, now));
        memory.fire(now.wall);
        match trigger.mode {
            Mode::Observe => {}
            Mode::Suggest => {
                memory.ask(trigger, now);
                let text = self.suggestion(trigger, memory, now);
                self.page(&format!("suggestion/{}", trigger.id), &text, None, now, effects);
            }
            Mode::Act => {
                let by = format!("trigger {}", trigger.id);
                self.start_run(&trigger.procedure, &cause, &by, now, effects);
            }
        }
    }

    /// What of the launch or its target keeps a rollback from starting by itself: one that has just been, or too many.
    pub(super) fn obstacle(&self, cooldown: Duration, now: Moment) -> Option<String> {
        if let Some(Elsewhere { run, launch, .. }) = target::in_flight(&self.elsewhere) {
            return Some(format!("run {run} of {launch} is under way on the same target"));
        }
        let here = self.milestones.iter().filter(|r| r.milestone == Milestone::RolledBack);
        let there = self.elsewhere.iter().filter_map(|other| other.ended);
        let ended = here.map(|r| r.at).chain(there).max();
        if let Some(until) = ended.map(|at| add(at, cooldown))
            && until > now.wall
        {
            let left = format_duration(elapsed(now.wall, until));
            return Some(format!("a rollback has just ended; cooling down for another {left}"));
        }
        let by_themselves = self.milestones.iter().filter(|r| {
            r.milestone == Milestone::RollbackStarted
                && (r.by.starts_with("trigger ") || r.by.starts_with("run "))
                && elapsed(r.at, now.wall) < BREAKER_WITHIN
        });
        let elsewhere = self
            .elsewhere
            .iter()
            .filter(|other| other.by_itself && elapsed(other.began, now.wall) < BREAKER_WITHIN);
        (by_themselves.count() + elsewhere.count() >= BREAKER).then(|| {
            format!(
                "{BREAKER} rollbacks have started by themselves within {}: a person must fire this one",
                format_duration(BREAKER_WITHIN)
            )
        })
    }

    pub(super) fn place_of(&self, id: &Name) -> Result<usize, Rejected> {
        let place = self.plan.triggers.iter().position(|t| t.id == *id);
        place.ok_or_else(|| Rejected::NoSuchTrigger(id.clone()))
    }

    pub(super) fn fire_by_hand(
        &mut self,
        id: &Name,
        person: &Name,
        reason: &str,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let plan = Arc::clone(&self.plan);
        let place = self.place_of(id)?;
        self.must_command(person)?;
        let run = RunId::of(&self.plan.launch, self.generation());
        if self.runs.iter().any(|known| known.id == run) {
            return Err(Rejected::AlreadyRun(self.generation()));
        }
        let phase = Phase::after(&self.milestones);
        if !matches!(phase, Phase::Launching | Phase::Watching) {
            return Err(Rejected::NothingToRollBack(phase));
        }
        if let Some(Elsewhere { run, launch, .. }) = target::in_flight(&self.elsewhere) {
            return Err(Rejected::TargetBusy { run: run.clone(), launch: launch.clone() });
        }
        let trigger = &plan.triggers[place];
        let cause = format!("{person} fired {id} by hand: {reason}");
        let by = person.as_str();
        self.start_run(&trigger.procedure, &cause, by, now, effects)
            .ok_or_else(|| Rejected::AlreadyRun(self.generation()))?;
        let memory = &mut self.triggers[place];
        memory.because = cause;
        memory.asked = None;
        memory.fire(now.wall);
        effects.push(Effect::Persist(Record::trigger(trigger, memory)));
        Ok(())
    }

    /// Carries out what a person orders of a trigger.
    pub(super) fn order(
        &mut self,
        id: &Name,
        person: &Name,
        order: &Order,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let plan = Arc::clone(&self.plan);
        let place = self.place_of(id)?;
        let trigger = &plan.triggers[place];
        if !(trigger.mode == Mode::Suggest && plan.holds(person, &trigger.ask.role)) {
            self.must_command(person)?;
        }
        let run = RunId::of(&self.plan.launch, self.generation());
        if matches!(order, Order::Rearm { .. }) && self.runs.iter().any(|known| known.id == run) {
            return Err(Rejected::AlreadyRun(self.generation()));
        }
        let mut memory = self.triggers[place].clone();
        memory.order(trigger, order, person, now)?;
        self.moved(place, memory, now, effects);
        Ok(())
    }

    /// Lets the clock and the milestones work on the triggers.
    pub(super) fn tick(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let plan = Arc::clone(&self.plan);
        let generation = self.generation();
        for (place, trigger) in plan.triggers.iter().enumerate() {
            let mut memory = self.triggers[place].clone();
            memory.tick(trigger, &self.milestones, generation, now);
            let live = matches!(Phase::after(&self.milestones), Phase::Launching | Phase::Watching);
            let reminder = if live { memory.remind(trigger, now) } else { None };
            if let Some(reminder) = reminder {
                let text = format!("{}: {reminder}", self.suggestion(trigger, &memory, now));
                self.page(&format!("suggestion/{}", trigger.id), &text, None, now, effects);
            }
            self.moved(place, memory, now, effects);
        }
        self.call_for_decisions(now, effects);
        self.call_for_late_steps(now, effects);
    }

    fn suggestion(&self, trigger: &Trigger, memory: &Memory, now: Moment) -> String {
        let role = &trigger.ask.role;
        let mut people = self.plan.people.get(role).cloned().unwrap_or_default();
        if memory.asked.as_ref().is_some_and(|asked| asked.unanswered) {
            let commander = Name::of("incident_commander");
            people.extend(self.plan.people.get(&commander).into_iter().flatten().cloned());
        }
        let people: Vec<&str> = people.iter().map(Name::as_str).collect();
        format!(
            "trigger {0} asks for `{1}`: {2} ({3}) decides, by `launchgate trigger fire {0} --reason WHY` or `launchgate trigger decline {0} --reason WHY`. {4}",
            trigger.id,
            trigger.procedure,
            role,
            people.join(", "),
            memory.because(trigger, now)
        )
    }

    /// The triggers that suggest what a person must decide, with what they call for.
    pub(super) fn suggestions(&self, now: Moment) -> impl Iterator<Item = String> {
        let live = matches!(Phase::after(&self.milestones), Phase::Launching | Phase::Watching);
        let pairs = self.plan.triggers.iter().zip(&self.triggers);
        pairs
            .filter(move |(trigger, memory)| live && memory.is_asking(trigger))
            .map(move |(trigger, memory)| self.suggestion(trigger, memory, now))
    }
}
