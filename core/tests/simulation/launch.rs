//! The launch that is simulated: three gates, three triggers on two checks, one rollback of eight steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use launchgate_core::check::{Check, Level, Question};
use launchgate_core::expectation::Expectation;
use launchgate_core::gate::{Checklist, Gates};
use launchgate_core::milestone::Milestone;
use launchgate_core::name::Name;
use launchgate_core::plan::Plan;
use launchgate_core::procedure::{Effect, OnInDoubt, Procedure, Step};
use launchgate_core::reading::{ReadingSpec, ReadingType, Unit};
use launchgate_core::trigger::{OnUnknown, Trigger};

/// The checks; the triggers watch the first two, the others gate.
pub(crate) const CHECKS: [&str; 4] =
    ["health/errors", "health/latency", "infra/dns", "watch/orders"];
/// Which check each trigger watches.
pub(crate) const WATCHED: [usize; 3] = [0, 0, 1];
/// How often each check looks, in seconds.
pub(crate) const EVERY: [u64; 4] = [30, 30, 120, 120];
/// How long an observation counts, in seconds.
pub(crate) const FRESH_FOR: u64 = 300;
/// How long each trigger's breach must last, in seconds.
pub(crate) const LASTS: [u64; 3] = [300, 150, 300];

fn expectation(text: &str) -> Expectation {
    let specs = [ReadingSpec::new("value", ReadingType::Number(Unit::Percent), "")];
    Expectation::compile(text, &specs).unwrap()
}

fn check(place: usize) -> Check {
    Check {
        path: CHECKS[place].parse().unwrap(),
        title: CHECKS[place].to_owned(),
        level: Level::Required,
        question: Question::Probe {
            kind: Name::of("prometheus"),
            settings: serde_json::Value::Null,
        },
        from: None,
        expect: vec![expectation("value < 5%")],
        warn: Vec::new(),
        every: Duration::from_secs(EVERY[place]),
        timeout: Duration::from_secs(10),
        fresh_for: Duration::from_secs(FRESH_FOR),
        fail_after: 1,
        pass_after: 1,
    }
}

fn checklist(id: &'static str, gates: Gates, checks: Vec<Check>) -> Checklist {
    let (due, hash) = ("H+1h".parse().unwrap(), "hash".to_owned());
    Checklist { id: Name::of(id), title: id.to_owned(), owner: None, due, gates, checks, hash }
}

fn step(id: &'static str, action: &'static str, effect: Effect, critical: bool) -> Step {
    let settings = match action {
        "notify" => serde_json::json!({ "to": ["war-room"], "message": "rolling back" }),
        "wait" => serde_json::json!({ "checks": [CHECKS[0]] }),
        _ => serde_json::Value::Null,
    };
    Step {
        id: Name::of(id),
        action: Name::of(action),
        settings,
        timeout: Duration::from_secs(120),
        effect,
        critical,
        when: (id == "down").then_some(Milestone::MigrationDone),
        owner: None,
        on_in_doubt: if effect == Effect::Once { OnInDoubt::Ask } else { OnInDoubt::Retry },
        verify: None,
        at: None,
        not_before: None,
        on_failure: None,
    }
}

fn triggers() -> Vec<Trigger> {
    let ids = ["errors", "spike", "latency"];
    let triggers = ids.into_iter().zip(WATCHED).zip(LASTS).map(|((id, check), lasts)| {
        let mut trigger = Trigger::new(
            Name::of(id),
            CHECKS[check].parse().unwrap(),
            expectation("value > 5%"),
            Duration::from_secs(lasts),
            Duration::from_secs(EVERY[check]),
        );
        trigger.arm_delay = Duration::ZERO;
        trigger.cooldown = Duration::from_secs(600);
        trigger.preexisting_may_fire = id != "spike";
        trigger.on_unknown = if id == "latency" { OnUnknown::Reset } else { OnUnknown::Hold };
        trigger
    });
    triggers.collect()
}

pub(crate) fn plan() -> Arc<Plan> {
    let steps = vec![
        step("announce", "notify", Effect::Idempotent, false),
        step("freeze", "exec", Effect::Idempotent, false),
        step("drain", "http", Effect::Idempotent, true),
        step("revert", "exec", Effect::Once, true),
        step("down", "exec", Effect::Once, true),
        step("warm", "exec", Effect::Idempotent, true),
        step("confirm", "manual", Effect::Once, true),
        step("healthy", "wait", Effect::Read, true),
    ];
    let rollback = Procedure {
        id: Name::of("rollback"),
        purpose: launchgate_core::procedure::Purpose::Rollback,
        steps,
    };
    Arc::new(Plan {
        launch: Name::of("shop"),
        target: Name::of("shop"),
        title: "Shop".into(),
        kind: None,
        version: "2.0".into(),
        previous_version: Some("1.9".into()),
        go_live: "2026-12-01T09:00:00+00:00[UTC]".parse().unwrap(),
        window: None,
        people: [(Name::of("incident_commander"), vec![Name::of("alice")])].into(),
        links: BTreeMap::default(),
        checklists: vec![
            checklist("health", Gates::Live, vec![check(0), check(1)]),
            checklist("infra", Gates::Launch, vec![check(2)]),
            checklist("watch", Gates::Watch, vec![check(3)]),
        ],
        triggers: triggers(),
        procedures: [(rollback.id.clone(), rollback)].into(),
        channels: BTreeMap::default(),
        page: vec![Name::of("war-room")],
        watch: Vec::new(),
        waivers: launchgate_core::waiver::WaiverRule::default(),
        announcements: Vec::new(),
        contacts: BTreeMap::default(),
        escalations: BTreeMap::default(),
        hash: "hash".into(),
    })
}
