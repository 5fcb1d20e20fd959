//! The rollback triggers: how far each has come on its way to firing, the nearest first.

use std::cmp::Reverse;

use launchgate_core::report::{Report, TriggerReport};
use launchgate_core::trigger::Status;
use ratatui::text::{Line, Span};

use super::pane::{Item, Pane, Subject};
use super::text::{badge, bold, calm, column, fit, plain, style, wrap};
use crate::render::words::{self, Tone, ago, tame};

/// How many columns a bar has.
const BAR: usize = 10;

pub(super) fn pane(report: &Report, width: usize, most: usize) -> Pane {
    let sorted = by_nearness(report);
    let says = match sorted.first() {
        None => badge("none", Tone::Calm),
        Some(nearest) => badge(nearest.state.name(), words::trigger(nearest.state)),
    };
    Pane {
        name: "Triggers",
        says: vec![says],
        items: sorted.into_iter().map(|each| item(each, report, width, most)).collect(),
        empty: Line::from(calm("The launch has no rollback trigger.")),
        anchor: 0,
    }
}

/// The triggers, the one that is nearest to mattering first.
pub(super) fn by_nearness(report: &Report) -> Vec<&TriggerReport> {
    let mut sorted: Vec<&TriggerReport> = report.triggers.iter().collect();
    sorted.sort_by_key(|trigger| Reverse(words::nearness(trigger)));
    sorted
}

fn item(trigger: &TriggerReport, report: &Report, width: usize, most: usize) -> Item {
    let mut lines = vec![fit(line(trigger), width)];
    let is_loud = words::nearness(trigger) > 1;
    if most > 1 || is_loud {
        let mut says = vec![plain(tame(&trigger.because))];
        if let Some(since) = trigger.since.filter(|_| most > 1) {
            says.push(calm(format!(" · since {}", ago(since, report.as_of))));
        }
        lines.extend(wrap(vec![plain("  ")], says, width, most));
    }
    if let Some(hold) = &trigger.hold {
        let says = format!("held by {} until {:.0}: {}", hold.by, hold.until, tame(&hold.reason));
        lines.extend(wrap(vec![plain("  ")], vec![plain(says)], width, most));
    }
    Item { subject: Subject::Trigger(trigger.id.clone()), lines }
}

/// A trigger on a line: its state, how much of its duration is credited, and what it would do.
pub(super) fn line(trigger: &TriggerReport) -> Vec<Span<'static>> {
    let tone = words::trigger(trigger.state);
    let mut line = vec![
        column(tone.mark(), trigger.state.name(), 9, tone),
        plain(" "),
        bold(trigger.id.to_string()),
        Span::styled(words::flags(trigger), style(Tone::Open)),
        plain(" "),
    ];
    if !matches!(trigger.state, Status::Disarmed | Status::Expired) {
        line.extend(bar(trigger));
    }
    line.push(plain(format!(
        " {} · {} {}",
        words::credit(trigger),
        words::mode(trigger.mode),
        trigger.procedure
    )));
    line
}

/// The credited part of what a trigger needs.
fn bar(trigger: &TriggerReport) -> Vec<Span<'static>> {
    let part =
        if trigger.lasts > 0.0 { (trigger.credit / trigger.lasts).clamp(0.0, 1.0) } else { 0.0 };
    // Full alone is full.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of a few columns"
    )]
    let full = (part * BAR as f64).floor() as usize;
    let tone = words::trigger(trigger.state);
    vec![
        plain("["),
        Span::styled("█".repeat(full), style(tone)),
        calm("░".repeat(BAR - full)),
        plain("]"),
    ]
}
