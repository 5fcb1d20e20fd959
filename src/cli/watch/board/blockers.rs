//! What blocks the launch, and who must act.

use launchgate_core::gate::Blocker;
use launchgate_core::report::Report;
use ratatui::text::Line;

use super::pane::{Item, Pane, Subject};
use super::text::{badge, bold, calm, fit, plain, wrap};
use crate::render::words::{self, Tone, tame};

pub(super) fn pane(report: &Report, width: usize, most: usize) -> Pane {
    let says = match report.blockers.len() {
        0 => badge("nothing", Tone::Good),
        n => badge(&n.to_string(), words::verdict(report.verdict)),
    };
    Pane {
        name: "Blocked by",
        says: vec![says],
        items: report.blockers.iter().map(|each| item(each, report, width, most)).collect(),
        empty: Line::from(calm("Nothing keeps the answer from being GO.")),
        anchor: 0,
    }
}

fn item(blocker: &Blocker, report: &Report, width: usize, most: usize) -> Item {
    let mut head = vec![badge(blocker.why.name(), words::why(blocker.why))];
    let title = tame(&blocker.title);
    let about = blocker.check.as_ref().map(ToString::to_string);
    let about = about.or_else(|| blocker.checklist.as_ref().map(ToString::to_string));
    let title = if let Some(about) = about {
        head.push(bold(about));
        format!(" · {title}")
    } else {
        head.push(bold(title));
        String::new()
    };
    let because = tame(&blocker.because);
    let mut lines = if most == 1 {
        // In little room, what was seen says more than the title.
        head.insert(1, plain("  "));
        head.push(plain(format!(" · {because}")));
        vec![fit(head, width)]
    } else {
        let mut words = head.split_off(1);
        words.push(plain(title));
        head.push(plain("  "));
        let mut lines = wrap(head, words, width, most);
        lines.extend(wrap(vec![plain("  ")], vec![plain(because)], width, most));
        lines
    };
    let act = actors(blocker, report);
    if !act.is_empty() {
        lines.extend(wrap(vec![calm("  → ")], vec![plain(act)], width, most));
    }
    Item { subject: subject(blocker), lines }
}

/// Who must act, and how they are reached.
pub(super) fn actors(blocker: &Blocker, report: &Report) -> String {
    let contacts = blocker.contacts.iter().map(words::reach);
    words::who(blocker, report).into_iter().chain(contacts).collect::<Vec<_>>().join(" · ")
}

pub(super) fn subject(blocker: &Blocker) -> Subject {
    match &blocker.check {
        Some(check) => Subject::Check(check.clone()),
        None => Subject::Blocker(blocker.title.clone()),
    }
}
