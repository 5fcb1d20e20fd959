//! The `dns_propagation` probe against real name servers and a resolver that keeps an old answer until it runs out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::Cause;
use launchgate_core::reading::{Readings, Value as Reading};
use launchgate_probes::trail::Trail;
use launchgate_probes::{Context, DynProbe};
use serde_json::{Value, json};

use crate::rig::dns::tree::{ADDRESS, Host, PROGRAMS, TTL, Tree};
use crate::rig::process::need;

const NEW: &str = "192.0.2.77";

fn context() -> Context {
    let mut cx = Context::new(Duration::from_secs(20), Timestamp::now(), None, "/".into());
    cx.trail = Trail::kept();
    cx
}

fn probe(tree: &Tree, more: &Value) -> Arc<dyn DynProbe> {
    let address = |host| tree.address(host).to_string();
    let mut settings = json!({
        "name": "www.good.test", "type": "A", "core": "core", "timeout": "1s",
        "name_servers": [address(Host::First), address(Host::Second)],
        "resolvers": {"core": [address(Host::Recursive)]},
    });
    let more = more.as_object().expect("a mapping").clone();
    settings.as_object_mut().expect("a mapping").extend(more);
    launchgate_probes::builtin().build("dns_propagation", settings).expect("settings")
}

fn holds(probe: &Arc<dyn DynProbe>, readings: &Readings, text: &str) -> Truth {
    let specs = probe.readings();
    Expectation::compile(text, &specs).expect(text).evaluate(readings).truth
}

fn seconds(readings: &Readings, name: &str) -> f64 {
    match readings.get(name) {
        Some(Reading::Number(number)) => *number,
        other => panic!("{name} is {other:?} in {readings:#?}"),
    }
}

#[tokio::test]
async fn the_end_of_an_old_answer_is_foretold() {
    if !PROGRAMS.into_iter().all(need) {
        return;
    }
    let mut tree = Tree::start();
    let resolver = tree.address(Host::Recursive).to_string();
    let probe = probe(&tree, &json!({"expected": [NEW]}));

    // The zone is not right yet: the resolver is left alone.
    let cx = context();
    let before = probe.observe(&cx).await.expect("readings");
    assert_eq!(holds(&probe, &before, "authority_ready == false"), Truth::True, "{before:#?}");
    assert_eq!(
        holds(&probe, &before, "share == 100%"),
        Truth::Unknown(Cause::NoData),
        "{before:#?}"
    );
    assert!(cx.trail.exchanges().iter().all(|e| e.whom != resolver), "it is not asked");

    // Somebody asks it, and then the zone changes.
    assert_eq!(tree.www(Host::Recursive).as_deref(), Some(ADDRESS));
    tree.set_www(NEW, TTL);
    let mut cx = context();
    cx.memory = before.memory.map(Arc::new);
    let changed = probe.observe(&cx).await.expect("readings");
    let began = Instant::now();
    let text = "authority_ready == true and converged == false and old == 1 and share == 0%";
    assert_eq!(holds(&probe, &changed, text), Truth::True, "{changed:#?}");
    let estimate = seconds(&changed, "converged_in");
    assert!(estimate > 0.0 && estimate <= f64::from(TTL), "{estimate}");

    let mut memory = changed.memory;
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let took = loop {
        ticks.tick().await;
        let mut cx = context();
        cx.memory = memory.map(Arc::new);
        let now = probe.observe(&cx).await.expect("readings");
        if holds(&probe, &now, "converged == true and share == 100%") == Truth::True {
            assert_eq!(holds(&probe, &now, "converged_in == 0s and old == 0"), Truth::True);
            break began.elapsed().as_secs_f64();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{now:#?}");
        memory = now.memory;
    };
    // Resolvers count in whole seconds and may serve the last of them to its end.
    assert!((took - estimate).abs() < 2.0, "foretold {estimate} s, it took {took} s");
    println!("foretold {estimate} s, it took {took:.2} s");
}

#[tokio::test]
async fn regions_are_told_apart_and_a_silent_one_is_unknown() {
    if !PROGRAMS.into_iter().all(need) {
        return;
    }
    let tree = Tree::start();
    let address = |host| tree.address(host).to_string();
    let (recursive, failing) = (address(Host::Recursive), address(Host::Failing));
    let (first, cutting, away) =
        (address(Host::First), address(Host::Cutting), address(Host::Away));
    let rows = [
        (
            "all regions",
            json!({"resolvers": {"core": [recursive], "eu": [first, cutting]}}),
            "converged == true and core_share == 100% and regions_missing == 0 and new == 3",
            Truth::True,
        ),
        (
            "one of three away",
            json!({"resolvers": {"core": [recursive], "eu": [first, away]}}),
            "share == 100% and errors == 1 and responding < 70%",
            Truth::True,
        ),
        (
            "a region is silent",
            json!({"resolvers": {"core": [recursive, first, cutting], "eu": [failing]}}),
            "share == 100%",
            Truth::Unknown(Cause::NoData),
        ),
        (
            "that is named",
            json!({"resolvers": {"core": [recursive, first, cutting], "eu": [failing]}}),
            "regions_missing == 1 and regions_silent == ['eu'] and errors == 1",
            Truth::True,
        ),
        (
            "half is silent",
            json!({"resolvers": {"core": [recursive, away]}, "quorum": 60}),
            "converged == true",
            Truth::Unknown(Cause::NoData),
        ),
        (
            "the zone is lame",
            json!({"name_servers": [first, failing]}),
            "authority_ready == false",
            Truth::True,
        ),
        (
            "the zone is found",
            json!({"view": "rig", "resolvers": {"core": [recursive]}, "expected": ["192.0.2.30"]}),
            "authority_ready == true and answers == [192.0.2.30] and view == 'rig'",
            Truth::True,
        ),
    ];
    for (row, more, text, truth) in rows {
        let probe = probe(&tree, &more);
        let readings = probe.observe(&context()).await.expect(row);
        assert_eq!(holds(&probe, &readings, text), truth, "{row}: {readings:#?}");
    }
    let probe = probe(&tree, &json!({"name_servers": [away]}));
    let failure = probe.observe(&context()).await.expect_err("no name server answers");
    assert_eq!(failure.cause, Cause::Refused, "{failure}");
}

#[tokio::test]
async fn each_region_may_have_records_of_its_own() {
    if !PROGRAMS.into_iter().all(need) {
        return;
    }
    let tree = Tree::start();
    let address = |host| tree.address(host).to_string();
    let (recursive, first) = (address(Host::Recursive), address(Host::First));
    let rows = [
        (
            "another set is expected in one",
            json!({
                "resolvers": {"core": [recursive], "eu": [first]},
                "by_region": {"eu": {"expected": ["192.0.2.99"]}},
            }),
            "share == 50% and regions_behind == ['eu'] and other == 1 and core_share == 100%",
            Truth::True,
        ),
        (
            "a network is expected in one",
            json!({
                "resolvers": {"core": [recursive], "eu": [first]},
                "by_region": {"eu": {"prefixes": ["192.0.2.0/25"]}},
            }),
            "share == 100%",
            Truth::True,
        ),
    ];
    for (row, more, text, truth) in rows {
        let probe = probe(&tree, &more);
        let readings = probe.observe(&context()).await.expect(row);
        assert_eq!(holds(&probe, &readings, text), truth, "{row}: {readings:#?}");
    }
}

#[tokio::test]
async fn the_vantages_resolvers_are_asked_when_none_are_named() {
    if !PROGRAMS.into_iter().all(need) {
        return;
    }
    let tree = Tree::start();
    let settings = json!({"name": "www.good.test", "type": "A", "name_server_port": tree.port()});
    let probe = launchgate_probes::builtin().build("dns_propagation", settings).expect("settings");
    let mut cx = context();
    cx.vantage = Arc::new(launchgate_probes::vantage::Vantage {
        name: "office".to_owned(),
        resolvers: vec![tree.address(Host::Recursive)],
        ..launchgate_probes::vantage::Vantage::default()
    });
    let readings = probe.observe(&cx).await.expect("readings");
    let text = "authority_ready == true and converged == true and new == 1";
    assert_eq!(holds(&probe, &readings, text), Truth::True, "{readings:#?}");
}
