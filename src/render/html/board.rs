//! The board: the answer, then what blocks it and who must act, then everything else.

use launchgate_core::gate::Blocker;
use launchgate_core::report::{Report, TriggerReport};
use maud::{Markup, html};

use super::super::words::{self, ago, countdown, tame};
use super::announcements::{announcements, reach};
use super::checklist::{anchor, checklist};
use super::day::day;
use super::glance::glance;
use super::happened::{happened, watch};
use super::run::run;
use super::{badge, instant, link, orders, sentence};

/// What changes with every report. Its parts are always there, so that a live page can compare them one by one; a live
/// one has the buttons that give orders.
pub fn board(report: &Report, live: bool) -> Markup {
    let of_day = report.day.as_ref().and_then(|day| day.run.as_ref());
    html! {
        (headline(report, live))
        (glance(report, ""))
        div #alarms role="alert" {
            @for alarm in &report.alarms { p.alarm { strong { "✗ Alarm " } (sentence(alarm)) } }
        }
        (blockers(report, live))
        (day(report, live))
        div #runs { @for each in report.runs.iter().filter(|run| Some(&run.id) != of_day) { (run(each, report, live)) } }
        (triggers(report, live))
        section #checklists aria-labelledby="checklists-title" {
            h2 #checklists-title { "Checklists" }
            @for list in &report.checklists { (checklist(list, report, live)) }
        }
        (watch(report))
        (announcements(report))
        (happened(report, live))
    }
}

fn headline(report: &Report, live: bool) -> Markup {
    let tone = words::verdict(report.verdict);
    html! {
        header #headline.headline.(tone.class()) data-verdict=(report.verdict.name()) {
            div.answer aria-live="polite" aria-atomic="true" {
                p.question { (tame(&report.question)) }
                h1 { span aria-hidden="true" { (tone.mark()) " " } (report.verdict.name()) }
            }
            p.countdown role="timer" {
                span #countdown data-seconds=(report.seconds_to_go_live) { (countdown(report.seconds_to_go_live)) }
                small { "Go-live " (words::schedule(report)) }
            }
            div.what {
                p { strong { (words::about(report)) } " · " (report.phase.name()) }
                @if let Some(made) = report.decisions.first() {
                    p.decided { "Decided " (badge(made.decision.name(), words::decision(made, report))) " " (words::decided(made, report)) }
                }
                @if live { (orders::decision(report)) }
                p.late hidden[report.on_schedule] { "✗ Overdue: " (words::names(&report.overdue)) }
                p.fine {
                    "As of " (instant(report.as_of, report))
                    @if let Some(again) = words::looking_again(report) { " · … " (again) }
                    @for (name, url) in &report.links { " · " (link(name, url)) }
                }
            }
        }
    }
}

fn blockers(report: &Report, live: bool) -> Markup {
    html! {
        section #blockers aria-labelledby="blockers-title" hidden[report.blockers.is_empty()] {
            h2 #blockers-title { "Blockers" }
            ul.cards { @for each in &report.blockers { (blocker(each, report, live)) } }
        }
    }
}

fn blocker(blocker: &Blocker, report: &Report, live: bool) -> Markup {
    let mut checks = report.checklists.iter().flat_map(|list| &list.checks);
    let found = blocker.check.as_ref().and_then(|id| checks.find(|check| check.id == *id));
    html! {
        li {
            (badge(blocker.why.name(), words::why(blocker.why))) " "
            strong { (tame(&blocker.title)) } " "
            @match (&blocker.check, found) {
                (Some(id), Some(check)) => { a href={ "#" (anchor(check)) } { code { (id) } } },
                (Some(id), None) => { code { (id) } },
                (None, _) => {},
            }
            p { (sentence(&blocker.because)) }
            @if let Some(who) = words::who(blocker, report) { p.fine { "Owner: " strong { (who) } } }
            @for each in &blocker.contacts { (reach(each)) }
            @if let Some(check) = found.filter(|_| live) { (orders::check(check)) }
        }
    }
}

fn triggers(report: &Report, live: bool) -> Markup {
    html! {
        section #triggers aria-labelledby="triggers-title" hidden[report.triggers.is_empty()] {
            h2 #triggers-title { "Rollback triggers" }
            ul.cards { @for each in &report.triggers { (trigger(each, report, live)) } }
        }
    }
}

fn trigger(trigger: &TriggerReport, report: &Report, live: bool) -> Markup {
    let credit = words::credit(trigger);
    html! {
        li {
            (badge(trigger.state.name(), words::trigger(trigger.state))) " "
            strong { (trigger.id) } (words::flags(trigger)) " "
            span.fine {
                (words::mode(trigger.mode)) " " code { (trigger.procedure) } ", watches " code { (trigger.watches) }
                @if let Some(since) = trigger.since { ", since " (ago(since, report.as_of)) }
            }
            div.credit {
                progress max=(trigger.lasts) value=(trigger.credit.min(trigger.lasts))
                    aria-label={ "Breach credited to " (trigger.id) } { (credit) }
                span { (credit) " of breach" }
            }
            p { (sentence(&trigger.because)) }
            @if let Some(hold) = &trigger.hold { p.fine { "Held by " (hold.by) " until " (instant(hold.until, report)) ": " (tame(&hold.reason)) } }
            @if live { (orders::trigger(trigger)) }
        }
    }
}
