//! A store that forgets when the process ends: for the demo, and to hold the contract against.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::Timestamp;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::observation::Observation;
use launchgate_core::run::RunEvent;
use launchgate_core::state::{Record, Saved};

use super::{HISTORY, Store, StoreError};

/// Records in memory.
#[derive(Debug, Default, Clone)]
pub struct MemoryStore {
    launches: HashMap<Name, Kept>,
}

#[derive(Debug, Default, Clone)]
struct Kept {
    saved: Saved,
    started: HashSet<(String, usize, u32)>,
    history: HashMap<CheckPath, VecDeque<Observation>>,
}

impl Kept {
    fn keep(&mut self, record: Record) -> Result<(), StoreError> {
        match &record {
            Record::Observed { check, memory, .. } => {
                if let Some(last) = &memory.last {
                    let history = self.history.entry(check.clone()).or_default();
                    history.push_front(last.clone());
                    history.truncate(HISTORY);
                }
            }
            Record::RunCreated(run) => {
                let there = self
                    .saved
                    .runs
                    .iter()
                    .any(|kept| kept.generation == run.generation || !kept.status.is_final());
                if there {
                    return Err(StoreError::Conflict(format!("run {}", run.id)));
                }
            }
            Record::Run { run, event: RunEvent::StepStarted { step, attempt, .. } } => {
                if !self.started.insert((run.0.clone(), *step, *attempt)) {
                    return Err(StoreError::Conflict(format!(
                        "attempt {attempt} at step {step} of {run}"
                    )));
                }
            }
            Record::SignedOff(_)
            | Record::Reached(_)
            | Record::Trigger { .. }
            | Record::Run { .. } => {}
        }
        self.saved.keep(record).map_err(|e| StoreError::Conflict(e.to_string()))
    }
}

impl Store for MemoryStore {
    fn load(&mut self, launch: &Name) -> Result<Saved, StoreError> {
        Ok(self.launches.get(launch).map(|kept| kept.saved.clone()).unwrap_or_default())
    }

    fn commit(
        &mut self,
        launch: &Name,
        _at: Timestamp,
        records: &[Record],
    ) -> Result<(), StoreError> {
        let only_seen = records.iter().all(|r| matches!(r, Record::Observed { .. }));
        let kept = self.launches.entry(launch.clone()).or_default();
        // Observations cannot be refused, so that the copy for taking back is made for the rest alone.
        let before = (!only_seen).then(|| kept.clone());
        for record in records {
            if let Err(error) = kept.keep(record.clone()) {
                *kept = before.unwrap_or_default();
                return Err(error);
            }
        }
        Ok(())
    }

    fn history(
        &mut self,
        launch: &Name,
        check: &CheckPath,
        limit: usize,
    ) -> Result<Vec<Observation>, StoreError> {
        let history = self.launches.get(launch).and_then(|kept| kept.history.get(check));
        Ok(history.into_iter().flatten().take(limit).cloned().collect())
    }
}
