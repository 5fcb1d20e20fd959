//! The chase: a replica is watched until it has applied what the source had.

use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use tokio::time::Instant;

use super::channel::{Channel, parse};
use super::origin::Target;
use crate::mysql::{Named, Server};

/// Between two looks at a replica that does not wait by itself.
const STEP: Duration = Duration::from_millis(50);

/// What is chased, and for how long.
#[derive(Debug, Clone)]
pub(super) struct Hunt {
    pub(super) target: Target,
    /// When it was there on the source.
    pub(super) began: Instant,
    /// How long a replica may take, besides what it waits on purpose.
    pub(super) patience: Duration,
    /// When the chase must end whatever is seen.
    pub(super) end: Instant,
}

/// What was seen of a replica.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chased {
    /// How long it took, without what it waits on purpose; none if it did not catch up in time.
    pub(super) lag: Option<Duration>,
    /// How long it was watched.
    pub(super) watched: Duration,
    /// Whether it waits on purpose for longer than it could be watched, so that nothing was seen.
    pub(super) unseen: bool,
    pub(super) channels: Vec<Channel>,
    pub(super) is_writable: bool,
}

/// Watches a replica until it has caught up, or has had its time. The channels are looked at afterwards.
pub(super) async fn run(
    subject: &str,
    replica: &mut Server,
    hunt: &Hunt,
) -> Result<Chased, Failure> {
    let before = channels(subject, replica).await?;
    let delay = Duration::try_from_secs_f64(before.iter().map(|c| c.delay).fold(0.0, f64::max))
        .unwrap_or_default();
    let wanted = hunt.began + hunt.patience + delay;
    let until = wanted.min(hunt.end);
    let mut caught_up = None;
    // What is no replica does not catch up, whatever it has.
    while !before.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        let question = hunt.target.question(replica.is_mariadb, left.max(Duration::from_millis(1)));
        let row = replica.row(subject, &question).await?;
        if row.get("reached").and_then(Option::as_deref) == Some("1") {
            caught_up = Some(hunt.began.elapsed());
            break;
        }
        if hunt.target.waits() || Instant::now() + STEP >= until {
            break;
        }
        tokio::time::sleep(STEP).await;
    }
    let watched = hunt.began.elapsed();
    let channels = channels(subject, replica).await?;
    let row = replica.row(subject, "select @@global.read_only as locked").await?;
    let locked = row.get("locked").and_then(Option::as_deref);
    Ok(Chased {
        lag: caught_up.map(|took| took.saturating_sub(delay)),
        watched,
        unseen: caught_up.is_none() && !delay.is_zero() && wanted > hunt.end,
        channels,
        is_writable: matches!(locked, Some("0" | "OFF")),
    })
}

/// The channels of a replica; none of what is no replica.
async fn channels(subject: &str, replica: &mut Server) -> Result<Vec<Channel>, Failure> {
    let rows = if replica.is_mariadb {
        replica.rows(subject, "show all slaves status").await?
    } else {
        newest(subject, replica).await?
    };
    let odd = |why| Failure::new(Cause::BadResponse, format!("{subject}: {why}"));
    rows.iter().map(|row| parse(row).map_err(odd)).collect()
}

/// The statement was renamed in MySQL 8.0.22, and the old name went with 8.4.
async fn newest(subject: &str, replica: &mut Server) -> Result<Vec<Named>, Failure> {
    match replica.rows(subject, "show replica status").await {
        Err(failure) if failure.message.contains("error 1064") => {
            replica.rows(subject, "show slave status").await
        }
        other => other,
    }
}
