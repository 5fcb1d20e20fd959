//! The daemon's side of couriers: it starts one for each try, waits until it has gone, and reads what it kept.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use super::courier::{Kept, Order, Tried};
use super::undelivered::Undelivered;
use crate::program::Program;

/// How many couriers one channel has under way: a server that does not answer holds up nobody else's messages.
const PER_CHANNEL: usize = 4;
/// How long a courier may be away. It may have to wait for one that an earlier daemon sent, and each gives up by itself.
const AWAY: Duration = Duration::from_secs(600);
/// The most that is read of a courier's complaint, in bytes.
const MAX_COMPLAINT: u64 = 1_024;
/// How long a message's file is kept: longer than any message is tried.
const KEPT: Duration = Duration::from_secs(3 * 24 * 3_600);

/// The couriers of a daemon, and the folder with a file for every message.
#[derive(Debug)]
pub struct Couriers {
    folder: PathBuf,
    program: Program,
    rooms: Mutex<HashMap<(String, String), Arc<Semaphore>>>,
}

impl Couriers {
    /// The couriers of a daemon with this store. Their folder stands beside it, and goes where it goes. What is there of old
    /// messages is removed.
    ///
    /// # Errors
    /// The folder cannot be made, or not be read.
    pub fn beside(store: &Path) -> io::Result<Self> {
        let mut name = store.as_os_str().to_owned();
        name.push(".post");
        Self::open(Path::new(&name), Program::own(["courier"])?)
    }

    pub(super) fn open(folder: &Path, program: Program) -> io::Result<Self> {
        let folder = std::path::absolute(folder)?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let written = entry.metadata().and_then(|metadata| metadata.modified());
            let age = |at: SystemTime| at.elapsed().unwrap_or_default();
            if written.is_ok_and(|at| age(at) > KEPT) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { folder, program, rooms: Mutex::default() })
    }

    /// Has a message tried once, unless an earlier courier has brought it or is just about to.
    pub(super) async fn send(&self, order: &Order) -> Tried {
        let room = self.room(order);
        let _room = room.acquire().await.expect("nobody closes it");
        let file = self.folder.join(order.file());
        let complaint = match tokio::time::timeout(AWAY, self.start(order, &file)).await {
            Ok(Ok(complaint)) => complaint,
            Ok(Err(error)) => error.to_string(),
            Err(_) => return Err(Undelivered::yet("its courier does not come back")),
        };
        let kept = tokio::task::spawn_blocking(move || Kept::locked(&file).map(|mut k| k.read()));
        match kept.await.unwrap_or_else(|e| Err(io::Error::other(e))) {
            Ok(Some(tried)) if complaint.is_empty() => tried,
            Ok(_) if complaint.is_empty() => Err(Undelivered::yet("its courier was killed")),
            Ok(_) => Err(Undelivered::yet(format!("its courier: {complaint}"))),
            Err(error) => Err(Undelivered::yet(format!("what its courier kept: {error}"))),
        }
    }

    /// Starts a courier and waits until it has gone. Gives what it complained of.
    async fn start(&self, order: &Order, file: &Path) -> io::Result<String> {
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
        courier.wait().await?;
        Ok(String::from_utf8_lossy(&complaint).trim().to_owned())
    }

    fn room(&self, order: &Order) -> Arc<Semaphore> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(order.room());
        Arc::clone(room.or_insert_with(|| Arc::new(Semaphore::new(PER_CHANNEL))))
    }
}

#[cfg(test)]
mod tests;
