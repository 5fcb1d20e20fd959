//! Where somebody is on the board, and what their keys change of it.

use launchgate_core::name::Name;

use super::pane::{Cursor, Subject};

/// How many panes a launch has.
pub(super) const PANES: usize = 5;

/// A key, by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::watch) enum Press {
    Next,
    Previous,
    Pane(usize),
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Open,
    Back,
    Help,
}

/// Where somebody is.
#[derive(Debug, Default)]
pub(super) struct Ui {
    /// The launch that is shown; the index, if it is none.
    pub(super) launch: Option<Name>,
    /// The launch in the index.
    pub(super) index: Option<Cursor>,
    /// The pane that keys are for.
    pub(super) focus: usize,
    /// The item in each pane.
    pub(super) cursors: [Option<Cursor>; PANES],
    /// What is looked at closely.
    pub(super) detail: Option<Subject>,
    /// Whether the keys are explained.
    pub(super) help: bool,
    /// How many lines of a detail or of the help are above the screen.
    pub(super) scroll: usize,
}

impl Ui {
    /// The lines from which on a page is shown, of so many in so much room.
    pub(super) fn scrolled(&self, lines: usize, room: usize) -> usize {
        self.scroll.min(lines.saturating_sub(room))
    }

    /// Scrolls a page of so many lines in so much room; whether the key was for that.
    pub(super) fn scroll(&mut self, press: Press, lines: usize, room: usize) -> bool {
        let at = self.scrolled(lines, room);
        let page = room.max(1);
        self.scroll = match press {
            Press::Up => at.saturating_sub(1),
            Press::Down => at + 1,
            Press::PageUp => at.saturating_sub(page),
            Press::PageDown => at + page,
            Press::Top => 0,
            Press::Bottom => lines,
            Press::Next | Press::Previous | Press::Pane(_) => return false,
            Press::Open | Press::Back | Press::Help => return false,
        };
        self.scroll = self.scrolled(lines, room);
        true
    }

    /// Goes to another pane, if the key says so.
    pub(super) fn focus(&mut self, press: Press) {
        self.focus = match press {
            Press::Next => (self.focus + 1) % PANES,
            Press::Previous => (self.focus + PANES - 1) % PANES,
            Press::Pane(pane) => pane.min(PANES - 1),
            _ => self.focus,
        };
    }

    /// Opens a launch; where somebody was in another is forgotten.
    pub(super) fn open(&mut self, launch: Name) {
        *self = Self { launch: Some(launch), index: self.index.take(), ..Self::default() };
    }

    /// A step back: from the help, from a detail, and from a launch, if there is an index to go back to.
    pub(super) fn back(&mut self, has_index: bool) {
        self.scroll = 0;
        if self.help {
            self.help = false;
        } else if self.detail.take().is_none() && has_index {
            self.launch = None;
        }
    }
}
