//! A replay: what a trigger makes of looks that were taken, or thought up, before.
//!
//! The looks go through the same [`State`] as in the daemon, with a tick in between as time goes by. Nothing is performed:
//! what the state wants done outside is dropped, and what it wants kept is kept for the restarts of the tape.

pub mod sweep;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::milestone::Milestone;
use crate::name::{CheckPath, Name};
use crate::observation::{Failure, Observation};
use crate::plan::Plan;
use crate::reading::Readings;
use crate::run::IllegalEvent;
use crate::scenario::Window;
use crate::state::{Effect, Event, Rejected, Saved, State};
use crate::time::Moment;
use crate::trigger::{Flag, Status, Trigger};

/// The longest time between two ticks; the daemon's own.
const TICK: Duration = Duration::from_secs(1);
/// About how many ticks a replay may take; a longer tape has them further apart.
const MAX_TICKS: u32 = 500_000;

/// What is replayed. Times count from `start`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tape {
    /// The instant of the first look.
    pub start: Timestamp,
    /// About how far apart the looks are.
    pub every: Duration,
    /// When the deployment began. If not said, just as long before the start as the trigger leaves a deployment alone:
    /// the first look counts, and nothing was missed until then.
    pub deployed: Option<Duration>,
    /// The looks, oldest first.
    pub looks: Vec<Look>,
    /// When the daemon was down, oldest first: it looked at nothing, and came up from what it had kept.
    pub restarts: Vec<Window>,
    /// Whether the source can be asked afterwards for what was not looked at, as the daemon does where it can.
    pub remembers: bool,
}

/// One look of a tape.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// When.
    pub at: Duration,
    /// For which check.
    pub check: CheckPath,
    /// What was seen, or why nothing could be.
    pub outcome: Result<Readings, Failure>,
}

impl Tape {
    /// The time of the last look.
    pub fn end(&self) -> Duration {
        self.looks.last().map(|look| look.at).unwrap_or_default()
    }

    /// The instant at a time of the tape.
    pub fn instant(&self, at: Duration) -> Timestamp {
        crate::time::add(self.start, at)
    }

    /// How far apart ticks are: a second, less where the looks are closer, more where the tape is very long.
    fn tick(&self) -> Duration {
        let fine = (self.every / 5).clamp(Duration::from_millis(1), TICK);
        fine.max(self.end() / MAX_TICKS)
    }

    fn is_down(&self, at: Duration) -> bool {
        self.restarts.iter().any(|window| window.contains(at))
    }
}

/// What a trigger made of a tape.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Each change of where it stood, the first standing included.
    pub transitions: Vec<Transition>,
    /// Where it stood after each look, by the look's place on the tape; looks while the daemon was down are missing.
    pub stood: Vec<(usize, Status)>,
    /// When it fired.
    pub fired: Option<Duration>,
    /// The most breach time that was credited.
    pub most: Duration,
}

/// A change of where a trigger stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// When.
    pub at: Duration,
    /// Where it stands from then on.
    pub state: Status,
    /// The breach time that is credited.
    pub credit: Duration,
    /// What stands beside it.
    pub flags: Vec<Flag>,
    /// The sentence for people.
    pub because: String,
}

/// Why a tape cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// There is no such trigger.
    #[error("there is no trigger `{0}`")]
    NoSuchTrigger(Name),
    /// The state refused what is on the tape.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// What the state asked to be kept cannot be put together again.
    #[error(transparent)]
    Kept(#[from] IllegalEvent),
}

/// Replays a tape to its end.
///
/// # Errors
/// A trigger that the plan does not have, or a look for a check that it does not watch.
pub fn replay(plan: &Plan, trigger: &Name, tape: &Tape) -> Result<Course, ReplayError> {
    let plan = Arc::new(alone(plan, trigger)?);
    let mut player = Player::new(plan, tape, 0)?;
    player.play(|_| false)?;
    Ok(player.course)
}

/// The plan with nothing but this trigger and what it watches, so that no other trigger acts first.
fn alone(plan: &Plan, trigger: &Name) -> Result<Plan, ReplayError> {
    let missing = || ReplayError::NoSuchTrigger(trigger.clone());
    let trigger = plan.trigger(trigger).ok_or_else(missing)?.clone();
    let mut plan = plan.clone();
    for list in &mut plan.checklists {
        list.checks.retain(|check| watches(&trigger, &check.path));
    }
    plan.checklists.retain(|list| !list.checks.is_empty());
    plan.triggers = vec![trigger];
    Ok(plan)
}

/// Whether a trigger watches a check.
pub fn watches(trigger: &Trigger, check: &CheckPath) -> bool {
    trigger.watch.checks().contains(&check)
}

/// Something that happens at a time of the tape; of what happens at once, the first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Deployed,
    Up,
    Looked(usize),
}

/// A state on its way through a tape.
struct Player<'t> {
    tape: &'t Tape,
    /// The first look that is played.
    first: usize,
    /// How long before its first look a deployment begins.
    lead: Duration,
    /// The moment that lies by that much before the tape's start.
    base: Moment,
    at: Duration,
    state: State,
    saved: Saved,
    course: Course,
}

impl<'t> Player<'t> {
    /// A player that begins with the tape's look at `first`.
    fn new(plan: Arc<Plan>, tape: &'t Tape, first: usize) -> Result<Self, ReplayError> {
        let begins = tape.looks.get(first).map(|look| look.at).unwrap_or_default();
        let lead = plan.triggers[0].arm_delay;
        let base = SignedDuration::try_from(lead).ok();
        let base = base.and_then(|lead| tape.start.checked_sub(lead).ok()).unwrap_or(tape.start);
        let state = State::new(plan);
        let course = Course {
            transitions: Vec::new(),
            stood: Vec::new(),
            fired: None,
            most: Duration::ZERO,
        };
        let mut player = Self {
            tape,
            first,
            lead,
            base: Moment::at(base),
            at: begins,
            state,
            saved: Saved::default(),
            course,
        };
        if !player.deploys_later() {
            // Before the first look, so that there is nothing to tell of it yet.
            player.deploy(player.base.plus(begins))?;
        }
        Ok(player)
    }

    /// Whether the deployment begins on the tape: only the first one does.
    fn deploys_later(&self) -> bool {
        self.first == 0 && self.tape.deployed.is_some()
    }

    fn moment(&self, at: Duration) -> Moment {
        self.base.plus(self.lead.saturating_add(at))
    }

    /// What happens, in order.
    fn happenings(&self) -> Vec<(Duration, Happening)> {
        let looks = self.tape.looks.iter().enumerate().skip(self.first);
        let seen = looks.filter(|(_, look)| !self.tape.is_down(look.at));
        let mut all: Vec<(Duration, Happening)> =
            seen.map(|(i, look)| (look.at, Happening::Looked(i))).collect();
        let ups = self.tape.restarts.iter().map(|window| window.to);
        all.extend(ups.filter(|up| *up >= self.at).map(|up| (up, Happening::Up)));
        if let Some(deployed) = self.tape.deployed.filter(|_| self.deploys_later()) {
            all.push((deployed, Happening::Deployed));
        }
        let end = self.tape.end();
        all.retain(|(at, _)| *at <= end);
        all.sort();
        all
    }

    /// Plays on until the end, or until `enough` says so of the course.
    fn play(&mut self, enough: impl Fn(&Course) -> bool) -> Result<(), ReplayError> {
        for (at, happening) in self.happenings() {
            self.idle(at)?;
            let now = self.moment(at);
            self.at = at;
            match happening {
                Happening::Deployed => {
                    self.deploy(now)?;
                    self.note();
                }
                Happening::Up => {
                    let plan = Arc::clone(self.state.plan());
                    self.state = State::restore(plan, self.saved.clone());
                    self.apply(Event::Restarted, now)?;
                    self.note();
                }
                Happening::Looked(i) => {
                    let look = &self.tape.looks[i];
                    let outcome = look.outcome.clone();
                    let observation = Observation { at: now, took: Duration::ZERO, outcome };
                    self.apply(Event::Observed { check: look.check.clone(), observation }, now)?;
                    let status = self.note();
                    self.course.stood.push((i, status));
                }
            }
            if enough(&self.course) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Lets the time until `to` go by, tick by tick; while the daemon is down nothing ticks.
    fn idle(&mut self, to: Duration) -> Result<(), ReplayError> {
        let tick = self.tape.tick();
        let mut at = self.at + tick;
        while at < to {
            if !self.tape.is_down(at) && self.apply(Event::Tick, self.moment(at))? {
                self.at = at;
                self.note();
            }
            at += tick;
        }
        Ok(())
    }

    fn deploy(&mut self, now: Moment) -> Result<(), ReplayError> {
        let armed_from = self.state.plan().triggers[0].armed_from;
        let then = (armed_from != Milestone::DeployStarted).then_some(armed_from);
        for milestone in [Some(Milestone::DeployStarted), then].into_iter().flatten() {
            self.apply(Event::Milestone { milestone, by: "replay".to_owned() }, now)?;
        }
        Ok(())
    }

    /// Applies an event, keeps what is to be kept, and says whether anything changed.
    fn apply(&mut self, event: Event, now: Moment) -> Result<bool, ReplayError> {
        let effects = self.state.apply(event, now)?;
        let changed = !effects.is_empty();
        let mut asked = Vec::new();
        for effect in effects {
            match effect {
                Effect::Persist(record) => self.saved.keep(record)?,
                Effect::LookBack { check, from, to } => asked.push((check, from, to)),
                // These lie outside, and a replay touches nothing there.
                Effect::Perform(_)
                | Effect::Send(_)
                | Effect::Rehearse { .. }
                | Effect::LookAgain(_)
                | Effect::LookAt(_) => {}
            }
        }
        // Everything is kept before the source is asked.
        for (check, from, to) in asked.into_iter().filter(|_| self.tape.remembers) {
            let history = self.history(&check, from, to);
            self.apply(Event::LookedBack { check, history }, now)?;
        }
        Ok(changed)
    }

    /// What the tape has of a check between two instants, whether it was looked at or not.
    fn history(&self, check: &CheckPath, from: Timestamp, to: Timestamp) -> Vec<Observation> {
        let within = |look: &&Look| {
            let at = self.tape.instant(look.at);
            look.check == *check && at > from && at < to
        };
        let seen = |look: &Look| Observation {
            at: self.moment(look.at),
            took: Duration::ZERO,
            outcome: look.outcome.clone(),
        };
        self.tape.looks.iter().filter(within).map(seen).collect()
    }

    /// Looks where the trigger stands now, and writes down if that is new.
    fn note(&mut self) -> Status {
        let report = self.state.report(self.moment(self.at));
        let now = &report.triggers[0];
        let credit = Duration::try_from_secs_f64(now.credit).unwrap_or_default();
        self.course.most = self.course.most.max(credit);
        if self.course.transitions.last().map(|t| t.state) != Some(now.state) {
            self.course.transitions.push(Transition {
                at: self.at,
                state: now.state,
                credit,
                flags: now.flags.clone(),
                because: now.because.clone(),
            });
            if now.state == Status::Fired && self.course.fired.is_none() {
                self.course.fired = Some(self.at);
            }
        }
        now.state
    }
}
