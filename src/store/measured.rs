//! A store that is measured: how long each operation takes and how often it fails. It changes nothing that is kept.

use std::collections::HashMap;
use std::time::Instant;

use jiff::Timestamp;
use launchgate_core::audit::Line;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::observation::Observation;
use launchgate_core::state::{Record, Saved};
use launchgate_core::target::Elsewhere;

use super::{Store, StoreError};
use crate::telemetry::Keeping;

/// Another store with a watch beside it.
#[derive(Debug)]
pub struct Measured<S> {
    inner: S,
    keeping: Keeping,
}

impl<S: Store> Measured<S> {
    /// Measures this store.
    pub fn new(inner: S, keeping: Keeping) -> Self {
        Self { inner, keeping }
    }

    fn timed<T>(
        &mut self,
        operation: &'static str,
        call: impl FnOnce(&mut S) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let done = call(&mut self.inner);
        let failed = done.as_ref().err().map(|error| match error {
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Unreadable(_) => "unreadable",
            StoreError::Conflict(_) => "conflict",
        });
        self.keeping.ended(operation, began.elapsed(), failed);
        done
    }
}

impl<S: Store> Store for Measured<S> {
    fn load(&mut self, launch: &Name) -> Result<Saved, StoreError> {
        self.timed("load", |store| store.load(launch))
    }

    fn load_at(
        &mut self,
        launch: &Name,
        at: Timestamp,
        checks: &[CheckPath],
    ) -> Result<(Saved, HashMap<CheckPath, Vec<Observation>>), StoreError> {
        self.timed("load_at", |store| store.load_at(launch, at, checks))
    }

    fn commit(
        &mut self,
        launch: &Name,
        at: Timestamp,
        records: &[Record],
    ) -> Result<(), StoreError> {
        self.timed("commit", |store| store.commit(launch, at, records))
    }

    fn elsewhere(&mut self, target: &Name, launch: &Name) -> Result<Vec<Elsewhere>, StoreError> {
        self.timed("elsewhere", |store| store.elsewhere(target, launch))
    }

    fn history(
        &mut self,
        launch: &Name,
        check: &CheckPath,
        limit: usize,
    ) -> Result<Vec<Observation>, StoreError> {
        self.timed("history", |store| store.history(launch, check, limit))
    }

    fn prune(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        self.timed("prune", |store| store.prune(before))
    }

    fn audit(&mut self, launch: &Name, after: u64, limit: usize) -> Result<Vec<Line>, StoreError> {
        self.timed("audit", |store| store.audit(launch, after, limit))
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::super::MemoryStore;
    use super::super::contract::contract;
    use super::*;
    use crate::telemetry::Measures;

    #[test]
    fn a_measured_store_keeps_the_contract() {
        let open = || Measured::new(MemoryStore::default(), Keeping::default());
        contract(open, |store| store);
    }

    #[test]
    fn what_fails_is_counted_with_its_reason() {
        let keeping = Keeping::default();
        let mut store = Measured::new(MemoryStore::default(), keeping.clone());
        let shop = Name::of("shop");
        store.load(&shop).expect("there is nothing, which is no fault");
        store.load_at(&shop, Timestamp::UNIX_EPOCH, &[]).expect_err("it keeps no past");
        let measures = Measures { keeping, ..Measures::default() };
        let mut registry = Registry::default();
        measures.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).expect("a String takes all");
        for line in [
            "launchgate_store_operation_duration_seconds_count{operation=\"load\"} 1",
            "launchgate_store_operation_duration_seconds_count{operation=\"load_at\"} 1",
            "launchgate_store_failures_total{operation=\"load_at\",reason=\"unavailable\"} 1",
            "launchgate_store_failures_total{operation=\"commit\",reason=\"unavailable\"} 0",
        ] {
            assert!(text.lines().any(|written| written == line), "{line}\n{text}");
        }
    }

    /// What the trait does by itself where a store says nothing would be done here in place of what the store does.
    #[test]
    fn every_operation_is_handed_on() {
        let (_, operations) =
            include_str!("mod.rs").split_once("pub trait Store").expect("it is there");
        let here = include_str!("measured.rs");
        let names = operations.lines().filter_map(|line| line.trim().strip_prefix("fn "));
        let names: Vec<&str> = names.filter_map(|rest| rest.split('(').next()).collect();
        assert!(names.len() >= 7, "{names:?}");
        for name in names {
            assert!(here.contains(&format!("self.timed(\"{name}\"")), "{name}");
        }
    }
}
