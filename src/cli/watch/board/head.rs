//! The lines that are always there: the answer, the clock, the schedule, the decision, and what is about to happen.

use jiff::Timestamp;
use launchgate_core::milestone::Phase;
use launchgate_core::report::Report;
use launchgate_core::time::elapsed;
use launchgate_core::trigger::Status;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::super::known::Lost;
use super::text::{badge, bold, calm, fit, plain, sides, style, toned};
use super::triggers;
use crate::render::words::{self, Tone, clock, tame};

/// From this many columns on, the time of day is shown.
const ROOM_FOR_TIME: usize = 60;

/// The head of a launch, of at most so many lines of alarms.
pub(super) fn head(
    report: &Report,
    lost: Option<&Lost>,
    now: Timestamp,
    width: usize,
    alarms: usize,
) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> =
        lost.map(|lost| banner(lost, now, width)).into_iter().collect();
    let tone = words::verdict(report.verdict);
    let block = style(tone).add_modifier(Modifier::REVERSED);
    let mut answer = Vec::new();
    if lost.is_some() {
        answer.push(bold("? last known: "));
        answer.push(badge(report.verdict.name(), tone));
    } else {
        answer.push(Span::styled(format!(" {} {} ", tone.mark(), report.verdict.name()), block));
    }
    answer.push(bold(format!("  {}", tame(&report.question))));
    answer.push(plain(format!(" · {}", report.phase.name())));
    lines.push(sides(answer, freshness(lost, now, width), width));
    let to_go = clock(report.seconds_to_go_live);
    lines.push(sides(vec![plain(words::about(report))], vec![bold(to_go)], width));
    lines.push(schedule(report, width));
    lines.push(decision(report, width));
    lines.extend(threats(report, width, alarms));
    lines
}

/// That nothing is known any more, since when, and why.
pub(super) fn banner(lost: &Lost, now: Timestamp, width: usize) -> Line<'static> {
    let style = style(Tone::Bad).add_modifier(Modifier::REVERSED);
    let passed = words::seconds(elapsed(lost.since, now).as_secs_f64().floor());
    let says = format!(" ? LOST since {:.0} ({passed}): {} ", lost.since, lost.why);
    let mut line = fit(vec![Span::styled(says, style)], width);
    line.style = Style::new();
    line
}

/// Whether what is shown is of now.
pub(super) fn freshness(lost: Option<&Lost>, now: Timestamp, width: usize) -> Vec<Span<'static>> {
    let live =
        if lost.is_some() { toned("✗ LOST", Tone::Bad) } else { toned("● live", Tone::Good) };
    if width < ROOM_FOR_TIME {
        // Where there is little room, the answer needs it, and a loss has a line of its own.
        return if lost.is_some() { vec![] } else { vec![live] };
    }
    vec![calm(now.strftime("%H:%M:%SZ ").to_string()), live]
}

fn schedule(report: &Report, width: usize) -> Line<'static> {
    let go_live = plain(format!("go-live {}", words::schedule(report)));
    let standing = if report.on_schedule {
        badge("on schedule", Tone::Good)
    } else {
        toned(format!("✗ overdue: {}", words::names(&report.overdue)), Tone::Bad)
    };
    let mut line = vec![standing];
    if let Some(again) = words::looking_again(report) {
        line.push(plain(format!(" · … {again}")));
    }
    line.extend([plain(" · "), go_live]);
    fit(line, width)
}

/// The last decision; those before it are history.
fn decision(report: &Report, width: usize) -> Line<'static> {
    let Some(made) = report.decisions.first() else {
        let asked = matches!(report.phase, Phase::Preparing | Phase::Launching);
        let says = if asked { "not decided yet" } else { "no decision" };
        return fit(vec![badge(says, Tone::Calm)], width);
    };
    let tone = words::decision(made, report);
    let mut line = vec![plain("decided "), badge(made.decision.name(), tone)];
    // A decision on facts that no longer hold is the first thing to see of it.
    if words::is_stale(made, report) {
        line.push(toned(" stale", Tone::Open));
    }
    line.push(plain(format!(" {}", words::decided(made, report))));
    fit(line, width)
}

/// What is about to happen, or is wrong with launchgate itself: as many lines as there is room for, and how many are left.
fn threats(report: &Report, width: usize, most: usize) -> Vec<Line<'static>> {
    let mut all = Vec::new();
    for trigger in triggers::by_nearness(report) {
        // That one is blind is among the alarms.
        if matches!(trigger.state, Status::Fired | Status::Pending | Status::Suspended) {
            let mut line = vec![toned("trigger ", words::trigger(trigger.state))];
            line.extend(triggers::line(trigger));
            all.push(line);
        }
    }
    for alarm in &report.alarms {
        all.push(vec![toned("✗ ALARM ", Tone::Bad), plain(tame(alarm))]);
    }
    let left = all.len().saturating_sub(most);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (index, line) in all.into_iter().take(most).enumerate() {
        let is_last = index + 1 == most;
        let more = toned(format!("✗ and {left} more"), Tone::Bad);
        let right = if is_last && left > 0 { vec![more] } else { vec![] };
        lines.push(sides(line, right, width));
    }
    lines
}
