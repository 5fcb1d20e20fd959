//! A small launch, and a way to tell what happens to it.

use super::*;
use crate::attestation::{Decision, SignOffRule};
use crate::check::Question;
use crate::check::{Check, Level};
use crate::expectation::Expectation;
use crate::gate::{Checklist, Gates, Verdict};
use crate::observation::{Cause, Failure};
use crate::procedure::{Effect as StepEffect, OnInDoubt, Procedure, Step};
use crate::reading::{ReadingSpec, ReadingType, Readings, Unit};
use crate::report::Report;
use crate::trigger::Trigger;

pub(super) fn good() -> Result<Readings, Failure> {
    Ok(Readings::new().number("value", 1.0))
}

pub(super) fn bad() -> Result<Readings, Failure> {
    Ok(Readings::new().number("value", 9.0))
}

pub(super) fn blind() -> Result<Readings, Failure> {
    Err(Failure::new(Cause::Refused, "the source refused the connection"))
}

fn expectation(text: &str) -> Expectation {
    let specs = [ReadingSpec::new("value", ReadingType::Number(Unit::Percent), "")];
    Expectation::compile(text, &specs).unwrap()
}

fn probed(path: &str) -> Check {
    Check {
        path: path.parse().unwrap(),
        title: path.to_owned(),
        level: Level::Required,
        question: Question::Probe {
            kind: Name::of("prometheus"),
            settings: serde_json::Value::Null,
        },
        from: None,
        expect: vec![expectation("value < 5%")],
        warn: Vec::new(),
        every: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        fresh_for: Duration::from_secs(30),
        fail_after: 1,
        pass_after: 1,
    }
}

fn signed(path: &str) -> Check {
    let rule = SignOffRule {
        by: Name::of("legal"),
        quorum: 1,
        evidence_required: false,
        valid_for: None,
        covers: crate::attestation::Covers::default(),
        record: Vec::new(),
        apart_from: Vec::new(),
    };
    Check { question: Question::SignOff(rule), expect: Vec::new(), ..probed(path) }
}

fn checklist(id: &'static str, due: &str, gates: Gates, checks: Vec<Check>) -> Checklist {
    let due = due.parse().unwrap();
    let hash = "hash".to_owned();
    Checklist { id: Name::of(id), title: id.to_owned(), owner: None, due, gates, checks, hash }
}

pub(super) fn step(id: &'static str, action: &'static str, settings: serde_json::Value) -> Step {
    Step {
        id: Name::of(id),
        action: Name::of(action),
        settings,
        timeout: Duration::from_secs(60),
        effect: if action == "exec" { StepEffect::Once } else { StepEffect::Read },
        critical: true,
        when: (id == "down").then_some(Milestone::MigrationDone),
        owner: None,
        on_in_doubt: OnInDoubt::Ask,
        verify: None,
        at: None,
        not_before: None,
        on_failure: None,
    }
}

/// Two checks and a signature before the launch, one check after it, one trigger, one rollback of three steps.
pub(crate) fn plan() -> Plan {
    let (minute, often) = (Duration::from_secs(60), Duration::from_secs(5));
    let breach = expectation("value > 5%");
    let watched = "health/errors".parse().unwrap();
    let mut trigger = Trigger::new(Name::of("errors"), watched, breach, minute, often);
    trigger.max_gap = Duration::from_secs(11);
    let steps = vec![
        step("revert", "exec", serde_json::Value::Null),
        step("down", "exec", serde_json::Value::Null),
        step("healthy", "wait", serde_json::json!({ "checks": ["health/errors"] })),
    ];
    let rollback =
        Procedure { id: Name::of("rollback"), purpose: crate::procedure::Purpose::Rollback, steps };
    let people = [("incident_commander", "alice"), ("legal", "carol")];
    Plan {
        launch: Name::of("shop"),
        target: Name::of("shop"),
        title: "Shop".into(),
        kind: None,
        version: "2.0".into(),
        previous_version: None,
        go_live: "2026-12-01T09:00:00+00:00[Europe/London]".parse().unwrap(),
        window: None,
        people: people.map(|(role, who)| (Name::of(role), vec![Name::of(who)])).into(),
        links: BTreeMap::default(),
        checklists: vec![
            checklist(
                "infra",
                "T-7d",
                Gates::Launch,
                vec![probed("infra/dns"), probed("infra/tls")],
            ),
            checklist("people", "T-1h", Gates::Launch, vec![signed("people/terms")]),
            checklist("health", "H+1h", Gates::Live, vec![probed("health/errors")]),
        ],
        triggers: vec![trigger],
        procedures: [(rollback.id.clone(), rollback)].into(),
        channels: BTreeMap::default(),
        page: vec![Name::of("war-room")],
        watch: Vec::new(),
        waivers: crate::waiver::WaiverRule::default(),
        announcements: Vec::new(),
        contacts: BTreeMap::default(),
        escalations: BTreeMap::default(),
        hash: "hash".into(),
    }
}

/// A state, its clock, and all that it asked to be kept.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) state: State,
    pub(super) now: Moment,
    pub(super) kept: Vec<Record>,
}

impl Told {
    pub(super) fn new() -> Self {
        let now = Moment::at("2026-11-30T09:00:00Z".parse().unwrap());
        Self { state: State::new(Arc::new(plan())), now, kept: Vec::new() }
    }

    pub(super) fn try_apply(&mut self, event: Event) -> Result<Vec<Effect>, Rejected> {
        let effects = self.state.apply(event, self.now)?;
        self.kept.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Persist(record) => Some(record.clone()),
            Effect::Perform(_)
            | Effect::Send(_)
            | Effect::LookBack { .. }
            | Effect::LookAgain(_)
            | Effect::Rehearse { .. }
            | Effect::LookAt(_) => None,
        }));
        Ok(effects)
    }

    fn performs(&mut self, event: Event) -> Vec<Perform> {
        let effects = self.try_apply(event).expect("the state takes it");
        let performs = effects.into_iter().filter_map(|effect| match effect {
            Effect::Perform(perform) => Some(*perform),
            Effect::Persist(_)
            | Effect::Send(_)
            | Effect::LookBack { .. }
            | Effect::LookAgain(_)
            | Effect::Rehearse { .. }
            | Effect::LookAt(_) => None,
        });
        performs.collect()
    }

    pub(super) fn observation(&self, outcome: Result<Readings, Failure>) -> Observation {
        Observation { at: self.now, took: Duration::ZERO, outcome }
    }

    pub(super) fn see_effects(
        &mut self,
        check: &str,
        outcome: Result<Readings, Failure>,
    ) -> Vec<Perform> {
        let observation = self.observation(outcome);
        self.performs(Event::Observed { check: check.parse().unwrap(), observation })
    }

    pub(super) fn see(&mut self, check: &str, outcome: Result<Readings, Failure>) -> &mut Self {
        self.see_effects(check, outcome);
        self
    }

    pub(super) fn pass(&mut self, time: Duration) -> &mut Self {
        self.now = self.now.plus(time);
        self.performs(Event::Tick);
        self
    }

    pub(super) fn sign_off(person: &'static str) -> Event {
        Event::SignedOff {
            check: "people/terms".parse().unwrap(),
            person: Name::of(person),
            decision: Decision::Approved,
            evidence: None,
            values: BTreeMap::default(),
            note: None,
        }
    }

    pub(super) fn sign(&mut self, person: &'static str) -> &mut Self {
        let event = Self::sign_off(person);
        self.performs(event);
        self
    }

    pub(super) fn reach(&mut self, milestone: Milestone) -> &mut Self {
        self.performs(Event::Milestone { milestone, by: "alice".into() });
        self
    }

    pub(super) fn end(&mut self, perform: &Perform, how: Ended) -> Vec<Perform> {
        self.performs(Event::StepEnded {
            run: perform.run.clone(),
            step: perform.index,
            attempt: perform.attempt,
            how,
            evidence: String::new(),
        })
    }

    /// A state from nothing but what was kept.
    pub(super) fn restored(&self) -> State {
        let mut saved = Saved::default();
        for record in self.kept.iter().cloned() {
            saved.keep(record).expect("what was kept in order can be folded");
        }
        State::restore(Arc::clone(self.state.plan()), saved)
    }

    /// Comes up again from what was kept. Gives the attempts that are to be looked at.
    pub(super) fn restart(&mut self) -> Vec<Perform> {
        self.state = self.restored();
        let effects = self.try_apply(Event::Restarted).expect("the state takes it");
        let looks = effects.into_iter().filter_map(|effect| match effect {
            Effect::LookAt(perform) => Some(*perform),
            Effect::Perform(_) | Effect::Persist(_) => None,
            Effect::Send(_)
            | Effect::LookBack { .. }
            | Effect::LookAgain(_)
            | Effect::Rehearse { .. } => None,
        });
        looks.collect()
    }

    pub(super) fn report(&mut self) -> Report {
        self.state.report(self.now)
    }

    pub(super) fn verdict(&mut self) -> (Verdict, &'static str) {
        let report = self.report();
        let question = ["May we launch?", "May we declare success?", "Is it still healthy?"]
            .into_iter()
            .find(|q| *q == report.question);
        (report.verdict, question.unwrap_or("another"))
    }
}
