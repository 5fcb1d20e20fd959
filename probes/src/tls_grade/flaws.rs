//! The flaws of implementations that only a forged message or record would show. None is sent: of each flaw it is said
//! whether what the server offers rules it out.

use schemars::JsonSchema;
use serde::Deserialize;

use super::facts::{Answered, Facts};
use super::rules::Holds;
use super::suite::Suite;
use super::version::Version;

/// The number of X25519 in IANA's registry of groups.
const X25519: u16 = 29;

/// A flaw that is not tested for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Heartbleed (CVE-2014-0160): heartbeats give memory away.
    Heartbleed,
    /// A change of ciphers that comes too early (CVE-2014-0224).
    EarlyCcs,
    /// Ticketbleed (CVE-2016-9244): resumption gives memory away.
    Ticketbleed,
    /// DROWN (CVE-2016-0800): another server with the same key speaks SSL 2.
    Drown,
    /// ROBOT: an oracle for secrets encrypted to the RSA key.
    Robot,
    /// Oracles for the padding of CBC: POODLE on TLS, Zombie POODLE, GOLDENDOODLE, 0-length, Sleeping POODLE.
    PaddingOracle,
    /// The padding oracle of AES in hardware (CVE-2016-2107).
    AesNiOracle,
    /// Renegotiation by clients that is not bound to its connection.
    InsecureRenegotiation,
}

impl Flaw {
    /// Every flaw.
    pub(super) const ALL: [Self; 8] = [
        Self::Heartbleed,
        Self::EarlyCcs,
        Self::Ticketbleed,
        Self::Drown,
        Self::Robot,
        Self::PaddingOracle,
        Self::AesNiOracle,
        Self::InsecureRenegotiation,
    ];

    /// What it is called, and since when it counts.
    pub(super) fn says(self) -> (&'static str, &'static str) {
        match self {
            Self::Heartbleed => ("Heartbleed", "2014"),
            Self::EarlyCcs => ("CVE-2014-0224 (early CCS)", "2014"),
            Self::Ticketbleed => ("Ticketbleed", "2017"),
            Self::Drown => ("DROWN", "2016"),
            Self::Robot => ("ROBOT", "March 2018"),
            Self::PaddingOracle => ("padding oracles of CBC", "2009g, 2019"),
            Self::AesNiOracle => ("CVE-2016-2107", "2016"),
            Self::InsecureRenegotiation => ("insecure renegotiation by clients", "2009c"),
        }
    }

    /// Whether the server can have it: ruled out, or open. It is never shown to be there.
    pub(super) fn holds(self, facts: &Facts) -> Holds {
        if facts.excluded.contains(&self) {
            return Holds::Never("the settings exclude it");
        }
        if facts.is_modern_only() {
            return Holds::Never("only TLS 1.3 is spoken");
        }
        match self.ruled_out(facts) {
            Some(why) => Holds::Never(why),
            None => Holds::Open("it is not tested for".to_owned()),
        }
    }

    fn ruled_out(self, facts: &Facts) -> Option<&'static str> {
        let none = |kind: fn(Suite) -> bool| facts.has(kind) == Answered::Absent;
        let modern = facts.version(Version::Tls13) == Answered::Offered;
        let curve = facts.groups.contains(&X25519);
        // What OpenSSL brought with 1.1.0 and later, which never had the older flaws.
        let young = modern || curve || facts.extended_master_secret;
        match self {
            Self::Heartbleed if !facts.heartbeat => Some("no heartbeats are offered"),
            Self::EarlyCcs | Self::AesNiOracle if young => {
                Some("the server has what came after it was mended")
            }
            Self::AesNiOracle if none(Suite::is_aes_cbc) => Some("no suite has AES with CBC"),
            Self::Ticketbleed if !facts.tickets => Some("no tickets are given"),
            Self::Ticketbleed if modern || curve => {
                Some("the server has what came after it was mended")
            }
            Self::Drown | Self::Robot if none(Suite::is_rsa_exchange) => {
                Some("no suite encrypts to the RSA key")
            }
            Self::PaddingOracle if none(Suite::is_cbc) => Some("no suite has CBC"),
            Self::InsecureRenegotiation if facts.renegotiation == Some(true) => {
                Some("renegotiation is bound to its connection")
            }
            _ => None,
        }
    }
}
