//! `dns_propagation`: who has heard of a change, region by region, and when the rest will have.
//!
//! The zone's own name servers are asked first. Until all that answer say what is expected, no resolver is asked: one that
//! is asked too early keeps that the name does not exist. What the servers of other continents say is heard only through
//! resolvers that stand there or that pass a network of theirs on.

mod before;
mod class;
#[cfg(test)]
mod live;
mod prefix;
mod regions;
mod settings;
mod tally;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{join, join_all};
use hickory_resolver::proto::rr::rdata::opt::ClientSubnet;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};

use crate::dns::answer::{self, Known, Said};
use crate::dns::exchange::{self, Asker, Question, Role};
use crate::dns::verdict::{self, Authority, Server};
use crate::dns::zone::Finder;
use crate::dns::{self, edns};
use crate::probe::{Context, Probe};
use before::Memory;
use class::{Class, Wanted};
use prefix::Prefix;
use settings::{Plan, Resolver};
pub use settings::{RegionSettings, RegionsSetting, Settings};
use tally::{Heard, Rules};

/// The `dns_propagation` probe; see the module's documentation.
#[derive(Debug)]
pub struct DnsPropagation {
    plan: Plan,
}

impl Probe for DnsPropagation {
    const KIND: &'static str = "dns_propagation";
    const EXAMPLE: &'static str = "\
name: shop.example
type: A
expected: [203.0.113.10]
old: [198.51.100.7]
resolvers: public
required: [core, europe, china]
by_region:
  india: { subnet: 203.0.113.0/24 }
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        settings::read(settings).map(|plan| Self { plan })
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Text, Texts};
        let (percent, one) = (Number(Unit::Percent), Number(Unit::One));
        let spec = ReadingSpec::new;
        vec![
            spec(
                "authority_ready",
                Flag,
                "whether all the zone's name servers say what is expected",
            ),
            spec("answers", Texts, "the zone's records as its name servers give them"),
            spec("share", percent, "the resolvers that have the change, of those that tell"),
            spec("core_share", percent, "the same within the core"),
            spec("converged", Flag, "whether every resolver that tells has the change"),
            spec(
                "converged_in",
                Number(Unit::Time),
                "until the last old answer has run out, estimated",
            ),
            spec("responding", percent, "the resolvers that answered"),
            spec("regions_behind", Texts, "the regions where not every resolver has the change"),
            spec("regions_silent", Texts, "the required regions where no resolver tells"),
            spec("regions_missing", one, "how many those are"),
            spec("new", one, "the resolvers that have the new records"),
            spec("old", one, "the resolvers that have the old records"),
            spec("other", one, "the resolvers that have something else"),
            spec("nxdomain", one, "the resolvers that say that there is nothing"),
            spec("filtered", one, "the resolvers that withhold the answer"),
            spec("stale", one, "the resolvers that give an answer past its time"),
            spec("errors", one, "the resolvers that failed or did not answer"),
            spec("view", Text, "the label of what is seen from here, as the settings have it"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        let given = self.plan.name_servers.iter().flatten().copied();
        let resolvers = self.plan.resolvers.iter().flatten().map(|r| r.address);
        given.chain(resolvers).map(|address| address.to_string()).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let asker = Asker::of(cx);
        let servers = self.authorities(cx, asker).await?;
        if servers.iter().all(|s| matches!(s.said, Said::Silent(_))) {
            return Err(verdict::silence(servers.iter()));
        }
        let zone = match verdict::agreed(&servers) {
            Authority::Agrees(known) => Some(known.clone()),
            Authority::Absent | Authority::Differs => None,
        };
        let ready = self.is_ready(zone.as_ref(), &servers);
        let memory = self.memory(cx, zone.as_ref(), &servers);
        let mut readings = self.of_zone(zone.as_ref(), &servers, ready);
        if let Some(memory) = memory.as_ref().and_then(|m| serde_json::to_value(m).ok()) {
            readings = readings.remember(memory);
        }
        if ready == Some(false) {
            asker.untested("the resolvers, since the zone's own name servers are not right");
            return Ok(readings.note(
                "the resolvers were not asked: one that is asked before the zone is right keeps what it got",
            ));
        }
        let old = self.plan.old.clone().or_else(|| memory.as_ref()?.old().cloned());
        let wanted = Wanted {
            zone,
            expected: self.plan.expected.clone().unwrap_or_default(),
            prefixes: Vec::new(),
            old: old.unwrap_or_default(),
        };
        let resolvers = self.resolvers(cx);
        let heard = self.hear(cx, asker, &resolvers, &wanted).await;
        let required = self.required(&resolvers);
        let cap = memory.and_then(|memory| memory.left(cx.now));
        let cap = cap.filter(|_| self.plan.old.is_none());
        let rules =
            Rules { core: &self.plan.core, required: &required, quorum: self.plan.quorum, cap };
        Ok(tally::add(readings, &heard, &rules))
    }
}

impl DnsPropagation {
    fn within(&self, cx: &Context) -> Duration {
        self.plan.timeout.min(cx.remaining().mul_f64(0.9))
    }

    /// The zone's name servers, found without asking a resolver for the name.
    async fn find(
        &self,
        cx: &Context,
        asker: Asker<'_>,
    ) -> Result<Vec<(Option<String>, SocketAddr)>, Failure> {
        let Plan { name, port, .. } = &self.plan;
        let resolvers = dns::resolvers(cx)?;
        let step = self.plan.timeout.min(cx.remaining().mul_f64(0.1));
        let finder = Finder { asker, resolvers: &resolvers, port: *port, step };
        let find = tokio::time::timeout(cx.remaining().mul_f64(0.35), finder.find(name));
        let zone = find.await.ok().flatten().ok_or_else(|| {
            let message = format!("the name servers of {} were not found", answer::plain(name));
            Failure::new(Cause::Unreachable, message)
        })?;
        let found = zone.addresses(*port).into_iter();
        Ok(found.map(|(name, address)| (Some(name), address)).collect())
    }

    /// What the zone's name servers say, each by itself.
    async fn authorities(&self, cx: &Context, asker: Asker<'_>) -> Result<Vec<Server>, Failure> {
        let Plan { name, kind, .. } = &self.plan;
        let addresses = match &self.plan.name_servers {
            Some(given) => given.iter().map(|address| (None, *address)).collect(),
            None => self.find(cx, asker).await?,
        };
        // Half of what is left: the resolvers come after.
        let within = self.plan.timeout.min(cx.remaining().mul_f64(0.45));
        let asked = addresses.into_iter().map(async |(ns, address)| {
            let question = Question::new(Role::Authority, name, *kind);
            let said = match exchange::ask(asker, address, question, within).await {
                Ok(message) => answer::read(&message, name, *kind),
                Err(failure) => Said::Silent(failure),
            };
            Server { name: ns, ..Server::new(address, said) }
        });
        let servers = dns::reachable(asker, join_all(asked).await);
        if servers.is_empty() {
            let message = format!("{} has no name server with an address", answer::plain(name));
            return Err(Failure::new(Cause::NoData, message));
        }
        Ok(servers)
    }

    /// Whether the zone says what is expected; nothing when a server is silent, or when an alias leads beyond them.
    fn is_ready(&self, zone: Option<&Known>, servers: &[Server]) -> Option<bool> {
        // Those that answered differ, or one of them does not serve the zone.
        let Some(zone) = zone else { return Some(false) };
        let is_right = match (zone, &self.plan.expected) {
            (Known::Alias(_), Some(_)) => return None,
            (Known::Records(records), Some(expected)) => records == expected,
            (Known::NoData | Known::NoName, Some(_)) => false,
            (_, None) => true,
        };
        let silent = servers.iter().any(|s| matches!(s.said, Said::Silent(_)));
        (!is_right || !silent).then_some(is_right)
    }

    /// What is to be remembered; what was, when the zone has nothing clear to say.
    fn memory(&self, cx: &Context, zone: Option<&Known>, servers: &[Server]) -> Option<Memory> {
        let earlier = cx.memory.as_deref().and_then(|m| serde_json::from_value(m.clone()).ok());
        let records = match zone {
            Some(Known::Records(records)) => records.clone(),
            Some(Known::NoData | Known::NoName) => BTreeSet::new(),
            Some(Known::Alias(_)) | None => return earlier,
        };
        let ttl = servers.iter().filter_map(|s| verdict::ttl(&s.said)).max();
        let of = format!("{} {}", answer::plain(&self.plan.name), self.plan.kind);
        Some(Memory::next(earlier, &of, &records, ttl, cx.now))
    }

    fn of_zone(&self, zone: Option<&Known>, servers: &[Server], ready: Option<bool>) -> Readings {
        let mut readings = Readings::new();
        if let Some(ready) = ready {
            readings = readings.flag("authority_ready", ready);
        }
        readings = match zone {
            Some(Known::Records(records)) => readings.texts("answers", records),
            Some(Known::NoData | Known::NoName) => readings.texts("answers", [""; 0]),
            Some(Known::Alias(target)) => readings.note(format!(
                "the zone's alias leads to {target}, beyond its own servers: what is there is judged by the resolvers alone"
            )),
            None => readings,
        };
        if let Some(view) = &self.plan.view {
            readings = readings.text("view", view);
        }
        for server in servers {
            let agrees = zone.is_some_and(|known| server.said.agrees(known));
            let is_right = agrees && verdict::vote(&server.said).is_some() && ready != Some(false);
            readings = readings.part(server.subject(), server.said.to_string(), !is_right);
        }
        readings
    }

    fn resolvers(&self, cx: &Context) -> Vec<Resolver> {
        if let Some(resolvers) = &self.plan.resolvers {
            return resolvers.clone();
        }
        if cx.vantage.resolvers.is_empty() {
            return settings::public();
        }
        let name = &cx.vantage.name;
        let region = if name.is_empty() { "vantage" } else { name };
        let of_vantage = |address: &SocketAddr| Resolver {
            region: region.to_owned(),
            address: *address,
            operator: None,
            filters: false,
        };
        cx.vantage.resolvers.iter().map(of_vantage).collect()
    }

    /// The regions that must be heard: those of the settings, or else the core of the public list, or all.
    fn required(&self, resolvers: &[Resolver]) -> BTreeSet<String> {
        if let Some(required) = &self.plan.required {
            return required.clone();
        }
        let is_public = resolvers.iter().any(|r| r.operator.is_some());
        let by_subnet = self.plan.by_region.iter().filter(|(_, region)| region.subnet.is_some());
        let all = resolvers.iter().map(|r| &r.region).chain(by_subnet.map(|(name, _)| name));
        all.filter(|region| !is_public || **region == self.plan.core).cloned().collect()
    }

    /// What is new in a region.
    fn wanted(&self, region: &str, wanted: &Wanted) -> Wanted {
        match self.plan.by_region.get(region) {
            Some(own) if !own.expected.is_empty() || !own.prefixes.is_empty() => Wanted {
                expected: own.expected.clone(),
                prefixes: own.prefixes.clone(),
                ..wanted.clone()
            },
            _ => wanted.clone(),
        }
    }

    /// Asks every resolver, and those that pass subnets on for every region that has one.
    async fn hear(
        &self,
        cx: &Context,
        asker: Asker<'_>,
        resolvers: &[Resolver],
        wanted: &Wanted,
    ) -> Vec<Heard> {
        let direct = resolvers.iter().map(|r| self.resolver(cx, asker, r, wanted));
        let subnets = self.plan.by_region.iter().filter_map(|(n, r)| Some((n, r.subnet?)));
        let by_subnet = subnets.flat_map(|(region, subnet)| {
            let each = self.plan.subnet_resolvers.iter();
            each.map(move |address| self.through(cx, asker, *address, region, subnet, wanted))
        });
        let (mut heard, more) = join(join_all(direct), join_all(by_subnet)).await;
        heard.extend(more);
        heard
    }

    /// Asks one resolver several times at once, and sums it up by the worst that came.
    async fn resolver(
        &self,
        cx: &Context,
        asker: Asker<'_>,
        resolver: &Resolver,
        wanted: &Wanted,
    ) -> Heard {
        let wanted = self.wanted(&resolver.region, wanted);
        let question = Question::new(Role::Resolver, &self.plan.name, self.plan.kind);
        let asked = (0..self.plan.queries)
            .map(|_| exchange::ask(asker, resolver.address, question, self.within(cx)));
        let mut worst: Option<(Class, String)> = None;
        let mut left = None;
        for outcome in join_all(asked).await {
            let (class, says, kept) = self.class(outcome, &wanted);
            if matches!(class, Class::Old | Class::Nxdomain) {
                left = left.max(kept);
            }
            let is_worse = match &worst {
                None | Some((Class::Error, _)) => true,
                Some((so_far, _)) => class != Class::Error && class > *so_far,
            };
            if is_worse {
                worst = Some((class, says));
            }
        }
        let (class, says) = worst.unwrap_or((Class::Error, String::new()));
        let operator = resolver.operator.map(|operator| format!(" {operator}")).unwrap_or_default();
        Heard {
            region: resolver.region.clone(),
            subject: format!("resolver {}{operator} ({})", resolver.address, resolver.region),
            class,
            left,
            says,
            counts: !resolver.filters,
        }
    }

    /// Asks a resolver for people in a network. It counts only if it says to have answered for them.
    async fn through(
        &self,
        cx: &Context,
        asker: Asker<'_>,
        address: SocketAddr,
        region: &str,
        subnet: Prefix,
        wanted: &Wanted,
    ) -> Heard {
        let wanted = self.wanted(region, wanted);
        let option = ClientSubnet::new(subnet.address, subnet.bits, 0);
        let question = Question::new(Role::Resolver, &self.plan.name, self.plan.kind);
        let asked = exchange::ask(asker, address, question.for_subnet(option), self.within(cx));
        let outcome = asked.await;
        let echo = outcome.as_ref().ok().and_then(edns::subnet);
        let counts = echo.is_some_and(|echo| is_answer_for(echo, subnet));
        let (class, mut says, kept) = self.class(outcome, &wanted);
        if !counts {
            says.push_str(", not for that network");
        }
        Heard {
            region: region.to_owned(),
            subject: format!("resolver {address} for {subnet} ({region})"),
            class,
            left: kept.filter(|_| matches!(class, Class::Old | Class::Nxdomain)),
            says,
            counts,
        }
    }

    /// The class of an answer, the answer for people, and for how long it is kept.
    fn class(
        &self,
        outcome: Result<hickory_resolver::proto::op::Message, Failure>,
        wanted: &Wanted,
    ) -> (Class, String, Option<Duration>) {
        match outcome {
            Ok(message) => {
                let said = answer::read(&message, &self.plan.name, self.plan.kind);
                let errors = edns::extended_errors(&message);
                let mut says = said.to_string();
                for code in &errors {
                    says.push_str(&format!(", {}", edns::error_name(*code)));
                }
                (wanted.class(&said, &errors), says, class::kept(&message, &said))
            }
            Err(failure) => (Class::Error, failure.to_string(), None),
        }
    }
}

/// Whether an answer was made for a network, and not for everybody (RFC 7871 §7.2.1).
fn is_answer_for(echo: ClientSubnet, subnet: Prefix) -> bool {
    let same = echo.addr() == subnet.address && echo.source_prefix() == subnet.bits;
    same && echo.scope_prefix() > 0
}
