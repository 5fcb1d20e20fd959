//! Runs, driven by how their attempts end.

use super::*;
use std::time::Duration;

fn step(id: &'static str, effect: Effect, critical: bool) -> Step {
    Step {
        id: Name::of(id),
        action: Name::of("exec"),
        settings: serde_json::Value::Null,
        timeout: Duration::from_secs(60),
        effect,
        critical,
        when: None,
        owner: None,
        on_in_doubt: if effect == Effect::Once { OnInDoubt::Ask } else { OnInDoubt::Retry },
        verify: None,
        at: None,
        not_before: None,
        on_failure: None,
    }
}

fn run() -> Run {
    let mut down = step("down", Effect::Once, true);
    down.when = Some(Milestone::MigrationDone);
    let steps = vec![
        step("announce", Effect::Idempotent, false),
        step("revert", Effect::Once, true),
        down,
        step("smoke", Effect::Idempotent, true),
    ];
    let procedure =
        Procedure { id: Name::of("rollback"), purpose: crate::procedure::Purpose::Rollback, steps };
    Run::new(Name::of("shop"), 1, procedure, "test".into(), Timestamp::UNIX_EPOCH)
}

/// Drives a run; `outcome` says how each attempt ends.
fn drive(run: &mut Run, outcome: impl Fn(usize, u32) -> Ended, migrated: bool) -> Vec<usize> {
    let (mut started, at) = (Vec::new(), Timestamp::UNIX_EPOCH);
    for _ in 0..50 {
        match run.next(|m| migrated && m == Milestone::MigrationDone) {
            Next::Start { step, attempt } => {
                started.push(step);
                run.apply(&RunEvent::StepStarted { step, attempt, at }).unwrap();
                let how = outcome(step, attempt);
                run.apply(&RunEvent::StepEnded { step, attempt, how, evidence: String::new(), at })
                    .unwrap();
            }
            Next::Skip { step, because } => {
                run.apply(&RunEvent::StepSkipped { step, because, at }).unwrap();
            }
            Next::Wait => break,
            Next::Finish(status) => run.apply(&RunEvent::Finished { status, at }).unwrap(),
        }
    }
    started
}

#[test]
fn a_run_takes_its_steps_in_order_and_says_how_it_ended() {
    type Row = (&'static str, bool, fn(usize, u32) -> Ended, &'static [usize], RunStatus);
    let rows: [Row; 4] = [
        (
            "all well, and nobody looked",
            true,
            |_, _| Ended::Succeeded,
            &[0, 1, 2, 3],
            RunStatus::Unverified,
        ),
        (
            "no migration, no down",
            false,
            |_, _| Ended::Succeeded,
            &[0, 1, 3],
            RunStatus::Unverified,
        ),
        (
            "a failed announcement does not stop it",
            false,
            |s, _| if s == 0 { Ended::Failed } else { Ended::Succeeded },
            &[0, 1, 3],
            RunStatus::EndedWithFailures,
        ),
        (
            "a failed critical step asks",
            false,
            |s, _| if s == 1 { Ended::TimedOut } else { Ended::Succeeded },
            &[0, 1],
            RunStatus::NeedsDecision,
        ),
    ];
    for (row, migrated, outcome, started, status) in rows {
        let mut run = run();
        assert_eq!(drive(&mut run, outcome, migrated), started, "{row}");
        assert_eq!(run.status, status, "{row}");
    }
}

#[test]
fn a_message_that_did_not_arrive_leaves_the_end_as_it_is() {
    let mut run = run();
    run.procedure.steps[0].action = Name::of("notify");
    drive(&mut run, |s, _| if s == 0 { Ended::Failed } else { Ended::Succeeded }, false);
    assert_eq!(run.status, RunStatus::Unverified);
}

#[test]
fn a_once_step_in_doubt_is_never_repeated_without_a_person() {
    let (mut run, at) = (run(), Timestamp::UNIX_EPOCH);
    drive(&mut run, |s, _| if s == 1 { Ended::InDoubt } else { Ended::Succeeded }, false);
    assert_eq!((run.status, run.asking()), (RunStatus::NeedsDecision, Some(1)));
    assert_eq!(run.next(|_| true), Next::Wait);
    let (person, reason) = (Name::of("alice"), "looked".to_owned());
    run.apply(&RunEvent::Decided { step: 1, decision: Choice::Retry, person, reason, at }).unwrap();
    assert_eq!(run.next(|_| true), Next::Start { step: 1, attempt: 2 });
}

#[test]
fn what_follows_an_attempt_is_decided_by_what_is_known_of_it() {
    use Ended::{InDoubt, NotDone, NotStarted};
    use OnInDoubt::{Ask, Retry, Verify};
    type Row = (&'static str, Effect, OnInDoubt, bool, Ended, u32, Option<u32>);
    let rows: [Row; 13] = [
        ("in doubt, once", Effect::Once, Ask, true, InDoubt, 1, None),
        ("in doubt, once, whatever a plan says", Effect::Once, Retry, true, InDoubt, 1, None),
        ("in doubt, idempotent", Effect::Idempotent, Retry, true, InDoubt, 1, Some(2)),
        ("in doubt, and a person wants to know", Effect::Idempotent, Ask, false, InDoubt, 1, None),
        ("verify could not tell", Effect::Idempotent, Verify, true, InDoubt, 1, None),
        ("verify: not done, idempotent", Effect::Idempotent, Verify, true, NotDone, 1, Some(2)),
        ("verify: not done, once", Effect::Once, Verify, true, NotDone, 1, None),
        ("verify: not done, thrice", Effect::Idempotent, Verify, true, NotDone, 3, None),
        ("never begun, once", Effect::Once, Ask, true, NotStarted, 1, Some(2)),
        ("never begun, twice", Effect::Once, Ask, false, NotStarted, 2, Some(3)),
        ("never begun, thrice: something is wrong", Effect::Once, Ask, false, NotStarted, 3, None),
        ("in doubt for the third time", Effect::Read, Retry, true, InDoubt, 3, None),
        ("failed is no doubt", Effect::Idempotent, Retry, true, Ended::Failed, 1, None),
    ];
    for (row, effect, on_in_doubt, critical, how, attempt, again) in rows {
        let (mut run, at) = (run(), Timestamp::UNIX_EPOCH);
        run.procedure.steps.truncate(1);
        run.procedure.steps[0] = Step { on_in_doubt, ..step("only", effect, critical) };
        run.steps = vec![StepState::Started { attempt, at }];
        let evidence = "as seen".to_owned();
        run.apply(&RunEvent::StepEnded { step: 0, attempt, how, evidence, at }).unwrap();
        match again {
            Some(attempt) => assert_eq!(
                (run.next(|_| true), run.status),
                (Next::Start { step: 0, attempt }, RunStatus::Running),
                "{row}"
            ),
            None => assert_eq!(
                (run.next(|_| true), run.status),
                (Next::Wait, RunStatus::NeedsDecision),
                "{row}"
            ),
        }
    }
}

#[test]
fn a_message_that_never_got_through_does_not_hold_the_run_up() {
    let (mut run, at) = (run(), Timestamp::UNIX_EPOCH);
    run.steps[0] = StepState::Started { attempt: 3, at };
    let (how, evidence) = (Ended::InDoubt, String::new());
    run.apply(&RunEvent::StepEnded { step: 0, attempt: 3, how, evidence, at }).unwrap();
    assert_eq!(run.next(|_| true), Next::Start { step: 1, attempt: 1 });
}

#[test]
fn nothing_else_begins_while_an_attempt_is_open() {
    let (mut run, at) = (run(), Timestamp::UNIX_EPOCH);
    assert_eq!(run.open_attempts().next(), None);
    run.apply(&RunEvent::StepStarted { step: 0, attempt: 1, at }).unwrap();
    assert!(run.apply(&RunEvent::StepStarted { step: 0, attempt: 1, at }).is_err());
    assert_eq!(run.open_attempts().collect::<Vec<_>>(), [(0, 1)]);
    assert_eq!(run.started_at(0), Some(at));
    assert_eq!(run.next(|_| true), Next::Wait);
    run.procedure.steps[0].action = Name::of("manual");
    assert_eq!(run.open_attempts().next(), None, "it is a person that acts");
}

#[test]
fn a_run_from_before_the_choice_asks() {
    let mut kept = serde_json::to_value(run()).unwrap();
    for step in kept["procedure"]["steps"].as_array_mut().unwrap() {
        let step = step.as_object_mut().unwrap();
        assert!(step.remove("on_in_doubt").is_some() && step.remove("verify").is_some());
    }
    let read: Run = serde_json::from_value(kept).unwrap();
    assert!(read.procedure.steps.iter().all(|step| step.on_in_doubt == OnInDoubt::Ask));
}

#[test]
fn the_same_deployment_always_names_the_same_run() {
    let name = Name::of("shop");
    assert_eq!(RunId::of(&name, 1), RunId::of(&name, 1));
    assert_ne!(RunId::of(&name, 1), RunId::of(&name, 2));
}
