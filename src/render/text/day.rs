//! The launch day on a terminal: each step with its planned time, its owner, and how late it is.

use launchgate_core::report::{DayStep, Report};

use super::Page;
use crate::render::words::{self, Tone, tame};

impl Page {
    pub(super) fn day(&mut self, report: &Report) {
        let Some(day) = &report.day else { return };
        let tone = match &day.run {
            None => Tone::Calm,
            Some(id) => {
                let run = report.runs.iter().find(|run| run.id == *id);
                run.map_or(Tone::Calm, |run| words::run(run.status))
            }
        };
        let standing = self.badge(&day.standing, 0, tone);
        self.line("");
        self.wrapped("", 0, &format!("Launch day {}  {standing}", day.procedure));
        if let Some(held) = &day.held {
            let head = self.toned("  ! HELD", Tone::Bad);
            let says = format!("by {} at {:.0}: {}", held.person, held.at, tame(&held.reason));
            self.wrapped(&format!("{head}  "), 10, &says);
        }
        for (index, step) in day.steps.iter().enumerate() {
            self.day_step(index, step, report);
        }
        let asking = day.run.as_ref().and_then(|id| report.runs.iter().find(|run| run.id == *id));
        if let Some(run) = asking {
            self.asking(run);
        }
    }

    fn day_step(&mut self, index: usize, step: &DayStep, report: &Report) {
        let (word, tone, evidence) = words::step(&step.state);
        let word = self.badge(word, 10, tone);
        let planned = words::planned(step, report);
        let who = step.owner.as_ref().map(|role| words::holders(role, &step.people));
        let who = who.map_or_else(String::new, |who| format!(" · {who}"));
        let late = step.late.map_or_else(String::new, |late| {
            let text = format!(" · late by {}", words::seconds(late));
            self.toned(&text, Tone::Bad)
        });
        let head = format!("  {:>2}. {word}  {planned:<14} ", index + 1);
        self.wrapped(&head, 35, &format!("{} ({}){who}{late}", step.step, step.action));
        if !evidence.is_empty() {
            self.wrapped(&" ".repeat(20), 20, &tame(evidence));
        }
    }
}
