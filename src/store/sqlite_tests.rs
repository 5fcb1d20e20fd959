//! What the SQLite store owes beyond the contract: one daemon per file, safe settings, a full disk, layouts.

use std::path::Path;

use launchgate_core::milestone::Milestone;
use launchgate_core::run::{Run, RunEvent};

use super::contract::{at, contract, launch, observed, reached, run};
use super::sqlite::MIGRATIONS;
use super::*;

/// The layout whose runs are made anew by the next step.
const BEFORE_LAUNCH_RUNS: usize = 6;

/// A folder that ends with the test.
pub(super) struct Folder(pub(super) std::path::PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
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
    let other = folder.0.join("link.db");
    std::os::unix::fs::symlink(&path, &other).unwrap();
    std::fs::write(&path, "").unwrap();
    let held = SqliteStore::open(&path).unwrap();
    for name in [&path, &other] {
        let refused = SqliteStore::open(name).unwrap_err().to_string();
        assert!(refused.starts_with("another daemon holds the store"), "{refused}");
    }
    // What a daemon was starting as it was killed has its lock for a moment.
    let next = std::thread::spawn(move || SqliteStore::open(&other).map(drop));
    drop(held);
    next.join().unwrap().unwrap();
}

#[test]
fn a_full_disk_keeps_nothing_of_a_batch_and_says_so() {
    let folder = Folder::new("full");
    let mut store = SqliteStore::open(&folder.0.join("store.db")).unwrap();
    store.pragma("max_page_count", 40);
    let batch: Vec<Record> = std::iter::once(reached(Milestone::Live))
        .chain((0..2_000).map(|_| observed("a/b", 1.0)))
        .collect();
    let refused = store.commit(&launch(), at(), &batch).unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(refused.to_string().ends_with("database or disk is full"), "{refused}");
    assert_eq!(store.load(&launch()).unwrap(), Saved::default());
    store.pragma("max_page_count", 100_000);
    store.commit(&launch(), at(), &batch).unwrap();
}

#[test]
fn every_history_is_trimmed_in_whatever_order_checks_are_seen() {
    let folder = Folder::new("trim");
    let mut store = SqliteStore::open(&folder.0.join("store.db")).unwrap();
    for _ in 0..20 {
        let turns = (0..64).flat_map(|_| [observed("a/odd", 1.0), observed("a/even", 2.0)]);
        store.commit(&launch(), at(), &turns.collect::<Vec<_>>()).unwrap();
    }
    for check in ["a/odd", "a/even"] {
        let rows = store.count("SELECT count(*) FROM observations WHERE check_path = ?1", check);
        assert!((1_000..1_064).contains(&rows), "{check}: {rows}");
    }
}

#[test]
fn a_store_that_cannot_be_written_says_so_and_can_be_read() {
    let folder = Folder::new("readonly");
    let mut store = SqliteStore::open(&folder.0.join("store.db")).unwrap();
    store.commit(&launch(), at(), &[reached(Milestone::DeployStarted)]).unwrap();
    store.pragma("query_only", 1);
    let refused = store.commit(&launch(), at(), &[reached(Milestone::Live)]).unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(refused.to_string().ends_with("attempt to write a readonly database"), "{refused}");
    assert_eq!(store.load(&launch()).unwrap().milestones.len(), 1);
}

#[test]
fn what_makes_a_commit_safe_is_in_force() {
    let folder = Folder::new("pragmas");
    let path = folder.0.join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    for (pragma, value) in
        [("synchronous", 2), ("foreign_keys", 1), ("timeout", 5_000), ("trusted_schema", 0)]
    {
        let table = if pragma == "timeout" { "busy_timeout" } else { pragma };
        let is = store.count(&format!("SELECT {pragma} FROM pragma_{table} WHERE ?1 = ''"), "");
        assert_eq!(is, value, "{pragma}");
    }
    assert_eq!(
        store.count("SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = ?1", "wal"),
        1
    );
    let strict = "SELECT count(*) FROM pragma_table_list WHERE schema = ?1 AND strict = 0 AND name NOT LIKE 'sqlite_%'";
    assert_eq!(store.count(strict, "main"), 0, "every table is strict");
    for file in ["store.db", "store.db-wal", "store.db.lock", "store.db.key"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.0.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_file_that_is_none_of_ours_is_refused_and_left_as_it_is() {
    let folder = Folder::new("odd");
    let newer = folder.0.join("newer.db");
    drop(SqliteStore::open(&newer).unwrap());
    layout(&newer, "PRAGMA user_version = 99");
    let text = folder.0.join("text.db");
    std::fs::write(&text, "this is no database, it is a text of some length\n".repeat(40)).unwrap();
    let rows =
        [(&newer, "has layout 99; this launchgate knows 8"), (&text, "file is not a database")];
    for (path, says) in rows {
        let before = std::fs::read(path).unwrap();
        let refused = SqliteStore::open(path).unwrap_err();
        assert!(refused.to_string().ends_with(says), "{refused}");
        assert_eq!(std::fs::read(path).unwrap(), before);
    }
}

#[test]
fn every_earlier_layout_is_brought_up_to_date() {
    let folder = Folder::new("layouts");
    for (version, _) in MIGRATIONS.iter().enumerate() {
        let path = folder.0.join(format!("{version}.db"));
        layout(&path, &MIGRATIONS[..version].concat());
        layout(&path, &format!("PRAGMA user_version = {version}"));
        if version > 0 {
            layout(
                &path,
                "INSERT INTO milestones (launch, at, body) VALUES ('shop', 0, \
                '{\"milestone\":\"live\",\"at\":\"2026-12-01T09:00:00Z\",\"by\":\"alice\"}')",
            );
        }
        if version == BEFORE_LAUNCH_RUNS {
            let body = serde_json::to_string(&run(1)).unwrap();
            let event = RunEvent::StepStarted { step: 0, attempt: 1, at: at() };
            let event = serde_json::to_string(&event).unwrap();
            layout(
                &path,
                &format!(
                    "INSERT INTO runs (run, launch, generation, at, in_flight, body, target) \
                     VALUES ('{0}', 'shop', 1, 0, 1, '{body}', 'shop'); \
                     INSERT INTO run_events (run, at, started_step, started_attempt, body) \
                     VALUES ('{0}', 0, 0, 1, '{event}')",
                    run(1).id
                ),
            );
        }
        let mut store = SqliteStore::open(&path).unwrap();
        let kept = store.load(&launch()).unwrap();
        assert_eq!(kept.milestones.len(), version.min(1), "{version}");
        let started: Vec<usize> =
            kept.runs.iter().flat_map(Run::open_attempts).map(|(step, _)| step).collect();
        assert_eq!(started.len(), usize::from(version == BEFORE_LAUNCH_RUNS), "{version}");
        store.commit(&launch(), at(), &[observed("a/b", 1.0)]).unwrap();
    }
}

/// Runs statements on a file as another program would.
pub(super) fn layout(path: &Path, statements: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(statements).unwrap();
}

#[test]
fn what_was_kept_by_an_instant_comes_back() {
    let folder = Folder::new("past");
    let mut store = SqliteStore::open(&folder.0.join("past.db")).unwrap();
    let after = |seconds: i64| at() + jiff::SignedDuration::from_secs(seconds);
    let run = run(1);
    let start = RunEvent::StepStarted { step: 0, attempt: 1, at: at() };
    let rows = [
        (0, vec![observed("a/b", 1.0), reached(Milestone::DeployStarted)]),
        (10, vec![observed("a/b", 2.0), Record::RunCreated(Box::new(run.clone()))]),
        (20, vec![observed("a/b", 3.0), Record::Run { run: run.id.clone(), event: start }]),
    ];
    for (second, records) in rows {
        store.commit(&launch(), after(second), &records).unwrap();
    }
    let check: CheckPath = "a/b".parse().unwrap();
    for (second, seen, milestones, runs, started) in
        [(-1, 0, 0, 0, 0), (0, 1, 1, 0, 0), (15, 2, 1, 1, 0), (20, 3, 1, 1, 1)]
    {
        let (saved, observed) =
            store.load_at(&launch(), after(second), std::slice::from_ref(&check)).unwrap();
        let open = saved.runs.iter().flat_map(Run::open_attempts).count();
        let found = (observed[&check].len(), saved.milestones.len(), saved.runs.len(), open);
        assert_eq!(found, (seen, milestones, runs, started), "{second}");
    }
}
