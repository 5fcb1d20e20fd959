//! The daemon's side of couriers: it starts one for each try, waits until it has gone, and reads what it kept.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::courier::{Order, Tried, is_final, kept};
use super::undelivered::Undelivered;
use crate::program::Program;

/// How many couriers one channel has under way: a server that does not answer holds up nobody else's messages.
const PER_CHANNEL: usize = 4;
/// How long a courier may be away: it may have to wait for one that an earlier daemon sent, and each gives up by itself.
const AWAY: Duration = Duration::from_secs(600);
/// The most that is read of a courier's complaint, in bytes.
const MAX_COMPLAINT: u64 = 1_024;
/// How long a message's file is kept: longer than any message is tried.
const KEPT: Duration = Duration::from_secs(3 * 24 * 3_600);
/// How often old files are looked for.
const SWEEP: Duration = Duration::from_secs(3_600);
/// How many hexadecimal digits the name of a message's file has.
const NAME: usize = 64;

/// The couriers of a daemon, and the folder with a file for every message.
#[derive(Debug)]
pub struct Couriers {
    folder: PathBuf,
    program: Program,
    rooms: Mutex<HashMap<(String, String), Arc<Semaphore>>>,
    /// When old files were last looked for.
    swept: Mutex<Instant>,
}

impl Couriers {
    /// The couriers of a daemon with this store. Their folder stands beside it, and goes where it goes.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn beside(store: &Path) -> io::Result<Self> {
        let mut name = store.as_os_str().to_owned();
        name.push(".post");
        Self::open(Path::new(&name), Program::own(["courier"])?)
    }

    pub(super) fn open(folder: &Path, program: Program) -> io::Result<Self> {
        let folder = std::path::absolute(folder)?;
        make(&folder)?;
        sweep(&folder);
        let (rooms, swept) = (Mutex::default(), Mutex::new(Instant::now()));
        Ok(Self { folder, program, rooms, swept })
    }

    /// Has a message tried once, unless an earlier courier has brought it or is just about to.
    pub(super) async fn send(&self, order: &Order) -> Tried {
        let room = self.room(order);
        let _room = room.acquire().await.expect("nobody closes it");
        self.sweep_now_and_then();
        let file = self.folder.join(order.file());
        let gone = match tokio::time::timeout(AWAY, self.start(order, &file)).await {
            Ok(Ok(gone)) => gone,
            Ok(Err(error)) => {
                return Err(Undelivered::yet(format!("its courier cannot be started: {error}")));
            }
            Err(_) => return Err(Undelivered::yet("its courier does not come back")),
        };
        match kept(&file) {
            // Whatever became of this one, another has brought it.
            Some(tried) if gone.status.success() || is_final(&tried) => tried,
            _ if gone.complaint.is_empty() => {
                Err(Undelivered::yet(format!("its courier ended with {}", gone.status)))
            }
            _ => Err(Undelivered::yet(format!("its courier: {}", gone.complaint))),
        }
    }

    /// What is known to have come of a message, if no other try is to follow.
    pub(super) fn end_of(&self, order: &Order) -> Option<Tried> {
        kept(&self.folder.join(order.file())).filter(is_final)
    }

    /// Starts a courier and waits until it has gone.
    async fn start(&self, order: &Order, file: &Path) -> io::Result<Gone> {
        make(&self.folder)?;
        let told = serde_json::to_vec(order)?;
        let mut command = self.program.again();
        // Its environment is the daemon's: secrets are found there by their names.
        command.arg(file).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut courier = command.spawn()?;
        if let Some(mut input) = courier.stdin.take() {
            // One that goes before it has read everything says why.
            drop(input.write_all(&told).await);
        }
        let mut complaint = Vec::new();
        if let Some(errors) = courier.stderr.take() {
            errors.take(MAX_COMPLAINT).read_to_end(&mut complaint).await?;
        }
        let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
        Ok(Gone { status: courier.wait().await?, complaint })
    }

    fn sweep_now_and_then(&self) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.elapsed() > SWEEP {
            *swept = Instant::now();
            let folder = self.folder.clone();
            tokio::task::spawn_blocking(move || sweep(&folder));
        }
    }

    fn room(&self, order: &Order) -> Arc<Semaphore> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(order.room());
        Arc::clone(room.or_insert_with(|| Arc::new(Semaphore::new(PER_CHANNEL))))
    }
}

/// A courier that has gone.
struct Gone {
    status: ExitStatus,
    /// What it complained of.
    complaint: String,
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Removes the files of old messages, and nothing else. What cannot be removed is in nobody's way.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let hex = |name: &str| name.len() == NAME && name.bytes().all(|b| b.is_ascii_hexdigit());
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = written.is_ok_and(|at| at.elapsed().unwrap_or_default() > KEPT);
        if is_old
            && name.to_str().is_some_and(hex)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(file = %entry.path().display(), %error, "an old message's file stays");
        }
    }
}

#[cfg(test)]
mod tests;
