//! The terminal taken over, and given back whatever happens.

use std::io::{self, Stdout, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue, style};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::view::Scroll;

/// How soon the thread that reads keys notices that nobody wants them any more.
const POLL: Duration = Duration::from_millis(100);

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Redraw,
    Scroll(Scroll),
}

/// The terminal in raw mode on its other screen.
pub(super) struct Screen {
    out: Stdout,
    keys: UnboundedReceiver<Key>,
    ends: [Signal; 2],
    over: Arc<AtomicBool>,
    drawn: Vec<String>,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let ends = [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
        terminal::enable_raw_mode()?;
        let (send, keys) = mpsc::unbounded_channel();
        let over = Arc::new(AtomicBool::new(false));
        // From here on the terminal is given back on every way out.
        let mut screen =
            Self { out: io::stdout(), keys, ends, over: Arc::clone(&over), drawn: Vec::new() };
        execute!(screen.out, EnterAlternateScreen, cursor::Hide)?;
        std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                let Ok(there) = event::poll(POLL) else { return };
                let Some(key) =
                    there.then(|| event::read().ok().and_then(|event| wanted(&event))).flatten()
                else {
                    continue;
                };
                if send.send(key).is_err() {
                    return;
                }
            }
        });
        Ok(screen)
    }

    /// How many lines were drawn last.
    pub(super) fn height(&self) -> usize {
        self.drawn.len()
    }

    /// What is wanted next; nothing when the terminal is gone.
    pub(super) async fn key(&mut self) -> Option<Key> {
        let [terminate, hangup] = &mut self.ends;
        tokio::select! {
            key = self.keys.recv() => key,
            _ = terminate.recv() => None,
            _ = hangup.recv() => None,
        }
    }

    /// Draws everything anew next time.
    pub(super) fn forget(&mut self) {
        self.drawn.clear();
    }

    /// Draws the lines that differ from those that are there.
    pub(super) fn draw(
        &mut self,
        frame: impl FnOnce(usize, usize) -> Vec<String>,
    ) -> io::Result<()> {
        let (width, height) = size();
        let frame = frame(width, height);
        let anew = self.drawn.len() != frame.len();
        if anew {
            queue!(self.out, Clear(ClearType::All))?;
        }
        for (row, line) in (0_u16..).zip(&frame) {
            if anew || self.drawn.get(usize::from(row)) != Some(line) {
                queue!(
                    self.out,
                    cursor::MoveTo(0, row),
                    Clear(ClearType::CurrentLine),
                    style::Print(line)
                )?;
            }
        }
        self.drawn = frame;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // A terminal that is gone cannot be given back.
        drop(execute!(self.out, cursor::Show, LeaveAlternateScreen));
        drop(terminal::disable_raw_mode());
    }
}

fn size() -> (usize, usize) {
    // Some terminals do not say how large they are.
    let size = terminal::size().ok().filter(|(width, height)| *width > 0 && *height > 0);
    let (width, height) = size.unwrap_or((80, 24));
    (usize::from(width), usize::from(height))
}

fn wanted(event: &Event) -> Option<Key> {
    let key = match event {
        Event::Key(KeyEvent { kind: KeyEventKind::Release, .. }) => return None,
        Event::Key(key) => key,
        Event::Resize(..) => return Some(Key::Redraw),
        _ => return None,
    };
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c' | 'd') if control => Some(Key::Quit),
        KeyCode::Char('l') if control => Some(Key::Redraw),
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Char('r') => Some(Key::Redraw),
        KeyCode::Up | KeyCode::Char('k') => Some(Key::Scroll(Scroll::Lines(-1))),
        KeyCode::Down | KeyCode::Char('j') => Some(Key::Scroll(Scroll::Lines(1))),
        KeyCode::PageUp => Some(Key::Scroll(Scroll::Pages(-1))),
        KeyCode::PageDown | KeyCode::Char(' ') => Some(Key::Scroll(Scroll::Pages(1))),
        KeyCode::Home | KeyCode::Char('g') => Some(Key::Scroll(Scroll::Top)),
        KeyCode::End | KeyCode::Char('G') => Some(Key::Scroll(Scroll::Bottom)),
        _ => None,
    }
}
