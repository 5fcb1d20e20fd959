//! The probe against servers on loopback: answers of every kind, redirects, and servers that never come to an end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::Http;
use crate::client::tests::{Authority, Reply, Served, closed, context, reply, serve};
use crate::probe::{Context, Probe};

fn probe(settings: Json) -> Http {
    Http::new(crate::strict::read(settings).expect("settings")).expect("a probe")
}

async fn look_in(cx: &Context, settings: Json) -> Result<Readings, Failure> {
    let probe = probe(settings);
    let declared: Vec<_> = probe.readings().into_iter().map(|spec| spec.name).collect();
    let looked = probe.observe(cx).await;
    for name in looked.iter().flat_map(|r| r.values.keys()) {
        assert!(declared.contains(name), "{name} is not declared");
    }
    looked
}

async fn look(settings: Json) -> Result<Readings, Failure> {
    look_in(&context(Duration::from_secs(5)), settings).await
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn texts(list: &[&str]) -> Value {
    Value::Texts(list.iter().map(ToString::to_string).collect())
}

/// Asserts readings by name.
fn check(row: &str, r: &Readings, expected: &[(&str, Option<Value>)]) {
    for (name, value) in expected {
        assert_eq!(r.get(name), value.as_ref(), "{row}: {name} of {r:?}");
    }
}

/// A site of several pages.
async fn site() -> Served {
    serve(None, |head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path.split('?').next().unwrap_or_default() {
            "/healthz" => reply(
                "200 OK\r\nContent-Type: application/json\r\nX-Cache: HIT\r\nCache-Control: max-age=60",
                r#"{"status":"ok","version":"2.4.0","queue":7,"up":true}"#,
            ),
            "/old" => reply("200 OK", r#"{"version":"2.3.7","queue":3,"up":false}"#),
            "/long" => reply("200 OK", &format!("{}needle", "x".repeat(2000))),
            "/page" => reply("200 OK", "hello\n"),
            "/gone" => reply("404 Not Found", ""),
            _ => reply("500 Internal Server Error", "<h1>sorry</h1>"),
        }
    })
    .await
}

const READ: &str = r#"{
    "json": {
        "version": {"pointer": "/version", "as": "text"},
        "queue": {"pointer": "/queue", "as": "number"},
        "up": {"pointer": "/up", "as": "flag"}
    },
    "matches": {"needle": "needle$"},
    "header_readings": {"cache": "x-cache"}
}"#;

fn reading(target: &str, value: Json) -> Json {
    let mut settings: Json = serde_json::from_str(READ).expect("JSON");
    settings[target] = value;
    settings
}

#[tokio::test]
async fn one_target_says_what_it_answers() {
    let site = site().await;
    let n = |n| Some(Value::Number(n));
    let r =
        look(reading("url", json!(site.url("/healthz?token=hunter2")))).await.expect("readings");
    check(
        "healthy",
        &r,
        &[
            ("status", n(200.0)),
            ("ok_share", n(100.0)),
            ("version", Some(text("2.4.0"))),
            ("queue", n(7.0)),
            ("up", Some(Value::Flag(true))),
            ("needle", Some(Value::Flag(false))),
            ("cache", Some(text("HIT"))),
            ("content_type", Some(text("application/json"))),
            ("cache_max_age", n(60.0)),
            ("body_bytes", n(53.0)),
            ("location", Some(text(""))),
            ("final_url", Some(text(&site.url("/healthz")))),
        ],
    );
    assert!(!format!("{r:?}").contains("hunter2"), "{r:?}");

    let r = look(reading("url", json!(site.url("/broken")))).await.expect("an error is an answer");
    check(
        "broken",
        &r,
        &[
            ("status", n(500.0)),
            ("ok_share", n(0.0)),
            ("body", Some(text("<h1>sorry</h1>"))),
            ("version", None),
            ("queue", None),
        ],
    );
    assert!(r.parts[0].odd && r.parts[0].says.contains("no JSON"), "{:?}", r.parts);

    let r = look(reading("url", json!(site.url("/long")))).await.expect("readings");
    check(
        "long",
        &r,
        &[("body", None), ("needle", Some(Value::Flag(true))), ("cache", Some(text("")))],
    );
    let r = look(json!({"url": site.url("/page")})).await.expect("readings");
    check("short", &r, &[("body", Some(text("hello")))]);
    let r = look(json!({"url": site.url("/gone"), "ok": [404, 410]})).await.expect("readings");
    check("as it should be", &r, &[("status", n(404.0)), ("ok_share", n(100.0))]);
}

#[tokio::test]
async fn of_several_targets_the_worst_decides_and_silence_leaves_it_open() {
    let site = site().await;
    let n = |n| Some(Value::Number(n));
    let [new, old, broken] = ["/healthz", "/old", "/broken"].map(|path| site.url(path));
    let dead = format!("http://{}/healthz", closed().await);

    let r = look(reading("urls", json!([new, old]))).await.expect("readings");
    check(
        "all answer",
        &r,
        &[
            ("status", n(200.0)),
            ("statuses", Some(texts(&["200"]))),
            ("ok_share", n(100.0)),
            ("version", Some(texts(&["2.3.7", "2.4.0"]))),
            ("queue", n(7.0)),
            ("queue_lowest", n(3.0)),
            ("up", n(50.0)),
            ("cache", Some(texts(&["", "HIT"]))),
            ("cache_max_age", n(0.0)),
        ],
    );
    let r = look(reading("urls", json!([new, broken]))).await.expect("readings");
    check(
        "one is broken",
        &r,
        &[
            ("status", n(500.0)),
            ("statuses", Some(texts(&["200", "500"]))),
            ("ok_share", n(50.0)),
            ("version", None),
        ],
    );
    let r = look(reading("urls", json!([new, dead]))).await.expect("readings");
    check(
        "one is silent",
        &r,
        &[
            ("status", None),
            ("statuses", None),
            ("latency", None),
            ("version", None),
            ("ok_share", n(50.0)),
            ("reachable", n(50.0)),
            ("targets", n(2.0)),
        ],
    );
    assert!(r.parts[1].odd && r.parts[1].says.contains("refused"), "{:?}", r.parts);
    let r = look(reading("urls", json!([dead, broken]))).await.expect("readings");
    check("one is silent and one broken", &r, &[("status", n(500.0)), ("ok_share", n(0.0))]);
    let failure = look(reading("urls", json!([dead, dead]))).await.expect_err("nobody answers");
    assert_eq!(failure.cause, Cause::Refused);
}

#[tokio::test]
async fn a_name_is_asked_at_every_address_that_is_given() {
    let site = site().await;
    let url = format!("http://shop.example:{}/page", site.address.port());
    let given = json!({"url": url, "addresses": ["127.0.0.1", "127.0.0.9"]});
    let r = look(given).await.expect("readings");
    check(
        "given",
        &r,
        &[("targets", Some(Value::Number(2.0))), ("reachable", Some(Value::Number(50.0)))],
    );
    assert!(r.parts[0].subject.ends_with("at 127.0.0.1"), "{:?}", r.parts);
    let url = format!("http://localhost:{}/page", site.address.port());
    let r = look(json!({"url": url, "every_address": true})).await.expect("readings");
    assert!(r.parts.iter().any(|p| p.subject.ends_with("at 127.0.0.1") && !p.odd), "{:?}", r.parts);
}

/// A site that answers by a script, a letter for each request: as it should, `b` with an error, `s` slowly, `x` not at all.
async fn scripted(script: &'static str) -> Served {
    let next = AtomicUsize::new(0);
    serve(None, move |_| match script.as_bytes().get(next.fetch_add(1, Ordering::SeqCst)) {
        Some(b'b') => reply("503 Service Unavailable", "sorry"),
        Some(b'x') => Reply::Bytes(Vec::new()),
        Some(b's') => {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow".to_vec();
            Reply::Slow(answer, Duration::from_millis(10))
        }
        _ => reply("200 OK", "quick"),
    })
    .await
}

/// Of a script: how many failed, the status, the share of targets, a body, and whether each percentile is known.
type Row = (&'static str, f64, Option<Value>, f64, Option<Value>, [bool; 3]);

#[tokio::test]
async fn percentiles_are_of_every_sample_and_none_hides_behind_another() {
    let n = |n| Some(Value::Number(n));
    let body = |body| Some(text(body));
    let rows: [Row; 6] = [
        ("qqqqqqqqqqqqqqqqqqqq", 0.0, n(200.0), 100.0, body("quick"), [true, true, true]),
        ("qqqqqsqqqqqqqqqqqqqq", 0.0, n(200.0), 100.0, body("slow"), [true, true, true]),
        ("qqqqqqqbqqqqqqqqqqqq", 1.0, n(503.0), 0.0, body("sorry"), [true, true, false]),
        ("qqqqqqqqqqqxqqqqqqqq", 1.0, None, 0.0, None, [true, true, false]),
        ("qqbqqqqqqqqxqqqqqqqq", 2.0, n(503.0), 0.0, None, [true, false, false]),
        ("bbbbbbbbbbbbbbbbbbbb", 20.0, n(503.0), 0.0, body("sorry"), [false, false, false]),
    ];
    for (script, failed, status, share, body, known) in rows {
        let site = scripted(script).await;
        let settings = json!({"url": site.url("/"), "samples": 20});
        let cx = context(Duration::from_secs(20));
        let r = look_in(&cx, settings).await.expect("readings");
        assert_eq!(site.asked(), 20, "{script}");
        check(
            script,
            &r,
            &[
                ("samples", n(20.0)),
                ("failed_samples", n(failed)),
                ("status", status),
                ("ok_share", n(share)),
                ("reachable", n(100.0)),
                ("body", body),
                ("latency_p99", None),
            ],
        );
        let names = ["latency_p50", "latency_p95", "latency_max"];
        assert_eq!(names.map(|name| r.get(name).is_some()), known, "{script}: {r:?}");
        assert_eq!(r.parts[0].odd, failed > 0.0, "{script}: {:?}", r.parts);
        let time = |name| match r.get(name) {
            Some(Value::Number(seconds)) => *seconds,
            other => panic!("{name}: {other:?}"),
        };
        if known == [true; 3] {
            assert_eq!(r.get("latency"), r.get("latency_max"), "{script}");
            assert!(time("latency_p50") <= time("latency_p95"), "{script}: {r:?}");
            assert!(time("latency_p95") <= time("latency_max"), "{script}: {r:?}");
        }
        if script.contains('s') {
            assert!(time("latency_max") >= 0.4, "{script}: {r:?}");
        }
    }
}

#[tokio::test]
async fn of_several_targets_the_worst_percentiles_count_and_silence_leaves_them_open() {
    let n = |n| Some(Value::Number(n));
    let [quick, slow, weak] = [scripted("").await, scripted("ss").await, scripted("qx").await];
    let dead = format!("http://{}/", closed().await);
    let look =
        async |urls: [&str; 2]| look(json!({"urls": urls, "samples": 2})).await.expect("readings");
    let r = look([&quick.url("/"), &slow.url("/")]).await;
    assert!(matches!(r.get("latency_p50"), Some(Value::Number(s)) if *s >= 0.4), "{r:?}");
    let r = look([&quick.url("/"), &weak.url("/")]).await;
    let row = [("failed_samples", n(1.0)), ("latency_max", None), ("status", None)];
    check("one sample is not answered", &r, &row);
    assert!(r.get("latency_p50").is_some(), "{r:?}");
    assert!(r.parts[1].says.contains("1 of 2 samples failed"), "{:?}", r.parts);
    let r = look([&quick.url("/"), &dead]).await;
    let row = [("samples", n(2.0)), ("failed_samples", n(2.0)), ("latency_p50", None)];
    check("one is silent", &r, &row);
}

#[tokio::test]
async fn samples_without_an_answer_are_a_failure_within_the_time() {
    let silent = serve(None, |_| Reply::Slow(Vec::new(), Duration::ZERO)).await;
    let rows = [
        ("a closed port", format!("http://{}", closed().await), Cause::Refused, 0),
        ("silence", silent.url("/"), Cause::Timeout, 4),
        ("a cloud's metadata", "http://169.254.169.254/".to_owned(), Cause::ProbeError, 4),
    ];
    for (row, url, cause, asked) in rows {
        let begun = Instant::now();
        let cx = context(Duration::from_secs(1));
        let failure = look_in(&cx, json!({"url": url, "samples": 4})).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{row} took {:?}", begun.elapsed());
        assert_eq!(silent.asked(), asked, "{row}");
    }
}

#[test]
fn a_look_of_many_requests_says_how_long_it_needs() {
    let rows = [
        ("one request", json!({"url": "http://x.example/"}), 0),
        ("twenty", json!({"url": "http://x.example/", "samples": 20}), 10_000),
        (
            "and its phases",
            json!({"url": "http://x.example/", "samples": 3, "timings": true}),
            2000,
        ),
    ];
    for (row, settings, ms) in rows {
        assert_eq!(probe(settings).least_timeout(), Duration::from_millis(ms), "{row}");
    }
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_asked() {
    let head = |to: &str| format!("302 Found\r\nLocation: {to}");
    let site = serve(None, move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        match path.strip_prefix('/').and_then(|n| n.parse::<u32>().ok()) {
            Some(0) => reply("200 OK", "there"),
            Some(n) => reply(&head(&format!("/{}", n - 1)), ""),
            None if path == "/ftp" => reply(&head("ftp://x.example/"), ""),
            None if path == "/cloud" => reply(&head("http://169.254.169.254/latest"), ""),
            None => reply(&head(&path), ""),
        }
    })
    .await;
    // Of a path, with so many redirects: status, how many were followed, where it leads.
    let rows = [
        ("none asked for", "/2", 0, 302.0, 0.0, "/1"),
        ("too few", "/3", 2, 302.0, 2.0, "/0"),
        ("just enough", "/3", 3, 200.0, 3.0, ""),
        ("in a circle", "/loop", 10, 302.0, 10.0, "/loop"),
    ];
    for (row, path, redirects, status, followed, to) in rows {
        let r = look(json!({"url": site.url(path), "redirects": redirects})).await.expect(row);
        let to = if to.is_empty() { String::new() } else { site.url(to) };
        check(
            row,
            &r,
            &[
                ("status", Some(Value::Number(status))),
                ("redirects", Some(Value::Number(followed))),
                ("location", Some(text(&to))),
            ],
        );
    }
    let r = look(json!({"url": site.url("/ftp"), "redirects": 3})).await.expect("readings");
    check("another protocol", &r, &[("redirects", Some(Value::Number(0.0)))]);
    let failure = look(json!({"url": site.url("/cloud"), "redirects": 1})).await;
    assert_eq!(failure.expect_err("it is refused").cause, Cause::ProbeError);
}

#[tokio::test]
async fn secrets_go_to_the_first_origin_only_and_appear_nowhere() {
    let authority = Authority::new("http-secrets");
    let cx = authority.context(Duration::from_secs(5));
    std::fs::write(cx.folder.join("token"), "hunter2\n").expect("a file");
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let ear = heard.clone();
    let other = serve(None, move |head| {
        ear.lock().expect("no panic").push(head.to_owned());
        reply("200 OK", "other")
    })
    .await;
    let to = other.url("/");
    let ear = heard.clone();
    let first = serve(None, move |head| {
        ear.lock().expect("no panic").push(head.to_owned());
        let status = if head.starts_with("POST /keep") { "307 Keep" } else { "302 Found" };
        reply(&format!("{status}\r\nLocation: {to}"), "")
    })
    .await;
    let settings = |path: &str| {
        json!({
            "url": first.url(path), "redirects": 1, "method": "post", "body": {"file": "token"},
            "headers": {"x-token": {"file": "token"}, "cookie": "a=b", "x-plain": "yes"},
        })
    };
    let r = look_in(&cx, settings("/")).await.expect("readings");
    check("followed", &r, &[("body", Some(text("other")))]);
    {
        let heard = heard.lock().expect("no panic");
        assert!(heard[0].starts_with("POST") && heard[0].contains("x-token: hunter2"), "{heard:?}");
        assert!(heard[1].starts_with("GET") && heard[1].contains("x-plain: yes"), "{heard:?}");
        assert!(!heard[1].contains("hunter2") && !heard[1].contains("cookie"), "{heard:?}");
    }
    assert!(!format!("{r:?}").contains("hunter2"), "{r:?}");
    assert!(!format!("{:?}", probe(settings("/"))).contains("hunter2"));

    let r = look_in(&cx, settings("/keep")).await.expect("readings");
    check("a body is not carried elsewhere", &r, &[("status", Some(Value::Number(307.0)))]);
    assert_eq!(other.asked(), 1);

    let missing = json!({"url": first.url("/"), "headers": {"x-token": {"file": "none"}}});
    assert_eq!(look_in(&cx, missing).await.expect_err("no file").cause, Cause::Auth);
}

#[tokio::test]
async fn who_cannot_be_asked_is_a_failure_and_always_ends() {
    let authority = Authority::new("http-failures");
    let untrusted = serve(Some(authority.server(&["127.0.0.1"])), |_| reply("200 OK", "")).await;
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let endless = [&head[..], b"Content-Length: 104857600\r\n\r\n"].concat();
    let large = serve(None, move |_| Reply::Endless(endless.clone(), vec![b'x'; 65536])).await;
    let chunked = [&head[..], b"Transfer-Encoding: chunked\r\n\r\n"].concat();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).into_bytes();
    let unsaid = serve(None, move |_| Reply::Endless(chunked.clone(), chunk.clone())).await;
    let headers = serve(None, move |_| Reply::Endless(head.clone(), b"X-A: b\r\n".to_vec())).await;
    let pace = Duration::from_millis(20);
    let slow = serve(None, move |_| Reply::Slow(b"HTTP/1.1 200 OK\r\nX-A:".repeat(50), pace)).await;
    let silent = serve(None, |_| Reply::Slow(Vec::new(), Duration::ZERO)).await;
    let rows = [
        ("a closed port", format!("http://{}", closed().await), Cause::Refused),
        ("an untrusted certificate", format!("https://{}", untrusted.address), Cause::BadResponse),
        ("100 MB", large.url("/"), Cause::BadResponse),
        ("chunks without end", unsaid.url("/"), Cause::BadResponse),
        ("headers without end", headers.url("/"), Cause::BadResponse),
        ("a byte now and then", slow.url("/"), Cause::Timeout),
        ("silence", silent.url("/"), Cause::Timeout),
        ("a cloud's metadata", "http://169.254.169.254/".to_owned(), Cause::ProbeError),
    ];
    for (row, url, cause) in rows {
        let cx = authority.context(Duration::from_secs(1));
        let begun = Instant::now();
        let failure = look_in(&cx, json!({"url": url})).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{row} took {:?}", begun.elapsed());
    }
    assert_eq!(untrusted.asked(), 0, "nothing is sent to a server that is not trusted");
    let trusted = json!({"url": format!("https://{}/", untrusted.address), "ca_file": "ca.pem"});
    let r = look_in(&authority.context(Duration::from_secs(5)), trusted).await.expect("readings");
    check("trusted", &r, &[("status", Some(Value::Number(200.0)))]);
}
