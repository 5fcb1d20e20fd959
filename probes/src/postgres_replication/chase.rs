//! The chase: a standby is watched until it has applied the mark.

use std::time::Duration;

use launchgate_core::observation::Failure;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::failure;
use super::primary::lsn;

/// Between two looks at a standby.
const STEP: Duration = Duration::from_millis(50);

/// What was seen of a standby.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chased {
    /// How long it took to apply the mark; none if it did not in time.
    pub(super) lag: Option<Duration>,
    pub(super) is_standby: bool,
    pub(super) paused: bool,
    /// Whether it has a receiver that has heard of the primary lately.
    pub(super) receives: bool,
    /// The lag by the usual formula, in seconds.
    pub(super) usual: Option<f64>,
    /// How long it waits on purpose before it applies anything, in seconds.
    pub(super) delays: f64,
}

pub(super) async fn run(
    standby: &Client,
    mark: u64,
    began: Instant,
    patience: Duration,
    silence: f64,
) -> Result<Chased, Failure> {
    let told = |e: tokio_postgres::Error| failure("the standby", &e);
    let until = began + patience;
    let mut lag = None;
    let mut is_standby = true;
    loop {
        let row = standby
            .query_one("select pg_is_in_recovery(), pg_last_wal_replay_lsn()::text", &[])
            .await
            .map_err(told)?;
        is_standby &= row.get::<_, bool>(0);
        let applied: Option<String> = row.get(1);
        if applied.as_deref().and_then(lsn).is_some_and(|applied| applied >= mark) {
            lag = Some(began.elapsed());
            break;
        }
        if !is_standby || Instant::now() + STEP >= until {
            break;
        }
        tokio::time::sleep(STEP).await;
    }
    let row = standby
        .query_one(
            "select (case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end), \
             exists(select from pg_stat_wal_receiver where \
             extract(epoch from clock_timestamp() - last_msg_receipt_time)::float8 <= $1), \
             (case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0 \
             else extract(epoch from now() - pg_last_xact_replay_timestamp()) end)::float8, \
             extract(epoch from current_setting('recovery_min_apply_delay')::interval)::float8",
            &[&silence],
        )
        .await
        .map_err(told)?;
    Ok(Chased {
        lag,
        is_standby,
        paused: row.get(0),
        receives: row.get(1),
        usual: row.get(2),
        delays: row.get(3),
    })
}
