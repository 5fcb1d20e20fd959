//! What was found at one address: everything that a grade is made of, and nothing that was not seen.

use std::collections::BTreeMap;
use std::time::Duration;

use super::flaws::Flaw;
use super::suite::{Exchange, Suite};
use super::version::Version;

/// Whether a server offers something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// It does.
    Offered,
    /// It answered that it does not.
    Absent,
    /// It gave no answer.
    Open,
}

/// Whose order decides between suites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The server's.
    Server,
    /// The client's.
    Client,
    /// It is not known.
    Open,
}

/// A suite that was chosen, and what its key exchange rested on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) suite: Suite,
    pub(super) exchange: Option<Exchange>,
}

/// What a server chooses from in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) version: Version,
    /// In the order in which they were chosen, each from what was left.
    pub(super) picks: Vec<Pick>,
    pub(super) order: Order,
    /// The suites for which no answer came.
    pub(super) open: Vec<Suite>,
}

/// The key of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// RSA, with its modulus' bits, and whether its exponent is 1, so that anybody can sign.
    Rsa { bits: u32, exponent_one: bool },
    /// A curve of so many bits.
    Curve(u32),
    /// DSA with so many bits.
    Dsa(u32),
    /// An algorithm that is not known here.
    Unknown,
}

/// The weakest digest that a presented certificate, other than a root, is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Digest {
    /// MD2 or MD5: anybody can forge it.
    Md5,
    /// SHA-1.
    Sha1,
    /// Anything better.
    Strong,
}

/// Whether clients trust a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// They do.
    Trusted,
    /// They do not: why.
    Refused(String),
    /// It depends on certificates that the server does not send: why.
    Open(String),
}

/// A chain that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    /// Whom the leaf names.
    pub(super) subject: String,
    pub(super) key: Key,
    pub(super) digest: Digest,
    pub(super) trust: Trust,
    /// Whether the leaf is for another name.
    pub(super) mismatch: bool,
    /// Whether an intermediate is missing.
    pub(super) incomplete: bool,
}

/// What clients keep of the `Strict-Transport-Security` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hsts {
    /// A policy for so long.
    Kept(Duration),
    /// Nothing: why.
    Nothing(String),
    /// It could not be asked for: why.
    Open(String),
}

/// Whether a client that was made to fall back to an older version is told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// It is.
    Refused,
    /// It is not.
    Accepted,
    /// There is no older version to fall back to, or to ask in.
    Nowhere,
    /// No answer came.
    Open,
}

/// What was found at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Every version has its entry.
    pub(super) versions: BTreeMap<Version, Answered>,
    /// One for each version that is offered, but for SSL 2.
    pub(super) tables: Vec<Table>,
    /// The groups for key exchange, by their numbers, in the order in which they were chosen.
    pub(super) groups: Vec<u16>,
    /// Whether renegotiation is bound to its connection (RFC 5746); nothing where there is none.
    pub(super) renegotiation: Option<bool>,
    /// Whether DEFLATE was chosen.
    pub(super) compression: bool,
    /// Whether heartbeats are offered.
    pub(super) heartbeat: bool,
    /// Whether sessions are resumed by tickets, up to TLS 1.2.
    pub(super) tickets: bool,
    /// Whether the master secret is bound to its handshake (RFC 7627), up to TLS 1.2.
    pub(super) extended_master_secret: bool,
    pub(super) fallback: Fallback,
    /// One for each leaf that was presented.
    pub(super) certificates: Vec<Certificate>,
    pub(super) hsts: Hsts,
    /// The flaws that are known to be absent from elsewhere.
    pub(super) excluded: Vec<Flaw>,
}

impl Facts {
    /// What is known of a version.
    pub(super) fn version(&self, version: Version) -> Answered {
        self.versions.get(&version).copied().unwrap_or(Answered::Open)
    }

    /// The versions of which this is known.
    pub(super) fn versions(&self, known: Answered) -> impl Iterator<Item = Version> {
        self.versions.iter().filter(move |(_, a)| **a == known).map(|(version, _)| *version)
    }

    /// Every pick of every version.
    pub(super) fn picks(&self) -> impl Iterator<Item = &Pick> + Clone {
        self.tables.iter().flat_map(|table| &table.picks)
    }

    /// Every suite that is offered in some version.
    pub(super) fn suites(&self) -> impl Iterator<Item = Suite> + Clone {
        self.picks().map(|pick| pick.suite)
    }

    /// Every suite for which no answer came.
    pub(super) fn open(&self) -> impl Iterator<Item = Suite> + Clone {
        self.tables.iter().flat_map(|table| table.open.iter().copied())
    }

    /// Whether suites of this kind are offered.
    pub(super) fn has(&self, kind: impl Fn(Suite) -> bool) -> Answered {
        if self.suites().any(&kind) {
            Answered::Offered
        } else if self.open().any(&kind) {
            Answered::Open
        } else {
            Answered::Absent
        }
    }

    /// Whether nothing but TLS 1.3 is spoken.
    pub(super) fn is_modern_only(&self) -> bool {
        self.versions.iter().all(|(v, a)| *v == Version::Tls13 || *a == Answered::Absent)
    }

    /// Whether no suite has a certificate behind it.
    pub(super) fn is_anonymous_only(&self) -> bool {
        self.suites().next().is_some()
            && self.suites().all(Suite::is_anonymous)
            && self.open().all(Suite::is_anonymous)
    }
}
