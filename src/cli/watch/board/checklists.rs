//! The checklists, and the checks of the one that somebody is at.

use launchgate_core::check::Level;
use launchgate_core::gate::Verdict;
use launchgate_core::name::Name;
use launchgate_core::report::{CheckReport, ChecklistReport, Report};
use ratatui::text::{Line, Span};

use super::pane::{Cursor, Item, Pane, Subject};
use super::text::{badge, bold, calm, column, fit, plain, toned, wrap};
use crate::render::words::{self, Tone, tame};

/// A check's name takes no more room than this beside its sentence.
const MAX_NAME: usize = 20;

pub(super) fn pane(report: &Report, cursor: Option<&Cursor>, width: usize, most: usize) -> Pane {
    let chosen = chosen(report, cursor);
    let mut items = Vec::new();
    let mut anchor = 0;
    for list in &report.checklists {
        let is_chosen = chosen == Some(&list.id);
        if is_chosen {
            anchor = items.len();
        }
        items.push(item(list, is_chosen, width, most));
        if is_chosen {
            items
                .extend(list.checks.iter().map(|check| of_check(check, list, report, width, most)));
        }
    }
    let says = if report.on_schedule {
        badge("on schedule", Tone::Good)
    } else {
        toned(format!("✗ overdue: {}", words::names(&report.overdue)), Tone::Bad)
    };
    let empty = Line::from(calm("The launch has no checklist."));
    Pane { name: "Checklists", says: vec![says], items, empty, anchor }
}

/// The checklist that somebody is at; at first the first that is not GO, of those that gate what is asked now.
fn chosen<'a>(report: &'a Report, cursor: Option<&'a Cursor>) -> Option<&'a Name> {
    let at = cursor.and_then(|cursor| match &cursor.subject {
        Subject::List(list) => Some(list),
        Subject::Check(check) => Some(&check.checklist),
        _ => None,
    });
    let blocking = || report.blockers.iter().find_map(|blocker| blocker.checklist.as_ref());
    let open = || report.checklists.iter().find(|list| list.verdict != Verdict::Go);
    at.or_else(blocking)
        .or_else(|| open().map(|list| &list.id))
        .or_else(|| report.checklists.first().map(|list| &list.id))
}

fn item(list: &ChecklistReport, is_chosen: bool, width: usize, most: usize) -> Item {
    let (state, tone) = words::due(list.state);
    let tone_of_verdict = words::verdict(list.verdict);
    let verdict = column(tone_of_verdict.mark(), list.verdict.name(), 6, tone_of_verdict);
    let is_roomy = is_chosen && most > 1;
    let title = if is_roomy { format!(" · {}", tame(&list.title)) } else { String::new() };
    let mut facts = vec![
        bold(list.id.to_string()),
        plain(format!("{title} · due {}, ", list.due)),
        toned(state, tone),
        plain(format!(" · {}", words::counts(list))),
    ];
    if is_roomy {
        let owner = list.owner.as_ref().map(|role| words::holders(role, &list.people));
        let owner = owner.map_or_else(String::new, |who| format!(" · {who}"));
        facts.push(plain(format!(" · {}{owner}", words::gates(list.gates))));
    }
    let lines = if is_chosen {
        wrap(vec![verdict, plain(" ")], facts, width, most)
    } else {
        let mut line = vec![verdict, plain(" ")];
        line.extend(facts);
        vec![fit(line, width)]
    };
    Item { subject: Subject::List(list.id.clone()), lines }
}

fn of_check(
    check: &CheckReport,
    list: &ChecklistReport,
    report: &Report,
    width: usize,
    most: usize,
) -> Item {
    let name = |check: &CheckReport| check.id.check.as_str().len();
    let longest = list.checks.iter().map(|check| name(check)).max().unwrap_or_default();
    let mut head = vec![plain("  "), outcome(check), plain(" ")];
    head.push(bold(format!(
        "{:<width$}  ",
        check.id.check.as_str(),
        width = longest.min(MAX_NAME)
    )));
    let lines = wrap(head, standing(check, report), width, most);
    Item { subject: Subject::Check(check.id.clone()), lines }
}

/// How a check stands, in a column.
pub(super) fn outcome(check: &CheckReport) -> Span<'static> {
    let (mark, tone) = words::outcome(check.outcome);
    column(mark, check.outcome.name(), 7, tone)
}

/// What was seen, and how long ago.
pub(super) fn standing(check: &CheckReport, report: &Report) -> Vec<Span<'static>> {
    let advisory = if check.level == Level::Advisory { "advisory: " } else { "" };
    let mut said = vec![plain(format!("{advisory}{}", tame(&check.because)))];
    if let Some(age) = words::age(check, report) {
        let counts =
            check.fresh_for.map(|seconds| format!(", counts for {}", words::seconds(seconds)));
        said.push(calm(format!(" · {age}{}", counts.unwrap_or_default())));
    }
    said
}
