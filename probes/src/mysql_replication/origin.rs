//! What the source says of itself, and what its replicas are to catch up with.

use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use mysql_async::prelude::Queryable as _;
use tokio::time::Instant;

use super::Pulse;
use crate::mysql::{Named, Server, failure};

/// A table that may be put into a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table(String);

impl Table {
    /// Reads `database.table`, of plain letters, digits, `_` and `$`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let plain = |part: &str| {
            !part.is_empty()
                && part.len() <= 64
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
        };
        match text.split_once('.') {
            Some((database, table)) if plain(database) && plain(table) => {
                Ok(Self(format!("`{database}`.`{table}`")))
            }
            _ => Err(format!("`{text}` is not of the form `database.table`, in plain letters")),
        }
    }
}

/// What the replicas are to catch up with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    /// A set of transactions, as the server writes it.
    Gtids(String),
    /// A heartbeat: the table, whose it is, and its time as it is written.
    Heartbeat { table: Table, server_id: u64, at: String },
}

/// Whether something moved that a replica which hangs would not have.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Proof {
    /// We wrote a mark.
    Mark,
    /// A heartbeat this many seconds old, and whether that is fresh.
    Heartbeat { age: f64, fresh: bool },
    /// Nothing was written by us: what is there may have been there for long. Why no mark was written, if one was to be.
    Nothing(Option<String>),
}

/// The source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Origin {
    pub(super) server_id: u64,
    pub(super) uuid: Option<String>,
    pub(super) is_writable: bool,
    pub(super) target: Target,
    pub(super) proof: Proof,
    /// When the target was taken, or the mark was written.
    pub(super) at: Instant,
}

const SOURCE: &str = "the source";

/// Asks the source, and lets it write a mark if it may.
pub(super) async fn ask(source: &mut Server, pulse: &Pulse) -> Result<Origin, Failure> {
    let more = if source.is_mariadb {
        ""
    } else {
        ", @@global.server_uuid as uuid, @@global.gtid_mode as mode"
    };
    let sql = format!("select @@global.server_id as id, @@global.read_only as locked{more}");
    let facts = source.row(SOURCE, &sql).await?;
    let server_id: u64 =
        said(&facts, "id")?.parse().map_err(|_| odd("its server_id is no number"))?;
    let is_writable = matches!(said(&facts, "locked")?, "0" | "OFF");
    let uuid = facts.get("uuid").cloned().flatten();
    let at = Instant::now();
    let (target, proof) = match pulse {
        Pulse::Heartbeat { table, utc, fresh_for } => {
            heartbeat(source, table, server_id, *utc, *fresh_for).await?
        }
        Pulse::Mark(table) => {
            let proof = match write(source, table).await {
                Ok(()) => Proof::Mark,
                Err(failure) if failure.cause == Cause::Unreachable => return Err(failure),
                Err(failure) => Proof::Nothing(Some(failure.message)),
            };
            (gtids(source, &facts).await?, proof)
        }
        Pulse::Nothing => (gtids(source, &facts).await?, Proof::Nothing(None)),
    };
    Ok(Origin { server_id, uuid, is_writable, target, proof, at })
}

async fn write(source: &mut Server, table: &Table) -> Result<(), Failure> {
    let told = |e: mysql_async::Error| failure(SOURCE, &e);
    source.conn.query_drop("set session innodb_lock_wait_timeout = 1").await.map_err(told)?;
    let sql = format!(
        "insert into {} (id, at) values (1, utc_timestamp(6)) \
         on duplicate key update at = utc_timestamp(6)",
        table.0
    );
    source.conn.query_drop(sql).await.map_err(told)
}

async fn gtids(source: &mut Server, facts: &Named) -> Result<Target, Failure> {
    let sql = if source.is_mariadb {
        "select @@global.gtid_binlog_pos as gtids"
    } else if facts.get("mode").cloned().flatten().is_some_and(|mode| mode == "ON") {
        "select @@global.gtid_executed as gtids"
    } else {
        let message = "the source does not number its transactions (gtid_mode is not ON): give a `heartbeat` table";
        return Err(Failure::new(Cause::NoData, message));
    };
    let row = source.row(SOURCE, sql).await?;
    let set: String = said(&row, "gtids")?.split_whitespace().collect();
    if set.is_empty() {
        let message = "the source has no transactions in its binary log, or none is kept";
        return Err(Failure::new(Cause::NoData, message));
    }
    if !set.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | ',' | '-')) {
        return Err(odd("its transactions cannot be read"));
    }
    Ok(Target::Gtids(set))
}

async fn heartbeat(
    source: &mut Server,
    table: &Table,
    server_id: u64,
    utc: bool,
    fresh_for: Duration,
) -> Result<(Target, Proof), Failure> {
    let clock = if utc { "utc_timestamp(6)" } else { "now(6)" };
    let sql = format!(
        "select ts, timestampdiff(microsecond, cast(replace(ts, 'T', ' ') as datetime(6)), {clock}) \
         as age from {} where server_id = {server_id} order by ts desc limit 1",
        table.0
    );
    let row = source.rows(SOURCE, &sql).await?.into_iter().next().ok_or_else(|| {
        let message = format!("the source's table of heartbeats has none of server {server_id}");
        Failure::new(Cause::NoData, message)
    })?;
    let at = said(&row, "ts")?.to_owned();
    let micros: f64 = said(&row, "age")?.parse().map_err(|_| odd("its heartbeat has no time"))?;
    if !at.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | ' ' | 'T')) {
        return Err(odd("its heartbeat has no time"));
    }
    let age = micros / 1e6;
    // One from the future says that the clocks or `utc` are wrong: then its age says nothing.
    let fresh = age >= -1.0 && age <= fresh_for.as_secs_f64();
    Ok((Target::Heartbeat { table: table.clone(), server_id, at }, Proof::Heartbeat { age, fresh }))
}

impl Target {
    /// A statement that tells whether a replica has it: 1 or 0. The server itself may wait for this long.
    pub(super) fn question(&self, is_mariadb: bool, wait: Duration) -> String {
        let seconds = wait.as_secs_f64();
        match self {
            Self::Gtids(set) if is_mariadb => {
                format!("select master_gtid_wait('{set}', {seconds:.3}) = 0 as reached")
            }
            Self::Gtids(set) => {
                format!("select wait_for_executed_gtid_set('{set}', {seconds:.3}) = 0 as reached")
            }
            Self::Heartbeat { table, server_id, at } => format!(
                "select coalesce(max(ts) >= '{at}', 0) as reached from {} where server_id = {server_id}",
                table.0
            ),
        }
    }

    /// Whether the server waits by itself when it is asked.
    pub(super) fn waits(&self) -> bool {
        matches!(self, Self::Gtids(_))
    }
}

fn said<'r>(row: &'r Named, name: &str) -> Result<&'r str, Failure> {
    row.get(name)
        .and_then(Option::as_deref)
        .ok_or_else(|| odd(&format!("it does not tell its {name}")))
}

fn odd(why: &str) -> Failure {
    Failure::new(Cause::BadResponse, format!("{SOURCE}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_reach_a_statement() {
        let rows = [
            ("plain", "percona.heartbeat", true),
            ("no database", "heartbeat", false),
            ("a quote", "a.b`; drop table c", false),
            ("empty", ".", false),
            ("three", "a.b.c", false),
        ];
        for (row, text, fine) in rows {
            assert_eq!(Table::read(text).is_ok(), fine, "{row}");
        }
    }
}
