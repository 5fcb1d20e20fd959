//! A run on the board: its steps, what they left as evidence, and what a person must decide.

use launchgate_core::report::Report;
use launchgate_core::run::{Run, StepState};
use maud::{Markup, html};

use super::super::words::{self, ago, tame};
use super::{badge, orders};

/// A run with its steps.
pub(super) fn run(run: &Run, report: &Report, live: bool) -> Markup {
    html! {
        section.run #{ "run-" (run.id) } aria-labelledby={ "run-" (run.id) "-title" } {
            h2 #{ "run-" (run.id) "-title" } {
                "Run " code { (run.id) } " " (badge(run.standing(), words::run(run.status)))
            }
            p { (tame(&run.cause)) span.fine { " · began " (ago(run.at, report.as_of)) } }
            (asks(run, live))
            ol.steps {
                @for (step, state) in run.procedure.steps.iter().zip(&run.steps) {
                    @let (word, tone, evidence) = words::step(state);
                    li {
                        (badge(word, tone)) " " strong { (step.id) } " "
                        span.fine {
                            (step.action)
                            @if let Some(owner) = &step.owner { " · " (owner) }
                            @if let StepState::Started { at, .. } | StepState::Ended { at, .. } = state { " · " (ago(*at, report.as_of)) }
                        }
                        @if !evidence.is_empty() { pre { (tame(evidence)) } }
                    }
                }
            }
        }
    }
}

fn asks(run: &Run, live: bool) -> Markup {
    html! {
        @if let Some(step) = run.asking() {
            @let (task, command) = words::ask(run, step);
            p.alarm role="alert" { strong { "! A person must act: " } (task) code.command { (command) } }
            @if live { (orders::waiting(run, step)) }
        }
    }
}
