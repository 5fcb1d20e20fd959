//! The `cdn` probe against a real nginx that caches: what is kept, what is not, and what must be refused.

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
    port: u16,
    path: &str,
    origin: u16,
    expect: &[&str],
) -> Result<(Vec<Truth>, Readings), Failure> {
    let settings = json!({
        "url": format!("http://127.0.0.1:{port}{path}"), "origin": format!("127.0.0.1:{origin}"),
        "waf_query": "q=%3Cscript%3E",
    });
    let probe = launchgate_probes::builtin().build("cdn", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(20), Timestamp::now(), None, "/".into());
    let specs = probe.readings();
    let readings = probe.observe(&cx).await?;
    let truths = expect
        .iter()
        .map(|text| Expectation::compile(text, &specs).expect(text).evaluate(&readings).truth);
    Ok((truths.collect(), readings))
}

#[tokio::test]
async fn what_a_cache_keeps_is_proven_and_who_gets_past_it_shows() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let web = Web::start();
    let p = web.ports;
    let asset: &[&str] = &[
        "hit == true",
        "hit_by == \"cache-status\"",
        "requests == 2",
        "immutable == true",
        "cacheable == true",
        "freshness >= 365d",
        "etag_stable == true",
        "origin_closed == true",
        "waf_refuses == true",
    ];
    let rows: [(&str, u16, &[&str]); 3] = [
        ("/app.js", p.closed, asset),
        (
            "/page",
            p.origin,
            &[
                "hit == false",
                "requests == 3",
                "cacheable == false",
                "vary_ok == false",
                "hit_with_cookie == false",
                "origin_closed == false",
            ],
        ),
        ("/cookie", p.plain, &["hit == true", "hit_with_cookie == true", "origin_closed == true"]),
    ];
    for (path, origin, expect) in rows {
        let (truths, r) = judge(p.cache, path, origin, expect).await.expect(path);
        assert_eq!(truths, vec![Truth::True; expect.len()], "{path}: {r:?}");
    }
    // Nobody caches there, nothing says so, and nothing is guessed.
    let expect = ["hit == true", "hit == false", "waf_refuses == false"];
    let (truths, r) = judge(p.origin, "/app.js", p.closed, &expect).await.expect("readings");
    let unknown = Truth::Unknown(Cause::NoData);
    assert_eq!(truths, [unknown, unknown, Truth::True], "{r:?}");
    let failure = judge(p.closed, "/app.js", p.closed, &[]).await.expect_err("nobody is there");
    assert_eq!(failure.cause, Cause::Refused, "{failure}");
}
