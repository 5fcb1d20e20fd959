//! `launchgate watch` beside a real daemon: a line for each change in a pipe, and a board in a real pseudo-terminal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::rig::daemon::Daemon;
use crate::rig::process::{need, poll_until, program};
use crate::rig::room::Room;

const PATIENCE: Duration = Duration::from_secs(20);

/// A child that ends with the test.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A board in a terminal of 80 columns and 24 lines.
struct Glass {
    child: Watching,
    said: Arc<Mutex<String>>,
}

impl Glass {
    fn open(daemon: &Daemon) -> Self {
        let command =
            format!("exec {} watch --url {}", env!("CARGO_BIN_EXE_launchgate"), daemon.url());
        let mut script = program("script");
        script.args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"]);
        script
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = Watching(script.spawn().expect("it runs"));
        let said = Arc::new(Mutex::new(String::new()));
        let (mut out, all) = (child.0.stdout.take().expect("it is piped"), Arc::clone(&said));
        std::thread::spawn(move || {
            // A letter may come in two parts.
            let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
            while let Ok(length @ 1..) = out.read(&mut part) {
                bytes.extend_from_slice(&part[..length]);
                *all.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        Self { child, said }
    }

    fn press(&mut self, keys: &str) {
        let stdin = self.child.0.stdin.as_mut().expect("it is piped");
        stdin.write_all(keys.as_bytes()).and_then(|()| stdin.flush()).expect("it reads");
    }

    /// Waits until everything of this is on the screen at once.
    fn shows(&self, wanted: &[&str]) {
        let mut last = String::new();
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            poll_until(PATIENCE, "screen", || {
                last = screen(&self.said.lock().unwrap());
                wanted.iter().all(|wanted| last.contains(wanted)).then_some(())
            });
        }));
        assert!(seen.is_ok(), "no {wanted:?} on the screen:\n{last}");
    }

    /// Waits until it has ended, the terminal given back, and gives its exit code.
    fn ended(mut self) -> Option<i32> {
        poll_until(PATIENCE, "terminal given back", || {
            let said = self.said.lock().unwrap();
            (said.contains("\u{1b}[?1049l") && said.contains("\u{1b}[?25h")).then_some(())
        });
        poll_until(PATIENCE, "an end", || self.child.0.try_wait().expect("it is ours")).code()
    }

    /// Sends a signal to the board itself.
    fn signal(&self, signal: &str) {
        let id = self.child.0.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let board = children.expect("the system tells").trim().to_owned();
        let status = Command::new("kill").args([signal, &board]).status();
        assert!(status.expect("kill is there").success());
    }
}

/// What a terminal shows after it was told all this: the moves, the clearing and the letters that the board uses.
fn screen(said: &str) -> String {
    let mut rows = vec![vec![' '; 80]; 24];
    let (mut row, mut column) = (0, 0);
    let mut rest = said.chars();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            if let Some(cell) = rows.get_mut(row).and_then(|row| row.get_mut(column)) {
                *cell = c;
            }
            column += 1;
            continue;
        }
        let mut order = String::new();
        for c in rest.by_ref().skip(1) {
            order.push(c);
            if c.is_ascii_alphabetic() {
                break;
            }
        }
        if let Some(place) = order.strip_suffix('H') {
            let mut place = place.split(';').map(|at| at.parse::<usize>().unwrap_or(1) - 1);
            (row, column) = (place.next().unwrap_or(0), place.next().unwrap_or(0));
        } else if order == "J" {
            // What follows is cleared.
            if let Some(rest) = rows.get_mut(row).and_then(|row| row.get_mut(column..)) {
                rest.fill(' ');
            }
            rows.iter_mut().skip(row + 1).for_each(|row| row.fill(' '));
        }
    }
    rows.iter().map(|row| row.iter().collect::<String>() + "\n").collect()
}

/// The board where there is no terminal, and its lines.
fn piped(daemon: &Daemon) -> (Watching, Receiver<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_launchgate"));
    child.args(["watch", "--url", &daemon.url()]).stdout(Stdio::piped()).stdin(Stdio::null());
    let mut watching = Watching(child.spawn().expect("it runs"));
    let (send, lines) = std::sync::mpsc::channel();
    let out = BufReader::new(watching.0.stdout.take().expect("it is piped"));
    std::thread::spawn(move || {
        out.lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    (watching, lines)
}

#[test]
fn where_there_is_no_terminal_each_change_is_a_line() {
    let mut room = Room::start();
    let (_watching, lines) = piped(&room.daemon);
    let next = |wanted: &str| {
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line with {wanted}"));
        assert!(line.contains(wanted) && !line.contains('\u{1b}'), "{wanted}: {line}");
        line
    };
    next("HOLD  May we launch? · preparing · blocked by ready/restored (unsigned)");
    let began = Instant::now();
    room.signed();
    next("GO  May we launch?");
    eprintln!("{} ms from the order to the line", began.elapsed().as_millis());
    room.service.set_health(500);
    next("NO-GO  May we launch? · preparing · blocked by ready/answers (failed)");
    room.daemon.kill();
    next("? LOST: ");
    room.service.set_health(200);
    room.daemon.start();
    let back = lines.recv_timeout(PATIENCE).expect("it comes back");
    assert!(back.contains("May we launch?"), "{back}");
}

#[test]
fn of_several_launches_each_line_says_which() {
    let room = Room::with_an_annex();
    let (_watching, lines) = piped(&room.daemon);
    let mut open: Vec<&str> = vec!["annex", "room"];
    while !open.is_empty() {
        let line = lines.recv_timeout(PATIENCE).expect("a line of each launch");
        let waits = |name: &str| {
            line.contains(&format!("Z  {name}  HOLD")) && line.contains("restored (unsigned)")
        };
        open.retain(|name| !waits(name));
    }
    let sign = ["sign", "ready/restored", "--evidence", "https://x.example/1"];
    let by = ["--value", "rows=12", "--as", "dan", "--launch", "room"];
    room.daemon.order(&[&sign[..], &by].concat());
    let line = lines.recv_timeout(PATIENCE).expect("a line of the one that changed");
    assert!(line.contains("Z  room  GO"), "{line}");
    let (text, code) = room.daemon.try_order(&["watch", "--once"]);
    let both = text.contains("HOLD  May we launch?") && text.contains("GO  May we launch?");
    assert!(both && code == 2, "the worst of both: {code}: {text}");
    room.service.set_health(500);
    poll_until(PATIENCE, "a NO-GO", || {
        (room.daemon.try_order(&["watch", "--once"]).1 == 1).then_some(())
    });
}

#[test]
fn on_a_terminal_it_is_a_board_that_goes_on_over_a_loss_and_gives_the_terminal_back() {
    if !need("script") {
        return;
    }
    let mut room = Room::start();
    let mut glass = Glass::open(&room.daemon);
    glass.shows(&["! HOLD   May we launch?", "● live", "━━ 1 Blocked by", "ready/restored"]);
    room.signed();
    glass.shows(&["✓ GO   May we launch?"]);
    room.daemon.kill();
    glass.shows(&["? LOST since ", "? last known: ✓ GO", "✗ LOST"]);
    room.daemon.start();
    glass.shows(&["✓ GO   May we launch?", "● live"]);
    glass.press("q");
    assert_eq!(glass.ended(), Some(0));
}

#[test]
fn keys_lead_to_panes_and_details_and_back() {
    if !need("script") {
        return;
    }
    let room = Room::start();
    let mut glass = Glass::open(&room.daemon);
    glass.shows(&["━━ 1 Blocked by", "─ 2 Checklists", "─ 3 Triggers", "─ 4 Under way"]);
    let rows: [(&str, &[&str]); 9] = [
        ("\t", &["─ 1 Blocked by", "━━ 2 Checklists", "▶ ! HOLD   ready"]),
        ("j", &["▶   ✓ pass    answers"]),
        ("\r", &["Check ready/answers", "The service answers quickly", "fails unless == 200"]),
        ("\u{1b}", &["━━ 2 Checklists", "▶   ✓ pass    answers"]),
        ("\u{1b}[Z", &["━━ 1 Blocked by", "─ 2 Checklists"]),
        ("4", &["━━ 4 Under way", "cutover"]),
        ("G\r", &["Step 3", "live (milestone)"]),
        ("?", &["Keys and marks"]),
        ("\u{7f}\u{7f}r", &["━━ 4 Under way"]),
    ];
    for (keys, wanted) in rows {
        glass.press(keys);
        glass.shows(wanted);
    }
    glass.press("\u{3}");
    assert_eq!(glass.ended(), Some(0));
}

#[test]
fn several_launches_have_an_index_and_a_signal_gives_the_terminal_back() {
    if !need("script") {
        return;
    }
    let room = Room::with_an_annex();
    let mut glass = Glass::open(&room.daemon);
    glass.shows(&["Launches · the worst is ! HOLD", "▶ ! HOLD   annex", "  ! HOLD   room"]);
    glass.press("j");
    glass.shows(&["▶ ! HOLD   room"]);
    glass.press("\r");
    glass.shows(&["The shop moves to its new home", "━━ 1 Blocked by", "Esc all launches"]);
    glass.press("\u{7f}");
    glass.shows(&["▶ ! HOLD   room"]);
    glass.signal("-TERM");
    assert_eq!(glass.ended(), Some(0));
}

#[test]
fn once_prints_the_report_and_exits_by_its_verdict() {
    let room = Room::start();
    let (text, code) = room.daemon.try_order(&["watch", "--once"]);
    assert!(text.contains("HOLD  May we launch?") && code == 2, "{code}: {text}");
    room.signed();
    let (text, code) = room.daemon.try_order(&["watch", "--once"]);
    assert!(text.contains("GO  May we launch?") && code == 0, "{code}: {text}");
}
