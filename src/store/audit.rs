//! The audit log in SQLite: written in the transaction of what it tells, read in pages, and looked at when a daemon
//! starts and by whoever verifies it. What an entry is, and what makes a log hold, is [`launchgate_core::audit`]'s.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use launchgate_core::audit::{
    Broken, Chain, Entry, Fingerprint, Head, Hex, Line, SignedHead, Why, audited,
};
use launchgate_core::name::Name;
use launchgate_core::state::Record;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, params};

use super::StoreError;
use super::key::Key;
use super::sqlite::MIGRATIONS;
use super::trouble::{Trouble, json};

/// The layout that brought the log.
const FIRST_LAYOUT: i64 = 4;
/// How many entries are read at a time.
const AT_ONCE: usize = 500;
/// A page ends after so many bytes of bodies, so that an answer is not endless; it has one entry at least.
const PAGE_BYTES: usize = 4 << 20;

/// A launch's log while a transaction adds to it.
pub(super) struct Log<'t> {
    tx: &'t Transaction<'t>,
    launch: &'t Name,
    at: Timestamp,
    /// The newest entry, once something is added.
    head: Option<Head>,
}

impl<'t> Log<'t> {
    pub(super) fn new(tx: &'t Transaction<'t>, launch: &'t Name, at: Timestamp) -> Self {
        Self { tx, launch, at, head: None }
    }

    /// Adds a record if it is audited. It is not kept yet: a trigger is compared with how it stood.
    pub(super) fn add(&mut self, record: &Record) -> Result<(), Trouble> {
        let before = match record {
            Record::Trigger { trigger, .. } => self.memory(trigger)?,
            _ => None,
        };
        let Some(kind) = audited(record, before.as_ref()) else { return Ok(()) };
        let head = match self.head.take() {
            Some(head) => head,
            None => newest(self.tx, self.launch)?,
        };
        let entry = head.next(self.at, kind, record).map_err(|e| Trouble::odd(&e))?;
        self.tx
            .prepare_cached(
                "INSERT INTO audit (launch, seq, at, kind, body, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                entry.launch.as_str(),
                number(entry.seq),
                entry.at.as_millisecond(),
                entry.kind,
                entry.body,
                entry.prev.0,
                entry.hash.0,
            ])?;
        self.head = Some(entry.head());
        Ok(())
    }

    fn memory(&self, trigger: &Name) -> Result<Option<launchgate_core::trigger::Memory>, Trouble> {
        let text: Option<String> = self
            .tx
            .prepare_cached("SELECT memory FROM trigger_memory WHERE launch = ?1 AND trigger = ?2")?
            .query_row([self.launch.as_str(), trigger.as_str()], |row| row.get(0))
            .optional()?;
        text.as_deref().map(json).transpose()
    }

    /// Signs what was added.
    pub(super) fn sign(self, key: &Key) -> Result<(), Trouble> {
        let Some(head) = self.head else { return Ok(()) };
        let signed = key.sign(head)?;
        self.tx
            .prepare_cached(
                "INSERT INTO audit_heads (launch, seq, hash, signature) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                signed.launch.as_str(),
                number(signed.seq),
                signed.hash.0,
                signed.signature.0,
            ])?;
        Ok(())
    }
}

fn newest(connection: &Connection, launch: &Name) -> Result<Head, Trouble> {
    let found = connection
        .prepare_cached("SELECT seq, hash FROM audit WHERE launch = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([launch.as_str()], |row| Ok((row.get(0)?, Hex(row.get(1)?))))
        .optional()?;
    Ok(match found {
        Some((seq, hash)) => Head { launch: launch.clone(), seq: counted(seq)?, hash },
        None => Head::origin(launch.clone()),
    })
}

/// The entries after `after`, `limit` at most, each with its signed head behind it; when there are none, the heads that
/// name entries which are not there.
pub(super) fn page(
    connection: &Connection,
    launch: &Name,
    after: u64,
    limit: usize,
) -> Result<Vec<Line>, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT e.seq, e.at, e.kind, e.body, e.prev, e.hash, h.hash, h.signature FROM audit e \
         LEFT JOIN audit_heads h ON h.launch = e.launch AND h.seq = e.seq \
         WHERE e.launch = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![launch.as_str(), number(after), limit])?;
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if bytes > PAGE_BYTES {
            break;
        }
        let seq = counted(row.get(0)?)?;
        let entry = Entry {
            launch: launch.clone(),
            seq,
            at: Timestamp::from_millisecond(row.get(1)?).map_err(|e| Trouble::odd(&e))?,
            kind: row.get(2)?,
            body: row.get(3)?,
            prev: Hex(row.get(4)?),
            hash: Hex(row.get(5)?),
        };
        bytes += entry.body.len();
        lines.push(Line::Entry(entry));
        if let Some(hash) = row.get(6)? {
            lines.push(signed(launch, seq, hash, row.get(7)?));
        }
    }
    if lines.is_empty() {
        let mut statement = connection.prepare_cached(
            "SELECT seq, hash, signature FROM audit_heads WHERE launch = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = statement.query(params![launch.as_str(), number(after), limit])?;
        while let Some(row) = rows.next()? {
            lines.push(signed(launch, counted(row.get(0)?)?, row.get(1)?, row.get(2)?));
        }
    }
    Ok(lines)
}

fn signed(launch: &Name, seq: u64, hash: [u8; 32], signature: [u8; 64]) -> Line {
    let head = Head { launch: launch.clone(), seq, hash: Hex(hash) };
    Line::Head(SignedHead::new(head, Hex(signature)))
}

/// Whether anything was ever signed.
pub(super) fn has_signed(connection: &Connection) -> Result<bool, Trouble> {
    Ok(connection.query_row("SELECT EXISTS (SELECT 1 FROM audit_heads)", [], |row| row.get(0))?)
}

/// The launches that have a log.
fn launches(connection: &Connection) -> Result<Vec<Name>, Trouble> {
    let mut statement =
        connection.prepare("SELECT launch FROM audit UNION SELECT launch FROM audit_heads")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|name| name?.parse().map_err(|e| Trouble::odd(&e))).collect()
}

/// Looks whether every launch's log ends as it was left: with an entry that is the one signed, by this key.
pub(super) fn ends_well(connection: &Connection, key: &Key) -> Result<(), Trouble> {
    let public = key.public()?;
    for launch in launches(connection)? {
        let mut chain = Chain::after(base(connection, &launch)?);
        loop {
            let after = chain.head().seq;
            let lines = page(connection, &launch, after, AT_ONCE)?;
            lines.iter().try_for_each(|line| {
                chain.take(line, &|message, signature| public.has_signed(message, signature))
            })?;
            if chain.head().seq == after {
                break;
            }
        }
        chain.end()?;
    }
    Ok(())
}

/// The entry before the last one that is signed.
fn base(connection: &Connection, launch: &Name) -> Result<Head, Trouble> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(seq) FROM audit_heads WHERE launch = ?1")?
        .query_row([launch.as_str()], |row| row.get(0))?;
    let seq = counted(last.unwrap_or(0))?.saturating_sub(1);
    if seq == 0 {
        return Ok(Head::origin(launch.clone()));
    }
    let hash: Option<[u8; 32]> = connection
        .prepare_cached("SELECT hash FROM audit WHERE launch = ?1 AND seq = ?2")?
        .query_row(params![launch.as_str(), number(seq)], |row| row.get(0))
        .optional()?;
    let why = Why::CutOff { reaches: seq + 1 };
    let hash: Fingerprint =
        hash.map(Hex).ok_or_else(|| Broken { launch: launch.clone(), seq, why })?;
    Ok(Head { launch: launch.clone(), seq, hash })
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn counted(seq: i64) -> Result<u64, Trouble> {
    u64::try_from(seq).map_err(|e| Trouble::odd(&e))
}

/// The audit log of a store's file, read beside the daemon that holds it; nothing is written.
#[derive(Debug)]
pub struct AuditFile {
    connection: Connection,
    path: PathBuf,
}

impl AuditFile {
    /// Opens a store's file.
    ///
    /// # Errors
    /// It cannot be read, or has no audit log that this launchgate knows.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<(Connection, i64)> {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            connection.pragma_update(None, "trusted_schema", false)?;
            let layout = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, layout))
        };
        let shown = path.display();
        let (connection, layout) =
            open().map_err(|e| StoreError::Unavailable(format!("the store {shown}: {e}")))?;
        let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        if !(FIRST_LAYOUT..=newest).contains(&layout) {
            return Err(StoreError::Unavailable(format!(
                "the store {shown} has layout {layout}; the audit logs that this launchgate reads are in \
                 {FIRST_LAYOUT} to {newest}"
            )));
        }
        Ok(Self { connection, path: path.to_owned() })
    }

    /// Gives every line of every launch's log, as they are at one moment.
    ///
    /// # Errors
    /// The file cannot be read, or holds what is no line of a log.
    pub fn each(&self, mut take: impl FnMut(&Line)) -> Result<(), StoreError> {
        let mut read = || -> Result<(), Trouble> {
            let moment = self.connection.unchecked_transaction()?;
            for launch in launches(&moment)? {
                let mut after = 0;
                loop {
                    let lines = page(&moment, &launch, after, AT_ONCE)?;
                    lines.iter().for_each(&mut take);
                    let entries = lines.iter().filter(|line| matches!(line, Line::Entry(_)));
                    match entries.map(Line::seq).max() {
                        Some(seq) => after = seq,
                        None => break,
                    }
                }
            }
            Ok(moment.finish()?)
        };
        read().map_err(|trouble| trouble.told(&self.path))
    }
}
