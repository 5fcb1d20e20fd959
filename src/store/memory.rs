//! A store that forgets when the process ends: for the demo, and to hold the contract against.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use launchgate_core::audit::{Head, Line, audited};
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::observation::Observation;
use launchgate_core::run::{Run, RunEvent, RunId};
use launchgate_core::state::{Record, Saved};
use launchgate_core::target::Elsewhere;

use super::key::Key;
use super::{Retention, Store, StoreError};

/// Records in memory.
#[derive(Debug, Default, Clone)]
pub struct MemoryStore {
    launches: HashMap<Name, Kept>,
    /// When each run that is over ended.
    ended: HashMap<String, Timestamp>,
    retention: Retention,
    /// Signs the audit logs; made with the first entry, and forgotten with the rest.
    key: Option<Arc<Key>>,
}

#[derive(Debug, Default, Clone)]
struct Kept {
    saved: Saved,
    started: HashSet<(String, usize, u32)>,
    /// Newest first, each with the time of its commit.
    history: HashMap<CheckPath, VecDeque<(Timestamp, Observation)>>,
    audit: Vec<Line>,
    /// The newest entry of the audit log, if there is one.
    head: Option<Head>,
}

impl MemoryStore {
    /// The run in flight of another launch that holds the target of a run to be created.
    fn taken(&self, launch: &Name, record: &Record) -> Option<RunId> {
        let Record::RunCreated(created) = record else { return None };
        let others = self.launches.iter().filter(|(name, _)| *name != launch);
        let mut runs = others.flat_map(|(_, kept)| &kept.saved.runs);
        let holds = |run: &&Run| {
            !run.status.is_final()
                && run.target() == created.target()
                && run.is_rollback()
                && created.is_rollback()
        };
        runs.find(holds).map(|run| run.id.clone())
    }

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
                    .filter(|kept| kept.is_rollback() == run.is_rollback())
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
            | Record::Waived(_)
            | Record::GoNoGo(_)
            | Record::Reached(_)
            | Record::Trigger { .. }
            | Record::Rehearsed(_)
            | Record::Watched(_)
            | Record::Message(_)
            | Record::Delivered { .. }
            | Record::Run { .. } => {}
        }
        self.saved.keep(record).map_err(|e| StoreError::Conflict(e.to_string()))
    }

    /// Adds a record that is about to be kept to the audit log, if it belongs there.
    fn audit(&mut self, launch: &Name, record: &Record, at: Timestamp) -> Result<(), StoreError> {
        let before = match record {
            Record::Trigger { trigger, .. } => {
                self.saved.triggers.iter().find(|kept| kept.trigger == *trigger)
            }
            _ => None,
        };
        let Some(kind) = audited(record, before.map(|kept| &kept.memory)) else { return Ok(()) };
        let head = self.head.take().unwrap_or_else(|| Head::origin(launch.clone()));
        let entry = head
            .next(at, kind, record)
            .map_err(|e| StoreError::Unreadable(format!("a record cannot be written: {e}")))?;
        self.head = Some(entry.head());
        self.audit.push(Line::Entry(entry));
        Ok(())
    }

    /// Signs the newest entry of the audit log, if it is not signed yet.
    fn sign(&mut self, key: &mut Option<Arc<Key>>) -> Result<(), StoreError> {
        let (Some(Line::Entry(_)), Some(head)) = (self.audit.last(), &self.head) else {
            return Ok(());
        };
        let key = match key {
            Some(key) => key,
            None => key.insert(Arc::new(Key::generate()?)),
        };
        self.audit.push(Line::Head(key.sign(head.clone())?));
        Ok(())
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
        if let Some(busy) = records.iter().find_map(|record| self.taken(launch, record)) {
            return Err(StoreError::Conflict(format!("run {busy} on the same target")));
        }
        let retention = self.retention;
        let kept = self.launches.entry(launch.clone()).or_default();
        // Observations cannot be refused, so that the copy for taking back is made for the rest alone.
        let before = (!only_seen).then(|| kept.clone());
        let mut done = records.iter().try_for_each(|record| {
            kept.audit(launch, record, at)?;
            kept.keep(record.clone(), at, retention)
        });
        if done.is_ok() {
            done = kept.sign(&mut self.key);
        }
        if done.is_err() {
            *kept = before.unwrap_or_default();
        }
        for run in kept.saved.runs.iter().filter(|run| run.status.is_final()) {
            self.ended.entry(run.id.0.clone()).or_insert(at);
        }
        done
    }

    fn elsewhere(&mut self, target: &Name, launch: &Name) -> Result<Vec<Elsewhere>, StoreError> {
        let others = self.launches.iter().filter(|(name, _)| *name != launch);
        let mut runs: Vec<&Run> = others
            .flat_map(|(_, kept)| &kept.saved.runs)
            .filter(|run| run.target() == target && run.is_rollback())
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.at));
        let told = |run: &Run| Elsewhere {
            run: run.id.clone(),
            launch: run.launch.clone(),
            began: run.at,
            ended: self.ended.get(&run.id.0).copied(),
            by_itself: run.by_itself(),
        };
        Ok(runs.into_iter().take(super::ELSEWHERE).map(told).collect())
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

    fn audit(&mut self, launch: &Name, after: u64, limit: usize) -> Result<Vec<Line>, StoreError> {
        let lines = self.launches.get(launch).map(|kept| kept.audit.as_slice()).unwrap_or_default();
        let upto = after.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX));
        let wanted = |line: &&Line| line.seq() > after && line.seq() <= upto;
        Ok(lines.iter().filter(wanted).cloned().collect())
    }
}
