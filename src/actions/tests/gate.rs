//! `gate` and `milestone`, by what reports say and the engine answers.

use launchgate_core::decision::{Decision, Facts, Word};
use launchgate_core::gate::Verdict;
use launchgate_core::milestone::{Milestone, Phase, Reached};
use launchgate_core::report::DecisionReport;
use launchgate_core::state::{Event, Rejected};

use super::*;
use crate::engine::Refused;

fn made(report: &Report, decision: Word, stale: bool) -> DecisionReport {
    let person = Name::of("alice");
    let facts = Facts::of(report, "hash");
    let kept = Decision {
        decision,
        person: person.clone(),
        note: None,
        at: report.as_of,
        question: report.question.clone(),
        facts,
        report: "{}".into(),
    };
    DecisionReport {
        number: 1,
        decision,
        person,
        at: report.as_of,
        note: None,
        question: report.question.clone(),
        verdict: report.verdict,
        version: report.version.clone(),
        stale,
        changes: if stale { vec!["dns was pass, is fail".into()] } else { Vec::new() },
        kept: Some(Arc::new(kept)),
    }
}

/// Waits a second at most for the gate, by one report.
async fn gated(settings: Json, change: impl Fn(&mut Report)) -> Done {
    let plan = plan(&[]);
    let (handle, _inbox, reports) = handle(&plan);
    let mut shown = report(&plan);
    change(&mut shown);
    reports.send_replace(Arc::new(shown));
    let perform = perform("gate", settings, Duration::from_secs(1));
    Attempt::new(around(&plan, Path::new("."), &TestShims::new(), handle), perform).make().await
}

#[tokio::test(start_paused = true)]
async fn a_gate_opens_when_everything_asked_for_is_there() {
    type Row = (&'static str, Json, fn(&mut Report), Ended, &'static str);
    let open = |report: &mut Report| {
        report.verdict = Verdict::Go;
        report.checklists[0].verdict = Verdict::Go;
    };
    let list = || json!({ "checklists": ["health"] });
    let decided = || json!({ "decision": true });
    let rows: [Row; 9] = [
        (
            "after a rollback the checklists of the launch count",
            json!({}),
            |report| report.phase = Phase::RolledBack,
            Ended::Succeeded,
            "GO",
        ),
        ("the verdict is GO", json!({}), open, Ended::Succeeded, "GO"),
        ("the verdict is not", json!({}), |_| {}, Ended::TimedOut, "the verdict is HOLD"),
        ("the checklist is GO", list(), open, Ended::Succeeded, "GO"),
        ("the checklist is not", list(), |_| {}, Ended::TimedOut, "health is HOLD"),
        ("nobody decided", decided(), open, Ended::TimedOut, "nobody has decided"),
        (
            "decided",
            decided(),
            |report| {
                report.verdict = Verdict::Go;
                report.decisions = vec![made(report, Word::Go, false)];
            },
            Ended::Succeeded,
            "GO, decided by alice",
        ),
        (
            "the decision is stale",
            decided(),
            |report| {
                report.verdict = Verdict::Go;
                report.decisions = vec![made(report, Word::Go, true)];
            },
            Ended::TimedOut,
            "the decision of alice is stale: dns was pass, is fail",
        ),
        (
            "decided NO-GO",
            decided(),
            |report| {
                report.verdict = Verdict::Go;
                report.decisions = vec![made(report, Word::NoGo, false)];
            },
            Ended::TimedOut,
            "alice decided NO-GO",
        ),
    ];
    for (row, settings, change, ended, says) in rows {
        let (how, evidence) = gated(settings, change).await;
        assert_eq!(how, ended, "{row}: {evidence}");
        assert!(evidence.contains(says), "{row}: {evidence}");
    }
}

#[tokio::test]
async fn a_milestone_is_recorded_once_and_a_refusal_is_told() {
    let settings = || json!({ "milestone": "deploy_started" });
    let timeout = Duration::from_secs(5);
    for answer in [Ok(()), Err(Refused::Rejected(Rejected::NoSuchTrigger(Name::of("x"))))] {
        let plan = plan(&[]);
        let (handle, mut inbox, _reports) = handle(&plan);
        let attempt = Attempt::new(
            around(&plan, Path::new("."), &TestShims::new(), handle),
            perform("milestone", settings(), timeout),
        );
        let told = answer.clone();
        let engine = async {
            let message = inbox.recv().await.expect("it is told");
            let by = match message.event {
                Event::Milestone { milestone: Milestone::DeployStarted, by } => by,
                other => panic!("{other:?}"),
            };
            message.answer.expect("it waits").send(told).expect("it listens");
            by
        };
        let ((how, evidence), by) = tokio::join!(attempt.make(), engine);
        assert!(by.starts_with("run shop-7-"), "{by}");
        let expected = if answer.is_ok() { Ended::Succeeded } else { Ended::Failed };
        assert_eq!(how, expected, "{evidence}");
    }
    let plan = plan(&[]);
    let (handle, mut inbox, reports) = handle(&plan);
    let perform = perform("milestone", settings(), timeout);
    let mut shown = report(&plan);
    let by = format!("run {}", perform.run);
    shown.milestones.push(Reached { milestone: Milestone::DeployStarted, at: shown.as_of, by });
    reports.send_replace(Arc::new(shown));
    let around = around(&plan, Path::new("."), &TestShims::new(), handle);
    let (how, evidence) = Attempt::new(around, perform).look().await;
    assert_eq!((how, evidence.as_str()), (Ended::Succeeded, "deploy_started is on record"));
    assert!(inbox.try_recv().is_err(), "nothing is recorded twice");
}
