//! The launch day on the board: who does what when, and what is late.

use launchgate_core::report::{DayReport, DayStep, Report};
use maud::{Markup, html};

use super::super::words::{self, tame};
use super::{badge, instant, orders};

/// The launch day; an empty section where there is no plan of it, so that a live page keeps its place.
pub(super) fn day(report: &Report, live: bool) -> Markup {
    html! {
        section #day aria-labelledby="day-title" hidden[report.day.is_none()] {
            h2 #day-title { "Launch day" }
            @if let Some(day) = &report.day { (plan(day, report, live)) }
        }
    }
}

fn plan(day: &DayReport, report: &Report, live: bool) -> Markup {
    let run = day.run.as_ref().and_then(|id| report.runs.iter().find(|run| run.id == *id));
    let asking = run.and_then(|run| Some((run, run.asking()?)));
    html! {
        div.run {
            p { code { (day.procedure) } " · " (day.standing) }
            @if let Some(held) = &day.held {
                p.alarm { strong { "! Held" } " by " (held.person) " at " (instant(held.at, report)) ": " (tame(&held.reason)) }
            }
            @if let Some((run, step)) = asking {
                @let (task, command) = words::ask(run, step);
                p.alarm role="alert" { strong { "! A person must act: " } (task) code.command { (command) } }
                @if live { (orders::waiting(run, step)) }
            }
            @if live { (orders::day(day, report)) }
            div.scroll tabindex="0" role="region" aria-label="Steps of the launch day" {
                table {
                    thead { tr { th scope="col" { "Planned" } th scope="col" { "Step" } th scope="col" { "Who" } th scope="col" { "State" } } }
                    tbody { @for each in &day.steps { (step(each, day, report)) } }
                }
            }
        }
    }
}

fn step(step: &DayStep, day: &DayReport, report: &Report) -> Markup {
    let (word, tone, evidence) = words::step(&step.state);
    let next = day.next.as_ref() == Some(&step.step);
    html! {
        tr.next[next] aria-current=[next.then_some("step")] {
            td.when { (words::planned(step, report)) }
            td {
                strong { (step.step) } span.fine { " " (step.action) }
                @if let Some(text) = step.instructions.as_ref().filter(|_| next) { p.fine { (tame(text)) } }
                @if !evidence.is_empty() { p.fine { (tame(evidence)) } }
            }
            td { @if let Some(owner) = &step.owner { (words::holders(owner, &step.people)) } }
            td { (badge(word, tone)) @if let Some(late) = step.late { " " span.late { "late by " (words::seconds(late)) } } }
        }
    }
}
