//! A run: one execution of a procedure. Its status is a fold over its events, and what to do next follows from both.
//!
//! Before anything is done the start of the attempt is on record; an attempt found started after a crash is looked at
//! and not repeated by guess. We promise at most one start per attempt, never a silent retry.

mod launch;

use schemars::JsonSchema;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::milestone::Milestone;
use crate::name::Name;
use crate::procedure::{Effect, OnInDoubt, Procedure, Step};
use crate::reading::cut;

pub use launch::Held;

/// How often a step is begun by itself before a person is asked, so that a step that kills the daemon ends somewhere.
const MAX_ATTEMPTS: u32 = 3;

/// A run's name: the same launch, deployment and procedure always give the same, so a second one cannot be made.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// It is proved that it did not begin, and that it will not.
    NotStarted,
    /// It may have acted, and what it is to bring about was looked for and is not there.
    NotDone,
}

impl Ended {
    /// Whether it is known that it did not do what it should.
    pub fn is_certain_failure(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::NotDone)
    }
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
    /// A person keeps it from going on.
    Held {
        /// Who.
        person: Name,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// It may go on.
    Resumed {
        /// Who says so.
        person: Name,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// A launch's steps are all done or were left out.
    Completed,
    /// A launch's run ended because a rollback began.
    GaveWay,
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
            Self::Completed => "completed",
            Self::GaveWay => "gave way to a rollback",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Running | Self::NeedsDecision)
    }
}

/// Where one step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The name.
    pub id: RunId,
    /// The launch.
    pub launch: Name,
    /// What it rolls back, where that is not the launch alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Name>,
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
    /// Who keeps it from going on, if somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
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
            target: None,
            generation,
            steps: vec![StepState::Planned; procedure.steps.len()],
            procedure,
            cause,
            at,
            status: RunStatus::Running,
            held: None,
        }
    }

    /// What it rolls back: no two runs in flight have the same.
    pub fn target(&self) -> &Name {
        self.target.as_ref().unwrap_or(&self.launch)
    }

    /// Whether a trigger or a failed step began it, and not a person.
    pub fn by_itself(&self) -> bool {
        self.cause.starts_with("trigger ") || self.cause.starts_with("step ")
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
            RunEvent::Held { person, reason, at } => self.hold(person, reason, *at)?,
            RunEvent::Resumed { .. } => self.resume()?,
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
        if self.status.is_final() {
            return None;
        }
        self.steps.iter().zip(&self.procedure.steps).position(|(state, step)| match state {
            StepState::Started { .. } => step.is_manual(),
            StepState::Ended { how: Ended::Succeeded, .. } => false,
            StepState::Ended {
                how: Ended::InDoubt | Ended::NotStarted | Ended::NotDone, ..
            } => repeats(state, step).is_none() && (step.critical || is_careful(step)),
            StepState::Ended { .. } => step.critical,
            StepState::Planned | StepState::Skipped { .. } | StepState::Again { .. } => false,
        })
    }

    /// Whether an attempt is under way that is not a person's.
    pub fn is_acting(&self) -> bool {
        self.open_attempts().next().is_some()
    }

    /// What is to be done next, given the milestones reached.
    pub fn next(&self, reached: impl Fn(Milestone) -> bool) -> Next {
        if self.status.is_final() || self.held.is_some() || self.asking().is_some() {
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
            (false, _) if !self.is_rollback() => RunStatus::Completed,
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

    /// The attempts that are under way, as steps and attempts. A `manual` one is not among them, since it is a person that
    /// acts.
    pub fn open_attempts(&self) -> impl Iterator<Item = (usize, u32)> {
        let states = self.steps.iter().zip(&self.procedure.steps).enumerate();
        states.filter_map(|(index, (state, step))| match state {
            StepState::Started { attempt, .. } if !step.is_manual() => Some((index, *attempt)),
            _ => None,
        })
    }

    /// Since when a step's attempt is under way.
    pub fn started_at(&self, step: usize) -> Option<Timestamp> {
        match self.steps.get(step)? {
            StepState::Started { at, .. } => Some(*at),
            _ => None,
        }
    }
}

/// Whether a person is asked about a step in doubt even if the run could go on without it.
fn is_careful(step: &Step) -> bool {
    step.effect == Effect::Once || step.on_in_doubt != OnInDoubt::Retry
}

/// The attempt that follows without a person, for a step that may be begun again; none when a person must decide.
fn repeats(state: &StepState, step: &Step) -> Option<u32> {
    let StepState::Ended { attempt, how, .. } = state else { return None };
    let may = match how {
        // Whatever it does, it has not done it.
        Ended::NotStarted => true,
        Ended::NotDone => step.effect != Effect::Once,
        Ended::InDoubt => step.effect != Effect::Once && step.on_in_doubt == OnInDoubt::Retry,
        Ended::Succeeded | Ended::Failed | Ended::TimedOut => false,
    };
    (may && *attempt < MAX_ATTEMPTS).then_some(*attempt + 1)
}

#[cfg(test)]
mod tests;
