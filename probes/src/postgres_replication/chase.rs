//! The chase: a standby is watched until it has applied the mark.

use std::time::Duration;

use launchgate_core::observation::Failure;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::primary::lsn;
use crate::postgres::failure;

/// Between two looks at a standby.
const STEP: Duration = Duration::from_millis(50);

/// What is chased, and for how long.
#[derive(Debug, Clone)]
pub(super) struct Hunt {
    /// The mark's place in the log.
    pub(super) mark: u64,
    /// When it was written.
    pub(super) began: Instant,
    /// How long a standby may take, besides what it waits on purpose.
    pub(super) patience: Duration,
    /// When the chase must end whatever is seen.
    pub(super) end: Instant,
    /// How long a receiver may not have heard of the primary, in seconds.
    pub(super) silence: f64,
}

/// What was seen of a standby.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chased {
    /// How long it took to apply the mark, without what it waits on purpose; none if it did not in time.
    pub(super) lag: Option<Duration>,
    /// How long it was watched.
    pub(super) watched: Duration,
    /// Whether it waits on purpose for longer than it could be watched, so that nothing was seen.
    pub(super) unseen: bool,
    /// Whether it has the mark, applied or not.
    pub(super) received: bool,
    pub(super) is_standby: bool,
    pub(super) paused: bool,
    /// Whether it has a receiver that has heard of the primary lately.
    pub(super) receives: bool,
    /// The lag by the usual formula, in seconds.
    pub(super) usual: Option<f64>,
    /// How long it waits on purpose before it applies anything, in seconds.
    pub(super) delays: f64,
    /// When the newest commit that it applied was made, by the primary's clock, in seconds since 1970.
    pub(super) replayed: Option<f64>,
    /// The cluster that it belongs to, if it may be told.
    pub(super) system: Option<i64>,
}

/// Watches a standby until it has applied the mark, or has had its time.
pub(super) async fn run(standby: &Client, hunt: &Hunt) -> Result<Chased, Failure> {
    let delays = Duration::try_from_secs_f64(delay(standby).await?).unwrap_or_default();
    let wanted = hunt.began + hunt.patience + delays;
    let until = wanted.min(hunt.end);
    let mut applied = None;
    let mut is_standby = true;
    loop {
        let row = standby
            .query_one("select pg_is_in_recovery(), pg_last_wal_replay_lsn()::text", &[])
            .await
            .map_err(|e| failure("the standby", &e))?;
        is_standby &= row.get::<_, bool>(0);
        let place: Option<String> = row.get(1);
        // What was promoted writes a log of its own: its places say nothing of the mark.
        if is_standby && place.as_deref().and_then(lsn).is_some_and(|place| place >= hunt.mark) {
            applied = Some(hunt.began.elapsed());
            break;
        }
        if !is_standby || Instant::now() + STEP >= until {
            break;
        }
        tokio::time::sleep(STEP).await;
    }
    let watched = hunt.began.elapsed();
    let seen = glance(standby, hunt.silence).await?;
    let received = is_standby
        && (applied.is_some() || received(standby).await?.is_some_and(|place| place >= hunt.mark));
    Ok(Chased {
        lag: applied.map(|took| took.saturating_sub(delays)),
        watched,
        unseen: is_standby && applied.is_none() && !delays.is_zero() && wanted > hunt.end,
        received,
        is_standby: is_standby && seen.is_standby,
        ..seen
    })
}

/// What a standby says of itself, without a chase.
pub(super) async fn glance(standby: &Client, silence: f64) -> Result<Chased, Failure> {
    let row = standby
        .query_one(
            "select pg_is_in_recovery(), \
             (case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end), \
             exists(select from pg_stat_wal_receiver where \
             extract(epoch from clock_timestamp() - last_msg_receipt_time)::float8 <= $1), \
             (case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0 \
             else extract(epoch from now() - pg_last_xact_replay_timestamp()) end)::float8, \
             extract(epoch from pg_last_xact_replay_timestamp())::float8",
            &[&silence],
        )
        .await
        .map_err(|e| failure("the standby", &e))?;
    Ok(Chased {
        lag: None,
        watched: Duration::ZERO,
        unseen: false,
        received: false,
        is_standby: row.get(0),
        paused: row.get(1),
        receives: row.get(2),
        usual: row.get(3),
        delays: delay(standby).await?,
        replayed: row.get(4),
        system: system(standby).await,
    })
}

async fn delay(standby: &Client) -> Result<f64, Failure> {
    let sql =
        "select extract(epoch from current_setting('recovery_min_apply_delay')::interval)::float8";
    let row = standby.query_one(sql, &[]).await.map_err(|e| failure("the standby", &e))?;
    Ok(row.get(0))
}

async fn received(standby: &Client) -> Result<Option<u64>, Failure> {
    let sql = "select pg_last_wal_receive_lsn()::text";
    let row = standby.query_one(sql, &[]).await.map_err(|e| failure("the standby", &e))?;
    Ok(row.get::<_, Option<String>>(0).as_deref().and_then(lsn))
}

/// The cluster that a server belongs to; none where the role may not ask.
pub(super) async fn system(server: &Client) -> Option<i64> {
    let row = server.query_one("select system_identifier from pg_control_system()", &[]).await;
    row.ok().map(|row| row.get(0))
}
