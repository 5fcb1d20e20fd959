//! A trigger: a watched condition that lasts for its duration calls for a procedure.
//!
//! Duration is *credited*, never assumed: only time between adjacent fresh breach samples counts, so an outage of the
//! source, a restart or a stepped clock adds nothing. Unknown freezes the credit and never fires. What happens when a
//! trigger fires is not decided here.

mod condition;
mod gap;
mod memory;
mod orders;
mod sample;
mod wording;

use schemars::JsonSchema;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::condition::{Child, Condition, Rule};
pub use self::gap::Gap;
pub use self::memory::{ChildMemory, Memory, Seen};
pub use self::orders::{Asked, Hold, Order, OrderError};
use crate::expectation::Expectation;
use crate::milestone::{Milestone, Phase, Reached};
use crate::name::{CheckPath, Name};
use crate::time::{add, format_exact};

/// How long a new deployment is left alone before its breaches count, where the launch file says nothing: what a query
/// over a minute shows in the first minute is mostly the version before.
pub const ARM_DELAY: Duration = Duration::from_secs(60);

/// What an unknown sample does to a pending trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Credit is kept and frozen.
    #[default]
    Hold,
    /// Credit is dropped.
    Reset,
}

/// What a trigger does when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Record what would have happened.
    Observe,
    /// Ask a person.
    Suggest,
    /// Run the procedure.
    Act,
}

/// A number of breaches among the last looks, in place of an unbroken duration: what oscillates fires all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// How many of the looks must be breaches.
    pub breaches: u32,
    /// Of how many. A look that is missing or unknown is no breach.
    pub of: u32,
}

/// Whom a trigger of mode `suggest` asks, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The role that decides.
    pub role: Name,
    /// How long it has; when it has passed nothing is done, and the incident commander is called too.
    pub within: Duration,
    /// How often they are reminded.
    pub remind: Duration,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            role: Name::of("rollback_authority"),
            within: Duration::from_secs(600),
            remind: Duration::from_secs(120),
        }
    }
}

/// A watched condition, as compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// The name.
    pub id: Name,
    /// What is watched.
    pub watch: Condition,
    /// For how long it must last. With a [`Window`] it is the time that the window's breaches stand for.
    pub lasts: Duration,
    /// Breaches among the last looks, in place of an unbroken duration.
    pub window: Option<Window>,
    /// What unknown does.
    pub on_unknown: OnUnknown,
    /// For how long good samples must last before they end a breach; with zero the first one does.
    pub clear_after: Duration,
    /// What firing does.
    pub mode: Mode,
    /// Whom it asks in mode `suggest`.
    pub ask: Ask,
    /// The procedure that it calls for.
    pub procedure: Name,
    /// The milestone that arms it.
    pub armed_from: Milestone,
    /// How long after which milestone it is disarmed.
    pub armed_until: Option<(Duration, Milestone)>,
    /// How long after arming breaches begin to count.
    pub arm_delay: Duration,
    /// Whether a condition that was in breach before the deployment may fire.
    pub preexisting_may_fire: bool,
    /// Whether re-arming by hand takes two people.
    pub protected: bool,
    /// For how long after a rollback no other starts by itself.
    pub cooldown: Duration,
    /// How often the slowest check looks.
    pub every: Duration,
    /// The longest time between two breach samples that still counts as breach.
    pub max_gap: Duration,
}

impl Trigger {
    /// A trigger on one check with everything else as usual: it acts, holds on unknown, and is armed by `deploy_started`.
    pub fn new(
        id: Name,
        check: CheckPath,
        breach: Expectation,
        lasts: Duration,
        every: Duration,
    ) -> Self {
        Self {
            id,
            watch: Condition::one(check, breach),
            lasts,
            window: None,
            on_unknown: OnUnknown::Hold,
            clear_after: Duration::ZERO,
            mode: Mode::Act,
            ask: Ask::default(),
            procedure: Name::of("rollback"),
            armed_from: Milestone::DeployStarted,
            armed_until: None,
            arm_delay: Duration::ZERO,
            preexisting_may_fire: false,
            protected: false,
            cooldown: Duration::from_secs(1_800),
            every,
            max_gap: every * 2 + Duration::from_secs(10),
        }
    }

    /// What it watches, as text: two triggers with the same text may share a memory.
    pub fn watches(&self) -> String {
        let lasts = match self.window {
            Some(Window { breaches, of }) => format!("in {breaches} of {of} looks"),
            None => format!("for {}", format_exact(self.lasts)),
        };
        format!("{} {lasts}, unknown: {:?}", self.watch, self.on_unknown)
    }

    /// How long evidence may be missing before the trigger is blind.
    pub fn blind_after(&self) -> Duration {
        (self.every * 3).max(Duration::from_secs(60)).max(self.max_gap)
    }

    /// How long good samples must last before what was in breach before the deployment, or fired, counts as cleared.
    pub fn recover_for(&self) -> Duration {
        (self.lasts / 2).max(self.every * 2)
    }

    /// How long a suspended trigger keeps its credit: `for`, at least 15 minutes, at most an hour.
    pub fn retention(&self) -> Duration {
        self.lasts.max(Duration::from_secs(900)).min(Duration::from_secs(3_600))
    }

    /// Whether the milestones so far arm it, at `now`.
    fn arming(&self, history: &[Reached], now: Timestamp) -> Arming {
        match Phase::after(history) {
            Phase::Preparing | Phase::Closed | Phase::RolledBack => return Arming::Out,
            Phase::Launching | Phase::Watching | Phase::RollingBack => {}
        }
        let deployed = history.iter().rposition(|r| r.milestone == Milestone::DeployStarted);
        let Some(deployed) = deployed else { return Arming::Out };
        let at = |m: Milestone| {
            history[deployed..].iter().rev().find(|r| r.milestone == m).map(|r| r.at)
        };
        if at(self.armed_from).is_none() {
            return Arming::Out;
        }
        match self.armed_until.and_then(|(after, m)| at(m).map(|at| add(at, after))) {
            Some(end) if now >= add(end, self.lasts + self.max_gap) => Arming::Over,
            Some(end) if now >= end => Arming::Ended,
            _ => Arming::In,
        }
    }
}

/// Whether a trigger's window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arming {
    In,
    Out,
    /// It has ended; what is pending may still mature.
    Ended,
    /// It has ended for good.
    Over,
}

/// Where a trigger stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its milestone has not been reached.
    #[default]
    Disarmed,
    /// Armed; what it sees does not count yet, or it has seen nothing.
    Arming,
    /// Armed, no breach.
    Watching,
    /// In breach, credit grows.
    Pending,
    /// In breach when last seen; evidence is missing and credit is frozen.
    Suspended,
    /// Armed, and there is no evidence to judge by.
    Blind,
    /// It fired; latched for this deployment.
    Fired,
    /// Its window has ended.
    Expired,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Disarmed,
        Self::Arming,
        Self::Watching,
        Self::Pending,
        Self::Suspended,
        Self::Blind,
        Self::Fired,
        Self::Expired,
    ];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disarmed => "disarmed",
            Self::Arming => "arming",
            Self::Watching => "watching",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
            Self::Blind => "blind",
            Self::Fired => "fired",
            Self::Expired => "expired",
        }
    }

    /// Whether it watches, with or without evidence.
    pub fn is_armed(self) -> bool {
        !matches!(self, Self::Disarmed | Self::Expired | Self::Fired)
    }
}

/// What stands beside a trigger's status. Evaluation goes on under each.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// A person keeps it from firing, until a stated time.
    Held,
    /// It records, and does nothing.
    DryRun,
    /// The condition was in breach before the deployment.
    Preexisting,
    /// Breach and good change places often.
    Flapping,
    /// Nothing live has been seen since a restart.
    Unconfirmed,
    /// Its duration is met, and something keeps it from firing.
    Blocked,
    /// A person has seen it: no more reminders.
    Acked,
    /// It fired, and the condition is good again.
    Cleared,
}

impl Flag {
    /// The words in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::DryRun => "dry run",
            Self::Preexisting => "pre-existing",
            Self::Flapping => "flapping",
            Self::Unconfirmed => "unconfirmed",
            Self::Blocked => "blocked",
            Self::Acked => "acknowledged",
            Self::Cleared => "cleared",
        }
    }
}

#[cfg(test)]
mod tests;
