//! What is under way: a rollback first, then the launch day, step by step, with what comes next and who does it.

use launchgate_core::report::{DayReport, DayStep, Report};
use launchgate_core::run::{Run, StepState};
use ratatui::text::{Line, Span};

use super::pane::{Item, Pane, Subject};
use super::text::{badge, bold, calm, column, fit, plain, toned, wrap};
use crate::render::words::{self, Tone, ago, tame};

/// A person's task and its command are not cut.
const WHOLE: usize = 20;

pub(super) fn pane(report: &Report, width: usize, most: usize) -> Pane {
    let of_day = report.day.as_ref().and_then(|day| day.run.as_ref());
    let (ended, going): (Vec<&Run>, Vec<&Run>) = report
        .runs
        .iter()
        .filter(|run| Some(&run.id) != of_day)
        .partition(|run| run.status.is_final());
    let mut list = List { items: Vec::new(), anchor: None, report, width, most };
    for run in going {
        list.run(run);
    }
    if let Some(day) = &report.day {
        list.day(day);
    }
    for run in ended {
        list.run(run);
    }
    Pane {
        name: "Under way",
        says: vec![now(report)],
        anchor: list.anchor.unwrap_or_default(),
        items: list.items,
        empty: Line::from(calm("Nothing, and the launch has no plan of its day.")),
    }
}

/// The most urgent of what is under way.
fn now(report: &Report) -> Span<'static> {
    let asks = report.runs.iter().any(|run| run.asking().is_some());
    let going = report.runs.iter().find(|run| !run.status.is_final());
    match (asks, going, &report.day) {
        (true, ..) => badge("a person must act", Tone::Bad),
        (_, Some(run), _) => badge(run.standing(), words::run(run.status)),
        (_, None, Some(day)) => badge(&day.standing, Tone::Calm),
        (_, None, None) => badge("nothing", Tone::Calm),
    }
}

struct List<'a> {
    items: Vec<Item>,
    /// The step that is under way, or comes next.
    anchor: Option<usize>,
    report: &'a Report,
    width: usize,
    most: usize,
}

impl List<'_> {
    fn run(&mut self, run: &Run) {
        // What a person is to do comes before the steps.
        if run.asking().is_some() && self.anchor.is_none() {
            self.anchor = Some(self.items.len());
        }
        let head = vec![
            badge(run.standing(), words::run(run.status)),
            plain("  "),
            bold(run.procedure.id.to_string()),
            plain(format!(" · {} · {}", tame(&run.cause), ago(run.at, self.report.as_of))),
        ];
        let mut lines = wrap(vec![], head, self.width, self.most);
        lines.extend(held(run.held.as_ref(), self.width, self.most));
        lines.extend(self.asking(run));
        self.items.push(Item { subject: Subject::Run(Some(run.id.clone())), lines });
        if run.status.is_final() && self.most == 1 {
            return;
        }
        for (index, (step, state)) in run.procedure.steps.iter().zip(&run.steps).enumerate() {
            let is_now = !run.status.is_final() && !is_over(state);
            if is_now && self.anchor.is_none() {
                self.anchor = Some(self.items.len());
            }
            let mut says = vec![bold(step.id.to_string()), plain(format!(" ({})", step.action))];
            if let StepState::Started { at, .. } | StepState::Ended { at, .. } = state {
                says.push(calm(format!(" · {}", ago(*at, self.report.as_of))));
            }
            if let Some(owner) = &step.owner {
                says.push(plain(format!(" · {owner}")));
            }
            let lines = self.step(index, state, says);
            self.items.push(Item { subject: Subject::Step(Some(run.id.clone()), index), lines });
        }
    }

    fn day(&mut self, day: &DayReport) {
        let run = day.run.as_ref().and_then(|id| self.report.runs.iter().find(|run| run.id == *id));
        if run.is_some_and(|run| run.asking().is_some()) && self.anchor.is_none() {
            self.anchor = Some(self.items.len());
        }
        let tone = run.map_or(Tone::Calm, |run| words::run(run.status));
        let head = vec![
            badge(&day.standing, tone),
            plain("  "),
            bold("Launch day"),
            plain(format!(" · {}", day.procedure)),
        ];
        let mut lines = vec![fit(head, self.width)];
        lines.extend(held(day.held.as_ref(), self.width, self.most));
        lines.extend(run.map(|run| self.asking(run)).unwrap_or_default());
        self.items.push(Item { subject: Subject::Run(day.run.clone()), lines });
        for (index, step) in day.steps.iter().enumerate() {
            let is_next = Some(&step.step) == day.next.as_ref();
            if is_next && self.anchor.is_none() {
                self.anchor = Some(self.items.len());
            }
            let says = of_day(step, is_next, self.report);
            let lines = self.step(index, &step.state, says);
            self.items.push(Item { subject: Subject::Step(day.run.clone(), index), lines });
        }
    }

    fn step(
        &self,
        index: usize,
        state: &StepState,
        says: Vec<Span<'static>>,
    ) -> Vec<Line<'static>> {
        let (word, tone, evidence) = words::step(state);
        let head = vec![
            plain(format!("{:>3}. ", index + 1)),
            column(tone.mark(), word, 10, tone),
            plain(" "),
        ];
        let mut lines = wrap(head, says, self.width, self.most);
        if !evidence.is_empty() && self.most > 1 {
            let indent = " ".repeat(18.min(self.width / 3));
            lines.extend(wrap(
                vec![plain(indent)],
                vec![calm(tame(evidence))],
                self.width,
                self.most,
            ));
        }
        lines
    }

    /// What a person must do for a run to go on, and the command for it.
    fn asking(&self, run: &Run) -> Vec<Line<'static>> {
        let Some(step) = run.asking() else { return Vec::new() };
        let (task, command) = words::ask(run, step);
        let head = vec![toned("  ! WAITS FOR A PERSON", Tone::Bad), plain("  ")];
        let mut lines = wrap(head, vec![bold(task)], self.width, WHOLE);
        lines.extend(wrap(vec![plain("    ")], vec![plain(command)], self.width, WHOLE));
        lines
    }
}

fn is_over(state: &StepState) -> bool {
    match state {
        StepState::Ended { how, .. } => !how.is_certain_failure(),
        StepState::Skipped { .. } => true,
        StepState::Planned | StepState::Started { .. } | StepState::Again { .. } => false,
    }
}

/// A step of the launch day: whether it is next, when it is planned, whose it is, and how late.
pub(super) fn of_day(step: &DayStep, is_next: bool, report: &Report) -> Vec<Span<'static>> {
    let mut says = Vec::new();
    if is_next && matches!(step.state, StepState::Planned) {
        says.push(toned("next: ", Tone::Open));
    }
    says.push(bold(step.step.to_string()));
    says.push(plain(format!(" ({})", step.action)));
    let planned = words::planned(step, report);
    if !planned.is_empty() {
        says.push(plain(format!(" · {planned}")));
    }
    if let Some(owner) = &step.owner {
        says.push(plain(format!(" · {}", words::holders(owner, &step.people))));
    }
    if let Some(late) = step.late {
        says.push(plain(" · "));
        says.push(toned(format!("late by {}", words::seconds(late)), Tone::Bad));
    }
    says
}

fn held(
    held: Option<&launchgate_core::run::Held>,
    width: usize,
    most: usize,
) -> Vec<Line<'static>> {
    let Some(held) = held else { return Vec::new() };
    let says = format!("by {} at {:.0}: {}", held.person, held.at, tame(&held.reason));
    wrap(vec![toned("  ! HELD", Tone::Bad), plain("  ")], vec![plain(says)], width, most)
}
