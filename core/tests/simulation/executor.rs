//! An executor outside the daemon: it begins what it is told, notes every side effect with its key, and may end when
//! nobody is there to hear of it.

use std::collections::{BTreeMap, BTreeSet};

use launchgate_core::procedure::Effect;
use launchgate_core::run::Ended;
use launchgate_core::state::Perform;

use crate::clock::Second;
use crate::dice::Dice;
use crate::store::Store;
use crate::violation::{Violation, broken};

#[derive(Debug, Default)]
pub(crate) struct Executor {
    /// Side effects begun, by key: how many.
    begun: BTreeMap<String, u32>,
    attempts: BTreeSet<(String, u32)>,
}

impl Executor {
    pub(crate) fn side_effects(&self) -> u32 {
        self.begun.values().sum()
    }

    /// Acts for the first time on an attempt: from here on the world has changed.
    pub(crate) fn begin(&mut self, perform: &Perform, store: &Store) -> Result<(), Violation> {
        let (key, run) = (perform.idempotency_key(), &perform.run);
        if !store.saved.runs.iter().any(|known| known.id == *run) {
            return broken("S2", format!("{key} acts and the run is not on record"));
        }
        if !store.started.contains(&(run.clone(), perform.index, perform.attempt)) {
            return broken(
                "S3",
                format!("{key}.{} acts and its start is not on record", perform.attempt),
            );
        }
        if !self.attempts.insert((key.clone(), perform.attempt)) {
            return broken("S3", format!("{key}.{} acts twice", perform.attempt));
        }
        let count = self.begun.entry(key.clone()).or_default();
        *count += 1;
        let allowed = 1 + store.retries.get(&(run.clone(), perform.index)).copied().unwrap_or(0);
        if perform.step.effect == Effect::Once && *count > allowed {
            return broken("S4", format!("{key} acted {count} times, {allowed} allowed"));
        }
        Ok(())
    }

    /// What is found of an attempt that a process before had under way: it never began, it is over or will be, or nobody
    /// can tell.
    pub(crate) fn look_at(&self, perform: &Perform, dice: &mut Dice) -> (Second, Ended) {
        if !self.attempts.contains(&(perform.idempotency_key(), perform.attempt)) {
            return (dice.between(0, 2), Ended::NotStarted);
        }
        if dice.chance(3_000) { (0, Ended::InDoubt) } else { Self::fate(perform, dice) }
    }

    /// How an attempt will end and when; a step that hangs is ended by its deadline.
    pub(crate) fn fate(perform: &Perform, dice: &mut Dice) -> (Second, Ended) {
        match dice.between(0, 19) {
            0 => (dice.between(1, 100), Ended::Failed),
            1 => (perform.step.timeout.as_secs(), Ended::TimedOut),
            _ => (dice.between(0, 60), Ended::Succeeded),
        }
    }
}
