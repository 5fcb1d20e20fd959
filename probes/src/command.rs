//! Running a program: no shell, a process group of its own, a cleared environment, a deadline and bounded output.
//!
//! The program, its arguments and every process that it starts and that stays in its group end with it: at the deadline
//! the group is asked to stop (TERM), and after the grace it is killed (KILL). The same happens when the future is
//! dropped, without the grace. Nothing is retried, and no exit code is judged here. A process that leaves the group
//! (`setsid`) is out of reach; it is told of, and never waited for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::{FusedFuture, FutureExt, join};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout_at};

use crate::captured::Captured;
use crate::trail::Trail;

/// What a program is told of the daemon's own environment unless more is asked for.
pub const INHERITED: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TZ"];
/// How much of each output is kept unless something else is asked for, in bytes.
pub const OUTPUT_CAP: usize = 64 * 1024;
/// How long a program may take to end after TERM unless something else is asked for.
pub const GRACE: Duration = Duration::from_secs(5);

/// How long what was written is read after the group was killed. Only a process outside of it can hold a pipe open.
const LAST_READ: Duration = Duration::from_millis(500);

/// A program to run, with everything that it may know.
#[derive(Debug, Clone)]
pub struct Command {
    program: String,
    args: Vec<String>,
    inherited: Vec<String>,
    environment: BTreeMap<String, SecretString>,
    folder: PathBuf,
    deadline: Duration,
    grace: Duration,
    cap: usize,
    trail: Trail,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this code.
    Exited(i32),
    /// A signal that we did not send ended it.
    Signalled(i32),
    /// It was ended by us at the deadline.
    TimedOut,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How the program ended.
    pub ended: Ended,
    /// What it wrote to its standard output.
    pub stdout: Captured,
    /// What it wrote to its standard error.
    pub stderr: Captured,
    /// Whether a process that left the group still held an output open when it was given up.
    pub detached: bool,
    /// From the start until the last output was read.
    pub took: Duration,
}

/// Why a program did not run at all, or could not be watched.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The working folder is none.
    #[error("{} is no folder to run in", .0.display())]
    Folder(PathBuf),
    /// No such program.
    #[error("the program `{0}` is not there")]
    NotFound(String),
    /// The program may not be executed.
    #[error("the program `{0}` may not be executed")]
    NotPermitted(String),
    /// The system refused, for want of descriptors, processes or memory.
    #[error("the program `{program}` cannot be run")]
    System {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Command {
    /// A program with its arguments, working in `folder`, that is asked to stop after `deadline`. A program that is
    /// written with a slash counts from `folder`; any other is looked up along PATH.
    pub fn new(
        program: impl Into<String>,
        args: impl IntoIterator<Item = impl Into<String>>,
        folder: impl Into<PathBuf>,
        deadline: Duration,
    ) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            inherited: INHERITED.map(str::to_owned).to_vec(),
            environment: BTreeMap::new(),
            folder: folder.into(),
            deadline,
            grace: GRACE,
            cap: OUTPUT_CAP,
            trail: Trail::default(),
        }
    }

    /// Hands down one more variable of the daemon's own environment, if it is set there.
    #[must_use]
    pub fn inherit(mut self, variable: impl Into<String>) -> Self {
        self.inherited.push(variable.into());
        self
    }

    /// Sets a variable; it wins over an inherited one. The value is kept as a secret, since it may be one.
    #[must_use]
    pub fn env(mut self, variable: impl Into<String>, value: impl Into<SecretString>) -> Self {
        self.environment.insert(variable.into(), value.into());
        self
    }

    /// How long the group may take to end after TERM, before KILL.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Notes its run there. The arguments are not told: they may hold what must not be shown.
    #[must_use]
    pub fn trail(mut self, trail: &Trail) -> Self {
        self.trail = trail.clone();
        self
    }

    /// How many bytes are kept of each output; see [`Captured`].
    #[must_use]
    pub fn cap(mut self, bytes: usize) -> Self {
        self.cap = bytes;
        self
    }

    /// Runs the program to its end, or ends it. Takes at most the deadline, the grace and a second.
    ///
    /// # Errors
    /// When the program did not start; how it ended is an [`Outcome`].
    pub async fn run(&self) -> Result<Outcome, CommandError> {
        let began = Instant::now();
        let outcome = self.run_unnoted().await;
        let came = match &outcome {
            Ok(outcome) => format!("{:?}", outcome.ended),
            Err(error) => error.to_string(),
        };
        self.trail.note(&self.program, "to run", came, began.elapsed());
        outcome
    }

    async fn run_unnoted(&self) -> Result<Outcome, CommandError> {
        let fault = |source| CommandError::System { program: self.program.clone(), source };
        // Before the start, so that no end is missed.
        let mut ends = signal(SignalKind::child()).map_err(fault)?;
        let start = Instant::now();
        let mut child = self.spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut group = Group::led_by(child);
        let (mut out, mut err) = (Captured::new(self.cap), Captured::new(self.cap));
        let detached;
        let timed_out;
        {
            let mut reading = pin!(join(out.drain(stdout), err.drain(stderr)).fuse());
            let until = start + self.deadline;
            let first = timeout_at(until, async {
                let mut over = pin!(group.leader_ended(&mut ends));
                loop {
                    tokio::select! {
                        () = &mut over => break,
                        _ = &mut reading => {}
                    }
                }
            });
            timed_out = first.await.is_err();
            if timed_out {
                group.signal(Signal::TERM);
                let last = async {
                    let mut over = pin!(group.leader_ended(&mut ends).fuse());
                    // An end of the outputs says that the leader's children are gone as well.
                    while !(over.is_terminated() && reading.is_terminated()) {
                        tokio::select! {
                            () = &mut over => {}
                            _ = &mut reading => {}
                        }
                    }
                };
                // Whether they went or not, the group is killed next.
                drop(timeout_at(until + self.grace, last).await);
            }
            // The leader is not waited for yet, so its id still means this group and no other.
            group.signal(Signal::KILL);
            if !reading.is_terminated() {
                drop(timeout_at(Instant::now() + LAST_READ, &mut reading).await);
            }
            detached = !reading.is_terminated();
        }
        let status = group.reap().await;
        let ended = match status {
            Some(status) if !timed_out => end_of(status),
            _ => Ended::TimedOut,
        };
        Ok(Outcome { ended, stdout: out, stderr: err, detached, took: start.elapsed() })
    }

    fn spawn(&self) -> Result<Child, CommandError> {
        if !self.folder.is_dir() {
            return Err(CommandError::Folder(self.folder.clone()));
        }
        let program = if self.program.contains('/') {
            // Absolute, so that it means the same before and after the change of folder.
            let path = self.folder.join(&self.program);
            std::path::absolute(&path).unwrap_or(path).into_os_string()
        } else {
            OsString::from(&self.program)
        };
        let mut command = tokio::process::Command::new(program);
        command.args(&self.args).current_dir(&self.folder).env_clear();
        for name in &self.inherited {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for (name, value) in &self.environment {
            command.env(name, value.expose_secret());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => CommandError::NotFound(self.program.clone()),
            io::ErrorKind::PermissionDenied => CommandError::NotPermitted(self.program.clone()),
            _ => CommandError::System { program: self.program.clone(), source },
        })
    }

    /// The program as it was written, for messages. The arguments are not shown: they may hold what must not be.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The folder that it works in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Outcome {
    /// Whether the program exited with code 0 in time.
    pub fn succeeded(&self) -> bool {
        self.ended == Ended::Exited(0)
    }
}

fn end_of(status: ExitStatus) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Signalled(signal.unwrap_or_default()),
    }
}

/// A process group with its leader, killed when dropped.
struct Group {
    leader: Child,
    /// Until the leader is waited for; from then on the number may be another's.
    id: Option<Pid>,
}

impl Group {
    fn led_by(leader: Child) -> Self {
        let id = leader.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { leader, id }
    }

    /// Waits until the leader has ended, and leaves it to be reaped. Can be dropped and called again.
    async fn leader_ended(&self, ends: &mut tokio::signal::unix::Signal) {
        let Some(id) = self.id else { return };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        // An error says that there is no such child to wait for.
        while matches!(waitid(WaitId::Pid(id), look), Ok(None)) {
            if ends.recv().await.is_none() {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // The only error of interest, that nobody is left, is what the signal was for.
            let _gone = kill_process_group(id, signal);
        }
    }

    /// The leader's status, once the group was killed; nothing if it does not even end then.
    async fn reap(&mut self) -> Option<ExitStatus> {
        let status = timeout_at(Instant::now() + LAST_READ, self.leader.wait()).await.ok()?.ok();
        self.id = None;
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
