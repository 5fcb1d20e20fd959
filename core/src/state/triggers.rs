//! What triggers bring about: samples handed to them, time that works on them, and persons who fire them.

use std::sync::Arc;

use super::{Effect, Record, Rejected, State};
use crate::milestone::Phase;
use crate::name::Name;
use crate::observation::Observation;
use crate::time::Moment;
use crate::trigger::{Mode, Status};

impl State {
    /// Hands an observation to a trigger, and fires it if it is time.
    pub(super) fn watch(
        &mut self,
        place: usize,
        observation: &Observation,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let plan = Arc::clone(&self.plan);
        let trigger = &plan.triggers[place];
        let generation = self.generation();
        let memory = &mut self.triggers[place];
        let before = memory.clone();
        memory.tick(trigger, &self.milestones, generation, now);
        let fires = memory.take(trigger, observation, now);
        let cause = format!("trigger {}: {}", trigger.id, memory.because(trigger));
        if fires {
            memory.fire(now.wall);
        }
        if *memory != before {
            effects.push(Effect::Persist(Record::trigger(trigger, memory)));
        }
        if fires && trigger.mode == Mode::Act {
            self.start_run(
                &trigger.procedure,
                cause,
                &format!("trigger {}", trigger.id),
                now,
                effects,
            );
        }
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
        let place = plan
            .triggers
            .iter()
            .position(|t| t.id == *id)
            .ok_or_else(|| Rejected::NoSuchTrigger(id.clone()))?;
        self.must_command(person)?;
        let phase = Phase::after(&self.milestones);
        if !matches!(phase, Phase::Launching | Phase::Watching) {
            return Err(Rejected::NothingToRollBack(phase));
        }
        let trigger = &plan.triggers[place];
        let cause = format!("{person} fired {id} by hand: {reason}");
        let by = person.as_str();
        self.start_run(&trigger.procedure, cause.clone(), by, now, effects)
            .ok_or_else(|| Rejected::AlreadyRun(self.generation()))?;
        let memory = &mut self.triggers[place];
        memory.because = cause;
        memory.fire(now.wall);
        effects.push(Effect::Persist(Record::trigger(trigger, memory)));
        Ok(())
    }

    /// Lets the clock and the milestones work on the triggers.
    pub(super) fn tick(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let generation = self.generation();
        for (trigger, memory) in self.plan.triggers.iter().zip(&mut self.triggers) {
            let before = memory.clone();
            memory.tick(trigger, &self.milestones, generation, now);
            if *memory != before {
                effects.push(Effect::Persist(Record::trigger(trigger, memory)));
            }
        }
    }

    /// The triggers that suggest what a person must decide, with what they call for.
    pub(super) fn suggestions(&self) -> impl Iterator<Item = String> {
        self.plan.triggers.iter().zip(&self.triggers).filter_map(|(trigger, memory)| {
            let asks = memory.status == Status::Fired
                && trigger.mode == Mode::Suggest
                && matches!(Phase::after(&self.milestones), Phase::Launching | Phase::Watching);
            asks.then(|| {
                format!(
                    "trigger {} asks for `{}`: the rollback authority decides, by `launchgate trigger fire {}`",
                    trigger.id, trigger.procedure, trigger.id
                )
            })
        })
    }
}
