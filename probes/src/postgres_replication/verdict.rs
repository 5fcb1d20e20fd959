//! From what the primary and its standbys said to readings.

use std::time::Duration;

use launchgate_core::observation::Failure;
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::format_duration;

use super::chase::Chased;
use super::primary::{Mark, Row, View};
use super::{By, Standby};
use crate::replication::share;

/// An expected standby, and what was seen of it.
pub(super) struct Seen<'a> {
    pub(super) standby: &'a Standby,
    pub(super) seen: Result<Chased, Failure>,
}

/// Puts it all together; `now` is the primary's clock. A standby that could not be asked, or did not apply the mark while
/// it was watched, leaves `lag` absent, and so unknown.
pub(super) fn read(view: &View, mark: &Mark, standbys: &[Seen<'_>], now: f64) -> Readings {
    let chased = || standbys.iter().filter_map(|s| s.seen.as_ref().ok());
    let all_asked = standbys.iter().all(|s| s.seen.is_ok());
    let same = |c: &Chased| c.system.zip(view.system).is_none_or(|(its, ours)| its == ours);
    let roles = view.is_primary && chased().all(|c| c.is_standby && same(c));
    let paused = chased().any(|c| c.paused);
    let mut readings = Readings::new();
    if all_asked || paused {
        readings = readings.flag("replay_paused", paused);
    }
    if all_asked || !roles {
        readings = readings.flag("roles_ok", roles);
    }
    if view.is_primary {
        readings = readings
            .texts("slots_at_risk", &view.slots_at_risk)
            .texts("slots_inactive", &view.slots_inactive);
    }
    if let Some(seconds) = chased().filter_map(|c| c.usual).reduce(f64::max) {
        readings = readings.number("usual_formula", seconds);
    }
    if all_asked {
        let delay = chased().map(|c| c.delays).fold(0.0, f64::max);
        readings = readings.number("apply_delay", delay);
    }
    if let Some(why) = &mark.unwritten {
        readings =
            readings.note(format!("no mark could be written, so what was there was chased: {why}"));
    }
    readings = streams(readings, view, mark, standbys);
    readings = archives(readings, view, standbys, now);
    for one in standbys {
        let (says, odd) = told(view, one, same);
        readings = readings.part(format!("standby {}", one.standby.name), says, odd);
    }
    readings
}

/// What is to say of those that the primary streams to.
fn streams(readings: Readings, view: &View, mark: &Mark, standbys: &[Seen<'_>]) -> Readings {
    let fed: Vec<&Seen<'_>> = standbys.iter().filter(|s| s.standby.by == By::Stream).collect();
    if fed.is_empty() {
        return readings;
    }
    let row = |one: &Seen<'_>| best(&view.rows, &one.standby.name, view.silence);
    let seen = || fed.iter().filter_map(|s| s.seen.as_ref().ok());
    let rows: Vec<Option<&Row>> = fed.iter().map(|one| row(one)).collect();
    let known = || rows.iter().filter_map(|row| *row);
    let streaming = known().filter(|row| is_streaming(row, view.silence)).count();
    let missing = fed.iter().zip(&rows).filter(|(_, row)| row.is_none());
    let waited_for = known().filter(|row| matches!(row.sync.as_str(), "sync" | "quorum"));
    let mut readings = readings
        .number("streaming", share(streaming, fed.len()))
        .number("received", share(seen().filter(|c| c.received).count(), fed.len()))
        .texts("missing", missing.map(|(one, _)| one.standby.name.as_str()))
        .texts("sync_standbys", waited_for.map(|row| row.name.as_str()));
    let heard = rows.iter().map(|row| row.and_then(|row| row.heard));
    if let Some(heard) = heard.collect::<Option<Vec<f64>>>() {
        readings = readings.number("reply_age", heard.into_iter().fold(0.0, f64::max));
    }
    if let Some(bytes) = known().filter_map(|row| row.behind).reduce(f64::max) {
        readings = readings.number("lag_bytes", bytes.max(0.0));
    }
    // What waits on purpose for longer than it was watched was not seen to be late.
    if !seen().any(|c| c.unseen) {
        let caught_up = seen().filter(|c| c.lag.is_some()).count();
        readings = readings.number("caught_up", share(caught_up, fed.len()));
    }
    // Without a mark of ours a standby that hangs may have applied all there is: nothing was chased.
    let proves = mark.unwritten.is_none() || (streaming == fed.len() && seen().all(|c| c.receives));
    let asked = fed.iter().all(|s| s.seen.is_ok());
    // Nor is there a lag where a standby did not apply the mark: any figure would pass under a limit that is wide enough.
    match seen().filter(|c| c.lag.is_none()).map(|c| c.watched).max() {
        Some(watched) => readings.note(format!(
            "the lag is more than can be told: a standby was watched for {}",
            format_duration(watched)
        )),
        None if asked && proves => {
            readings.time("lag", seen().filter_map(|c| c.lag).max().unwrap_or_default())
        }
        None => readings,
    }
}

/// What is to say of those that restore what was archived.
fn archives(readings: Readings, view: &View, standbys: &[Seen<'_>], now: f64) -> Readings {
    let fed: Vec<&Seen<'_>> = standbys.iter().filter(|s| s.standby.by == By::Archive).collect();
    if fed.is_empty() {
        return readings;
    }
    let age = |one: &&Seen<'_>| {
        let seen = one.seen.as_ref().ok().filter(|c| c.is_standby)?;
        seen.replayed.map(|at| (now - at - seen.delays).max(0.0))
    };
    let readings = match fed.iter().map(age).collect::<Option<Vec<f64>>>() {
        Some(ages) => readings.number("archive_lag", ages.into_iter().fold(0.0, f64::max)),
        None => readings,
    };
    let every = view.archive_timeout;
    readings.note(if every > 0.0 {
        let every = Unit::Time.format(every);
        format!("what is written reaches the archive after {every} at the latest, so that `archive_lag` comes up to that and more")
    } else {
        "archive_timeout is not set: a primary that writes little archives nothing for as long as it likes".to_owned()
    })
}

/// The standby's row; the one that streams, where one that hangs is there beside it.
fn best<'a>(rows: &'a [Row], name: &str, silence: f64) -> Option<&'a Row> {
    let of_name = || rows.iter().filter(|row| row.name == name);
    of_name().find(|row| is_streaming(row, silence)).or_else(|| of_name().next())
}

fn is_streaming(row: &Row, silence: f64) -> bool {
    row.state == "streaming" && row.heard.is_none_or(|seconds| seconds <= silence)
}

fn told(view: &View, one: &Seen<'_>, same: impl Fn(&Chased) -> bool) -> (String, bool) {
    let chased = match &one.seen {
        Ok(chased) => chased,
        Err(failure) => return (failure.to_string(), true),
    };
    let (mut says, mut odd) = match one.standby.by {
        By::Stream => followed(view, &one.standby.name, chased),
        By::Archive if chased.replayed.is_none() => ("restored nothing yet".to_owned(), true),
        By::Archive => ("restores from an archive".to_owned(), false),
    };
    if chased.delays > 0.0 {
        says += &format!("; it applies {} late on purpose", Unit::Time.format(chased.delays));
    }
    let oddities = [
        (!chased.is_standby, "it is no standby"),
        (!same(chased), "it belongs to another cluster"),
        (chased.paused, "replay is paused"),
    ];
    for (_, text) in oddities.iter().filter(|(holds, _)| *holds) {
        odd = true;
        says += "; ";
        says += text;
    }
    (says, odd)
}

fn followed(view: &View, name: &str, chased: &Chased) -> (String, bool) {
    let within = |watched: Duration| format_duration(watched);
    let mut says = match chased.lag {
        Some(lag) => format!("applied the mark after {}", format_duration(lag)),
        None if chased.received => {
            format!("has the mark and did not apply it within {}", within(chased.watched))
        }
        None => format!("did not apply the mark within {}", within(chased.watched)),
    };
    let row = best(&view.rows, name, view.silence);
    let streams = row.is_some_and(|row| is_streaming(row, view.silence));
    match row {
        None => says += "; the primary does not know it",
        Some(row) if !streams => {
            let heard = row.heard.unwrap_or_default();
            says += &format!("; `{}`, last heard of {heard:.0} s ago", row.state);
        }
        Some(row) => {
            if let Some(behind) = row.behind.filter(|b| *b > 0.0) {
                says += &format!("; {} behind", Unit::Bytes.format(behind));
            }
            says += &format!("; {}", row.sync);
        }
    }
    (says, chased.lag.is_none() || !streams)
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
