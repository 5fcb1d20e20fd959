//! Which servers are asked: resolvers by word or address, and the name servers of a zone by looking for them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};

use super::ResolversSetting;
use super::exchange::{Role, ask};
use crate::dial;

/// Resolvers that anybody may ask, of four operators with servers all over the world.
const PUBLIC: [Ipv4Addr; 8] = [
    Ipv4Addr::new(8, 8, 8, 8),
    Ipv4Addr::new(8, 8, 4, 4),
    Ipv4Addr::new(1, 1, 1, 1),
    Ipv4Addr::new(1, 0, 0, 1),
    Ipv4Addr::new(9, 9, 9, 9),
    Ipv4Addr::new(149, 112, 112, 112),
    Ipv4Addr::new(208, 67, 222, 222),
    Ipv4Addr::new(208, 67, 220, 220),
];
const PORT: u16 = 53;
/// The most servers of one sort that are asked.
const MAX_SERVERS: usize = 64;
/// The most name servers of a zone whose addresses are looked for.
const MAX_NAMES: usize = 8;

/// The resolvers that are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolvers {
    /// Those of this machine, as they are at the time of the look.
    System,
    /// These.
    These(Vec<SocketAddr>),
}

impl Resolvers {
    /// Reads the setting.
    pub(super) fn read(setting: Option<&ResolversSetting>, problems: &mut Vec<Problem>) -> Self {
        match setting {
            None => Self::System,
            Some(ResolversSetting::List(list)) => Self::These(read("resolvers", list, problems)),
            Some(ResolversSetting::Word(word)) => match word.as_str() {
                "system" => Self::System,
                "public" => {
                    let address = |ip: Ipv4Addr| SocketAddr::new(IpAddr::V4(ip), PORT);
                    Self::These(PUBLIC.map(address).to_vec())
                }
                other => {
                    let hint = did_you_mean(other, ["system", "public"]);
                    problems.push(
                        Problem::at("resolvers", format!("`{other}` names no resolvers"))
                            .hint("give `system`, `public`, or a list of addresses")
                            .hint_if(hint),
                    );
                    Self::These(Vec::new())
                }
            },
        }
    }

    /// Their addresses now.
    ///
    /// # Errors
    /// A local fault when this machine's resolvers cannot be told.
    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        match self {
            Self::These(these) => Ok(these.clone()),
            Self::System => {
                let fail = |why: String| {
                    Failure::new(Cause::LocalFault, format!("this machine's resolvers: {why}"))
                };
                let (config, _) = read_system_conf().map_err(|e| fail(e.to_string()))?;
                let mut addresses: Vec<SocketAddr> = Vec::new();
                for server in config.name_servers() {
                    let address = SocketAddr::new(server.ip, PORT);
                    if addresses.len() < MAX_SERVERS && !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                if addresses.is_empty() {
                    Err(fail("there are none".to_owned()))
                } else {
                    Ok(addresses)
                }
            }
        }
    }
}

/// Reads a list of `ip` or `ip:port` at the setting `key`.
pub(super) fn read(key: &str, list: &[String], problems: &mut Vec<Problem>) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for (i, text) in list.iter().enumerate() {
        match dial::parse_address(text, PORT) {
            Some(address) if !addresses.contains(&address) => addresses.push(address),
            Some(_) => {}
            None => problems.push(
                Problem::new(
                    KeyPath::root().entry(key).index(i),
                    format!("`{text}` is no address"),
                )
                .hint("write it like `192.0.2.53` or `192.0.2.53:5353`"),
            ),
        }
    }
    if addresses.len() > MAX_SERVERS {
        problems.push(Problem::at(key, format!("more than {MAX_SERVERS} servers")));
    }
    addresses
}

/// Finds the zone that `name` is in and its name servers' addresses, going up label by label; `step` bounds each
/// question. Nothing when no resolver knows.
pub(super) async fn find(
    name: &Name,
    resolvers: &[SocketAddr],
    step: Duration,
) -> Option<(Name, Vec<SocketAddr>)> {
    let mut zone = name.clone();
    while !zone.is_root() {
        let message = any(resolvers, &zone, RecordType::NS, step).await?;
        let names: Vec<Name> = message
            .answers
            .iter()
            .filter(|r| r.name == zone)
            .filter_map(|r| match &r.data {
                RData::NS(name) => Some(name.0.clone()),
                _ => None,
            })
            .take(MAX_NAMES)
            .collect();
        if !names.is_empty() {
            let found = join_all(names.iter().map(|n| addresses(n, resolvers, step))).await;
            let mut addresses: Vec<SocketAddr> = found.into_iter().flatten().collect();
            addresses.sort_unstable();
            addresses.dedup();
            addresses.truncate(MAX_SERVERS);
            return (!addresses.is_empty()).then_some((zone, addresses));
        }
        zone = zone.base_name();
    }
    None
}

/// The addresses of a name server: those of IPv4, and only without them those of IPv6, which not every host can reach.
async fn addresses(name: &Name, resolvers: &[SocketAddr], step: Duration) -> Vec<SocketAddr> {
    for kind in [RecordType::A, RecordType::AAAA] {
        let Some(message) = any(resolvers, name, kind, step).await else { continue };
        let found: Vec<SocketAddr> = message
            .answers
            .iter()
            .filter_map(|r| match &r.data {
                RData::A(ip) => Some(IpAddr::V4(ip.0)),
                RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
                _ => None,
            })
            .map(|ip| SocketAddr::new(ip, PORT))
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// The first resolver's readable answer, in their order.
async fn any(
    resolvers: &[SocketAddr],
    name: &Name,
    kind: RecordType,
    step: Duration,
) -> Option<Message> {
    use hickory_resolver::proto::op::ResponseCode::{NXDomain, NoError};
    for resolver in resolvers {
        if let Ok(answer) = ask(*resolver, Role::Resolver, name, kind, step).await
            && matches!(answer.metadata.response_code, NoError | NXDomain)
        {
            return Some(answer.into_message());
        }
    }
    None
}
