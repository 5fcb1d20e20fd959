//! What every store must do. A new one joins the list at the end.

use std::time::Duration;

use launchgate_core::check;
use launchgate_core::milestone::{Milestone, Reached};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::procedure::{Effect, Procedure, Step};
use launchgate_core::reading::Readings;
use launchgate_core::run::{Ended, Run};
use launchgate_core::time::Moment;
use launchgate_core::trigger;

use super::*;

fn launch() -> Name {
    Name::of("shop")
}

fn at() -> Timestamp {
    "2026-12-01T09:00:00Z".parse().unwrap()
}

fn observed(check: &str, value: f64) -> Record {
    let outcome = if value.is_nan() {
        Err(Failure::new(Cause::Timeout, "no answer"))
    } else {
        Ok(Readings::new().number("value", value))
    };
    let last = Observation { at: Moment::at(at()), took: Duration::from_millis(3), outcome };
    let memory = check::Memory { last: Some(last), ..check::Memory::default() };
    let checklist_hash = "hash".to_owned();
    Record::Observed { check: check.parse().unwrap(), checklist_hash, memory: Box::new(memory) }
}

fn reached(milestone: Milestone) -> Record {
    Record::Reached(Reached { milestone, at: at(), by: "alice".into() })
}

fn run(generation: u32) -> Run {
    let step = Step {
        id: Name::of("revert"),
        action: Name::of("exec"),
        settings: serde_json::json!({ "command": ["true"] }),
        timeout: Duration::from_secs(60),
        effect: Effect::Once,
        critical: true,
        when: None,
        owner: None,
    };
    let procedure = Procedure { id: Name::of("rollback"), steps: vec![step] };
    Run::new(launch(), generation, procedure, "because".into(), at())
}

fn happened(run: &Run, event: RunEvent) -> Record {
    Record::Run { run: run.id.clone(), event }
}

use launchgate_core::run::RunEvent;

fn started(run: &Run) -> Record {
    happened(run, RunEvent::StepStarted { step: 0, attempt: 1, at: at() })
}

/// Holds a store to the contract; `again` opens it anew.
fn contract<S: Store>(open: impl Fn() -> S, again: impl Fn(S) -> S) {
    what_is_kept_comes_back(open(), &again);
    all_or_nothing(open());
    a_deployment_has_one_run_and_a_launch_one_in_flight(open());
    history_is_bounded_and_newest_first(open());
    launches_do_not_mix(open());
}

fn what_is_kept_comes_back<S: Store>(mut store: S, again: &impl Fn(S) -> S) {
    assert_eq!(store.load(&launch()).unwrap(), Saved::default());
    let trigger = Record::Trigger {
        trigger: Name::of("errors"),
        watches: "w".into(),
        memory: Box::new(trigger::Memory { credit: Duration::from_secs(7), ..Default::default() }),
    };
    let run = run(1);
    let ended = RunEvent::StepEnded {
        step: 0,
        attempt: 1,
        how: Ended::Succeeded,
        evidence: "exit 0".into(),
        at: at(),
    };
    let records = [
        observed("a/b", 1.0),
        observed("a/c", f64::NAN),
        observed("a/b", 2.0),
        reached(Milestone::DeployStarted),
        trigger,
        Record::RunCreated(Box::new(run.clone())),
        started(&run),
        happened(&run, ended),
    ];
    for batch in records.chunks(3) {
        store.commit(&launch(), at(), batch).unwrap();
    }
    let mut expected = Saved::default();
    for record in records {
        expected.keep(record).unwrap();
    }
    expected.checks.sort_by(|a, b| a.check.cmp(&b.check));
    let mut store = again(store);
    let mut kept = store.load(&launch()).unwrap();
    kept.checks.sort_by(|a, b| a.check.cmp(&b.check));
    assert_eq!(kept, expected);
}

fn all_or_nothing<S: Store>(mut store: S) {
    let run = run(1);
    store
        .commit(&launch(), at(), &[Record::RunCreated(Box::new(run.clone())), started(&run)])
        .unwrap();
    let before = store.load(&launch()).unwrap();
    let batch = [reached(Milestone::Live), observed("a/b", 1.0), started(&run)];
    let refused = store.commit(&launch(), at(), &batch).unwrap_err();
    assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    assert_eq!(store.load(&launch()).unwrap(), before);
    assert_eq!(store.history(&launch(), &"a/b".parse().unwrap(), 10).unwrap(), []);
}

fn a_deployment_has_one_run_and_a_launch_one_in_flight<S: Store>(mut store: S) {
    let (first, second) = (run(1), run(2));
    let created = |run: &Run| [Record::RunCreated(Box::new(run.clone()))];
    store.commit(&launch(), at(), &created(&first)).unwrap();
    for again in [&first, &second] {
        let refused = store.commit(&launch(), at(), &created(again)).unwrap_err();
        assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    }
    let finished =
        RunEvent::Finished { status: launchgate_core::run::RunStatus::Verified, at: at() };
    store.commit(&launch(), at(), &[happened(&first, finished)]).unwrap();
    store.commit(&launch(), at(), &created(&second)).unwrap();
    assert_eq!(store.load(&launch()).unwrap().runs.len(), 2);
}

fn history_is_bounded_and_newest_first<S: Store>(mut store: S) {
    let check: CheckPath = "a/b".parse().unwrap();
    for batch in (0..HISTORY + 300).collect::<Vec<_>>().chunks(100) {
        let values = batch.iter().map(|i| f64::from(u32::try_from(*i).unwrap()));
        let records: Vec<Record> = values.map(|value| observed("a/b", value)).collect();
        store.commit(&launch(), at(), &records).unwrap();
    }
    let all = store.history(&launch(), &check, usize::MAX).unwrap();
    assert_eq!(all.len(), HISTORY);
    let newest = all[0].outcome.as_ref().unwrap().get("value").cloned();
    assert_eq!(newest, Some(launchgate_core::reading::Value::Number(1_299.0)));
    assert_eq!(store.history(&launch(), &check, 5).unwrap().len(), 5);
}

fn launches_do_not_mix<S: Store>(mut store: S) {
    store.commit(&launch(), at(), &[reached(Milestone::Live), observed("a/b", 1.0)]).unwrap();
    assert_eq!(store.load(&Name::of("other")).unwrap(), Saved::default());
    assert_eq!(store.history(&Name::of("other"), &"a/b".parse().unwrap(), 9).unwrap(), []);
}

#[test]
fn the_memory_store_keeps_the_contract() {
    contract(MemoryStore::default, |store| store);
}

/// A folder that ends with the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = format!("launchgate-store-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn the_sqlite_store_keeps_the_contract() {
    let folder = Folder::new("contract");
    let next = std::cell::Cell::new(0);
    let path = |i: i32| folder.0.join(format!("{i}.db"));
    let open = || {
        next.set(next.get() + 1);
        SqliteStore::open(&path(next.get())).unwrap()
    };
    contract(open, |store| {
        drop(store);
        SqliteStore::open(&path(next.get())).unwrap()
    });
}

#[test]
fn two_daemons_cannot_have_one_file() {
    let folder = Folder::new("lock");
    let path = folder.0.join("store.db");
    let held = SqliteStore::open(&path).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(refused.starts_with("another daemon holds the store"), "{refused}");
    drop(held);
    assert!(SqliteStore::open(&path).is_ok());
}

#[test]
fn a_full_disk_keeps_nothing_of_a_batch_and_says_so() {
    let folder = Folder::new("full");
    let mut store = SqliteStore::open(&folder.0.join("store.db")).unwrap();
    store.bound_pages(40);
    let batch: Vec<Record> = std::iter::once(reached(Milestone::Live))
        .chain((0..2_000).map(|_| observed("a/b", 1.0)))
        .collect();
    let refused = store.commit(&launch(), at(), &batch).unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(refused.to_string().ends_with("database or disk is full"), "{refused}");
    assert_eq!(store.load(&launch()).unwrap(), Saved::default());
    store.bound_pages(100_000);
    store.commit(&launch(), at(), &batch).unwrap();
}
