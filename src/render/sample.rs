//! A launch in the states that renderers and the page must show, made by the core from a launch file and from events.

use std::time::Duration;

use launchgate_core::attestation::Decision;
use launchgate_core::milestone::Milestone;
use launchgate_core::name::Name;
use launchgate_core::observation::{Cause, Failure, Observation};
use launchgate_core::reading::Readings;
use launchgate_core::report::Report;
use launchgate_core::run::Ended;
use launchgate_core::state::{Effect, Event, Perform, Rejected, State};
use launchgate_core::time::Moment;
use launchgate_probes::builtin;

use crate::settings::launch::compile_text;

const LAUNCH: &str = include_str!("sample.yaml");
/// What somebody who can make a probe say something would make it say.
pub(crate) const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{7f}\u{9b}2J<img src=x onerror=alert(1)> `a` | b\r\n@channel \u{202e}txt.exe";

/// The launch and its clock.
#[derive(Clone)]
pub(crate) struct Sample {
    state: State,
    now: Moment,
    performs: Vec<Perform>,
}

impl Sample {
    fn new() -> Self {
        Self::of(LAUNCH)
    }

    /// A launch of this text, four days and three hours before the sample's go-live.
    pub(crate) fn of(text: &str) -> Self {
        let compiled = compile_text("sample.yaml", text, ".".into(), &builtin());
        let plan = compiled.unwrap_or_else(|problems| panic!("{problems}")).plan;
        let now = Moment::at("2026-11-27T06:00:00Z".parse().expect("a time"));
        Self { state: State::new(plan), now, performs: Vec::new() }
    }

    /// Four days before go-live: something of every outcome, and NO-GO.
    pub(crate) fn preparing() -> Self {
        let mut sample = Self::new();
        sample.see("database/space", Ok(Readings::new().number("value", 41.5)));
        sample.pass(Duration::from_secs(3_600));
        let answers = Readings::new()
            .texts("answers", ["203.0.113.10"])
            .number("agreement", 100.0)
            .time("ttl", Duration::from_secs(1_800))
            .part("9.9.9.9:53", "203.0.113.10", false)
            .part(HOSTILE, HOSTILE, true);
        sample.see("dns/apex", Ok(answers.clone()));
        sample.see("dns/low-ttl", Ok(answers));
        sample.see("database/lag", Ok(Readings::new().time("value", Duration::from_millis(4_200))));
        sample.see("database/cost", Ok(Readings::new().number("value", 120.0)));
        sample.see("health/error-rate", Err(Failure::new(Cause::Refused, HOSTILE)));
        sample.apply(Event::SignedOff {
            check: "people/terms".parse().expect("a path"),
            person: Name::of("carol"),
            decision: Decision::Approved,
            evidence: Some("https://wiki.example/terms?v=4&x=\"y\"".to_owned()),
            note: Some(HOSTILE.to_owned()),
            values: std::collections::BTreeMap::new(),
        });
        sample.pass(Duration::from_secs(12));
        sample
    }

    /// Deployed; one trigger has been in breach for two minutes, the other is blind, and the launch file is broken.
    pub(crate) fn pending() -> Self {
        let mut sample = Self::preparing();
        sample.reach(Milestone::DeployStarted);
        sample.breach(9);
        let problem = format!("launch.yaml:3:1: error: unknown key `{HOSTILE}`");
        sample.apply(Event::ReloadFailed { problem });
        sample
    }

    /// The trigger fired, and the first step of the rollback failed.
    pub(crate) fn needs_decision() -> Self {
        let mut sample = Self::preparing();
        sample.reach(Milestone::DeployStarted);
        sample.breach(21);
        sample.end(Ended::Failed, &format!("exit status 3: {HOSTILE}"));
        sample
    }

    /// The rollback went on to the step that a person does.
    pub(crate) fn waits_for_hands() -> Self {
        let mut sample = Self::preparing();
        sample.reach(Milestone::DeployStarted);
        sample.breach(21);
        sample.end(Ended::Succeeded, "2.3.7 is live");
        sample
    }

    /// Every fifteen seconds an error rate of 7 %, and nothing of the latency.
    fn breach(&mut self, samples: usize) {
        for _ in 0..samples {
            self.pass(Duration::from_secs(15));
            self.see("health/error-rate", Ok(Readings::new().number("value", 7.0)));
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.apply(Event::Tick);
    }

    fn see(&mut self, check: &str, outcome: Result<Readings, Failure>) {
        let observation = Observation { at: self.now, took: Duration::from_millis(20), outcome };
        self.apply(Event::Observed { check: check.parse().expect("a path"), observation });
    }

    pub(crate) fn reach(&mut self, milestone: Milestone) {
        self.apply(Event::Milestone { milestone, by: "alice".to_owned() });
    }

    fn end(&mut self, how: Ended, evidence: &str) {
        let perform = self.performs.pop().expect("a step is under way");
        self.apply(Event::StepEnded {
            run: perform.run,
            step: perform.index,
            attempt: perform.attempt,
            how,
            evidence: evidence.to_owned(),
        });
    }

    pub(crate) fn apply(&mut self, event: Event) {
        self.order(event).expect("the launch takes it");
    }

    /// Something that the launch may refuse.
    pub(crate) fn order(&mut self, event: Event) -> Result<(), Rejected> {
        let effects = self.state.apply(event, self.now)?;
        self.performs.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Perform(perform) => Some(*perform),
            Effect::Persist(_)
            | Effect::Send(_)
            | Effect::LookBack { .. }
            | Effect::LookAgain(_)
            | Effect::Rehearse { .. }
            | Effect::LookAt(_) => None,
        }));
        Ok(())
    }

    /// The report of the moment.
    pub(crate) fn report(&mut self) -> Report {
        self.state.report(self.now)
    }
}
