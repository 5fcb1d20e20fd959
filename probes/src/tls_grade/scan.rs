//! What a server offers, found by asking: versions, then suites and groups by taking away what was chosen, then whose
//! order decides, then whether a fallback is noticed.
//!
//! An alert is an answer. A connection that is closed is one only where the server closes it in the same way on what
//! nobody has, and still accepts what it accepted before; everything else that is no answer stays open.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use launchgate_core::observation::{Cause, Failure};
use rustls::crypto::CryptoProvider;

use super::MAX_LEAVES;
use super::answer::{self, Answer, Flight, INAPPROPRIATE_FALLBACK};
use super::exchange::{Line, Quiet, Silence};
use super::facts::{Answered, Fallback, Order, Pick, Table};
use super::hello::{self, FALLBACK, GROUPS, Hello, MODERN_GROUPS, NOBODYS, Random};
use super::suite::{Exchange, Suite};
use super::version::Version;

/// The alert of a server that has not the version.
const PROTOCOL_VERSION: u8 = 70;
/// A version that nobody has, older than all that share the hello.
const NO_VERSION: u16 = 0x0200;

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) versions: BTreeMap<Version, Answered>,
    pub(super) tables: Vec<Table>,
    pub(super) groups: Vec<u16>,
    /// Whether each group was answered for.
    pub(super) groups_known: bool,
    pub(super) fallback: Fallback,
    /// Every first flight that chose a suite.
    pub(super) flights: Vec<Flight>,
}

/// The asking of one address.
pub(super) struct Scan<'a> {
    pub(super) line: &'a Line<'a>,
    /// The name that is asked for, where it is one.
    pub(super) name: Option<&'a str>,
    pub(super) provider: &'a CryptoProvider,
}

impl Scan<'_> {
    /// Asks everything.
    ///
    /// # Errors
    /// When no version at all was answered for, or each with an alert.
    pub(super) async fn run(&self) -> Result<Found, Failure> {
        let versions = self.versions().await?;
        let offered: Vec<Version> = Version::COMMON
            .into_iter()
            .filter(|v| versions.get(v) == Some(&Answered::Offered))
            .collect();
        let mut tables = Vec::new();
        let mut flights = Vec::new();
        for (table, seen) in join_all(offered.iter().map(|v| self.table(*v))).await {
            tables.push(table);
            flights.extend(seen);
        }
        let ((groups, groups_known), fallback) =
            join(self.groups(&tables), self.fallback(&offered)).await;
        Ok(Found { versions, tables, groups, groups_known, fallback, flights })
    }

    fn random(&self) -> Random {
        let mut random = [0; 96];
        // Without random bytes every hello is the same, which does no harm: none is followed by another message.
        let filled = self.provider.secure_random.fill(&mut random);
        if filled.is_err() {
            random.fill(0x55);
        }
        random
    }

    fn hello<'h>(&'h self, version: Version, suites: &'h [u16]) -> Hello<'h> {
        let modern = version == Version::Tls13;
        let groups: &[u16] = if modern { &MODERN_GROUPS } else { &GROUPS };
        Hello { version, number: None, suites, groups, server_name: self.name, share: true }
    }

    async fn ask(&self, hello: Hello<'_>) -> Result<Answer, Silence> {
        let [suites, groups] = [hello.suites.len(), hello.groups.len()];
        let what = format!("a hello of {}: {suites} suites, {groups} groups", hello.version);
        self.line.ask(&what, &hello.bytes(&self.random()), answer::parse).await
    }

    async fn versions(&self) -> Result<BTreeMap<Version, Answered>, Failure> {
        let ancient = hello::ancient(&self.random());
        let ancient = self.line.ask("a hello of SSL 2", &ancient, answer::ancient);
        let (mut ancient, common) =
            join(ancient, join_all(Version::COMMON.map(|v| self.greet(v)))).await;
        // Who has no SSL 2 does not know its form, and can but hang up.
        if matches!(&ancient, Err(s) if s.quiet != Quiet::Mute) {
            ancient = Ok(false);
        }
        let mut versions = BTreeMap::new();
        let mut closed = Vec::new();
        let mut silences = Vec::new();
        for (version, reply) in Version::COMMON.into_iter().zip(common) {
            let answered = reply.unwrap_or_else(|silence| {
                if silence.quiet == Quiet::Closed && version < Version::Tls13 {
                    closed.push(version);
                }
                silences.push(silence);
                Answered::Open
            });
            versions.insert(version, answered);
        }
        let old = match ancient {
            Ok(true) => Answered::Offered,
            Ok(false) => Answered::Absent,
            Err(_) => Answered::Open,
        };
        versions.insert(Version::Ssl2, old);
        if !versions.values().any(|a| *a == Answered::Offered) {
            return Err(self.nothing(silences));
        }
        if !closed.is_empty() && self.closes_on_old_versions().await {
            versions.extend(closed.into_iter().map(|version| (version, Answered::Absent)));
        }
        Ok(versions)
    }

    /// Asks for one version, with its common suites and then with its odd ones.
    async fn greet(&self, version: Version) -> Result<Answered, Silence> {
        let mut lots = Suite::lots(version);
        if version == Version::Tls13 {
            // So that a server without it has something to choose, and says so by its choice.
            let [older, _] = Suite::lots(Version::Tls12);
            lots[0].extend(older);
        }
        for lot in lots.iter().filter(|lot| !lot.is_empty()) {
            match self.ask(self.hello(version, lot)).await? {
                Answer::Hello(flight) if flight.version == version => return Ok(Answered::Offered),
                Answer::Hello(_) | Answer::Alert(PROTOCOL_VERSION) => return Ok(Answered::Absent),
                Answer::Alert(_) => {}
            }
        }
        Ok(Answered::Absent)
    }

    /// Why there is nothing to grade.
    fn nothing(&self, silences: Vec<Silence>) -> Failure {
        let (foreign, other): (Vec<_>, Vec<_>) =
            silences.into_iter().partition(|s| s.quiet == Quiet::Foreign);
        foreign.into_iter().chain(other).next().map_or_else(
            || {
                let why = "answers the hello of every version with an alert";
                Failure::new(Cause::BadResponse, format!("{} {why}", self.line.address))
            },
            |silence| silence.failure,
        )
    }

    /// Whether the server's way to refuse a version is to hang up.
    async fn closes_on_old_versions(&self) -> bool {
        let lots = Suite::lots(Version::Ssl3);
        let hello = Hello { number: Some(NO_VERSION), ..self.hello(Version::Ssl3, &lots[0]) };
        matches!(self.ask(hello).await, Err(Silence { quiet: Quiet::Closed, .. }))
    }

    /// Whether the server's way to refuse suites is to hang up: it does so on a suite that nobody has, and afterwards
    /// still takes one that it took before.
    async fn closes_on_suites(&self, version: Version, taken: Option<u16>) -> bool {
        let Some(taken) = taken else { return false };
        let refused = self.ask(self.hello(version, &[NOBODYS])).await;
        if !matches!(refused, Err(Silence { quiet: Quiet::Closed, .. })) {
            return false;
        }
        matches!(self.ask(self.hello(version, &[taken])).await, Ok(Answer::Hello(_)))
    }

    /// The suites of one version, each chosen from what the earlier ones left.
    async fn table(&self, version: Version) -> (Table, Vec<Flight>) {
        let mut table =
            Table { version, picks: Vec::new(), order: Order::Server, open: Vec::new() };
        let mut flights = Vec::new();
        for mut left in Suite::lots(version) {
            while !left.is_empty() {
                let silent = match self.ask(self.hello(version, &left)).await {
                    Ok(Answer::Hello(flight)) if flight.version == version => {
                        let number = flight.suite.number();
                        let offered = left.contains(&number);
                        if offered {
                            left.retain(|n| *n != number);
                            let (suite, exchange) = (flight.suite, flight.exchange);
                            table.picks.push(Pick { suite, exchange });
                            flights.push(without_known_chain(*flight, &flights));
                            continue;
                        }
                        // It chose what it was not offered, so that its choices tell nothing.
                        true
                    }
                    Ok(Answer::Hello(_) | Answer::Alert(_)) => false,
                    Err(silence) => {
                        let taken = table.picks.first().map(|pick| pick.suite.number());
                        silence.quiet != Quiet::Closed
                            || !self.closes_on_suites(version, taken).await
                    }
                };
                if silent {
                    table.open.extend(left.iter().filter_map(|n| Suite::of(*n)));
                }
                break;
            }
        }
        table.order = self.order(version, &table.picks).await;
        (table, flights)
    }

    /// Whose order decides: the server's, if it chooses the same suite when that is offered last.
    async fn order(&self, version: Version, picks: &[Pick]) -> Order {
        let [first, _, ..] = picks else { return Order::Server };
        let reversed: Vec<u16> = picks.iter().rev().map(|pick| pick.suite.number()).collect();
        match self.ask(self.hello(version, &reversed)).await {
            Ok(Answer::Hello(flight)) if flight.suite == first.suite => Order::Server,
            Ok(Answer::Hello(_)) => Order::Client,
            Ok(Answer::Alert(_)) | Err(_) => Order::Open,
        }
    }

    /// The groups of the newest version up to TLS 1.2 that has any, and of TLS 1.3; and whether each was answered for.
    async fn groups(&self, tables: &[Table]) -> (Vec<u16>, bool) {
        let grouped = |table: &&Table| {
            table.version < Version::Tls13 && table.picks.iter().any(|p| p.suite.has_group())
        };
        let old = tables.iter().rev().find(grouped);
        let new = tables.iter().find(|table| table.version == Version::Tls13);
        let of = join_all(old.into_iter().chain(new).map(|table| self.groups_of(table))).await;
        let mut groups = Vec::new();
        let known = of.iter().all(|(_, known)| *known);
        // Those of TLS 1.3 first: they are what most clients come to use.
        for group in of.into_iter().rev().flat_map(|(groups, _)| groups) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        (groups, known)
    }

    async fn groups_of(&self, table: &Table) -> (Vec<u16>, bool) {
        let modern = table.version == Version::Tls13;
        let suites = table.picks.iter().map(|pick| pick.suite);
        let suites: Vec<u16> =
            suites.filter(|s| modern || s.has_group()).map(Suite::number).collect();
        let all: &[u16] = if modern { &MODERN_GROUPS } else { &GROUPS };
        let mut left = all.to_vec();
        let mut found = Vec::new();
        while !left.is_empty() {
            // Without a share the server has to name the group that it likes best.
            let hello = Hello { groups: &left, share: false, ..self.hello(table.version, &suites) };
            match self.ask(hello).await {
                Ok(Answer::Hello(flight)) => match flight.exchange {
                    Some(Exchange::Group(group)) if left.contains(&group) => {
                        left.retain(|g| *g != group);
                        found.push(group);
                    }
                    _ => return (found, false),
                },
                Ok(Answer::Alert(_)) => return (found, true),
                Err(silence) => {
                    let ended = silence.quiet == Quiet::Closed && !found.is_empty();
                    return (found, ended);
                }
            }
        }
        (found, true)
    }

    /// Asks in the second-newest version, as a client does that was made to.
    async fn fallback(&self, offered: &[Version]) -> Fallback {
        let [.., version, _] = offered else { return Fallback::Nowhere };
        let [mut suites, odd] = Suite::lots(*version);
        suites.push(FALLBACK);
        match self.ask(self.hello(*version, &suites)).await {
            Ok(Answer::Alert(INAPPROPRIATE_FALLBACK)) => Fallback::Refused,
            Ok(Answer::Hello(_)) => Fallback::Accepted,
            Ok(Answer::Alert(_)) => {
                let suites: Vec<u16> = odd.into_iter().chain([FALLBACK]).collect();
                match self.ask(self.hello(*version, &suites)).await {
                    Ok(Answer::Alert(INAPPROPRIATE_FALLBACK)) => Fallback::Refused,
                    Ok(Answer::Hello(_)) => Fallback::Accepted,
                    Ok(Answer::Alert(_)) | Err(_) => Fallback::Open,
                }
            }
            Err(_) => Fallback::Open,
        }
    }
}

/// The flight, without its chain where that is known already, or where there are many.
fn without_known_chain(mut flight: Flight, earlier: &[Flight]) -> Flight {
    let chains = || earlier.iter().map(|f| &f.chain).filter(|chain| !chain.is_empty());
    if chains().count() >= MAX_LEAVES || chains().any(|chain| *chain == flight.chain) {
        flight.chain.clear();
    }
    flight
}
