//! The `lb` probe against a real HAProxy with backends of our own, and against answers that Envoy and a cloud document.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_probes::Context;
use serde_json::{Value, json};

use crate::rig::canned::Canned;
use crate::rig::haproxy::Haproxy;
use crate::rig::process::need;

/// Looks once, and judges each expectation.
async fn judge(settings: Value, expect: &[&str]) -> Result<Vec<Truth>, Failure> {
    let probe = launchgate_probes::builtin().build("lb", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(3), Timestamp::now(), None, "/".into());
    let specs = probe.readings();
    let readings = probe.observe(&cx).await?;
    let truth =
        |text: &&str| Expectation::compile(text, &specs).expect(text).evaluate(&readings).truth;
    Ok(expect.iter().map(truth).collect())
}

/// Looks once at what must satisfy every expectation.
async fn holds(row: &str, settings: Value, expect: &[&str]) {
    let truths = judge(settings, expect).await.unwrap_or_else(|f| panic!("{row}: {f}"));
    let wrong: Vec<_> = expect.iter().zip(&truths).filter(|t| *t.1 != Truth::True).collect();
    assert!(wrong.is_empty(), "{row}: {wrong:?}");
}

fn port(server: &Canned) -> u16 {
    server.url().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port")
}

fn by_page(rig: &Haproxy, backend: &str, instances: &[&str]) -> Value {
    let basic = json!({"user": "ops", "password": {"file": rig.password("right")}});
    json!({"instances": instances,
        "haproxy": {"url": rig.url(), "basic": basic, "backend": backend}})
}

fn by_socket(rig: &Haproxy, backend: &str, instances: &[&str]) -> Value {
    json!({"instances": instances, "haproxy": {"socket": rig.socket(), "backend": backend}})
}

const WEB: [&str; 3] = ["web1", "web2", "web3"];

#[tokio::test]
async fn haproxys_backends_are_up_down_out_of_service_missing_or_unchecked() {
    if !need("haproxy") {
        return;
    }
    let mut webs: Vec<Canned> = WEB.iter().map(|_| Canned::start(|_| (200, "ok".into()))).collect();
    let rig = Haproxy::start(&webs.iter().map(port).collect::<Vec<_>>());
    let good = [
        "all_healthy == true",
        "healthy == 3",
        "healthy_share == 100%",
        "pool_share == 100%",
        "unexpected == []",
        "stable_for >= 0s",
    ];
    holds("all up, by the page", by_page(&rig, "shop", &WEB), &good).await;
    holds("all up, by the socket", by_socket(&rig, "shop", &WEB), &good).await;
    let fewer = ["all_healthy == false", "missing == [\"web4\"]", "healthy == 1"];
    holds("fewer than expected", by_socket(&rig, "shop", &["web1", "web4"]), &fewer).await;
    let more = ["all_healthy == true", "unexpected == [\"web3\"]"];
    holds("more than expected", by_page(&rig, "shop", &["web1", "web2"]), &more).await;
    let none = ["all_healthy == false", "healthy == 0", "healthy_share == 0%"];
    holds("no backend at all", by_page(&rig, "empty", &["web1"]), &none).await;

    drop(webs.pop());
    rig.wait_for("web3", "DOWN");
    let down = ["all_healthy == false", "down == [\"web3\"]", "healthy == 2", "missing == []"];
    holds("one down", by_page(&rig, "shop", &WEB), &down).await;
    holds("one down", by_socket(&rig, "shop", &WEB), &down).await;

    let blind =
        judge(by_socket(&rig, "blind", &["web1"]), &["all_healthy == true", "healthy >= 0"]);
    let blind = blind.await.expect("an answer");
    assert!(blind.iter().all(|t| matches!(t, Truth::Unknown(_))), "nobody checks it: {blind:?}");
}

#[tokio::test]
async fn haproxys_maintenance_and_drain_are_not_service() {
    if !need("haproxy") {
        return;
    }
    let webs: Vec<Canned> = WEB.iter().map(|_| Canned::start(|_| (200, "ok".into()))).collect();
    let rig = Haproxy::start(&webs.iter().map(port).collect::<Vec<_>>());
    rig.command("disable server shop/web1");
    rig.wait_for("web1", "MAINT");
    let out = ["all_healthy == false", "out_of_service == [\"web1\"]", "healthy == 2"];
    holds("in maintenance", by_socket(&rig, "shop", &WEB), &out).await;
    rig.command("set server shop/web2 state drain");
    rig.wait_for("web2", "DRAIN");
    let out = ["out_of_service == [\"web1\", \"web2\"]", "healthy == 1", "down == []"];
    holds("and drained", by_page(&rig, "shop", &WEB), &out).await;
    rig.command("enable server shop/web1");
    rig.command("set server shop/web2 state ready");
    for web in WEB {
        rig.wait_for(web, "L7OK");
        rig.wait_for(web, "UP");
    }
    let zones = json!({"zones": {"a": ["web1"], "b": ["web2", "web9"]},
        "haproxy": {"socket": rig.socket(), "backend": "shop"}});
    let worst = ["lowest_zone_share == 50%", "missing == [\"web9\"]"];
    holds("by zone", zones, &worst).await;
}

#[tokio::test]
async fn a_balancer_that_cannot_be_asked_is_unknown_and_says_why() {
    if !need("haproxy") {
        return;
    }
    let web = Canned::start(|_| (200, "ok".into()));
    let mut rig = Haproxy::start(&[port(&web)]);
    let mut wrong = by_page(&rig, "shop", &["web1"]);
    wrong["haproxy"]["basic"]["password"]["file"] = json!(rig.password("wrong"));
    let mut nobody = by_page(&rig, "shop", &["web1"]);
    nobody["haproxy"]["basic"] = Value::Null;
    let mut garbage = by_page(&rig, "shop", &["web1"]);
    garbage["haproxy"]["url"] = json!(web.url());
    let mut nowhere = by_socket(&rig, "shop", &["web1"]);
    nowhere["haproxy"]["socket"] = json!(rig.password("no-such-socket"));
    let rows = [
        ("another password", wrong, Cause::Auth),
        ("no password", nobody, Cause::Auth),
        ("another server", garbage, Cause::BadResponse),
        ("no such backend", by_page(&rig, "blog", &["web1"]), Cause::NoData),
        ("no such socket", nowhere, Cause::Unreachable),
    ];
    for (row, settings, cause) in rows {
        let failure = judge(settings, &[]).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
        assert!(!failure.message.contains("wrong"), "{failure}");
    }
    rig.freeze();
    for settings in [by_page(&rig, "shop", &["web1"]), by_socket(&rig, "shop", &["web1"])] {
        let failure = judge(settings, &[]).await.expect_err("it is frozen");
        assert_eq!(failure.cause, Cause::Timeout, "{failure}");
    }
    rig.stop();
    for settings in [by_page(&rig, "shop", &["web1"]), by_socket(&rig, "shop", &["web1"])] {
        let failure = judge(settings, &[]).await.expect_err("it is gone");
        assert_eq!(failure.cause, Cause::Refused, "{failure}");
    }
}

/// The answer of Envoy's administration, by the shape of `envoy.admin.v3.Clusters`:
/// <https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/clusters.proto>.
fn clusters(second: &Value) -> String {
    let host = |ip: &str, health: &Value| {
        json!({
            "address": {"socket_address": {"address": ip, "port_value": 8080}},
            "stats": [{"name": "cx_total", "value": "7"}, {"type": "GAUGE", "name": "cx_active"}],
            "health_status": health, "weight": 1, "locality": {"zone": "a"},
        })
    };
    let healthy = json!({"eds_health_status": "HEALTHY"});
    let hosts = [host("10.0.0.1", &healthy), host("10.0.0.2", second)];
    json!({"cluster_statuses": [
        {"name": "shop", "added_via_api": true, "host_statuses": hosts},
        {"name": "none", "added_via_api": true},
    ]})
    .to_string()
}

#[tokio::test]
async fn envoys_hosts_are_healthy_when_no_flag_says_otherwise() {
    let admin = |second: Value| {
        Canned::start(move |asked| {
            let known = asked.starts_with("GET /clusters?format=json ");
            if known { (200, clusters(&second)) } else { (404, "invalid path".into()) }
        })
    };
    let of = |admin: &Canned, cluster: &str| {
        json!({"instances": ["10.0.0.1:8080", "10.0.0.2:8080"],
            "envoy": {"url": admin.url(), "cluster": cluster}})
    };
    let good = admin(json!({"eds_health_status": "HEALTHY"}));
    holds("healthy", of(&good, "shop"), &["all_healthy == true", "pool_share == 100%"]).await;
    holds("no hosts", of(&good, "none"), &["all_healthy == false", "healthy == 0"]).await;
    let failed = admin(json!({"eds_health_status": "HEALTHY", "failed_active_health_check": true}));
    let down = ["all_healthy == false", "down == [\"10.0.0.2:8080\"]", "pool_share == 50%"];
    holds("down", of(&failed, "shop"), &down).await;
    let odd = admin(json!({"eds_health_status": "SPLENDID"}));
    let truths = judge(of(&odd, "shop"), &["all_healthy == true"]).await.expect("an answer");
    assert!(matches!(truths[..], [Truth::Unknown(_)]), "a word that is not known: {truths:?}");
    let failure = judge(of(&good, "shap"), &[]).await.expect_err("no such cluster");
    assert_eq!(failure.cause, Cause::NoData, "{failure}");
    let mut below = of(&good, "shop");
    below["envoy"]["url"] = json!(format!("{}/elsewhere", good.url()));
    let failure = judge(below, &[]).await.expect_err("no administration there");
    assert_eq!(failure.cause, Cause::BadResponse, "{failure}");
}

/// The health of a target group, by the shape of
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html>
/// as the command line gives it.
fn targets(states: &[(&str, &str)]) -> String {
    let one = |(id, state): &(&str, &str)| {
        json!({"Target": {"Id": id, "Port": 80}, "HealthCheckPort": "80",
            "TargetHealth": {"State": state}})
    };
    json!({"TargetHealthDescriptions": states.iter().map(one).collect::<Vec<_>>()}).to_string()
}

#[tokio::test]
async fn any_list_in_json_is_read_by_its_pointers() {
    let server = Canned::start(|asked| {
        let path = asked.split(' ').nth(1).unwrap_or_default();
        let states: &[(&str, &str)] = match path {
            "/good" => &[("i-1", "healthy"), ("i-2", "healthy")],
            "/draining" => &[("i-1", "healthy"), ("i-2", "draining")],
            "/odd" => &[("i-1", "healthy"), ("i-2", "fine")],
            "/empty" => &[],
            "/closed" => return (403, String::new()),
            "/busy" => return (503, String::new()),
            _ => return (200, "<html>".into()),
        };
        (200, targets(states))
    });
    let of = |path: &str| {
        json!({"instances": ["i-1", "i-2"], "json": {
            "url": format!("{}{path}", server.url()), "list": "/TargetHealthDescriptions",
            "name": "/Target/Id", "status": "/TargetHealth/State", "healthy": ["healthy"],
            "unhealthy": ["unhealthy", "initial", "draining", "unused", "unavailable"],
        }})
    };
    holds("healthy", of("/good"), &["all_healthy == true", "healthy == 2"]).await;
    holds("draining", of("/draining"), &["all_healthy == false", "down == [\"i-2\"]"]).await;
    let truths = judge(of("/odd"), &["all_healthy == true"]).await.expect("an answer");
    assert!(matches!(truths[..], [Truth::Unknown(_)]), "{truths:?}");
    let rows = [
        ("/empty", Cause::NoData),
        ("/closed", Cause::Auth),
        ("/busy", Cause::Unreachable),
        ("/page", Cause::BadResponse),
    ];
    for (path, cause) in rows {
        let failure = judge(of(path), &[]).await.expect_err(path);
        assert_eq!(failure.cause, cause, "{path}: {failure}");
    }
}
