//! A courier: a process of its own that tries once to deliver a message, and keeps what came of it.
//!
//! It goes on when the daemon is killed, and the daemon that comes back sends another one after it. Whoever holds the lock
//! of the message's file has the word: the second waits for the first, finds what came of that, and delivers nothing twice.
//! A courier that is killed itself leaves nothing behind, and the message is tried again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use launchgate_core::message::Message;
use launchgate_core::plan::Plan;
use rustix::process::setsid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::about::About;
use super::carrier::Carrier;
use super::post::digest;
use super::undelivered::Undelivered;
use crate::told;

/// How long a try may take, whatever its channel allows itself.
const LONGEST: Duration = Duration::from_secs(180);
/// The most that is read of a message's file, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// What came of a try.
pub(super) type Tried = Result<(), Undelivered>;

/// A message with everything that it takes to deliver it. Secrets stand in it by reference alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    about: About,
    /// The channel's kind and settings, as the launch file has them.
    kind: String,
    settings: Value,
    /// The launch file's folder, from which files of secrets count.
    folder: PathBuf,
    pub(super) message: Message,
}

impl Order {
    /// The order to deliver a message, under the plan in force; or why there can be none.
    pub(super) fn of(plan: &Plan, folder: &Path, message: Message) -> Result<Self, String> {
        let missing = || format!("there is no channel `{}`", message.channel);
        let channel = plan.channels.get(&message.channel).ok_or_else(missing)?;
        let (kind, settings) = (channel.kind.to_string(), channel.settings.clone());
        Ok(Self { about: About::of(plan), kind, settings, folder: folder.to_owned(), message })
    }

    /// The name of the message's file: of one length, and another one for a message of the same name that was made at another
    /// time, as by a daemon whose store is new.
    pub(super) fn file(&self) -> String {
        let Message { id, at, .. } = &self.message;
        digest(&format!("{}\0{id}\0{at}", self.about.launch))
    }

    /// The launch and the channel.
    pub(super) fn room(&self) -> (String, String) {
        (self.about.launch.to_string(), self.message.channel.to_string())
    }

    /// Tries once.
    pub(super) async fn deliver(&self) -> Tried {
        let carrier = Carrier::read(&self.kind, self.settings.clone())
            .map_err(|problems| Undelivered::of_settings(&problems))?;
        let tried = carrier.deliver(&self.about, &self.folder, &self.message);
        match tokio::time::timeout(LONGEST, tried).await {
            Ok(tried) => tried,
            Err(_) => Err(Undelivered::yet("no answer in time")),
        }
    }
}

/// Carries the message that standard input tells of, unless its file says that it has arrived or was refused.
pub fn main(file: &Path) -> ExitCode {
    match carry(file, io::stdin().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Whoever started this reads it, if it is still there.
            drop(writeln!(io::stderr(), "{why}"));
            ExitCode::FAILURE
        }
    }
}

pub(super) fn carry(file: &Path, told: impl io::Read) -> Result<(), String> {
    // A session of its own, so that what ends the daemon's group or its terminal does not end this.
    let _leads_already = setsid();
    // One that is cut short was told by a daemon that was dying, and the next one tells it anew.
    let order: Order =
        told::read(told).map_err(|why| format!("the order cannot be read: {why}"))?;
    let fail = |e: io::Error| format!("what becomes of the message cannot be kept: {e}");
    let mut kept = Kept::locked(file).map_err(fail)?;
    if kept.read().is_some_and(|tried| is_final(&tried)) {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("no runtime can be had: {e}"))?;
    let tried = runtime.block_on(order.deliver());
    kept.write(&tried).map_err(fail)
}

/// Whether no other try is to follow.
fn is_final(tried: &Tried) -> bool {
    matches!(tried, Ok(()) | Err(Undelivered::ForGood(_)))
}

/// What came of the last try of a message, in a file that one courier at a time has.
#[derive(Debug)]
pub(super) struct Kept(File);

impl Kept {
    /// Opens a message's file once no other courier has it; makes it if it is not there.
    pub(super) fn locked(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        file.lock()?;
        Ok(Self(file))
    }

    /// What it says; nothing where no try has ended, or one was cut short in writing.
    pub(super) fn read(&mut self) -> Option<Tried> {
        let mut text = Vec::new();
        self.0.rewind().ok()?;
        (&self.0).take(MAX_FILE).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps what came of a try, in place of what is there.
    fn write(&mut self, tried: &Tried) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(&serde_json::to_vec(tried)?)?;
        self.0.sync_data()
    }
}
