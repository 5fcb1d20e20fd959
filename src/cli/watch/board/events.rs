//! What happened last.

use launchgate_core::report::Report;
use ratatui::text::Line;

use super::pane::{Item, Pane, Subject};
use super::text::{calm, plain, toned, wrap};
use crate::render::timeline::timeline;
use crate::render::words::ago;

pub(super) fn pane(report: &Report, width: usize, most: usize) -> Pane {
    let entries = timeline(report);
    let says = entries.first().map(|newest| plain(ago(newest.at, report.as_of)));
    let items = entries.into_iter().map(|entry| {
        let at = entry.at.strftime("%m-%d %H:%MZ").to_string();
        let mark = toned(format!("{} {}", entry.tone.mark(), entry.what), entry.tone);
        let says = vec![mark, plain(format!(" · {}", entry.says))];
        let lines = wrap(vec![calm(at), plain("  ")], says, width, most);
        Item { subject: Subject::Event(entry.at, entry.says), lines }
    });
    Pane {
        name: "Happened",
        says: says.into_iter().collect(),
        items: items.collect(),
        empty: Line::from(calm("Nothing has happened yet.")),
        anchor: 0,
    }
}
