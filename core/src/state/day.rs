//! The launch day: the run of a launch procedure, begun by a person, with its plan beside it: who does what next, and what
//! is late.

use std::time::Duration;

use jiff::Timestamp;

use super::{Effect, Record, Rejected, State};
use crate::milestone::Phase;
use crate::name::Name;
use crate::procedure::{Procedure, Purpose, Step};
use crate::report::{DayReport, DayStep};
use crate::run::{Run, RunEvent, RunId, RunStatus, StepState};
use crate::time::{Due, Moment, elapsed, format_duration};

/// A step is late when it should have begun this long ago.
const LATE: Duration = Duration::from_secs(60);
/// People are called to a step that is this late.
const VERY_LATE: Duration = Duration::from_secs(5 * 60);

impl State {
    /// Begins a launch procedure.
    pub(super) fn begin_launch(
        &mut self,
        procedure: &Name,
        person: &Name,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let found = self.plan.procedures.get(procedure).cloned();
        let procedure = found.ok_or_else(|| Rejected::NoSuchProcedure(procedure.clone()))?;
        self.must_command(person)?;
        if procedure.purpose != Purpose::Launch {
            return Err(Rejected::NotALaunch(procedure.id));
        }
        let phase = Phase::after(&self.milestones);
        if !matches!(phase, Phase::Preparing | Phase::RolledBack | Phase::Launching) {
            return Err(Rejected::NothingToLaunch(phase));
        }
        if let Some(open) = self.launch_run().filter(|run| !run.status.is_final()) {
            return Err(Rejected::LaunchUnderWay(open.id.clone()));
        }
        let number = self.runs.iter().filter(|run| !run.is_rollback()).count() + 1;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let cause = format!("{person} began {}", procedure.id);
        let launch = self.plan.launch.clone();
        let mut run = Run::of_launch(launch, number, procedure, cause, now.wall);
        self.instruct(&mut run);
        effects.push(Effect::Persist(Record::RunCreated(Box::new(run.clone()))));
        self.runs.push(run);
        Ok(())
    }

    /// Holds a launch's run, or lets it go on.
    pub(super) fn hold_run(
        &mut self,
        id: &RunId,
        person: Name,
        reason: Option<String>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        self.must_command(&person)?;
        let at = now.wall;
        let event = match reason {
            Some(reason) => RunEvent::Held { person, reason, at },
            None => RunEvent::Resumed { person, at },
        };
        self.run_event(id, event, effects)
    }

    /// The newest run of a launch procedure.
    fn launch_run(&self) -> Option<&Run> {
        self.runs.iter().rev().find(|run| !run.is_rollback())
    }

    /// Whether a step may begin by the clock.
    pub(super) fn is_time_for(&self, run: &RunId, step: usize, at: Timestamp) -> bool {
        let run = self.runs.iter().find(|known| known.id == *run);
        let step = run.and_then(|run| run.procedure.steps.get(step));
        let earliest = step.and_then(|step| step.not_before);
        earliest.is_none_or(|due| at >= self.instant(due))
    }

    pub(super) fn instant(&self, due: Due) -> Timestamp {
        due.resolve(&self.anchor(due.anchor))
    }

    /// Ends the launch's run, since a rollback begins. A step of it that is under way cannot be called back: whoever reads
    /// the page is told.
    pub(super) fn give_way(&mut self, at: Timestamp, effects: &mut Vec<Effect>) -> Option<String> {
        let open = self.launch_run().filter(|run| !run.status.is_final())?;
        let acting = open.open_attempts().next().map(|(step, _)| &open.procedure.steps[step].id);
        let note = acting.map(|step| {
            format!("; the step `{step}` of run {} is under way and is not called back", open.id)
        });
        let id = open.id.clone();
        let ended = RunEvent::Finished { status: RunStatus::GaveWay, at };
        self.run_event(&id, ended, effects).expect("a run in flight can end");
        note
    }

    /// Begins the rollback that a failed step of the launch calls for.
    pub(super) fn roll_back_for_failure(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if !self.may_roll_back() {
            return;
        }
        let Some(run) = self.launch_run().filter(|run| !run.status.is_final()) else { return };
        let Some((procedure, step, evidence)) = run.calls_for_rollback() else { return };
        let id = run.id.clone();
        let says = evidence.lines().last().unwrap_or_default();
        let cause = format!("step {step} of run {id} failed: {says}");
        let procedure = procedure.clone();
        if self.obstacle(Duration::ZERO, now).is_none() {
            self.start_run(&procedure, &cause, &format!("run {id}"), now, effects);
        }
    }

    /// The step of the launch that should have begun long ago, as `run/step`, and how late it is.
    pub(super) fn late_step(&self, now: Moment) -> Option<(String, Duration)> {
        let run = self.launch_run().filter(|run| !run.status.is_final())?;
        let place = run.current()?;
        let step = &run.procedure.steps[place];
        let late = elapsed(self.instant(step.at?), now.wall);
        let waits = late >= VERY_LATE && run.steps[place] == StepState::Planned;
        waits.then(|| (format!("{}/{}", run.id, step.id), late))
    }

    /// Calls for people when a step of the launch is very late.
    pub(super) fn call_for_late_steps(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Some((step, late)) = self.late_step(now) else { return };
        let run = self.launch_run().map(|run| run.id.clone());
        let subject = format!("late/{step}");
        let told = self.plan.page.first().map(|channel| format!("{subject}/{channel}"));
        if told.is_some_and(|told| self.outbox.about(&told).is_none()) {
            let late = format_duration(late);
            let text = match step.rsplit_once('/') {
                Some((run, step)) => format!("the step `{step}` of run {run} is late by {late}"),
                None => format!("{step} is late by {late}"),
            };
            self.page(&subject, &text, run.as_ref(), now, effects);
        }
    }

    /// The launch day: its newest run, or its plan before there is one.
    pub(super) fn day_report(&self, now: Moment) -> Option<DayReport> {
        let run = self.launch_run();
        let planned = || self.plan.procedures.values().find(|p| p.purpose == Purpose::Launch);
        let procedure: &Procedure = match run {
            Some(run) => &run.procedure,
            None => planned()?,
        };
        let next = match run {
            Some(run) if !run.status.is_final() => run.current(),
            Some(_) | None => None,
        };
        let steps = procedure.steps.iter().enumerate();
        Some(DayReport {
            procedure: procedure.id.clone(),
            run: run.map(|run| run.id.clone()),
            standing: run.map_or("not begun", Run::standing).to_owned(),
            held: run.and_then(|run| run.held.clone()),
            next: next.map(|place| procedure.steps[place].id.clone()),
            steps: steps.map(|(place, step)| self.day_step(run, step, place, now)).collect(),
        })
    }

    fn day_step(&self, run: Option<&Run>, step: &Step, place: usize, now: Moment) -> DayStep {
        let planned_at = step.at.map(|due| self.instant(due));
        let state = run.and_then(|run| run.steps.get(place));
        let began = match state {
            Some(StepState::Started { at, .. }) => Some(*at),
            Some(StepState::Planned) => run.filter(|run| !run.status.is_final()).map(|_| now.wall),
            _ => None,
        };
        let late = began.zip(planned_at).map(|(began, planned)| elapsed(planned, began));
        let role = step.owner.as_ref();
        DayStep {
            step: step.id.clone(),
            action: step.action.clone(),
            owner: step.owner.clone(),
            people: role.and_then(|role| self.plan.people.get(role)).cloned().unwrap_or_default(),
            planned: step.at.map(|due| due.to_string()),
            planned_at,
            state: state.cloned().unwrap_or(StepState::Planned),
            late: late.filter(|late| *late >= LATE).map(|late| late.as_secs_f64()),
            instructions: step
                .settings
                .get("instructions")
                .and_then(serde_json::Value::as_str)
                .map(str::to_owned),
        }
    }
}
