//! A run: one execution of a procedure. Its status is a fold over its events, and what to do next follows from both.
//!
//! Before anything is done the start of the attempt is on record; an attempt found started after a crash is not
//! repeated by guess. We promise at most one start per attempt, never a silent retry.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::milestone::Milestone;
use crate::name::Name;
use crate::procedure::{Effect, Procedure, Step};
use crate::reading::cut;

/// How often a step in doubt is begun before a person is asked, so that a step that kills the daemon ends somewhere.
const MAX_ATTEMPTS: u32 = 3;

/// A run's name: the same launch, deployment and procedure always give the same, so a second one cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl RunId {
    /// The only run that a deployment of a launch may have of its rollback.
    pub fn of(launch: &Name, generation: u32) -> Self {
        let digest = Sha256::digest(format!("{launch}\u{0}{generation}").as_bytes());
        let head = digest.iter().take(6).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
        Self(format!("{launch}-{generation}-{head:012x}"))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How an attempt at a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It did what it should.
    Succeeded,
    /// It said that it failed.
    Failed,
    /// It did not end in time and was stopped.
    TimedOut,
    /// There is no telling whether it acted.
    InDoubt,
}

/// What happened to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// An attempt at a step begins; on record before anything is done.
    StepStarted {
        /// The step, counted from 0.
        step: usize,
        /// The attempt, counted from 1.
        attempt: u32,
        /// When.
        at: Timestamp,
    },
    /// The attempt ended.
    StepEnded {
        /// The step.
        step: usize,
        /// The attempt.
        attempt: u32,
        /// How.
        how: Ended,
        /// Output or reason, cut.
        evidence: String,
        /// When.
        at: Timestamp,
    },
    /// The step is left out.
    StepSkipped {
        /// The step.
        step: usize,
        /// Why.
        because: String,
        /// When.
        at: Timestamp,
    },
    /// A person decided about a step that stands in doubt or failed.
    Decided {
        /// The step.
        step: usize,
        /// What.
        decision: Choice,
        /// Who.
        person: Name,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The run is over.
    Finished {
        /// How.
        status: RunStatus,
        /// When.
        at: Timestamp,
    },
}

/// What a person may decide about a step that needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Try it again.
    Retry,
    /// It was seen to have worked.
    MarkSucceeded,
    /// Stop the run.
    Abort,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Steps are being taken.
    Running,
    /// A person must decide before it goes on.
    NeedsDecision,
    /// Every step succeeded or was skipped, and one of them waited until checks were seen to pass.
    Verified,
    /// Every step succeeded or was skipped, and none of them looked at the system afterwards.
    Unverified,
    /// It ended, and a step that is not critical, and no message, failed on the way.
    EndedWithFailures,
    /// A person stopped it.
    Aborted,
}

impl RunStatus {
    /// The words on every surface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::NeedsDecision => "needs decision",
            Self::Verified => "rolled back and verified",
            Self::Unverified => "rolled back, not verified",
            Self::EndedWithFailures => "rolled back, not healthy",
            Self::Aborted => "aborted",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Verified | Self::Unverified | Self::EndedWithFailures | Self::Aborted)
    }
}

/// Where one step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Planned,
    /// An attempt is under way.
    Started {
        /// The attempt.
        attempt: u32,
        /// Since when.
        at: Timestamp,
    },
    /// The last attempt ended.
    Ended {
        /// The attempt.
        attempt: u32,
        /// How.
        how: Ended,
        /// Output or reason.
        evidence: String,
        /// When.
        at: Timestamp,
    },
    /// Left out.
    Skipped {
        /// Why.
        because: String,
    },
    /// A person wants another attempt.
    Again {
        /// The attempt that it will be.
        attempt: u32,
    },
}

/// One execution of a procedure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The name.
    pub id: RunId,
    /// The launch.
    pub launch: Name,
    /// The deployment, counted from 1.
    pub generation: u32,
    /// The procedure as it was when the run began.
    pub procedure: Procedure,
    /// What called for it, in words.
    pub cause: String,
    /// When.
    pub at: Timestamp,
    /// Where each step stands.
    pub steps: Vec<StepState>,
    /// How the run stands.
    pub status: RunStatus,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Begin an attempt at a step.
    Start {
        /// The step.
        step: usize,
        /// The attempt.
        attempt: u32,
    },
    /// Leave a step out.
    Skip {
        /// The step.
        step: usize,
        /// Why.
        because: String,
    },
    /// Nothing until an attempt ends or a person decides.
    Wait,
    /// End the run.
    Finish(RunStatus),
}

/// An event that does not fit the run's state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event does not fit: {0}")]
pub struct IllegalEvent(pub String);

impl Run {
    /// A new run of a procedure; nothing has been done.
    pub fn new(
        launch: Name,
        generation: u32,
        procedure: Procedure,
        cause: String,
        at: Timestamp,
    ) -> Self {
        Self {
            id: RunId::of(&launch, generation),
            launch,
            generation,
            steps: vec![StepState::Planned; procedure.steps.len()],
            procedure,
            cause,
            at,
            status: RunStatus::Running,
        }
    }

    /// Folds an event in.
    ///
    /// # Errors
    /// An event that cannot follow the state; the run is unchanged.
    pub fn apply(&mut self, event: &RunEvent) -> Result<(), IllegalEvent> {
        if self.status.is_final() {
            return Err(self.illegal("the run is over"));
        }
        match event {
            RunEvent::StepStarted { step, attempt, at } => {
                if !self.may_start(*step, *attempt) {
                    return Err(self.illegal("a step cannot start twice"));
                }
                self.steps[*step] = StepState::Started { attempt: *attempt, at: *at };
            }
            RunEvent::StepEnded { step, attempt, how, evidence, at } => {
                match self.steps.get(*step) {
                    Some(StepState::Started { attempt: open, .. }) if open == attempt => {}
                    _ => return Err(self.illegal("an attempt ended that was not open")),
                }
                let evidence = cut(evidence.clone());
                self.steps[*step] =
                    StepState::Ended { attempt: *attempt, how: *how, evidence, at: *at };
            }
            RunEvent::StepSkipped { step, because, .. } => match self.steps.get_mut(*step) {
                Some(state @ StepState::Planned) => {
                    *state = StepState::Skipped { because: because.clone() };
                }
                _ => return Err(self.illegal("only a planned step can be skipped")),
            },
            RunEvent::Decided { step, decision, person, reason, at } => {
                self.decide(*step, *decision, person, reason, *at)?;
            }
            RunEvent::Finished { status, .. } => {
                self.status = *status;
                return Ok(());
            }
        }
        if self.status != RunStatus::Aborted {
            let asks = self.asking().is_some();
            self.status = if asks { RunStatus::NeedsDecision } else { RunStatus::Running };
        }
        Ok(())
    }

    fn illegal(&self, what: &str) -> IllegalEvent {
        IllegalEvent(format!("{what} in run {}", self.id))
    }

    fn may_start(&self, step: usize, attempt: u32) -> bool {
        match (self.steps.get(step), self.procedure.steps.get(step)) {
            (Some(StepState::Planned), _) => attempt == 1,
            (Some(StepState::Again { attempt: next }), _) => attempt == *next,
            (Some(state), Some(step)) => repeats(state, step).is_some_and(|again| again == attempt),
            (None, _) | (_, None) => false,
        }
    }

    fn decide(
        &mut self,
        step: usize,
        decision: Choice,
        person: &Name,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), IllegalEvent> {
        if self.asking() != Some(step) {
            return Err(self.illegal(&format!("step {step} asks for no decision")));
        }
        let (attempt, open) = match self.steps[step] {
            StepState::Started { attempt, .. } => (attempt, true),
            StepState::Ended { attempt, .. } => (attempt, false),
            _ => return Err(self.illegal("a step that has not begun asks for no decision")),
        };
        match decision {
            Choice::Retry if open => {
                return Err(self.illegal("a step under way cannot be tried again"));
            }
            Choice::Retry => self.steps[step] = StepState::Again { attempt: attempt + 1 },
            Choice::MarkSucceeded => {
                let evidence = cut(format!("marked as succeeded by {person}: {reason}"));
                self.steps[step] =
                    StepState::Ended { attempt, how: Ended::Succeeded, evidence, at };
            }
            Choice::Abort => self.status = RunStatus::Aborted,
        }
        Ok(())
    }

    /// The step that waits for a person: a `manual` one under way, a critical one that did not succeed, or one in doubt
    /// that must not be repeated by guess.
    pub fn asking(&self) -> Option<usize> {
        self.steps.iter().zip(&self.procedure.steps).position(|(state, step)| match state {
            StepState::Started { .. } => step.is_manual(),
            StepState::Ended { how: Ended::Succeeded, .. } => false,
            StepState::Ended { how: Ended::InDoubt, .. } => {
                repeats(state, step).is_none() && (step.critical || step.effect == Effect::Once)
            }
            StepState::Ended { .. } => step.critical,
            StepState::Planned | StepState::Skipped { .. } | StepState::Again { .. } => false,
        })
    }

    /// Whether an attempt is under way that is not a person's.
    pub fn is_acting(&self) -> bool {
        let pairs = self.steps.iter().zip(&self.procedure.steps);
        pairs
            .into_iter()
            .any(|(state, step)| matches!(state, StepState::Started { .. }) && !step.is_manual())
    }

    /// What is to be done next, given the milestones reached.
    pub fn next(&self, reached: impl Fn(Milestone) -> bool) -> Next {
        if self.status.is_final() || self.asking().is_some() {
            return Next::Wait;
        }
        let mut failures = false;
        for (index, (state, step)) in self.steps.iter().zip(&self.procedure.steps).enumerate() {
            if let Some(attempt) = repeats(state, step) {
                return Next::Start { step: index, attempt };
            }
            match state {
                StepState::Started { .. } => return Next::Wait,
                StepState::Again { attempt } => {
                    return Next::Start { step: index, attempt: *attempt };
                }
                StepState::Planned => return Self::begin(index, step, reached),
                // A message that did not arrive says nothing about the system.
                StepState::Ended { how, .. } => {
                    failures |= *how != Ended::Succeeded && !step.is_message();
                }
                StepState::Skipped { .. } => {}
            }
        }
        Next::Finish(match (failures, self.was_verified()) {
            (true, _) => RunStatus::EndedWithFailures,
            (false, true) => RunStatus::Verified,
            (false, false) => RunStatus::Unverified,
        })
    }

    /// Whether a step looked at the system after the change and found it healthy: a `wait` for checks that succeeded.
    fn was_verified(&self) -> bool {
        self.steps.iter().zip(&self.procedure.steps).any(|(state, step)| {
            step.looks_at_checks()
                && matches!(state, StepState::Ended { how: Ended::Succeeded, .. })
        })
    }

    fn begin(index: usize, step: &Step, reached: impl Fn(Milestone) -> bool) -> Next {
        match step.when {
            Some(milestone) if !reached(milestone) => {
                Next::Skip { step: index, because: format!("{milestone} was not reached") }
            }
            Some(_) | None => Next::Start { step: index, attempt: 1 },
        }
    }

    /// The attempts that were under way when the daemon died: each ends in doubt. A `manual` step stays open, since it
    /// is a person that acts.
    pub fn after_crash(&self, at: Timestamp) -> Vec<RunEvent> {
        let open = self.steps.iter().zip(&self.procedure.steps).enumerate();
        open.filter_map(|(index, (state, step))| match state {
            StepState::Started { attempt, .. } if !step.is_manual() => Some(RunEvent::StepEnded {
                step: index,
                attempt: *attempt,
                how: Ended::InDoubt,
                evidence: format!(
                    "the daemon stopped while `{}` was under way; whether it acted is not known",
                    step.id
                ),
                at,
            }),
            _ => None,
        })
        .collect()
    }
}

/// The attempt that follows one in doubt, for a step that may be repeated; none when a person must decide.
fn repeats(state: &StepState, step: &Step) -> Option<u32> {
    match state {
        StepState::Ended { attempt, how: Ended::InDoubt, .. }
            if step.effect != Effect::Once && *attempt < MAX_ATTEMPTS =>
        {
            Some(attempt + 1)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
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
        let procedure = Procedure { id: Name::of("rollback"), steps };
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
                    run.apply(&RunEvent::StepEnded {
                        step,
                        attempt,
                        how,
                        evidence: String::new(),
                        at,
                    })
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
        run.apply(&RunEvent::Decided { step: 1, decision: Choice::Retry, person, reason, at })
            .unwrap();
        assert_eq!(run.next(|_| true), Next::Start { step: 1, attempt: 2 });
    }

    #[test]
    fn a_crash_leaves_the_open_attempt_in_doubt() {
        let (mut run, at) = (run(), Timestamp::UNIX_EPOCH);
        run.apply(&RunEvent::StepStarted { step: 0, attempt: 1, at }).unwrap();
        assert!(run.apply(&RunEvent::StepStarted { step: 0, attempt: 1, at }).is_err());
        for event in run.after_crash(at) {
            run.apply(&event).unwrap();
        }
        assert_eq!(run.asking(), None, "an announcement may be repeated");
        assert_eq!(run.next(|_| false), Next::Start { step: 0, attempt: 2 });
    }

    #[test]
    fn the_same_deployment_always_names_the_same_run() {
        let name = Name::of("shop");
        assert_eq!(RunId::of(&name, 1), RunId::of(&name, 1));
        assert_ne!(RunId::of(&name, 1), RunId::of(&name, 2));
    }
}
