//! A store that forgets when the process ends: for the demo, and to hold the contract against.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::Timestamp;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::observation::Observation;
use launchgate_core::run::RunEvent;
use launchgate_core::state::{Record, Saved};

use super::{Retention, Store, StoreError};

/// Records in memory.
#[derive(Debug, Default, Clone)]
pub struct MemoryStore {
    launches: HashMap<Name, Kept>,
    retention: Retention,
}

#[derive(Debug, Default, Clone)]
struct Kept {
    saved: Saved,
    started: HashSet<(String, usize, u32)>,
    /// Newest first, each with the time of its commit.
    history: HashMap<CheckPath, VecDeque<(Timestamp, Observation)>>,
}

impl MemoryStore {
    /// A store with other bounds for its history.
    pub fn keeping(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }
}

impl Kept {
    fn keep(
        &mut self,
        record: Record,
        at: Timestamp,
        retention: Retention,
    ) -> Result<(), StoreError> {
        match &record {
            Record::Observed { check, memory, .. } => {
                if let Some(last) = &memory.last {
                    let history = self.history.entry(check.clone()).or_default();
                    history.push_front((at, last.clone()));
                    history.truncate(retention.per_check);
                    history.retain(|(kept, _)| *kept >= retention.oldest(at));
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
            | Record::Rehearsed(_)
            | Record::Message(_)
            | Record::Delivered { .. }
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
        at: Timestamp,
        records: &[Record],
    ) -> Result<(), StoreError> {
        let only_seen = records.iter().all(|r| matches!(r, Record::Observed { .. }));
        let retention = self.retention;
        let kept = self.launches.entry(launch.clone()).or_default();
        // Observations cannot be refused, so that the copy for taking back is made for the rest alone.
        let before = (!only_seen).then(|| kept.clone());
        for record in records {
            if let Err(error) = kept.keep(record.clone(), at, retention) {
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
        Ok(history.into_iter().flatten().take(limit).map(|(_, seen)| seen.clone()).collect())
    }

    fn prune(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        let mut gone = 0;
        for history in self.launches.values_mut().flat_map(|kept| kept.history.values_mut()) {
            let there = history.len();
            history.retain(|(at, _)| *at >= before);
            gone += there - history.len();
        }
        Ok(gone)
    }
}
