//! The audit log: what people decided and what was done, as a chain in which every entry holds the hash of the one before.
//!
//! A launch has one chain. An [`Entry`] is hashed over all of its fields, a [`Head`] names the newest entry by its hash,
//! and whoever signs a head signs everything up to it. [`Chain`] walks a log and names the first entry that does not hold.
//! Nothing here signs, or knows a kind of signature: the caller says whether a signature is good.
//!
//! What is hashed and what is signed is made of parts, each behind its length in bytes as eight bytes, big-endian:
//!
//! | part | of an entry's hash | of what is signed |
//! |---|---|---|
//! | 1 | `launchgate/audit/entry/1` | `launchgate/audit/head/1` |
//! | 2 | launch, as text | launch, as text |
//! | 3 | `seq`, eight bytes, big-endian | `seq`, eight bytes, big-endian |
//! | 4 | `at`, nanoseconds since 1970, sixteen bytes, big-endian | `hash`, thirty-two bytes |
//! | 5 | kind, as text | |
//! | 6 | body, as text | |
//! | 7 | `prev`, thirty-two bytes | |
//!
//! The first entry has `seq` 1 and a `prev` of thirty-two zeros.

mod chain;
mod hex;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::chain::{Broken, Chain, IsSigned, Why};
pub use self::hex::{Hex, HexError};
use crate::name::{Name, NameError};
use crate::state::Record;
use crate::trigger;

/// The hash of an entry: SHA-256.
pub type Fingerprint = Hex<32>;
/// The signature of a head: Ed25519.
pub type Signature = Hex<64>;

/// One thing that was decided or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The launch, which has a chain of its own.
    pub launch: Name,
    /// Its place in the chain, counted from 1 without gaps.
    pub seq: u64,
    /// When it was kept, to the millisecond.
    pub at: Timestamp,
    /// What kind of thing it is; see [`audited`].
    pub kind: String,
    /// The record as canonical JSON: keys sorted, no white space. This very text is hashed.
    pub body: String,
    /// The hash of the entry before; zeros for the first.
    pub prev: Fingerprint,
    /// The hash of this entry.
    pub hash: Fingerprint,
}

impl Entry {
    /// The hash that the entry must have, going by its other fields.
    pub fn fingerprint(&self) -> Fingerprint {
        let text = parts([
            b"launchgate/audit/entry/1",
            self.launch.as_str().as_bytes(),
            &self.seq.to_be_bytes(),
            &self.at.as_nanosecond().to_be_bytes(),
            self.kind.as_bytes(),
            self.body.as_bytes(),
            &self.prev.0,
        ]);
        Hex(Sha256::digest(text).into())
    }

    /// The chain's head after this entry.
    pub fn head(&self) -> Head {
        Head { launch: self.launch.clone(), seq: self.seq, hash: self.hash }
    }
}

/// How far a chain reaches: its newest entry by number and hash. Written `LAUNCH:SEQ:HASH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The launch.
    pub launch: Name,
    /// The newest entry; 0 before the first.
    pub seq: u64,
    /// Its hash; zeros before the first.
    pub hash: Fingerprint,
}

impl Head {
    /// The head of a chain without entries.
    pub fn origin(launch: Name) -> Self {
        Self { launch, seq: 0, hash: Hex([0; 32]) }
    }

    /// The entry that follows this head and holds a record.
    ///
    /// # Errors
    /// The record cannot be written as JSON.
    pub fn next(
        &self,
        at: Timestamp,
        kind: &str,
        record: &Record,
    ) -> Result<Entry, serde_json::Error> {
        let mut entry = Entry {
            launch: self.launch.clone(),
            seq: self.seq + 1,
            // Stores keep milliseconds, and what they give back must have the hash that was made here.
            at: Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at),
            kind: kind.to_owned(),
            body: canonical(record)?,
            prev: self.hash,
            hash: self.hash,
        };
        entry.hash = entry.fingerprint();
        Ok(entry)
    }

    /// What is signed of it.
    pub fn message(&self) -> Vec<u8> {
        parts([
            b"launchgate/audit/head/1",
            self.launch.as_str().as_bytes(),
            &self.seq.to_be_bytes(),
            &self.hash.0,
        ])
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.launch, self.seq, self.hash)
    }
}

/// Why a text is no [`Head`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It does not have three parts, or the second is no number.
    #[error("a head is written LAUNCH:SEQ:HASH")]
    Shape,
    /// Its launch is none.
    #[error(transparent)]
    Launch(#[from] NameError),
    /// Its hash is none.
    #[error(transparent)]
    Hash(#[from] HexError),
}

impl FromStr for Head {
    type Err = HeadError;
    fn from_str(text: &str) -> Result<Self, HeadError> {
        let mut parts = text.split(':');
        let (Some(launch), Some(seq), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(HeadError::Shape);
        };
        let seq = seq.parse().map_err(|_| HeadError::Shape)?;
        Ok(Self { launch: launch.parse()?, seq, hash: hash.parse()? })
    }
}

/// A head with the daemon's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    /// The launch.
    pub launch: Name,
    /// The newest entry when it was signed.
    pub seq: u64,
    /// The hash of that entry.
    pub hash: Fingerprint,
    /// The signature over [`Head::message`].
    pub signature: Signature,
}

impl SignedHead {
    /// A head with its signature.
    pub fn new(head: Head, signature: Signature) -> Self {
        Self { launch: head.launch, seq: head.seq, hash: head.hash, signature }
    }

    /// What was signed.
    pub fn head(&self) -> Head {
        Head { launch: self.launch.clone(), seq: self.seq, hash: self.hash }
    }
}

/// A line of an exported log. A signed head comes right after the entry that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// An entry.
    Entry(Entry),
    /// A signed head.
    Head(SignedHead),
}

impl Line {
    /// The launch that it belongs to.
    pub fn launch(&self) -> &Name {
        match self {
            Self::Entry(entry) => &entry.launch,
            Self::Head(head) => &head.launch,
        }
    }

    /// The entry that it is, or names.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.seq,
            Self::Head(head) => head.seq,
        }
    }
}

/// The kind under which a record enters the log; none for what is not audited. `before` is the memory that a trigger's
/// record replaces: of a trigger, turns are audited, not every sample that it credits. Messages are not: they tell people
/// of what is in the log by itself.
pub fn audited(record: &Record, before: Option<&trigger::Memory>) -> Option<&'static str> {
    match record {
        Record::Observed { .. } | Record::Message(_) | Record::Delivered { .. } => None,
        Record::SignedOff(_) => Some("sign_off"),
        Record::Reached(_) => Some("milestone"),
        Record::Rehearsed(_) => Some("rehearsal"),
        Record::Watched(_) => Some("watch"),
        Record::Waived(_) => Some("waiver"),
        Record::GoNoGo(_) => Some("decision"),
        Record::Trigger { memory, .. } => {
            let new = trigger::Memory::default();
            has_turned(before.unwrap_or(&new), memory).then_some("trigger")
        }
        Record::RunCreated(_) => Some("run_created"),
        Record::Run { .. } => Some("run"),
    }
}

/// Whether a trigger's status or latch changed, or what people said to it.
fn has_turned(before: &trigger::Memory, after: &trigger::Memory) -> bool {
    let status = |m: &trigger::Memory| (m.status, m.generation, m.fired_at);
    let declined = |m: &trigger::Memory| m.asked.as_ref().and_then(|asked| asked.declined.clone());
    status(after) != status(before)
        || (&after.hold, &after.acked, &after.rearm_asked)
            != (&before.hold, &before.acked, &before.rearm_asked)
        || declined(after) != declined(before)
}

/// A record as JSON of which there is one text: keys sorted, no white space.
fn canonical(record: &Record) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(record)?;
    value.sort_all_objects();
    serde_json::to_string(&value)
}

/// Parts behind their lengths, so that no two lists of parts make the same bytes.
fn parts<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        let length = u64::try_from(part.len()).expect("a slice's length fits into 64 bits");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}
