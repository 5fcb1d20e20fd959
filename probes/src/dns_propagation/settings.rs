//! The settings of the `dns_propagation` probe.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::rr::{Name, RecordType};
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use schemars::JsonSchema;
use serde::Deserialize;

use super::prefix::Prefix;
use super::regions::{CORE, PASS_SUBNETS, PUBLIC};
use crate::dns::servers::MAX_SERVERS;
use crate::dns::settings::{self, Kind};
use crate::dns::{PATIENCE, servers};

/// The most regions, and the most records, networks and queries of one.
const MAX_REGIONS: usize = 32;
const MAX_RECORDS: usize = 64;
const MAX_QUERIES: u8 = 5;

/// Settings of the `dns_propagation` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The name that is asked for, in full: no search list is applied.
    pub name: String,
    /// The type of record that is asked for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The new records. If not given, whatever the zone's name servers agree upon; resolvers are not asked before those
    /// say this.
    #[serde(default)]
    pub expected: Option<Vec<String>>,
    /// The records before the change. If not given, those that an earlier look saw.
    #[serde(default)]
    pub old: Option<Vec<String>>,
    /// The resolvers: `public` for a list of public ones by region, or a mapping of regions to lists of `ip` or `ip:port`.
    /// If not given, those of the vantage where it has any, else `public`.
    #[serde(default)]
    pub resolvers: Option<RegionsSetting>,
    /// Where answers differ by place on purpose: what is expected in a region, and a network to ask for.
    #[serde(default)]
    pub by_region: BTreeMap<String, RegionSettings>,
    /// Resolvers that pass a region's `subnet` on; if not given, four public ones that do.
    #[serde(default)]
    pub subnet_resolvers: Option<Vec<String>>,
    /// The region whose resolvers are counted in `core_share`; `core` if not given.
    #[serde(default)]
    pub core: Option<String>,
    /// The regions of which at least one resolver must be heard. If not given, all of your own, or `core` of `public`.
    #[serde(default)]
    pub required: Option<Vec<String>>,
    /// The percentage of resolvers that must be heard for a share to be told; two thirds if not given.
    #[serde(default)]
    pub quorum: Option<f64>,
    /// How often each resolver is asked, each time from another port, since one address may stand for several caches; 3
    /// if not given.
    #[serde(default)]
    pub queries: Option<u8>,
    /// The zone's own name servers, `ip` or `ip:port`. They are found from the top of the tree downwards if not given.
    #[serde(default)]
    pub name_servers: Option<Vec<String>>,
    /// The port of name servers that are found; 53 if not given.
    #[serde(default)]
    pub name_server_port: Option<u16>,
    /// A label for what is seen from here, such as `internal`, where inside and outside are told different things.
    #[serde(default)]
    pub view: Option<String>,
    /// How long one server may take for all tries, such as `4s`, which is the default.
    #[serde(default)]
    pub timeout: Option<String>,
}

/// Resolvers by word or by region.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RegionsSetting {
    /// `public`.
    Word(String),
    /// Addresses by region.
    Regions(BTreeMap<String, Vec<String>>),
}

/// What is particular to a region.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionSettings {
    /// The records that are right here.
    #[serde(default)]
    pub expected: Vec<String>,
    /// Networks, such as `203.0.113.0/24`, whose addresses are right here.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// A network of this region that questions are asked for (RFC 7871), a /24 or /56 at most.
    #[serde(default)]
    pub subnet: Option<String>,
}

/// A resolver to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolver {
    pub(super) region: String,
    pub(super) address: SocketAddr,
    pub(super) operator: Option<&'static str>,
    /// Whether it is shown and not counted.
    pub(super) filters: bool,
}

/// What is particular to a region, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) expected: BTreeSet<String>,
    pub(super) prefixes: Vec<Prefix>,
    pub(super) subnet: Option<Prefix>,
}

/// The settings, read.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: Name,
    pub(super) kind: RecordType,
    pub(super) expected: Option<BTreeSet<String>>,
    pub(super) old: Option<BTreeSet<String>>,
    /// None for those of the vantage, or else the public ones.
    pub(super) resolvers: Option<Vec<Resolver>>,
    pub(super) by_region: BTreeMap<String, Region>,
    pub(super) subnet_resolvers: Vec<SocketAddr>,
    pub(super) core: String,
    pub(super) required: Option<BTreeSet<String>>,
    pub(super) quorum: f64,
    pub(super) queries: u8,
    pub(super) name_servers: Option<Vec<SocketAddr>>,
    pub(super) port: u16,
    pub(super) view: Option<String>,
    pub(super) timeout: Duration,
}

/// Reads the settings.
///
/// # Errors
/// All that is wrong in them.
pub(super) fn read(settings: Settings) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let name = settings::name(&settings.name, &mut problems);
    let kind = settings.kind.record_type();
    let mut at_top = |key: &str, list: Option<Vec<String>>| {
        list.map(|list| records(&KeyPath::root().entry(key), &list, kind, &mut problems))
    };
    let expected = at_top("expected", settings.expected);
    let old = at_top("old", settings.old);
    let resolvers = resolvers(settings.resolvers.as_ref(), &mut problems);
    let by_region = by_region(&settings.by_region, kind, &mut problems);
    let subnet_resolvers = match &settings.subnet_resolvers {
        Some(list) => servers::read("subnet_resolvers", list, &mut problems),
        None => PASS_SUBNETS.map(|ip| SocketAddr::from((ip, 53))).to_vec(),
    };
    let required = settings.required.map(|list| list.into_iter().collect::<BTreeSet<_>>());
    if let Some(resolvers) = &resolvers {
        let named = settings.core.iter().map(|region| (KeyPath::root().entry("core"), region));
        let wanted = required.iter().flatten();
        let named = named.chain(wanted.map(|region| (KeyPath::root().entry("required"), region)));
        let own = by_region.keys().map(|r| (KeyPath::root().entry("by_region").entry(r), r));
        let known = regions_of(resolvers, &by_region);
        for (at, region) in named.chain(own).filter(|(_, r)| !known.contains(r.as_str())) {
            let hint = did_you_mean(region, known.iter().copied());
            let problem = Problem::new(at, format!("no resolver is in `{region}`"));
            problems.push(problem.hint_if(hint));
        }
    }
    let core = settings.core.unwrap_or_else(|| CORE.to_owned());
    let quorum = settings.quorum.unwrap_or(200.0 / 3.0);
    if !(quorum > 0.0 && quorum <= 100.0) {
        problems.push(Problem::at("quorum", "it is a percentage above 0, up to 100"));
    }
    let queries = settings.queries.unwrap_or(3);
    if !(1..=MAX_QUERIES).contains(&queries) {
        problems.push(Problem::at("queries", format!("it is from 1 to {MAX_QUERIES}")));
    }
    let name_servers =
        settings.name_servers.map(|list| servers::read("name_servers", &list, &mut problems));
    if name_servers.as_ref().is_some_and(Vec::is_empty) {
        problems.push(Problem::at("name_servers", "without them there is nothing to compare with"));
    }
    let port = settings::port(settings.name_server_port, &mut problems);
    let view = settings::view(settings.view, &mut problems);
    let timeout = settings::time("timeout", settings.timeout.as_deref(), &mut problems);
    let timeout = timeout.unwrap_or(PATIENCE);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Plan {
        name,
        kind,
        expected,
        old,
        resolvers,
        by_region,
        subnet_resolvers,
        core,
        required,
        quorum,
        queries,
        name_servers,
        port,
        view,
        timeout,
    })
}

/// The regions that somebody is asked for.
fn regions_of<'a>(
    resolvers: &'a [Resolver],
    by_region: &'a BTreeMap<String, Region>,
) -> BTreeSet<&'a str> {
    let by_subnet = by_region.iter().filter(|(_, r)| r.subnet.is_some()).map(|(n, _)| n.as_str());
    resolvers.iter().map(|r| r.region.as_str()).chain(by_subnet).collect()
}

/// The public resolvers.
pub(super) fn public() -> Vec<Resolver> {
    let each = PUBLIC.iter().flat_map(|(region, list)| list.iter().map(move |r| (region, r)));
    each.map(|(region, resolver)| Resolver {
        region: (*region).to_owned(),
        address: SocketAddr::new(resolver.ip(), 53),
        operator: Some(resolver.operator),
        filters: resolver.filters,
    })
    .collect()
}

fn resolvers(
    setting: Option<&RegionsSetting>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Resolver>> {
    let regions = match setting? {
        RegionsSetting::Word(word) if word == "public" => return Some(public()),
        RegionsSetting::Word(word) => {
            problems.push(
                Problem::at("resolvers", format!("`{word}` names no resolvers"))
                    .hint("give `public`, or lists of addresses by region")
                    .hint_if(did_you_mean(word, ["public"])),
            );
            return None;
        }
        RegionsSetting::Regions(regions) => regions,
    };
    let mut all = Vec::new();
    let at = KeyPath::root().entry("resolvers");
    for (region, list) in regions {
        let mut below = Vec::new();
        let addresses = servers::read(region, list, &mut below);
        problems.extend(below.into_iter().map(|problem| problem.under(&at)));
        if list.is_empty() {
            problems.push(Problem::new(at.entry(region), "a region has at least one resolver"));
        }
        all.extend(addresses.into_iter().map(|address| Resolver {
            region: region.clone(),
            address,
            operator: None,
            filters: false,
        }));
    }
    let addresses: Vec<SocketAddr> = all.iter().map(|r| r.address).collect();
    servers::refuse_mixture("resolvers", &addresses, problems);
    if all.len() > MAX_SERVERS || regions.len() > MAX_REGIONS {
        let most = format!("at most {MAX_SERVERS} resolvers in {MAX_REGIONS} regions");
        problems.push(Problem::new(at, most));
    } else if regions.is_empty() {
        problems.push(Problem::new(at, "there is no resolver to ask"));
    }
    Some(all)
}

fn by_region(
    settings: &BTreeMap<String, RegionSettings>,
    kind: RecordType,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Region> {
    let at = KeyPath::root().entry("by_region");
    if settings.len() > MAX_REGIONS {
        problems.push(Problem::new(at.clone(), format!("more than {MAX_REGIONS} regions")));
    }
    let mut regions = BTreeMap::new();
    for (name, settings) in settings.iter().take(MAX_REGIONS) {
        let at = at.entry(name);
        let is_address = matches!(kind, RecordType::A | RecordType::AAAA);
        if !settings.prefixes.is_empty() && !is_address {
            let problem = Problem::new(at.entry("prefixes"), "only addresses are in networks");
            problems.push(problem.hint("of other types give the `expected` records"));
            continue;
        }
        let mut prefix = |path: KeyPath, text: &String| {
            let read = text.parse::<Prefix>();
            read.map_err(|e| {
                let hint = "write it like `203.0.113.0/24`";
                problems.push(Problem::new(path, e.to_string()).hint(hint));
            })
            .ok()
        };
        let list = settings.prefixes.iter().take(MAX_RECORDS).enumerate();
        let prefixes = list.filter_map(|(i, t)| prefix(at.entry("prefixes").index(i), t)).collect();
        let subnet = settings.subnet.as_ref().and_then(|t| prefix(at.entry("subnet"), t));
        let most = subnet.map(|s| if s.address.is_ipv4() { 24 } else { 56 });
        if subnet.zip(most).is_some_and(|(subnet, most)| subnet.bits > most || subnet.bits == 0) {
            let problem = Problem::new(at.entry("subnet"), "it must not point at few people");
            problems.push(problem.hint("a /24 or shorter, of IPv6 a /56 or shorter"));
        }
        let expected = if settings.expected.is_empty() {
            BTreeSet::new()
        } else {
            records(&at.entry("expected"), &settings.expected, kind, problems)
        };
        regions.insert(name.clone(), Region { expected, prefixes, subnet });
    }
    regions
}

/// Records as they are compared: addresses as addresses are written, names in lower case without a last dot.
fn records(
    at: &KeyPath,
    list: &[String],
    kind: RecordType,
    problems: &mut Vec<Problem>,
) -> BTreeSet<String> {
    if list.is_empty() || list.len() > MAX_RECORDS {
        let message = format!("it has 1 to {MAX_RECORDS} records");
        problems.push(Problem::new(at.clone(), message));
    }
    let mut records = BTreeSet::new();
    for (i, text) in list.iter().take(MAX_RECORDS).enumerate() {
        match normal(text, kind) {
            Some(record) => {
                records.insert(record);
            }
            None => problems.push(Problem::new(at.index(i), format!("`{text}` is no address"))),
        }
    }
    records
}

/// A record as it is compared with those of servers; nothing for what is no address and should be.
fn normal(text: &str, kind: RecordType) -> Option<String> {
    match kind {
        RecordType::TXT => Some(text.to_owned()),
        RecordType::A => text.parse::<Ipv4Addr>().ok().map(|ip| ip.to_string()),
        RecordType::AAAA => text.parse::<Ipv6Addr>().ok().map(|ip| ip.to_string()),
        _ => {
            let lower = text.to_ascii_lowercase();
            Some(lower.strip_suffix('.').map(ToOwned::to_owned).unwrap_or(lower))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn with(more: &Value) -> Result<Plan, Vec<Problem>> {
        let mut settings = json!({"name": "www.shop.example", "type": "A"});
        let all = settings.as_object_mut().expect("a mapping");
        all.extend(more.as_object().expect("a mapping").clone());
        read(crate::strict::read(settings).expect("it has the right shape"))
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let rows = [
            ("nothing expected", json!({"expected": []}), "expected: it has 1 to 64 records"),
            ("no address", json!({"expected": ["x"]}), "expected[0]: `x` is no address"),
            ("an old one of another sort", json!({"old": ["::1"]}), "old[0]: `::1` is no address"),
            (
                "a slip",
                json!({"resolvers": "pubilc"}),
                "resolvers: `pubilc` names no resolvers (did you mean `public`?)",
            ),
            ("no regions", json!({"resolvers": {}}), "resolvers: there is no resolver to ask"),
            (
                "an empty region",
                json!({"resolvers": {"eu": []}}),
                "resolvers.eu: a region has at least one resolver",
            ),
            (
                "a name for an address",
                json!({"resolvers": {"eu": ["dns.example"]}}),
                "resolvers.eu[0]: `dns.example` is no address (write it like `192.0.2.53` or `192.0.2.53:5353`)",
            ),
            (
                "inside and outside",
                json!({"resolvers": {"eu": ["192.0.2.53"], "office": ["10.0.0.53"]}}),
                "resolvers: private and public resolvers are mixed, which may rightly differ (make two checks, and tell them apart by `view`)",
            ),
            (
                "a region that nobody is in",
                json!({"resolvers": {"europe": ["192.0.2.53"]}, "required": ["eurpe"]}),
                "required: no resolver is in `eurpe` (did you mean `europe`?)",
            ),
            (
                "particulars of a region that nobody is in",
                json!({"resolvers": {"eu": ["192.0.2.53"]}, "by_region": {"ue": {"expected": ["192.0.2.1"]}}}),
                "by_region.ue: no resolver is in `ue` (did you mean `eu`?)",
            ),
            (
                "a core that nobody is in",
                json!({"resolvers": {"eu": ["192.0.2.53"]}, "core": "main"}),
                "core: no resolver is in `main`",
            ),
            (
                "networks of names",
                json!({"type": "CNAME", "by_region": {"eu": {"prefixes": ["192.0.2.0/24"]}}}),
                "by_region.eu.prefixes: only addresses are in networks (of other types give the `expected` records)",
            ),
            (
                "half a network",
                json!({"by_region": {"eu": {"prefixes": ["192.0.2.1"]}}}),
                "by_region.eu.prefixes[0]: `192.0.2.1` is no network (write it like `203.0.113.0/24`)",
            ),
            (
                "one person's network",
                json!({"by_region": {"eu": {"subnet": "192.0.2.1/32"}}}),
                "by_region.eu.subnet: it must not point at few people (a /24 or shorter, of IPv6 a /56 or shorter)",
            ),
            ("no quorum", json!({"quorum": 0}), "quorum: it is a percentage above 0, up to 100"),
            ("no questions", json!({"queries": 0}), "queries: it is from 1 to 5"),
            (
                "no name servers",
                json!({"name_servers": []}),
                "name_servers: without them there is nothing to compare with",
            ),
        ];
        for (row, more, said) in rows {
            let problems = with(&more).expect_err(row);
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(all, [said], "{row}");
        }
    }

    #[test]
    fn records_are_read_as_servers_give_them() {
        let rows = [
            (RecordType::A, "192.0.2.1", Some("192.0.2.1")),
            (RecordType::AAAA, "2001:DB8:0::1", Some("2001:db8::1")),
            (RecordType::CNAME, "LB.Shop.Example.", Some("lb.shop.example")),
            (RecordType::TXT, "v=Spf1 -all.", Some("v=Spf1 -all.")),
            (RecordType::A, "lb.shop.example", None),
        ];
        for (kind, text, record) in rows {
            assert_eq!(normal(text, kind).as_deref(), record, "{text}");
        }
    }
}
