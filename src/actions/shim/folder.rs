//! An attempt's folder: the one place where a shim and whoever looks for it agree on what happened.
//!
//! Making the folder is what nobody can do twice, and whoever holds its lock has the word. A shim makes it, takes the lock,
//! and has `start.json` on disk before the script begins; `exit.json` is there once it is over. Whoever finds the lock free
//! and no start writes `void`: a shim that comes late sees it and goes. Nothing is removed.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::iter;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const LOCK: &str = "lock";
const START: &str = "start.json";
const SCRIPT: &str = "script.json";
const EXIT: &str = "exit.json";
const VOID: &str = "void";
/// How many folders an attempt may be the first in: its own, its run's, and the one of all runs.
const LEVELS: usize = 3;
/// The most that is read of a file, in bytes.
const MAX_FILE: u64 = 256 << 10;

/// A process of one boot of this machine, told from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pid: i32,
    /// When it began, in clock ticks since boot.
    started: u64,
    /// Which boot.
    boot: String,
}

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// It exited with this code.
    Exited(i32),
    /// A signal ended it that the shim did not send.
    Signalled(i32),
    /// It was stopped at its deadline.
    TimedOut,
    /// It could not be run, for this reason.
    NotRun(String),
}

/// What `exit.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exit {
    /// How the script ended.
    pub(crate) ended: End,
    /// Whether a process that left the script's group still held an output open.
    pub(crate) detached: bool,
}

/// What there is to see of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// Its shim holds the lock.
    Running,
    /// It is over.
    Ended(Exit),
    /// It did not begin, and will not any more.
    NotStarted,
    /// Its shim is gone, and the script goes on.
    Abandoned,
    /// It began, and nobody saw it end.
    Lost {
        /// Whether the machine was started anew since.
        rebooted: bool,
    },
}

/// Why a shim may not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum Taken {
    /// The folder is there already.
    #[error("the attempt was begun already")]
    Begun,
    /// Somebody looked before the shim came.
    #[error("the attempt was given up before it began")]
    Void,
    /// The disk does not take it.
    #[error("the attempt's folder cannot be written: {0}")]
    Disk(#[from] io::Error),
}

/// The folder of one attempt: `<run>/<step>.<attempt>` below the one that a daemon keeps.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

/// The right to say what becomes of an attempt, until it is dropped or its process ends.
#[derive(Debug)]
pub(super) struct Claim {
    folder: Folder,
    _lock: File,
}

impl Folder {
    pub(super) fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Takes the attempt for this process, and has that on disk.
    pub(super) fn claim(&self) -> Result<Claim, Taken> {
        if !self.make()? {
            return Err(Taken::Begun);
        }
        self.take()
    }

    /// Takes the attempt of a folder that this process has made.
    pub(super) fn take(&self) -> Result<Claim, Taken> {
        let lock = self.open_lock()?;
        lock.lock()?;
        if self.has(VOID)? {
            return Err(Taken::Void);
        }
        self.begin().inspect_err(|_| {
            // Nothing was started, so nothing is to look as if it was.
            drop(fs::remove_file(self.0.join(START)));
        })?;
        Ok(Claim { folder: self.clone(), _lock: lock })
    }

    /// Finds out how the attempt stands. One that has not begun never will: that is settled with this look.
    pub(super) fn look(&self) -> io::Result<Look> {
        self.make()?;
        let lock = self.open_lock()?;
        match lock.try_lock() {
            Ok(()) => {}
            // It is over, even if its shim has not gone yet.
            Err(TryLockError::WouldBlock) => {
                return Ok(self.read(EXIT)?.map_or(Look::Running, Look::Ended));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if let Some(exit) = self.read(EXIT)? {
            return Ok(Look::Ended(exit));
        }
        let Some(shim) = self.read::<Process>(START)? else {
            if !self.has(VOID)? {
                self.write(VOID, &Process::current())?;
                self.sync_parents()?;
            }
            return Ok(Look::NotStarted);
        };
        if shim.boot != boot() {
            return Ok(Look::Lost { rebooted: true });
        }
        let script = self.read::<Process>(SCRIPT)?;
        let goes_on = script.is_some_and(|script| script.is_alive());
        Ok(if goes_on { Look::Abandoned } else { Look::Lost { rebooted: false } })
    }

    /// Kills the script's group and the shim, if they are still the ones that were begun here.
    pub(super) fn kill(&self) -> io::Result<()> {
        let [script, shim] = [self.read::<Process>(SCRIPT)?, self.read::<Process>(START)?];
        let alive = |process: Option<Process>| process.filter(Process::is_alive)?.id();
        if let Some(script) = alive(script) {
            kill_process_group(script, Signal::KILL)?;
        }
        if let Some(shim) = alive(shim) {
            kill_process(shim, Signal::KILL)?;
        }
        Ok(())
    }

    /// What was kept of an output.
    pub(super) fn output(&self, name: &str) -> String {
        let bytes = bounded(&self.0.join(name)).ok().flatten().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Makes the folder; says whether it was not there.
    fn make(&self) -> io::Result<bool> {
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        if let Some(run) = self.0.parent() {
            builder.recursive(true).create(run)?;
        }
        match builder.recursive(false).create(&self.0) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn open_lock(&self) -> io::Result<File> {
        owned().read(true).truncate(false).open(self.0.join(LOCK))
    }

    fn has(&self, name: &str) -> io::Result<bool> {
        self.0.join(name).try_exists()
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        match bounded(&self.0.join(name))? {
            Some(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            None => Ok(None),
        }
    }

    /// Writes a file so that it is there whole or not at all, and is there for good.
    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        write_whole(&self.0, name, &serde_json::to_vec(value)?)
    }

    /// Has on disk that the script begins. The disk is asked for all of it at once, since the script waits for it; a power
    /// failure in the middle leaves no start, or one that cannot be read.
    fn begin(&self) -> io::Result<()> {
        let file = write_new(&self.0, START, &serde_json::to_vec(&Process::current())?)?;
        let folders = self.0.ancestors().take(LEVELS).map(File::open);
        let all: Vec<File> = iter::once(Ok(file)).chain(folders).collect::<io::Result<_>>()?;
        thread::scope(|scope| {
            let synced: Vec<_> = all.iter().map(|file| scope.spawn(|| file.sync_all())).collect();
            synced.into_iter().try_for_each(|sync| {
                sync.join().unwrap_or_else(|_| Err(io::Error::other("a thread broke")))
            })
        })
    }

    /// Has on disk that the folder is there.
    fn sync_parents(&self) -> io::Result<()> {
        self.0
            .ancestors()
            .take(LEVELS)
            .skip(1)
            .try_for_each(|folder| File::open(folder)?.sync_all())
    }
}

impl Claim {
    /// Notes the script's process, so that it is found if the shim is killed. It need not survive a power failure: the
    /// script does not either.
    pub(super) fn runs(&self, script: u32) -> io::Result<()> {
        let process = Process::of(i32::try_from(script).unwrap_or_default());
        fs::write(self.folder.0.join(SCRIPT), serde_json::to_vec(&process)?)
    }

    /// Keeps an output as it is now.
    pub(super) fn keep(&self, name: &str, text: &str) -> io::Result<File> {
        let mut file = owned().truncate(true).open(self.folder.0.join(name))?;
        file.write_all(text.as_bytes())?;
        Ok(file)
    }

    /// Has on disk how the script ended.
    pub(super) fn ended(&self, exit: &Exit) -> io::Result<()> {
        self.folder.write(EXIT, exit)
    }
}

impl Process {
    fn current() -> Self {
        Self::of(i32::try_from(std::process::id()).unwrap_or_default())
    }

    pub(super) fn of(pid: i32) -> Self {
        let started = stat(pid).map_or(0, |(_, started)| started);
        Self { pid, started, boot: boot() }
    }

    fn id(&self) -> Option<Pid> {
        Pid::from_raw(self.pid)
    }

    /// Whether it still runs: a later process with its number has another start, and one that only waits to be reaped
    /// runs no more.
    fn is_alive(&self) -> bool {
        self.boot == boot()
            && stat(self.pid)
                .is_some_and(|(state, started)| state != 'Z' && started == self.started)
    }
}

/// A process's state and when it began.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name, which may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Which boot of the machine this is; nothing where it cannot be told.
fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// For files that only their owner reads.
fn owned() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// Writes a file in `folder` so that it is there whole or not at all, and is there for good.
pub(super) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let written = format!("{name}.new");
    write_new(folder, &written, bytes)?.sync_all()?;
    fs::rename(folder.join(written), folder.join(name))?;
    File::open(folder)?.sync_all()
}

fn write_new(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<File> {
    let mut file = owned().truncate(true).open(folder.join(name))?;
    file.write_all(bytes)?;
    Ok(file)
}

/// A file's beginning; nothing if there is no such file.
pub(super) fn bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
