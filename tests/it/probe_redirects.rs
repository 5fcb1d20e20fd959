//! The `redirects` probe against a real nginx: good ways, and bad ones of each kind.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::process::need;
use crate::rig::web::Web;

async fn judge(
    web: &Web,
    port: u16,
    path: &str,
    expect: &[&str],
) -> Result<(Vec<Truth>, Readings), Failure> {
    let settings = json!({
        "url": format!("http://www.example.test:{port}{path}?q=1"),
        "https_port": web.ports.secure, "ca_file": web.pki.root(),
        "addresses": {"www.example.test": "127.0.0.1", "localhost": "127.0.0.1"},
    });
    let probe = launchgate_probes::builtin().build("redirects", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(10), Timestamp::now(), None, "/".into());
    let specs = probe.readings();
    let readings = probe.observe(&cx).await?;
    let truths = expect
        .iter()
        .map(|text| Expectation::compile(text, &specs).expect(text).evaluate(&readings).truth);
    Ok((truths.collect(), readings))
}

#[tokio::test]
async fn ways_from_plain_http_are_judged() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let web = Web::start();
    let good: &[&str] = &[
        "guarded == true",
        "path_kept == true",
        "query_kept == true",
        "hsts_on_first_https == true",
        "redirects == 1",
        "final_status == 200",
    ];
    let rows: [(&str, &[&str]); 10] = [
        ("/page", good),
        ("/temporary", &["guarded == false", "permanent == false", "https_only_after == true"]),
        ("/elsewhere", &["guarded == false", "same_host_first == false", "first_status == 301"]),
        ("/lost", &["guarded == true", "path_kept == false", "query_kept == false"]),
        ("/relative", &["guarded == false", "same_host_first == false", "redirects == 2"]),
        ("/served", &["guarded == false", "port80 == \"serves\"", "final_status == 200"]),
        ("/refused", &["guarded == false", "port80 == \"refuses\""]),
        ("/back", &["guarded == false", "https_only_after == false", "redirects == 2"]),
        ("/loop", &["guarded == false", "loops == true"]),
        ("/untrusted", &["guarded == false", "trusted == false", "hsts_on_first_https == false"]),
    ];
    for (path, expect) in rows {
        let (truths, r) = judge(&web, web.ports.plain, path, expect).await.expect(path);
        assert_eq!(truths, vec![Truth::True; expect.len()], "{path}: {r:?}");
    }
    let expect = ["port80 == \"closed\"", "guarded == true"];
    let (truths, r) = judge(&web, web.ports.closed, "/", &expect).await.expect("readings");
    assert_eq!(truths, [Truth::True; 2], "{r:?}");

    let unknown = Truth::Unknown(Cause::NoData);
    let expect = ["guarded == true", "final_status == 200", "same_host_first == true"];
    let (truths, r) = judge(&web, web.ports.plain, "/dark", &expect).await.expect("readings");
    assert_eq!(truths, [Truth::False, unknown, Truth::False], "another port: {r:?}");
    let failure = judge(&web, web.ports.secure, "/", &["guarded == true"]).await;
    assert!(matches!(failure, Ok((t, _)) if t == [Truth::False]), "nginx answers 400 there");
}
