//! Many triggers, many people, and what is told to them.

use super::*;
use crate::message::Delivery;
use crate::plan::Plan;
use crate::procedure::{Effect as StepEffect, OnInDoubt, Step};
use crate::trigger::{Mode, Order, Trigger};

fn told(change: impl FnOnce(&mut Plan)) -> Told {
    let mut plan = plan();
    change(&mut plan);
    let mut told = Told::new();
    told.state = State::new(Arc::new(plan));
    told
}

fn breach_for(told: &mut Told, looks: u32) -> Vec<Perform> {
    let mut performed = Vec::new();
    for _ in 0..looks {
        performed.extend(told.see_effects("health/errors", bad()));
        told.pass(Duration::from_secs(5));
    }
    performed
}

fn fire(trigger: &str) -> Event {
    Event::Fire {
        trigger: Name::try_new(trigger).unwrap(),
        person: Name::of("alice"),
        reason: "seen by eye".into(),
    }
}

#[test]
fn fifty_triggers_a_person_and_ten_retries_make_one_run() {
    let mut told = told(|plan| {
        let one = plan.triggers[0].clone();
        let name = |i| Name::try_new(&format!("t{i}")).unwrap();
        plan.triggers = (0..50).map(|i| Trigger { id: name(i), ..one.clone() }).collect();
    });
    told.reach(Milestone::DeployStarted);
    let performed = breach_for(&mut told, 14);
    assert_eq!(performed.len(), 1, "one first step");
    for _ in 0..11 {
        assert_eq!(told.try_apply(fire("t7")).unwrap_err(), Rejected::AlreadyRun(1));
    }
    assert_eq!(told.state.runs().len(), 1);
    let report = told.report();
    let run = &told.state.runs()[0].id;
    let losers =
        report.triggers.iter().filter(|t| t.because.contains(&format!("run {run} is this")));
    assert_eq!(losers.count(), 49, "the others say whose run it is");
    assert!(report.triggers.iter().all(|t| t.state == Status::Fired));
}

/// Rolls a deployment back by its trigger and ends every step.
fn roll_back(told: &mut Told) -> bool {
    told.reach(Milestone::DeployStarted);
    let mut open = breach_for(told, 14);
    let began = !open.is_empty();
    while let Some(perform) = open.pop() {
        open.extend(told.end(&perform, Ended::Succeeded));
    }
    began
}

#[test]
fn after_a_rollback_it_cools_down_and_the_third_of_a_day_takes_a_person() {
    let mut told = Told::new();
    assert!(roll_back(&mut told));
    assert!(!roll_back(&mut told), "it cools down");
    let because = told.report().triggers[0].because.clone();
    assert!(because.contains("Does not fire: a rollback has just ended"), "{because}");
    assert_eq!(told.report().triggers[0].state, Status::Pending);
    let mut later = 0;
    while told.state.runs().len() < 2 {
        breach_for(&mut told, 1);
        later += 5;
        assert!(later < 3_600, "it fires when it has cooled down");
    }
    assert!(later > 1_600, "{later}");
    let run = told.state.runs()[1].clone();
    let perform = told.state.attempt(&run.id, 0, 1).expect("a step is open");
    let mut open = told.end(&perform, Ended::Succeeded);
    while let Some(perform) = open.pop() {
        open.extend(told.end(&perform, Ended::Succeeded));
    }
    told.pass(Duration::from_secs(7_200));
    assert!(!roll_back(&mut told));
    let because = told.report().triggers[0].because.clone();
    assert!(because.contains("2 rollbacks have started by themselves within 1d"), "{because}");
    assert!(told.try_apply(fire("errors")).is_ok(), "a person may");
}

#[test]
fn a_message_is_queued_with_its_step_and_holds_nothing_up() {
    let mut told = told(|plan| {
        let announce = Step {
            id: Name::of("announce"),
            action: Name::of("notify"),
            settings: serde_json::json!({ "to": ["war-room"], "message": "back to ${previous_version}" }),
            timeout: Duration::from_secs(60),
            effect: StepEffect::Idempotent,
            critical: false,
            when: None,
            owner: None,
            on_in_doubt: OnInDoubt::Retry,
            verify: None,
            at: None,
            not_before: None,
            on_failure: None,
        };
        plan.procedures.get_mut(&Name::of("rollback")).unwrap().steps.insert(0, announce);
    });
    told.reach(Milestone::DeployStarted);
    let performed = breach_for(&mut told, 14);
    assert_eq!(performed.len(), 1);
    assert_eq!(performed[0].step.id.as_str(), "revert", "the first step that acts");
    let texts: Vec<String> = told.state.outbox().waiting().map(|m| m.text.clone()).collect();
    assert_eq!(texts.len(), 2, "the page and the announcement: {texts:?}");
    assert_eq!(texts[1], "back to unknown");
    let id = told.state.outbox().messages()[1].message.id.clone();
    let at = told.now.wall;
    assert_eq!(told.restart(), performed, "what acts is looked at, and no message is sent twice");
    assert_eq!(told.state.outbox().waiting().count(), 2);
    told.end(&performed[0], Ended::InDoubt);
    told.pass(Duration::from_secs(1));
    assert_eq!(told.state.outbox().waiting().count(), 3, "a decision is called for as well");
    told.try_apply(Event::Delivered { id: id.clone(), delivery: Delivery::Sent { at } }).unwrap();
    told.try_apply(Event::Delivered { id, delivery: Delivery::Sent { at } }).unwrap();
    assert_eq!(told.report().messages.waiting, 2);
}

#[test]
fn people_are_called_every_minute_while_messages_arrive_and_do_not_pile_up_while_not() {
    let mut told = Told::new();
    told.reach(Milestone::DeployStarted);
    let performed = breach_for(&mut told, 14);
    told.end(&performed[0], Ended::Failed);
    let calls = |told: &Told| {
        let all = told.state.outbox().messages();
        all.iter().filter(|m| m.message.subject.starts_with("decision/")).count()
    };
    for _ in 0..60 {
        told.pass(Duration::from_secs(5));
    }
    assert_eq!(calls(&told), 1, "the first one waits still");
    for _ in 0..60 {
        let waiting: Vec<String> = told.state.outbox().waiting().map(|m| m.id.clone()).collect();
        for id in waiting {
            let delivery = Delivery::Sent { at: told.now.wall };
            told.try_apply(Event::Delivered { id, delivery }).unwrap();
        }
        told.pass(Duration::from_secs(5));
    }
    assert!((5..=7).contains(&calls(&told)), "{}", calls(&told));
    let (before, run) = (calls(&told), told.state.runs()[0].id.clone());
    let abort = Event::Decided {
        run,
        step: 0,
        choice: Choice::Abort,
        person: Name::of("alice"),
        reason: "by hand".into(),
    };
    told.try_apply(abort).unwrap();
    for _ in 0..60 {
        told.pass(Duration::from_secs(5));
    }
    assert_eq!(calls(&told), before, "nobody is called about a run that is over");
}

#[test]
fn a_suggestion_is_declined_by_its_role_and_by_nobody_else() {
    let mut told = told(|plan| plan.triggers[0].mode = Mode::Suggest);
    told.reach(Milestone::DeployStarted);
    assert!(breach_for(&mut told, 14).is_empty());
    assert_eq!(told.verdict().0, Verdict::NoGo);
    told.pass(Duration::from_secs(100_000));
    assert!(told.state.runs().is_empty(), "no deadline acts");
    let order = |person: &'static str| Event::Ordered {
        trigger: Name::of("errors"),
        person: Name::of(person),
        order: Order::Decline { reason: "a known blip".into() },
    };
    assert!(matches!(told.try_apply(order("carol")), Err(Rejected::NoAuthority(_))));
    told.try_apply(order("alice")).unwrap();
    assert!(
        told.report().alarms.iter().all(|a| !a.contains("asks for")),
        "{:?}",
        told.report().alarms
    );
}
