//! `dns`: what a zone's own name servers say, and how many resolvers say the same.
//!
//! Every server is asked by itself, without a cache of ours. It does not validate DNSSEC, and it sees answers that differ
//! by place only from where it stands.

mod answer;
mod exchange;
#[cfg(test)]
mod live;
mod servers;
mod verdict;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::{join, join_all};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::time::parse_duration;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::probe::{Context, Probe};
use answer::Said;
use exchange::Role;
use servers::Resolvers;
use verdict::Server;

/// The addresses of `host` by the first of `resolvers` that answers, those of version 4 first.
///
/// # Errors
/// The last resolver's failure when none answers within the time, all tries together.
pub(crate) async fn addresses(
    resolvers: &[SocketAddr],
    host: &str,
    within: Duration,
) -> Result<Vec<IpAddr>, Failure> {
    let mut name = Name::from_utf8(host).map_err(|e| {
        Failure::new(Cause::ProbeError, format!("`{host}` is no name to resolve: {e}"))
    })?;
    name.set_fqdn(true);
    let share = within / u32::try_from(resolvers.len().max(1)).unwrap_or(u32::MAX);
    let mut last = Failure::new(Cause::Unreachable, "there is no resolver to ask");
    for resolver in resolvers {
        let ask = |kind| exchange::ask(*resolver, Role::Resolver, &name, kind, share);
        match join(ask(RecordType::A), ask(RecordType::AAAA)).await {
            (Err(failure), _) | (_, Err(failure)) => last = failure,
            (Ok(four), Ok(six)) => {
                let records = four.answers.iter().chain(&six.answers);
                return Ok(records
                    .filter_map(|record| match &record.data {
                        RData::A(ip) => Some(IpAddr::V4(ip.0)),
                        RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
                        _ => None,
                    })
                    .collect());
            }
        }
    }
    Err(last)
}

/// Settings of the `dns` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The name that is asked for, in full: no search list is applied.
    pub name: String,
    /// The type of record that is asked for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The resolvers that are asked: a list of `ip` or `ip:port`, or a word: `system` for those of this machine (the
    /// default), `public` for well-known public ones.
    #[serde(default)]
    pub resolvers: Option<ResolversSetting>,
    /// The zone's own name servers, `ip` or `ip:port`. They are found through the resolvers if not given; an empty list
    /// asks none.
    #[serde(default)]
    pub name_servers: Option<Vec<String>>,
    /// How long one server may take for both tries, such as `4s`, which is the default.
    #[serde(default)]
    pub timeout: Option<String>,
}

/// Resolvers by word or by address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ResolversSetting {
    /// `system` or `public`.
    Word(String),
    /// Addresses.
    List(Vec<String>),
}

/// A type of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// An alias.
    Cname,
    /// Mail exchangers.
    Mx,
    /// Texts.
    Txt,
    /// Name servers.
    Ns,
    /// The start of authority.
    Soa,
}

impl Kind {
    fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Cname => RecordType::CNAME,
            Self::Mx => RecordType::MX,
            Self::Txt => RecordType::TXT,
            Self::Ns => RecordType::NS,
            Self::Soa => RecordType::SOA,
        }
    }
}

/// The `dns` probe; see the module's documentation.
#[derive(Debug)]
pub struct Dns {
    name: Name,
    kind: RecordType,
    resolvers: Resolvers,
    name_servers: Option<Vec<SocketAddr>>,
    timeout: Duration,
}

impl Probe for Dns {
    const KIND: &'static str = "dns";
    const EXAMPLE: &'static str = "\
name: shop.example
type: A
resolvers: public
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let name = Name::from_utf8(&settings.name).ok().filter(|_| !settings.name.is_empty());
        if name.is_none() {
            problems.push(Problem::at("name", format!("`{}` is no name", settings.name)));
        }
        let resolvers = Resolvers::read(settings.resolvers.as_ref(), &mut problems);
        let name_servers =
            settings.name_servers.map(|list| servers::read("name_servers", &list, &mut problems));
        let nobody = |servers: &Option<Vec<_>>| servers.as_ref().is_none_or(Vec::is_empty);
        if problems.is_empty()
            && matches!(&resolvers, Resolvers::These(r) if r.is_empty())
            && nobody(&name_servers)
        {
            problems.push(Problem::at("resolvers", "there is no server to ask"));
        }
        let timeout = match settings.timeout.as_deref().map(parse_duration) {
            None => Duration::from_secs(4),
            Some(Ok(timeout)) if !timeout.is_zero() => timeout,
            Some(Ok(_)) => {
                problems.push(Problem::at("timeout", "it must be longer than nothing"));
                Duration::ZERO
            }
            Some(Err(e)) => {
                problems.push(Problem::at("timeout", e.to_string()));
                Duration::ZERO
            }
        };
        match name {
            Some(mut name) if problems.is_empty() => {
                name.set_fqdn(true);
                let kind = settings.kind.record_type();
                Ok(Self { name, kind, resolvers, name_servers, timeout })
            }
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Text, Texts};
        let spec = ReadingSpec::new;
        vec![
            spec("answers", Texts, "the zone's records, or those of most resolvers; empty if none"),
            spec("agreement", Number(Unit::Percent), "the resolvers that say what the zone says"),
            spec("authorities_agree", Flag, "whether the zone's name servers say the same"),
            spec(
                "ttl",
                Number(Unit::Time),
                "the time to live that the zone gives; never a cache's",
            ),
            spec("responding", Number(Unit::Percent), "the servers that answered at all"),
            spec("rcode", Text, "the zone's response code: `NOERROR`, `NXDOMAIN`, `SERVFAIL` …"),
            spec("serials", Texts, "the serials of the zone that its name servers have"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        let given = self.name_servers.iter().flatten();
        let resolvers = match &self.resolvers {
            Resolvers::System => [].as_slice(),
            Resolvers::These(these) => these,
        };
        given.chain(resolvers).map(ToString::to_string).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let resolvers = self.resolvers.addresses()?;
        let authorities = async {
            let (zone, addresses, note) = self.authorities(&resolvers, cx).await;
            let asked = addresses.iter().map(|a| self.ask(*a, Role::Authority, Some(&zone), cx));
            (join_all(asked).await, note)
        };
        let asked = resolvers.iter().map(|a| self.ask(*a, Role::Resolver, None, cx));
        let ((authorities, note), said) = join(authorities, join_all(asked)).await;
        let readings = verdict::read(&authorities, &said)?;
        Ok(match note {
            Some(note) => readings.note(note),
            None => readings,
        })
    }
}

impl Dns {
    /// The zone and its name servers: those given, or those found; with a remark when there are none to be found.
    async fn authorities(
        &self,
        resolvers: &[SocketAddr],
        cx: &Context,
    ) -> (Name, Vec<SocketAddr>, Option<&'static str>) {
        if let Some(given) = &self.name_servers {
            return (self.name.clone(), given.clone(), None);
        }
        // Half of the time, so that the other half is left for asking whom was found.
        let within = cx.remaining().mul_f64(0.45);
        let find = servers::find(&self.name, resolvers, self.timeout.min(within / 3));
        if let Ok(Some((zone, found))) = tokio::time::timeout(within, find).await {
            return (zone, found, None);
        }
        let note = "the zone's own name servers were not found, so the resolvers stand alone";
        (self.name.clone(), Vec::new(), Some(note))
    }

    /// Asks one server, and for the serial of `zone` beside it.
    async fn ask(
        &self,
        address: SocketAddr,
        role: Role,
        zone: Option<&Name>,
        cx: &Context,
    ) -> Server {
        let within = self.timeout.min(cx.remaining().mul_f64(0.9));
        let serial = async {
            let answer = exchange::ask(address, role, zone?, RecordType::SOA, within).await;
            answer.ok().and_then(|message| answer::serial(&message))
        };
        let asked = exchange::ask(address, role, &self.name, self.kind, within);
        let (said, serial) = join(asked, serial).await;
        let said = match said {
            Ok(message) => answer::read(&message, &self.name, self.kind),
            Err(failure) => Said::Silent(failure),
        };
        Server { address, said, serial }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let rows = [
            ("no name", json!({"name": "", "type": "A"}), "name: `` is no name"),
            (
                "a slip",
                json!({"name": "x.example", "type": "A", "resolvers": "pubilc"}),
                "resolvers: `pubilc` names no resolvers (did you mean `public`?)",
            ),
            (
                "a name for an address",
                json!({"name": "x.example", "type": "A", "resolvers": ["dns.example"]}),
                "resolvers[0]: `dns.example` is no address (write it like `192.0.2.53` or `192.0.2.53:5353`)",
            ),
            (
                "nobody to ask",
                json!({"name": "x.example", "type": "A", "resolvers": []}),
                "resolvers: there is no server to ask",
            ),
            (
                "no time",
                json!({"name": "x.example", "type": "A", "timeout": "0s"}),
                "timeout: it must be longer than nothing",
            ),
        ];
        for (row, settings, said) in rows {
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Dns::new(settings).expect_err(row);
            assert_eq!(
                problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
                [said],
                "{row}"
            );
        }
    }
}
