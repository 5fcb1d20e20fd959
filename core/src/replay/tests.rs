//! Tapes against a small plan: `value > 5%` for 60 s, looked at every 5 s, gaps of up to 11 s credited.

use super::sweep::{Score, sweep};
use super::*;
use crate::observation::Cause;
use crate::state::tests::launch::plan;

/// A tape of looks five seconds apart: `g`ood, `b`ad, `e`rror.
fn tape(looks: &str) -> Tape {
    let look = |(i, letter): (usize, char)| Look {
        at: Duration::from_secs(5 * i as u64),
        check: "health/errors".parse().unwrap(),
        outcome: match letter {
            'g' => Ok(Readings::new().number("value", 1.0)),
            'b' => Ok(Readings::new().number("value", 9.0)),
            _ => Err(Failure::new(Cause::Refused, "the source refused")),
        },
    };
    Tape {
        start: "2026-12-01T09:00:00Z".parse().unwrap(),
        every: Duration::from_secs(5),
        deployed: None,
        looks: looks.chars().enumerate().map(look).collect(),
        restarts: Vec::new(),
        remembers: false,
    }
}

fn window(text: &str) -> Window {
    text.parse().unwrap()
}

fn played(tape: &Tape) -> Course {
    replay(&plan(), &Name::of("errors"), tape).unwrap()
}

#[test]
fn a_trigger_fires_when_the_daemon_would_have() {
    let seconds = |text: &str| played(&tape(text)).fired.map(|at| at.as_secs());
    let rows = [
        ("all is well", "g".repeat(40), None),
        ("bad from the start", "b".repeat(40), Some(60)),
        ("bad from 10 s", format!("gg{}", "b".repeat(40)), Some(70)),
        ("one look fails", format!("bbbe{}", "b".repeat(40)), Some(60)),
        ("good in between", format!("bbbg{}", "b".repeat(40)), Some(80)),
        ("never for long", "bbbbbg".repeat(10), None),
        ("nothing is seen", "e".repeat(40), None),
        ("no looks", String::new(), None),
    ];
    for (row, looks, fired) in rows {
        assert_eq!(seconds(&looks), fired, "{row}");
    }
}

#[test]
fn changes_are_told_once_with_what_was_credited() {
    let course = played(&tape(&format!("gg{}g", "b".repeat(15))));
    let told: Vec<(u64, Status, u64)> =
        course.transitions.iter().map(|t| (t.at.as_secs(), t.state, t.credit.as_secs())).collect();
    assert_eq!(told, [(0, Status::Watching, 0), (10, Status::Pending, 0), (70, Status::Fired, 60)]);
    assert!(course.transitions[1].because.contains("9%"), "{:?}", course.transitions[1]);
    assert_eq!(course.stood.len(), 18);
}

#[test]
fn blindness_is_told_between_looks() {
    // The last evidence is at 5 s, and a trigger that looks every 5 s is blind after a minute without any.
    let course = played(&tape(&format!("gg{}", "e".repeat(20))));
    let blind = course.transitions.iter().find(|t| t.state == Status::Blind).unwrap();
    assert_eq!(blind.at.as_secs(), 66);
}

#[test]
fn a_restart_keeps_what_was_credited_and_sees_nothing_meanwhile() {
    let mut tape = tape(&"b".repeat(20));
    tape.restarts = vec![window("29s..34s")];
    let course = played(&tape);
    assert_eq!(course.fired.map(|at| at.as_secs()), Some(60), "a short gap is credited");
    assert!(course.stood.iter().all(|(i, _)| *i != 6), "{:?}", course.stood);
    tape.restarts = vec![window("29s..44s")];
    let fired = played(&tape).fired.map(|at| at.as_secs());
    assert_eq!(fired, Some(80), "the 20 s around a long one are not");
    tape.remembers = true;
    let fired = played(&tape).fired.map(|at| at.as_secs());
    assert_eq!(fired, Some(60), "they are where the source remembers them");
}

#[test]
fn a_deployment_on_the_tape_arms_from_there() {
    let mut good_before = tape(&format!("gggg{}", "b".repeat(40)));
    good_before.deployed = Some(Duration::from_secs(20));
    let course = played(&good_before);
    assert_eq!(course.transitions[0].state, Status::Disarmed);
    assert_eq!(course.fired.map(|at| at.as_secs()), Some(80));
    let mut bad_before = tape(&"b".repeat(40));
    bad_before.deployed = good_before.deployed;
    let course = played(&bad_before);
    assert_eq!(course.fired, None, "the deployment is not to blame");
    let last = course.transitions.last().unwrap();
    assert!(last.flags.contains(&Flag::Preexisting), "{last:?}");
}

#[test]
fn what_the_plan_does_not_have_is_refused() {
    let unknown = replay(&plan(), &Name::of("latency"), &tape("g"));
    assert_eq!(unknown, Err(ReplayError::NoSuchTrigger(Name::of("latency"))));
    let mut tape = tape("g");
    tape.looks[0].check = "infra/dns".parse().unwrap();
    assert!(matches!(played_err(&tape), ReplayError::Rejected(Rejected::NoSuchCheck(_))));
}

fn played_err(tape: &Tape) -> ReplayError {
    replay(&plan(), &Name::of("errors"), tape).unwrap_err()
}

#[test]
fn a_sweep_weighs_delay_against_false_alarms() {
    // A blip of 20 s, then an incident of 100 s.
    let looks = format!("gggg{}{}{}gggg", "b".repeat(5), "g".repeat(11), "b".repeat(20));
    let incident = window("100s..200s");
    let durations = [10, 30, 200].map(Duration::from_secs);
    let rows = sweep(&plan(), &Name::of("errors"), &tape(&looks), &durations, &[incident]);
    let rows = rows.unwrap();
    let told: Vec<(usize, usize, Option<u64>)> = rows
        .iter()
        .map(|row| {
            let score = row.score.as_ref().unwrap();
            (row.firings.len(), score.false_alarms, score.median().map(|d| d.as_secs()))
        })
        .collect();
    // Armed anew with the look after each firing, a `for` of 10 s fires every 15 s of the incident.
    assert_eq!(told, [(7, 1, Some(10)), (2, 0, Some(30)), (0, 0, None)]);
}

#[test]
fn without_incidents_there_is_no_score() {
    let durations = [Duration::from_secs(60)];
    let rows = sweep(&plan(), &Name::of("errors"), &tape(&"b".repeat(20)), &durations, &[]);
    assert_eq!(rows.unwrap()[0].score, None);
}

#[test]
fn the_median_of_delays_is_one_of_them() {
    let rows: [(&str, &[u64], Option<u64>); 4] = [
        ("none", &[], None),
        ("one", &[5], Some(5)),
        ("two", &[5, 9], Some(5)),
        ("three", &[1, 5, 9], Some(5)),
    ];
    for (row, delays, median) in rows {
        let delays = delays.iter().map(|s| Duration::from_secs(*s)).collect();
        let score = Score { false_alarms: 0, delays };
        assert_eq!(score.median().map(|d| d.as_secs()), median, "{row}");
    }
}
