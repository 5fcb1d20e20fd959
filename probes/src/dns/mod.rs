//! `dns`: what a zone's own name servers say, whether the zone is in order, and how many resolvers say the same.
//!
//! Every server is asked by itself, without a cache of ours. It does not validate DNSSEC: resolvers do, and it hears them.
//! It sees answers that differ by place only from where it stands; `dns_propagation` looks
//! farther.

pub(crate) mod answer;
mod chain;
mod delegation;
mod dnssec;
pub(crate) mod edns;
pub(crate) mod exchange;
mod facts;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod lead;
#[cfg(test)]
mod live;
mod lookup;
pub(crate) mod servers;
pub(crate) mod settings;
mod soa;
pub(crate) mod verdict;
pub(crate) mod zone;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{join, join_all};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};

use crate::probe::{Context, Probe};
use answer::Said;
use chain::Chain;
use exchange::{Asker, Question, Role};
use facts::Found;
pub(crate) use lookup::{addresses, look_up, resolvers};
use servers::Resolvers;
pub use settings::{Kind, ResolversSetting, Settings};
use verdict::Server;
use zone::{Finder, Zone};

/// How long one server may take if the settings do not say.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);

/// The `dns` probe; see the module's documentation.
#[derive(Debug)]
pub struct Dns {
    name: Name,
    kind: RecordType,
    resolvers: Resolvers,
    name_servers: Option<Vec<SocketAddr>>,
    port: u16,
    low_ttl: Option<Duration>,
    former_ttl: Option<Duration>,
    view: Option<String>,
    timeout: Duration,
}

impl Probe for Dns {
    const KIND: &'static str = "dns";
    const EXAMPLE: &'static str = "\
name: shop.example
type: A
resolvers: public
low_ttl: 5m
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let name = settings::name(&settings.name, &mut problems);
        let resolvers = Resolvers::read(settings.resolvers.as_ref(), &mut problems);
        let name_servers =
            settings.name_servers.map(|list| servers::read("name_servers", &list, &mut problems));
        if problems.is_empty()
            && matches!(&resolvers, Resolvers::These(r) if r.is_empty())
            && settings::nobody(name_servers.as_ref())
        {
            problems.push(Problem::at("resolvers", "there is no server to ask"));
        }
        let mut time =
            |key, text: Option<String>| settings::time(key, text.as_deref(), &mut problems);
        let timeout = time("timeout", settings.timeout).unwrap_or(PATIENCE);
        let low_ttl = time("low_ttl", settings.low_ttl);
        let former_ttl = time("former_ttl", settings.former_ttl);
        if former_ttl.is_some() && low_ttl.is_none() {
            problems.push(Problem::at("former_ttl", "it says nothing without `low_ttl`"));
        }
        let port = settings::port(settings.name_server_port, &mut problems);
        let view = settings::view(settings.view, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let kind = settings.kind.record_type();
        Ok(Self { name, kind, resolvers, name_servers, port, low_ttl, former_ttl, view, timeout })
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Text, Texts};
        let (spec, percent) = (ReadingSpec::new, Number(Unit::Percent));
        let mut specs = vec![
            spec("answers", Texts, "the zone's records, or those of most resolvers; empty if none"),
            spec("agreement", percent, "the resolvers that say what the zone says"),
            spec("authorities_agree", Flag, "whether the zone's name servers say the same"),
            spec(
                "ttl",
                Number(Unit::Time),
                "the time to live that the zone gives; never a cache's",
            ),
            spec("responding", percent, "the servers that answered at all"),
            spec("rcode", Text, "the zone's response code: `NOERROR`, `NXDOMAIN`, `SERVFAIL` …"),
            spec("serials", Texts, "the serials of the zone that its name servers have"),
        ];
        specs.extend(facts::specs());
        specs
    }

    fn hosts(&self) -> Vec<String> {
        let given = self.name_servers.iter().flatten();
        let resolvers = match &self.resolvers {
            Resolvers::Vantage | Resolvers::System => [].as_slice(),
            Resolvers::These(these) => these,
        };
        given.chain(resolvers).map(ToString::to_string).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let asker = Asker::of(cx);
        let resolvers = self.resolvers.addresses(cx)?;
        let finder = self.finder(cx, asker, &resolvers);
        let authorities = async {
            let (zone, note) = self.zone(cx, &finder).await;
            let given = self.name_servers.iter().flatten().map(|a| (None, *a));
            let found = zone.iter().flat_map(|zone| zone.addresses(self.port));
            let all: Vec<_> = given.chain(found.map(|(name, a)| (Some(name), a))).collect();
            let apex = zone.as_ref().map_or(&self.name, |zone| &zone.apex);
            let asked = all.into_iter().map(|(n, a)| self.authority(cx, asker, n, a, apex));
            (reachable(asker, join_all(asked).await), zone, note)
        };
        let asked = resolvers.iter().map(|a| self.resolver(cx, asker, *a));
        let ((authorities, zone, note), said) = join(authorities, join_all(asked)).await;
        let mut readings = verdict::read(&authorities, &said)?;
        let keys = self.keys_until(cx, asker, zone.as_ref(), &authorities);
        let (chain, keys_until) = join(self.chain(cx, &authorities, &said), keys).await;
        let lead = self.lead(cx, &authorities);
        if let Some(note) = note {
            readings = readings.note(note);
        }
        if let Some((_, memory)) = &lead {
            readings = readings.remember(memory.clone());
        } else if let Some(memory) = &cx.memory {
            readings = readings.remember((**memory).clone());
        }
        if let Some(view) = &self.view {
            readings = readings.text("view", view);
        }
        let found = Found {
            zone: zone.as_ref(),
            authorities: &authorities,
            resolvers: &said,
            chain: chain.as_ref(),
            lead: lead.map(|(lead, _)| lead),
            keys_until,
            now: cx.now,
            go_live: cx.go_live,
        };
        asker.untested("what resolvers elsewhere say: `dns_propagation` asks them by region");
        Ok(facts::add(readings, &found))
    }
}

impl Dns {
    fn finder<'a>(
        &self,
        cx: &Context,
        asker: Asker<'a>,
        resolvers: &'a [SocketAddr],
    ) -> Finder<'a> {
        // Half of the time is for finding, in steps of which a handful follow one another.
        let step = self.timeout.min(cx.remaining().mul_f64(0.15));
        Finder { asker, resolvers, port: self.port, step }
    }

    /// The zone, unless its name servers are given; with a remark when it is not found.
    async fn zone(
        &self,
        cx: &Context,
        finder: &Finder<'_>,
    ) -> (Option<Zone>, Option<&'static str>) {
        if self.name_servers.is_some() {
            return (None, None);
        }
        let within = cx.remaining().mul_f64(0.45);
        if let Ok(Some(zone)) = tokio::time::timeout(within, finder.find(&self.name)).await
            && !zone.addresses(self.port).is_empty()
        {
            return (Some(zone), None);
        }
        let note = "the zone's own name servers were not found, so the resolvers stand alone";
        (None, Some(note))
    }

    fn within(&self, cx: &Context) -> Duration {
        self.timeout.min(cx.remaining().mul_f64(0.9))
    }

    /// Asks a name server for the records, the SOA and the name servers.
    async fn authority(
        &self,
        cx: &Context,
        asker: Asker<'_>,
        name: Option<String>,
        address: SocketAddr,
        apex: &Name,
    ) -> Server {
        let within = self.within(cx);
        let ask = |question| exchange::ask(asker, address, question, within);
        let of = |name, kind| Question::new(Role::Authority, name, kind);
        let records = ask(of(&self.name, self.kind).signed());
        let start = ask(of(apex, RecordType::SOA).signed());
        let names = ask(of(apex, RecordType::NS));
        let (records, (start, names)) = join(records, join(start, names)).await;
        let (start, names) = (start.ok(), names.ok());
        let until = |message: &Message| dnssec::earliest_end(message, cx.now);
        let ends = records.iter().chain(&start).filter_map(until);
        let signed_until = ends.min();
        Server {
            name,
            soa: start.as_ref().and_then(soa::read),
            names: names.as_ref().and_then(|message| own_names(message, apex)),
            signed_until,
            ..self.heard(address, records)
        }
    }

    /// Asks a resolver; one that fails is asked again, not to validate.
    async fn resolver(&self, cx: &Context, asker: Asker<'_>, address: SocketAddr) -> Server {
        let within = self.within(cx);
        let question = Question::new(Role::Resolver, &self.name, self.kind);
        let mut server = self.heard(address, exchange::ask(asker, address, question, within).await);
        if matches!(server.said, Said::Declines(ResponseCode::ServFail)) {
            let within = self.within(cx);
            let again = exchange::ask(asker, address, question.unchecked(), within).await;
            server.unchecked = again.ok().map(|m| answer::read(&m, &self.name, self.kind));
        }
        server
    }

    fn heard(&self, address: SocketAddr, answer: Result<Message, Failure>) -> Server {
        match answer {
            Ok(message) => Server {
                errors: edns::extended_errors(&message),
                authentic: message.metadata.authentic_data,
                ..Server::new(address, answer::read(&message, &self.name, self.kind))
            },
            Err(failure) => Server::new(address, Said::Silent(failure)),
        }
    }

    /// Where the name leads, from what the first server says that knows: a name server before a resolver.
    async fn chain(&self, cx: &Context, zone: &[Server], others: &[Server]) -> Option<Chain> {
        let first = |servers: &[Server]| {
            servers.iter().find(|s| s.said.known().is_some()).map(|s| s.said.clone())
        };
        let own = zone.iter().find(|s| verdict::vote(&s.said).is_some()).map(|s| s.said.clone());
        let said = own.or_else(|| first(others))?;
        let resolvers = self.resolvers.addresses(cx).ok()?;
        let finder = self.finder(cx, Asker::of(cx), &resolvers);
        let within = cx.remaining().mul_f64(0.8);
        let follow = chain::follow(&finder, &self.name, self.kind, &said);
        tokio::time::timeout(within, follow).await.ok()
    }

    /// When the first signature over the zone's keys ends, if the zone is signed.
    async fn keys_until(
        &self,
        cx: &Context,
        asker: Asker<'_>,
        zone: Option<&Zone>,
        authorities: &[Server],
    ) -> Option<Timestamp> {
        let server = authorities.iter().find(|s| s.signed_until.is_some())?;
        let apex = zone.map(|z| &z.apex).or(server.soa.as_ref().map(|soa| &soa.apex))?;
        let question = Question::new(Role::Authority, apex, RecordType::DNSKEY).signed();
        let ask = exchange::ask(asker, server.address, question, self.within(cx));
        dnssec::earliest_end(&ask.await.ok()?, cx.now)
    }

    /// The lead time of a low TTL and what to remember of it; nothing unless it is asked for and an authority told.
    fn lead(
        &self,
        cx: &Context,
        authorities: &[Server],
    ) -> Option<(lead::Lead, serde_json::Value)> {
        let low = self.low_ttl?;
        let own = authorities.iter().filter_map(|s| match &s.said {
            Said::Knows { own_ttl, authoritative: true, .. } => *own_ttl,
            Said::Knows { .. } | Said::Declines(_) | Said::Refers | Said::Silent(_) => None,
        });
        let ttl = own.max()?;
        let memory = cx.memory.as_deref().and_then(|m| serde_json::from_value(m.clone()).ok());
        let of = format!("{} {}", answer::plain(&self.name), self.kind);
        let (lead, memory) = lead::look(memory, &of, ttl, low, self.former_ttl, cx.now);
        Some((lead, serde_json::to_value(memory).ok()?))
    }
}

/// The zone's name servers as one of them has them; nothing unless it knows.
fn own_names(message: &Message, apex: &Name) -> Option<BTreeSet<String>> {
    let names = message.answers.iter().filter(|r| r.name == *apex).filter_map(|r| match &r.data {
        RData::NS(name) => Some(answer::plain(&name.0)),
        _ => None,
    });
    let names: BTreeSet<String> = names.collect();
    (message.metadata.authoritative && !names.is_empty()).then_some(names)
}

/// The name servers without those that this host cannot reach for want of IPv6, if there are others.
pub(crate) fn reachable(asker: Asker<'_>, mut servers: Vec<Server>) -> Vec<Server> {
    let lacks_six = |server: &Server| {
        let here = matches!(&server.said, Said::Silent(f) if f.cause == Cause::LocalFault);
        server.address.is_ipv6() && here
    };
    if servers.iter().any(|s| !lacks_six(s)) && servers.iter().any(lacks_six) {
        asker.untested("the name servers' IPv6 addresses, which this host has no way to");
        servers.retain(|s| !lacks_six(s));
    }
    servers
}

#[cfg(test)]
mod tests;
