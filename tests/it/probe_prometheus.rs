//! The `prometheus` probe against a real Prometheus: what is a number, and what is none.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::Context;
use serde_json::{Value as Json, json};

use crate::rig::native_histogram::NativeSeries;
use crate::rig::process::need;
use crate::rig::prometheus::{Prometheus, Series};
use crate::rig::service::Service;

const PATIENCE: Duration = Duration::from_secs(20);
/// How far apart the written samples are.
const STEP_MS: i64 = 5_000;

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(now.as_millis()).expect("this century fits")
}

/// Looks once with these settings beside the source.
async fn look(url: &str, mut settings: Json) -> Result<Readings, Failure> {
    settings["source"] = json!({"kind": "prometheus", "url": url});
    let probe = launchgate_probes::builtin().build("prometheus", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(3), Timestamp::now(), None, "/".into());
    let declared: Vec<_> = probe.readings().into_iter().map(|spec| spec.name).collect();
    let looked = probe.observe(&cx).await;
    for name in looked.iter().flat_map(|readings| readings.values.keys()) {
        assert!(declared.contains(name), "{name} is not declared");
    }
    looked
}

fn number(readings: &Readings, name: &str) -> Option<f64> {
    match readings.get(name) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    }
}

/// A counter that begins at `first` and grows by `step` every five seconds, `count` samples up to `end_ms`.
fn counter<'a>(
    name: &'a str,
    labels: &[(&'a str, &'a str)],
    (first, step): (f64, f64),
    count: u32,
    end_ms: i64,
) -> Series<'a> {
    let sample = |i: u32| {
        let at = end_ms - i64::from(count - 1 - i) * STEP_MS;
        (first + step * f64::from(i), at)
    };
    let labels = [&[("job", "shop"), ("instance", "a")], labels].concat();
    Series { name, labels, samples: (0..count).map(sample).collect() }
}

/// Five minutes of counters, up to `now_ms`.
fn written(now_ms: i64) -> Vec<Series<'static>> {
    let ok = [("code", "200")];
    let bad = [("code", "500")];
    let steady = |name, labels: &[(&'static str, &'static str)], step| {
        counter(name, labels, (1000.0, step), 60, now_ms)
    };
    let bucket = |name, le, step| counter(name, &[("le", le)], (1000.0, step), 60, now_ms);
    vec![
        steady("busy_total", &ok, 93.0),
        steady("busy_total", &bad, 7.0),
        steady("clean_total", &ok, 100.0),
        steady("plain_total", &[], 100.0),
        steady("idle_total", &ok, 0.0),
        steady("idle_total", &bad, 0.0),
        steady("young_total", &ok, 100.0),
        // The first error that a process counts is not seen by `increase`.
        counter("young_total", &bad, (24.0, 0.0), 3, now_ms),
        counter("gone_total", &ok, (1000.0, 100.0), 60, now_ms - 600_000),
        counter("sparse_total", &ok, (1000.0, 100.0), 2, now_ms),
        bucket("slow_seconds_bucket", "0.5", 0.0),
        bucket("slow_seconds_bucket", "+Inf", 100.0),
        bucket("quick_seconds_bucket", "0.1", 90.0),
        bucket("quick_seconds_bucket", "0.5", 98.0),
        bucket("quick_seconds_bucket", "1", 100.0),
        bucket("quick_seconds_bucket", "+Inf", 100.0),
        bucket("broken_seconds_bucket", "0.1", 90.0),
        bucket("broken_seconds_bucket", "0.5", 98.0),
    ]
}

#[tokio::test]
async fn numbers_are_told_from_the_many_kinds_of_none() {
    if !(need("prometheus") && need("curl")) {
        return;
    }
    let prometheus = Prometheus::start(&[]);
    let now_ms = now_ms();
    prometheus.remote_write(&written(now_ms));
    let url = prometheus.url();
    error_rates(&url, now_ms).await;
    latencies(&url).await;
    queries(&url, now_ms).await;
}

async fn error_rates(url: &str, now_ms: i64) {
    let rate = |name: &str| {
        json!({"error_rate": {
            "total": format!("{name}{{job=\"shop\"}}"),
            "errors": format!("{name}{{job=\"shop\",code=~\"5..\"}}"),
        }})
    };
    let with = |mut settings: Json, key: &str, value: Json| {
        settings[key] = value;
        settings
    };
    let rows = [
        ("seven of a hundred", rate("busy_total"), Ok(7.0)),
        ("none, and there could be", rate("clean_total"), Ok(0.0)),
        ("no label to tell them by", rate("plain_total"), Err(Cause::NoData)),
        ("a misspelt name", rate("bussy_total"), Err(Cause::NoData)),
        ("no traffic", rate("idle_total"), Err(Cause::LowTraffic)),
        (
            "no traffic, and that is allowed",
            with(rate("idle_total"), "min_events", json!(0)),
            Err(Cause::Nan),
        ),
        (
            "too little traffic",
            with(rate("busy_total"), "min_events", json!(5000)),
            Err(Cause::LowTraffic),
        ),
        ("no sample any more", rate("gone_total"), Err(Cause::Stale)),
        ("too few samples", rate("sparse_total"), Err(Cause::NoData)),
        (
            "younger is asked for",
            with(rate("busy_total"), "max_age", json!("1ms")),
            Err(Cause::Stale),
        ),
        (
            "errors that are counted elsewhere, and misspelt",
            json!({"error_rate": {"total": "busy_total", "errors": "eror_total"}}),
            Err(Cause::NoData),
        ),
        (
            "errors that are no part of the total",
            json!({"error_rate": {"total": "busy_total{code=\"500\"}", "errors": "busy_total"}}),
            Err(Cause::BadResponse),
        ),
    ];
    for (row, settings, expected) in rows {
        let looked = look(url, settings).await;
        match (&looked, expected) {
            (Ok(readings), Ok(value)) => {
                let got = number(readings, "value").expect(row);
                assert!((got - value).abs() < 1e-6, "{row}: {readings:?}");
                let sampled = readings.sampled_at.map(Timestamp::as_millisecond);
                assert_eq!(sampled, Some(now_ms), "{row}");
            }
            (Err(failure), Err(cause)) => assert_eq!(failure.cause, cause, "{row}: {failure}"),
            _ => panic!("{row}: {looked:?}"),
        }
    }
    let young = look(url, rate("young_total")).await.expect("readings");
    assert_eq!(number(&young, "errors"), Some(24.0), "they are counted from zero: {young:?}");
    assert_eq!(young.notes.len(), 1, "{young:?}");
}

async fn latencies(url: &str) {
    let p99 = |name: &str, slower: Option<&str>| json!({"latency": {"histogram": name, "quantile": 0.99, "slower_than": slower}});
    let quick = look(url, p99("quick_seconds{job=\"shop\"}", Some("500ms"))).await.expect("quick");
    let near = |name, expected: f64| {
        let got = number(&quick, name).expect(name);
        assert!((got - expected).abs() < 1e-6, "{name}: {quick:?}");
    };
    // Half of the way from the 98 % that take half a second to the 100 % that take one.
    near("value", 0.75);
    near("at_least", 0.5);
    near("at_most", 1.0);
    near("slower", 2.0);

    let slow = look(url, p99("slow_seconds_bucket", Some("0.5s"))).await.expect("slow");
    assert_eq!(number(&slow, "value"), None, "it lies beyond the buckets: {slow:?}");
    assert_eq!(number(&slow, "at_least"), Some(0.5));
    assert_eq!(number(&slow, "slower"), Some(100.0));

    let rows = [
        ("no bucket ends there", p99("quick_seconds", Some("700ms")), Cause::BadResponse),
        ("no +Inf", p99("broken_seconds", None), Cause::BadResponse),
        ("no histogram", p99("busy_total", None), Cause::NoData),
    ];
    for (row, settings, cause) in rows {
        let failure = look(url, settings).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
    }
}

#[tokio::test]
async fn a_native_histogram_stands_in_where_there_are_no_buckets() {
    if !(need("prometheus") && need("curl")) {
        return;
    }
    let prometheus = Prometheus::start(&[]);
    let now_ms = now_ms();
    // Of every hundred, ninety end by a quarter of a second, nine by a half, and one by a whole.
    let native = |name, each: [u64; 3]| NativeSeries {
        name,
        labels: vec![("job", "shop"), ("instance", "a")],
        first: -2,
        samples: (0..60_u64)
            .map(|i| {
                let at = now_ms - (59 - i.cast_signed()) * STEP_MS;
                (each.iter().map(|count| 1000 + count * i).collect(), at)
            })
            .collect(),
    };
    prometheus.remote_write_native(&native("took_seconds", [90, 9, 1]));
    prometheus.remote_write_native(&native("idle_seconds", [0, 0, 0]));
    let url = prometheus.url();
    let latency = |name: &str, quantile: f64| json!({"latency": {"histogram": name, "quantile": quantile, "slower_than": "500ms"}});
    let took = look(&url, latency("took_seconds{job=\"shop\"}", 0.995)).await.expect("readings");
    let number = |name: &str| number(&took, name).unwrap_or_else(|| panic!("{name}: {took:?}"));
    assert!((number("slower") - 1.0).abs() < 1e-6, "{took:?}");
    assert!((number("value") - 0.75).abs() < 0.01, "half of the last bucket: {took:?}");
    assert_eq!((number("at_least"), number("at_most")), (0.5, 1.0), "{took:?}");
    for (row, name, cause) in [
        ("no traffic", "idle_seconds", Cause::LowTraffic),
        ("a misspelt name", "tok_seconds", Cause::NoData),
        ("classic buckets alone", "took_seconds_bucket", Cause::NoData),
    ] {
        let failure = look(&url, latency(name, 0.99)).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
    }
    let failure = look(&url, json!({"query": "took_seconds"})).await.expect_err("no number");
    assert!(failure.message.contains("is a native histogram and no number"), "{failure}");
}

async fn queries(url: &str, now_ms: i64) {
    let share =
        |name: &str| format!("100 * sum(rate({name}{{code=\"500\"}}[1m])) / sum(rate({name}[1m]))");
    let rows = [
        ("one number", json!({"query": share("busy_total"), "unit": "percent"}), Ok(7.0)),
        ("a scalar", json!({"query": "42"}), Ok(42.0)),
        ("no series", json!({"query": share("nothing_total")}), Err(Cause::NoData)),
        ("no traffic", json!({"query": share("idle_total")}), Err(Cause::Nan)),
        ("infinite", json!({"query": "vector(1) / vector(0)"}), Err(Cause::Nan)),
        ("two series", json!({"query": "busy_total"}), Err(Cause::TooManySeries)),
        (
            "two that are expected",
            json!({"query": "rate(busy_total[1m])", "expect_series": 2}),
            Ok(18.6),
        ),
        ("two of three", json!({"query": "busy_total", "expect_series": 3}), Err(Cause::Partial)),
        ("no PromQL", json!({"query": "sum(("}), Err(Cause::BadResponse)),
        ("a range", json!({"query": "busy_total[1m]"}), Err(Cause::BadResponse)),
        ("a text", json!({"query": "\"a\""}), Err(Cause::BadResponse)),
        (
            "enough traffic",
            json!({"query": "1", "traffic": "sum(increase(busy_total[1m]))", "min_events": 1000}),
            Ok(1.0),
        ),
        (
            "too little",
            json!({"query": "1", "traffic": "sum(increase(busy_total[1m]))", "min_events": 2000}),
            Err(Cause::LowTraffic),
        ),
        ("no traffic to be had", json!({"query": "1", "traffic": "nothing"}), Err(Cause::NoData)),
        ("old samples", json!({"query": "1", "samples": "gone_total"}), Err(Cause::Stale)),
        (
            "a last value that is looked back for",
            json!({"query": "gone_total"}),
            Err(Cause::NoData),
        ),
    ];
    for (row, settings, expected) in rows {
        let looked = look(url, settings).await;
        match (&looked, expected) {
            (Ok(readings), Ok(value)) => {
                let got = number(readings, "value").expect(row);
                assert!((got - value).abs() < 1e-6, "{row}: {readings:?}");
            }
            (Err(failure), Err(cause)) => assert_eq!(failure.cause, cause, "{row}: {failure}"),
            _ => panic!("{row}: {looked:?}"),
        }
    }
    let aged = look(url, json!({"query": "1", "samples": "busy_total"})).await.expect("readings");
    assert_eq!(aged.sampled_at.map(Timestamp::as_millisecond), Some(now_ms));
}

/// Looks until the outcome is as wanted.
async fn look_until(
    url: &str,
    settings: &Json,
    wanted: impl Fn(&Result<Readings, Failure>) -> bool,
) -> Result<Readings, Failure> {
    let start = tokio::time::Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(50));
    loop {
        beat.tick().await;
        let looked = look(url, settings.clone()).await;
        if wanted(&looked) {
            return looked;
        }
        assert!(start.elapsed() < PATIENCE, "still {looked:?}");
    }
}

#[tokio::test]
async fn a_service_that_fails_is_seen_and_one_that_is_gone_is_unknown() {
    if !(need("prometheus") && need("curl")) {
        return;
    }
    let service = Service::start();
    service.set_errors(0.3);
    let mut prometheus = Prometheus::start(&[("checkout", service.address())]);
    let url = prometheus.url();
    let settings = json!({"error_rate": {
        "total": "http_requests_total{job=\"checkout\"}",
        "errors": "http_requests_total{job=\"checkout\",code=\"500\"}",
        "window": "2s",
    }});
    let failing = |looked: &Result<Readings, Failure>| {
        let value = looked.as_ref().ok().and_then(|r| number(r, "value"));
        value.is_some_and(|value| (value - 30.0).abs() < 1.0)
    };
    let readings = look_until(&url, &settings, failing).await.expect("readings");
    assert_eq!(number(&readings, "targets_up"), Some(100.0), "{readings:?}");
    assert!(number(&readings, "age").is_some_and(|age| age < 2.0), "{readings:?}");

    let p99 = json!({"latency": {
        "histogram": "http_request_duration_seconds", "quantile": 0.99, "window": "2s", "slower_than": "50ms",
    }});
    let latency = look(&url, p99).await.expect("a quantile");
    assert!(
        number(&latency, "value").is_some_and(|p99| (p99 - 0.0495).abs() < 1e-3),
        "{latency:?}"
    );
    assert_eq!(number(&latency, "slower"), Some(0.0));

    service.set_traffic(0.0, 0.04);
    let idle = |looked: &Result<Readings, Failure>| {
        looked.as_ref().is_err_and(|f| f.cause == Cause::LowTraffic)
    };
    look_until(&url, &settings, idle).await.expect_err("no traffic");

    drop(service);
    let down = |looked: &Result<Readings, Failure>| {
        looked.as_ref().is_err_and(|f| f.cause == Cause::Unreachable)
    };
    let failure = look_until(&url, &settings, down).await.expect_err("the target is down");
    assert!(failure.message.contains("all 1 targets are down: checkout 127.0.0.1"), "{failure}");

    prometheus.freeze();
    let failure = look(&url, settings.clone()).await.expect_err("it is frozen");
    assert_eq!(failure.cause, Cause::Timeout, "{failure}");
    prometheus.thaw();
    prometheus.stop();
    let failure = look(&url, settings).await.expect_err("it is stopped");
    assert_eq!(failure.cause, Cause::Refused, "{failure}");
}
