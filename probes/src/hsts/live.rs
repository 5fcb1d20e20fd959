//! The probe against servers on loopback, for HTTPS and for plain HTTP, with certificates made for them.

use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};

use super::Hsts;
use crate::client::tests::{Authority, Reply, closed, reply, serve};
use crate::probe::Probe;

/// Asks `shop.example` on loopback.
async fn look(authority: &Authority, port: u16, http_port: u16) -> Result<Readings, Failure> {
    let settings = serde_json::json!({
        "host": "shop.example", "address": "127.0.0.1", "port": port, "http_port": http_port,
        "path": "/a?b=1", "ca_file": "ca.pem",
    });
    let probe = Hsts::new(crate::strict::read(settings).expect("settings")).expect("a probe");
    let declared: Vec<_> = probe.readings().into_iter().map(|spec| spec.name).collect();
    let looked = probe.observe(&authority.context(Duration::from_secs(2))).await;
    for name in looked.iter().flat_map(|r| r.values.keys()) {
        assert!(declared.contains(name), "{name} is not declared");
    }
    looked
}

/// Present, valid, for how many seconds, and whether a reason is given.
fn seen(r: &Readings) -> (bool, bool, f64, bool) {
    let flag = |name| r.get(name) == Some(&Value::Flag(true));
    let Some(Value::Number(max_age)) = r.get("max_age") else { panic!("no max_age in {r:?}") };
    let reason = r.get("reason") != Some(&Value::Text(String::new()));
    (flag("present"), flag("valid"), *max_age, reason)
}

#[tokio::test]
async fn only_what_clients_would_keep_counts() {
    let authority = Authority::new("hsts-headers");
    let name = "Strict-Transport-Security";
    let rows = [
        (
            "a year",
            format!("200 OK\r\n{name}: max-age=31536000"),
            (true, true, 31_536_000.0, false),
        ),
        ("on an error", format!("500 No\r\n{name}: max-age=\"9\""), (true, true, 9.0, false)),
        (
            "the first of two",
            format!("200 OK\r\n{name}: max-age=5\r\n{name}: max-age=7"),
            (true, true, 5.0, false),
        ),
        (
            "a bad one before a good one",
            format!("200 OK\r\n{name}: max-age=x\r\n{name}: max-age=7"),
            (true, false, 0.0, true),
        ),
        ("none", "200 OK".to_owned(), (false, false, 0.0, true)),
    ];
    for (row, head, expected) in rows {
        let server = authority.server(&["shop.example"]);
        let secure = serve(Some(server), move |_| reply(&head, "")).await;
        let r = look(&authority, secure.address.port(), closed().await.port()).await.expect(row);
        assert_eq!(seen(&r), expected, "{row}: {r:?}");
        assert_eq!(r.get("http_closed"), Some(&Value::Flag(true)), "{row}");
        assert_eq!(r.get("trusted"), Some(&Value::Flag(true)), "{row}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_makes_clients_ignore_the_header() {
    let authority = Authority::new("hsts-untrusted");
    let server = authority.server(&["other.example"]);
    let head = "200 OK\r\nStrict-Transport-Security: max-age=31536000";
    let secure = serve(Some(server), move |_| reply(head, "")).await;
    let r = look(&authority, secure.address.port(), closed().await.port()).await.expect("readings");
    assert_eq!(seen(&r), (false, false, 0.0, true), "{r:?}");
    assert_eq!(r.get("trusted"), Some(&Value::Flag(false)));
    assert_eq!(secure.asked(), 0, "nothing is sent to it");
    assert!(r.parts[0].odd && r.parts[0].says.contains("not trusted"), "{:?}", r.parts);
}

#[tokio::test]
async fn plain_http_counts_for_its_redirect_and_never_for_its_header() {
    let authority = Authority::new("hsts-plain");
    let secure = serve(Some(authority.server(&["shop.example"])), |_| reply("200 OK", "")).await;
    let port = secure.address.port();
    let header = "Strict-Transport-Security: max-age=31536000";
    let rows = [
        (
            "for good",
            format!("301 Moved\r\n{header}\r\nLocation: https://shop.example:{port}/a?b=1"),
            true,
        ),
        ("for now", format!("302 Found\r\nLocation: https://shop.example:{port}/a?b=1"), false),
        (
            "elsewhere",
            format!("301 Moved\r\nLocation: https://www.shop.example:{port}/a?b=1"),
            false,
        ),
        ("to itself", "308 Again\r\nLocation: /a?b=1".to_owned(), false),
        ("served", format!("200 OK\r\n{header}"), false),
    ];
    for (row, head, redirects) in rows {
        let plain = serve(None, move |_| reply(&head, "")).await;
        let r = look(&authority, port, plain.address.port()).await.expect(row);
        assert_eq!(r.get("redirects_to_https"), Some(&Value::Flag(redirects)), "{row}: {r:?}");
        assert_eq!(r.get("http_guarded"), Some(&Value::Flag(redirects)), "{row}");
        assert_eq!(seen(&r), (false, false, 0.0, true), "{row}");
        assert_eq!(plain.asked(), 1, "{row}: nothing is followed");
    }
}

#[tokio::test]
async fn silence_is_open_over_plain_http_and_a_failure_over_https() {
    let authority = Authority::new("hsts-silence");
    let head = "200 OK\r\nStrict-Transport-Security: max-age=5";
    let secure = serve(Some(authority.server(&["shop.example"])), move |_| reply(head, "")).await;
    let silent = serve(None, |_| Reply::Slow(Vec::new(), Duration::ZERO)).await;
    let r = look(&authority, secure.address.port(), silent.address.port()).await.expect("readings");
    assert_eq!(seen(&r), (true, true, 5.0, false));
    assert_eq!((r.get("redirects_to_https"), r.get("http_guarded")), (None, None));

    let rows = [
        ("silence", silent.address.port(), Cause::Timeout),
        ("a closed port", closed().await.port(), Cause::Refused),
    ];
    for (row, port, cause) in rows {
        let failure = look(&authority, port, silent.address.port()).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
    }
}
