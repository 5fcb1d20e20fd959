//! The `http` probe against a real nginx: right and wrong sites, over HTTP and HTTPS, judged as a launch file does.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_probes::Context;
use serde_json::{Value as Json, json};

use crate::rig::nginx::{Nginx, Site};
use crate::rig::pki::Flavour;
use crate::rig::process::need;

/// Looks, and judges the expectations of a look that succeeded.
async fn judge(settings: Json, expect: &[&str]) -> Result<(Vec<Truth>, Readings), Failure> {
    let probe = launchgate_probes::builtin().build("http", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(5), Timestamp::now(), None, "/".into());
    let specs = probe.readings();
    let readings = probe.observe(&cx).await?;
    let truths = expect.iter().map(|text| {
        let expectation = Expectation::compile(text, &specs).expect(text);
        expectation.evaluate(&readings).truth
    });
    Ok((truths.collect(), readings))
}

fn health(nginx: &Nginx, site: Site) -> Json {
    json!({
        "url": format!("{}/healthz", nginx.url(site)),
        "ca_file": nginx.pki().root(),
        "json": {"version": {"pointer": "/version", "as": "text"}},
        "matches": {"up": "\"status\" *: *\"ok\""},
    })
}

#[tokio::test]
async fn sites_answer_and_are_judged() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let nginx = Nginx::start();
    let expect = ["status == 200", "version == \"1.2.3\"", "up == true", "latency < 4s"];
    for site in [Site::Plain, Site::Tls(Flavour::Days91)] {
        let (truths, r) = judge(health(&nginx, site), &expect).await.expect("readings");
        assert_eq!(truths, [Truth::True; 4], "{site:?}: {r:?}");
    }
    let (truths, r) = judge(health(&nginx, Site::Broken), &expect).await.expect("readings");
    let unknown = Truth::Unknown(Cause::NoData);
    assert_eq!(truths, [Truth::False, unknown, Truth::False, Truth::True], "{r:?}");

    let refused = [
        (Flavour::Expired, "Expired"),
        (Flavour::WrongHost, "not valid for name"),
        (Flavour::MissingSan, "not valid for"),
        (Flavour::SelfSigned, ""),
        (Flavour::Incomplete, "UnknownIssuer"),
    ];
    for (flavour, said) in refused {
        let failure = judge(health(&nginx, Site::Tls(flavour)), &[]).await.expect_err("no trust");
        assert_eq!(failure.cause, Cause::BadResponse, "{flavour:?}: {failure}");
        let message = failure.message.to_lowercase();
        assert!(message.contains("not trusted"), "{flavour:?}: {failure}");
        assert!(message.contains(&said.to_lowercase()), "{flavour:?}: {failure}");
    }
}

#[tokio::test]
async fn redirects_and_fleets_are_judged() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let nginx = Nginx::start();
    let secure = nginx.url(Site::Tls(Flavour::Days91));
    let first = json!({"url": format!("{}/a", nginx.url(Site::Redirect))});
    let expect =
        ["status == 301 or status == 308".to_owned(), format!("location == \"{secure}/a\"")];
    let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
    let (truths, r) = judge(first.clone(), &expect).await.expect("readings");
    assert_eq!(truths, [Truth::True; 2], "{r:?}");

    let mut followed = first;
    followed["redirects"] = json!(1);
    followed["ca_file"] = json!(nginx.pki().root());
    let expect = ["status == 200", "redirects == 1", "body == \"hello\""];
    let (truths, r) = judge(followed, &expect).await.expect("readings");
    assert_eq!(truths, [Truth::True; 3], "{r:?}");

    let circle = json!({"url": nginx.url(Site::Loop), "redirects": 5});
    let (truths, r) = judge(circle, &["status == 302", "redirects == 5"]).await.expect("readings");
    assert_eq!(truths, [Truth::True; 2], "{r:?}");

    let fleet = json!({"urls": [nginx.url(Site::Plain), nginx.url(Site::Broken)]});
    let expect = ["ok_share == 100%", "ok_share == 50%", "reachable == 100%", "status == 200"];
    let (truths, r) = judge(fleet, &expect).await.expect("readings");
    assert_eq!(truths, [Truth::False, Truth::True, Truth::True, Truth::False], "{r:?}");
}

#[tokio::test]
async fn phases_are_timed_where_they_occur() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let nginx = Nginx::start();
    let mut secure = health(&nginx, Site::Tls(Flavour::Days91));
    secure["timings"] = json!(true);
    let expect = ["time_connect < 4s", "time_tls > 0s", "time_first_byte < 4s", "time_dns > 0s"];
    let (truths, r) = judge(secure, &expect).await.expect("readings");
    let unknown = Truth::Unknown(Cause::NoData);
    assert_eq!(truths, [Truth::True, Truth::True, Truth::True, unknown], "{r:?}");
    let number = |name: &str| match r.get(name) {
        Some(launchgate_core::reading::Value::Number(seconds)) => *seconds,
        other => panic!("{name}: {other:?}"),
    };
    let phases = number("time_connect") + number("time_tls") + number("time_first_byte");
    assert!(phases <= number("time_total"), "{r:?}");

    let mut plain = health(&nginx, Site::Plain);
    plain["timings"] = json!(true);
    let (truths, r) = judge(plain, &["time_total > 0s", "time_tls > 0s"]).await.expect("readings");
    assert_eq!(truths, [Truth::True, unknown], "{r:?}");
}
