//! What every store must do. A new one holds itself to [`contract`].

use std::sync::Arc;
use std::time::Duration;

use launchgate_core::audit::Chain;
use launchgate_core::cadence::WatchReport;
use launchgate_core::check;
use launchgate_core::decision::{Decision, Facts, Word};
use launchgate_core::gate::Verdict;
use launchgate_core::message::{Delivery, Message};
use launchgate_core::milestone::{Milestone, Phase, Reached};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::procedure::{Effect, OnInDoubt, Procedure, Step};
use launchgate_core::reading::Readings;
use launchgate_core::rehearsal::Rehearsal;
use launchgate_core::run::{Choice, Ended, Run, RunEvent, RunId, RunStatus};
use launchgate_core::time::Moment;
use launchgate_core::trigger;
use launchgate_core::waiver::Waiver;

use super::*;

pub(super) fn launch() -> Name {
    Name::of("shop")
}

pub(super) fn at() -> Timestamp {
    "2026-12-01T09:00:00Z".parse().unwrap()
}

pub(super) fn observed(check: &str, value: f64) -> Record {
    let outcome = if value.is_nan() {
        Err(Failure::new(Cause::Timeout, "no answer"))
    } else {
        Ok(Readings::new().number("value", value))
    };
    let last = Observation { at: Moment::at(at()), took: Duration::from_millis(3), outcome };
    let memory = check::Memory { last: Some(last), ..check::Memory::default() };
    let checklist_hash = "hash".to_owned();
    Record::Observed { check: check.parse().unwrap(), checklist_hash, memory: Box::new(memory) }
}

pub(super) fn reached(milestone: Milestone) -> Record {
    Record::Reached(Reached { milestone, at: at(), by: "alice".into() })
}

pub(super) fn run(generation: u32) -> Run {
    let step = Step {
        id: Name::of("revert"),
        action: Name::of("exec"),
        settings: serde_json::json!({ "command": ["true"] }),
        timeout: Duration::from_secs(60),
        effect: Effect::Once,
        critical: true,
        when: None,
        owner: None,
        on_in_doubt: OnInDoubt::Ask,
        verify: None,
        at: None,
        not_before: None,
        on_failure: None,
    };
    let procedure = Procedure {
        id: Name::of("rollback"),
        purpose: launchgate_core::procedure::Purpose::Rollback,
        steps: vec![step],
    };
    Run::new(launch(), generation, procedure, "because".into(), at())
}

fn message(id: &str) -> Record {
    let (channel, text) = (Name::of("room"), "rolling back".to_owned());
    Record::Message(Box::new(Message::new(id.into(), channel, text, at())))
}

fn watched() -> Record {
    Record::Watched(Box::new(WatchReport {
        number: 1,
        slot: at(),
        at: at(),
        missed: 0,
        verdict: Verdict::Go,
        good: 3,
        of: 3,
        open: vec!["Latency: slower than before".into()],
        last: false,
    }))
}

fn waived() -> Record {
    Record::Waived(Box::new(Waiver {
        check: "dns/apex".parse().unwrap(),
        person: Name::of("alice"),
        reason: "known".into(),
        at: at(),
        until: at(),
        version: "2.4".into(),
        checklist_hash: "hash".into(),
    }))
}

fn decided() -> Record {
    Record::GoNoGo(Arc::new(Decision {
        decision: Word::Go,
        person: Name::of("alice"),
        note: None,
        at: at(),
        question: "May we launch?".into(),
        facts: Facts {
            version: "2.4".into(),
            plan: "hash".into(),
            phase: Phase::Preparing,
            verdict: Verdict::Go,
            open: [("dns/apex".to_owned(), "waived".to_owned())].into(),
        },
        report: "{}".into(),
    }))
}

fn rehearsed() -> Record {
    Record::Rehearsed(Box::new(Rehearsal {
        procedure: Name::of("rollback"),
        hash: "hash".into(),
        version: "2.4".into(),
        by: Some(Name::of("alice")),
        at: at(),
        steps: Vec::new(),
    }))
}

fn happened(run: &Run, event: RunEvent) -> Record {
    Record::Run { run: run.id.clone(), event }
}

fn started(run: &Run) -> Record {
    happened(run, RunEvent::StepStarted { step: 0, attempt: 1, at: at() })
}

/// Holds a store to the contract; `again` opens it anew.
pub(super) fn contract<S: Store>(open: impl Fn() -> S, again: impl Fn(S) -> S) {
    what_is_kept_comes_back(open(), &again);
    all_or_nothing(open());
    a_deployment_has_one_run_and_a_launch_one_in_flight(open());
    a_target_has_one_run_in_flight(open(), &again);
    an_event_needs_its_run(open());
    history_is_bounded_and_newest_first(open());
    what_is_too_old_goes(open());
    pruning_takes_what_came_before(open());
    launches_do_not_mix(open());
    what_was_decided_is_chained(open(), &again);
}

fn what_is_kept_comes_back<S: Store>(mut store: S, again: &impl Fn(S) -> S) {
    assert_eq!(store.load(&launch()).unwrap(), Saved::default());
    let trigger = Record::Trigger {
        trigger: Name::of("errors"),
        watches: "w".into(),
        memory: Box::new(trigger::Memory { credit: Duration::from_secs(7), ..Default::default() }),
    };
    let run = run(1);
    let ended = RunEvent::StepEnded {
        step: 0,
        attempt: 1,
        how: Ended::Succeeded,
        evidence: "exit 0".into(),
        at: at(),
    };
    let records = [
        watched(),
        waived(),
        decided(),
        observed("a/b", 1.0),
        observed("a/c", f64::NAN),
        observed("a/b", 2.0),
        reached(Milestone::DeployStarted),
        trigger,
        Record::RunCreated(Box::new(run.clone())),
        started(&run),
        happened(&run, ended),
        message("first"),
        message("second"),
        Record::Delivered { id: "first".into(), delivery: Delivery::Sent { at: at() } },
        rehearsed(),
    ];
    for batch in records.chunks(3) {
        store.commit(&launch(), at(), batch).unwrap();
    }
    let mut expected = Saved::default();
    for record in records {
        expected.keep(record).unwrap();
    }
    expected.checks.sort_by(|a, b| a.check.cmp(&b.check));
    let mut store = again(store);
    let mut kept = store.load(&launch()).unwrap();
    kept.checks.sort_by(|a, b| a.check.cmp(&b.check));
    assert_eq!(kept, expected);
}

fn all_or_nothing<S: Store>(mut store: S) {
    let run = run(1);
    store
        .commit(&launch(), at(), &[Record::RunCreated(Box::new(run.clone())), started(&run)])
        .unwrap();
    let before = store.load(&launch()).unwrap();
    let batch = [reached(Milestone::Live), observed("a/b", 1.0), started(&run)];
    let refused = store.commit(&launch(), at(), &batch).unwrap_err();
    assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    assert_eq!(store.load(&launch()).unwrap(), before);
    assert_eq!(store.history(&launch(), &"a/b".parse().unwrap(), 10).unwrap(), []);
}

fn a_deployment_has_one_run_and_a_launch_one_in_flight<S: Store>(mut store: S) {
    let (first, second) = (run(1), run(2));
    let created = |run: &Run| [Record::RunCreated(Box::new(run.clone()))];
    store.commit(&launch(), at(), &created(&first)).unwrap();
    for again in [&first, &second] {
        let refused = store.commit(&launch(), at(), &created(again)).unwrap_err();
        assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    }
    let finished = RunEvent::Finished { status: RunStatus::Verified, at: at() };
    store.commit(&launch(), at(), &[happened(&first, finished)]).unwrap();
    store.commit(&launch(), at(), &created(&second)).unwrap();
    let failed = RunEvent::StepEnded {
        step: 0,
        attempt: 1,
        how: Ended::Failed,
        evidence: "exit 1".into(),
        at: at(),
    };
    let aborted = RunEvent::Decided {
        step: 0,
        decision: Choice::Abort,
        person: Name::of("alice"),
        reason: "by hand".into(),
        at: at(),
    };
    let end = [started(&second), happened(&second, failed), happened(&second, aborted)];
    store.commit(&launch(), at(), &end).unwrap();
    store.commit(&launch(), at(), &created(&run(3))).unwrap();
    let kept: Vec<_> = store.load(&launch()).unwrap().runs.iter().map(|r| r.status).collect();
    assert_eq!(kept, [RunStatus::Verified, RunStatus::Aborted, RunStatus::Running]);
}

fn a_target_has_one_run_in_flight<S: Store>(store: S, again: &impl Fn(S) -> S) {
    let (mut store, other, target) = (store, Name::of("cart"), Name::of("production"));
    let mut here = run(1);
    here.target = Some(target.clone());
    here.cause = "trigger errors: 9%".into();
    let mut there = run(1);
    (there.id, there.launch) = (RunId::of(&other, 1), other.clone());
    there.target = Some(target.clone());
    let created = |run: &Run| [Record::RunCreated(Box::new(run.clone()))];
    store.commit(&launch(), at(), &created(&here)).unwrap();
    let mut store = again(store);
    let refused = store.commit(&other, at(), &created(&there)).unwrap_err();
    assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    let mut told = Elsewhere {
        run: here.id.clone(),
        launch: launch(),
        began: at(),
        ended: None,
        by_itself: true,
    };
    assert_eq!(store.elsewhere(&target, &other).unwrap(), [told.clone()]);
    assert_eq!(store.elsewhere(&target, &launch()).unwrap(), [], "its own runs are not elsewhere");
    assert_eq!(store.elsewhere(&launch(), &other).unwrap(), [], "a target of that name");
    let finished = RunEvent::Finished { status: RunStatus::Verified, at: later(1) };
    store.commit(&launch(), later(1), &[happened(&here, finished)]).unwrap();
    told.ended = Some(later(1));
    assert_eq!(store.elsewhere(&target, &other).unwrap(), [told]);
    store.commit(&other, later(1), &created(&there)).unwrap();
}

fn an_event_needs_its_run<S: Store>(mut store: S) {
    let refused = store.commit(&launch(), at(), &[started(&run(1))]).unwrap_err();
    assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    assert_eq!(store.load(&launch()).unwrap(), Saved::default());
}

fn history_is_bounded_and_newest_first<S: Store>(mut store: S) {
    let check: CheckPath = "a/b".parse().unwrap();
    for batch in (0..HISTORY + 300).collect::<Vec<_>>().chunks(100) {
        let values = batch.iter().map(|i| f64::from(u32::try_from(*i).unwrap()));
        let records: Vec<Record> = values.map(|value| observed("a/b", value)).collect();
        store.commit(&launch(), at(), &records).unwrap();
    }
    let all = store.history(&launch(), &check, usize::MAX).unwrap();
    assert_eq!(all.len(), HISTORY);
    let newest = all[0].outcome.as_ref().unwrap().get("value").cloned();
    assert_eq!(newest, Some(launchgate_core::reading::Value::Number(1_299.0)));
    assert_eq!(store.history(&launch(), &check, 5).unwrap().len(), 5);
}

/// Days after [`at`].
fn later(days: i64) -> Timestamp {
    at() + jiff::SignedDuration::from_hours(24 * days)
}

fn values<S: Store>(store: &mut S, check: &str) -> Vec<f64> {
    let all = store.history(&launch(), &check.parse().unwrap(), usize::MAX).unwrap();
    let value = |o: &Observation| match o.outcome.as_ref().unwrap().get("value") {
        Some(launchgate_core::reading::Value::Number(number)) => *number,
        other => panic!("{other:?}"),
    };
    all.iter().map(value).collect()
}

fn what_is_too_old_goes<S: Store>(mut store: S) {
    store.commit(&launch(), at(), &[observed("a/b", 1.0)]).unwrap();
    store.commit(&launch(), later(10), &[observed("a/b", 2.0)]).unwrap();
    // Enough to come upon what is too old, however seldom a store looks.
    let more: Vec<Record> = (0..128).map(|_| observed("a/b", 3.0)).collect();
    store.commit(&launch(), later(20), &more).unwrap();
    let kept = values(&mut store, "a/b");
    assert_eq!((kept.len(), kept.last()), (129, Some(&2.0)), "the first is 20 days old");
    let memory = &store.load(&launch()).unwrap().checks[0].memory;
    assert!(memory.last.is_some(), "what is remembered of a check does not age");
}

fn pruning_takes_what_came_before<S: Store>(mut store: S) {
    for day in 0..5 {
        let seen = [observed("a/b", f64::from(day)), observed("a/c", f64::from(day))];
        store.commit(&launch(), later(day.into()), &seen).unwrap();
        store.commit(&Name::of("other"), later(day.into()), &seen[..1]).unwrap();
    }
    store.commit(&launch(), at(), &[reached(Milestone::DeployStarted)]).unwrap();
    assert_eq!(store.prune(later(3)).unwrap(), 9, "three days of three checks");
    assert_eq!(values(&mut store, "a/b"), [4.0, 3.0]);
    assert_eq!(store.prune(later(3)).unwrap(), 0);
    let saved = store.load(&launch()).unwrap();
    assert_eq!((saved.checks.len(), saved.milestones.len()), (2, 1), "the rest is for good");
}

fn launches_do_not_mix<S: Store>(mut store: S) {
    store.commit(&launch(), at(), &[reached(Milestone::Live), observed("a/b", 1.0)]).unwrap();
    assert_eq!(store.load(&Name::of("other")).unwrap(), Saved::default());
    assert_eq!(store.history(&Name::of("other"), &"a/b".parse().unwrap(), 9).unwrap(), []);
}

fn what_was_decided_is_chained<S: Store>(mut store: S, again: &impl Fn(S) -> S) {
    let turned = |status, credit| Record::Trigger {
        trigger: Name::of("errors"),
        watches: "w".into(),
        memory: Box::new(trigger::Memory { status, credit, ..Default::default() }),
    };
    let pending = |seconds| turned(trigger::Status::Pending, Duration::from_secs(seconds));
    let run = run(1);
    let commits: [(&[Record], usize); 5] = [
        (&[observed("a/b", 1.0)], 0),
        (&[reached(Milestone::DeployStarted), observed("a/b", 2.0), pending(1)], 2),
        (&[pending(2), pending(3)], 0),
        (&[turned(trigger::Status::Fired, Duration::from_secs(4))], 1),
        (&[Record::RunCreated(Box::new(run.clone())), started(&run)], 2),
    ];
    let mut heads = Vec::new();
    for (records, audited) in commits {
        store.commit(&launch(), at(), records).unwrap();
        if audited > 0 {
            heads.push(heads.last().unwrap_or(&0) + u64::try_from(audited).unwrap());
        }
    }
    let refused = [reached(Milestone::Live), started(&run)];
    store.commit(&launch(), at(), &refused).unwrap_err();
    let mut store = again(store);
    let lines = store.audit(&launch(), 0, usize::MAX).unwrap();
    let mut chain = Chain::new(launch());
    lines.iter().try_for_each(|line| chain.take(line, &|_, _| true)).unwrap();
    assert_eq!(chain.end().unwrap().seq, 5, "what was refused left nothing");
    let signed = lines.iter().filter(|line| matches!(line, Line::Head(_))).map(Line::seq);
    assert_eq!(signed.collect::<Vec<_>>(), heads, "a head per commit");
    let mut paged = Vec::new();
    for after in 0..5 {
        paged.extend(store.audit(&launch(), after, 1).unwrap());
    }
    assert_eq!(paged, lines);
    assert_eq!(store.audit(&launch(), 5, 9).unwrap(), []);
    assert_eq!(store.audit(&launch(), u64::MAX, 9).unwrap(), []);
    assert_eq!(store.audit(&Name::of("other"), 0, 9).unwrap(), []);
}

#[test]
fn the_memory_store_keeps_the_contract() {
    contract(MemoryStore::default, |store| store);
}
