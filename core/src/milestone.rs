//! Milestones: the dated facts of a launch, and the phase that they put it in.

use schemars::JsonSchema;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A fact of the launch that has a date.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// The deployment began: triggers arm, `H` is now.
    DeployStarted,
    /// The database migration ended; rollback steps may depend on it.
    MigrationDone,
    /// The smoke tests passed.
    SmokePassed,
    /// The launch is declared live.
    Live,
    /// A rollback began.
    RollbackStarted,
    /// A rollback ended.
    RolledBack,
    /// The watch ended.
    Closed,
}

impl Milestone {
    /// Every milestone, in the order of a launch.
    pub const ALL: [Self; 7] = [
        Self::DeployStarted,
        Self::MigrationDone,
        Self::SmokePassed,
        Self::Live,
        Self::RollbackStarted,
        Self::RolledBack,
        Self::Closed,
    ];

    /// The name in launch files and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeployStarted => "deploy_started",
            Self::MigrationDone => "migration_done",
            Self::SmokePassed => "smoke_passed",
            Self::Live => "live",
            Self::RollbackStarted => "rollback_started",
            Self::RolledBack => "rolled_back",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that is no milestone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no milestone")]
pub struct MilestoneError(pub String);

impl FromStr for Milestone {
    type Err = MilestoneError;
    fn from_str(text: &str) -> Result<Self, MilestoneError> {
        Self::ALL
            .into_iter()
            .find(|m| m.name() == text)
            .ok_or_else(|| MilestoneError(text.to_owned()))
    }
}

/// A milestone with its date and who recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reached {
    /// What was reached.
    pub milestone: Milestone,
    /// When.
    pub at: Timestamp,
    /// Who or what recorded it: a person, or a run.
    pub by: String,
}

/// Where a launch stands; it decides which question the verdict answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the deployment.
    Preparing,
    /// Between the start of the deployment and the declaration of success.
    Launching,
    /// After the declaration of success.
    Watching,
    /// A rollback is under way.
    RollingBack,
    /// A rollback ended; a new `deploy_started` begins again.
    RolledBack,
    /// Over.
    Closed,
}

impl Phase {
    /// The phase that a history of milestones, oldest first, leads to.
    pub fn after(history: &[Reached]) -> Self {
        history.iter().fold(Self::Preparing, |phase, reached| match reached.milestone {
            Milestone::DeployStarted => Self::Launching,
            Milestone::MigrationDone | Milestone::SmokePassed => phase,
            Milestone::Live => Self::Watching,
            Milestone::RollbackStarted => Self::RollingBack,
            Milestone::RolledBack => Self::RolledBack,
            Milestone::Closed => Self::Closed,
        })
    }

    /// The phase as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Launching => "launching",
            Self::Watching => "watching",
            Self::RollingBack => "rolling back",
            Self::RolledBack => "rolled back",
            Self::Closed => "closed",
        }
    }
}
