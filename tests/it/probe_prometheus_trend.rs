//! The `prometheus_trend` probe against a real Prometheus: memory that is stable, that grows, and that cannot be told.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::Context;
use serde_json::{Value as Json, json};

use crate::rig::process::need;
use crate::rig::prometheus::{Prometheus, Series};

const MIB: f64 = 1_048_576.0;

async fn look(url: &str, settings: &Json) -> Result<Readings, Failure> {
    let mut settings = settings.clone();
    settings["source"] = json!({"kind": "prometheus", "url": url});
    let probe = launchgate_probes::builtin().build("prometheus_trend", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(5), Timestamp::now(), None, "/".into());
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

fn flag(readings: &Readings, name: &str) -> Option<bool> {
    match readings.get(name) {
        Some(Value::Flag(flag)) => Some(*flag),
        _ => None,
    }
}

/// Two hours up to now, one value each 30 s.
fn series<'a>(
    name: &'a str,
    instance: &'a str,
    now_ms: i64,
    minutes: i32,
    of: impl Fn(f64) -> f64,
) -> Series<'a> {
    let sample = |i: i32| {
        let ago = i64::from(minutes * 2 - i) * 30_000;
        (of(f64::from(240 - minutes * 2 + i) / 2.0), now_ms - ago)
    };
    let labels = vec![("job", "shop"), ("instance", instance)];
    Series { name, labels, samples: (0..=minutes * 2).map(sample).collect() }
}

/// What a process takes, by the minute: 500 MiB with a ripple of 4 MiB, and `mib` more an hour.
fn memory(mib: f64) -> impl Fn(f64) -> f64 {
    move |minute| {
        let ripple = 8.0 * ((minute * 2.0 * 7919.0) % 97.0) / 97.0 - 4.0;
        (500.0 + mib * minute / 60.0 + ripple) * MIB
    }
}

#[tokio::test]
async fn memory_grows_or_is_stable_or_nothing_can_be_told() {
    if !(need("prometheus") && need("curl")) {
        return;
    }
    let mut prometheus = Prometheus::start(&[]);
    let now = Timestamp::now();
    let (now_ms, now_s) = (now.as_millisecond(), now.as_duration().as_secs_f64());
    let start = |minute: f64| now_s - (120.0 - minute) * 60.0;
    // Every hour it is killed for taking too much: from end to end nothing grows.
    let saw = |minute: f64| (500.0 + 300.0 * ((minute + 30.0) % 60.0) / 60.0) * MIB;
    let saw_started = move |minute: f64| start(((minute + 30.0) / 60.0).floor() * 60.0 - 30.0);
    prometheus.remote_write(&[
        series("stable_bytes", "a", now_ms, 120, memory(0.0)),
        series("leaky_bytes", "a", now_ms, 120, memory(60.0)),
        series("young_bytes", "a", now_ms, 8, memory(60.0)),
        series("saw_bytes", "a", now_ms, 120, saw),
        series("saw_started", "a", now_ms, 120, saw_started),
        series("steady_started", "a", now_ms, 120, |_| start(-500.0)),
        series("mixed_bytes", "a", now_ms, 120, memory(0.0)),
        series("mixed_bytes", "b", now_ms, 120, memory(60.0)),
        series("nan_bytes", "a", now_ms, 120, |_| f64::NAN),
    ]);
    let url = prometheus.url();
    let asked = |query: &str, started: Option<&str>, series: u16| json!({"query": query, "started": started, "expect_series": series, "unit": "bytes", "over": "2h", "step": "1m"});
    let rows = [
        ("stable", asked("stable_bytes", None, 1), Some(false), None),
        ("it grows", asked("leaky_bytes", Some("steady_started"), 1), Some(true), Some(0.0)),
        ("it is killed each hour", asked("saw_bytes", Some("saw_started"), 1), None, Some(2.0)),
        ("eight minutes", asked("young_bytes", None, 1), None, None),
        ("one of two grows", asked("mixed_bytes", None, 2), Some(true), None),
    ];
    for (row, settings, growing, restarts) in rows {
        let readings = look(&url, &settings).await.expect(row);
        assert_eq!(flag(&readings, "growing"), growing, "{row}: {readings:?}");
        assert_eq!(number(&readings, "restarts"), restarts, "{row}: {readings:?}");
        let is_bounded = readings.get("growth_at_most").is_some();
        assert_eq!(is_bounded, growing.is_some(), "{row}: {readings:?}");
    }
    let stable = look(&url, &asked("stable_bytes", None, 1)).await.expect("stable");
    assert!(number(&stable, "growth_at_most").is_some_and(|g| g < 2.0), "{stable:?}");
    let leaky = look(&url, &asked("leaky_bytes", None, 1)).await.expect("leaky");
    let slope = number(&leaky, "slope").expect("a slope") / MIB;
    assert!((55.0..65.0).contains(&slope), "{leaky:?}");
    // Within the last half hour it has not been killed.
    let mut settled = asked("saw_bytes", Some("saw_started"), 1);
    settled["min_span"] = json!("20m");
    let readings = look(&url, &settled).await.expect("since the restart");
    assert_eq!(flag(&readings, "growing"), Some(true), "{readings:?}");

    let failures = [
        ("no such metric", asked("nothing_bytes", None, 1), Cause::NoData),
        ("no number", asked("nan_bytes", None, 1), Cause::Nan),
        ("two where one is expected", asked("mixed_bytes", None, 1), Cause::TooManySeries),
        ("one where two are expected", asked("stable_bytes", None, 2), Cause::Partial),
        ("starts of others", asked("mixed_bytes", Some("steady_started"), 2), Cause::NoData),
        ("no PromQL", asked("rate(", None, 1), Cause::BadResponse),
    ];
    for (row, settings, cause) in failures {
        let failure = look(&url, &settings).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
    }
    let stable = asked("stable_bytes", None, 1);
    prometheus.stop();
    assert_eq!(look(&url, &stable).await.expect_err("stopped").cause, Cause::Refused);
}
