//! A state from what a store kept of it.

use std::sync::Arc;

use super::{Record, State};
use crate::attestation::SignOff;
use crate::cadence::WatchReport;
use crate::check;
use crate::decision::Decision;
use crate::message::{Delivery, Outbox, Outgoing};
use crate::milestone::Reached;
use crate::name::{CheckPath, Name};
use crate::plan::Plan;
use crate::rehearsal::Rehearsal;
use crate::run::{IllegalEvent, Run};
use crate::trigger;
use crate::waiver::Waiver;

/// What a store kept of a launch: the newest of what is overwritten, all of what is not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Saved {
    /// The newest memory of each check.
    pub checks: Vec<SavedCheck>,
    /// Every sign-off, oldest first.
    pub sign_offs: Vec<SignOff>,
    /// Every waiver, oldest first.
    pub waivers: Vec<Waiver>,
    /// Every decision, oldest first.
    pub decisions: Vec<Arc<Decision>>,
    /// Every milestone, oldest first.
    pub milestones: Vec<Reached>,
    /// The newest memory of each trigger.
    pub triggers: Vec<SavedTrigger>,
    /// Every run, its events folded in, oldest first.
    pub runs: Vec<Run>,
    /// The reports of the watch, oldest first.
    pub watched: Vec<WatchReport>,
    /// The rehearsals that people made, oldest first.
    pub rehearsals: Vec<Rehearsal>,
    /// The messages that wait and some that ended, oldest first.
    pub messages: Vec<Outgoing>,
}

/// A check's memory as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedCheck {
    /// The check.
    pub check: CheckPath,
    /// The checklist it was judged under.
    pub checklist_hash: String,
    /// What was remembered.
    pub memory: check::Memory,
}

/// A trigger's memory as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedTrigger {
    /// The trigger.
    pub trigger: Name,
    /// What it watched.
    pub watches: String,
    /// What was remembered.
    pub memory: trigger::Memory,
}

impl Saved {
    /// Folds one more record in, oldest first.
    ///
    /// # Errors
    /// A run's event that does not follow what was kept of it.
    pub fn keep(&mut self, record: Record) -> Result<(), IllegalEvent> {
        match record {
            Record::Observed { check, checklist_hash, memory } => {
                let memory = *memory;
                self.checks.retain(|kept| kept.check != check);
                self.checks.push(SavedCheck { check, checklist_hash, memory });
            }
            Record::SignedOff(sign_off) => self.sign_offs.push(*sign_off),
            Record::Waived(waiver) => self.waivers.push(*waiver),
            Record::GoNoGo(decision) => self.decisions.push(decision),
            Record::Reached(reached) => self.milestones.push(reached),
            Record::Trigger { trigger, watches, memory } => {
                let memory = *memory;
                self.triggers.retain(|kept| kept.trigger != trigger);
                self.triggers.push(SavedTrigger { trigger, watches, memory });
            }
            Record::RunCreated(run) => self.runs.push(*run),
            Record::Watched(report) => self.watched.push(*report),
            Record::Rehearsed(rehearsal) => self.rehearsals.push(*rehearsal),
            Record::Message(message) => {
                self.messages.push(Outgoing { message: *message, delivery: Delivery::Waiting });
            }
            Record::Delivered { id, delivery } => {
                if let Some(kept) = self.messages.iter_mut().find(|kept| kept.message.id == id) {
                    kept.delivery = delivery;
                }
            }
            Record::Run { run, event } => {
                let known = self.runs.iter_mut().find(|kept| kept.id == run);
                known
                    .ok_or_else(|| IllegalEvent(format!("there is no run {run}")))?
                    .apply(&event)?;
            }
        }
        Ok(())
    }
}

impl State {
    /// Brings back what was kept, under the plan in force now. A check of a changed checklist starts anew; a trigger that
    /// watches something else keeps its latch and its high-water mark and loses its credit.
    pub fn restore(plan: Arc<Plan>, saved: Saved) -> Self {
        let mut state = Self::new(plan);
        for kept in saved.checks {
            let same = state.plan.checklist(&kept.check.checklist).map(|list| &list.hash);
            if same == Some(&kept.checklist_hash)
                && let Some(place) = state.index.get(&kept.check)
            {
                state.checks[place.at].memory = kept.memory;
            }
        }
        for kept in saved.triggers {
            if let Some(place) = state.plan.triggers.iter().position(|t| t.id == kept.trigger) {
                let same = state.plan.triggers[place].watches() == kept.watches;
                state.triggers[place] = if same { kept.memory } else { kept.memory.latch_only() };
            }
        }
        state.sign_offs = saved.sign_offs;
        state.waivers = saved.waivers;
        state.decisions = saved.decisions;
        state.milestones = saved.milestones;
        state.runs = saved.runs;
        state.rehearsals = saved.rehearsals;
        state.watched = saved.watched;
        state.outbox = Outbox::restore(saved.messages);
        state
    }
}
