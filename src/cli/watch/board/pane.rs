//! A part of the board: a list of items, each of which can be looked at, of which as many are shown as there is room for.

use std::fmt;

use jiff::Timestamp;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::run::RunId;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::text;
use super::ui::Ui;

/// The columns before an item: whether it is the one that is looked at.
pub(super) const GUTTER: usize = 2;

/// What an item is about; by it the same item is found again in a newer report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Launch(Name),
    /// A blocker that is no check, by its title.
    Blocker(String),
    List(Name),
    Check(CheckPath),
    Trigger(Name),
    /// A run as a whole; the launch day, if it is not begun.
    Run(Option<RunId>),
    /// A step by its number.
    Step(Option<RunId>, usize),
    Event(Timestamp, String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Launch(name) => write!(f, "Launch {name}"),
            Self::Blocker(_) => f.write_str("Blocker"),
            Self::List(name) => write!(f, "Checklist {name}"),
            Self::Check(path) => write!(f, "Check {path}"),
            Self::Trigger(name) => write!(f, "Trigger {name}"),
            Self::Run(Some(run)) => write!(f, "Run {run}"),
            Self::Run(None) => f.write_str("Launch day"),
            Self::Step(_, index) => write!(f, "Step {}", index + 1),
            Self::Event(..) => f.write_str("What happened"),
        }
    }
}

/// Something in a list.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) subject: Subject,
    pub(super) lines: Vec<Line<'static>>,
}

/// A list with its title.
#[derive(Debug)]
pub(super) struct Pane {
    pub(super) name: &'static str,
    /// What the title says beside the name.
    pub(super) says: Vec<Span<'static>>,
    pub(super) items: Vec<Item>,
    /// What stands there if there are no items.
    pub(super) empty: Line<'static>,
    /// The item that is in sight unless somebody looks at another.
    pub(super) anchor: usize,
}

/// Where somebody is in a list: at which item, and where that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) subject: Subject,
    index: usize,
}

impl Pane {
    /// How many lines it has.
    pub(super) fn height(&self) -> usize {
        self.items.iter().map(|item| item.lines.len()).sum::<usize>().max(1)
    }

    /// Where the cursor is now: at its item, or where that was.
    pub(super) fn at(&self, cursor: Option<&Cursor>) -> usize {
        let last = self.items.len().saturating_sub(1);
        let Some(cursor) = cursor else { return self.anchor.min(last) };
        let same = self.items.iter().position(|item| item.subject == cursor.subject);
        same.unwrap_or(cursor.index).min(last)
    }

    /// The cursor at an item.
    pub(super) fn cursor(&self, index: usize) -> Option<Cursor> {
        let subject = self.items.get(index)?.subject.clone();
        Some(Cursor { subject, index })
    }

    /// The item that is `lines` below another, or above it; the next one at least.
    pub(super) fn away(&self, from: usize, lines: isize) -> usize {
        let mut left = lines.unsigned_abs();
        let mut index = from;
        loop {
            let next = if lines < 0 { index.checked_sub(1) } else { Some(index + 1) };
            let Some(next) = next.filter(|next| *next < self.items.len()) else { return index };
            index = next;
            left = left.saturating_sub(self.items[index].lines.len());
            if left == 0 {
                return index;
            }
        }
    }

    /// Draws it with its title; the cursor is shown where somebody looks.
    pub(super) fn draw(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        number: &str,
        cursor: Option<&Cursor>,
        is_focused: bool,
    ) {
        let Some(body) = below_title(area) else { return };
        let room = usize::from(body.height);
        let at = self.at(cursor);
        let before = self.items.iter().take(at).map(|item| item.lines.len()).sum::<usize>();
        let own = self.items.get(at).map_or(0, |item| item.lines.len());
        // The item that is looked at is in the middle, as far as the ends allow.
        let most = self.height().saturating_sub(room);
        let offset = before.saturating_sub(room.saturating_sub(own) / 2).min(most);
        let mut name = Vec::new();
        if !number.is_empty() {
            name.push(text::plain(format!("{number} ")));
        }
        name.push(if is_focused { text::bold(self.name) } else { text::plain(self.name) });
        if !self.says.is_empty() {
            name.push(text::plain("  "));
            name.extend(self.says.iter().cloned());
        }
        title(area, buffer, name, is_focused, (offset > 0, offset < most));
        if self.items.is_empty()
            && room > 0
            && let Some(area) = indented(body, 0)
        {
            (&self.empty).render(area, buffer);
        }
        let lines = self.items.iter().enumerate().flat_map(|(index, item)| {
            item.lines.iter().enumerate().map(move |(nth, line)| (index == at && nth == 0, line))
        });
        for ((is_cursor, line), row) in lines.skip(offset).take(room).zip(0..) {
            if is_cursor && is_focused {
                let style = Style::new().add_modifier(Modifier::BOLD);
                buffer.set_stringn(body.x, body.y + row, "▶", usize::from(body.width), style);
            }
            if let Some(area) = indented(body, row) {
                line.render(area, buffer);
            }
        }
    }
}

/// Draws a page of lines with its title, from where somebody has scrolled to.
pub(super) fn page(area: Rect, buffer: &mut Buffer, name: &str, lines: &[Line<'static>], ui: &Ui) {
    let Some(body) = below_title(area) else { return };
    let room = usize::from(body.height);
    let offset = ui.scrolled(lines.len(), room);
    let below = offset + room < lines.len();
    title(area, buffer, vec![text::bold(name)], true, (offset > 0, below));
    for (line, row) in lines.iter().skip(offset).take(room).zip(0..) {
        if let Some(area) = indented(body, row) {
            line.render(area, buffer);
        }
    }
}

/// A rule with a name in it, heavy where somebody looks, and whether there is more above or below.
fn title(
    area: Rect,
    buffer: &mut Buffer,
    name: Vec<Span<'static>>,
    is_focused: bool,
    (above, below): (bool, bool),
) {
    let width = usize::from(area.width);
    let rule = if is_focused { "━" } else { "─" };
    let weight = if is_focused { Modifier::BOLD } else { Modifier::DIM };
    let weight = Style::new().add_modifier(weight);
    let more = match (above, below) {
        (false, false) => "",
        (true, false) => " ↑ more ",
        (false, true) => " ↓ more ",
        (true, true) => " ↑↓ more ",
    };
    let end = text::columns(&[text::plain(more)]) + 1;
    let left = [Span::styled(format!("{rule}{rule} "), weight)].into_iter().chain(name);
    let mut line = text::fit(left.collect(), width.saturating_sub(end + 1));
    let rest = width.saturating_sub(line.width() + end + 1);
    line.push_span(Span::styled(format!(" {}", rule.repeat(rest)), weight));
    line.push_span(text::plain(more));
    line.push_span(Span::styled(rule, weight));
    line.render(Rect { height: 1, ..area }, buffer);
}

/// What is left of an area below its title; nothing if there is no room for a title.
pub(super) fn below_title(area: Rect) -> Option<Rect> {
    let height = area.height.checked_sub(1).filter(|_| area.width > 0)?;
    Some(Rect { y: area.y + 1, height, ..area })
}

/// The room for a line of an item.
fn indented(body: Rect, row: u16) -> Option<Rect> {
    let gutter = u16::try_from(GUTTER).unwrap_or(u16::MAX);
    let width = body.width.checked_sub(gutter)?;
    Some(Rect { x: body.x + gutter, y: body.y + row, width, height: 1 })
}

/// Shares rows out: each pane has a title and a line if there is room, the focused one most of what it needs, and the others
/// take turns.
pub(super) fn share(needs: &[usize], focus: Option<usize>, room: usize) -> Vec<usize> {
    let mut shares = vec![0; needs.len()];
    let mut left = room;
    let give = |shares: &mut Vec<usize>, left: &mut usize, index: usize, most: usize| {
        let more = most.saturating_sub(shares[index]).min(*left);
        shares[index] += more;
        *left -= more;
    };
    let order = || focus.into_iter().chain((0..needs.len()).filter(|at| Some(*at) != focus));
    if let Some(focus) = focus {
        give(&mut shares, &mut left, focus, 2);
    }
    for least in [1, 2] {
        order().for_each(|index| give(&mut shares, &mut left, index, least));
    }
    if let Some(focus) = focus {
        let most = needs[focus].min(room * 2 / 3);
        give(&mut shares, &mut left, focus, most);
    }
    while left > 0 && order().any(|index| shares[index] < needs[index]) {
        for index in (0..needs.len()).filter(|index| Some(*index) != focus).chain(focus) {
            let most = needs[index].min(shares[index] + 1);
            give(&mut shares, &mut left, index, most);
        }
    }
    // What nobody needs is below the last one.
    if let Some(last) = shares.last_mut() {
        *last += left;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it is, what panes need, which is focused, the rows, and what each gets.
    type Row<'a> = (&'a str, &'a [usize], Option<usize>, usize, &'a [usize]);

    #[test]
    fn rows_are_shared_by_need_and_the_focused_one_comes_first() {
        let rows: [Row<'_>; 9] = [
            ("no room", &[5, 5], Some(1), 0, &[0, 0]),
            ("a row", &[5, 5], Some(1), 1, &[0, 1]),
            ("a title each", &[5, 5, 5], Some(1), 4, &[1, 2, 1]),
            ("a line each", &[5, 5, 5], Some(1), 6, &[2, 2, 2]),
            ("the focused one has most", &[9, 20, 9], Some(1), 18, &[3, 12, 3]),
            ("but not more than it needs", &[9, 4, 9], Some(1), 18, &[7, 4, 7]),
            ("nobody is focused", &[9, 9], None, 10, &[5, 5]),
            ("what is left is the last one's", &[3, 3], Some(0), 10, &[3, 7]),
            ("nobody", &[], None, 10, &[]),
        ];
        for (row, needs, focus, room, shares) in rows {
            assert_eq!(share(needs, focus, room), shares, "{row}");
        }
    }
}
