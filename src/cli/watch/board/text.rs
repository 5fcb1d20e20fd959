//! Lines of a width: words that go on below their head, what is too long cut, wide letters counted as the terminal does.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::render::words::Tone;

/// A tone's style, the same as everywhere on a terminal.
pub(super) fn style(tone: Tone) -> Style {
    let style = tone.style();
    let colour = style.get_fg_color().and_then(|colour| match colour {
        anstyle::Color::Ansi(anstyle::AnsiColor::Green) => Some(Color::Green),
        anstyle::Color::Ansi(anstyle::AnsiColor::Yellow) => Some(Color::Yellow),
        anstyle::Color::Ansi(anstyle::AnsiColor::Red) => Some(Color::Red),
        _ => None,
    });
    let mut own = Style::new();
    if let Some(colour) = colour {
        own = own.fg(colour);
    }
    if style.get_effects().contains(anstyle::Effects::BOLD) {
        own = own.add_modifier(Modifier::BOLD);
    }
    if style.get_effects().contains(anstyle::Effects::DIMMED) {
        own = own.add_modifier(Modifier::DIM);
    }
    own
}

/// A mark and a word.
pub(super) fn badge(word: &str, tone: Tone) -> Span<'static> {
    Span::styled(format!("{} {word}", tone.mark()), style(tone))
}

/// A mark and a word in a column.
pub(super) fn column(mark: &str, word: &str, width: usize, tone: Tone) -> Span<'static> {
    Span::styled(format!("{mark} {word:<width$}"), style(tone))
}

pub(super) fn plain(text: impl Into<String>) -> Span<'static> {
    Span::raw(text.into())
}

pub(super) fn bold(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().add_modifier(Modifier::BOLD))
}

pub(super) fn toned(text: impl Into<String>, tone: Tone) -> Span<'static> {
    Span::styled(text.into(), style(tone))
}

pub(super) fn calm(text: impl Into<String>) -> Span<'static> {
    toned(text, Tone::Calm)
}

/// How many columns spans take.
pub(super) fn columns(spans: &[Span<'_>]) -> usize {
    spans.iter().map(|span| span.content.width()).sum()
}

/// As much of a text as fits.
fn clip(text: &str, width: usize) -> String {
    let mut column = 0;
    text.chars()
        .take_while(|c| {
            column += c.width().unwrap_or_default();
            column <= width
        })
        .collect()
}

/// As much of a line as fits; one that is cut says so.
pub(super) fn fit(spans: Vec<Span<'static>>, width: usize) -> Line<'static> {
    if columns(&spans) <= width { Line::from(spans) } else { cut(spans, width) }
}

/// As much of a line as fits before a mark that there is more.
fn cut(spans: Vec<Span<'static>>, width: usize) -> Line<'static> {
    let mut room = width.saturating_sub(1);
    let mut line = Line::default();
    for span in spans {
        let clipped = clip(&span.content, room);
        room -= clipped.width();
        let whole = clipped.len() == span.content.len();
        line.push_span(Span::styled(clipped, span.style));
        if !whole {
            break;
        }
    }
    if width > 0 {
        line.push_span(Span::raw("…"));
    }
    line
}

/// A line with something at its right end, which is kept when there is no room for both.
pub(super) fn sides(
    left: Vec<Span<'static>>,
    right: Vec<Span<'static>>,
    width: usize,
) -> Line<'static> {
    let kept = columns(&right);
    if kept + 2 > width {
        return fit(left, width);
    }
    let mut line = fit(left, width - kept - 2);
    let gap = width - kept - line.width();
    line.push_span(Span::raw(" ".repeat(gap)));
    line.spans.extend(right);
    line
}

/// A head, and words that go on below it, on `most` lines at the most.
pub(super) fn wrap(
    head: Vec<Span<'static>>,
    words: Vec<Span<'static>>,
    width: usize,
    most: usize,
) -> Vec<Line<'static>> {
    let head_width = columns(&head);
    // A head that takes half of the line leaves too little below it.
    let indent = if head_width * 2 > width { 2.min(width / 4) } else { head_width };
    let mut writer = Writer { lines: Vec::new(), line: head, column: head_width, indent, width };
    let mut gap = false;
    for span in words {
        for (index, word) in span.content.split(' ').enumerate() {
            gap |= index > 0;
            if !word.is_empty() {
                writer.word(word, span.style, gap);
                gap = false;
            }
        }
    }
    writer.end();
    let mut lines = writer.lines;
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = cut(std::mem::take(&mut last.spans), width);
        }
    }
    lines
}

struct Writer {
    lines: Vec<Line<'static>>,
    line: Vec<Span<'static>>,
    column: usize,
    indent: usize,
    width: usize,
}

impl Writer {
    fn word(&mut self, word: &str, style: Style, gap: bool) {
        let length = word.width();
        let begins = self.column <= self.indent;
        if gap && !begins {
            if self.column + 1 + length > self.width {
                self.next();
            } else {
                self.line.push(Span::styled(" ", style));
                self.column += 1;
            }
        } else if !begins && self.column + length > self.width && self.indent + length <= self.width
        {
            self.next();
        }
        let mut rest = word;
        while self.column + rest.width() > self.width {
            let part = clip(rest, self.width.saturating_sub(self.column));
            if part.is_empty() && self.column <= self.indent {
                // Not even one letter has room.
                return;
            }
            rest = &rest[part.len()..];
            self.line.push(Span::styled(part, style));
            self.next();
        }
        self.column += rest.width();
        self.line.push(Span::styled(rest.to_owned(), style));
    }

    fn next(&mut self) {
        let line = std::mem::replace(&mut self.line, vec![Span::raw(" ".repeat(self.indent))]);
        self.lines.push(fit(line, self.width));
        self.column = self.indent;
    }

    fn end(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.lines.push(fit(line, self.width));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[Line<'static>]) -> Vec<String> {
        lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect()
    }

    /// What it is, the head, the words, the width, how many lines at the most, and the lines.
    type Row<'a> = (&'a str, &'a str, &'a str, usize, usize, &'a [&'a str]);

    #[test]
    fn words_go_on_below_their_head_in_their_width() {
        let rows: [Row<'_>; 10] = [
            ("on one line", "✓ ", "all is well", 20, 3, &["✓ all is well"]),
            ("on two", "✓ ", "all is very well", 10, 3, &["✓ all is", "  very", "  well"]),
            ("no more than asked", "✓ ", "all is very well", 10, 2, &["✓ all is", "  very…"]),
            ("a long word is broken", "", "abcdefghij", 4, 9, &["abcd", "efgh", "ij"]),
            ("after others too", "", "ab cdefghij", 4, 9, &["ab", "cdef", "ghij"]),
            ("wide letters", "", "数据库很慢", 4, 9, &["数据", "库很", "慢"]),
            ("a wide letter that has no room", "", "数据", 1, 9, &[""]),
            ("a long head", "headline ", "and words", 10, 9, &["headline", "  and", "  words"]),
            ("no room", "✓ ", "all", 0, 9, &["", ""]),
            ("no words", "✓ ", "", 9, 9, &["✓"]),
        ];
        for (row, head, words, width, most, wanted) in rows {
            let head = if head.is_empty() { vec![] } else { vec![plain(head)] };
            let lines = wrap(head, vec![plain(words)], width, most);
            assert_eq!(said(&lines), wanted, "{row}");
            assert!(lines.iter().all(|line| line.width() <= width), "{row}: {lines:?}");
            assert!(lines.len() <= most, "{row}: {lines:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let rows = [
            ("it fits", "abcd", 4, "abcd"),
            ("it does not", "abcde", 4, "abc…"),
            ("half of a wide letter", "a数据库", 5, "a数…"),
            ("a column", "ab", 1, "…"),
            ("none", "ab", 0, ""),
        ];
        for (row, whole, width, wanted) in rows {
            assert_eq!(fit(vec![plain(whole)], width).to_string(), wanted, "{row}");
        }
        let both = |width| sides(vec![plain("left")], vec![plain("right")], width).to_string();
        assert_eq!([both(12), both(9), both(6)], ["left   right", "l…  right", "left"]);
    }
}
