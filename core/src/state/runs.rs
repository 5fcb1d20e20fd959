//! What becomes of a run: created once per deployment, moved on as far as it goes without waiting.

use super::{Effect, Perform, Record, Rejected, State};
use crate::milestone::{Milestone, Reached};
use crate::name::Name;
use crate::procedure::Step;
use crate::run::{Choice, Ended, Next, Run, RunEvent, RunId};
use crate::time::Moment;
use jiff::Timestamp;

impl State {
    /// Creates the run of this deployment, unless there is one.
    pub(super) fn start_run(
        &mut self,
        procedure: &Name,
        cause: &str,
        by: &str,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Option<RunId> {
        let id = RunId::of(&self.plan.launch, self.generation());
        if self.runs.iter().any(|run| run.id == id) {
            return None;
        }
        let procedure = self.plan.procedures.get(procedure)?.clone();
        let mut run = Run::new(
            self.plan.launch.clone(),
            self.generation(),
            procedure,
            cause.to_owned(),
            now.wall,
        );
        run.target = (self.plan.target != self.plan.launch).then(|| self.plan.target.clone());
        self.instruct(&mut run);
        let still = self.give_way(now.wall, effects).unwrap_or_default();
        effects.push(Effect::Persist(Record::RunCreated(Box::new(run.clone()))));
        self.runs.push(run);
        let text = format!("a rollback begins, run {id}: {cause}{still}");
        self.page(&format!("run/{id}"), &text, Some(&id), now, effects);
        let began =
            Reached { milestone: Milestone::RollbackStarted, at: now.wall, by: by.to_owned() };
        self.reach(began, now, effects);
        Some(id)
    }

    /// Fills in what a person reads at a `manual` step: nobody else will.
    pub(super) fn instruct(&self, run: &mut Run) {
        let known = run.clone();
        for step in run.procedure.steps.iter_mut().filter(|step| step.is_manual()) {
            if let Some(serde_json::Value::String(text)) = step.settings.get_mut("instructions") {
                *text = self.filled(&known, text);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one per field of the event")]
    pub(super) fn decide(
        &mut self,
        run: &RunId,
        step: usize,
        decision: Choice,
        person: Name,
        reason: String,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        if !self.does_the_step(run, step, decision, &person) {
            self.must_command(&person)?;
        }
        let decided = RunEvent::Decided { step, decision, person, reason, at: now.wall };
        self.run_event(run, decided, effects)
    }

    /// Whether a person says of their own step on the launch day that it is done.
    fn does_the_step(&self, run: &RunId, step: usize, decision: Choice, person: &Name) -> bool {
        let run = self.runs.iter().find(|known| known.id == *run);
        let owned = run.filter(|run| run.has_owner_at_work(step));
        let owner = owned.and_then(|run| run.procedure.steps[step].owner.as_ref());
        decision == Choice::MarkSucceeded && owner.is_some_and(|role| self.plan.holds(person, role))
    }

    pub(super) fn run_event(
        &mut self,
        id: &RunId,
        event: RunEvent,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let run = self
            .runs
            .iter_mut()
            .find(|run| run.id == *id)
            .ok_or_else(|| Rejected::NoSuchRun(id.clone()))?;
        run.apply(&event)?;
        effects.push(Effect::Persist(Record::Run { run: id.clone(), event }));
        Ok(())
    }

    /// Has what the last process had under way looked at. What is found comes back as the attempt's end; to be told so is
    /// no record, so that the next process looks again if this one does not get to it.
    pub(super) fn recover(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        for memory in &mut self.triggers {
            memory.unconfirmed = memory.status.is_armed();
        }
        // What time brings now is sent as it is made.
        self.resend(effects);
        self.tick(now, effects);
        self.ask_again(effects);
        let running = self.runs.iter().filter(|run| !run.status.is_final());
        let open: Vec<(RunId, usize, u32)> = running
            .flat_map(|run| {
                run.open_attempts().map(|(step, attempt)| (run.id.clone(), step, attempt))
            })
            .collect();
        for (id, step, attempt) in open {
            // What is queued already is not queued twice.
            if self.is_message(&id, step) {
                self.queue(&id, step, attempt, now, effects);
            } else {
                effects.extend(self.attempt(&id, step, attempt).map(Effect::LookAt));
            }
        }
    }

    /// Moves every run on as far as it goes without waiting.
    pub(super) fn advance(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.stopping {
            return;
        }
        let open: Vec<RunId> =
            self.runs.iter().filter(|r| !r.status.is_final()).map(|r| r.id.clone()).collect();
        for id in open {
            while let Some(event) = self.next_event(&id, now.wall) {
                self.run_event(&id, event.clone(), effects).expect("`next` gives what may follow");
                match event {
                    RunEvent::StepStarted { step, attempt, .. } => {
                        if self.is_message(&id, step) {
                            self.queue(&id, step, attempt, now, effects);
                            continue;
                        }
                        effects.extend(self.attempt(&id, step, attempt).map(Effect::Perform));
                        break;
                    }
                    RunEvent::Finished { .. } if !self.rolls_back(&id) => break,
                    RunEvent::Finished { .. } => {
                        let by = format!("run {id}");
                        let ended = Reached { milestone: Milestone::RolledBack, at: now.wall, by };
                        self.reach(ended, now, effects);
                        break;
                    }
                    _ => {}
                }
            }
        }
    }

    fn rolls_back(&self, id: &RunId) -> bool {
        self.runs.iter().any(|run| run.id == *id && run.is_rollback())
    }

    fn is_message(&self, id: &RunId, step: usize) -> bool {
        let run = self.runs.iter().find(|run| run.id == *id);
        run.and_then(|run| run.procedure.steps.get(step)).is_some_and(Step::is_message)
    }

    /// Queues a step's messages, which ends it: what is told must not hold up what is done.
    fn queue(
        &mut self,
        id: &RunId,
        step: usize,
        attempt: u32,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(run) = self.runs.iter().find(|run| run.id == *id).cloned() else { return };
        let evidence = self.announce(&run, &run.procedure.steps[step], now, effects);
        let (how, at) = (Ended::Succeeded, now.wall);
        let ended = RunEvent::StepEnded { step, attempt, how, evidence, at };
        self.run_event(id, ended, effects).expect("an attempt that began can end");
    }

    pub(super) fn next_event(&self, id: &RunId, at: Timestamp) -> Option<RunEvent> {
        let run = self.runs.iter().find(|run| run.id == *id)?;
        let reached = |m: Milestone| self.reached_this_deployment(m);
        match run.next(reached) {
            Next::Start { step, .. } if !self.is_time_for(id, step, at) => None,
            Next::Start { step, attempt } => Some(RunEvent::StepStarted { step, attempt, at }),
            Next::Skip { step, because } => Some(RunEvent::StepSkipped { step, because, at }),
            Next::Finish(status) => Some(RunEvent::Finished { status, at }),
            Next::Wait => None,
        }
    }

    pub(super) fn reached_this_deployment(&self, milestone: Milestone) -> bool {
        let began = self.milestones.iter().rposition(|r| r.milestone == Milestone::DeployStarted);
        began.is_some_and(|i| self.milestones[i..].iter().any(|r| r.milestone == milestone))
    }

    /// What is to be known of an attempt that is under way.
    pub(super) fn attempt(&self, id: &RunId, step: usize, attempt: u32) -> Option<Box<Perform>> {
        let run = self.runs.iter().find(|run| run.id == *id)?;
        Some(Box::new(Perform {
            run: id.clone(),
            step: run.procedure.steps.get(step)?.clone(),
            index: step,
            attempt,
            generation: run.generation,
            cause: run.cause.clone(),
            since: run.started_at(step)?,
        }))
    }
}
