//! The mark on the master's stream, and the chase: a replica is watched until it has read that far.

use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use tokio::time::Instant;

use super::info::{Info, Link};
use super::server::{Server, failure};

/// Between two looks at a replica.
const STEP: Duration = Duration::from_millis(50);
/// The channel of the empty message.
const CHANNEL: &str = "launchgate";
const MASTER: &str = "the master";

/// The master after the mark.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Origin {
    pub(super) info: Info,
    /// Whether its stream moved while we looked: then what reads no further hangs.
    pub(super) moved: bool,
    /// Why it could not be given the mark, if it could not.
    pub(super) unwritten: Option<String>,
    /// When it was given the mark.
    pub(super) at: Instant,
}

/// What is chased, and until when.
#[derive(Debug, Clone)]
pub(super) struct Hunt {
    pub(super) replid: String,
    pub(super) offset: u64,
    pub(super) began: Instant,
    pub(super) until: Instant,
}

/// What was seen of a replica.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chased {
    /// How long it took to read the mark; none if it did not in time.
    pub(super) lag: Option<Duration>,
    /// How long it was watched.
    pub(super) watched: Duration,
    /// Whether it follows the master's history.
    pub(super) follows: bool,
    /// Its link; none if it is no replica.
    pub(super) link: Option<Link>,
}

/// Lets the master publish something empty, and asks it how far its stream has come.
pub(super) async fn mark(master: &mut Server) -> Result<Origin, Failure> {
    let before = master.info(MASTER).await?;
    let at = Instant::now();
    if !before.is_master {
        return Ok(Origin { info: before, moved: false, unwritten: None, at });
    }
    let command = redis::cmd("PUBLISH").arg(CHANNEL).arg("").clone();
    let published = command.query_async::<i64>(&mut master.conn).await;
    let unwritten = match published.map_err(|e| failure(MASTER, &e)) {
        Ok(_) => None,
        Err(gone) if matches!(gone.cause, Cause::Unreachable | Cause::Timeout) => return Err(gone),
        Err(denied) => Some(denied.message),
    };
    let info = master.info(MASTER).await?;
    let moved = info.replid == before.replid && info.offset > before.offset;
    Ok(Origin { info, moved, unwritten, at })
}

/// How many replicas acknowledge what the master has streamed so far; none where it is no master.
pub(super) async fn wait(
    master: &mut Server,
    origin: &Origin,
    count: usize,
    until: Instant,
) -> Result<Option<u32>, Failure> {
    if !origin.info.is_master {
        return Ok(None);
    }
    // Zero would mean for ever.
    let left = until.saturating_duration_since(Instant::now()).as_millis().max(1);
    let left = u64::try_from(left).unwrap_or(u64::MAX);
    let command = redis::cmd("WAIT").arg(count).arg(left).clone();
    let acknowledged = command.query_async::<u32>(&mut master.conn).await;
    acknowledged.map(Some).map_err(|e| failure(MASTER, &e))
}

/// Watches a replica until it has read the mark, or has had its time.
pub(super) async fn run(
    subject: &str,
    replica: &mut Server,
    hunt: &Hunt,
) -> Result<Chased, Failure> {
    loop {
        let info = replica.info(subject).await?;
        let follows = info.link.is_some() && info.replid == hunt.replid;
        // Offsets of another history say nothing of the mark.
        let reached = follows && info.link.as_ref().is_some_and(|link| link.offset >= hunt.offset);
        if reached || info.link.is_none() || Instant::now() + STEP >= hunt.until {
            let watched = hunt.began.elapsed();
            let lag = reached.then_some(watched);
            return Ok(Chased { lag, watched, follows, link: info.link });
        }
        tokio::time::sleep(STEP).await;
    }
}
