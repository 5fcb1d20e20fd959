//! The first screen below the answer: what blocks and who must act, what is about to fire or blind, what comes next.

use launchgate_core::report::{Report, TriggerReport};
use launchgate_core::trigger::Status;
use maud::{Markup, html};

use super::super::words::{self, Tone};
use super::badge;

/// The strip below the headline. Its headings lead `to` the parts of this page, or of another.
pub fn glance(report: &Report, to: &str) -> Markup {
    let run = if report.day.is_some() { "day" } else { "runs" };
    html! {
        dl.glance {
            div { dt { a href={ (to) "#blockers" } { "Blocked by" } } dd { (blocked(report)) } }
            div { dt { a href={ (to) "#triggers" } { "Rollback triggers" } } dd { (triggers(report)) } }
            div { dt { a href={ (to) "#" (run) } { "Under way" } } dd { (under_way(report)) } }
        }
    }
}

fn blocked(report: &Report) -> Markup {
    let mut owners: Vec<String> =
        report.blockers.iter().filter_map(|blocker| words::who(blocker, report)).collect();
    owners.sort();
    owners.dedup();
    html! {
        @match report.blockers.len() {
            0 => { (badge("nothing", Tone::Good)) },
            1 => { (badge("1 check", words::verdict(report.verdict))) },
            n => { (badge(&format!("{n} checks"), words::verdict(report.verdict))) },
        }
        @if !owners.is_empty() { " to act: " strong { (owners.join("; ")) } }
    }
}

fn triggers(report: &Report) -> Markup {
    let worst = report.triggers.iter().map(words::nearness).max().unwrap_or_default();
    let such: Vec<&TriggerReport> =
        report.triggers.iter().filter(|trigger| words::nearness(trigger) == worst).collect();
    html! {
        @match such.as_slice() {
            [] => { (badge("none", Tone::Calm)) },
            [only] => {
                (badge(only.state.name(), words::trigger(only.state))) " " strong { (only.id) }
                @if only.state == Status::Pending { " " (words::credit(only)) }
                (words::flags(only))
            },
            several => {
                (badge(&format!("{} {}", several.len(), several[0].state.name()), words::trigger(several[0].state)))
                @if worst > 1 { " " strong { (several.iter().map(|t| t.id.as_str()).collect::<Vec<_>>().join(", ")) } }
            },
        }
    }
}

fn under_way(report: &Report) -> Markup {
    let asking = report.runs.iter().find_map(|run| Some((run, run.asking()?)));
    let running = report.runs.iter().find(|run| !run.status.is_final());
    let next = report
        .day
        .as_ref()
        .and_then(|day| day.steps.iter().find(|step| Some(&step.step) == day.next.as_ref()));
    html! {
        @if let Some((run, step)) = asking {
            (badge("a person must act", Tone::Bad)) " " strong { (run.procedure.steps[step].id) } " of " (run.id)
        } @else if let Some(step) = next {
            @let (word, tone, _) = words::step(&step.state);
            (badge(word, tone)) " " strong { (step.step) } " " (words::planned(step, report))
            @if let Some(owner) = &step.owner { " · " (words::holders(owner, &step.people)) }
            @if let Some(late) = step.late { " · " span.late { "late by " (words::seconds(late)) } }
        } @else if let Some(run) = running {
            (badge(run.standing(), words::run(run.status))) " " (run.id)
        } @else {
            (badge("nothing", Tone::Calm))
        }
    }
}
