//! A checklist on the board, with its checks.

use launchgate_core::attestation::{Decision, SignOff};
use launchgate_core::check::Level;
use launchgate_core::gate::Verdict;
use launchgate_core::report::{CheckReport, ChecklistReport, Report};
use maud::{Markup, html};

use super::super::words::{self, ago, tame};
use super::{badge, instant, link, orders, sentence};

/// How many odd parts of a look are shown; the API has the rest.
const MAX_PARTS: usize = 8;

/// A checklist; what is not GO is open.
pub(super) fn checklist(list: &ChecklistReport, report: &Report, live: bool) -> Markup {
    let (state, tone) = words::due(list.state);
    html! {
        details #{ "list-" (list.id) } open[list.verdict != Verdict::Go] data-verdict=(list.verdict.name()) {
            summary {
                (badge(list.verdict.name(), words::verdict(list.verdict))) " "
                strong { (tame(&list.title)) }
                span.fine {
                    " due " time datetime=(list.due_at) { (list.due) } ", "
                    span.(tone.class()) { (state) }
                    " · " (words::counts(list)) " · " (words::gates(list.gates))
                    @if let Some(owner) = &list.owner { " · " (words::holders(owner, &list.people)) }
                }
            }
            ul.checks { @for each in &list.checks { (check(each, report, live)) } }
        }
    }
}

/// Where a check stands on the page.
pub(super) fn anchor(check: &CheckReport) -> String {
    format!("check-{}-{}", check.id.checklist, check.id.check)
}

/// A check with what was seen and who said what about it.
pub(super) fn check(check: &CheckReport, report: &Report, live: bool) -> Markup {
    let (mark, tone) = words::outcome(check.outcome);
    html! {
        li #(anchor(check)) {
            span.mark.(tone.class()) aria-hidden="true" { (mark) }
            div {
                span.outcome.(tone.class()) { (check.outcome.name()) } " "
                strong { (tame(&check.title)) } " " code { (check.id.check) }
                @if check.level == Level::Advisory { span.fine { " advisory" } }
                p {
                    (sentence(&check.because)) (age(check, report))
                    @if live && check.observed_at.is_some() {
                        span.fine { " · " a href={ "/launches/" (report.launch) "/checks/" (check.id) } aria-label={ "History of " (check.id) } { "history" } }
                    }
                }
                (parts(check))
                @for each in &check.sign_offs { (sign_off(each, report)) }
                @if let Some(waiver) = &check.waiver {
                    p.fine {
                        "~ waived by " strong { (waiver.person) } " " time datetime=(waiver.at) { (ago(waiver.at, report.as_of)) }
                        ", until " (instant(waiver.until, report)) ": " (tame(&waiver.reason))
                    }
                }
                @if live { (orders::check(check)) }
            }
        }
    }
}

fn age(check: &CheckReport, report: &Report) -> Markup {
    html! {
        @if let (Some(at), Some(age)) = (check.observed_at, words::age(check, report)) {
            span.fine {
                " · seen " time datetime=(at) { (age) }
                @if let Some(fresh_for) = check.fresh_for { ", counts for " (words::seconds(fresh_for)) }
            }
        }
    }
}

/// What stood out among the things that were looked at.
fn parts(check: &CheckReport) -> Markup {
    let odd = check.readings.iter().flat_map(|readings| &readings.parts).filter(|part| part.odd);
    let odd: Vec<_> = odd.take(MAX_PARTS).collect();
    html! {
        @if !odd.is_empty() {
            ul.parts { @for part in odd { li { code { (tame(&part.subject)) } " " (tame(&part.says)) } } }
        }
    }
}

fn sign_off(sign_off: &SignOff, report: &Report) -> Markup {
    let said = match sign_off.decision {
        Decision::Approved => "✓ approved by ",
        Decision::Rejected => "✗ rejected by ",
    };
    html! {
        p.fine {
            (said) strong { (sign_off.person) } " " time datetime=(sign_off.at) { (ago(sign_off.at, report.as_of)) }
            " for version " (tame(&sign_off.version))
            @if let Some(evidence) = &sign_off.evidence { " · " (link(evidence, evidence)) }
            @for (name, value) in &sign_off.values { " · " (name) " " strong { (tame(value)) } }
            @if let Some(note) = &sign_off.note { " · " (tame(note)) }
        }
    }
}
