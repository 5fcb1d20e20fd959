//! Which servers are asked: resolvers by word or by address. A zone's name servers are [found](super::zone).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hickory_resolver::system_conf::read_system_conf;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};

use super::settings::ResolversSetting;
use crate::dial;
use crate::probe::Context;

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
pub(crate) const MAX_SERVERS: usize = 64;

/// The resolvers that are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolvers {
    /// Those of the look's vantage, or else of this machine.
    Vantage,
    /// Those of this machine, as they are at the time of the look.
    System,
    /// These.
    These(Vec<SocketAddr>),
}

impl Resolvers {
    /// Reads the setting.
    pub(crate) fn read(setting: Option<&ResolversSetting>, problems: &mut Vec<Problem>) -> Self {
        match setting {
            None => Self::Vantage,
            Some(ResolversSetting::List(list)) => {
                let these = read("resolvers", list, problems);
                refuse_mixture("resolvers", &these, problems);
                Self::These(these)
            }
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
    pub(crate) fn addresses(&self, cx: &Context) -> Result<Vec<SocketAddr>, Failure> {
        match self {
            Self::These(these) => Ok(these.clone()),
            Self::Vantage if !cx.vantage.resolvers.is_empty() => Ok(cx.vantage.resolvers.clone()),
            Self::Vantage | Self::System => system(),
        }
    }
}

fn system() -> Result<Vec<SocketAddr>, Failure> {
    let fail =
        |why: String| Failure::new(Cause::LocalFault, format!("this machine's resolvers: {why}"));
    let (config, _) = read_system_conf().map_err(|e| fail(e.to_string()))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for server in config.name_servers() {
        let address = SocketAddr::new(server.ip, PORT);
        if addresses.len() < MAX_SERVERS && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(fail("there are none".to_owned())) } else { Ok(addresses) }
}

/// Refuses a list of resolvers from inside and outside: where they say different things on purpose, there is no common
/// answer to be had.
pub(crate) fn refuse_mixture(key: &str, list: &[SocketAddr], problems: &mut Vec<Problem>) {
    let is_inside = |address: &SocketAddr| match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    };
    let inside = list.iter().filter(|a| is_inside(a)).count();
    if inside > 0 && inside < list.len() {
        problems.push(
            Problem::at(key, "private and public resolvers are mixed, which may rightly differ")
                .hint("make two checks, and tell them apart by `view`"),
        );
    }
}

/// Reads a list of `ip` or `ip:port` at the setting `key`.
pub(crate) fn read(key: &str, list: &[String], problems: &mut Vec<Problem>) -> Vec<SocketAddr> {
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
