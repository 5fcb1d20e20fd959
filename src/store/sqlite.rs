//! The embedded store: one SQLite file, in WAL mode and fully synchronous, held by one daemon at a time.

use std::collections::HashMap;
use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launchgate_core::audit::Line;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::observation::Observation;
use launchgate_core::run::{Run, RunEvent, RunId};
use launchgate_core::state::{Record, Saved, SavedCheck, SavedTrigger};
use launchgate_core::target::Elsewhere;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::de::DeserializeOwned;

use super::key::Key;
use super::trouble::{Trouble, json, text};
use super::{ELSEWHERE, Retention, Store, StoreError, audit, history, messages, past};

/// How long a lock is waited for that is about to be given back, and how often it is tried.
const PASSING: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(20);

/// The layout that this launchgate writes, one script per step from the one before.
pub(super) const MIGRATIONS: [&str; 8] = [
    include_str!("sqlite_1.sql"),
    include_str!("sqlite_2.sql"),
    include_str!("sqlite_messages.sql"),
    include_str!("sqlite_audit.sql"),
    include_str!("sqlite_targets.sql"),
    include_str!("sqlite_people.sql"),
    include_str!("sqlite_launch_runs.sql"),
    include_str!("sqlite_watch.sql"),
];

/// An SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    retention: Retention,
    /// What signs the audit log.
    key: Key,
    /// Held as long as the store is: another daemon on the same file would act a second time.
    _lock: std::fs::File,
}

impl SqliteStore {
    /// Opens a file, or makes it, readable for its owner alone.
    ///
    /// # Errors
    /// Another daemon has it, it cannot be read or written, a newer launchgate wrote it, its audit log does not end as it
    /// was signed, or the key that signed it is gone.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_keeping(path, Retention::default())
    }

    /// Opens a file as [`Self::open`] does, with other bounds for its history.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_keeping(path: &Path, retention: Retention) -> Result<Self, StoreError> {
        let shown = path.display();
        let fail =
            |e: &dyn std::fmt::Display| StoreError::Unavailable(format!("the store {shown}: {e}"));
        let path = resolved(path).map_err(|e| fail(&e))?;
        let lock = lock(&path)?;
        let connection = Connection::open(&path).map_err(|e| fail(&e))?;
        for (pragma, wanted) in [
            ("busy_timeout", "5000"),
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("fullfsync", "1"),
            ("trusted_schema", "0"),
        ] {
            set(&connection, pragma, wanted)?;
        }
        migrate(&connection, &path)?;
        let has_signed = audit::has_signed(&connection).map_err(|trouble| trouble.told(&path))?;
        let key = Key::beside(&path, has_signed)?;
        audit::ends_well(&connection, &key).map_err(|trouble| trouble.told(&path))?;
        Ok(Self { connection, path, retention, key, _lock: lock })
    }

    fn read(&self, launch: &Name) -> Result<Saved, Trouble> {
        let launch = launch.as_str();
        let mut saved = Saved::default();
        let mut checks = self.connection.prepare_cached(
            "SELECT check_path, checklist_hash, memory FROM check_memory WHERE launch = ?1 ORDER BY check_path",
        )?;
        let mut rows = checks.query([launch])?;
        while let Some(row) = rows.next()? {
            saved.checks.push(SavedCheck {
                check: row.get::<_, String>(0)?.parse().map_err(|e| Trouble::odd(&e))?,
                checklist_hash: row.get(1)?,
                memory: json(&row.get::<_, String>(2)?)?,
            });
        }
        let mut triggers = self.connection.prepare_cached(
            "SELECT trigger, watches, memory FROM trigger_memory WHERE launch = ?1 ORDER BY trigger",
        )?;
        let mut rows = triggers.query([launch])?;
        while let Some(row) = rows.next()? {
            saved.triggers.push(SavedTrigger {
                trigger: row.get::<_, String>(0)?.parse().map_err(|e| Trouble::odd(&e))?,
                watches: row.get(1)?,
                memory: json(&row.get::<_, String>(2)?)?,
            });
        }
        saved.sign_offs =
            self.all("SELECT body FROM sign_offs WHERE launch = ?1 ORDER BY id", launch)?;
        saved.waivers =
            self.all("SELECT body FROM waivers WHERE launch = ?1 ORDER BY id", launch)?;
        saved.decisions =
            self.all("SELECT body FROM decisions WHERE launch = ?1 ORDER BY id", launch)?;
        saved.milestones =
            self.all("SELECT body FROM milestones WHERE launch = ?1 ORDER BY id", launch)?;
        saved.rehearsals =
            self.all("SELECT body FROM rehearsals WHERE launch = ?1 ORDER BY id", launch)?;
        saved.watched =
            self.all("SELECT body FROM watch_reports WHERE launch = ?1 ORDER BY id", launch)?;
        saved.messages = messages::read(&self.connection, launch)?;
        saved.runs = self.all("SELECT body FROM runs WHERE launch = ?1 ORDER BY id", launch)?;
        for run in &mut saved.runs {
            let events: Vec<RunEvent> =
                self.all("SELECT body FROM run_events WHERE run = ?1 ORDER BY id", &run.id.0)?;
            for event in events {
                run.apply(&event).map_err(|e| Trouble::odd(&e))?;
            }
        }
        Ok(saved)
    }

    fn runs_on(&self, target: &Name, but: &Name) -> Result<Vec<Elsewhere>, Trouble> {
        let mut statement = self.connection.prepare_cached(
            "SELECT run, launch, at, ended, by_itself FROM runs \
             WHERE target = ?1 AND launch <> ?2 AND purpose = 'rollback' ORDER BY id DESC LIMIT ?3",
        )?;
        let most = i64::try_from(ELSEWHERE).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![target.as_str(), but.as_str(), most])?;
        let instant = |at: i64| Timestamp::from_millisecond(at).map_err(|e| Trouble::odd(&e));
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(Elsewhere {
                run: RunId(row.get(0)?),
                launch: row.get::<_, String>(1)?.parse().map_err(|e| Trouble::odd(&e))?,
                began: instant(row.get(2)?)?,
                ended: row.get::<_, Option<i64>>(3)?.map(instant).transpose()?,
                by_itself: row.get(4)?,
            });
        }
        Ok(all)
    }

    fn all<T: DeserializeOwned>(&self, query: &str, key: &str) -> Result<Vec<T>, Trouble> {
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query([key])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(json(&row.get::<_, String>(0)?)?);
        }
        Ok(all)
    }

    fn write(&mut self, launch: &Name, at: Timestamp, records: &[Record]) -> Result<(), Trouble> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut log = audit::Log::new(&transaction, launch, at);
        for record in records {
            log.add(record)?;
            keep(&transaction, launch, at, record, self.retention)?;
        }
        log.sign(&self.key)?;
        Ok(transaction.commit()?)
    }

    fn told(&self, trouble: Trouble) -> StoreError {
        trouble.told(&self.path)
    }
}

impl Store for SqliteStore {
    fn load(&mut self, launch: &Name) -> Result<Saved, StoreError> {
        self.read(launch).map_err(|trouble| self.told(trouble))
    }

    fn commit(
        &mut self,
        launch: &Name,
        at: Timestamp,
        records: &[Record],
    ) -> Result<(), StoreError> {
        self.write(launch, at, records).map_err(|trouble| self.told(trouble))
    }

    fn load_at(
        &mut self,
        launch: &Name,
        at: Timestamp,
        checks: &[CheckPath],
    ) -> Result<(Saved, HashMap<CheckPath, Vec<Observation>>), StoreError> {
        let saved = past::saved(&self.connection, launch, at);
        let seen =
            saved.and_then(|saved| Ok((saved, past::seen(&self.connection, launch, at, checks)?)));
        seen.map_err(|trouble| self.told(trouble))
    }

    fn elsewhere(&mut self, target: &Name, launch: &Name) -> Result<Vec<Elsewhere>, StoreError> {
        self.runs_on(target, launch).map_err(|trouble| self.told(trouble))
    }

    fn history(
        &mut self,
        launch: &Name,
        check: &CheckPath,
        limit: usize,
    ) -> Result<Vec<Observation>, StoreError> {
        let limit = limit.min(self.retention.per_check);
        let read = || -> Result<Vec<Observation>, Trouble> {
            let bodies = history::read(&self.connection, launch.as_str(), check, limit)?;
            bodies.iter().map(|body| json(body)).collect()
        };
        read().map_err(|trouble| self.told(trouble))
    }

    fn prune(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        history::prune(&self.connection, before).map_err(|e| self.told(e.into()))
    }

    fn audit(&mut self, launch: &Name, after: u64, limit: usize) -> Result<Vec<Line>, StoreError> {
        audit::page(&self.connection, launch, after, limit).map_err(|trouble| self.told(trouble))
    }
}

/// Brings a file to the newest layout, step by step.
fn migrate(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let told = |error: rusqlite::Error| Trouble::from(error).told(path);
    let at: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(told)?;
    let done = usize::try_from(at).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        let (shown, knows) = (path.display(), MIGRATIONS.len());
        let message = format!("the store {shown} has layout {at}; this launchgate knows {knows}");
        return Err(StoreError::Unreadable(message));
    }
    for (number, script) in MIGRATIONS.iter().enumerate().skip(done) {
        let step = || -> rusqlite::Result<()> {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(script)?;
            let now = i64::try_from(number + 1).unwrap_or(i64::MAX);
            transaction.pragma_update(None, "user_version", now)?;
            transaction.commit()
        };
        step().map_err(told)?;
    }
    Ok(())
}

fn keep(
    tx: &Transaction<'_>,
    launch: &Name,
    at: Timestamp,
    record: &Record,
    retention: Retention,
) -> Result<(), Trouble> {
    let (launch, when) = (launch.as_str(), at);
    let at = when.as_millisecond();
    match record {
        Record::Observed { check, checklist_hash, memory } => {
            let check = check.to_string();
            let seen = tx
                .prepare_cached(
                    "INSERT INTO check_memory (launch, check_path, checklist_hash, memory, seen) \
                     VALUES (?1, ?2, ?3, ?4, 1) ON CONFLICT DO UPDATE SET \
                     checklist_hash = excluded.checklist_hash, memory = excluded.memory, seen = seen + 1 \
                     RETURNING seen",
                )?
                .query_row(params![launch, check, checklist_hash, text(memory)?], |row| row.get(0))?;
            if let Some(last) = &memory.last {
                history::add(tx, (launch, &check), when, (seen, &text(last)?), retention)?;
            }
        }
        Record::SignedOff(sign_off) => add(tx, "sign_offs", launch, at, &text(sign_off)?)?,
        Record::Waived(waiver) => add(tx, "waivers", launch, at, &text(waiver)?)?,
        Record::GoNoGo(decision) => add(tx, "decisions", launch, at, &text(decision)?)?,
        Record::Reached(reached) => add(tx, "milestones", launch, at, &text(reached)?)?,
        Record::Trigger { trigger, watches, memory } => {
            tx.prepare_cached(
                "INSERT INTO trigger_memory VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET \
                 watches = excluded.watches, memory = excluded.memory",
            )?
            .execute(params![launch, trigger.as_str(), watches, text(memory)?])?;
        }
        Record::RunCreated(run) => create(tx, launch, at, run)?,
        Record::Watched(report) => add(tx, "watch_reports", launch, at, &text(report)?)?,
        Record::Rehearsed(rehearsal) => add(tx, "rehearsals", launch, at, &text(rehearsal)?)?,
        Record::Message(message) => messages::add(tx, launch, at, message)?,
        Record::Delivered { id, delivery } => messages::end(tx, launch, id, delivery)?,
        Record::Run { run, event } => {
            let (step, attempt) = match event {
                RunEvent::StepStarted { step, attempt, .. } => (Some(*step), Some(*attempt)),
                _ => (None, None),
            };
            let step = step.map(|step| i64::try_from(step).unwrap_or(i64::MAX));
            tx.prepare_cached(
                "INSERT INTO run_events (run, at, started_step, started_attempt, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![run.0, at, step, attempt, text(event)?])?;
            let over = match event {
                RunEvent::Finished { .. } => true,
                RunEvent::Decided { decision, .. } => {
                    *decision == launchgate_core::run::Choice::Abort
                }
                _ => false,
            };
            if over {
                tx.prepare_cached("UPDATE runs SET in_flight = 0, ended = ?2 WHERE run = ?1")?
                    .execute(params![run.0, at])?;
            }
        }
    }
    Ok(())
}

/// Adds a row to one of the tables that keep a launch's records whole, for good.
fn add(
    tx: &Transaction<'_>,
    table: &'static str,
    launch: &str,
    at: i64,
    body: &str,
) -> Result<(), Trouble> {
    let insert = format!("INSERT INTO {table} (launch, at, body) VALUES (?1, ?2, ?3)");
    tx.prepare_cached(&insert)?.execute(params![launch, at, body])?;
    Ok(())
}

fn create(tx: &Transaction<'_>, launch: &str, at: i64, run: &Run) -> Result<(), Trouble> {
    tx.prepare_cached(
        "INSERT INTO runs (run, launch, purpose, generation, at, in_flight, body, target, by_itself) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8)",
    )?
    .execute(params![
        run.id.0,
        launch,
        if run.is_rollback() { "rollback" } else { "launch" },
        run.generation,
        at,
        text(run)?,
        run.target().as_str(),
        run.by_itself()
    ])?;
    Ok(())
}

/// Sets a pragma and reads it back: SQLite ignores what it cannot do.
fn set(connection: &Connection, pragma: &str, wanted: &str) -> Result<(), StoreError> {
    let fail = |e: rusqlite::Error| StoreError::Unavailable(format!("PRAGMA {pragma}: {e}"));
    connection.pragma_update_and_check(None, pragma, wanted, |_| Ok(())).or_else(|e| match e {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        e => Err(fail(e)),
    })?;
    let value: rusqlite::types::Value =
        connection.pragma_query_value(None, pragma, |row| row.get(0)).map_err(fail)?;
    let is = match value {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if is == wanted {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "PRAGMA {pragma} is {is} and not {wanted}: this file system cannot keep a store safely"
    )))
}

/// The file itself, behind every link to it, so that two names of one file have one lock. It is made if it is not there.
fn resolved(path: &Path) -> std::io::Result<PathBuf> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    // A file that is there is not opened: closing it again would end the locks that SQLite holds on it in this process.
    if !path.exists() {
        private(path)?;
    }
    path.canonicalize()
}

/// Takes the lock beside the file, which ends with the process: and with any that it was just about to start when it was
/// killed, which has the lock as well until it has become another program.
#[expect(clippy::disallowed_methods, reason = "a store is opened before anything else is at work")]
fn lock(path: &Path) -> Result<std::fs::File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let beside = PathBuf::from(name);
    let fail = |e: &dyn std::fmt::Display| {
        StoreError::Unavailable(format!("the store's lock {}: {e}", beside.display()))
    };
    private(&beside).map_err(|e| fail(&e))?;
    let file = std::fs::File::open(&beside).map_err(|e| fail(&e))?;
    let until = Instant::now() + PASSING;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(AGAIN),
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Unavailable(format!(
                    "another daemon holds the store {}: two of them would both act",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(fail(&error)),
        }
    }
}

/// Makes the file for its owner alone, if it is not there.
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    opened.map(drop)
}

#[cfg(test)]
impl SqliteStore {
    /// Sets a pragma, to bring about what a disk or a file system would.
    pub(super) fn pragma(&self, name: &str, value: i64) {
        self.connection.pragma_update(None, name, value).expect("the pragma exists");
    }

    /// Counts rows behind the store's back.
    pub(super) fn count(&self, query: &str, key: &str) -> i64 {
        self.connection.query_row(query, [key], |row| row.get(0)).expect("the query is right")
    }
}
