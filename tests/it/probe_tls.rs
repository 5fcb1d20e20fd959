//! The `tls` probe against a real nginx: paths at three instants, the shapes of chains, staples, and clients without SNI.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::nginx::{Nginx, Site};
use crate::rig::pki::{Flavour, Pki};
use crate::rig::process::need;
use crate::rig::web::Web;

/// Looks at a port of loopback, with a go-live in ten days, and judges expectations.
async fn judge(pki: &Pki, port: u16, expect: &[&str]) -> Result<(Vec<Truth>, Readings), Failure> {
    let settings = json!({
        "host": "www.example.test", "address": format!("127.0.0.1:{port}"),
        "ca_file": pki.root(), "without_sni": true, "min_days": 80,
    });
    let probe = launchgate_probes::builtin().build("tls", settings).expect("settings");
    let now = Timestamp::now();
    let go_live = now.checked_add(SignedDuration::from_hours(240)).ok();
    let cx = Context::new(Duration::from_secs(10), now, go_live, "/".into());
    let specs = probe.readings();
    let readings = probe.observe(&cx).await?;
    let truths = expect
        .iter()
        .map(|text| Expectation::compile(text, &specs).expect(text).evaluate(&readings).truth);
    Ok((truths.collect(), readings))
}

#[tokio::test]
async fn paths_are_valid_now_and_later_or_not() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let nginx = Nginx::start();
    let rows: [(Flavour, &[&str]); 6] = [
        (
            Flavour::Days91,
            &["valid_later == true", "margin > 45d", "chain_faults == []", "ocsp == \"absent\""],
        ),
        (Flavour::Days89, &["valid_at_go_live == true", "valid_later == false", "trusted == true"]),
        (Flavour::Expired, &["valid_now == false", "margin < 0s", "policy_unsatisfiable == true"]),
        (
            Flavour::WrongHost,
            &["valid_now == true", "trusted == false", "missing_names == [www.example.test]"],
        ),
        (Flavour::Incomplete, &["valid_now == false", "missing_issuer == \"CN=Rig Intermediate\""]),
        (Flavour::SelfSigned, &["valid_now == false", "missing_issuer == \"\""]),
    ];
    for (flavour, expect) in rows {
        let port = nginx.port(Site::Tls(flavour));
        let (truths, r) = judge(nginx.pki(), port, expect).await.expect("readings");
        assert_eq!(truths, vec![Truth::True; expect.len()], "{flavour:?}: {r:?}");
    }
    let failure = judge(nginx.pki(), nginx.port(Site::Plain), &[]).await.expect_err("no TLS");
    assert_eq!(failure.cause, Cause::BadResponse, "{failure}");
}

#[tokio::test]
async fn staples_are_verified_and_names_may_be_needed() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let web = Web::start();
    let p = web.ports;
    let rows: [(u16, &[&str]); 5] = [
        (p.good, &["ocsp == \"good\"", "revoked == false", "ocsp_next_update > 6d"]),
        (p.revoked, &["ocsp == \"revoked\"", "revoked == true", "must_staple_kept == true"]),
        (p.mixed_up, &["ocsp == \"invalid\"", "must_staple_kept == true"]),
        (p.must_staple, &["ocsp == \"absent\"", "must_staple_kept == false"]),
        (p.named, &["covers_names == true", "without_sni_covers_names == false"]),
    ];
    for (port, expect) in rows {
        let (truths, r) = judge(&web.pki, port, expect).await.expect("readings");
        assert_eq!(truths, vec![Truth::True; expect.len()], "{expect:?}: {r:?}");
    }
    let (truths, r) = judge(&web.pki, p.mixed_up, &["revoked == false"]).await.expect("readings");
    assert_eq!(truths, [Truth::Unknown(Cause::NoData)], "{r:?}");
}
