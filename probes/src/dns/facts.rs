//! The readings about the zone itself, beside those about agreement: delegation, SOA, lead time, aliases, signatures.

use std::collections::BTreeSet;

use jiff::Timestamp;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};

use super::answer::Said;
use super::chain::{Chain, End};
use super::delegation::{self, lameness};
use super::dnssec;
use super::lead::Lead;
use super::soa;
use super::verdict::Server;
use super::zone::Zone;

/// What was found of a zone and a name.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The zone, if it was looked for and found.
    pub(super) zone: Option<&'a Zone>,
    /// Its name servers.
    pub(super) authorities: &'a [Server],
    /// The resolvers.
    pub(super) resolvers: &'a [Server],
    /// Where the name leads, if somebody said.
    pub(super) chain: Option<&'a Chain>,
    /// The lead time, if it was asked for and the TTL is known.
    pub(super) lead: Option<Lead>,
    /// When the first signature over the zone's keys ends.
    pub(super) keys_until: Option<Timestamp>,
    /// The time of the look.
    pub(super) now: Timestamp,
    /// The planned go-live.
    pub(super) go_live: Option<Timestamp>,
}

/// The declarations of these readings.
pub(super) fn specs() -> Vec<ReadingSpec> {
    use ReadingType::{Flag, Number, Text, Texts};
    let (time, one) = (Number(Unit::Time), Number(Unit::One));
    let spec = ReadingSpec::new;
    vec![
        spec(
            "delegation_ok",
            Flag,
            "whether parent and zone name the same, proper, serving name servers",
        ),
        spec("name_servers", one, "how many name servers the zone has, by name"),
        spec("lame", Texts, "the name servers that do not serve the zone"),
        spec("serial_spread", one, "how far the name servers' serials are apart, by RFC 1982"),
        spec("negative_ttl", time, "how long resolvers keep that something does not exist"),
        spec("soa_refresh", time, "the SOA's refresh"),
        spec("soa_retry", time, "the SOA's retry"),
        spec("soa_expire", time, "the SOA's expire"),
        spec(
            "ttl_effective",
            time,
            "the least time to live along all aliases, also in other zones",
        ),
        spec(
            "ttl_lowered_for",
            time,
            "how long the name's own time to live is known to have been low",
        ),
        spec("ttl_lead_left", time, "until every answer with a longer time to live has run out"),
        spec(
            "low_ttl_in_force",
            Flag,
            "whether every answer with a longer time to live has run out",
        ),
        spec("chain", Text, "the name and the aliases that it leads to"),
        spec("hops", one, "how many aliases there are on the way"),
        spec(
            "dangling",
            Flag,
            "whether the name is an alias that leads to a name that does not exist",
        ),
        spec("alias_loop", Flag, "whether the aliases lead in a circle, or on and on"),
        spec("signed", Flag, "whether the parent vouches for the zone's keys"),
        spec("bogus", Flag, "whether a resolver that validates refuses the zone's answer"),
        spec("signatures_left", time, "until the first signature ends"),
        spec("signatures_left_at_go_live", time, "what is left of that at the planned go-live"),
        spec("view", Text, "the label of what is seen from here, as the settings have it"),
    ]
}

/// Adds what was found.
pub(super) fn add(mut readings: Readings, found: &Found<'_>) -> Readings {
    readings = delegated(readings, found);
    readings = started(readings, found.authorities);
    readings = led(readings, found);
    readings = signed(readings, found);
    let uneven = |s: &Server| matches!(s.said, Said::Knows { uneven: true, .. });
    if found.authorities.iter().any(uneven) {
        readings = readings
            .note("the records of one set have different times to live, which RFC 2181 forbids");
    }
    readings
}

fn delegated(mut readings: Readings, found: &Found<'_>) -> Readings {
    let servers = found.authorities;
    let lame: BTreeSet<String> = servers
        .iter()
        .filter_map(|server| Some(format!("{}: {}", server.subject(), lameness(&server.said)?)))
        .collect();
    let silent = servers.iter().any(|s| matches!(s.said, Said::Silent(_)));
    if !lame.is_empty() || !(silent || servers.is_empty()) {
        readings = readings.texts("lame", lame);
    }
    let Some(zone) = found.zone else { return readings };
    readings = readings.number("name_servers", count(zone.servers.len()));
    if zone.servers.len() < 2 {
        readings = readings.note("the zone has fewer than two name servers");
    }
    let judged = delegation::judge(zone, servers);
    if let Some(ok) = judged.ok {
        readings = readings.flag("delegation_ok", ok);
    }
    for (whom, what) in judged.wrong {
        readings = readings.part(format!("delegation of {whom}"), what, true);
    }
    if zone.delegation.is_none() {
        readings = readings.note(
            "the parent's delegation was not seen: it could not be asked, or is served by the zone's own servers",
        );
    }
    readings
}

/// What the SOA says: of serials all, of the rest the one that makes for the longest wait.
fn started(mut readings: Readings, servers: &[Server]) -> Readings {
    let soas: Vec<&soa::Soa> = servers.iter().filter_map(|s| s.soa.as_ref()).collect();
    if soas.len() == servers.len() && !soas.is_empty() {
        let serials: Vec<u32> = soas.iter().map(|soa| soa.serial).collect();
        readings = match soa::spread(&serials) {
            Some(spread) => readings.number("serial_spread", f64::from(spread)),
            None => {
                readings.note("two serials are half of all numbers apart: neither is the newer")
            }
        };
    }
    let longest = |of: fn(&soa::Soa) -> u32| soas.iter().map(|soa| of(soa)).max();
    let times = [
        ("negative_ttl", longest(|s| s.negative_ttl)),
        ("soa_refresh", longest(|s| s.refresh)),
        ("soa_retry", longest(|s| s.retry)),
        ("soa_expire", longest(|s| s.expire)),
    ];
    for (name, seconds) in times {
        if let Some(seconds) = seconds {
            readings = readings.number(name, f64::from(seconds));
        }
    }
    let remarks: BTreeSet<String> = soas.into_iter().flat_map(soa::remarks).collect();
    remarks.into_iter().fold(readings, Readings::note)
}

/// The lead time and the aliases.
fn led(mut readings: Readings, found: &Found<'_>) -> Readings {
    if let Some(lead) = &found.lead {
        if let Some(time) = lead.lowered_for {
            readings = readings.time("ttl_lowered_for", time);
        }
        if let Some(time) = lead.left {
            readings = readings.time("ttl_lead_left", time);
        }
        readings = match lead.in_force {
            Some(is) => readings.flag("low_ttl_in_force", is),
            None => readings.note(
                "nobody saw what the time to live was before it was low: `former_ttl` tells, or a week of looks",
            ),
        };
    }
    let Some(chain) = found.chain else { return readings };
    readings = readings.text("chain", chain.names.join(" > "));
    let hops = chain.names.len() - 1;
    readings = readings.number("hops", count(hops));
    if let Some(ttl) = chain.ttl.filter(|_| chain.end == End::Records) {
        readings = readings.number("ttl_effective", f64::from(ttl));
    }
    match chain.end {
        End::Unknown => readings.note("where the aliases lead could not be told to the end"),
        end => readings
            .flag("dangling", end == End::Missing && hops > 0)
            .flag("alias_loop", matches!(end, End::Circle | End::Endless)),
    }
}

fn signed(mut readings: Readings, found: &Found<'_>) -> Readings {
    let vouched = found.zone.and_then(|zone| zone.delegation.as_ref()?.signed);
    if let Some(signed) = vouched {
        readings = readings.flag("signed", signed);
    }
    if let Some(bogus) = dnssec::is_bogus(found.resolvers, vouched) {
        readings = readings.flag("bogus", bogus);
    }
    for server in found.resolvers.iter().filter(|s| dnssec::rejects(s)) {
        let subject = format!("resolver {}", server.address);
        readings =
            readings.part(subject, "has an answer and refuses it: it does not validate", true);
    }
    let ends = found.authorities.iter().filter_map(|s| s.signed_until).chain(found.keys_until);
    if let Some(end) = ends.min() {
        readings = readings.number("signatures_left", dnssec::left(end, found.now));
        if let Some(go_live) = found.go_live {
            let left = dnssec::left(end, go_live);
            readings = readings.number("signatures_left_at_go_live", left);
        }
    }
    readings
}

#[expect(clippy::cast_precision_loss, reason = "there are few of them")]
fn count(of: usize) -> f64 {
    of as f64
}
