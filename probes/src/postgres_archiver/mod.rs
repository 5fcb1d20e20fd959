//! `postgres_archiver`: whether a server's write-ahead log reaches its archive, without which there is no recovery to a
//! point in time.
//!
//! It reads what the server says of its archiver. Whether the archive can be read, and restored from, is not tested.

mod verdict;

use std::path::PathBuf;

use launchgate_core::observation::Failure;
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::postgres::{Access, Source, connect, failure, host};
use crate::replication::in_time;
use crate::{Context, Probe};
use verdict::{Facts, Waiting};

/// `with:` of a `postgres_archiver` check.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The server: the name of a source of the launch file, or the source itself.
    pub source: Source,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// The probe.
#[derive(Debug)]
pub struct PostgresArchiver {
    settings: Settings,
}

impl Probe for PostgresArchiver {
    const KIND: &'static str = "postgres_archiver";
    const EXAMPLE: &'static str = "source: { kind: postgres, url: { env: PRIMARY_URL } }\n";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        Ok(Self { settings })
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number};
        let (time, count) = (Number(Unit::Time), Number(Unit::One));
        [
            (
                "archiving",
                Flag,
                "whether the server archives at all: its mode, its role and a command or library",
            ),
            ("failing", Flag, "whether the last attempt to archive a segment failed"),
            (
                "last_archived_age",
                time,
                "how long ago a segment was archived; absent where none ever was",
            ),
            ("last_failed_age", time, "how long ago an attempt failed; absent where none did"),
            (
                "archived_count",
                count,
                "how many segments were archived since the statistics were reset",
            ),
            ("failed_count", count, "how many attempts failed since the statistics were reset"),
            ("waiting", count, "how many segments are full and not yet archived"),
            ("oldest_waiting", time, "how long the oldest of them has waited; 0 where none waits"),
            (
                "archive_timeout",
                time,
                "after how long a segment that is not full is archived; absent for never",
            ),
        ]
        .map(|(name, kind, doc)| ReadingSpec::new(name, kind, doc))
        .to_vec()
    }

    fn hosts(&self) -> Vec<String> {
        host(&self.settings.source.url).into_iter().collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let end = Instant::now() + cx.remaining().mul_f64(0.9);
        let access = Access::new(self.settings.ca_file.as_deref(), cx, end).await?;
        let server = connect("the server", &self.settings.source.url, &access).await?;
        let began = Instant::now();
        let facts = in_time(end, "the server", facts(&server)).await?;
        cx.trail.note("the server", "its archiver", format!("{facts:?}"), began.elapsed());
        cx.trail.untested("whether what was archived can be read and restored");
        Ok(verdict::read(&facts))
    }
}

async fn facts(server: &Client) -> Result<Facts, Failure> {
    let row = server
        .query_one(
            "select current_setting('archive_mode'), not pg_is_in_recovery(), \
             coalesce(current_setting('archive_command', true), '') not in ('', '(disabled)') \
             or coalesce(current_setting('archive_library', true), '') <> '', \
             archived_count::float8, failed_count::float8, \
             extract(epoch from clock_timestamp() - last_archived_time)::float8, \
             extract(epoch from clock_timestamp() - last_failed_time)::float8, \
             coalesce(last_failed_wal, ''), \
             extract(epoch from current_setting('archive_timeout')::interval)::float8 \
             from pg_stat_archiver",
            &[],
        )
        .await
        .map_err(|e| failure("the server", &e))?;
    let waiting = server
        .query_one(
            "select count(*)::float8, \
             extract(epoch from clock_timestamp() - min(modification))::float8 \
             from pg_ls_archive_statusdir() where name like '%.ready'",
            &[],
        )
        .await
        .map(|row| Waiting { count: row.get(0), oldest: row.get(1) })
        .map_err(|e| failure("the server", &e).message);
    Ok(Facts {
        mode: row.get(0),
        is_primary: row.get(1),
        has_way: row.get(2),
        archived: row.get(3),
        failed: row.get(4),
        since_archived: row.get(5),
        since_failed: row.get(6),
        failed_segment: row.get(7),
        timeout: row.get(8),
        waiting,
    })
}
