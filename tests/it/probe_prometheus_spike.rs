//! The `prometheus_spike` probe against a real Prometheus: connections as usual, far beyond that, and without a history.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::Context;
use serde_json::{Value as Json, json};

use crate::rig::process::need;
use crate::rig::prometheus::{Prometheus, Series};

async fn look(url: &str, settings: &Json, as_of: Option<Timestamp>) -> Result<Readings, Failure> {
    let mut settings = settings.clone();
    settings["source"] = json!({"kind": "prometheus", "url": url});
    let probe = launchgate_probes::builtin().build("prometheus_spike", settings).expect("settings");
    let mut cx = Context::new(Duration::from_secs(5), Timestamp::now(), None, "/".into());
    cx.as_of = as_of;
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

/// One value each 15 s, the first of them `minutes` ago, by the minutes that it lies back.
fn series(name: &str, now_ms: i64, minutes: u32, of: impl Fn(f64) -> f64) -> Series<'_> {
    let sample = |i: u32| (of(f64::from(i) / 4.0), now_ms - i64::from(i) * 15_000);
    Series {
        name,
        labels: vec![("job", "db")],
        samples: (0..=minutes * 4).rev().map(sample).collect(),
    }
}

/// About forty, a few more or less.
fn usual(ago: f64) -> f64 {
    40.0 + (ago * 4.0 * 7919.0) % 9.0 - 4.0
}

#[tokio::test]
async fn a_spike_stands_out_from_its_history_and_without_one_nothing_is_told() {
    if !(need("prometheus") && need("curl")) {
        return;
    }
    let mut prometheus = Prometheus::start(&[]);
    let now = Timestamp::now();
    let now_ms = now.as_millisecond();
    let late = |value: f64| move |ago: f64| if ago < 2.0 { value } else { usual(ago) };
    prometheus.remote_write(&[
        series("calm", now_ms, 70, usual),
        series("spike", now_ms, 70, late(180.0)),
        series("drop", now_ms, 70, late(0.0)),
        series("flat", now_ms, 70, |_| 10.0),
        series("flat_spike", now_ms, 70, |ago| if ago < 2.0 { 90.0 } else { 10.0 }),
        series("young", now_ms, 6, usual),
        series("nan", now_ms, 70, late(f64::NAN)),
        series("gone", now_ms - 1_200_000, 40, usual),
    ]);
    let url = prometheus.url();
    let asked = |query: &str| json!({"query": query, "over": "1h", "step": "30s"});
    let rows = [
        ("as usual", asked("calm"), Some(false), Some(false)),
        ("a spike", asked("spike"), Some(true), Some(false)),
        ("a drop", asked("drop"), Some(false), Some(true)),
        ("never another value", asked("flat"), Some(false), Some(false)),
        ("a spike after a flat line", asked("flat_spike"), None, None),
        (
            "the same, and what counts is told",
            json!({"query": "flat_spike", "least_spread": 2.0}),
            Some(true),
            Some(false),
        ),
        ("six minutes", asked("young"), None, None),
    ];
    for (row, settings, above, below) in rows {
        let readings = look(&url, &settings, None).await.expect(row);
        assert_eq!(number(&readings, "z").map(|z| z > 6.0), above, "{row}: {readings:?}");
        assert_eq!(number(&readings, "lowest_z").map(|z| z < -6.0), below, "{row}: {readings:?}");
        assert!(readings.get("value").is_some(), "{row}");
    }
    let spike = look(&url, &asked("spike"), None).await.expect("a spike");
    assert_eq!(number(&spike, "value"), Some(180.0));
    assert!(
        number(&spike, "usual").is_some_and(|usual| (38.0..42.0).contains(&usual)),
        "{spike:?}"
    );
    let before = now.checked_sub(Duration::from_secs(300)).expect("a time");
    let calm = look(&url, &asked("spike"), Some(before)).await.expect("five minutes ago");
    assert!(number(&calm, "z").is_some_and(|z| z < 6.0), "before the spike: {calm:?}");

    let failures = [
        ("no such metric", asked("nothing"), Cause::NoData),
        ("no such metric any more", asked("gone"), Cause::NoData),
        ("no number", asked("nan"), Cause::Nan),
        ("several", asked("{job=\"db\"}"), Cause::TooManySeries),
        ("old samples", json!({"query": "1", "samples": "gone"}), Cause::Stale),
    ];
    for (row, settings, cause) in failures {
        let failure = look(&url, &settings, None).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
    }
    prometheus.stop();
    let failure = look(&url, &asked("calm"), None).await.expect_err("stopped");
    assert_eq!(failure.cause, Cause::Refused);
}
