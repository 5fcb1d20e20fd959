//! A courier: a process of its own that tries once to deliver a message, and keeps what came of it.
//!
//! It goes on when the daemon is killed, and the daemon that comes back sends another one after it. Whoever holds the lock
//! of the message's file has the word: the second waits for the first, finds what came of that, and delivers nothing twice.
//! A courier that is killed itself leaves nothing behind, and the message is tried again. One that could not keep what
//! comes of a try makes none: a full disk is no reason to say a thing a thousand times.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use launchgate_core::message::Message;
use launchgate_core::plan::Plan;
use rustix::process::{getppid, setsid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::about::About;
use super::carrier::Carrier;
use super::post::{cut, digest};
use super::undelivered::Undelivered;
use crate::told;

/// How long a try may take, whatever its channel allows itself.
const LONGEST: Duration = Duration::from_secs(180);
/// How large a message's file is, in bytes: as much as is taken before a try, so that what comes of it has room.
const ROOM: usize = 4 << 10;
/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 400;
/// How often a lock that another courier has is tried.
const AGAIN: Duration = Duration::from_millis(50);

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
    /// The daemon that waits for it. When that has died, the next one sends another courier.
    sender: u32,
    pub(super) message: Message,
}

impl Order {
    /// The order to deliver a message, under the plan in force; or why there can be none.
    pub(super) fn of(plan: &Plan, folder: &Path, message: Message) -> Result<Self, String> {
        let missing = || format!("there is no channel `{}`", message.channel);
        let channel = plan.channels.get(&message.channel).ok_or_else(missing)?;
        Ok(Self {
            about: About::of(plan),
            kind: channel.kind.to_string(),
            settings: channel.settings.clone(),
            folder: folder.to_owned(),
            sender: std::process::id(),
            message,
        })
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
    let fail = |e: io::Error| {
        format!("what becomes of the message cannot be kept in {}: {e}", file.display())
    };
    let Some(kept) = Kept::locked(file, || is_waited_for(&order)).map_err(fail)? else {
        return Err("its daemon is gone".to_owned());
    };
    if kept.read().is_some_and(|tried| is_final(&tried)) {
        return Ok(());
    }
    kept.make_room().map_err(fail)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("no runtime can be had: {e}"))?;
    let tried = runtime.block_on(order.deliver());
    kept.write(&tried).map_err(fail)
}

/// Whether the daemon that sent this courier is still there.
fn is_waited_for(order: &Order) -> bool {
    let parent = getppid().and_then(|parent| u32::try_from(parent.as_raw_nonzero().get()).ok());
    parent == Some(order.sender)
}

/// Whether no other try is to follow.
pub(super) fn is_final(tried: &Tried) -> bool {
    matches!(tried, Ok(()) | Err(Undelivered::ForGood(_)))
}

/// What came of the last try of a message, in a file that one courier at a time has.
struct Kept(File);

impl Kept {
    /// Opens a message's file once no other courier has it; makes it if it is not there. Nothing when it is not wanted any
    /// more before that.
    fn locked(path: &Path, wanted: impl Fn() -> bool) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if wanted() => pause(),
                Err(TryLockError::WouldBlock) => return Ok(None),
            }
        }
    }

    fn read(&self) -> Option<Tried> {
        understood(&self.0)
    }

    /// Takes the room for what is to be kept.
    fn make_room(&self) -> io::Result<()> {
        if self.0.metadata()?.len() < ROOM as u64 {
            self.0.write_all_at(&[b' '; ROOM], 0)?;
            self.0.sync_all()?;
        }
        Ok(())
    }

    /// Keeps what came of a try, in place of what is there.
    fn write(&self, tried: &Tried) -> io::Result<()> {
        let mut text = serde_json::to_vec(&shortened(tried))?;
        text.resize(ROOM.max(text.len()), b' ');
        self.0.write_all_at(&text, 0)?;
        self.0.sync_data()
    }
}

/// What a message's file says; nothing where no try has ended, or one was cut short in writing.
pub(super) fn kept(path: &Path) -> Option<Tried> {
    understood(&File::open(path).ok()?)
}

fn understood(file: &File) -> Option<Tried> {
    let mut text = vec![0; ROOM];
    let mut length = 0;
    while length < ROOM {
        match file.read_at(&mut text[length..], length as u64).ok()? {
            0 => break,
            more => length += more,
        }
    }
    serde_json::from_slice(&text[..length]).ok()
}

/// With a reason that has room.
fn shortened(tried: &Tried) -> Tried {
    match tried {
        Ok(()) => Ok(()),
        Err(Undelivered::ForGood(because)) => Err(Undelivered::ForGood(cut(because, MAX_REASON))),
        Err(Undelivered::Yet { because, after }) => {
            Err(Undelivered::Yet { because: cut(because, MAX_REASON), after: *after })
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a courier has nothing else to do")]
fn pause() {
    std::thread::sleep(AGAIN);
}
