//! A matter: what a pager keeps an alert for and a status page an incident. Messages of one matter move the same one.

use schemars::JsonSchema;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a message does to a matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Matter {
    /// Its name, the same for every message about it.
    pub key: String,
    /// What a pager does.
    pub pager: Turn,
    /// What a status page shows from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// What a pager does about an alert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// It is opened; while it is open that changes nothing.
    #[default]
    Trigger,
    /// Somebody works on it.
    Acknowledge,
    /// It is over.
    Resolve,
}

impl Turn {
    /// Every turn.
    pub const ALL: [Self; 3] = [Self::Trigger, Self::Acknowledge, Self::Resolve];

    /// The name in launch files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
        }
    }
}

/// What a status page shows of an incident or of a maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A maintenance is planned for the launch's window.
    Scheduled,
    /// The maintenance is under way.
    InProgress,
    /// The maintenance is done and looked at.
    Verifying,
    /// The maintenance is over.
    Completed,
    /// An incident is looked into.
    Investigating,
    /// Its cause is known.
    Identified,
    /// It is mended and watched.
    Monitoring,
    /// It is over.
    Resolved,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::InProgress,
        Self::Verifying,
        Self::Completed,
        Self::Investigating,
        Self::Identified,
        Self::Monitoring,
        Self::Resolved,
    ];

    /// The name in launch files and on status pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::InProgress => "in_progress",
            Self::Verifying => "verifying",
            Self::Completed => "completed",
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
        }
    }

    /// The matter that it belongs to where none is named: a launch has one maintenance and one incident at a time.
    pub fn usual_matter(self) -> &'static str {
        match self {
            Self::Scheduled | Self::InProgress | Self::Verifying | Self::Completed => "maintenance",
            Self::Investigating | Self::Identified | Self::Monitoring | Self::Resolved => {
                "incident"
            }
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that is neither a status nor a turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct MatterError {
    /// The text as given.
    pub text: String,
    /// What it should have been.
    pub what: &'static str,
}

impl FromStr for Status {
    type Err = MatterError;
    fn from_str(text: &str) -> Result<Self, MatterError> {
        let found = Self::ALL.into_iter().find(|status| status.name() == text);
        found.ok_or_else(|| MatterError { text: text.to_owned(), what: "status" })
    }
}

impl FromStr for Turn {
    type Err = MatterError;
    fn from_str(text: &str) -> Result<Self, MatterError> {
        let found = Self::ALL.into_iter().find(|turn| turn.name() == text);
        found.ok_or_else(|| MatterError { text: text.to_owned(), what: "turn of a pager" })
    }
}
