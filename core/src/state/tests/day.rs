//! The launch day: begun by a person, step by step, held, late, and giving way to a rollback.

use super::launch::{Told, plan, step};
use super::*;
use crate::procedure::{Procedure, Purpose, Step};
use crate::report::{DayReport, Report};
use crate::run::{Choice, Ended, RunId, RunStatus};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn steps() -> Vec<Step> {
    let instructions = serde_json::json!({ "instructions": "switch ${launch} over" });
    let mut steps = vec![
        step("backup", "exec", serde_json::Value::Null),
        step("switch", "manual", instructions),
        step("smoke", "exec", serde_json::Value::Null),
    ];
    for (step, at) in steps.iter_mut().zip(["H+0", "H+0:15", "H+1:00"]) {
        step.at = Some(at.parse().unwrap());
    }
    steps[1].owner = Some(Name::of("legal"));
    steps[2].on_failure = Some(Name::of("rollback"));
    steps
}

/// A launch on its day, an hour before its time.
fn told(change: impl Fn(&mut Vec<Step>)) -> Told {
    let mut plan = plan();
    let mut steps = steps();
    change(&mut steps);
    let day = Procedure { id: Name::of("day"), purpose: Purpose::Launch, steps };
    plan.procedures.insert(day.id.clone(), day);
    let mut told = Told::new();
    told.state = State::new(Arc::new(plan));
    told.now = Moment::at("2026-12-01T09:00:00Z".parse().unwrap());
    told
}

fn begin(person: &'static str) -> Event {
    Event::LaunchBegun { procedure: Name::of("day"), person: Name::of(person) }
}

fn begun(change: impl Fn(&mut Vec<Step>)) -> (Told, Perform) {
    let mut told = told(change);
    told.reach(Milestone::DeployStarted);
    let effects = told.try_apply(begin("alice")).expect("she may");
    let first = effects.into_iter().find_map(|effect| match effect {
        Effect::Perform(perform) => Some(*perform),
        _ => None,
    });
    (told, first.expect("the first step begins"))
}

fn day(told: &mut Told) -> DayReport {
    let now = told.now;
    let report = told.state.report(now);
    // Where a step stands has fields of its own beside those of the plan.
    let written = serde_json::to_string(&report).expect("JSON");
    let read: Report = serde_json::from_str(&written).expect("it is read back");
    assert_eq!(read.day, report.day);
    report.day.expect("there is a plan of it")
}

fn done(told: &mut Told, run: &RunId, person: &'static str) -> Result<Vec<Effect>, Rejected> {
    told.try_apply(Event::Decided {
        run: run.clone(),
        step: 1,
        choice: Choice::MarkSucceeded,
        person: Name::of(person),
        reason: "seen".into(),
    })
}

#[test]
fn the_plan_shows_before_it_is_begun() {
    let mut told = told(|_| {});
    let before = day(&mut told);
    assert_eq!((before.standing.as_str(), before.run), ("not begun", None));
    let planned: Vec<String> =
        before.steps.iter().map(|s| s.planned_at.unwrap().to_string()).collect();
    assert_eq!(planned, ["2026-12-01T09:00:00Z", "2026-12-01T09:15:00Z", "2026-12-01T10:00:00Z"]);
    assert!(before.steps.iter().all(|step| step.late.is_none()));
}

#[test]
fn it_goes_step_by_step_and_the_owner_says_when_theirs_is_done() {
    let (mut told, first) = begun(|_| {});
    let next = told.end(&first, Ended::Succeeded);
    assert!(next[0].step.is_manual(), "a person is next");
    let now = day(&mut told);
    assert_eq!(now.next, Some(Name::of("switch")));
    assert_eq!(now.steps[1].people, [Name::of("carol")]);
    assert_eq!(now.steps[1].instructions.as_deref(), Some("switch shop over"));
    let refused = done(&mut told, &first.run, "mallory").expect_err("it is not hers");
    assert!(matches!(refused, Rejected::NoAuthority(_)), "{refused}");
    let effects = done(&mut told, &first.run, "carol").expect("it is hers");
    let smoke = effects.into_iter().find_map(|e| match e {
        Effect::Perform(perform) => Some(*perform),
        _ => None,
    });
    told.end(&smoke.expect("the next begins"), Ended::Succeeded);
    assert_eq!(day(&mut told).standing, "completed");
    assert_eq!(Phase::after(told.state.milestones()), Phase::Launching, "nothing was rolled back");
}

#[test]
fn it_is_begun_once_and_by_who_may() {
    let (mut told, first) = begun(|_| {});
    let again = told.try_apply(begin("alice")).expect_err("one at a time");
    assert_eq!(again, Rejected::LaunchUnderWay(first.run));
    let other = told.try_apply(begin("carol")).expect_err("legal does not launch");
    assert!(matches!(other, Rejected::NoAuthority(_)), "{other}");
    let back = Event::LaunchBegun { procedure: Name::of("rollback"), person: Name::of("alice") };
    let refused = told.try_apply(back).expect_err("a rollback is fired");
    assert_eq!(refused, Rejected::NotALaunch(Name::of("rollback")));
}

#[test]
fn while_it_is_held_no_step_begins() {
    let (mut told, first) = begun(|steps| {
        steps.remove(1);
    });
    let hold = |reason: Option<&str>| Event::RunHeld {
        run: first.run.clone(),
        person: Name::of("alice"),
        reason: reason.map(str::to_owned),
    };
    told.try_apply(hold(Some("the load is odd"))).expect("she may");
    assert!(told.end(&first, Ended::Succeeded).is_empty(), "held");
    assert_eq!(day(&mut told).standing, "held");
    let restored = told.restored();
    assert_eq!(restored.runs()[0].held, told.state.runs()[0].held, "it is kept");
    let effects = told.try_apply(hold(None)).expect("it goes on");
    assert!(
        effects.iter().any(|e| matches!(e, Effect::Perform(p) if p.step.id.as_str() == "smoke"))
    );
    let twice = told.try_apply(hold(None)).expect_err("it is not held");
    assert!(matches!(twice, Rejected::Run(_)), "{twice}");
}

#[test]
fn a_step_waits_for_its_time_only_if_it_says_so() {
    let (mut told, first) = begun(|steps| {
        steps.remove(1);
        steps[1].not_before = Some("H+0:30".parse().unwrap());
    });
    assert!(told.end(&first, Ended::Succeeded).is_empty(), "too early");
    told.now = told.now.plus(29 * MINUTE);
    let begins = |told: &mut Told| {
        let effects = told.try_apply(Event::Tick).unwrap();
        effects.iter().any(|e| matches!(e, Effect::Perform(_)))
    };
    assert!(!begins(&mut told));
    told.now = told.now.plus(MINUTE);
    assert!(begins(&mut told), "its time has come");
}

#[test]
fn what_is_late_shows_and_is_told_once() {
    let (mut told, first) = begun(|_| {});
    told.now = told.now.plus(20 * MINUTE);
    assert_eq!(day(&mut told).steps[1].late, Some(300.0));
    let calls = |told: &Told, about: &str| {
        let messages = told.state.outbox().messages().iter().map(|m| &m.message);
        let about = messages.filter(|m| m.subject.starts_with(about));
        about.map(|m| m.text.clone()).collect::<Vec<_>>()
    };
    told.pass(Duration::from_secs(1));
    assert_eq!(calls(&told, "late/"), [""; 0], "the step before it is under way");
    told.end(&first, Ended::Succeeded);
    told.pass(MINUTE).pass(MINUTE);
    let asked = calls(&told, "decision/");
    assert!(asked.len() == 1 && asked[0].contains("carol: switch shop over"), "{asked:?}");
}

#[test]
fn people_are_called_once_to_a_step_that_waits_too_long() {
    let (mut told, first) = begun(|steps| {
        steps.remove(1);
        steps[1].not_before = Some("H+2h".parse().unwrap());
    });
    told.end(&first, Ended::Succeeded);
    told.now = told.now.plus(70 * MINUTE);
    told.pass(MINUTE).pass(MINUTE);
    let messages = told.state.outbox().messages().iter();
    let late = messages.filter(|m| m.message.subject.starts_with("late/")).count();
    assert_eq!(late, 1);
}

#[test]
fn a_failed_step_rolls_back_if_it_says_so() {
    let (mut told, first) = begun(|steps| {
        steps.remove(1);
    });
    let smoke = told.end(&first, Ended::Succeeded).remove(0);
    let next = told.end(&smoke, Ended::Failed);
    assert_eq!(next[0].step.id.as_str(), "revert");
    let runs = told.state.runs();
    assert_eq!(runs[0].status, RunStatus::GaveWay);
    assert!(runs[1].cause.starts_with("step smoke of run shop-launch-1-"), "{}", runs[1].cause);
    assert!(runs[1].by_itself());
    assert_eq!(Phase::after(told.state.milestones()), Phase::RollingBack);
}

#[test]
fn a_failed_step_that_says_nothing_asks() {
    let (mut told, first) = begun(|_| {});
    assert!(told.end(&first, Ended::Failed).is_empty());
    assert_eq!(told.state.runs()[0].status, RunStatus::NeedsDecision);
    assert_eq!(told.state.runs().len(), 1);
}

#[test]
fn in_doubt_is_no_failure() {
    let (mut told, first) = begun(|steps| {
        steps.remove(1);
    });
    let smoke = told.end(&first, Ended::Succeeded).remove(0);
    told.end(&smoke, Ended::InDoubt);
    assert_eq!(told.state.runs().len(), 1, "nobody is rolled back by guess");
    assert_eq!(told.state.runs()[0].status, RunStatus::NeedsDecision);
}

#[test]
fn a_rollback_ends_the_launch_and_tells_what_is_under_way() {
    let (mut told, first) = begun(|_| {});
    told.try_apply(Event::Fire {
        trigger: Name::of("errors"),
        person: Name::of("alice"),
        reason: "it smells".into(),
    })
    .expect("she may");
    assert_eq!(told.state.runs()[0].status, RunStatus::GaveWay);
    let told_so = told.state.outbox().messages().iter().any(|m| {
        m.message.text.contains("the step `backup`") && m.message.text.contains("not called back")
    });
    assert!(told_so, "{:?}", told.state.outbox().messages());
    let late = told.try_apply(Event::StepEnded {
        run: first.run.clone(),
        step: 0,
        attempt: 1,
        how: Ended::Succeeded,
        evidence: String::new(),
    });
    assert!(late.is_err(), "the run is over");
}

#[test]
fn after_a_rollback_there_is_a_second_launch() {
    let (mut told, first) = begun(|steps| {
        steps.remove(1);
    });
    let smoke = told.end(&first, Ended::Succeeded).remove(0);
    let mut next = told.end(&smoke, Ended::Failed);
    while let Some(perform) = next.pop() {
        next = told.end(&perform, Ended::Succeeded);
    }
    assert_eq!(Phase::after(told.state.milestones()), Phase::RolledBack);
    told.try_apply(begin("alice")).expect("a second attempt");
    let ids: Vec<String> = told.state.runs().iter().map(|run| run.id.to_string()).collect();
    assert!(
        ids[0].starts_with("shop-launch-1-") && ids[2].starts_with("shop-launch-2-"),
        "{ids:?}"
    );
    let mut saved = Saved::default();
    for record in told.kept.iter().cloned() {
        saved.keep(record).expect("it can be folded");
    }
    assert_eq!(saved.runs.len(), 3);
}
