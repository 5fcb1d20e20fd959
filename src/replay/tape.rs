//! From a scenario to a tape: each slot of its series becomes a look, with the readings that the check's probe has.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Flaw;
use launchgate_core::problem::did_you_mean;
use launchgate_core::reading::{ReadingType, Readings, Value, number};
use launchgate_core::replay::{Look, Tape};
use launchgate_core::scenario::{Sample, Scenario, Series};

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
    let remembers = subject.watched.iter().all(|watched| watched.keeps_history);
    Ok(Tape { start, every, deployed: scenario.deploy, looks, restarts, remembers })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use launchgate_core::name::Name;
    use launchgate_core::reading::{ReadingSpec, Unit};
    use launchgate_core::scenario::parse;

    use super::*;

    /// A trigger that watches two checks.
    fn subject() -> Subject {
        let watched = |check: &str| Watched {
            check: check.parse().expect("a path"),
            every: Duration::from_secs(60),
            specs: vec![
                ReadingSpec::new("value", ReadingType::Number(Unit::Percent), ""),
                ReadingSpec::new("trusted", ReadingType::Flag, ""),
                ReadingSpec::new("output", ReadingType::Text, ""),
            ],
            kind: Name::of("prometheus"),
            settings: serde_json::Value::Null,
            keeps_history: true,
        };
        Subject {
            launch: Name::of("shop"),
            trigger: Name::of("errors"),
            rule: "value > 5%".to_owned(),
            lasts: Duration::from_secs(300),
            window: None,
            every: Duration::from_secs(60),
            max_gap: Duration::from_secs(130),
            limit: None,
            watched: vec![watched("health/errors"), watched("health/front-door")],
        }
    }

    fn placed(flaw: &Flaw) -> String {
        let hint = flaw.hint.as_deref().unwrap_or_default();
        format!("{}:{}: {} ({hint})", flaw.place.line, flaw.place.column, flaw.message)
    }

    fn told(text: &str) -> Result<Vec<String>, String> {
        let scenario = parse(text).expect("it is well written");
        let start = "2026-12-01T09:00:00Z".parse().expect("an instant");
        let tape = of_scenario(&scenario, &subject(), start);
        let tape = tape.map_err(|flaws| placed(&flaws[0]))?;
        let look = |look: &Look| {
            let outcome = match &look.outcome {
                Ok(readings) => {
                    let show = |value: &Value| value.show(Unit::Percent);
                    readings.values.iter().map(|(n, v)| format!("{n} {}", show(v))).collect()
                }
                Err(failure) => vec![failure.cause.to_string()],
            };
            format!("{:?} {}: {}", look.at, look.check.check, outcome.join(", "))
        };
        Ok(tape.looks.iter().map(look).collect())
    }

    #[test]
    fn slots_become_looks_of_the_checks_that_are_named() {
        let rows: [(&str, &str, &[&str]); 5] = [
            ("one check", "errors/value 1 9", &["0ns errors: value 1%", "60s errors: value 9%"]),
            (
                "two checks",
                "every 5s\nerrors/value 1\nhealth/front-door/trusted 0",
                &["0ns errors: value 1%", "0ns front-door: trusted false"],
            ),
            (
                "one reading is missing",
                "errors/value 1 _\nerrors/trusted 1 1",
                &["0ns errors: trusted true, value 1%", "60s errors: trusted true"],
            ),
            (
                "all are",
                "errors/value _ stale\nerrors/trusted _ _",
                &["0ns errors: no_data", "60s errors: stale"],
            ),
            (
                "the source refuses, whatever else is written",
                "errors/value error NaN\nerrors/trusted 1 _",
                &["0ns errors: refused", "60s errors: value NaN"],
            ),
        ];
        for (row, text, expected) in rows {
            let told = told(text);
            assert_eq!(told, Ok(expected.iter().map(ToString::to_string).collect()), "{row}");
        }
    }

    #[test]
    fn series_of_nothing_that_is_watched_are_refused() {
        let rows = [
            (
                "which check",
                "value 1",
                "1:1: `value` may be of health/errors or health/front-door (write it like `check/reading`)",
            ),
            (
                "no such check",
                "p99/value 1",
                "1:1: the trigger watches no such check (it watches health/errors, health/front-door)",
            ),
            (
                "no such reading",
                "errors/trustd 1",
                "1:1: health/errors has no reading `trustd` (did you mean `trusted`?)",
            ),
            (
                "a text",
                "errors/output 1",
                "1:1: `output` is a text, and samples are numbers (leave the line out)",
            ),
            (
                "a flag in between",
                "errors/trusted 1 0.5",
                "1:1: `trusted` is true or false, and 0.5 is neither (`1` stands for true, `0` for false)",
            ),
        ];
        for (row, text, expected) in rows {
            assert_eq!(told(text), Err(expected.to_owned()), "{row}");
        }
    }
}
