//! The shim's own process: claims the attempt, runs the script, ends it at its deadline, and keeps how it ended.
//!
//! It uses threads and no runtime, so that it starts fast, and nothing of the daemon's: it goes on when the daemon is
//! killed. It judges nothing.

use std::ffi::OsString;
use std::io::{self, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use launchgate_probes::captured::Captured;
use launchgate_probes::command::{CommandError, OUTPUT_CAP};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, setsid, waitid};

use super::folder::{Claim, End, Exit, Folder};
use super::order::Order;
use super::{OUTPUTS, hide};
use crate::told;

/// How long what was written is read after the group was killed. Only a process outside of it can hold an output open.
const LAST_READ: Duration = Duration::from_millis(500);
/// How often what was written so far is kept while the script runs.
const KEPT_EVERY: Duration = Duration::from_secs(1);

/// Runs the script that standard input tells of, in the name of the attempt whose folder this is.
pub fn main(folder: &Path) -> ExitCode {
    match supervise(folder, io::stdin().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Whoever started this reads it, if it is still there.
            drop(writeln!(io::stderr(), "{why}"));
            ExitCode::FAILURE
        }
    }
}

fn supervise(folder: &Path, told: impl Read) -> Result<(), String> {
    // A session of its own, so that what ends the daemon's group or its terminal does not end this. Whoever leads a group
    // already has left the daemon's.
    let _leads_already = setsid();
    let order: Order =
        told::read(told).map_err(|why| format!("the order cannot be read: {why}"))?;
    let claim = Folder::at(folder).claim().map_err(|taken| taken.to_string())?;
    let began = Instant::now();
    let exit = match spawn(&order) {
        Ok(child) => Script::watched(child, &claim, &order).see_out(began),
        Err(error) => Exit { ended: End::NotRun(with_source(&error)), detached: false },
    };
    claim.ended(&exit).map_err(|e| format!("how the script ended cannot be kept: {e}"))
}

fn spawn(order: &Order) -> Result<Child, CommandError> {
    if !order.folder.is_dir() {
        return Err(CommandError::Folder(order.folder.clone()));
    }
    let program = if order.program.contains('/') {
        // Absolute, so that it means the same before and after the change of folder.
        let path = order.folder.join(&order.program);
        std::path::absolute(&path).unwrap_or(path).into_os_string()
    } else {
        OsString::from(&order.program)
    };
    let mut command = Command::new(program);
    command.args(&order.arguments).current_dir(&order.folder).env_clear();
    command.envs(order.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CommandError::NotFound(order.program.clone()),
        io::ErrorKind::PermissionDenied => CommandError::NotPermitted(order.program.clone()),
        _ => CommandError::System { program: order.program.clone(), source },
    })
}

fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// What the threads tell.
enum Happened {
    /// The script's first process has ended; it is not reaped yet.
    Ended,
    /// An output has.
    Closed,
}

/// A script under way.
struct Script<'a> {
    child: Child,
    claim: &'a Claim,
    order: &'a Order,
    outputs: [Arc<Mutex<Captured>>; 2],
    happened: Receiver<Happened>,
    has_ended: bool,
    open: usize,
}

impl<'a> Script<'a> {
    fn watched(mut child: Child, claim: &'a Claim, order: &'a Order) -> Self {
        // Without it a script whose shim was killed is not found again. That is no reason to end this one.
        drop(claim.runs(child.id()));
        let (tell, happened) = channel();
        let outputs =
            [kept(child.stdout.take(), tell.clone()), kept(child.stderr.take(), tell.clone())];
        let id = Pid::from_child(&child);
        thread::spawn(move || {
            // It is left to be reaped, so that its number still means its group and no other.
            let ends = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(id), ends), Err(Errno::INTR)) {}
            drop(tell.send(Happened::Ended));
        });
        Self { child, claim, order, outputs, happened, has_ended: false, open: OUTPUTS.len() }
    }

    /// Waits until the script has ended, or ends it.
    fn see_out(mut self, began: Instant) -> Exit {
        let deadline = began + self.order.deadline;
        let in_time = self.wait(deadline, |script| script.has_ended);
        if !in_time {
            self.signal(Signal::TERM);
            // An end of the outputs says that its children are gone as well. Whether they went or not, the group is killed
            // next.
            self.wait(deadline + self.order.grace, |script| script.has_ended && script.open == 0);
        }
        self.signal(Signal::KILL);
        self.wait(Instant::now() + LAST_READ, |script| script.open == 0);
        let status = self.child.wait();
        self.keep(true);
        let ended = match status {
            Ok(status) if in_time => end_of(status),
            _ => End::TimedOut,
        };
        Exit { ended, detached: self.open > 0 }
    }

    /// Waits until something is so, at most until `deadline`; says whether it is.
    fn wait(&mut self, deadline: Instant, is_so: impl Fn(&Self) -> bool) -> bool {
        while !is_so(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match self.happened.recv_timeout(left.min(KEPT_EVERY)) {
                Ok(Happened::Ended) => self.has_ended = true,
                Ok(Happened::Closed) => self.open -= 1,
                Err(RecvTimeoutError::Timeout) => self.keep(false),
                // Every thread has told what it had to tell.
                Err(RecvTimeoutError::Disconnected) => return is_so(self),
            }
        }
        true
    }

    /// Keeps what was written so far. That it cannot be kept is no reason to end the script.
    fn keep(&self, for_good: bool) {
        for (name, output) in OUTPUTS.into_iter().zip(&self.outputs) {
            let text = output.lock().unwrap_or_else(PoisonError::into_inner).text();
            let text = hide(text, self.order.hide.iter().map(String::as_str));
            if text.is_empty() {
                continue;
            }
            let kept = self.claim.keep(name, &text);
            if for_good {
                drop(kept.and_then(|file| file.sync_all()));
            }
        }
    }

    fn signal(&self, signal: Signal) {
        // The only error of interest, that nobody is left, is what the signal was for.
        let _gone = kill_process_group(Pid::from_child(&self.child), signal);
    }
}

/// Reads an output to its end, within its bound, and beyond it, so that the script is not held up.
fn kept(
    output: Option<impl Read + Send + 'static>,
    tell: Sender<Happened>,
) -> Arc<Mutex<Captured>> {
    let captured = Arc::new(Mutex::new(Captured::new(OUTPUT_CAP)));
    let into = Arc::clone(&captured);
    thread::spawn(move || {
        if let Some(mut output) = output {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                match output.read(&mut buffer) {
                    Ok(n @ 1..) => {
                        into.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..n]);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => break,
                }
            }
        }
        drop(tell.send(Happened::Closed));
    });
    captured
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signalled(signal.unwrap_or_default()),
    }
}
