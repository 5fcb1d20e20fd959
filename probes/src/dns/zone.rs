//! Finding a zone and its name servers: from the top of the tree downwards, each parent asked itself, so that the
//! delegation is seen as the parent gives it.
//!
//! No resolver is asked for the name that is looked for, so that none keeps that it does not exist. Only where the top
//! cannot be asked (a zone of the house, a closed network) the zone is found through the resolvers, from the name upwards.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use futures_util::stream::FuturesUnordered;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::exchange::{Asker, Question, Role, ask};
use super::{answer, look_up};

/// The most name servers of a zone that are looked at.
const MAX_NAMES: usize = 13;
/// The most servers of a zone that are asked for what any of them should know.
const MAX_TRIED: usize = 4;

/// A zone, as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    /// Its top.
    pub(crate) apex: Name,
    /// What its parent says of it; none if the parent could not be asked, or is served by the same servers.
    pub(crate) delegation: Option<Delegation>,
    /// Its name servers: the parent's and its own.
    pub(crate) servers: Vec<NameServer>,
}

/// What a parent says of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delegation {
    /// The names of its name servers.
    pub(crate) names: BTreeSet<String>,
    /// Whether the parent vouches for its keys (a DS record); none if it did not say.
    pub(crate) signed: Option<bool>,
}

/// A name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameServer {
    /// Its name.
    pub(crate) name: String,
    /// Whether that is an alias, which it must not be (RFC 2181 §10.3).
    pub(crate) is_alias: bool,
    /// Its addresses: those found by its name and those that the parent gives.
    pub(crate) addresses: Vec<IpAddr>,
    /// The addresses that the parent gives and the zone does not.
    pub(crate) outdated: Vec<IpAddr>,
}

impl Zone {
    /// The addresses to ask, with the name that each has.
    pub(crate) fn addresses(&self, port: u16) -> Vec<(String, SocketAddr)> {
        let mut seen = BTreeSet::new();
        let all = self.servers.iter().flat_map(|s| s.addresses.iter().map(move |ip| (s, *ip)));
        all.filter(|(_, ip)| seen.insert(*ip))
            .take(super::servers::MAX_SERVERS)
            .map(|(server, ip)| (server.name.clone(), SocketAddr::new(ip, port)))
            .collect()
    }
}

/// Names of name servers, with the addresses that came with them.
type Names = BTreeMap<Name, Vec<IpAddr>>;

/// Where a name stands, as a server of a zone above sees it.
#[derive(Debug, PartialEq, Eq)]
enum Cut {
    /// A zone begins at the name; these serve it.
    Delegated(Names),
    /// A zone begins at the name, and the same server serves it.
    Hosted(Names),
    /// The name is within the zone.
    Within,
    /// There is nothing at the name nor below.
    Nothing,
}

/// Finds zones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finder<'a> {
    /// Who asks.
    pub(crate) asker: Asker<'a>,
    /// Who is asked for the top and for the addresses of name servers.
    pub(crate) resolvers: &'a [SocketAddr],
    /// The port of name servers.
    pub(crate) port: u16,
    /// How long each question may take.
    pub(crate) step: Duration,
}

impl Finder<'_> {
    /// Finds the zone that `name` is in. Nothing when no way leads there.
    pub(crate) async fn find(&self, name: &Name) -> Option<Zone> {
        let mut zone = match self.descend(name).await {
            Some(zone) => zone,
            None => self.climb(name).await?,
        };
        // What the zone itself says: servers that its parent does not know of.
        let question = Question::new(Role::Authority, &zone.apex, RecordType::NS);
        if let Some(message) = self.first(&zone, question, is_authority).await {
            let known: BTreeSet<String> = zone.servers.iter().map(|s| s.name.clone()).collect();
            let mut names = names(&message.answers, &zone.apex, &message);
            names.retain(|name, _| !known.contains(&answer::plain(name)));
            zone.servers.extend(self.name_servers(names).await);
            zone.servers.truncate(MAX_NAMES);
        }
        Some(zone)
    }

    /// From the top downwards, label by label.
    async fn descend(&self, name: &Name) -> Option<Zone> {
        let labels = name.iter().count();
        let top = name.trim_to(1);
        let message = self.ask_resolvers(&top, RecordType::NS).await?;
        let names = names(&message.answers, &top, &message);
        if names.is_empty() {
            return None;
        }
        let servers = self.name_servers(names).await;
        let mut zone = Zone { apex: top, delegation: None, servers };
        for depth in 2..=labels {
            let below = name.trim_to(depth);
            let question = Question::new(Role::Authority, &below, RecordType::NS);
            let message = self.first(&zone, question, |m| cut(m, &below).is_some()).await?;
            let (names, is_delegated) = match cut(&message, &below)? {
                Cut::Delegated(names) => (names, true),
                Cut::Hosted(names) => (names, false),
                Cut::Within => continue,
                Cut::Nothing => break,
            };
            let listed = names.keys().map(answer::plain).collect();
            let delegation = async {
                let signed = self.is_vouched_for(&zone, &below).await;
                is_delegated.then_some(Delegation { names: listed, signed })
            };
            let (delegation, servers) = join(delegation, self.name_servers(names)).await;
            zone = Zone { apex: below, delegation, servers };
        }
        Some(zone)
    }

    /// From the name upwards, through the resolvers.
    async fn climb(&self, name: &Name) -> Option<Zone> {
        let mut apex = name.clone();
        while !apex.is_root() {
            let message = self.ask_resolvers(&apex, RecordType::NS).await?;
            let names = names(&message.answers, &apex, &message);
            if !names.is_empty() {
                let servers = self.name_servers(names).await;
                let found = servers.iter().any(|s| !s.addresses.is_empty());
                return found.then_some(Zone { apex, delegation: None, servers });
            }
            apex = apex.base_name();
        }
        None
    }

    /// Whether the parent has a DS for the zone; nothing when it does not say.
    async fn is_vouched_for(&self, parent: &Zone, zone: &Name) -> Option<bool> {
        let question = Question::new(Role::Authority, zone, RecordType::DS);
        let message = self.first(parent, question, is_authority).await?;
        Some(message.answers.iter().any(|r| r.record_type() == RecordType::DS && r.name == *zone))
    }

    /// The first usable answer of a zone's servers, of which some are asked at once: one that is away costs no time.
    async fn first(
        &self,
        zone: &Zone,
        question: Question<'_>,
        is_usable: impl Fn(&Message) -> bool,
    ) -> Option<Message> {
        let addresses = zone.addresses(self.port).into_iter().take(MAX_TRIED);
        let mut asked: FuturesUnordered<_> =
            addresses.map(|(_, address)| ask(self.asker, address, question, self.step)).collect();
        while let Some(answer) = asked.next().await {
            if let Some(message) = answer.ok().filter(&is_usable) {
                return Some(message);
            }
        }
        None
    }

    /// What the zone's own servers say to a question within it, with authority.
    pub(crate) async fn of_zone(
        &self,
        zone: &Zone,
        name: &Name,
        kind: RecordType,
    ) -> Option<Message> {
        self.first(zone, Question::new(Role::Authority, name, kind), is_authority).await
    }

    /// What a resolver says.
    pub(crate) async fn ask_resolvers(&self, name: &Name, kind: RecordType) -> Option<Message> {
        look_up(self.asker, self.resolvers, name, kind, self.step).await.ok()
    }

    async fn name_servers(&self, names: Names) -> Vec<NameServer> {
        let names = names.into_iter().take(MAX_NAMES);
        join_all(names.map(|(name, glue)| self.name_server(name, glue))).await
    }

    async fn name_server(&self, name: Name, glue: Vec<IpAddr>) -> NameServer {
        let four = self.ask_resolvers(&name, RecordType::A);
        let (four, six) = join(four, self.ask_resolvers(&name, RecordType::AAAA)).await;
        let records = || four.iter().chain(&six).flat_map(|message| &message.answers);
        let mut addresses: Vec<IpAddr> = records().filter_map(address).collect();
        let is_alias = records().any(|r| r.record_type() == RecordType::CNAME && r.name == name);
        let outdated: Vec<IpAddr> = if addresses.is_empty() {
            Vec::new()
        } else {
            glue.iter().filter(|ip| !addresses.contains(ip)).copied().collect()
        };
        addresses.extend(glue);
        addresses.sort_unstable();
        addresses.dedup();
        NameServer { name: answer::plain(&name), is_alias, addresses, outdated }
    }
}

/// The address in a record.
pub(crate) fn address(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(ip) => Some(IpAddr::V4(ip.0)),
        RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
        _ => None,
    }
}

fn is_authority(message: &Message) -> bool {
    let code = message.metadata.response_code;
    message.metadata.authoritative && matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
}

/// The name servers of `zone` among these records, with their addresses where the message brings them.
fn names(records: &[Record], zone: &Name, message: &Message) -> Names {
    let targets = records.iter().filter(|r| r.name == *zone).filter_map(|r| match &r.data {
        RData::NS(name) => Some(name.0.clone()),
        _ => None,
    });
    let glue = |name: &Name| -> Vec<IpAddr> {
        message.additionals.iter().filter(|r| r.name == *name).filter_map(address).collect()
    };
    targets.take(MAX_NAMES).map(|name| (name.clone(), glue(&name))).collect()
}

/// Reads what a server of a zone above says of `below`; nothing when it is no server of such a zone.
fn cut(message: &Message, below: &Name) -> Option<Cut> {
    match message.metadata.response_code {
        ResponseCode::NXDomain => return Some(Cut::Nothing),
        ResponseCode::NoError => {}
        _ => return None,
    }
    let hosted = names(&message.answers, below, message);
    if !hosted.is_empty() {
        return Some(Cut::Hosted(hosted));
    }
    let delegated = names(&message.authorities, below, message);
    if !delegated.is_empty() {
        return Some(Cut::Delegated(delegated));
    }
    let has_soa = message.authorities.iter().any(|r| r.record_type() == RecordType::SOA);
    (has_soa || message.metadata.authoritative).then_some(Cut::Within)
}

#[cfg(test)]
mod tests {
    use ResponseCode::{NXDomain, NoError, Refused};
    use hickory_resolver::proto::op::OpCode;
    use hickory_resolver::proto::rr::rdata::{A, NS, SOA};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    fn ns(owner: &str, target: &str) -> Record {
        Record::from_rdata(name(owner), 60, RData::NS(NS(name(target))))
    }

    #[test]
    fn a_parents_answer_tells_where_a_zone_begins() {
        let below = name("shop.example.");
        let glue = Record::from_rdata(name("ns.shop.example."), 60, RData::A(A::new(192, 0, 2, 1)));
        let soa = SOA::new(name("ns.example."), name("x.example."), 1, 1, 1, 1, 1);
        let soa = Record::from_rdata(name("example."), 60, RData::SOA(soa));
        let one = |ips: &[IpAddr]| Names::from([(name("ns.shop.example."), ips.to_vec())]);
        let answers = |code, authoritative, answers: &[Record], authorities: &[Record]| {
            let mut message = Message::response(1, OpCode::Query);
            message.metadata.response_code = code;
            message.metadata.authoritative = authoritative;
            message.insert_answers(answers.to_vec());
            message.insert_authorities(authorities.to_vec());
            message.insert_additionals(vec![glue.clone()]);
            message
        };
        let own = [ns("shop.example.", "ns.shop.example.")];
        let up = [ns(".", "a.root.")];
        let ip = IpAddr::from([192, 0, 2, 1]);
        let rows = [
            ("a referral", answers(NoError, false, &[], &own), Some(Cut::Delegated(one(&[ip])))),
            ("the same servers", answers(NoError, true, &own, &[]), Some(Cut::Hosted(one(&[ip])))),
            ("no cut", answers(NoError, true, &[], std::slice::from_ref(&soa)), Some(Cut::Within)),
            ("nothing there", answers(NXDomain, true, &[], &[soa]), Some(Cut::Nothing)),
            ("an upward referral", answers(NoError, false, &[], &up), None),
            ("a refusal", answers(Refused, false, &[], &[]), None),
        ];
        for (row, message, expected) in rows {
            assert_eq!(cut(&message, &below), expected, "{row}");
        }
    }
}
