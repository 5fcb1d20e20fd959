//! The keys, and what the marks mean.

use ratatui::text::Line;

use super::text::{badge, bold, plain, wrap};
use crate::render::words::{self, Tone};
use launchgate_core::check::{Outcome, Reason};

/// The keys, one meaning a line.
const KEYS: [(&str, &str); 10] = [
    ("Tab  Shift-Tab", "the next pane, the one before"),
    ("1 2 3 4 5", "a pane by its number"),
    ("↑ ↓  k j", "the item above, below"),
    ("PgUp PgDn  g G", "a page up, down; the first, the last"),
    ("Enter", "look at an item closely; open a launch"),
    ("Esc  Backspace", "back: from a detail, from a launch to all launches"),
    ("?", "this page"),
    ("r  Ctrl-L", "draw the screen anew"),
    ("q  Ctrl-C", "quit"),
    ("", "Nothing is ordered here: `launchgate sign`, `decide`, `trigger`, `run` do that."),
];

/// The keys in a line, for the foot of the screen.
pub(super) fn foot(has_index: bool, is_page: bool, is_index: bool) -> &'static str {
    match (is_page, is_index, has_index) {
        (true, ..) => "Esc back · ↑↓ PgUp PgDn scroll · ? help · q quit",
        (_, true, _) => "↑↓ move · Enter open · ? help · q quit",
        (_, _, true) => "Tab 1-5 panes · ↑↓ move · Enter look · Esc all launches · ? help · q quit",
        (..) => "Tab 1-5 panes · ↑↓ move · Enter look · ? help · q quit",
    }
}

pub(super) fn lines(width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (keys, meaning) in KEYS {
        let head = vec![bold(format!("{keys:<16}"))];
        lines.extend(wrap(head, vec![plain(meaning)], width, usize::MAX));
    }
    lines.push(Line::default());
    for (outcome, meaning) in [
        (Outcome::Pass, "pass: as it should be"),
        (Outcome::Warn, "warn: it holds, and is worth a look"),
        (Outcome::Fail, "fail: it does not hold"),
        (Outcome::Unknown(Reason::Stale), "unknown: there is no answer, which is never a good one"),
        (Outcome::Waived, "waived: it does not pass, and a person has accepted that for a time"),
    ] {
        let (mark, tone) = words::outcome(outcome);
        let head = vec![super::text::toned(format!("{mark} "), tone)];
        lines.extend(wrap(head, vec![plain(meaning)], width, usize::MAX));
    }
    for (word, tone, meaning) in [
        ("GO", Tone::Good, "nothing is open"),
        ("HOLD", Tone::Open, "something is open or not known"),
        ("NO-GO", Tone::Bad, "something is wrong"),
    ] {
        let head = vec![badge(word, tone), plain("  ")];
        lines.extend(wrap(head, vec![plain(meaning)], width, usize::MAX));
    }
    lines
}
