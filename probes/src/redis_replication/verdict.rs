//! From what the master and its replicas said to readings.

use std::net::SocketAddr;

use launchgate_core::observation::Failure;
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::format_duration;
use serde_json::{Value, json};

use super::Replica;
use super::chase::{Chased, Origin};
use super::info::{Known, Link};
use crate::replication::{is_ours, share};

/// An expected replica, where it is, and what was seen of it.
pub(super) struct Expected<'a> {
    pub(super) replica: &'a Replica,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) seen: Result<Chased, Failure>,
}

impl Expected<'_> {
    /// Whether it can be found among those that the master knows.
    fn is_placed(&self) -> bool {
        self.replica.announced.is_some() || !self.addresses.is_empty()
    }

    /// What the master knows of it.
    fn known<'o>(&self, origin: &'o Origin) -> Option<&'o Known> {
        origin.info.replicas.iter().find(|known| match &self.replica.announced {
            Some(text) => *text == format!("{}:{}", known.host, known.port),
            None => self.addresses.iter().any(|at| known.is_at(at.ip(), at.port())),
        })
    }
}

/// Puts it all together; `memory` is what the last look remembered.
pub(super) fn read(
    origin: &Origin,
    acknowledged: Result<Option<u32>, Failure>,
    memory: Option<&Value>,
    replicas: &[Expected<'_>],
) -> Readings {
    let mut readings = Readings::new();
    match acknowledged {
        Ok(Some(count)) => readings = readings.number("acknowledged", f64::from(count)),
        Ok(None) => {}
        Err(failure) => readings = readings.note(format!("`WAIT` was not answered: {failure}")),
    }
    if let Some(why) = &origin.unwritten {
        readings = readings.note(format!("the master could not be given a mark: {why}"));
    }
    if origin.info.is_master {
        readings = known(readings, origin, replicas);
    }
    readings = said(readings, origin, replicas);
    readings = lag(readings, origin, memory, replicas);
    for one in replicas {
        let (says, odd) = told(origin, one);
        readings = readings.part(format!("replica {}", one.replica.name), says, odd);
    }
    readings.remember(json!({ "replid": origin.info.replid, "offset": origin.info.offset }))
}

/// What the master knows.
fn known(readings: Readings, origin: &Origin, replicas: &[Expected<'_>]) -> Readings {
    let count = u32::try_from(origin.info.replicas.len()).unwrap_or(u32::MAX);
    let readings = readings.number("connected", f64::from(count));
    if !replicas.iter().all(Expected::is_placed) {
        return readings
            .note("where a replica is could not be told, so that the master was not asked for it");
    }
    let rows: Vec<Option<&Known>> = replicas.iter().map(|one| one.known(origin)).collect();
    let missing = replicas.iter().zip(&rows).filter(|(_, row)| row.is_none());
    let online = rows.iter().flatten().filter(|row| row.state == "online").count();
    let mut readings = readings
        .texts("missing", missing.map(|(one, _)| one.replica.name.as_str()))
        .number("online", share(online, replicas.len()));
    let ages = rows.iter().map(|row| row.and_then(|row| row.lag));
    if let Some(ages) = ages.collect::<Option<Vec<f64>>>() {
        readings = readings.number("ack_age", ages.into_iter().fold(0.0, f64::max));
    }
    let behind =
        rows.iter().map(|row| row.map(|row| origin.info.offset.saturating_sub(row.offset)));
    if let Some(behind) = behind.collect::<Option<Vec<u64>>>() {
        let most = behind.into_iter().max().unwrap_or_default();
        readings = readings.number("lag_bytes", bytes(most));
    }
    readings
}

/// What the replicas say.
fn said(readings: Readings, origin: &Origin, replicas: &[Expected<'_>]) -> Readings {
    let seen = || replicas.iter().filter_map(|one| one.seen.as_ref().ok());
    let links = || seen().filter_map(|chased| chased.link.as_ref());
    let all_asked = replicas.iter().all(|one| one.seen.is_ok());
    let roles = origin.info.is_master && seen().all(|chased| chased.follows);
    let copies = |known: &Known| known.state != "online";
    let syncing = links().any(|link| link.is_syncing) || origin.info.replicas.iter().any(copies);
    let mut readings = readings;
    if all_asked || !roles {
        readings = readings.flag("roles_ok", roles);
    }
    if all_asked || syncing {
        readings = readings.flag("syncing", syncing);
    }
    if all_asked {
        let takes = |link: &Link| !link.is_read_only;
        let writable = replicas.iter().filter(|one| {
            one.seen.as_ref().is_ok_and(|chased| chased.link.as_ref().is_none_or(takes))
        });
        readings = readings.texts("writable", writable.map(|one| one.replica.name.as_str()));
        let ages = seen().map(|chased| chased.link.as_ref().and_then(|link| link.last_io));
        if let Some(ages) = ages.collect::<Option<Vec<f64>>>() {
            readings = readings.number("last_io_age", ages.into_iter().fold(0.0, f64::max));
        }
    }
    if replicas.iter().any(|one| one.seen.as_ref().is_err_and(is_ours)) {
        return readings;
    }
    let up = links().filter(|link| link.is_up).count();
    let caught_up = seen().filter(|chased| chased.lag.is_some()).count();
    readings
        .number("link_up", share(up, replicas.len()))
        .number("caught_up", share(caught_up, replicas.len()))
}

/// The lag, where all read as far as they were to read, and that proves something.
fn lag(
    mut readings: Readings,
    origin: &Origin,
    memory: Option<&Value>,
    replicas: &[Expected<'_>],
) -> Readings {
    let before = memory.filter(|m| m["replid"] == origin.info.replid.as_str());
    let before = before.and_then(|m| m["offset"].as_u64());
    let moved = origin.moved || before.is_some_and(|offset| offset < origin.info.offset);
    if origin.info.is_master && !moved {
        readings = readings.note(
            "the master's stream has not moved since the last look: a replica that hangs has all there is",
        );
    }
    let late = replicas.iter().filter_map(|one| one.seen.as_ref().ok()).filter(|c| c.lag.is_none());
    if let Some(watched) = late.map(|chased| chased.watched).max() {
        let shown = format_duration(watched);
        readings = readings
            .note(format!("the lag is more than can be told: a replica was watched for {shown}"));
    }
    let lags = replicas.iter().map(|one| one.seen.as_ref().ok().and_then(|chased| chased.lag));
    match lags.collect::<Option<Vec<_>>>() {
        Some(lags) if moved => readings.time("lag", lags.into_iter().max().unwrap_or_default()),
        _ => readings,
    }
}

fn told(origin: &Origin, one: &Expected<'_>) -> (String, bool) {
    let chased = match &one.seen {
        Ok(chased) => chased,
        Err(failure) => return (failure.to_string(), true),
    };
    let mut says = match chased.lag {
        Some(lag) => format!("read the mark after {}", format_duration(lag)),
        None => format!("did not read the mark within {}", format_duration(chased.watched)),
    };
    let known = one.known(origin);
    let online = known.is_some_and(|known| known.state == "online");
    match known {
        None if origin.info.is_master => says += "; the master does not know it",
        Some(known) if !online => says += &format!("; the master calls it `{}`", known.state),
        Some(known) => {
            let behind = origin.info.offset.saturating_sub(known.offset);
            if behind > 0 {
                says += &format!("; {} not acknowledged", Unit::Bytes.format(bytes(behind)));
            }
        }
        None => {}
    }
    let is_up = match &chased.link {
        None => {
            says += "; it is no replica";
            false
        }
        Some(link) => {
            let oddities = [
                (!chased.follows, "it follows another history"),
                (!link.is_up, "its link is down"),
                (link.is_syncing, "it is being given a whole copy"),
                (!link.is_read_only, "it takes writes"),
            ];
            for (_, text) in oddities.iter().filter(|(holds, _)| *holds) {
                says += "; ";
                says += text;
            }
            link.is_up
        }
    };
    (says, chased.lag.is_none() || !online || !chased.follows || !is_up)
}

/// A count of bytes as a number. Beyond 2^53 it is rounded, which is beyond every backlog.
fn bytes(count: u64) -> f64 {
    const HALF: f64 = 4_294_967_296.0;
    let low = u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    f64::from(high) * HALF + f64::from(low)
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
