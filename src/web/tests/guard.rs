//! What every request passes.

use serde_json::json;

use super::site::{Site, tokens};
use crate::render::sample::Sample;
use crate::web::auth::Tokens;
use crate::web::rate::Rate;

const LAUNCH: &str = "/api/v1/launches/checkout-2-4";

#[tokio::test]
async fn only_by_its_own_names_is_the_daemon_addressed() {
    let site = Site::of(Sample::preparing()).await;
    let rows = [
        ("its address", site.host(), true),
        ("localhost", "localhost:7420".to_owned(), true),
        ("in any case", "LocalHost".to_owned(), true),
        ("IPv6 loopback", "[::1]:7420".to_owned(), true),
        ("IPv6 without port", "[::1]".to_owned(), true),
        ("a name of the settings", "gate.example".to_owned(), true),
        ("with a port", "gate.example:443".to_owned(), true),
        ("a rebound name", "evil.example".to_owned(), false),
        ("a rebound name with a port", "evil.example:7420".to_owned(), false),
        ("a name that begins so", "localhost.evil.example".to_owned(), false),
        ("an address that is not ours", "192.0.2.1".to_owned(), false),
        ("nothing", String::new(), false),
    ];
    for (row, host, ours) in rows {
        let answer = site.ask("GET", "/api/v1/launches", &[("Host", &host)], "").await;
        assert_eq!(answer.status == 200, ours, "{row}: {answer:?}");
        if !ours {
            assert_eq!(answer.refusal(), (421, "wrong_host".to_owned()), "{row}");
        }
    }
}

#[tokio::test]
async fn orders_of_other_sites_pages_are_not_taken() {
    let site = Site::of(Sample::preparing()).await;
    let own = format!("http://{}", site.host());
    let rows = [
        ("own page", own.as_str(), 200),
        ("another", "https://evil.example", 403),
        ("none that is told", "null", 403),
    ];
    for (row, origin, status) in rows {
        let headers = [
            ("Authorization", "Bearer tom-token"),
            ("Content-Type", "application/json"),
            ("Origin", origin),
        ];
        let body = json!({ "milestone": "deploy_started" }).to_string();
        let answer = site.ask("POST", &format!("{LAUNCH}/milestones"), &headers, &body).await;
        assert_eq!(answer.status, status, "{row}: {answer:?}");
    }
}

#[tokio::test]
async fn bodies_are_json_of_a_known_shape_and_size() {
    let site = Site::of(Sample::preparing()).await;
    let long = json!({ "milestone": "x".repeat(65 << 10) }).to_string();
    let json = "application/json";
    let rows = [
        ("too long", json, long.as_str(), (413, "bad_body")),
        ("broken", json, "{", (422, "bad_body")),
        ("nothing", json, "", (422, "bad_body")),
        ("an unknown key", json, "{\"milestone\":\"live\",\"by\":\"bob\"}", (422, "bad_body")),
        ("a form", "application/x-www-form-urlencoded", "milestone=live", (415, "not_json")),
        (
            "plain text, as forms can send",
            "text/plain",
            "{\"milestone\":\"live\"}",
            (415, "not_json"),
        ),
    ];
    for (row, kind, body, (status, code)) in rows {
        let headers = [("Authorization", "Bearer alice-token"), ("Content-Type", kind)];
        let answer = site.ask("POST", &format!("{LAUNCH}/milestones"), &headers, body).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{row}");
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_what_it_is_not_for() {
    let site = Site::of(Sample::preparing()).await;
    for path in ["/", "/launches/checkout-2-4", LAUNCH, "/metrics", "/nope", "/healthz"] {
        let answer = site.get(path).await;
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    }
}

#[tokio::test]
async fn off_loopback_reading_takes_a_token_and_browsers_can_give_it() {
    let site = Site::guarded(Tokens { guard_reads: true, ..tokens() }).await;
    // base64 of `vera:vera-token`, `x:eve-token` and `alice:alice-token`
    let [vera, eve, alice] =
        ["Basic dmVyYTp2ZXJhLXRva2Vu", "Basic eDpldmUtdG9rZW4=", "Basic YWxpY2U6YWxpY2UtdG9rZW4="];
    let rows = [
        ("nobody", "/metrics", "", 401),
        ("a bearer", "/metrics", "Bearer vera-token", 200),
        ("a browser", "/launches/checkout-2-4", vera, 200),
        ("an expired one", "/launches/checkout-2-4", eve, 401),
        ("what is no base64", "/launches/checkout-2-4", "Basic ???", 401),
        ("health", "/healthz", "", 200),
        ("readiness", "/readyz", "", 200),
    ];
    for (row, path, authorization, status) in rows {
        let answer = site.ask("GET", path, &[("Authorization", authorization)], "").await;
        assert_eq!(answer.status, status, "{row}: {answer:?}");
    }
    let asks = site.get("/").await;
    assert!(asks.header("www-authenticate").is_some_and(|h| h.starts_with("Basic ")), "{asks:?}");
    let headers = [("Authorization", alice), ("Content-Type", "application/json")];
    let body = json!({ "milestone": "smoke_passed" }).to_string();
    let order = site.ask("POST", &format!("{LAUNCH}/milestones"), &headers, &body).await;
    assert_eq!(order.refusal().0, 401, "what a browser sends unasked orders nothing");
}

#[tokio::test]
async fn pages_of_the_sites_that_are_named_may_read_and_no_other() {
    let site = Site::of(Sample::preparing()).await;
    let rows = [
        ("named", "https://status.example", Some("https://status.example")),
        ("another", "https://evil.example", None),
        ("one that begins so", "https://status.example.evil", None),
    ];
    for (row, origin, allowed) in rows {
        let read = site.ask("GET", LAUNCH, &[("Origin", origin)], "").await;
        assert_eq!(read.status, 200, "{row}");
        assert_eq!(read.header("access-control-allow-origin"), allowed, "{row}: {read:?}");
        let before = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        let asked = site.ask("OPTIONS", &format!("{LAUNCH}/milestones"), &before, "").await;
        let methods = asked.header("access-control-allow-methods").unwrap_or_default();
        assert!(
            !methods.contains("POST") && asked.header("access-control-allow-credentials").is_none(),
            "{row}"
        );
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back_and_orders_still_pass() {
    let rate = Rate { reads_per_second: 2, orders_per_second: 1 };
    let site = Site::rated(rate).await;
    let get = async |token: &str| {
        let bearer = format!("Bearer {token}");
        site.ask("GET", LAUNCH, &[("Authorization", bearer.as_str())], "").await
    };
    let mut refused = None;
    for _ in 0..50 {
        let answer = get("vera-token").await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("fifty reads are too many");
    assert_eq!(refused.refusal(), (429, "too_many_requests".to_owned()));
    assert!(
        refused
            .header("retry-after")
            .is_some_and(|s| s.parse::<u64>().is_ok_and(|s| (1..=2).contains(&s))),
        "{refused:?}"
    );
    assert_eq!(refused.header("x-content-type-options"), Some("nosniff"));
    // Another person, whoever watches, and an order of the same person are not touched by it.
    assert_eq!(get("carol-token").await.status, 200);
    for open in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(site.get(open).await.status, 200, "{open}");
    }
    let orders: Vec<u16> = {
        let mut statuses = Vec::new();
        for _ in 0..20 {
            let headers =
                [("Authorization", "Bearer vera-token"), ("Content-Type", "application/json")];
            statuses.push(
                site.ask("POST", &format!("{LAUNCH}/milestones"), &headers, "{}").await.status,
            );
        }
        statuses
    };
    assert_eq!(orders[0], 403, "its own count has just begun");
    assert!(orders.contains(&429), "and ends: {orders:?}");
    // Tokens that nobody knows share what their address has.
    let mut guesses = Vec::new();
    for n in 0..50 {
        guesses.push(get(&format!("guess-{n}")).await.status);
    }
    assert!(guesses.contains(&429), "{guesses:?}");
}
