//! The runs, and the launch day. Runs are counted in all; with their names stand those under way and the newest others, so
//! that a launch with many deployments has no more series than one with few.

use launchgate_core::report::{DayReport, Report};
use launchgate_core::run::{Ended, Run, RunStatus, StepState};
use prometheus_client::registry::Registry;

use super::series::{Labels, Series};

/// How many runs that are over stand with their names: the newest ones.
const OVER: usize = 4;
const STATUSES: [RunStatus; 8] = [
    RunStatus::Running,
    RunStatus::NeedsDecision,
    RunStatus::Verified,
    RunStatus::Unverified,
    RunStatus::EndedWithFailures,
    RunStatus::Aborted,
    RunStatus::Completed,
    RunStatus::GaveWay,
];
const STEPS: [&str; 6] = ["planned", "started", "again", "succeeded", "failed", "skipped"];

pub(super) struct Runs {
    all: Series,
    status: Series,
    began: Series,
    steps: Series,
    current: Series,
    held: Series,
    day_held: Series,
    day_late: Series,
}

impl Runs {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let mut series = |name: &str, help: &str| Series::register(registry, name, help);
        Self {
            all: series("runs", "How many runs stand so"),
            status: series("run_status", "Whether this is how the run stands"),
            began: series("run_began_timestamp_seconds", "When the run began"),
            steps: series("run_steps", "How many of the run's steps stand so"),
            current: series(
                "run_current_step",
                "The step that waits for a person, is under way, or comes next",
            ),
            held: series("run_held", "Whether a person keeps the run from going on"),
            day_held: series("day_held", "Whether a person holds the launch day"),
            day_late: series(
                "day_late_seconds",
                "By how much the launch day's step that is under way or comes next is late",
            ),
        }
    }

    pub(super) fn fill(&self, of: &Labels, report: &Report) {
        for purpose in ["rollback", "launch"] {
            let of = of.and("purpose", purpose);
            for status in STATUSES {
                let is_so = |run: &&Run| run.status == status && purpose_of(run) == purpose;
                let labels = of.and("status", status.name());
                self.all.count(&labels, report.runs.iter().filter(is_so).count());
            }
        }
        for run in shown(&report.runs) {
            self.run(&of.and("run", run.id.0.as_str()).and("purpose", purpose_of(run)), run);
        }
        if let Some(day) = &report.day {
            self.day(of, day);
        }
    }

    fn run(&self, of: &Labels, run: &Run) {
        self.status
            .each(of, "status", STATUSES.map(RunStatus::name), |word| word == run.status.name());
        self.began.at(of, Some(run.at));
        for word in STEPS {
            let many = run.steps.iter().filter(|step| state(step) == word).count();
            self.steps.count(&of.and("state", word), many);
        }
        let current = if run.status.is_final() { None } else { run.current() };
        if let Some(step) = current.and_then(|place| run.procedure.steps.get(place)) {
            self.current.set(&of.and("step", step.id.as_str()), 1.0);
        }
        self.held.is(of, run.held.is_some());
    }

    fn day(&self, of: &Labels, day: &DayReport) {
        self.day_held.is(of, day.held.is_some());
        let next = day.steps.iter().find(|step| Some(&step.step) == day.next.as_ref());
        self.day_late.set(of, next.and_then(|step| step.late).unwrap_or_default());
    }
}

/// Those under way and the newest others, of runs from the newest on.
fn shown(runs: &[Run]) -> impl Iterator<Item = &Run> {
    let mut over = 0;
    runs.iter().filter(move |run| {
        over += usize::from(run.status.is_final());
        !run.status.is_final() || over <= OVER
    })
}

fn purpose_of(run: &Run) -> &'static str {
    if run.is_rollback() { "rollback" } else { "launch" }
}

fn state(step: &StepState) -> &'static str {
    match step {
        StepState::Planned => "planned",
        StepState::Started { .. } => "started",
        StepState::Again { .. } => "again",
        StepState::Ended { how: Ended::Succeeded, .. } => "succeeded",
        StepState::Ended { .. } => "failed",
        StepState::Skipped { .. } => "skipped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::Sample;

    #[test]
    fn a_launch_with_many_deployments_shows_few_runs_by_name() {
        let report = Sample::needs_decision().report();
        let asking = report.runs.first().expect("the sample has one");
        let over =
            |number: u32| Run { generation: number, status: RunStatus::Aborted, ..asking.clone() };
        let mut runs: Vec<Run> = (2..40).rev().map(over).collect();
        runs.push(asking.clone());
        let named: Vec<u32> = shown(&runs).map(|run| run.generation).collect();
        assert_eq!(named, [39, 38, 37, 36, asking.generation]);
    }
}
