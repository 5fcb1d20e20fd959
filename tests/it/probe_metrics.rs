//! The `metrics` probe against a service whose counters move, and against servers that serve something else.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::{Context, DynProbe};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::rig::service::Service;

fn probe(url: &str, mut settings: Json) -> Arc<dyn DynProbe> {
    settings["url"] = json!(url);
    launchgate_probes::builtin().build("metrics", settings).expect("settings")
}

async fn look(probe: &dyn DynProbe) -> Result<Readings, Failure> {
    let cx = Context::new(Duration::from_secs(3), Timestamp::now(), None, "/".into());
    let declared: Vec<_> = probe.readings().into_iter().map(|spec| spec.name).collect();
    let looked = probe.observe(&cx).await;
    for name in looked.iter().flat_map(|readings| readings.values.keys()) {
        assert!(declared.contains(name), "{name} is not declared");
    }
    looked
}

fn number(readings: &Readings, name: &str) -> f64 {
    match readings.get(name) {
        Some(Value::Number(number)) => *number,
        other => panic!("{name} is {other:?}"),
    }
}

#[tokio::test]
async fn counters_that_move_become_shares_rates_and_quantiles_at_the_first_look() {
    let service = Service::start();
    service.set_traffic(1000.0, 0.2);
    service.set_errors(0.3);
    let url = format!("{}/metrics", service.url());

    let errors = json!({"over": "200ms", "error_rate": {
        "total": "http_requests_total", "errors": "http_requests_total{code=~\"5..\"}",
    }});
    let errors = probe(&url, errors);
    let first = look(&*errors).await.expect("two scrapes");
    assert!((number(&first, "value") - 30.0).abs() < 1e-6, "{first:?}");
    assert!(number(&first, "over") >= 0.2, "{first:?}");
    let begun = Instant::now();
    let second = look(&*errors).await.expect("one scrape more");
    assert!(begun.elapsed() < Duration::from_millis(190), "it waits no second time");
    assert!(number(&second, "over") > number(&first, "over"), "{second:?}");

    let rate = json!({"over": "200ms", "rate": "http_requests_total"});
    let rate = look(&*probe(&url, rate)).await.expect("a rate");
    assert!((number(&rate, "value") - 1000.0).abs() < 100.0, "{rate:?}");

    let p99 = json!({"over": "200ms", "latency": {
        "histogram": "http_request_duration_seconds", "quantile": 0.99, "slower_than": "100ms",
    }});
    let p99 = look(&*probe(&url, p99)).await.expect("a quantile");
    assert!((number(&p99, "value") - 0.2485).abs() < 1e-6, "{p99:?}");
    assert!((number(&p99, "slower") - 100.0).abs() < 1e-9, "{p99:?}");

    service.set_traffic(1000.0, 60.0);
    let slow = json!({"over": "200ms", "latency": {
        "histogram": "http_request_duration_seconds_bucket", "quantile": 0.99,
    }});
    let slow = look(&*probe(&url, slow)).await.expect("a quantile");
    assert_eq!(slow.get("value"), None, "it lies beyond the buckets");
    assert!((number(&slow, "at_least") - 5.0).abs() < 1e-9, "{slow:?}");
}

#[tokio::test]
async fn what_cannot_be_judged_says_why() {
    let service = Service::start();
    service.set_traffic(0.0, 0.04);
    let url = format!("{}/metrics", service.url());
    let share = |total: &str, errors: &str| json!({"over": "50ms", "error_rate": {"total": total, "errors": errors}});
    let rows = [
        (
            "no traffic",
            share("http_requests_total", "http_requests_total{code=\"500\"}"),
            Cause::LowTraffic,
        ),
        (
            "a misspelt name",
            share("http_request_total", "http_request_total{code=\"500\"}"),
            Cause::NoData,
        ),
        (
            "a label that is not there",
            share("http_requests_total", "http_requests_total{status=\"500\"}"),
            Cause::NoData,
        ),
        ("two gauges", json!({"value": "http_requests_total"}), Cause::TooManySeries),
        ("too late", json!({"over": "30s", "rate": "http_requests_total"}), Cause::NoData),
    ];
    for (row, settings, cause) in rows {
        let failure = look(&*probe(&url, settings)).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
    }
    let gone = probe(&url, json!({"value": "http_requests_total{code=\"500\"}"}));
    let zero = look(&*gone).await.expect("a value");
    assert!(number(&zero, "value").abs() < 1e-9, "{zero:?}");
    drop(service);
    assert_eq!(look(&*gone).await.expect_err("it is gone").cause, Cause::Refused);
}

/// Answers one request on a free port of loopback with `head` and `repeat` times `part`, until the client goes away.
fn serve(head: &'static str, part: Vec<u8>, repeat: usize) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = [0; 4096];
        if stream.read(&mut request).is_ok() && !head.is_empty() {
            // A client that has seen enough hangs up.
            drop(write(&mut stream, head, &part, repeat));
        } else {
            // Silence, until the client gives up.
            drop(stream.read(&mut request));
        }
    });
    address
}

fn write(stream: &mut TcpStream, head: &str, part: &[u8], repeat: usize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {head}\r\nconnection: close\r\n\r\n")?;
    (0..repeat).try_for_each(|_| stream.write_all(part))
}

#[tokio::test]
async fn what_is_no_metrics_page_is_a_bounded_failure() {
    let mebibyte = b"x{a=\"aaaaaaaaaaaaaaaaaaaaaaaaaa\"} 1\n".repeat(30_000);
    let rows: [(&str, &str, Vec<u8>, usize, Cause); 10] = [
        ("a hundred megabytes", "200 OK", mebibyte, 100, Cause::BadResponse),
        ("no UTF-8", "200 OK", b"x{a=\"\xff\"} 1\n".to_vec(), 1, Cause::BadResponse),
        (
            "a web page",
            "200 OK\r\ncontent-type: text/html",
            b"<html></html>".to_vec(),
            1,
            Cause::BadResponse,
        ),
        ("nothing", "200 OK\r\ncontent-length: 0", vec![], 0, Cause::BadResponse),
        ("cut short", "200 OK\r\ncontent-length: 100", b"x 1\n".to_vec(), 1, Cause::BadResponse),
        ("a redirect", "302 Found\r\nlocation: http://127.0.0.1/", vec![], 0, Cause::BadResponse),
        ("overloaded", "503 Service Unavailable", vec![], 0, Cause::Unreachable),
        ("a password is missing", "401 Unauthorized", vec![], 0, Cause::Auth),
        ("NaN", "200 OK", b"x NaN\n".to_vec(), 1, Cause::Nan),
        ("silence", "", vec![], 0, Cause::Timeout),
    ];
    for (row, head, part, repeat, cause) in rows {
        let url = format!("http://{}/metrics", serve(head, part, repeat));
        let begun = Instant::now();
        let failure = look(&*probe(&url, json!({"value": "x"}))).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{row} took {:?}", begun.elapsed());
    }
    let url = format!("http://{}/metrics", serve("200 OK", b"x 1\n".to_vec(), 1));
    let settings = json!({"value": "x", "bearer": {"env": "LAUNCHGATE_TEST_NO_SUCH_TOKEN"}});
    let failure = look(&*probe(&url, settings)).await.expect_err("no token");
    assert_eq!(failure.cause, Cause::Auth);
    let never = look(&*probe("http://169.254.169.254/metrics", json!({"value": "x"}))).await;
    assert_eq!(never.expect_err("it is never probed").cause, Cause::ProbeError);
}
