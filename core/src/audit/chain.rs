//! A walk along a log, line by line, that stops at the first entry that does not hold. It keeps the head alone, so that a
//! log may be of any length.

use super::{Entry, Fingerprint, Head, Line, Signature, SignedHead};
use crate::name::Name;

/// The log does not hold from here on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} of {launch} {why}")]
pub struct Broken {
    /// The launch.
    pub launch: Name,
    /// The first entry that does not hold.
    pub seq: u64,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Another entry stands where it should.
    #[error("is missing: entry {found} stands in its place")]
    Missing {
        /// The one that was found.
        found: u64,
    },
    /// The log ends before it, and something signed or known says that there is more.
    #[error("is missing: the log is known to reach entry {reaches}")]
    CutOff {
        /// How far the log must reach.
        reaches: u64,
    },
    /// It stands where a later one should.
    #[error("stands a second time, or too late")]
    OutOfOrder,
    /// Its `prev` is not the hash of the entry before it.
    #[error("does not follow the entry before it: one of the two was changed")]
    Prev,
    /// Its `hash` is not that of its fields.
    #[error("does not have its hash: its time, kind or body was changed")]
    Hash,
    /// It holds, but it is another than the one that was signed or is known.
    #[error("is another than the one that was signed or is known")]
    Replaced,
    /// The signature of the head that names it is not the key's.
    #[error("is named by a head that the key has not signed")]
    Signature,
    /// A signed head stands behind later entries.
    #[error("is named by a head that does not stand right behind it")]
    HeadOutOfPlace,
    /// No signed head covers it.
    #[error("is covered by no signed head")]
    Unsigned,
    /// It belongs to another launch.
    #[error("is another launch's")]
    Foreign,
}

/// Says whether a signature over a message is the key's.
pub type IsSigned<'a> = &'a dyn Fn(&[u8], &Signature) -> bool;

/// How far a log has been found to hold.
#[derive(Debug, Clone)]
pub struct Chain {
    head: Head,
    /// The newest entry that a signed head covers.
    signed: u64,
    heads: u64,
    /// What the log must come to.
    known: Vec<(u64, Fingerprint)>,
}

impl Chain {
    /// A log from its beginning.
    pub fn new(launch: Name) -> Self {
        Self::after(Head::origin(launch))
    }

    /// A log from behind a head that is taken as good.
    pub fn after(head: Head) -> Self {
        Self { signed: head.seq, head, heads: 0, known: Vec::new() }
    }

    /// Asks that the log holds this head, known from elsewhere: a log that was cut off or made anew does not.
    pub fn must_hold(&mut self, head: &Head) {
        self.known.push((head.seq, head.hash));
    }

    /// The newest entry found to hold.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How many signed heads there were.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// The first entry that does not hold. Nothing that comes later is worth a look.
    pub fn take(&mut self, line: &Line, is_signed: IsSigned<'_>) -> Result<(), Broken> {
        if *line.launch() != self.head.launch {
            return Err(self.broken(line.seq(), Why::Foreign));
        }
        match line {
            Line::Entry(entry) => self.entry(entry),
            Line::Head(head) => self.signature(head, is_signed),
        }
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Broken> {
        let expected = self.head.seq + 1;
        if entry.seq > expected {
            return Err(self.broken(expected, Why::Missing { found: entry.seq }));
        }
        if entry.seq < expected {
            return Err(self.broken(entry.seq, Why::OutOfOrder));
        }
        if entry.prev != self.head.hash {
            return Err(self.broken(expected, Why::Prev));
        }
        if entry.hash != entry.fingerprint() {
            return Err(self.broken(expected, Why::Hash));
        }
        if self.known.iter().any(|(seq, hash)| *seq == entry.seq && *hash != entry.hash) {
            return Err(self.broken(expected, Why::Replaced));
        }
        self.head = entry.head();
        Ok(())
    }

    fn signature(&mut self, head: &SignedHead, is_signed: IsSigned<'_>) -> Result<(), Broken> {
        if !is_signed(&head.head().message(), &head.signature) {
            return Err(self.broken(head.seq, Why::Signature));
        }
        if head.seq > self.head.seq {
            return Err(self.broken(self.head.seq + 1, Why::CutOff { reaches: head.seq }));
        }
        if head.seq < self.head.seq || head.seq <= self.signed {
            return Err(self.broken(head.seq, Why::HeadOutOfPlace));
        }
        if head.hash != self.head.hash {
            return Err(self.broken(head.seq, Why::Replaced));
        }
        self.signed = head.seq;
        self.heads += 1;
        Ok(())
    }

    /// Ends the walk, and gives the head up to which all holds.
    ///
    /// # Errors
    /// The last entries are signed by nobody, or the log is known to be longer.
    pub fn end(&self) -> Result<&Head, Broken> {
        let reaches = self.known.iter().map(|(seq, _)| *seq).max().unwrap_or(0);
        if reaches > self.head.seq {
            return Err(self.broken(self.head.seq + 1, Why::CutOff { reaches }));
        }
        if self.head.seq > self.signed {
            return Err(self.broken(self.signed + 1, Why::Unsigned));
        }
        Ok(&self.head)
    }

    fn broken(&self, seq: u64, why: Why) -> Broken {
        Broken { launch: self.head.launch.clone(), seq, why }
    }
}
