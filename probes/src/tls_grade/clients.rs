//! The reference clients, and what each would come to use: worked out from what a server offers, without asking it again.

use std::fmt;

use super::facts::{Answered, Facts, Order, Table};
use super::suite::Suite;
use super::version::Version;

/// A client: what it offers, in its order.
struct Client {
    name: &'static str,
    newest: Version,
    oldest: Version,
    suites: &'static [u16],
    groups: &'static [u16],
}

/// What a reference client comes to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) client: &'static str,
    pub(super) version: Version,
    pub(super) suite: Suite,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.client, self.version, self.suite)
    }
}

const CHROMIUM: &[u16] = &[
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
    0x009d, 0x002f, 0x0035,
];
const BROWSER_GROUPS: &[u16] = &[0x11ec, 29, 23, 24];
/// Java since version 8 offers these up to TLS 1.2, those of 256 bits first within each mode.
const JAVA_8: &[u16] = &[
    0xc024, 0xc028, 0x003d, 0xc026, 0xc02a, 0x006b, 0x006a, 0xc00a, 0xc014, 0x0035, 0xc005, 0xc00f,
    0x0039, 0x0038, 0xc023, 0xc027, 0x003c, 0xc025, 0xc029, 0x0067, 0x0040, 0xc009, 0xc013, 0x002f,
    0xc004, 0xc00e, 0x0033, 0x0032, 0xc02c, 0xc02b, 0xc030, 0x009d, 0xc02e, 0xc032, 0x009f, 0x00a3,
    0xc02f, 0x009c, 0xc02d, 0xc031, 0x009e, 0x00a2, 0xc008, 0xc012, 0x000a, 0xc003, 0xc00d, 0x0016,
    0x0013,
];
const JAVA_11: &[u16] = &[
    0x1301, 0x1302, 0xc02c, 0xc02b, 0xc030, 0x009d, 0xc02e, 0xc032, 0x009f, 0x00a3, 0xc02f, 0x009c,
    0xc02d, 0xc031, 0x009e, 0x00a2, 0xc024, 0xc028, 0x003d, 0xc026, 0xc02a, 0x006b, 0x006a, 0xc00a,
    0xc014, 0x0035, 0xc005, 0xc00f, 0x0039, 0x0038, 0xc023, 0xc027, 0x003c, 0xc025, 0xc029, 0x0067,
    0x0040, 0xc009, 0xc013, 0x002f, 0xc004, 0xc00e, 0x0033, 0x0032,
];

const CLIENTS: [Client; 8] = [
    Client {
        name: "Chrome",
        newest: Version::Tls13,
        oldest: Version::Tls12,
        suites: CHROMIUM,
        groups: BROWSER_GROUPS,
    },
    Client {
        name: "Edge",
        newest: Version::Tls13,
        oldest: Version::Tls12,
        suites: CHROMIUM,
        groups: BROWSER_GROUPS,
    },
    Client {
        name: "Firefox",
        newest: Version::Tls13,
        oldest: Version::Tls12,
        suites: &[
            0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030, 0xc00a, 0xc009,
            0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
        ],
        groups: &[0x11ec, 29, 23, 24, 25, 0x0100, 0x0101],
    },
    Client {
        name: "Safari",
        newest: Version::Tls13,
        oldest: Version::Tls10,
        suites: &[
            0x1301, 0x1302, 0x1303, 0xc02c, 0xc02b, 0xcca9, 0xc030, 0xc02f, 0xcca8, 0xc00a, 0xc009,
            0xc014, 0xc013, 0x009d, 0x009c, 0x0035, 0x002f, 0xc008, 0xc012, 0x000a,
        ],
        groups: &[0x11ec, 29, 23, 24, 25],
    },
    Client {
        name: "Java 8",
        newest: Version::Tls12,
        oldest: Version::Tls10,
        suites: JAVA_8,
        groups: &[23, 24, 25],
    },
    Client {
        name: "Java 11",
        newest: Version::Tls13,
        oldest: Version::Tls10,
        suites: JAVA_11,
        groups: &[23, 24, 25, 0x0100, 0x0101, 0x0102],
    },
    Client {
        name: "OpenSSL 1.1.1",
        newest: Version::Tls13,
        oldest: Version::Tls10,
        suites: &[
            0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f,
            0x009e, 0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014, 0x0039, 0xc009,
            0xc013, 0x0033, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f,
        ],
        groups: &[29, 23, 30, 25, 24],
    },
    Client {
        name: "Android 8",
        newest: Version::Tls12,
        oldest: Version::Tls10,
        suites: &[
            0xc02b, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8, 0xc009, 0xc00a, 0xc013, 0xc014, 0x009c,
            0x009d, 0x002f, 0x0035,
        ],
        groups: &[29, 23, 24],
    },
];

/// What each reference client that can connect comes to use; at worst or at best, where it is not known whose order of
/// suites decides.
pub(super) fn choices(facts: &Facts, worst: bool) -> Vec<Choice> {
    CLIENTS.iter().filter_map(|client| choice(client, facts, worst)).collect()
}

/// The newest version of both decides, and suites are chosen within it alone.
fn choice(client: &Client, facts: &Facts, worst: bool) -> Option<Choice> {
    let spoken = facts.versions(Answered::Offered);
    let version = spoken.filter(|v| (client.oldest..=client.newest).contains(v)).max()?;
    let table = facts.tables.iter().find(|table| table.version == version)?;
    let grouped =
        facts.groups.is_empty() || facts.groups.iter().any(|group| client.groups.contains(group));
    let fits =
        |suite: Suite| client.suites.contains(&suite.number()) && (grouped || !suite.has_group());
    let suite = pick(client, table, fits, worst)?;
    Some(Choice { client: client.name, version, suite })
}

fn pick(
    client: &Client,
    table: &Table,
    fits: impl Fn(Suite) -> bool,
    worst: bool,
) -> Option<Suite> {
    let mut common = table.picks.iter().map(|pick| pick.suite).filter(|suite| fits(*suite));
    let merit = |s: &Suite| (s.is_forward_secret(), s.is_aead(), !s.is_block64(), !s.is_rc4());
    match table.order {
        Order::Server => common.next(),
        Order::Client => common.min_by_key(|s| client.suites.iter().position(|n| *n == s.number())),
        Order::Open if worst => common.min_by_key(merit),
        Order::Open => common.max_by_key(merit),
    }
}
