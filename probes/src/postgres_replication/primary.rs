//! What the primary says of its standbys, and the mark that it is given to write.

use launchgate_core::observation::{Cause, Failure};
use tokio::time::Instant;
use tokio_postgres::Client;

use super::chase::system;
use crate::postgres::failure;

/// A standby as the primary sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) state: String,
    /// What it has not applied, in bytes; none if the primary does not know.
    pub(super) behind: Option<f64>,
    /// Seconds since it was last heard of.
    pub(super) heard: Option<f64>,
    /// Whether commits wait for it: `async`, `potential`, `sync` or `quorum`.
    pub(super) sync: String,
}

/// The primary's view.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) is_primary: bool,
    pub(super) rows: Vec<Row>,
    /// How long a standby may be silent before that is odd, in seconds.
    pub(super) silence: f64,
    /// The slots whose log is about to go, or gone: a standby that needs it cannot go on.
    pub(super) slots_at_risk: Vec<String>,
    /// The slots that nobody reads.
    pub(super) slots_inactive: Vec<String>,
    /// The cluster, if it may be told.
    pub(super) system: Option<i64>,
    /// The primary's clock, in seconds since 1970, and when it was asked for.
    pub(super) clock: f64,
    pub(super) asked: Instant,
    /// How often a segment that is not full is archived, in seconds; 0 for never.
    pub(super) archive_timeout: f64,
}

/// A place in the write-ahead log, and when it was reached.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    pub(super) lsn: u64,
    pub(super) at: Instant,
    /// Why no mark was written, if none was: then the chase goes after what was there, and says less.
    pub(super) unwritten: Option<String>,
}

pub(super) async fn view(primary: &Client) -> Result<View, Failure> {
    let told = |e: tokio_postgres::Error| failure("the primary", &e);
    let facts = primary
        .query_one(
            "select not pg_is_in_recovery(), \
             extract(epoch from current_setting('wal_sender_timeout')::interval)::float8, \
             extract(epoch from clock_timestamp())::float8, \
             extract(epoch from current_setting('archive_timeout')::interval)::float8",
            &[],
        )
        .await
        .map_err(told)?;
    let asked = Instant::now();
    let (is_primary, timeout): (bool, f64) = (facts.get(0), facts.get(1));
    let (rows, slots) = if is_primary {
        (senders(primary).await?, slots(primary).await?)
    } else {
        (Vec::new(), Vec::new())
    };
    let named = |which: fn(&Slot) -> bool| {
        slots.iter().filter(|slot| which(slot)).map(|slot| slot.name.clone()).collect()
    };
    // A standby answers at half of the timeout at the latest; some of that is allowed on top.
    let silence = if timeout > 0.0 { (timeout * 0.75).max(1.0) } else { 45.0 };
    Ok(View {
        is_primary,
        rows,
        silence,
        slots_at_risk: named(|slot| slot.at_risk),
        slots_inactive: named(|slot| !slot.active),
        system: system(primary).await,
        clock: facts.get(2),
        asked,
        archive_timeout: facts.get(3),
    })
}

async fn senders(primary: &Client) -> Result<Vec<Row>, Failure> {
    let rows = primary
        .query(
            "select application_name, state, \
             pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8, \
             extract(epoch from clock_timestamp() - reply_time)::float8, sync_state \
             from pg_stat_replication limit 1000",
            &[],
        )
        .await
        .map_err(|e| failure("the primary", &e))?;
    rows.iter()
        .map(|row| {
            // A role without the privilege is shown the row and none of what is in it.
            let hidden = || {
                let message = "the primary: the role may not see its standbys; grant it pg_monitor";
                Failure::new(Cause::Auth, message)
            };
            let (name, state): (Option<String>, Option<String>) = (row.get(0), row.get(1));
            Ok(Row {
                name: name.ok_or_else(hidden)?,
                state: state.ok_or_else(hidden)?,
                behind: row.get(2),
                heard: row.get(3),
                sync: row.get::<_, Option<String>>(4).unwrap_or_default(),
            })
        })
        .collect()
}

/// A place in the log that the primary keeps for somebody.
struct Slot {
    name: String,
    at_risk: bool,
    active: bool,
}

async fn slots(primary: &Client) -> Result<Vec<Slot>, Failure> {
    // The state came with PostgreSQL 13; by way of JSON it may be missing.
    let rows = primary
        .query(
            "select slot_name::text, \
             coalesce(to_jsonb(s)->>'wal_status' in ('unreserved', 'lost'), false), active \
             from pg_replication_slots s where not temporary order by 2 desc, 3 limit 200",
            &[],
        )
        .await
        .map_err(|e| failure("the primary", &e))?;
    let read = |row: &tokio_postgres::Row| Slot {
        name: row.get(0),
        at_risk: row.get(1),
        active: row.get(2),
    };
    Ok(rows.iter().map(read).collect())
}

/// Lets the primary write something small and flush it. A commit does both; it waits for no standby.
pub(super) async fn mark(primary: &Client) -> Result<Mark, Failure> {
    let at = Instant::now();
    let written = primary
        .batch_execute(
            "begin; set local synchronous_commit = local; \
             select pg_logical_emit_message(true, 'launchgate', ''); commit",
        )
        .await;
    let unwritten = written.err().map(|e| failure("the primary", &e).message);
    if unwritten.is_some() && primary.batch_execute("rollback").await.is_err() {
        return Err(Failure::new(Cause::Unreachable, "the primary went away"));
    }
    let row = primary
        .query_one(
            "select (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() \
             else pg_current_wal_flush_lsn() end)::text",
            &[],
        )
        .await
        .map_err(|e| failure("the primary", &e))?;
    let text: Option<String> = row.get(0);
    let lsn = text.as_deref().and_then(lsn).ok_or_else(|| {
        Failure::new(Cause::BadResponse, format!("the primary's place in its log is {text:?}"))
    })?;
    Ok(Mark { lsn, at, unwritten })
}

/// Reads a log sequence number: two hexadecimal halves of 64 bits.
pub(super) fn lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let (high, low) = (u32::from_str_radix(high, 16).ok()?, u32::from_str_radix(low, 16).ok()?);
    Some(u64::from(high) << 32 | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_are_two_halves() {
        let rows = [
            ("0/0", Some(0)),
            ("1/0", Some(1 << 32)),
            ("16/B374D848", Some(0x16_B374_D848)),
            ("FFFFFFFF/FFFFFFFF", Some(u64::MAX)),
            ("1/100000000", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(lsn(text), expected, "{text}");
        }
    }
}
