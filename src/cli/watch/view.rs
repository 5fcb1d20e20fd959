//! What a terminal shows of a launch at a moment: a pure function of what was heard, of how far it is scrolled, and of the room.

use unicode_width::UnicodeWidthChar as _;

/// The keys, for the last line.
const KEYS: &str = "q quit · ↑ ↓ PgUp PgDn Home End scroll · r redraw";

/// What is known, and how it is looked at.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The report, a line each, coloured if the terminal is.
    lines: Vec<String>,
    /// Since how many seconds the daemon is lost, and why.
    pub(super) lost: Option<(u64, String)>,
    scroll: usize,
}

/// Where to scroll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scroll {
    Lines(isize),
    Pages(isize),
    Top,
    Bottom,
}

impl View {
    /// Takes a newer report, which ends a loss.
    pub(super) fn take(&mut self, report: &str) {
        self.lines = report.lines().map(str::to_owned).collect();
        self.lost = None;
    }

    pub(super) fn scroll(&mut self, scroll: Scroll, height: usize) {
        let room = height.saturating_sub(2).max(1);
        let most = self.lines.len().saturating_sub(room);
        let by = |lines: isize| self.scroll.saturating_add_signed(lines);
        self.scroll = match scroll {
            Scroll::Lines(lines) => by(lines),
            Scroll::Pages(pages) => by(pages.saturating_mul(room.cast_signed())),
            Scroll::Top => 0,
            Scroll::Bottom => most,
        }
        .min(most);
    }

    /// The lines of a screen of this size: how fresh it is, the report, the keys.
    pub(super) fn frame(&self, width: usize, height: usize) -> Vec<String> {
        let room = height.saturating_sub(2);
        let scroll = self.scroll.min(self.lines.len().saturating_sub(room.max(1)));
        let mut frame = vec![cut(&self.head(), width)];
        for line in self.lines.iter().skip(scroll).take(room) {
            // What is not known any more has no colour: least of all green.
            let line = if self.lost.is_some() { plain(line) } else { line.clone() };
            frame.push(cut(&line, width));
        }
        frame.resize(height.saturating_sub(1).max(1), String::new());
        let last = (scroll + room).min(self.lines.len());
        frame.push(cut(&format!("{KEYS} · {last} of {} lines", self.lines.len()), width));
        frame.truncate(height);
        frame
    }

    fn head(&self) -> String {
        match (&self.lost, self.lines.is_empty()) {
            (Some((seconds, why)), true) => format!("✗ NO ANSWER for {seconds} s: {why}"),
            (Some((seconds, why)), false) => {
                format!("✗ LOST {seconds} s ago, this is what was known then: {why}")
            }
            (None, true) => "… asking".to_owned(),
            (None, false) => "● live".to_owned(),
        }
    }
}

/// A line without its colours.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// As much of a line as fits, with its colours ended.
fn cut(line: &str, width: usize) -> String {
    let (mut out, mut column, mut coloured) = (String::new(), 0, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            coloured = true;
            out.push(c);
            for c in chars.by_ref() {
                out.push(c);
                if c == 'm' {
                    break;
                }
            }
            continue;
        }
        let wide = c.width().unwrap_or_default();
        if column + wide > width {
            break;
        }
        column += wide;
        out.push(c);
    }
    if coloured { out + "\u{1b}[0m" } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(lines: usize) -> View {
        let mut view = View::default();
        let text: String =
            (1..=lines).flat_map(|n| [format!("line {n}"), "\n".to_owned()]).collect();
        view.take(&text);
        view
    }

    #[test]
    fn a_screen_has_its_size_and_scrolls_within_the_report() {
        let rows = [
            ("at first", None, 1),
            ("a line down", Some(Scroll::Lines(1)), 2),
            ("not above the top", Some(Scroll::Lines(-5)), 1),
            ("a page", Some(Scroll::Pages(1)), 9),
            ("the end", Some(Scroll::Bottom), 23),
            ("not beyond it", Some(Scroll::Pages(9)), 23),
        ];
        for (row, scroll, first) in rows {
            let mut view = view(30);
            if let Some(scroll) = scroll {
                view.scroll(scroll, 10);
            }
            let frame = view.frame(40, 10);
            assert_eq!(frame.len(), 10, "{row}");
            assert_eq!(frame[1], format!("line {first}"), "{row}");
            assert!(frame.iter().all(|line| line.chars().count() <= 40), "{row}: {frame:?}");
        }
        for (width, height) in [(0, 0), (1, 1), (3, 2), (200, 3)] {
            assert_eq!(view(5).frame(width, height).len(), height, "{width}x{height}");
        }
    }

    #[test]
    fn what_is_lost_is_said_and_loses_its_colours() {
        let mut view = View::default();
        assert_eq!(view.frame(80, 4)[0], "… asking");
        view.take("\u{1b}[32m✓ GO\u{1b}[0m  May we launch?");
        assert_eq!(view.frame(80, 4)[0], "● live");
        assert!(view.frame(80, 4)[1].contains("\u{1b}[32m"));
        view.lost = Some((7, "refused".to_owned()));
        let frame = view.frame(80, 4);
        assert_eq!(frame[0], "✗ LOST 7 s ago, this is what was known then: refused");
        assert_eq!(frame[1], "✓ GO  May we launch?");
        view.take("✗ NO-GO");
        assert_eq!(view.frame(80, 4)[0], "● live");
    }

    #[test]
    fn lines_are_cut_by_columns_and_end_their_colours() {
        let rows = [
            ("short", "abc", "abc"),
            ("long", "abcdefgh", "abcde"),
            ("wide letters", "数据库", "数据"),
            ("colours take no room", "\u{1b}[31mabcdef\u{1b}[0m", "\u{1b}[31mabcde\u{1b}[0m"),
        ];
        for (row, line, cut_to) in rows {
            assert_eq!(cut(line, 5), cut_to, "{row}");
        }
    }
}
