//! What can happen to a launch, what must then happen outside, and what is kept of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attestation::{Decision, SignOff, SignOffError};
use crate::cadence::WatchReport;
use crate::check;
use crate::decision::{self, DecisionError, Word};
use crate::message::{Delivery, Message};
use crate::milestone::{Milestone, Phase, Reached};
use crate::name::{CheckPath, Name};
use crate::observation::Observation;
use crate::plan::Plan;
use crate::procedure::Step;
use crate::rehearsal::Rehearsal;
use crate::run::{Choice, Ended, IllegalEvent, Run, RunEvent, RunId};
use crate::target::Elsewhere;
use crate::trigger::{self, Order, OrderError, Trigger};
use crate::waiver::{Waiver, WaiverError};

/// Something that happened. The list is closed: nothing else changes a launch.
#[derive(Debug, Clone)]
pub enum Event {
    /// A probe looked.
    Observed {
        /// The check it looked for.
        check: CheckPath,
        /// What it saw.
        observation: Observation,
    },
    /// A person signs. The signature is bound to the version and the checklist in force.
    SignedOff {
        /// The check.
        check: CheckPath,
        /// Who, taken from their credentials.
        person: Name,
        /// What they say.
        decision: Decision,
        /// A link or text that backs it.
        evidence: Option<String>,
        /// A remark.
        note: Option<String>,
        /// What is recorded with it, by name.
        values: BTreeMap<Name, String>,
    },
    /// A person accepts, for a time, that a check does not pass.
    Waived {
        /// The check.
        check: CheckPath,
        /// Who, taken from their credentials.
        person: Name,
        /// Why.
        reason: String,
        /// Until when.
        until: Timestamp,
    },
    /// A person takes a waiver back.
    WaiverEnded {
        /// The check.
        check: CheckPath,
        /// Who.
        person: Name,
        /// Why.
        reason: String,
    },
    /// The incident commander decides, on the report of this instant.
    GoNoGo {
        /// What.
        decision: Word,
        /// Who, taken from their credentials.
        person: Name,
        /// Why, or under which conditions.
        note: Option<String>,
    },
    /// A milestone was reached.
    Milestone {
        /// Which.
        milestone: Milestone,
        /// Who says so.
        by: String,
    },
    /// Time passed.
    Tick,
    /// A person begins a launch procedure.
    LaunchBegun {
        /// Which.
        procedure: Name,
        /// Who.
        person: Name,
    },
    /// A person holds a launch's run, or lets it go on.
    RunHeld {
        /// Which.
        run: RunId,
        /// Who.
        person: Name,
        /// Why it is held; nothing lets it go on.
        reason: Option<String>,
    },
    /// A person wants checks looked at at once, beside their rhythm.
    LookAgain {
        /// Which; none for all that a probe looks at.
        checks: Vec<CheckPath>,
    },
    /// What the rollbacks of other launches on the same target are now, newest first.
    Elsewhere(Vec<Elsewhere>),
    /// A person fires a trigger.
    Fire {
        /// Which.
        trigger: Name,
        /// Who.
        person: Name,
        /// Why.
        reason: String,
    },
    /// A person orders something of a trigger.
    Ordered {
        /// Which.
        trigger: Name,
        /// Who.
        person: Name,
        /// What.
        order: Order,
    },
    /// The source's history for a time without samples, oldest first.
    LookedBack {
        /// The check that looks at the source.
        check: CheckPath,
        /// What it would have seen.
        history: Vec<Observation>,
    },
    /// A person wants a procedure walked through.
    Rehearse {
        /// Which.
        procedure: Name,
        /// Who.
        person: Name,
    },
    /// A procedure was walked through.
    Rehearsed(Box<Rehearsal>),
    /// A message arrived, or was given up.
    Delivered {
        /// Its name.
        id: String,
        /// What became of it.
        delivery: Delivery,
    },
    /// An attempt at a run's step ended.
    StepEnded {
        /// The run.
        run: RunId,
        /// The step, counted from 0.
        step: usize,
        /// The attempt, counted from 1.
        attempt: u32,
        /// How.
        how: Ended,
        /// Output or reason.
        evidence: String,
    },
    /// A person decided about a step that asked for it.
    Decided {
        /// The run.
        run: RunId,
        /// The step.
        step: usize,
        /// What.
        choice: Choice,
        /// Who.
        person: Name,
        /// Why.
        reason: String,
    },
    /// The daemon came up with a restored state: what was under way is looked at.
    Restarted,
    /// The daemon is about to end: no further step begins. The next process goes on from there.
    Stopping,
    /// The launch file changed and compiled.
    Reloaded(Arc<Plan>),
    /// The launch file changed and does not compile: the old plan stays.
    ReloadFailed {
        /// What is wrong with it.
        problem: String,
    },
}

/// What must happen outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Keep this, before anything else is done.
    Persist(Record),
    /// Begin this attempt at a step; its start is among the records.
    Perform(Box<Perform>),
    /// Send this message until it arrives; it is among the records.
    Send(Box<Message>),
    /// Walk a procedure through without doing anything.
    Rehearse {
        /// Which.
        procedure: Name,
        /// Who wants it; nobody when it is the launch itself.
        by: Option<Name>,
    },
    /// Ask the source of a check what it saw between two times.
    LookBack {
        /// The check.
        check: CheckPath,
        /// From when.
        from: Timestamp,
        /// Until when.
        to: Timestamp,
    },
    /// Have these checks looked at, by looks that begin now.
    LookAgain(Vec<CheckPath>),
    /// Find out what became of this attempt, which a process that is gone had under way, and tell how it ended. Until
    /// then nothing else of its run begins.
    LookAt(Box<Perform>),
}

/// An attempt at a step that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Perform {
    /// The run.
    pub run: RunId,
    /// The step as it was when the run was made.
    pub step: Step,
    /// Its place, counted from 0.
    pub index: usize,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// The deployment, counted from 1; the fencing token of what the step does outside.
    pub generation: u32,
    /// What called for the run.
    pub cause: String,
    /// When the attempt began; its time counts from then, through restarts.
    pub since: Timestamp,
}

impl Perform {
    /// The key by which the outside can tell a repetition: the same for every attempt at the step.
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}", self.run, self.step.id)
    }
}

/// What is kept. Restoring the records of a launch gives its state back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A probe looked, and how the check stands since.
    Observed {
        /// The check.
        check: CheckPath,
        /// The checklist as it was compiled; a changed one makes the memory void.
        checklist_hash: String,
        /// The check's memory after it.
        memory: Box<check::Memory>,
    },
    /// A person signed.
    SignedOff(Box<SignOff>),
    /// A person accepted that a check does not pass, or took that back.
    Waived(Box<Waiver>),
    /// The incident commander decided.
    GoNoGo(Arc<decision::Decision>),
    /// A milestone was reached.
    Reached(Reached),
    /// A trigger moved.
    Trigger {
        /// Which.
        trigger: Name,
        /// What it watches; a changed one keeps only latch and high-water mark.
        watches: String,
        /// Its memory after it.
        memory: Box<trigger::Memory>,
    },
    /// A run was created; nothing of it has been done.
    RunCreated(Box<Run>),
    /// A report of the watch was compiled.
    Watched(Box<WatchReport>),
    /// A person had a procedure walked through.
    Rehearsed(Box<Rehearsal>),
    /// A message is to be sent.
    Message(Box<Message>),
    /// A message arrived, or was given up.
    Delivered {
        /// Its name.
        id: String,
        /// What became of it.
        delivery: Delivery,
    },
    /// Something happened to a run.
    Run {
        /// Which.
        run: RunId,
        /// What.
        event: RunEvent,
    },
}

impl Record {
    /// The record of a trigger's memory.
    pub(super) fn trigger(trigger: &Trigger, memory: &trigger::Memory) -> Self {
        Self::Trigger {
            trigger: trigger.id.clone(),
            watches: trigger.watches(),
            memory: Box::new(memory.clone()),
        }
    }
}

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is no such check.
    #[error("there is no check `{0}`")]
    NoSuchCheck(CheckPath),
    /// No probe looks at the check.
    #[error("`{0}` is answered by people: there is nothing to look at")]
    NothingToLookAt(CheckPath),
    /// There is no such trigger.
    #[error("there is no trigger `{0}`")]
    NoSuchTrigger(Name),
    /// There is no such procedure.
    #[error("there is no procedure `{0}`")]
    NoSuchProcedure(Name),
    /// There is no such run.
    #[error("there is no run `{0}`")]
    NoSuchRun(RunId),
    /// The sign-off does not count.
    #[error(transparent)]
    SignOff(#[from] SignOffError),
    /// The waiver does not count.
    #[error(transparent)]
    Waiver(#[from] WaiverError),
    /// The decision does not count.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// The run is elsewhere.
    #[error(transparent)]
    Run(#[from] IllegalEvent),
    /// The order does not fit the trigger.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The milestone cannot follow.
    #[error("`{milestone}` cannot be reached while the launch is {}", .phase.name())]
    OutOfOrder {
        /// The milestone.
        milestone: Milestone,
        /// Where the launch stands.
        phase: Phase,
    },
    /// The person may not decide about a rollback.
    #[error("{0} is neither rollback_authority nor incident_commander")]
    NoAuthority(Name),
    /// The procedure rolls back.
    #[error("`{0}` rolls back: fire one of its triggers, `launchgate trigger fire`")]
    NotALaunch(Name),
    /// The launch is past it.
    #[error("there is nothing to launch while the launch is {}", .0.name())]
    NothingToLaunch(Phase),
    /// A launch run is in flight.
    #[error("run {0} is under way: a launch has one at a time")]
    LaunchUnderWay(RunId),
    /// There is no deployment under way.
    #[error("there is nothing to roll back while the launch is {}", .0.name())]
    NothingToRollBack(Phase),
    /// The deployment has had its run.
    #[error("deployment {0} has had its rollback: a deployment has one")]
    AlreadyRun(u32),
    /// Another launch's rollback is under way on the same target.
    #[error(
        "run {run} of {launch} is under way on the same target: a target is rolled back by one run at a time"
    )]
    TargetBusy {
        /// The run.
        run: RunId,
        /// The other launch.
        launch: Name,
    },
}
