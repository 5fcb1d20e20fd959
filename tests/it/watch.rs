//! `launchgate watch` beside a real daemon: a line for each change in a pipe, and a board in a real pseudo-terminal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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

/// Everything that a child has written so far.
fn heard(child: &mut Child) -> Arc<Mutex<String>> {
    let said = Arc::new(Mutex::new(String::new()));
    let (mut out, all) = (child.stdout.take().expect("it is piped"), Arc::clone(&said));
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = out.read(&mut part) {
            all.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..length]));
        }
    });
    said
}

#[test]
fn where_there_is_no_terminal_each_change_is_a_line() {
    let mut room = Room::start();
    let mut child = Command::new(env!("CARGO_BIN_EXE_launchgate"));
    child.args(["watch", "--url", &room.daemon.url()]).stdout(Stdio::piped()).stdin(Stdio::null());
    let mut watching = Watching(child.spawn().expect("it runs"));
    let (send, lines) = std::sync::mpsc::channel();
    let out = BufReader::new(watching.0.stdout.take().expect("it is piped"));
    std::thread::spawn(move || {
        out.lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
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
fn on_a_terminal_it_is_a_board_that_goes_on_over_a_loss_and_gives_the_terminal_back() {
    if !need("script") {
        return;
    }
    let mut room = Room::start();
    let command = format!("{} watch --url {}", env!("CARGO_BIN_EXE_launchgate"), room.daemon.url());
    let mut script = program("script");
    script.args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"]);
    script
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut watching = Watching(script.spawn().expect("it runs"));
    let said = heard(&mut watching.0);
    let shows = |what: &str| {
        poll_until(PATIENCE, what, || {
            let mut said = said.lock().unwrap();
            let at = said.rfind(what)?;
            said.drain(..at);
            Some(())
        });
    };
    // The other screen, then the report.
    shows("\u{1b}[?1049h");
    shows("live");
    shows("HOLD");
    room.signed();
    shows("GO");
    room.daemon.kill();
    shows("LOST");
    room.daemon.start();
    shows("live");
    watching.0.stdin.as_mut().expect("it is piped").write_all(b"q").expect("it reads");
    shows("\u{1b}[?1049l");
    let ended = poll_until(PATIENCE, "an end", || watching.0.try_wait().expect("it is ours"));
    assert_eq!(ended.code(), Some(0));
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
