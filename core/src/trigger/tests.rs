//! Credit, freshness, arming and latching, sample by sample.

mod people;
mod shapes;

use super::*;
use crate::observation::{Cause, Failure, Observation};
use crate::reading::{ReadingSpec, ReadingType, Readings, Unit};
use crate::time::Moment;

fn breach() -> Expectation {
    let specs = [ReadingSpec::new("value", ReadingType::Number(Unit::Percent), "")];
    Expectation::compile("value > 5%", &specs).unwrap()
}

fn path() -> CheckPath {
    "health/error-rate".parse().unwrap()
}

fn trigger() -> Trigger {
    let (lasts, every) = (Duration::from_secs(300), Duration::from_secs(15));
    Trigger::new(Name::of("error-rate"), path(), breach(), lasts, every)
}

fn moment(second: u64) -> Moment {
    Moment::at("2026-12-01T09:00:00Z".parse().unwrap()).plus(Duration::from_secs(second))
}

fn history() -> Vec<Reached> {
    vec![Reached { milestone: Milestone::DeployStarted, at: moment(0).wall, by: "alice".into() }]
}

fn observation(second: u64, value: Option<f64>) -> Observation {
    let outcome = match value {
        Some(value) => Ok(Readings::new().number("value", value)),
        None => Err(Failure::new(Cause::Refused, "prometheus refused the connection")),
    };
    Observation { at: moment(second), took: Duration::ZERO, outcome }
}

/// Feeds samples `(second, value)` and gives the second at which the trigger fired.
fn fires(samples: impl IntoIterator<Item = (u64, Option<f64>)>) -> (Option<u64>, Memory) {
    let (trigger, mut memory) = (trigger(), Memory::default());
    memory.tick(&trigger, &history(), 1, moment(0));
    for (second, value) in samples {
        memory.tick(&trigger, &history(), 1, moment(second));
        if memory.take(&trigger, &path(), &observation(second, value), moment(second)) {
            return (Some(second), memory);
        }
    }
    (None, memory)
}

fn steady(from: u64, to: u64, value: Option<f64>) -> Vec<(u64, Option<f64>)> {
    (from..=to).step_by(15).map(|s| (s, value)).collect()
}

/// A name, samples `(second, value)`, and the second at which the trigger fires.
type Row = (&'static str, Vec<(u64, Option<f64>)>, Option<u64>);

#[test]
fn a_breach_fires_when_it_has_lasted_and_not_before() {
    let bad = Some(9.0);
    let rows: [Row; 7] = [
        ("clean data: at `for` exactly", steady(0, 600, bad), Some(300)),
        (
            "one lost sample is within the gap",
            steady(0, 60, bad).into_iter().chain(steady(90, 600, bad)).collect(),
            Some(300),
        ),
        (
            "a gap of 90 s earns nothing",
            steady(0, 60, bad).into_iter().chain(steady(150, 900, bad)).collect(),
            Some(390),
        ),
        (
            "a good sample begins again",
            [steady(0, 270, bad), vec![(285, Some(1.0))], steady(300, 900, bad)].concat(),
            Some(600),
        ),
        (
            "unknown freezes the credit",
            [steady(0, 150, bad), steady(165, 300, None), steady(315, 900, bad)].concat(),
            Some(465),
        ),
        ("unknown alone never fires", steady(0, 3_600, None), None),
        ("NaN never fires", steady(0, 3_600, Some(f64::NAN)), None),
    ];
    for (row, samples, at) in rows {
        assert_eq!(fires(samples).0, at, "{row}");
    }
}

#[test]
fn two_breaches_far_apart_do_not_fire() {
    let (fired, memory) =
        fires([(0, Some(9.0)), (15, Some(9.0)), (400, Some(9.0)), (415, Some(9.0))]);
    assert_eq!(fired, None);
    assert_eq!(memory.credit, Duration::from_secs(30));
}

#[test]
fn an_old_sample_never_counts_again_even_after_a_good_one() {
    let (trigger, mut memory) = (trigger(), Memory::default());
    memory.tick(&trigger, &history(), 1, moment(0));
    memory.take(&trigger, &path(), &observation(15, Some(9.0)), moment(15));
    memory.take(&trigger, &path(), &observation(30, Some(1.0)), moment(30));
    memory.take(&trigger, &path(), &observation(20, Some(9.0)), moment(31));
    assert_eq!(memory.status, Status::Watching);
    assert_eq!(memory.breaches, 0);
}

#[test]
fn silence_suspends_then_blinds_and_says_so() {
    let (trigger, mut memory) = (trigger(), Memory::default());
    memory.tick(&trigger, &history(), 1, moment(0));
    for s in [0, 15, 30] {
        memory.take(&trigger, &path(), &observation(s, Some(9.0)), moment(s));
    }
    memory.take(&trigger, &path(), &observation(45, None), moment(45));
    assert_eq!(memory.status, Status::Pending);
    memory.tick(&trigger, &history(), 1, moment(80));
    assert_eq!(memory.status, Status::Suspended);
    assert_eq!(
        memory.because(&trigger, moment(80)),
        "UNKNOWN since 09:00:45Z (35s): refused: prometheus refused the connection. \
         Last seen 09:00:30Z: value 9% > 5% is true. \
         Pending 30s of 5m is kept until 09:15:30Z. Will not fire without new data."
    );
    memory.tick(&trigger, &history(), 1, moment(1_000));
    assert_eq!(memory.status, Status::Blind);
    assert_eq!(memory.credit, Duration::ZERO);
}

#[test]
fn it_is_armed_by_its_milestone_and_latched_once_per_deployment() {
    let (trigger, mut memory) = (trigger(), Memory::default());
    memory.tick(&trigger, &[], 0, moment(0));
    assert!(!memory.take(&trigger, &path(), &observation(0, Some(9.0)), moment(0)));
    assert_eq!(memory.status, Status::Disarmed);
    memory.tick(&trigger, &history(), 1, moment(1));
    assert_eq!(memory.status, Status::Arming);
    memory.fire(moment(2).wall);
    assert!(!memory.take(&trigger, &path(), &observation(15, Some(9.0)), moment(15)));
    memory.tick(&trigger, &history(), 2, moment(20));
    assert_eq!(memory.status, Status::Arming, "a new deployment arms it again");
}

#[test]
fn a_clock_step_earns_no_credit() {
    let (trigger, mut memory) = (trigger(), Memory::default());
    memory.tick(&trigger, &history(), 1, moment(0));
    memory.take(&trigger, &path(), &observation(0, Some(9.0)), moment(0));
    let mut stepped = observation(30, Some(9.0));
    stepped.at.uptime = moment(1).uptime;
    memory.take(&trigger, &path(), &stepped, stepped.at);
    assert_eq!(memory.credit, Duration::from_secs(1), "30 s on the wall, 1 s since boot");
}
