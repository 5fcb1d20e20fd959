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

    #[test]
    fn a_delegation_is_right_or_says_why_not() {
        let both: &[&str] = &["a.ns", "b.ns"];
        let good = || server(knows(), Some(both));
        let plain = |name: &str| NameServer {
            name: name.to_owned(),
            is_alias: false,
            addresses: vec![IpAddr::from([192, 0, 2, 1])],
            outdated: vec![],
        };
        let zone = |servers: Vec<NameServer>| Zone {
            apex: hickory_resolver::proto::rr::Name::root(),
            delegation: Some(Delegation { names: set(both), signed: None }),
            servers,
        };
        let usual = || zone(vec![plain("a.ns"), plain("b.ns")]);
        let silent = Said::Silent(Failure::new(Cause::Timeout, "no answer"));
        let refused = Said::Declines(ResponseCode::Refused);
        let alias = NameServer { is_alias: true, ..plain("b.ns") };
        let lost = NameServer { addresses: vec![], ..plain("b.ns") };
        let moved = NameServer { outdated: vec![IpAddr::from([192, 0, 2, 9])], ..plain("b.ns") };
        let unknown = Zone { delegation: None, ..usual() };
        let rows = [
            ("right", usual(), vec![good(), good()], Some(true), vec![]),
            ("the parent is not known", unknown, vec![good()], None, vec![]),
            ("one is silent", usual(), vec![good(), server(silent, None)], None, vec![]),
            ("nobody was asked", usual(), vec![], None, vec![]),
            (
                "one more in the zone",
                usual(),
                vec![server(knows(), Some(&["a.ns", "b.ns", "c.ns"]))],
                Some(false),
                vec!["c.ns: named by the zone and not by its parent"],
            ),
            (
                "one less on one server",
                usual(),
                vec![good(), server(knows(), Some(&["a.ns"]))],
                Some(false),
                vec!["b.ns: named by the parent and not by the zone"],
            ),
            (
                "an alias",
                zone(vec![alias]),
                vec![good()],
                Some(false),
                vec!["b.ns: its name is an alias"],
            ),
            (
                "no address",
                zone(vec![lost]),
                vec![good()],
                Some(false),
                vec!["b.ns: its name has no address"],
            ),
            (
                "an old address at the parent",
                zone(vec![moved]),
                vec![good()],
                Some(false),
                vec![
                    "b.ns: the parent gives it the address 192.0.2.9, which its name does not have",
                ],
            ),
            (
                "lame",
                usual(),
                vec![good(), server(refused, None)],
                Some(false),
                vec!["name server 192.0.2.1:53: lame: REFUSED"],
            ),
            (
                "without authority",
                usual(),
                vec![server(Said::knows(Known::NoData), Some(both))],
                Some(false),
                vec!["name server 192.0.2.1:53: lame: it answers without authority"],
            ),
        ];
        for (row, zone, servers, ok, wrong) in rows {
            let judged = judge(&zone, &servers);
            assert_eq!(judged.ok, ok, "{row}: {judged:?}");
            let said: Vec<String> =
                judged.wrong.iter().map(|(whom, what)| format!("{whom}: {what}")).collect();
            assert_eq!(said, wrong, "{row}");
        }
    }
}
