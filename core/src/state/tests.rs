//! The kernel as a whole: rows that tell a launch, and properties that hold over every sequence of events.

mod announcements;
mod day;
mod instant;
pub(crate) mod launch;
mod looks;
mod orders;
mod people;
mod properties;
mod watch;

use std::time::Duration;

use launch::{Told, bad, blind, good, plan};

use super::*;
use crate::gate::Verdict;
use crate::report::DueState;
use crate::run::{Choice, Ended, RunStatus, StepState};
use crate::trigger::{Flag, Status};

#[test]
fn the_verdict_answers_the_question_of_the_phase() {
    let mut told = Told::new();
    assert_eq!(told.verdict(), (Verdict::Hold, "May we launch?"));
    told.see("infra/dns", good()).see("infra/tls", good());
    assert_eq!(told.verdict().0, Verdict::Hold, "nobody signed");
    told.sign("carol");
    assert_eq!(told.verdict().0, Verdict::Go);
    told.see("infra/tls", bad());
    assert_eq!(told.verdict().0, Verdict::NoGo);
    told.see("infra/tls", good()).reach(Milestone::DeployStarted);
    assert_eq!(told.verdict(), (Verdict::Hold, "May we declare success?"));
    told.see("health/errors", good());
    assert_eq!(told.verdict().0, Verdict::Go);
    told.reach(Milestone::Live);
    assert_eq!(told.verdict().0, Verdict::Hold, "no checklist answers");
    assert_eq!(told.report().blockers.len(), 1);
}

#[test]
fn a_fact_counts_only_while_it_is_fresh() {
    let mut told = Told::new();
    told.see("infra/dns", good()).see("infra/tls", good()).sign("carol");
    told.pass(Duration::from_secs(30));
    assert_eq!(told.verdict().0, Verdict::Go);
    told.pass(Duration::from_secs(1));
    assert_eq!(told.verdict().0, Verdict::Hold);
    let blockers = told.report().blockers;
    assert_eq!(
        blockers[0].because,
        "last seen 31s ago, counts for 30s; then: value 1% < 5% is true"
    );
}

#[test]
fn a_checklist_that_is_due_and_not_go_is_overdue() {
    let mut told = Told::new();
    let report = told.report();
    assert_eq!(report.overdue, [Name::of("infra")], "T-7d has passed");
    let states: Vec<DueState> = report.checklists.iter().map(|list| list.state).collect();
    assert_eq!(states, [DueState::Overdue, DueState::NotYetDue, DueState::NotYetDue]);
    assert_eq!(report.due_verdict(), Verdict::Hold);
}

#[test]
fn who_may_not_is_told_why() {
    let mut told = Told::new();
    let name = |text: &'static str| Name::of(text);
    let refused = |told: &mut Told, event| told.try_apply(event).unwrap_err().to_string();
    let fire =
        |person| Event::Fire { trigger: name("errors"), person: name(person), reason: "x".into() };
    let rows = [
        (
            "a stranger signs",
            Told::sign_off("mallory"),
            "mallory does not hold the role `legal`, which signs `people/terms`",
        ),
        (
            "nothing to roll back",
            fire("alice"),
            "there is nothing to roll back while the launch is preparing",
        ),
        (
            "no authority",
            fire("carol"),
            "carol is neither rollback_authority nor incident_commander",
        ),
        (
            "live before the deployment",
            Event::Milestone { milestone: Milestone::Live, by: "alice".into() },
            "`live` cannot be reached while the launch is preparing",
        ),
        (
            "an unknown check",
            Event::Observed {
                check: "infra/nope".parse().unwrap(),
                observation: told.observation(good()),
            },
            "there is no check `infra/nope`",
        ),
    ];
    for (row, event, reason) in rows {
        assert_eq!(refused(&mut told, event), reason, "{row}");
    }
}

#[test]
fn a_breach_that_lasts_runs_the_rollback_to_its_verified_end() {
    let mut told = Told::new();
    told.reach(Milestone::DeployStarted);
    let mut performed = Vec::new();
    for _ in 0..20 {
        performed.extend(told.see_effects("health/errors", bad()));
        told.pass(Duration::from_secs(5));
        if !performed.is_empty() {
            break;
        }
    }
    assert_eq!(performed.len(), 1, "fires once");
    assert_eq!(performed[0].step.id.as_str(), "revert");
    assert_eq!(performed[0].idempotency_key(), format!("{}/revert", performed[0].run));
    assert_eq!(told.verdict().0, Verdict::NoGo);
    let next = told.end(&performed[0], Ended::Succeeded);
    assert_eq!(next[0].step.id.as_str(), "healthy");
    told.end(&next[0], Ended::Succeeded);
    let report = told.report();
    assert_eq!(report.runs[0].status, RunStatus::Verified);
    assert!(matches!(report.runs[0].steps[1], StepState::Skipped { .. }), "no migration, no down");
    assert_eq!(report.phase, Phase::RolledBack);
    let again =
        Event::Fire { trigger: Name::of("errors"), person: Name::of("alice"), reason: "x".into() };
    assert!(told.try_apply(again).is_err());
}

#[test]
fn what_starts_is_on_record_before_it_is_performed() {
    let mut told = Told::new();
    told.reach(Milestone::DeployStarted);
    let fire =
        Event::Fire { trigger: Name::of("errors"), person: Name::of("alice"), reason: "x".into() };
    let effects = told.try_apply(fire).unwrap();
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let created = place(|e| matches!(e, Effect::Persist(Record::RunCreated(_))));
    let started = place(|e| {
        matches!(e, Effect::Persist(Record::Run { event: RunEvent::StepStarted { .. }, .. }))
    });
    let performed = place(|e| matches!(e, Effect::Perform(_)));
    assert!(created < started && started < performed, "{effects:?}");
}

#[test]
fn a_restart_keeps_pending_time_sign_offs_and_latches() {
    let mut told = Told::new();
    told.sign("carol").reach(Milestone::DeployStarted);
    for _ in 0..7 {
        told.see("health/errors", bad()).pass(Duration::from_secs(5));
    }
    let before = told.report();
    assert!((before.triggers[0].credit - 30.0).abs() < 1e-9);
    told.restart();
    let after = told.report();
    assert!((after.triggers[0].credit - 30.0).abs() < 1e-9);
    assert_eq!(after.triggers[0].flags, [Flag::Unconfirmed], "until it has seen something live");
    assert_eq!(told.report().checklists[1].verdict, Verdict::Go, "the sign-off stands");
    let mut performed = Vec::new();
    for _ in 0..7 {
        performed.extend(told.see_effects("health/errors", bad()));
        told.pass(Duration::from_secs(5));
    }
    assert_eq!(performed.len(), 1);
    assert_eq!(told.restart(), performed, "what was under way is looked at, as it was begun");
    assert_eq!(told.restart(), performed, "and again, until it is known how it ended");
    let report = told.report();
    assert_eq!(report.triggers[0].state, Status::Fired);
    assert_eq!(report.runs[0].status, RunStatus::Running, "nothing is guessed");
    assert!(told.pass(Duration::from_secs(5)).end(&performed[0], Ended::InDoubt).is_empty());
    let report = told.report();
    assert_eq!(report.runs[0].status, RunStatus::NeedsDecision, "`revert` is `once`");
    let run = report.runs[0].id.clone();
    assert_eq!(report.alarms, [format!("run {run} waits for a person at the step `revert`")]);
    let (choice, person) = (Choice::Abort, Name::of("alice"));
    let reason = "by hand".to_owned();
    told.try_apply(Event::Decided { run, step: 0, choice, person, reason }).unwrap();
    let because = told.report().blockers[0].because.clone();
    assert_eq!(
        because,
        "the rollback was aborted: record `rolled_back` once the previous version runs"
    );
}

#[test]
fn what_proved_not_to_have_begun_is_begun_even_if_it_acts_once() {
    let mut told = Told::new();
    told.reach(Milestone::DeployStarted);
    let (trigger, person) = (Name::of("errors"), Name::of("alice"));
    let fire = Event::Fire { trigger, person, reason: "seen by eye".into() };
    told.try_apply(fire).unwrap();
    let [lost] = told.restart().try_into().expect("one attempt was open");
    let [again] = told.end(&lost, Ended::NotStarted).try_into().expect("one step begins");
    assert_eq!((again.index, again.attempt, lost.attempt), (0, 2, 1));
    assert_eq!(again.idempotency_key(), lost.idempotency_key());
    let late = Event::StepEnded {
        run: lost.run,
        step: lost.index,
        attempt: lost.attempt,
        how: Ended::Succeeded,
        evidence: String::new(),
    };
    assert!(told.try_apply(late).is_err(), "an attempt that is over has no second end");
    let [next] = told.end(&again, Ended::Succeeded).try_into().expect("the run goes on");
    assert_eq!(next.step.id, Name::of("healthy"));
}

#[test]
fn a_changed_plan_voids_signatures_and_what_was_judged_by_the_old_one() {
    let mut told = Told::new();
    told.see("infra/dns", good()).see("infra/tls", good()).sign("carol");
    let mut changed = plan();
    changed.checklists[0].checks[0].timeout = Duration::from_secs(9);
    changed.checklists[1].hash = "other".into();
    told.try_apply(Event::Reloaded(Arc::new(changed))).unwrap();
    let report = told.report();
    let because: Vec<&str> = report.blockers.iter().map(|b| b.because.as_str()).collect();
    assert_eq!(
        because,
        [
            "the checklist has changed since carol signed; 0 of 1 signed; `legal` must sign",
            "not yet run"
        ]
    );
    told.try_apply(Event::ReloadFailed { problem: "launch.yaml:3:1: error: nope".into() }).unwrap();
    assert_eq!(told.report().alarms, ["launch.yaml:3:1: error: nope"]);
    assert_eq!(blind().unwrap_err().cause, crate::observation::Cause::Refused);
}
