//! A baseline on file: what named queries yielded over a while, in JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launchgate_core::name::Name;
use serde::{Deserialize, Serialize};

use super::MAX_METRICS;
use crate::prometheus::UnitSetting;

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The format that is written and read.
const VERSION: u32 = 1;
/// The most values of one metric.
const MAX_VALUES: usize = 1_000;

/// What was captured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The format: 1.
    pub version: u32,
    /// The address that was asked, without secrets.
    pub source: String,
    /// The instant of the first value, by the source's clock.
    pub from: Timestamp,
    /// The instant of the last value.
    pub to: Timestamp,
    /// How far apart the values are, in seconds.
    pub step: f64,
    /// What each query yielded.
    pub metrics: BTreeMap<Name, Captured>,
}

/// What one query yielded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Captured {
    /// The query.
    pub query: String,
    /// What the values count; they are in the base of it.
    pub unit: UnitSetting,
    /// The finite values, in the order of time.
    pub values: Vec<f64>,
}

/// Why a file is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum NoBaseline {
    /// More than [`MAX_BYTES`].
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// It is no JSON of this shape.
    #[error("it is no baseline: {0}")]
    Shape(#[from] serde_json::Error),
    /// Written by a launchgate that knows more.
    #[error("its version is {0}, and only {VERSION} can be read")]
    Version(u32),
    /// It ends before it begins, or the values are nothing apart.
    #[error("its times go backwards or stand still")]
    Times,
    /// More than 50 metrics.
    #[error("it has more than {MAX_METRICS} metrics")]
    TooManyMetrics,
    /// More than 1,000 values of one metric.
    #[error("`{0}` has more than {MAX_VALUES} values")]
    TooManyValues(Name),
}

/// Reads a baseline.
///
/// # Errors
/// What is too large, no JSON of this shape, of another version, or against the order of time.
pub fn parse(bytes: &[u8]) -> Result<Baseline, NoBaseline> {
    if bytes.len() > MAX_BYTES {
        return Err(NoBaseline::TooLarge);
    }
    let baseline: Baseline = serde_json::from_slice(bytes)?;
    if baseline.version != VERSION {
        return Err(NoBaseline::Version(baseline.version));
    }
    if baseline.to < baseline.from || baseline.step <= 0.0 {
        return Err(NoBaseline::Times);
    }
    if baseline.metrics.len() > MAX_METRICS {
        return Err(NoBaseline::TooManyMetrics);
    }
    let long = |(_, metric): &(&Name, &Captured)| metric.values.len() > MAX_VALUES;
    match baseline.metrics.iter().find(long) {
        Some((name, _)) => Err(NoBaseline::TooManyValues(name.clone())),
        None => Ok(baseline),
    }
}

impl Baseline {
    /// A baseline of the format that is written now.
    pub(super) fn new(
        source: String,
        (from, to): (Timestamp, Timestamp),
        step: f64,
        metrics: BTreeMap<Name, Captured>,
    ) -> Self {
        Self { version: VERSION, source, from, to, step, metrics }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn whole() -> Value {
        json!({
            "version": 1, "source": "http://x.example/", "step": 60.0,
            "from": "2026-12-01T08:00:00Z", "to": "2026-12-01T09:00:00Z",
            "metrics": {"p95": {"query": "q", "unit": "time", "values": [0.25, 0.5]}},
        })
    }

    #[test]
    fn what_is_written_is_read_and_what_is_not_is_refused() {
        let read = parse(whole().to_string().as_bytes()).expect("a baseline");
        let again = serde_json::to_vec(&read).expect("JSON");
        assert_eq!(parse(&again).expect("a baseline"), read);
        let with = |key: &str, value: Value| {
            let mut json = whole();
            json[key] = value;
            json.to_string().into_bytes()
        };
        let metric = |values: Value| json!({"a": {"query": "q", "unit": "one", "values": values}});
        let many: serde_json::Map<String, Value> =
            (0..51).map(|i| (format!("m{i}"), metric(json!([]))["a"].clone())).collect();
        let rows = [
            ("nothing", Vec::new(), "it is no baseline: EOF"),
            ("a launch file", b"launch: x".to_vec(), "it is no baseline: expected value"),
            ("too large", vec![b' '; MAX_BYTES + 1], "it is larger than"),
            ("another version", with("version", json!(2)), "its version is 2"),
            ("backwards", with("to", json!("2026-11-01T09:00:00Z")), "its times"),
            ("no step", with("step", json!(0)), "its times"),
            ("an unknown key", with("more", json!(1)), "it is no baseline: unknown field"),
            ("a text", with("metrics", metric(json!(["1"]))), "it is no baseline: invalid type"),
            (
                "no number",
                with("metrics", metric(json!([null]))),
                "it is no baseline: invalid type",
            ),
            ("many values", with("metrics", metric(json!(vec![1.0; 1_001]))), "`a` has more than"),
            ("many metrics", with("metrics", Value::Object(many)), "it has more than 50"),
        ];
        for (row, bytes, said) in rows {
            let why = parse(&bytes).expect_err(row).to_string();
            assert!(why.starts_with(said), "{row}: {why}");
        }
        let huge = whole().to_string().replace("0.25", "1e999");
        assert!(parse(huge.as_bytes()).is_err(), "no number is infinite");
    }
}
