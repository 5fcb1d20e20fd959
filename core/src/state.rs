//! The state of one launch and the only function that changes it.
//!
//! [`State::apply`] takes an event and the moment of it, and gives back what must happen outside, in order: records to
//! persist, then actions to perform. It reads no clock and does no IO, so the same events lead to the same state.

mod announcements;
mod calls;
mod compile;
mod contacts;
mod day;
mod event;
mod instant;
mod looks;
mod messages;
mod people;
mod rehearsals;
mod restore;
mod runs;
#[cfg(test)]
pub(crate) mod tests;
mod triggers;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use event::{Effect, Event, Perform, Record, Rejected};
pub use restore::{Saved, SavedCheck, SavedTrigger};

use crate::attestation::SignOff;
use crate::cadence::WatchReport;
use crate::check;
use crate::decision::Decision;
use crate::message::Outbox;
use crate::milestone::{Milestone, Phase, Reached};
use crate::name::{CheckPath, Name};
use crate::observation::Observation;
use crate::plan::Plan;
use crate::rehearsal::Rehearsal;
use crate::report::CheckReport;
use crate::run::{Run, RunEvent};
use crate::target::Elsewhere;
use crate::time::Moment;
use crate::trigger;
use crate::waiver::Waiver;

/// Everything that is known of one launch.
#[derive(Debug, Clone)]
pub struct State {
    plan: Arc<Plan>,
    /// Why the newest launch file is not in force.
    plan_problem: Option<String>,
    checks: Vec<CheckState>,
    index: HashMap<CheckPath, Place>,
    sign_offs: Vec<SignOff>,
    /// Oldest first.
    waivers: Vec<Waiver>,
    /// Oldest first.
    decisions: Vec<Arc<Decision>>,
    milestones: Vec<Reached>,
    /// In the order of the plan's triggers.
    triggers: Vec<trigger::Memory>,
    /// Oldest first.
    runs: Vec<Run>,
    /// The reports of the watch, oldest first.
    watched: Vec<WatchReport>,
    /// What is told to people.
    outbox: Outbox,
    /// The rehearsals that people made, oldest first.
    rehearsals: Vec<Rehearsal>,
    /// Whether each procedure could be run when it was last looked.
    readiness: BTreeMap<Name, Rehearsal>,
    readiness_asked: Option<Moment>,
    /// What other launches do to the same target, newest first.
    elsewhere: Vec<Elsewhere>,
    /// When this process came up.
    up_since: Option<Moment>,
    /// Whether no further step begins, since the daemon is about to end.
    stopping: bool,
}

/// Where a check stands in the plan.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Among all checks.
    at: usize,
    /// Its checklist.
    list: usize,
    /// Within its checklist.
    check: usize,
}

/// What is known of one check.
#[derive(Debug, Clone, Default)]
struct CheckState {
    memory: check::Memory,
    /// The triggers that watch it, by their place in the plan.
    watched_by: Vec<usize>,
    /// How it was last reported; made anew when that changes.
    reported: Option<Arc<CheckReport>>,
    /// Since when a person waits for it to be looked at again. Not kept: a daemon that comes back looks at everything.
    asked: Option<Moment>,
}

impl State {
    /// A launch of which nothing is known yet.
    pub fn new(plan: Arc<Plan>) -> Self {
        let places = plan.checklists.iter().enumerate().flat_map(|(list, checklist)| {
            checklist.checks.iter().enumerate().map(move |(i, check)| (list, i, check))
        });
        let index: HashMap<CheckPath, Place> = places
            .enumerate()
            .map(|(at, (list, check, c))| (c.path.clone(), Place { at, list, check }))
            .collect();
        let mut checks = vec![CheckState::default(); index.len()];
        for (place, trigger) in plan.triggers.iter().enumerate() {
            for check in trigger.watch.checks() {
                if let Some(found) = index.get(check) {
                    checks[found.at].watched_by.push(place);
                }
            }
        }
        Self {
            triggers: vec![trigger::Memory::default(); plan.triggers.len()],
            plan,
            plan_problem: None,
            checks,
            index,
            sign_offs: Vec::new(),
            waivers: Vec::new(),
            decisions: Vec::new(),
            milestones: Vec::new(),
            runs: Vec::new(),
            watched: Vec::new(),
            outbox: Outbox::default(),
            rehearsals: Vec::new(),
            readiness: BTreeMap::new(),
            readiness_asked: None,
            elsewhere: Vec::new(),
            up_since: None,
            stopping: false,
        }
    }

    /// The plan in force.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The milestones reached, oldest first.
    pub fn milestones(&self) -> &[Reached] {
        &self.milestones
    }

    /// Whether an attempt is under way that is not a person's.
    pub fn is_acting(&self) -> bool {
        self.runs.iter().filter(|run| !run.status.is_final()).any(Run::is_acting)
    }

    /// What the probes of checks asked to be told at their next look.
    pub fn remembered(&self) -> impl Iterator<Item = (CheckPath, serde_json::Value)> {
        self.plan.checks().filter_map(|(_, check)| {
            let place = self.index.get(&check.path)?;
            let memory = self.checks[place.at].memory.remembered.clone()?;
            Some((check.path.clone(), memory))
        })
    }

    /// What is known of other launches' rollbacks on the same target.
    pub fn elsewhere(&self) -> &[Elsewhere] {
        &self.elsewhere
    }

    /// Whether a rollback can begin now, by whatever hand.
    pub fn may_roll_back(&self) -> bool {
        matches!(Phase::after(&self.milestones), Phase::Launching | Phase::Watching)
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Which deployment this is, counted from 1; 0 before the first.
    pub fn generation(&self) -> u32 {
        let deployments =
            self.milestones.iter().filter(|r| r.milestone == Milestone::DeployStarted).count();
        u32::try_from(deployments).unwrap_or(u32::MAX)
    }

    /// Takes an event in and says what must happen outside: first every [`Effect::Persist`], in one transaction; then the
    /// rest. Nothing may be performed before what precedes it is persisted.
    ///
    /// # Errors
    /// An event that the state refuses, with the reason for people; the state is unchanged.
    pub fn apply(&mut self, event: Event, now: Moment) -> Result<Vec<Effect>, Rejected> {
        let mut effects = Vec::new();
        let reached = self.milestones.len();
        let time_passed = matches!(event, Event::Tick | Event::Restarted | Event::Reloaded(_));
        self.take_in(event, now, &mut effects)?;
        self.advance(now, &mut effects);
        if time_passed || self.milestones.len() != reached {
            self.announce_what_is_due(now, &mut effects);
            self.end_calls(now, &mut effects);
        }
        Ok(effects)
    }

    fn take_in(
        &mut self,
        event: Event,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        match event {
            Event::Observed { check, observation } => {
                self.observe(&check, observation, now, effects)?;
            }
            Event::SignedOff { check, person, decision, evidence, note, values } => {
                let said =
                    SignOff { evidence, note, values, ..self.said(check, person, decision, now) };
                self.sign(said, effects)?;
            }
            Event::Waived { check, person, reason, until } => {
                self.waive(check, person, reason, until, now, effects)?;
            }
            Event::WaiverEnded { check, person, reason } => {
                self.end_waiver(check, person, reason, now, effects)?;
            }
            Event::GoNoGo { decision, person, note } => {
                self.go_no_go(decision, person, note, now, effects)?;
            }
            Event::Milestone { milestone, by } => {
                self.may_reach(milestone)?;
                self.reach(Reached { milestone, at: now.wall, by }, now, effects);
            }
            Event::Tick => {
                self.tick(now, effects);
                self.look_for_readiness(now, effects);
                self.keep_watch(now, effects);
            }
            Event::LaunchBegun { procedure, person } => {
                self.begin_launch(&procedure, &person, now, effects)?;
            }
            Event::RunHeld { run, person, reason } => {
                self.hold_run(&run, person, reason, now, effects)?;
            }
            Event::LookAgain { checks } => self.look_again(checks, now, effects)?,
            Event::Elsewhere(elsewhere) => self.elsewhere = elsewhere,
            Event::Rehearse { procedure, person } => {
                self.rehearse(procedure, person, effects)?;
            }
            Event::Rehearsed(rehearsal) => self.rehearsed(*rehearsal, effects),
            Event::Fire { trigger, person, reason } => {
                self.fire_by_hand(&trigger, &person, &reason, now, effects)?;
            }
            Event::Ordered { trigger, person, order } => {
                self.order(&trigger, &person, &order, now, effects)?;
            }
            Event::LookedBack { check, history } => {
                self.look_back(&check, &history, now, effects);
            }
            Event::Delivered { id, delivery } => self.delivered(id, delivery, effects),
            Event::StepEnded { run, step, attempt, how, evidence } => {
                let ended = RunEvent::StepEnded { step, attempt, how, evidence, at: now.wall };
                self.run_event(&run, ended, effects)?;
                self.roll_back_for_failure(now, effects);
            }
            Event::Decided { run, step, choice, person, reason } => {
                self.decide(&run, step, choice, person, reason, now, effects)?;
            }
            Event::Stopping => self.stopping = true,
            Event::Restarted => {
                self.up_since = Some(now);
                self.recover(now, effects);
            }
            Event::Reloaded(plan) => self.reload(plan, now, effects),
            Event::ReloadFailed { problem } => self.plan_problem = Some(problem),
        }
        Ok(())
    }

    fn observe(
        &mut self,
        path: &CheckPath,
        observation: Observation,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let place = *self.index.get(path).ok_or_else(|| Rejected::NoSuchCheck(path.clone()))?;
        let plan = Arc::clone(&self.plan);
        let list = &plan.checklists[place.list];
        let check = &list.checks[place.check];
        for trigger in self.checks[place.at].watched_by.clone() {
            self.watch(trigger, path, &observation, now, effects);
        }
        let state = &mut self.checks[place.at];
        state.looked(&observation);
        state.memory.take(check, observation);
        state.reported = None;
        effects.push(Effect::Persist(Record::Observed {
            check: path.clone(),
            checklist_hash: list.hash.clone(),
            memory: Box::new(state.memory.clone()),
        }));
        Ok(())
    }

    /// Whether the launch is where a milestone can follow.
    fn may_reach(&self, milestone: Milestone) -> Result<(), Rejected> {
        let phase = Phase::after(&self.milestones);
        let fits = match milestone {
            Milestone::DeployStarted => matches!(phase, Phase::Preparing | Phase::RolledBack),
            Milestone::MigrationDone | Milestone::SmokePassed | Milestone::Live => {
                phase == Phase::Launching
            }
            Milestone::RollbackStarted => matches!(phase, Phase::Launching | Phase::Watching),
            // A run that is under way says so itself; one that waits for a person is decided or aborted first.
            Milestone::RolledBack => {
                phase == Phase::RollingBack && self.runs.iter().all(|run| run.status.is_final())
            }
            Milestone::Closed => phase != Phase::RollingBack,
        };
        let again = self.milestones.last().is_some_and(|last| last.milestone == milestone);
        if fits && !again { Ok(()) } else { Err(Rejected::OutOfOrder { milestone, phase }) }
    }

    fn reach(&mut self, reached: Reached, now: Moment, effects: &mut Vec<Effect>) {
        effects.push(Effect::Persist(Record::Reached(reached.clone())));
        self.milestones.push(reached);
        self.tick(now, effects);
    }

    fn must_command(&self, person: &Name) -> Result<(), Rejected> {
        let roles = ["rollback_authority", "incident_commander"];
        if roles.iter().any(|role| self.plan.holds(person, &Name::of(role))) {
            return Ok(());
        }
        Err(Rejected::NoAuthority(person.clone()))
    }

    /// Puts a new plan in force. What did not change keeps what is known of it.
    fn reload(&mut self, plan: Arc<Plan>, now: Moment, effects: &mut Vec<Effect>) {
        let old = std::mem::replace(self, Self::new(plan));
        for (i, (_, check)) in old.plan.checks().enumerate() {
            if let Some(place) = self.index.get(&check.path)
                && self.plan.checklists[place.list].checks[place.check] == *check
            {
                self.checks[place.at].memory = old.checks[i].memory.clone();
                self.checks[place.at].asked = old.checks[i].asked;
            }
        }
        for (trigger, memory) in old.plan.triggers.iter().zip(old.triggers) {
            let Some(place) = self.plan.triggers.iter().position(|t| t.id == trigger.id) else {
                continue;
            };
            let unchanged = self.plan.triggers[place] == *trigger;
            self.triggers[place] = if unchanged { memory } else { memory.latch_only() };
        }
        self.sign_offs = old.sign_offs;
        self.waivers = old.waivers;
        self.decisions = old.decisions;
        self.milestones = old.milestones;
        self.runs = old.runs;
        self.outbox = old.outbox;
        self.up_since = old.up_since;
        self.stopping = old.stopping;
        self.watched = old.watched;
        self.rehearsals = old.rehearsals;
        for (trigger, memory) in self.plan.triggers.iter().zip(&self.triggers) {
            effects.push(Effect::Persist(Record::trigger(trigger, memory)));
        }
        self.tick(now, effects);
    }
}
