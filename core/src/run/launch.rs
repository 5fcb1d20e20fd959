//! The run of a launch procedure: it is begun by a person, can be held, and gives way to a rollback.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{IllegalEvent, Run, RunId, RunStatus, StepState};
use crate::name::Name;
use crate::procedure::{Procedure, Purpose};

/// Who keeps a run from going on, and why. The step under way ends; no other begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// Who.
    pub person: Name,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

impl RunId {
    /// The name of a launch's so-manieth launch run, counted from 1.
    pub fn of_launch(launch: &Name, number: u32) -> Self {
        let digest = Sha256::digest(format!("{launch}\u{0}launch\u{0}{number}").as_bytes());
        let head = digest.iter().take(6).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
        Self(format!("{launch}-launch-{number}-{head:012x}"))
    }
}

impl Run {
    /// A run of a launch procedure, the so-manieth of its launch.
    pub fn of_launch(
        launch: Name,
        number: u32,
        procedure: Procedure,
        cause: String,
        at: Timestamp,
    ) -> Self {
        let id = RunId::of_launch(&launch, number);
        Self { id, ..Self::new(launch, number, procedure, cause, at) }
    }

    /// Whether a step is manual work of the launch day that has an owner, who says when it is done.
    pub fn has_owner_at_work(&self, step: usize) -> bool {
        let step = self.procedure.steps.get(step);
        !self.is_rollback() && step.is_some_and(|step| step.is_manual() && step.owner.is_some())
    }

    /// Whether it rolls back.
    pub fn is_rollback(&self) -> bool {
        self.procedure.purpose == Purpose::Rollback
    }

    /// How it stands, in the words of every surface.
    pub fn standing(&self) -> &'static str {
        match self.status {
            RunStatus::Running if self.held.is_some() => "held",
            RunStatus::EndedWithFailures if !self.is_rollback() => "completed, with failures",
            status => status.name(),
        }
    }

    /// The step that waits for a person, is under way, or comes next.
    pub fn current(&self) -> Option<usize> {
        let is_behind = |state: &StepState| {
            matches!(state, StepState::Ended { .. } | StepState::Skipped { .. })
        };
        self.asking().or_else(|| self.steps.iter().position(|state| !is_behind(state)))
    }

    pub(super) fn hold(
        &mut self,
        person: &Name,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), IllegalEvent> {
        if self.is_rollback() {
            return Err(self.illegal("a rollback is not held"));
        }
        if self.held.is_some() {
            return Err(self.illegal("it is held already"));
        }
        self.held = Some(Held { person: person.clone(), reason: reason.to_owned(), at });
        Ok(())
    }

    pub(super) fn resume(&mut self) -> Result<(), IllegalEvent> {
        if self.held.take().is_none() {
            return Err(self.illegal("it is not held"));
        }
        Ok(())
    }

    /// The step that failed and calls for a rollback of itself, with what it said.
    pub fn calls_for_rollback(&self) -> Option<(&Name, &Name, &str)> {
        let place = self.asking()?;
        let step = &self.procedure.steps[place];
        match &self.steps[place] {
            StepState::Ended { how, evidence, .. } if how.is_certain_failure() => {
                Some((step.on_failure.as_ref()?, &step.id, evidence))
            }
            _ => None,
        }
    }
}
