//! Every launch at a glance, the worst first.

use std::cmp::Reverse;

use jiff::Timestamp;
use launchgate_core::gate::Verdict;
use launchgate_core::name::Name;
use launchgate_core::report::Report;
use launchgate_core::trigger::Status;
use ratatui::text::Line;

use super::super::known::{Known, Lost, Told};
use super::head;
use super::pane::{Item, Pane, Subject};
use super::text::{badge, bold, calm, fit, plain, sides, toned, wrap};
use super::triggers;
use crate::render::words::{self, Tone, clock, tame};

/// The lines above the list.
pub(super) fn title(known: &Known, now: Timestamp, width: usize) -> Vec<Line<'static>> {
    let gone: Vec<&Lost> = known.launches.values().filter_map(|told| told.lost.as_ref()).collect();
    let first = gone.iter().min_by_key(|lost| lost.since).copied();
    let all_gone = gone.len() == known.launches.len();
    let banner = first.filter(|_| all_gone).map(|lost| head::banner(lost, now, width));
    let mut left = vec![bold("Launches")];
    let worst = known.launches.values().filter_map(|told| told.report.as_ref());
    if let Some(worst) = worst.map(|report| report.verdict).max() {
        let says = if gone.is_empty() { " · the worst is " } else { " · the worst known is " };
        left.push(plain(says));
        left.push(badge(worst.name(), words::verdict(worst)));
    }
    if !gone.is_empty() && !all_gone {
        left.push(toned(format!(" · ✗ {} of them LOST", gone.len()), Tone::Bad));
    }
    let lost = first.filter(|_| all_gone);
    let answer = sides(left, head::freshness(lost, now, width), width);
    banner.into_iter().chain([answer]).collect()
}

pub(super) fn pane(known: &Known, now: Timestamp, width: usize, most: usize) -> Pane {
    let mut launches: Vec<(&Name, &Told)> = known.launches.iter().collect();
    launches.sort_by_key(|(name, told)| (rank(told), *name));
    Pane {
        name: "All launches",
        says: vec![calm("the worst first")],
        items: launches.iter().map(|(name, told)| item(name, told, now, width, most)).collect(),
        empty: Line::default(),
        anchor: 0,
    }
}

/// The worst first: what is not known, then by verdict, by what is about to fire, and by when it goes live.
fn rank(told: &Told) -> (bool, Reverse<Option<Verdict>>, Reverse<u8>, i64) {
    let report = told.report.as_ref();
    let nearest = report.into_iter().flat_map(|report| report.triggers.iter());
    (
        told.lost.is_none() && report.is_some(),
        Reverse(report.map(|report| report.verdict)),
        Reverse(nearest.map(words::nearness).max().unwrap_or_default()),
        report.map_or(0, |report| report.seconds_to_go_live),
    )
}

fn item(name: &Name, told: &Told, now: Timestamp, width: usize, most: usize) -> Item {
    let subject = Subject::Launch(name.clone());
    let Some(report) = told.at(now) else {
        let says = told.lost.as_ref().map_or_else(|| "asking".to_owned(), |lost| lost.why.clone());
        let line = vec![calm("? …      "), bold(name.to_string()), plain(format!(" · {says}"))];
        return Item { subject, lines: vec![fit(line, width)] };
    };
    let tone = words::verdict(report.verdict);
    let mut left = vec![];
    if told.lost.is_some() {
        left.push(toned("? LOST, was ", Tone::Bad));
    }
    left.push(super::text::column(tone.mark(), report.verdict.name(), 6, tone));
    left.push(plain(" "));
    left.push(bold(name.to_string()));
    left.push(plain(format!(" · {} · {}", tame(&report.title), report.phase.name())));
    let to_go = bold(clock(report.seconds_to_go_live));
    let mut lines = vec![sides(left, vec![to_go], width)];
    lines.extend(wrap(vec![plain("  ")], short(&report), width, most));
    Item { subject, lines }
}

/// What blocks, in short, and what is about to happen.
fn short(report: &Report) -> Vec<ratatui::text::Span<'static>> {
    let mut says = Vec::new();
    let loud = triggers::by_nearness(report).into_iter().filter(|trigger| {
        matches!(trigger.state, Status::Fired | Status::Pending | Status::Suspended | Status::Blind)
    });
    for trigger in loud {
        let what = format!("trigger {} {}", trigger.id, trigger.state.name());
        says.push(badge(&what, words::trigger(trigger.state)));
        says.push(plain(" · "));
    }
    if report.runs.iter().any(|run| run.asking().is_some()) {
        says.push(badge("a person must act", Tone::Bad));
        says.push(plain(" · "));
    }
    if !report.on_schedule {
        says.push(toned(format!("✗ overdue: {}", words::names(&report.overdue)), Tone::Bad));
        says.push(plain(" · "));
    }
    let blockers = report.blockers.iter().map(|blocker| {
        let what = blocker.check.as_ref().map_or_else(|| tame(&blocker.title), ToString::to_string);
        format!("{what} ({})", blocker.why.name())
    });
    let blockers = blockers.collect::<Vec<_>>().join(", ");
    says.push(if blockers.is_empty() {
        calm("nothing blocks")
    } else {
        plain(format!("blocked by {blockers}"))
    });
    says
}
