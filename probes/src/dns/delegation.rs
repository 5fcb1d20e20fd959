//! Whether a delegation is right: the parent and the zone name the same servers, under names that may stand there, and
//! every one of them answers for the zone.

use std::collections::BTreeSet;

use super::answer::Said;
use super::verdict::Server;
use super::zone::Zone;

/// What is to be said of a delegation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// Each thing that is wrong, with whom it is about.
    pub(super) wrong: Vec<(String, String)>,
    /// Whether it is right; nothing when that cannot be told.
    pub(super) ok: Option<bool>,
}

/// Reads the parent's and the servers' words together.
pub(super) fn judge(zone: &Zone, servers: &[Server]) -> Judged {
    let mut wrong = Vec::new();
    let Some(delegation) = &zone.delegation else { return Judged::default() };
    let told: Vec<&BTreeSet<String>> = servers.iter().filter_map(|s| s.names.as_ref()).collect();
    let own: BTreeSet<&String> = told.iter().copied().flatten().collect();
    for name in &delegation.names {
        if !told.is_empty() && told.iter().any(|names| !names.contains(name)) {
            wrong.push((name.clone(), "named by the parent and not by the zone".to_owned()));
        }
    }
    for name in own {
        if !delegation.names.contains(name) {
            wrong.push((name.clone(), "named by the zone and not by its parent".to_owned()));
        }
    }
    for server in &zone.servers {
        let mut add = |what: String| wrong.push((server.name.clone(), what));
        if server.is_alias {
            add("its name is an alias".to_owned());
        }
        if server.addresses.is_empty() {
            add("its name has no address".to_owned());
        }
        for ip in &server.outdated {
            add(format!("the parent gives it the address {ip}, which its name does not have"));
        }
    }
    let lame =
        servers.iter().filter_map(|server| Some((server.subject(), lameness(&server.said)?)));
    wrong.extend(lame.map(|(subject, why)| (subject, format!("lame: {why}"))));
    let all_told = !servers.is_empty() && servers.iter().all(|server| server.names.is_some());
    let ok = if wrong.is_empty() { all_told.then_some(true) } else { Some(false) };
    Judged { wrong, ok }
}

/// Why a server that is named for a zone does not serve it; nothing if it does, or did not answer.
pub(crate) fn lameness(said: &Said) -> Option<String> {
    match said {
        Said::Declines(_) | Said::Refers => Some(said.to_string()),
        Said::Knows { authoritative: false, .. } => Some("it answers without authority".to_owned()),
        Said::Knows { .. } | Said::Silent(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hickory_resolver::proto::op::ResponseCode;
    use launchgate_core::observation::{Cause, Failure};

    use super::super::answer::Known;
    use super::super::zone::{Delegation, NameServer};
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn server(said: Said, names: Option<&[&str]>) -> Server {
        let address = "192.0.2.1:53".parse().expect("an address");
        Server { names: names.map(set), ..Server::new(address, said) }
    }

    fn knows() -> Said {
        let (ttl, own_ttl) = (Some(60), Some(60));
        let (known, aliases) = (Known::NoData, Vec::new());
        Said::Knows { known, aliases, ttl, own_ttl, uneven: false, authoritative: true }
    }

    fn plain(name: &str) -> NameServer {
        NameServer {
            name: name.to_owned(),
            is_alias: false,
            addresses: vec![IpAddr::from([192, 0, 2, 1])],
            outdated: vec![],
        }
    }

    const BOTH: &[&str] = &["a.ns", "b.ns"];

    fn zone(servers: Vec<NameServer>) -> Zone {
        let delegation = Some(Delegation { names: set(BOTH), signed: None });
        Zone { apex: hickory_resolver::proto::rr::Name::root(), delegation, servers }
    }

    fn usual() -> Zone {
        zone(vec![plain("a.ns"), plain("b.ns")])
    }

    fn good() -> Server {
        server(knows(), Some(BOTH))
    }

    #[test]
    fn what_the_parent_and_the_zone_name_is_compared() {
        let unknown = Zone { delegation: None, ..usual() };
        let more = server(knows(), Some(&["a.ns", "b.ns", "c.ns"]));
        let less = server(knows(), Some(&["a.ns"]));
        let alias = NameServer { is_alias: true, ..plain("b.ns") };
        let lost = NameServer { addresses: vec![], ..plain("b.ns") };
        let moved = NameServer { outdated: vec![IpAddr::from([192, 0, 2, 9])], ..plain("b.ns") };
        let rows = [
            ("right", usual(), vec![good(), good()], ""),
            ("the parent is not known", unknown, vec![good()], "?"),
            ("nobody was asked", usual(), vec![], "?"),
            ("one more", usual(), vec![more], "c.ns: named by the zone and not by its parent"),
            (
                "one less on one server",
                usual(),
                vec![good(), less],
                "b.ns: named by the parent and not by the zone",
            ),
            ("an alias", zone(vec![alias]), vec![good()], "b.ns: its name is an alias"),
            ("no address", zone(vec![lost]), vec![good()], "b.ns: its name has no address"),
            (
                "an old address at the parent",
                zone(vec![moved]),
                vec![good()],
                "b.ns: the parent gives it the address 192.0.2.9, which its name does not have",
            ),
        ];
        for (row, zone, servers, wrong) in rows {
            assert_judged(row, &zone, &servers, wrong);
        }
    }

    #[test]
    fn servers_that_do_not_serve_are_lame_and_silent_ones_unknown() {
        let silent = Said::Silent(Failure::new(Cause::Timeout, "no answer"));
        let refused = Said::Declines(ResponseCode::Refused);
        let rows = [
            ("silent", server(silent, None), "?"),
            ("refusing", server(refused, None), "name server 192.0.2.1:53: lame: REFUSED"),
            (
                "referring",
                server(Said::Refers, None),
                "name server 192.0.2.1:53: lame: a referral to other servers",
            ),
            (
                "without authority",
                server(Said::knows(Known::NoData), Some(BOTH)),
                "name server 192.0.2.1:53: lame: it answers without authority",
            ),
        ];
        for (row, other, wrong) in rows {
            assert_judged(row, &usual(), &[good(), other], wrong);
        }
    }

    /// Holds a judgement against the one thing that is wrong: nothing if it is right, `?` if that is unknown.
    fn assert_judged(row: &str, zone: &Zone, servers: &[Server], wrong: &str) {
        let judged = judge(zone, servers);
        let said: Vec<String> =
            judged.wrong.iter().map(|(whom, what)| format!("{whom}: {what}")).collect();
        let (ok, expected) = match wrong {
            "" => (Some(true), vec![]),
            "?" => (None, vec![]),
            wrong => (Some(false), vec![wrong]),
        };
        assert_eq!(judged.ok, ok, "{row}: {said:?}");
        assert_eq!(said, expected, "{row}");
    }
}
