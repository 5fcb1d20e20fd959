//! Rehearsals: asked for by people, and by the launch itself, which wants to know whether it could roll back now.

use std::time::Duration;

use super::{Effect, Record, Rejected, State};
use crate::name::Name;
use crate::rehearsal::Rehearsal;
use crate::time::Moment;
use crate::trigger::Mode;

/// How often it is looked whether the rollback could be done.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How many rehearsals are remembered.
const KEPT: usize = 50;

impl State {
    /// The rehearsals, oldest first.
    pub fn rehearsals(&self) -> &[Rehearsal] {
        &self.rehearsals
    }

    pub(super) fn rehearse(
        &self,
        procedure: Name,
        person: Name,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        if !self.plan.procedures.contains_key(&procedure) {
            return Err(Rejected::NoSuchProcedure(procedure));
        }
        effects.push(Effect::Rehearse { procedure, by: Some(person) });
        Ok(())
    }

    pub(super) fn rehearsed(&mut self, rehearsal: Rehearsal, effects: &mut Vec<Effect>) {
        if rehearsal.by.is_some() {
            effects.push(Effect::Persist(Record::Rehearsed(Box::new(rehearsal.clone()))));
            self.rehearsals.push(rehearsal.clone());
            let over = self.rehearsals.len().saturating_sub(KEPT);
            self.rehearsals.drain(..over);
        }
        self.readiness.insert(rehearsal.procedure.clone(), rehearsal);
    }

    /// Asks, now and then, whether the procedures that triggers call for could be run.
    pub(super) fn look_for_readiness(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let due = self.readiness_asked.is_none_or(|at| now.uptime_since(at) >= LOOK_AGAIN);
        if !due || self.stopping {
            return;
        }
        self.readiness_asked = Some(now);
        let mut asked: Vec<&Name> = Vec::new();
        for trigger in self.plan.triggers.iter().filter(|t| t.mode != Mode::Observe) {
            if !asked.contains(&&trigger.procedure) {
                asked.push(&trigger.procedure);
                let procedure = trigger.procedure.clone();
                effects.push(Effect::Rehearse { procedure, by: None });
            }
        }
    }

    /// The procedures that could not be run now, with what is missing.
    pub(super) fn unready(&self) -> impl Iterator<Item = String> {
        let unready = self.readiness.values().filter(|r| !r.is_ready());
        unready.map(|r| format!("`{}` is not ready: {}", r.procedure, r.missing()))
    }
}
