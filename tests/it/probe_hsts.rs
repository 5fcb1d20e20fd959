//! The `hsts` probe against a real nginx: a year, five minutes, none, certificates that nobody trusts, and plain HTTP.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::nginx::{Nginx, Site};
use crate::rig::pki::Flavour;
use crate::rig::process::need;

const EXPECT: [&str; 4] =
    ["valid == true", "max_age >= 180d", "include_subdomains == true", "trusted == true"];

/// Asks two sites under a name, the one for HTTPS and the one for plain HTTP; judges [`EXPECT`] and `plain`.
async fn judge(
    nginx: &Nginx,
    site: Site,
    http_port: u16,
    plain: &str,
) -> Result<(Vec<Truth>, Readings), Failure> {
    let settings = json!({
        "host": "www.example.test", "names": ["localhost"], "address": "127.0.0.1",
        "port": nginx.port(site), "http_port": http_port, "ca_file": nginx.pki().root(),
    });
    let probe = launchgate_probes::builtin().build("hsts", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(5), Timestamp::now(), None, "/".into());
    let specs = probe.readings();
    let readings = probe.observe(&cx).await?;
    let truths = EXPECT.iter().chain([&plain]).map(|text| {
        let expectation = Expectation::compile(text, &specs).expect(text);
        expectation.evaluate(&readings).truth
    });
    Ok((truths.collect(), readings))
}

#[tokio::test]
async fn what_browsers_would_keep_is_judged() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let nginx = Nginx::start();
    let served = nginx.port(Site::Plain);
    // Of a site: valid, long enough, for subdomains, trusted.
    let rows = [
        (Site::Tls(Flavour::Days91), [true, true, true, true]),
        (Site::ShortHsts, [true, false, false, true]),
        (Site::NoHsts, [false, false, false, true]),
        (Site::Tls(Flavour::Expired), [false, false, false, false]),
        (Site::Tls(Flavour::WrongHost), [false, false, false, false]),
        (Site::Tls(Flavour::SelfSigned), [false, false, false, false]),
        (Site::Tls(Flavour::Incomplete), [false, false, false, false]),
    ];
    for (site, holds) in rows {
        let (truths, r) =
            judge(&nginx, site, served, "http_guarded == false").await.expect("readings");
        let expected = holds.iter().chain([&true]);
        let expected: Vec<Truth> =
            expected.map(|h| if *h { Truth::True } else { Truth::False }).collect();
        assert_eq!(truths, expected, "{site:?}: {r:?}");
    }
    let failure =
        judge(&nginx, Site::Plain, served, "http_closed").await.expect_err("no HTTPS there");
    assert_eq!(failure.cause, Cause::BadResponse, "{failure}");
}

#[tokio::test]
async fn plain_http_is_judged() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let nginx = Nginx::start();
    let free = crate::rig::process::free_port();
    let rows = [
        // It redirects for good, but to the address instead of the name.
        ("to another host", nginx.port(Site::Redirect), "redirects_to_https == false"),
        ("and yet with its path", nginx.port(Site::Redirect), "redirect_keeps_path == true"),
        ("in a circle", nginx.port(Site::Loop), "http_guarded == false"),
        ("closed", free, "http_closed == true and http_guarded == true"),
    ];
    for (row, port, plain) in rows {
        let site = Site::Tls(Flavour::Days91);
        let (truths, r) = judge(&nginx, site, port, plain).await.expect("readings");
        assert_eq!(truths, [Truth::True; 5], "{row}: {r:?}");
    }
}
