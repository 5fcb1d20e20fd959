//! The `dns` probe against a tree of real zones: one in order, and each fault by itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value as Reading};
use launchgate_probes::trail::Trail;
use launchgate_probes::vantage::Vantage;
use launchgate_probes::{Context, DynProbe};
use serde_json::{Value, json};

use crate::rig::dns::tree::{ADDRESS, Host, PROGRAMS, TTL, Tree};
use crate::rig::process::need;

fn context(now: Timestamp) -> Context {
    let go_live = now + SignedDuration::from_hours(48);
    let mut cx = Context::new(Duration::from_secs(20), now, Some(go_live), "/".into());
    cx.trail = Trail::kept();
    cx
}

/// A probe for a name below `test`, which finds its way through the tree's resolver.
fn probe(tree: &Tree, name: &str, more: &Value) -> Arc<dyn DynProbe> {
    let mut settings = json!({
        "name": format!("{name}.test"), "type": "A", "name_server_port": tree.port(),
        "resolvers": [tree.address(Host::Recursive).to_string()],
    });
    let more = more.as_object().expect("a mapping").clone();
    settings.as_object_mut().expect("a mapping").extend(more);
    launchgate_probes::builtin().build("dns", settings).expect("settings")
}

async fn look(tree: &Tree, name: &str) -> (Arc<dyn DynProbe>, Readings) {
    let probe = probe(tree, name, &json!({}));
    let readings = probe.observe(&context(Timestamp::now())).await.expect(name);
    (probe, readings)
}

fn holds(probe: &Arc<dyn DynProbe>, readings: &Readings, text: &str) -> Truth {
    let specs = probe.readings();
    Expectation::compile(text, &specs).expect(text).evaluate(readings).truth
}

/// Every zone, and what must hold of it.
const ROWS: [(&str, &[&str]); 13] = [
    (
        "www.good",
        &[
            "answers == [192.0.2.30] and agreement == 100% and authorities_agree == true",
            "delegation_ok == true and name_servers == 2 and lame == [] and responding == 100%",
            "serial_spread == 0 and serials == ['10'] and negative_ttl == 6s",
            "soa_refresh == 4h and soa_retry == 1h and soa_expire == 7d",
            "ttl == 6s and ttl_effective == 6s and hops == 0 and chain == 'www.good.test'",
            "dangling == false and alias_loop == false and signed == false and bogus == false",
        ],
    ),
    ("www.lame", &["delegation_ok == false and authorities_agree == false"]),
    (
        "www.mismatch",
        &["delegation_ok == false and authorities_agree == true and name_servers == 3"],
    ),
    ("www.aliased", &["delegation_ok == false and authorities_agree == true"]),
    ("www.stale", &["delegation_ok == true and authorities_agree == false and serial_spread == 2"]),
    (
        "away.good",
        &[
            "chain == 'away.good.test > www.other.test' and hops == 1 and ttl_effective == 6s",
            "ttl == 30s and dangling == false and answers == [192.0.2.30]",
        ],
    ),
    ("lost.good", &["dangling == true and alias_loop == false and answers == []"]),
    ("round.good", &["alias_loop == true and dangling == false"]),
    ("cross.good", &["alias_loop == true and dangling == false"]),
    ("www.old.good", &["chain == 'www.old.good.test > www.other.test' and dangling == false"]),
    ("nothing.good", &["rcode == 'NXDOMAIN' and answers == [] and dangling == false"]),
    (
        "www.signed",
        &[
            "signed == true and bogus == false and delegation_ok == true",
            "signatures_left > 9d and signatures_left < 11d and signatures_left_at_go_live < 9d",
        ],
    ),
    ("www.broken", &["signed == true and bogus == true and authorities_agree == true"]),
];

#[tokio::test]
async fn each_zone_is_seen_as_it_is() {
    if !PROGRAMS.into_iter().all(need) {
        return;
    }
    let tree = Tree::start();
    for (name, texts) in ROWS {
        let (probe, readings) = look(&tree, name).await;
        for text in texts {
            assert_eq!(
                holds(&probe, &readings, text),
                Truth::True,
                "{name}: {text}: {readings:#?}"
            );
        }
    }
    // Where the parent's servers are the zone's own, what the parent says is not seen.
    let (probe, readings) = look(&tree, "www.other").await;
    assert_eq!(holds(&probe, &readings, "name_servers == 1"), Truth::True, "{readings:#?}");
    let unseen = holds(&probe, &readings, "delegation_ok == true");
    assert_eq!(unseen, Truth::Unknown(Cause::NoData), "{readings:#?}");
    let odd = |r: &Readings| -> Vec<String> {
        r.parts.iter().filter(|p| p.odd).map(|p| format!("{}: {}", p.subject, p.says)).collect()
    };
    let rows = [
        ("www.lame", "lame: REFUSED"),
        ("www.mismatch", "delegation of ns2.good.test: named by the parent and not by the zone"),
        ("www.mismatch", "delegation of ns3.good.test: named by the zone and not by its parent"),
        ("www.aliased", "delegation of nsalias.good.test: its name is an alias"),
        ("www.broken", "it does not validate"),
    ];
    for (name, says) in rows {
        let (_, readings) = look(&tree, name).await;
        let odd = odd(&readings);
        assert!(odd.iter().any(|part| part.contains(says)), "{name}: {says}: {odd:#?}");
    }
}

#[tokio::test]
async fn six_name_servers_with_a_fault_each_are_told_apart() {
    if !PROGRAMS.into_iter().all(need) {
        return;
    }
    let tree = Tree::start();
    let (probe, readings) = look(&tree, "www.five").await;
    let expected = "delegation_ok == false and authorities_agree == false and name_servers == 6";
    assert_eq!(holds(&probe, &readings, expected), Truth::True, "{readings:#?}");
    // Of each: what it says, and whether it stands out. The zone does not agree, so the resolver is the measure.
    let rows = [
        (Host::First, "192.0.2.30 (ttl 6s)", false),
        (Host::Second, "192.0.2.29 (ttl 6s)", true),
        (Host::Parent, "a referral to other servers", true),
        (Host::Failing, "SERVFAIL", true),
        (Host::Slow, "192.0.2.30 (ttl 6s)", false),
        (Host::Cutting, "192.0.2.30 (ttl 6s)", false),
    ];
    for (host, says, odd) in rows {
        let address = format!("({})", tree.address(host));
        let is = |p: &&launchgate_core::reading::Part| p.subject.ends_with(&address);
        let part = readings.parts.iter().find(is).expect("it was asked");
        assert_eq!((part.says.as_str(), part.odd), (says, odd), "{host:?}: {readings:#?}");
    }
    let Some(Reading::Texts(lame)) = readings.get("lame") else { panic!("{readings:#?}") };
    assert_eq!(lame.len(), 2, "{lame:?}");
    // The failing one has no serial to compare.
    assert!(readings.get("serial_spread").is_none(), "{readings:#?}");
}

#[tokio::test]
async fn a_low_ttl_counts_once_the_former_one_has_run_out() {
    if !PROGRAMS.into_iter().all(need) {
        return;
    }
    let mut tree = Tree::start();
    tree.set_www(ADDRESS, 3_600);
    let probe = probe(&tree, "www.good", &json!({"low_ttl": "1m"}));
    let begin = Timestamp::now();
    let mut memory = None;
    // At which second, with which TTL from then on, and what must hold.
    let rows = [
        (0, 3_600, "low_ttl_in_force == false", None),
        (
            60,
            TTL,
            "low_ttl_in_force == false",
            Some("ttl_lead_left == 1h and ttl_lowered_for == 0s"),
        ),
        (
            1_860,
            TTL,
            "low_ttl_in_force == false",
            Some("ttl_lead_left == 30m and ttl_lowered_for == 30m"),
        ),
        (
            3_660,
            TTL,
            "low_ttl_in_force == true",
            Some("ttl_lead_left == 0s and ttl_lowered_for == 1h"),
        ),
    ];
    let mut published = 3_600;
    for (second, ttl, text, more) in rows {
        if ttl != published {
            tree.set_www(ADDRESS, ttl);
            published = ttl;
        }
        let mut cx = context(begin + SignedDuration::from_secs(second));
        cx.memory = memory;
        let readings = probe.observe(&cx).await.expect("readings");
        for text in [text].into_iter().chain(more) {
            assert_eq!(
                holds(&probe, &readings, text),
                Truth::True,
                "{second}: {text}: {readings:#?}"
            );
        }
        memory = readings.memory.map(Arc::new);
    }
    // Without a memory nobody knows what was before.
    let readings = probe.observe(&context(begin)).await.expect("readings");
    assert_eq!(holds(&probe, &readings, "low_ttl_in_force == true"), Truth::Unknown(Cause::NoData));
}

#[tokio::test]
async fn questions_go_out_from_the_vantage_through_its_resolvers_and_are_noted() {
    if !PROGRAMS.into_iter().all(need) {
        return;
    }
    let tree = Tree::start();
    let settings = json!({"name": "www.good.test", "type": "A", "name_server_port": tree.port()});
    let probe = launchgate_probes::builtin().build("dns", settings).expect("settings");
    let mut cx = context(Timestamp::now());
    let resolver: SocketAddr = tree.address(Host::Recursive);
    let local_address = Some([127, 0, 0, 99].into());
    let vantage = Vantage { local_address, resolvers: vec![resolver], ..Vantage::default() };
    cx.vantage = Arc::new(vantage.clone());
    let readings = probe.observe(&cx).await.expect("readings");
    assert_eq!(holds(&probe, &readings, "delegation_ok == true"), Truth::True, "{readings:#?}");
    let exchanges = cx.trail.exchanges();
    for host in [Host::Parent, Host::First, Host::Second, Host::Recursive] {
        let whom = tree.address(host).to_string();
        assert!(exchanges.iter().any(|e| e.whom == whom), "{host:?}: {exchanges:#?}");
    }
    assert!(!cx.trail.left_out().is_empty());
    // From an address that this host does not have, nobody can be asked.
    let elsewhere = Vantage { local_address: Some([192, 0, 2, 1].into()), ..vantage };
    cx.vantage = Arc::new(elsewhere);
    let failure = probe.observe(&cx).await.expect_err("there is no such address here");
    assert_eq!(failure.cause, Cause::LocalFault, "{failure}");
}

#[tokio::test]
async fn when_nobody_answers_it_cannot_tell() {
    if !PROGRAMS.into_iter().all(need) {
        return;
    }
    let tree = Tree::start();
    let away = tree.address(Host::Away).to_string();
    let rows = [
        ("no resolver", json!({"resolvers": [away]})),
        ("no name server", json!({"resolvers": [], "name_servers": [away]})),
    ];
    for (row, more) in rows {
        let probe = probe(&tree, "www.good", &more);
        let outcome: Result<Readings, Failure> = probe.observe(&context(Timestamp::now())).await;
        assert_eq!(outcome.expect_err(row).cause, Cause::Refused, "{row}");
    }
    // With one of two name servers away, what the delegation is worth cannot be told; who answered is known.
    let first = tree.address(Host::First).to_string();
    let probe = probe(&tree, "www.good", &json!({"name_servers": [first, away]}));
    let readings = probe.observe(&context(Timestamp::now())).await.expect("one answers");
    for (text, truth) in [
        ("authorities_agree == true", Truth::True),
        ("responding == 100%", Truth::False),
        ("lame == []", Truth::Unknown(Cause::NoData)),
        ("serial_spread == 0", Truth::Unknown(Cause::NoData)),
        ("delegation_ok == true", Truth::Unknown(Cause::NoData)),
    ] {
        assert_eq!(holds(&probe, &readings, text), truth, "{text}: {readings:#?}");
    }
}
