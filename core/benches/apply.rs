//! What one event and one report cost when a launch has 10,000 checks.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use launchgate_core::check::{Check, Level, Question};
use launchgate_core::expectation::Expectation;
use launchgate_core::gate::{Checklist, Gates};
use launchgate_core::name::Name;
use launchgate_core::observation::Observation;
use launchgate_core::plan::Plan;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::state::{Event, State};
use launchgate_core::time::Moment;

const LISTS: usize = 100;
const CHECKS: usize = 100;

fn check(list: usize, check: usize) -> Check {
    let specs = [ReadingSpec::new("value", ReadingType::Number(Unit::Percent), "")];
    Check {
        path: format!("l{list}/c{check}").parse().expect("a path"),
        title: "Error rate".into(),
        level: Level::Required,
        question: Question::Probe { kind: Name::of("metrics"), settings: serde_json::Value::Null },
        from: None,
        expect: vec![Expectation::compile("value < 5%", &specs).expect("an expectation")],
        warn: Vec::new(),
        every: Duration::from_secs(30),
        timeout: Duration::from_secs(10),
        fresh_for: Duration::from_secs(90),
        fail_after: 1,
        pass_after: 1,
    }
}

fn plan() -> Plan {
    let checklists = (0..LISTS).map(|list| Checklist {
        id: format!("l{list}").parse().expect("a name"),
        title: "List".into(),
        owner: None,
        due: "T-1d".parse().expect("a due time"),
        gates: Gates::Launch,
        checks: (0..CHECKS).map(|i| check(list, i)).collect(),
        hash: "hash".into(),
    });
    Plan {
        launch: Name::of("big"),
        target: Name::of("big"),
        title: "Big".into(),
        kind: None,
        version: "1".into(),
        previous_version: None,
        go_live: "2026-12-01T09:00:00+00:00[UTC]".parse().expect("a time"),
        window: None,
        people: std::collections::BTreeMap::new(),
        links: std::collections::BTreeMap::new(),
        checklists: checklists.collect(),
        triggers: Vec::new(),
        procedures: std::collections::BTreeMap::new(),
        channels: std::collections::BTreeMap::new(),
        page: Vec::new(),
        watch: Vec::new(),
        waivers: launchgate_core::waiver::WaiverRule::default(),
        announcements: Vec::new(),
        contacts: std::collections::BTreeMap::new(),
        escalations: std::collections::BTreeMap::new(),
        hash: "hash".into(),
    }
}

fn benches(c: &mut Criterion) {
    let mut state = State::new(Arc::new(plan()));
    let mut now = Moment::at("2026-11-23T09:00:00Z".parse().expect("a time"));
    let mut turn = 0;
    let mut observe = |state: &mut State, step: Duration| {
        now = now.plus(step);
        turn = (turn + 1) % (LISTS * CHECKS);
        let path = format!("l{}/c{}", turn / CHECKS, turn % CHECKS).parse().expect("a path");
        let outcome = Ok(Readings::new().number("value", 0.5));
        let observation = Observation { at: now, took: Duration::from_millis(3), outcome };
        state.apply(Event::Observed { check: path, observation }, now).expect("the check is there")
    };
    for _ in 0..LISTS * CHECKS {
        observe(&mut state, Duration::from_micros(10));
    }
    c.bench_function("apply one observation, 10,000 checks", |b| {
        b.iter(|| black_box(observe(&mut state, Duration::from_nanos(1))));
    });
    let at = Moment::at("2026-11-23T09:00:01Z".parse().expect("a time"));
    c.bench_function("report, 10,000 checks, one changed", |b| {
        b.iter(|| {
            observe(&mut state, Duration::from_nanos(1));
            black_box(state.report(at))
        });
    });
}

criterion_group!(apply, benches);
criterion_main!(apply);
