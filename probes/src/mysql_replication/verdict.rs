//! From what the source and its replicas said to readings.

use launchgate_core::observation::Failure;
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::format_duration;
use serde_json::{Value, json};

use super::channel::Channel;
use super::chase::Chased;
use super::origin::{Origin, Proof, Target};
use crate::replication::{is_ours, share};

/// The longest set of transactions that is remembered until the next look.
const MAX_REMEMBERED: usize = 8 * 1024;

/// A replica by its name, and what was seen of it.
pub(super) type Seen<'a> = (&'a str, Result<Chased, Failure>);

/// Puts it all together; `memory` is what the last look remembered.
pub(super) fn read(origin: &Origin, memory: Option<&Value>, replicas: &[Seen<'_>]) -> Readings {
    let seen = || replicas.iter().filter_map(|(_, seen)| seen.as_ref().ok());
    let named = |which: &dyn Fn(&Chased) -> bool| {
        let of = replicas.iter().filter(|(_, seen)| seen.as_ref().is_ok_and(which));
        of.map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>()
    };
    let all_asked = replicas.iter().all(|(_, seen)| seen.is_ok());
    let roles = origin.is_writable && seen().all(|c| follows(origin, c));
    let broken = named(&is_broken);
    let mut readings = Readings::new();
    if all_asked || !broken.is_empty() {
        readings = readings.texts("broken", broken);
    }
    if all_asked || !roles {
        readings = readings.flag("roles_ok", roles);
    }
    // Of one that could not be asked it is not known whether it is missing or writable: a list without it would pass.
    if all_asked {
        readings = readings
            .texts("missing", named(&|c| !follows(origin, c)))
            .texts("writable", named(&|c| c.is_writable))
            .number("apply_delay", channels(seen()).map(|c| c.delay).fold(0.0, f64::max));
    }
    if !replicas.iter().any(|(_, seen)| seen.as_ref().is_err_and(is_ours)) {
        let running = seen().filter(|c| follows(origin, c) && !is_broken(c)).count();
        readings = readings.number("running", share(running, replicas.len()));
        // What waits on purpose for longer than it was watched was not seen to be late.
        if !seen().any(|c| c.unseen) {
            let caught_up = seen().filter(|c| c.lag.is_some()).count();
            readings = readings.number("caught_up", share(caught_up, replicas.len()));
        }
    }
    let behind = channels(seen()).map(|c| c.behind).collect::<Option<Vec<f64>>>();
    if let Some(worst) = behind.and_then(|all| all.into_iter().reduce(f64::max)) {
        readings = readings.number("usual_formula", worst);
    }
    readings = lag(readings, origin, memory, replicas);
    if let Target::Gtids(set) = &origin.target
        && set.len() <= MAX_REMEMBERED
    {
        readings = readings.remember(json!({ "gtids": set }));
    }
    for (name, seen) in replicas {
        let (says, odd) = told(origin, seen);
        readings = readings.part(format!("replica {name}"), says, odd);
    }
    readings
}

/// The lag, where all applied what they were to apply, and that proves something.
fn lag(
    readings: Readings,
    origin: &Origin,
    memory: Option<&Value>,
    replicas: &[Seen<'_>],
) -> Readings {
    let (proves, mut readings) = match &origin.proof {
        Proof::Mark => (true, readings),
        Proof::Heartbeat { age, fresh } => {
            let readings = readings.number("heartbeat_age", age.max(0.0));
            let shown = Unit::Time.format(*age);
            let old = || format!("the source's newest heartbeat is {shown} old: it proves nothing");
            (*fresh, if *fresh { readings } else { readings.note(old()) })
        }
        Proof::Nothing(why) => {
            let readings = match why {
                Some(why) => readings.note(format!("no mark could be written: {why}")),
                None => readings,
            };
            let before = memory.and_then(|m| m.get("gtids")).and_then(Value::as_str);
            let moved =
                matches!(&origin.target, Target::Gtids(set) if before.is_some_and(|b| b != set));
            let still = "no mark was written, and the source has written nothing since the last look: \
                         a replica that hangs has all there is";
            (moved, if moved { readings } else { readings.note(still) })
        }
    };
    let late =
        replicas.iter().filter_map(|(_, seen)| seen.as_ref().ok()).filter(|c| c.lag.is_none());
    if let Some(watched) = late.map(|c| c.watched).max() {
        let shown = format_duration(watched);
        readings = readings
            .note(format!("the lag is more than can be told: a replica was watched for {shown}"));
    }
    let lags = replicas.iter().map(|(_, seen)| seen.as_ref().ok().and_then(|c| c.lag));
    match lags.collect::<Option<Vec<_>>>() {
        Some(lags) if proves => readings.time("lag", lags.into_iter().max().unwrap_or_default()),
        _ => readings,
    }
}

fn channels<'a>(seen: impl Iterator<Item = &'a Chased>) -> impl Iterator<Item = &'a Channel> {
    seen.flat_map(|chased| &chased.channels)
}

fn is_broken(chased: &Chased) -> bool {
    chased.channels.iter().any(|channel| !channel.runs())
}

/// Whether a channel of it comes from this source.
fn follows(origin: &Origin, chased: &Chased) -> bool {
    chased.channels.iter().any(|channel| match (&channel.source_uuid, &origin.uuid) {
        (Some(its), Some(ours)) => its == ours,
        _ => channel.source_id == Some(origin.server_id),
    })
}

fn told(origin: &Origin, seen: &Result<Chased, Failure>) -> (String, bool) {
    let chased = match seen {
        Ok(chased) => chased,
        Err(failure) => return (failure.to_string(), true),
    };
    let mut says = match chased.lag {
        Some(lag) => format!("caught up after {}", format_duration(lag)),
        None => format!("did not catch up within {}", format_duration(chased.watched)),
    };
    for channel in &chased.channels {
        let Channel { name, receives, applies, errors: [io, sql], .. } = channel;
        let name = if name.is_empty() { String::new() } else { format!(" `{name}`") };
        if !channel.runs() {
            says += &format!(
                "; channel{name}: it receives: {receives} (error {io}), it applies: {applies} (error {sql})"
            );
        }
        if channel.delay > 0.0 {
            says += &format!("; it applies {} late on purpose", Unit::Time.format(channel.delay));
        }
    }
    let follows = follows(origin, chased);
    if chased.channels.is_empty() {
        says += "; it is no replica";
    } else if !follows {
        says += "; it does not follow this source";
    }
    if chased.is_writable {
        says += "; it takes writes";
    }
    (says, chased.lag.is_none() || !follows || is_broken(chased))
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
