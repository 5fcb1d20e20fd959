//! `launchgate baseline capture` against a real Prometheus with staging's history, and the probe that holds production's
//! against it.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::Context;
use serde_json::{Value as Json, json};

use crate::rig::process::{TempDir, need};
use crate::rig::prometheus::{Prometheus, Series};

const METRICS: [(&str, &str); 3] =
    [("p95", "time"), ("error_rate", "percent"), ("throughput", "per_second")];

/// Seventy minutes up to now, one value each 30 s: `middle`, a tenth more or less.
fn series<'a>(name: &'a str, env: &'a str, now_ms: i64, middle: f64) -> Series<'a> {
    let sample = |i: i32| {
        let value = middle * (0.9 + 0.2 * (f64::from(i * 7919 % 97) / 97.0));
        (value, now_ms - i64::from(140 - i) * 30_000)
    };
    Series { name, labels: vec![("env", env)], samples: (0..=140).map(sample).collect() }
}

fn capture(url: &str, file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launchgate"));
    command.args(["baseline", "capture", "--url", url, "--step", "1m", "--timeout", "5s"]);
    command.arg("--output").arg(file).args(more).output().unwrap()
}

/// Captures the three metrics of staging.
fn capture_all(url: &str, file: &Path) -> Output {
    let pairs: Vec<String> = METRICS
        .iter()
        .flat_map(|(name, unit)| {
            let metric = format!("{name}={name}{{env=\"staging\"}}");
            ["--metric".to_owned(), metric, "--unit".to_owned(), format!("{name}={unit}")]
        })
        .collect();
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    capture(url, file, &pairs)
}

/// Compares an environment with the baseline.
async fn look(
    url: &str,
    folder: &TempDir,
    file: &str,
    env: &str,
    more: &[&str],
) -> Result<Readings, Failure> {
    let mut metrics: serde_json::Map<String, Json> = METRICS
        .iter()
        .map(|(name, unit)| {
            let query = format!("{name}{{env=\"{env}\"}}");
            let better = if *name == "throughput" { "higher" } else { "lower" };
            ((*name).to_owned(), json!({"query": query, "unit": unit, "better": better}))
        })
        .collect();
    metrics.extend(more.iter().map(|name| ((*name).to_owned(), json!({}))));
    let settings = json!({
        "source": {"kind": "prometheus", "url": url}, "file": file, "metrics": metrics, "step": "1m",
    });
    let probe =
        launchgate_probes::builtin().build("prometheus_baseline", settings).expect("settings");
    let folder = folder.path().to_owned();
    let cx = Context::new(Duration::from_secs(5), Timestamp::now(), None, folder);
    let declared: Vec<_> = probe.readings().into_iter().map(|spec| spec.name).collect();
    let looked = probe.observe(&cx).await;
    for name in looked.iter().flat_map(|readings| readings.values.keys()) {
        assert!(declared.contains(name), "{name} is not declared");
    }
    looked
}

fn texts<'a>(readings: &'a Readings, name: &str) -> Option<Vec<&'a str>> {
    match readings.get(name) {
        Some(Value::Texts(list)) => Some(list.iter().map(String::as_str).collect()),
        _ => None,
    }
}

fn number(readings: &Readings, name: &str) -> Option<f64> {
    match readings.get(name) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn production_is_held_against_what_was_captured_on_staging() {
    if !(need("prometheus") && need("curl")) {
        return;
    }
    let mut prometheus = Prometheus::start(&[]);
    let now_ms = Timestamp::now().as_millisecond();
    let of = |name, env, middle| series(name, env, now_ms, middle);
    prometheus.remote_write(&[
        of("p95", "staging", 0.2),
        of("error_rate", "staging", 0.5),
        of("throughput", "staging", 80.0),
        of("p95", "good", 0.2),
        of("error_rate", "good", 0.5),
        of("throughput", "good", 120.0),
        of("p95", "bad", 0.3),
        of("error_rate", "bad", 0.5),
        of("throughput", "bad", 40.0),
        of("p95", "half", 0.2),
        of("throughput", "half", 80.0),
    ]);
    let (url, folder) = (prometheus.url(), TempDir::new("baseline"));
    let file = folder.join("staging.json");
    let captured = capture_all(&url, &file);
    assert_eq!(captured.status.code(), Some(0), "{}", said(&captured));
    let shown = String::from_utf8_lossy(&captured.stdout).into_owned();
    assert!(shown.contains("p95") && shown.contains("by 61 values"), "{shown}");

    let good = look(&url, &folder, "staging.json", "good", &[]).await.expect("readings");
    assert_eq!(texts(&good, "worse"), Some(vec![]), "{good:?}");
    assert_eq!(texts(&good, "missing"), Some(vec![]), "{good:?}");
    assert_eq!(good.get("p95_status"), Some(&Value::Text("alike".into())), "{good:?}");
    assert_eq!(good.get("throughput_status"), Some(&Value::Text("higher".into())), "{good:?}");
    assert!(number(&good, "worst").is_some_and(|worst| worst.abs() < 5.0), "{good:?}");
    assert!(number(&good, "baseline_age").is_some_and(|age| (0.0..60.0).contains(&age)));

    let bad = look(&url, &folder, "staging.json", "bad", &[]).await.expect("readings");
    assert_eq!(texts(&bad, "worse"), Some(vec!["p95", "throughput"]), "{bad:?}");
    let delta = |name| number(&bad, name).expect(name);
    assert!((delta("p95_delta") - 50.0).abs() < 5.0, "{bad:?}");
    assert!((delta("throughput_delta") + 50.0).abs() < 5.0, "{bad:?}");
    assert!(bad.parts.iter().filter(|part| part.odd).count() == 2, "{bad:?}");

    let half = look(&url, &folder, "staging.json", "half", &[]).await.expect("readings");
    assert_eq!(texts(&half, "missing"), Some(vec!["error_rate"]), "{half:?}");
    assert_eq!(texts(&half, "worse"), None, "it is open: {half:?}");
    let more = look(&url, &folder, "staging.json", "good", &["hits"]).await.expect("readings");
    assert_eq!(texts(&more, "missing"), Some(vec!["hits"]), "never captured: {more:?}");

    let earlier = folder.join("earlier.json");
    let p95 = ["--metric", "p95=p95{env=\"staging\"}", "--to", "5m"];
    let output = capture(&url, &earlier, &p95);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let earlier: Json = serde_json::from_slice(&std::fs::read(&earlier).unwrap()).unwrap();
    let to: Timestamp = earlier["to"].as_str().unwrap().parse().unwrap();
    assert!(
        (290_000..360_000).contains(&(Timestamp::now().as_millisecond() - to.as_millisecond()))
    );
    mistakes_are_told(&url, &file);
    folder.write("garbage.json", "{\"version\": 1");
    let failures =
        [("no file", "none.json", Cause::NoData), ("garbage", "garbage.json", Cause::BadResponse)];
    for (row, file, cause) in failures {
        let failure = look(&url, &folder, file, "good", &[]).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
    }
    prometheus.stop();
    let failure = look(&url, &folder, "staging.json", "good", &[]).await.expect_err("stopped");
    assert_eq!(failure.cause, Cause::Refused, "{failure}");
    let none = folder.join("other.json");
    let output = capture_all(&url, &none);
    assert_eq!((output.status.code(), none.exists()), (Some(4), false), "{}", said(&output));
}

/// A capture that does not work leaves nothing behind, and one that is there as it is.
fn mistakes_are_told(url: &str, file: &Path) {
    let before = std::fs::read(file).unwrap();
    let again = capture_all(url, file);
    assert_eq!(again.status.code(), Some(3), "{}", said(&again));
    assert!(said(&again).contains("is never written over"), "{}", said(&again));
    assert_eq!(std::fs::read(file).unwrap(), before);

    let other = file.with_file_name("other.json");
    let one = ["--metric", "p95=p95{env=\"staging\"}"];
    let rows: [(&str, &[&str], i32, &str); 7] = [
        ("nothing there", &["--metric", "a=nothing"], 2, "`a`: the query yields no series"),
        ("several series", &["--metric", "a=p95"], 3, "4 series, more than the 1 expected"),
        ("no PromQL", &["--metric", "a=sum("], 3, "parse error"),
        ("no name", &["--metric", "p95"], 3, "write it like NAME="),
        (
            "a unit of nothing",
            &[one[0], one[1], "--unit", "p99=time"],
            3,
            "there is no metric `p99`",
        ),
        ("no unit", &[one[0], one[1], "--unit", "p95=hours"], 3, "unknown variant `hours`"),
        (
            "a slip in the source",
            &[one[0], one[1], "--source", "barer.env=T"],
            3,
            "did you mean `bearer`?",
        ),
    ];
    for (row, arguments, code, told) in rows {
        let output = capture(url, &other, arguments);
        assert_eq!(output.status.code(), Some(code), "{row}: {}", said(&output));
        assert!(said(&output).contains(told), "{row}: {}", said(&output));
        assert!(!other.exists(), "{row}");
    }
}
