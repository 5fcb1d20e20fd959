//! From a scenario to a tape: each slot of its series becomes a look, with the readings that the check's probe has.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::did_you_mean;
use launchgate_core::reading::{ReadingType, Readings, Value, number};
use launchgate_core::replay::{Look, Tape};
use launchgate_core::scenario::{Flaw, Sample, Scenario, Series};

use super::subject::{Subject, Watched};

/// Makes the tape of a scenario; it begins at `start`.
///
/// # Errors
/// Every series whose reading the watched checks do not have, or have not as a number or a flag.
pub fn of_scenario(
    scenario: &Scenario,
    subject: &Subject,
    start: jiff::Timestamp,
) -> Result<Tape, Vec<Flaw>> {
    let every = scenario.every.unwrap_or(subject.every);
    let mut flaws = Vec::new();
    let mut columns = Vec::new();
    for series in &scenario.series {
        match place(series, &subject.watched) {
            Ok(column) => columns.push(column),
            Err(flaw) => flaws.push(flaw),
        }
    }
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let slots = scenario.series.first().map_or(0, |series| series.samples.len());
    let mut looks = Vec::new();
    for slot in 0..slots {
        let times = u32::try_from(slot).unwrap_or(u32::MAX);
        for watched in &subject.watched {
            let told: Vec<&Column<'_>> =
                columns.iter().filter(|c| c.watched.check == watched.check).collect();
            if !told.is_empty() {
                let outcome = outcome(&told, slot);
                looks.push(Look { at: every * times, check: watched.check.clone(), outcome });
            }
        }
    }
    let restarts = scenario.restarts.clone();
    Ok(Tape { start, every, deployed: scenario.deploy, looks, restarts })
}

/// A series and the reading that it is of.
struct Column<'s> {
    series: &'s Series,
    watched: &'s Watched,
    is_flag: bool,
}

fn place<'s>(series: &'s Series, watched: &'s [Watched]) -> Result<Column<'s>, Flaw> {
    let is_meant = |w: &&Watched| match &series.check {
        None => true,
        Some(name) => w.check.to_string() == *name || w.check.check.as_str() == name,
    };
    let meant: Vec<&Watched> = watched.iter().filter(is_meant).collect();
    let names: Vec<String> = watched.iter().map(|w| w.check.to_string()).collect();
    let watched = match meant.as_slice() {
        [one] => *one,
        [] => {
            let message = "the trigger watches no such check";
            return Err(Flaw::new(
                series.place,
                message,
                format!("it watches {}", names.join(", ")),
            ));
        }
        _ => {
            let message = format!("`{}` may be of {}", series.reading, names.join(" or "));
            return Err(Flaw::new(series.place, message, "write it like `check/reading`"));
        }
    };
    let Some(spec) = watched.specs.iter().find(|spec| spec.name == series.reading) else {
        let known: Vec<&str> = watched.specs.iter().map(|spec| spec.name.as_str()).collect();
        let hint = did_you_mean(series.reading.as_str(), known.iter().copied())
            .unwrap_or_else(|| format!("its readings are {}", known.join(", ")));
        let message = format!("{} has no reading `{}`", watched.check, series.reading);
        return Err(Flaw::new(series.place, message, hint));
    };
    let is_flag = match spec.kind {
        ReadingType::Number(_) => false,
        ReadingType::Flag => true,
        ReadingType::Text | ReadingType::Texts => {
            let message = format!("`{}` is a {}, and samples are numbers", spec.name, spec.kind);
            return Err(Flaw::new(series.place, message, "leave the line out"));
        }
    };
    let odd = |sample: &&Sample| matches!(sample, Sample::Value(v) if ![0.0, 1.0].contains(v));
    if let Some(Sample::Value(value)) = series.samples.iter().find(|s| is_flag && odd(s)) {
        let message = format!("`{}` is true or false, and {value} is neither", spec.name);
        return Err(Flaw::new(series.place, message, "`1` stands for true, `0` for false"));
    }
    Ok(Column { series, watched, is_flag })
}

/// What the check's look brought in a slot. It fails if the source refused, or if it had nothing at all; a reading that
/// is missing beside others is only missing.
fn outcome(columns: &[&Column<'_>], slot: usize) -> Result<Readings, Failure> {
    let mut readings = Readings::new();
    let mut stale = false;
    for column in columns {
        match column.series.samples[slot] {
            Sample::Value(value) => {
                let value = if column.is_flag { Value::Flag(value != 0.0) } else { number(value) };
                readings.set(column.series.reading.clone(), value);
            }
            Sample::Absent => {}
            Sample::Stale => stale = true,
            Sample::Refused => {
                return Err(Failure::new(Cause::Refused, "the source refuses to answer"));
            }
        }
    }
    match (readings.values.is_empty(), stale) {
        (false, _) => Ok(readings),
        (true, true) => Err(Failure::new(Cause::Stale, "the series was marked as gone")),
        (true, false) => Err(Failure::new(Cause::NoData, "there is no such series")),
    }
}
