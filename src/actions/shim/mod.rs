//! The shim: a process of its own between the daemon and a script, so that the daemon's end is not the script's.
//!
//! [`Shims`] is the daemon's side: it starts a shim for an attempt, and finds out afterwards, or after a restart, what became
//! of it, by looking at the attempt's folder. What cannot be told is told as such; nothing is guessed. A run's folders stay
//! as its record.

mod folder;
mod order;
mod process;
#[cfg(test)]
pub(super) mod tests;

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::state::Perform;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

pub(super) use self::folder::{End, Exit};
use self::folder::{Folder, Look, bounded, write_whole};
pub(super) use self::order::Order;
pub use self::process::main;
use crate::crash;
use crate::program::Program;

/// The outputs that are kept, by the names of their files.
const OUTPUTS: [&str; 2] = ["stdout", "stderr"];
/// How often a script that another process began is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long what was killed may take to go.
const LAST_LOOKS: Duration = Duration::from_millis(500);
/// The most that is read of a shim's complaint, in bytes.
const MAX_COMPLAINT: u64 = 1_024;
/// Since when there is a record of what was begun.
const SINCE: &str = "since";
/// The shortest secret that is hidden; a shorter one would tear ordinary words apart.
const HIDDEN_FROM: usize = 4;

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// The script ended.
    Ended(Exit),
    /// It is proved that it did not begin, and that it will not.
    NotStarted(String),
    /// There is no telling.
    InDoubt(String),
}

/// An attempt's fate with what is kept of the script's outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) fate: Fate,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// The shims of a daemon, and the folder with one folder for every attempt.
#[derive(Debug)]
pub struct Shims {
    folder: PathBuf,
    /// Since when the folder is there: what began before it has left no trace in it.
    since: Timestamp,
    program: Program,
}

impl Shims {
    /// The shims of a daemon with this store. Their folder stands beside it, and goes where it goes.
    ///
    /// # Errors
    /// The folder cannot be made, or not be read.
    pub fn beside(store: &Path, now: Timestamp) -> io::Result<Self> {
        let mut name = store.as_os_str().to_owned();
        name.push(".runs");
        Self::open(Path::new(&name), now, Program::own(["shim"])?)
    }

    fn open(folder: &Path, now: Timestamp, program: Program) -> io::Result<Self> {
        // A shim does not count from the daemon's folder.
        let folder = std::path::absolute(folder)?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let since = if let Some(text) = bounded(&folder.join(SINCE))? {
            String::from_utf8_lossy(&text).trim().parse().map_err(io::Error::other)?
        } else {
            write_whole(&folder, SINCE, now.to_string().as_bytes())?;
            now
        };
        Ok(Self { folder, since, program })
    }

    /// Runs a script for an attempt and waits for its end, at most until `until`; then what is left of it is killed.
    pub(super) async fn run(&self, perform: &Perform, order: &Order, until: Instant) -> Found {
        let complaint = match tokio::time::timeout_at(until, self.start(perform, order)).await {
            Ok(Ok(complaint)) => complaint,
            Ok(Err(error)) => error.to_string(),
            Err(_) => String::new(),
        };
        let mut found = self.find(perform, until).await;
        if let (Fate::NotStarted(why), false) = (&mut found.fate, complaint.is_empty()) {
            *why += &format!(": {complaint}");
        }
        found
    }

    /// Starts a shim and waits until it has gone. Gives what it complained of.
    async fn start(&self, perform: &Perform, order: &Order) -> io::Result<String> {
        let told = serde_json::to_vec(order)?;
        let mut command = self.program.again();
        command
            .arg(self.attempt(perform).path())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut shim = command.spawn()?;
        crash::point("spawned", perform.step.id.as_str());
        if let Some(mut input) = shim.stdin.take() {
            // One that goes before it has read everything says why.
            drop(input.write_all(&told).await);
        }
        crash::point("ordered", perform.step.id.as_str());
        let mut complaint = Vec::new();
        if let Some(errors) = shim.stderr.take() {
            errors.take(MAX_COMPLAINT).read_to_end(&mut complaint).await?;
        }
        shim.wait().await?;
        Ok(String::from_utf8_lossy(&complaint).trim().to_owned())
    }

    /// Finds out what became of an attempt. One that is under way is waited for, at most until `until`; then it is killed,
    /// so that whatever follows is not beside it.
    pub(super) async fn find(&self, perform: &Perform, until: Instant) -> Found {
        let folder = self.attempt(perform);
        let (mut abandoned, mut killed) = (false, false);
        let fate = loop {
            let fate = match self.look(perform, &folder).await {
                Ok(Look::Ended(exit)) => Fate::Ended(exit),
                Ok(Look::NotStarted) => Fate::NotStarted("the script was not started".to_owned()),
                Ok(Look::Lost { rebooted }) => Fate::InDoubt(lost(rebooted, abandoned, killed)),
                Ok(look @ (Look::Running | Look::Abandoned)) => {
                    abandoned |= look == Look::Abandoned;
                    match Instant::now() {
                        now if now < until => {}
                        now if now < until + LAST_LOOKS => {
                            killed = true;
                            if let Err(error) = folder.kill() {
                                tracing::error!(%error, "a script cannot be killed");
                            }
                        }
                        _ => break Fate::InDoubt("it cannot be stopped".to_owned()),
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
                Err(error) => {
                    Fate::InDoubt(format!("what its shim left behind cannot be read: {error}"))
                }
            };
            break fate;
        };
        let [stdout, stderr] = OUTPUTS.map(|name| folder.output(name));
        Found { fate, stdout, stderr }
    }

    async fn look(&self, perform: &Perform, folder: &Folder) -> io::Result<Look> {
        // Where everything is newer than the attempt, no trace proves nothing.
        if perform.since < self.since && !folder.path().try_exists()? {
            let (folder, since) = (self.folder.display(), self.since);
            return Err(io::Error::other(format!("{folder} is there only since {since}")));
        }
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || folder.look()).await?
    }

    fn attempt(&self, perform: &Perform) -> Folder {
        let (run, step) = (perform.run.to_string(), &perform.step.id);
        Folder::at(self.folder.join(run).join(format!("{step}.{}", perform.attempt)))
    }
}

/// Why nobody saw a script end.
fn lost(rebooted: bool, abandoned: bool, killed: bool) -> String {
    match (rebooted, abandoned, killed) {
        (true, _, _) => "the machine was restarted while it was under way",
        (false, false, true) => "its shim did not end it at its deadline; both were killed",
        (false, true, true) => {
            "its shim was killed; it went on without it until it was killed, too"
        }
        (false, true, false) => "its shim was killed; it went on without it, and has ended",
        (false, false, false) => "its shim was killed while it was under way",
    }
    .to_owned()
}

/// A text without secrets: scripts and servers repeat what they are given.
pub(super) fn hide<'s>(mut text: String, secrets: impl Iterator<Item = &'s str>) -> String {
    for secret in secrets.filter(|secret| secret.len() >= HIDDEN_FROM) {
        if text.contains(secret) {
            text = text.replace(secret, "[hidden]");
        }
    }
    text
}
