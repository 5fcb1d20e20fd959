//! The terminal taken over, drawn on, and given back whatever happens.

use std::io::{self, Stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute};
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;

use super::board::Press;

/// How soon the thread that reads keys notices that nobody wants them any more.
const POLL: Duration = Duration::from_millis(100);
/// How many keys wait to be understood; more are lost.
const KEYS: usize = 64;
/// How long a terminal that takes nothing is waited for at the end.
const LINGER: Duration = Duration::from_secs(1);

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Redraw,
    Press(Press),
}

/// What happened on the terminal.
pub(super) enum Next {
    /// It has taken what was drawn.
    Drawn,
    /// Somebody wants something.
    Wanted(Key),
    /// It is gone, or somebody wants the board to end.
    Gone,
}

/// The terminal in raw mode on its other screen.
pub(super) struct Screen {
    pen: Option<Pen>,
    drawing: Option<JoinHandle<io::Result<Pen>>>,
    area: Rect,
    anew: bool,
    keys: Receiver<Key>,
    ends: [Signal; 4],
    over: Arc<AtomicBool>,
}

/// What draws. Whoever drops it gives the terminal back.
struct Pen(Terminal<CrosstermBackend<Stdout>>);

impl Pen {
    fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let options = TerminalOptions { viewport: Viewport::Fixed(size()) };
        let terminal = match Terminal::with_options(CrosstermBackend::new(io::stdout()), options) {
            Ok(terminal) => terminal,
            Err(e) => {
                give_back();
                return Err(e);
            }
        };
        // From here on the terminal is given back on every way out.
        let pen = Self(terminal);
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(pen)
    }

    /// Draws what differs from what is there, or everything.
    fn draw(mut self, frame: &Buffer, anew: bool) -> io::Result<Self> {
        if anew {
            self.0.resize(frame.area)?;
        }
        self.0.draw(|drawn| drawn.buffer_mut().clone_from(frame))?;
        Ok(self)
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back. One that is gone cannot be given back.
fn give_back() {
    drop(execute!(io::stdout(), cursor::Show, LeaveAlternateScreen));
    drop(terminal::disable_raw_mode());
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let ends = [
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
        ];
        let pen = Pen::open()?;
        // What a panic says is to be read, so it is said on the screen that was there before.
        let say = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            say(panic);
        }));
        let (send, keys) = mpsc::channel(KEYS);
        let over = Arc::new(AtomicBool::new(false));
        let screen = Self {
            pen: Some(pen),
            drawing: None,
            area: Rect::default(),
            anew: true,
            keys,
            ends,
            over: Arc::clone(&over),
        };
        std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                let Ok(there) = event::poll(POLL) else { return };
                let Some(key) =
                    there.then(|| event::read().ok().and_then(|event| wanted(&event))).flatten()
                else {
                    continue;
                };
                if let Err(mpsc::error::TrySendError::Closed(_)) = send.try_send(key) {
                    return;
                }
            }
        });
        Ok(screen)
    }

    /// The room that was drawn on last.
    pub(super) fn area(&self) -> Rect {
        self.area
    }

    /// What happens next on the terminal.
    pub(super) async fn next(&mut self) -> io::Result<Next> {
        let [terminate, hangup, interrupt, quit] = &mut self.ends;
        let drawing = async {
            match &mut self.drawing {
                Some(drawing) => drawing.await,
                None => std::future::pending().await,
            }
        };
        let drawn = tokio::select! {
            key = self.keys.recv() => return Ok(key.map_or(Next::Gone, Next::Wanted)),
            _ = terminate.recv() => return Ok(Next::Gone),
            _ = hangup.recv() => return Ok(Next::Gone),
            _ = interrupt.recv() => return Ok(Next::Gone),
            _ = quit.recv() => return Ok(Next::Gone),
            drawn = drawing => drawn,
        };
        self.drawing = None;
        self.pen = Some(drawn.map_err(io::Error::other)??);
        Ok(Next::Drawn)
    }

    /// Draws everything anew next time.
    pub(super) fn forget(&mut self) {
        self.anew = true;
    }

    /// Whether the terminal is still taking what was drawn last.
    pub(super) fn is_drawing(&self) -> bool {
        self.drawing.is_some()
    }

    /// Begins to draw, if nothing else is being drawn. A terminal that takes nothing for a while stops nobody but itself.
    pub(super) fn draw(&mut self, frame: impl FnOnce(Rect) -> Buffer) -> io::Result<()> {
        let Some(pen) = self.pen.take() else { return Ok(()) };
        let area = size();
        let anew = std::mem::take(&mut self.anew) || area != self.area;
        self.area = area;
        let frame = frame(area);
        self.drawing = Some(tokio::task::spawn_blocking(move || pen.draw(&frame, anew)));
        Ok(())
    }

    /// Gives the terminal back, and waits for it no longer than a moment.
    pub(super) async fn close(mut self) {
        // One that is stuck keeps the other screen; it is at least out of raw mode.
        if let Some(drawing) = self.drawing.take() {
            drop(tokio::time::timeout(LINGER, drawing).await);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        drop(terminal::disable_raw_mode());
    }
}

fn size() -> Rect {
    // Some terminals do not say how large they are.
    let size = terminal::size().ok().filter(|(width, height)| *width > 0 && *height > 0);
    let (width, height) = size.unwrap_or((80, 24));
    Rect::new(0, 0, width, height)
}

fn wanted(event: &Event) -> Option<Key> {
    let key = match event {
        Event::Key(KeyEvent { kind: KeyEventKind::Release, .. }) => return None,
        Event::Key(key) => key,
        Event::Resize(..) => return Some(Key::Redraw),
        _ => return None,
    };
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let press = match key.code {
        KeyCode::Char('c' | 'd') if control => return Some(Key::Quit),
        KeyCode::Char('l') if control => return Some(Key::Redraw),
        KeyCode::Char(_) if control => return None,
        KeyCode::Char('q') => return Some(Key::Quit),
        KeyCode::Char('r') => return Some(Key::Redraw),
        KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => Press::Next,
        KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => Press::Previous,
        KeyCode::Char(digit @ '1'..='5') => Press::Pane(digit.to_digit(10)? as usize - 1),
        KeyCode::Up | KeyCode::Char('k') => Press::Up,
        KeyCode::Down | KeyCode::Char('j') => Press::Down,
        KeyCode::PageUp => Press::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Press::PageDown,
        KeyCode::Home | KeyCode::Char('g') => Press::Top,
        KeyCode::End | KeyCode::Char('G') => Press::Bottom,
        KeyCode::Enter => Press::Open,
        KeyCode::Esc | KeyCode::Backspace => Press::Back,
        KeyCode::Char('?') => Press::Help,
        _ => return None,
    };
    Some(Key::Press(press))
}
