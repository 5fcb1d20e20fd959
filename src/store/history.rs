//! The history of observations in SQLite: written with what was seen, and trimmed a little with every write, so that no
//! write is slow and nobody has to come by and clean up.

use jiff::Timestamp;
use launchgate_core::name::CheckPath;
use rusqlite::{Connection, Transaction, params};

use super::Retention;

/// A check's history is trimmed once per this many of its observations, and is longer by less than that until then.
const TRIM_EVERY: i64 = 64;
/// How many observations that are too old go at a time; more than can come in between.
const EXPIRE_AT_ONCE: i64 = 256;
/// How many a pruning takes in one transaction, so that the log beside the file stays short.
const PRUNE_AT_ONCE: i64 = 4_096;

/// Adds the check's `seen`th observation, and drops what is beyond the bounds.
pub(super) fn add(
    tx: &Transaction<'_>,
    (launch, check): (&str, &str),
    at: Timestamp,
    (seen, body): (i64, &str),
    retention: Retention,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO observations (launch, check_path, at, body) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![launch, check, at.as_millisecond(), body])?;
    // Row numbers are the store's own and count on by one, so this comes round whoever is seen.
    if tx.last_insert_rowid() % TRIM_EVERY == 0 {
        expire(tx, retention.oldest(at), EXPIRE_AT_ONCE)?;
    }
    if seen % TRIM_EVERY == 0 {
        let keep = bounded(retention.per_check);
        tx.prepare_cached(
            "DELETE FROM observations WHERE launch = ?1 AND check_path = ?2 AND id <= (SELECT id FROM observations \
             WHERE launch = ?1 AND check_path = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
        )?
        .execute(params![launch, check, keep])?;
    }
    Ok(())
}

/// The newest `limit` observations of a check, newest first, as they were written.
pub(super) fn read(
    connection: &Connection,
    launch: &str,
    check: &CheckPath,
    limit: usize,
) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM observations WHERE launch = ?1 AND check_path = ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = statement
        .query_map(params![launch, check.to_string(), bounded(limit)], |row| row.get(0))?;
    rows.collect()
}

/// Drops every observation that was committed before `oldest`, and says how many those were.
pub(super) fn prune(connection: &Connection, oldest: Timestamp) -> rusqlite::Result<usize> {
    let mut gone = 0;
    loop {
        let now = expire(connection, oldest, PRUNE_AT_ONCE)?;
        gone += now;
        if now == 0 {
            return Ok(gone);
        }
    }
}

fn expire(connection: &Connection, oldest: Timestamp, at_once: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM observations WHERE id IN (SELECT id FROM observations WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute(params![oldest.as_millisecond(), at_once])
}

fn bounded(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
