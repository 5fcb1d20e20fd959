//! The board: a pure function of what is known, of where somebody is on it, of the room, and of the time.

mod blockers;
mod checklists;
mod detail;
mod events;
mod head;
mod help;
mod index;
mod pane;
mod runs;
#[cfg(test)]
mod tests;
mod text;
mod triggers;
mod ui;

use jiff::Timestamp;
use launchgate_core::name::Name;
use launchgate_core::report::Report;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Widget as _;

use super::follow::Heard;
use super::known::{Known, Told};
use pane::{GUTTER, Pane, Subject, below_title, share};
pub(super) use ui::Press;
use ui::{PANES, Ui};

/// From this many columns on, panes stand beside each other: two, and three.
const TWO: u16 = 100;
const THREE: u16 = 170;
/// How many lines an item has where there is room, and where there is not.
const ROOMY: usize = 3;
const TIGHT: usize = 1;

/// What is known, and where somebody is on it.
pub(super) struct Board {
    known: Known,
    ui: Ui,
    colour: bool,
}

/// Where the parts of the screen are.
struct Parts {
    head: Rect,
    body: Rect,
    foot: Rect,
}

/// A launch's panes with their places.
type Laid = [(Pane, Rect); PANES];

impl Board {
    pub(super) fn new(launches: &[Name], colour: bool) -> Self {
        // A single launch is shown at once.
        let launch = if let [only] = launches { Some(only.clone()) } else { None };
        Self { known: Known::new(launches), ui: Ui { launch, ..Ui::default() }, colour }
    }

    /// Takes what was heard.
    pub(super) fn take(&mut self, heard: Heard, now: Timestamp) {
        self.known.take(heard, now);
    }

    fn has_index(&self) -> bool {
        self.known.launches.len() > 1
    }

    fn told(&self) -> Option<&Told> {
        self.known.launches.get(self.ui.launch.as_ref()?)
    }

    /// The screen.
    pub(super) fn frame(&self, area: Rect, now: Timestamp) -> Buffer {
        let mut buffer = Buffer::empty(area);
        let width = usize::from(area.width);
        let (head, report) = self.head(area, now);
        let parts = parts(area, head.len());
        for (line, row) in head.iter().zip(0..parts.head.height) {
            line.render(Rect { y: parts.head.y + row, height: 1, ..parts.head }, &mut buffer);
        }
        let is_page = self.ui.help || (self.ui.detail.is_some() && report.is_some());
        if let Some((title, lines)) = self.page(report.as_ref(), width) {
            pane::page(parts.body, &mut buffer, &title, &lines, &self.ui);
        } else if let Some(report) = &report {
            for (number, (pane, area)) in self.lay(report, parts.body).iter().enumerate() {
                let is_focused = number == self.ui.focus;
                let cursor = self.ui.cursors[number].as_ref();
                pane.draw(*area, &mut buffer, &(number + 1).to_string(), cursor, is_focused);
            }
        } else if self.ui.launch.is_none() {
            let pane = self.index(parts.body, now);
            pane.draw(parts.body, &mut buffer, "", self.ui.index.as_ref(), true);
        }
        let foot = help::foot(self.has_index(), is_page, self.ui.launch.is_none());
        text::fit(vec![text::calm(foot)], width).render(parts.foot, &mut buffer);
        self.finish(&mut buffer);
        buffer
    }

    /// The lines at the top, and the report that the rest is drawn from, if it is of one launch.
    fn head(&self, area: Rect, now: Timestamp) -> (Vec<Line<'static>>, Option<Report>) {
        let width = usize::from(area.width);
        let Some(launch) = &self.ui.launch else {
            return (index::title(&self.known, now, width), None);
        };
        let lost = self.told().and_then(|told| told.lost.as_ref());
        let Some(report) = self.told().and_then(|told| told.at(now)) else {
            let asking = text::fit(vec![text::plain(format!("… asking for {launch}"))], width);
            let banner = lost.map(|lost| head::banner(lost, now, width));
            return (banner.into_iter().chain([asking]).collect(), None);
        };
        let alarms = match area.height {
            0..20 => 1,
            20..32 => 3,
            _ => 6,
        };
        (head::head(&report, lost, now, width, alarms), Some(report))
    }

    /// A page in place of the panes, with its title: the help, or a detail.
    fn page(&self, report: Option<&Report>, width: usize) -> Option<(String, Vec<Line<'static>>)> {
        let width = width.saturating_sub(GUTTER);
        if self.ui.help {
            return Some(("Keys and marks".to_owned(), help::lines(width)));
        }
        let subject = self.ui.detail.as_ref()?;
        let lines = detail::lines(report?, subject, width);
        let gone = || vec![Line::from("The newest report does not know it any more.")];
        Some((subject.to_string(), lines.unwrap_or_else(gone)))
    }

    fn index(&self, body: Rect, now: Timestamp) -> Pane {
        let width = usize::from(body.width).saturating_sub(GUTTER);
        fitting(body, |most| index::pane(&self.known, now, width, most))
    }

    /// The panes, each where there is room for it: what the launch needs most gets most.
    fn lay(&self, report: &Report, body: Rect) -> Laid {
        let columns: &[&[usize]] = match body.width {
            0..TWO => &[&[0, 1, 2, 3, 4]],
            TWO..THREE => &[&[0, 1], &[2, 3, 4]],
            _ => &[&[0, 2], &[1], &[3, 4]],
        };
        let mut places = [Rect::default(); PANES];
        for (column, area) in columns.iter().zip(side_by_side(body, columns.len())) {
            let inner = usize::from(area.width).saturating_sub(GUTTER);
            let needs: Vec<usize> = column
                .iter()
                .map(|pane| self.pane(*pane, report, inner, ROOMY).height() + 1)
                .collect();
            let focus = column.iter().position(|pane| *pane == self.ui.focus);
            let shares = share(&needs, focus, usize::from(area.height));
            let mut y = area.y;
            for (pane, rows) in column.iter().zip(shares) {
                let height = u16::try_from(rows).unwrap_or(u16::MAX);
                places[*pane] = Rect { y, height, ..area };
                y += height;
            }
        }
        std::array::from_fn(|number| {
            let area = places[number];
            let inner = usize::from(area.width).saturating_sub(GUTTER);
            (fitting(area, |most| self.pane(number, report, inner, most)), area)
        })
    }

    fn pane(&self, number: usize, report: &Report, width: usize, most: usize) -> Pane {
        match number {
            0 => blockers::pane(report, width, most),
            1 => checklists::pane(report, self.ui.cursors[1].as_ref(), width, most),
            2 => triggers::pane(report, width, most),
            3 => runs::pane(report, width, most),
            _ => events::pane(report, width, most),
        }
    }

    /// Does what a key says, on a screen of this size.
    pub(super) fn press(&mut self, press: Press, area: Rect, now: Timestamp) {
        let (head, report) = self.head(area, now);
        let body = parts(area, head.len()).body;
        match press {
            Press::Help => {
                self.ui.help = !self.ui.help;
                self.ui.scroll = 0;
            }
            Press::Back => self.ui.back(self.has_index()),
            _ => {
                let page = self.page(report.as_ref(), usize::from(area.width));
                if let Some((_, lines)) = page {
                    let room = below_title(body).map_or(0, |body| usize::from(body.height));
                    self.ui.scroll(press, lines.len(), room);
                } else if let Some(report) = report {
                    self.ui.focus(press);
                    let laid = self.lay(&report, body);
                    let (pane, area) = &laid[self.ui.focus];
                    let cursor = &mut self.ui.cursors[self.ui.focus];
                    if let Some(subject) = moved(pane, *area, cursor, press) {
                        self.ui.detail = Some(subject);
                        self.ui.scroll = 0;
                    }
                } else if self.ui.launch.is_none() {
                    let pane = self.index(body, now);
                    if let Some(Subject::Launch(launch)) =
                        moved(&pane, body, &mut self.ui.index, press)
                    {
                        self.ui.open(launch);
                    }
                }
            }
        }
    }

    /// What is not known any more has no colour, least of all green; and nothing has where none is wanted.
    fn finish(&self, buffer: &mut Buffer) {
        let lost = match &self.ui.launch {
            Some(_) => self.told().is_some_and(|told| told.lost.is_some()),
            None => self.known.launches.values().all(|told| told.lost.is_some()),
        };
        let area = buffer.area;
        if lost && area.height > 1 {
            let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
            let grey = Style::reset().fg(Color::DarkGray).add_modifier(Modifier::DIM);
            buffer.set_style(below, grey);
        }
        if !self.colour {
            for cell in &mut buffer.content {
                cell.set_fg(Color::Reset).set_bg(Color::Reset);
            }
        }
    }
}

/// Moves a cursor as a key says; what is to be looked at, if it says that.
fn moved(
    pane: &Pane,
    area: Rect,
    cursor: &mut Option<pane::Cursor>,
    press: Press,
) -> Option<Subject> {
    let at = pane.at(cursor.as_ref());
    let page = below_title(area).map_or(1, |body| usize::from(body.height.max(1))).cast_signed();
    let to = match press {
        Press::Up => pane.away(at, -1),
        Press::Down => pane.away(at, 1),
        Press::PageUp => pane.away(at, -page),
        Press::PageDown => pane.away(at, page),
        Press::Top => 0,
        Press::Bottom => pane.items.len().saturating_sub(1),
        Press::Open => return pane.items.get(at).map(|item| item.subject.clone()),
        Press::Next | Press::Previous | Press::Pane(_) | Press::Back | Press::Help => return None,
    };
    *cursor = pane.cursor(to);
    None
}

/// A pane with as much of each item as there is room for.
fn fitting(area: Rect, pane: impl Fn(usize) -> Pane) -> Pane {
    let room = below_title(area).map_or(0, |body| usize::from(body.height));
    let roomy = pane(ROOMY);
    if roomy.height() <= room { roomy } else { pane(TIGHT) }
}

/// An area cut into columns, with a blank one between neighbours.
fn side_by_side(area: Rect, count: usize) -> Vec<Rect> {
    let count = u16::try_from(count).unwrap_or(1).max(1);
    let width = area.width / count;
    (0..count)
        .map(|nth| {
            let x = area.x + nth * width;
            let is_last = nth + 1 == count;
            let width = if is_last { area.right() - x } else { width.saturating_sub(1) };
            Rect { x, width, ..area }
        })
        .collect()
}

/// The head on top, the keys at the bottom if something else has room, the rest between them.
fn parts(area: Rect, head: usize) -> Parts {
    let head = u16::try_from(head).unwrap_or(u16::MAX).min(area.height);
    let foot = u16::from(area.height > head + 2);
    let body = area.height - head - foot;
    Parts {
        head: Rect { height: head, ..area },
        body: Rect { y: area.y + head, height: body, ..area },
        foot: Rect { y: area.y + head + body, height: foot, ..area },
    }
}
