//! An announcement: what is told to whom at a milestone or at an instant of the launch, once.
//!
//! Whether it is due is a function of the plan, the milestones and the moment; that it was told is known by its messages,
//! whose names say which announcement of which version they are. Nothing else is kept of it.

use schemars::JsonSchema;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::matter::{Status, Turn};
use crate::milestone::Milestone;
use crate::name::Name;
use crate::time::{Anchor, Due, format_duration, parse_duration};

/// What is not told within this time of its instant is not told any more.
pub const LATE: Duration = Duration::from_secs(3_600);
/// What an announcement's texts may name beside `vars:`, `owner.ROLE` and `links.NAME`; it is filled in when it is made.
pub const VARIABLES: [&str; 16] = [
    "launch",
    "launch.title",
    "launch.version",
    "launch.previous_version",
    "launch.go_live",
    "launch.window_ends",
    "version",
    "previous_version",
    "verdict",
    "phase",
    "blockers",
    "owner",
    "time",
    "trigger.because",
    "run.id",
    "run.status",
];
/// What the names of an announcement's messages begin with.
pub(crate) const PREFIX: &str = "announcement/";

/// One announcement, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// Its name: what the file calls it, or its `on`.
    pub key: String,
    /// When it is made.
    pub on: When,
    /// The milestone without which it is not made.
    pub when: Option<Milestone>,
    /// The channels, in the order of the file.
    pub to: Vec<Name>,
    /// A headline: the subject of a mail, the name of an incident.
    pub title: Option<String>,
    /// What it says; `${name}` is filled in when it is made.
    pub message: String,
    /// The role that answers for it.
    pub owner: Option<Name>,
    /// What it belongs to, for channels that keep states; its own name if nothing is said.
    pub matter: Option<String>,
    /// What a pager does.
    pub pager: Turn,
    /// What a status page shows.
    pub status: Option<Status>,
}

/// When an announcement is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// At a milestone, or some time after it.
    Reached {
        /// Which.
        milestone: Milestone,
        /// How long after it.
        after: Duration,
    },
    /// At an instant of the launch.
    At(Due),
}

impl When {
    /// Whether each deployment has one of its own. What hangs on the planned go-live is there once.
    pub fn is_per_deployment(self) -> bool {
        match self {
            Self::Reached { .. } => true,
            Self::At(due) => due.anchor == Anchor::DeployStarted,
        }
    }

    /// Whether it tells of a rollback or of the end, and so is made after them too.
    pub fn is_of_the_end(self) -> bool {
        match self {
            Self::Reached { milestone, .. } => matches!(
                milestone,
                Milestone::RollbackStarted | Milestone::RolledBack | Milestone::Closed
            ),
            Self::At(_) => false,
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached { milestone, after } if after.is_zero() => milestone.fmt(f),
            Self::Reached { milestone, after } => {
                write!(f, "{} after {milestone}", format_duration(*after))
            }
            Self::At(due) => due.fmt(f),
        }
    }
}

/// Why a text does not say when.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// It looks like an offset.
    #[error("`{0}` is no instant of the launch: write it like `T-4h`, `T-0`, `H` or `H+15m`")]
    Offset(String),
    /// It counts back from something that nobody knows in advance.
    #[error("`{0}` lies before the start of the deployment, which nobody knows in advance")]
    BeforeDeployment(String),
    /// It looks like a time after a milestone.
    #[error("`{0}` is no time after a milestone: write it like `1h after live`")]
    After(String),
    /// It looks like a milestone.
    #[error("`{0}` is no milestone")]
    Milestone(String),
}

impl FromStr for When {
    type Err = WhenError;
    fn from_str(text: &str) -> Result<Self, WhenError> {
        let text = text.trim();
        if let Some((after, milestone)) = text.split_once(" after ") {
            let after = parse_duration(after).map_err(|_| WhenError::After(text.to_owned()))?;
            let milestone = milestone.trim();
            let milestone =
                milestone.parse().map_err(|_| WhenError::Milestone(milestone.to_owned()))?;
            return Ok(Self::Reached { milestone, after });
        }
        if let Ok(milestone) = text.parse() {
            return Ok(Self::Reached { milestone, after: Duration::ZERO });
        }
        let offset = match text {
            "T" => "T-0",
            "H" => "H+0",
            text => text,
        };
        if !offset.starts_with(['T', 'H']) {
            return Err(WhenError::Milestone(text.to_owned()));
        }
        let due: Due = offset.parse().map_err(|_| WhenError::Offset(text.to_owned()))?;
        let back = due.before && (due.days > 0 || !due.rest.is_zero());
        if due.anchor == Anchor::DeployStarted && back {
            return Err(WhenError::BeforeDeployment(text.to_owned()));
        }
        Ok(Self::At(due))
    }
}

/// How an announcement stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It arrived.
    Sent,
    /// Its time has not come, or it is on its way.
    Waiting,
    /// Its time passed while it could not be made. It is not made late.
    Missed,
    /// A channel refused it, or did not take it within a day.
    Failed,
}

impl Told {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Waiting => "waiting",
            Self::Missed => "missed",
            Self::Failed => "failed",
        }
    }
}

/// An announcement in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnnouncementReport {
    /// Its name.
    pub name: String,
    /// When it is made, as written.
    pub on: String,
    /// When that is, where it is known.
    pub at: Option<Timestamp>,
    /// The role that answers for it.
    pub owner: Option<Name>,
    /// The headline, before anything is filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it says, before anything is filled in.
    pub message: String,
    /// How it stands: the worst of its channels.
    pub state: Told,
    /// What it waits for, or why it was not told.
    pub because: String,
    /// How it stands with each channel.
    pub channels: Vec<ChannelReport>,
}

/// An announcement's way to one channel, in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelReport {
    /// The channel.
    pub channel: Name,
    /// How it stands.
    pub state: Told,
    /// When it was taken or given up.
    pub at: Option<Timestamp>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_is_read_and_written() {
        let rows = [
            ("a milestone", "live", Ok("live")),
            ("after a milestone", "1h after live", Ok("1h after live")),
            ("before go-live", "T-4h", Ok("T-4h")),
            ("at go-live", "T", Ok("T-0")),
            ("at the start", "H", Ok("H+0")),
            ("after the start", "H+15m", Ok("H+15m")),
            ("clock notation", "H+0:15", Ok("H+15m")),
            ("no sign", "T4h", Err(WhenError::Offset("T4h".into()))),
            ("no unit", "T-4", Err(WhenError::Offset("T-4".into()))),
            ("before H", "H-15m", Err(WhenError::BeforeDeployment("H-15m".into()))),
            ("no milestone", "lvie", Err(WhenError::Milestone("lvie".into()))),
            ("after nothing", "1h after lunch", Err(WhenError::Milestone("lunch".into()))),
            ("no time", "soon after live", Err(WhenError::After("soon after live".into()))),
            ("empty", "", Err(WhenError::Milestone(String::new()))),
        ];
        for (row, text, expected) in rows {
            let read: Result<When, WhenError> = text.parse();
            assert_eq!(read.map(|when| when.to_string()), expected.map(str::to_owned), "{row}");
        }
    }

    #[test]
    fn the_worst_state_compares_greatest() {
        let ordered = [Told::Sent, Told::Waiting, Told::Missed, Told::Failed];
        assert!(ordered.is_sorted());
    }
}
