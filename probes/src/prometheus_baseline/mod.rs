//! `prometheus_baseline`: how production differs from what was captured elsewhere before, mostly on staging.
//!
//! `launchgate baseline capture` writes the file; the probe reads it, asks production for the same over the same time, and
//! compares. It does not know whether both had the same traffic.

mod capture;
pub mod file;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use launchgate_core::name::Name;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use crate::probe::{Context, Probe};
use crate::prometheus::access::Access;
use crate::prometheus::history::{History, Lines, Steps};
use crate::prometheus::settings::Check;
use crate::prometheus::{Source, UnitSetting};
pub use capture::{Capture, Wanted};
use file::Baseline;
use verdict::Side;

/// The most metrics of one baseline.
const MAX_METRICS: usize = 50;
/// The least values of a side that a comparison is made by.
const MIN_VALUES: u16 = 8;
/// What stands behind a metric's name in the names of its readings, its type where it is not the metric's own, and what
/// it means.
const SUFFIXES: [(&str, Option<ReadingType>, &str); 6] = [
    ("", None, "in production: the median"),
    ("_baseline", None, "in the baseline: the median"),
    ("_change", None, "production less baseline"),
    (
        "_delta",
        Some(ReadingType::Number(Unit::Percent)),
        "the same in percent of the baseline; absent where that is zero or below",
    ),
    (
        "_p",
        Some(ReadingType::Number(Unit::One)),
        "how often chance alone makes two sets so different (Mann-Whitney); absent for too few values",
    ),
    ("_status", Some(ReadingType::Text), "`alike`, `higher` or `lower` than the baseline, by that"),
];

/// Settings of the `prometheus_baseline` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Prometheus of production: the name of a source, or the source itself.
    pub source: Source,
    /// The baseline's file, as `launchgate baseline capture` writes it; relative to the launch file.
    pub file: PathBuf,
    /// The metrics that are compared, by their names in the file, 50 at most. All of them have to be there.
    pub metrics: BTreeMap<String, MetricSettings>,
    /// Over how long production is looked at; `1h` if not given.
    #[serde(default)]
    pub over: Option<String>,
    /// How far apart the values are; the 120th part of `over` if not given. As long as the queries' own windows, or longer.
    #[serde(default)]
    pub step: Option<String>,
    /// How old production's newest values may be, such as `2m`, which is the default.
    #[serde(default)]
    pub max_age: Option<String>,
}

/// One metric of a comparison.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricSettings {
    /// The query in production, which yields one series; as in the file if not given.
    #[serde(default)]
    pub query: Option<String>,
    /// What the number counts, as in the file: `one` (the default), `percent`, `time` (in seconds), `bytes` or
    /// `per_second`.
    #[serde(default)]
    pub unit: Option<UnitSetting>,
    /// Which way is better: `lower` (the default) or `higher`.
    #[serde(default)]
    pub better: Better,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// The less the better: durations, errors.
    #[default]
    Lower,
    /// The more the better: throughput.
    Higher,
}

/// A metric, checked.
#[derive(Debug)]
struct Metric {
    name: Name,
    /// The names of its readings, in the order of [`SUFFIXES`].
    readings: [Name; 6],
    query: Option<String>,
    unit: UnitSetting,
    better: Better,
}

/// The `prometheus_baseline` probe; see the module's documentation.
#[derive(Debug)]
pub struct PrometheusBaseline {
    access: Access,
    file: PathBuf,
    metrics: Vec<Metric>,
    steps: Steps,
    max_age: Duration,
}

/// The readings that belong to no metric.
fn common() -> Vec<ReadingSpec> {
    let spec = ReadingSpec::new;
    let (percent, time) = (ReadingType::Number(Unit::Percent), ReadingType::Number(Unit::Time));
    vec![
        spec("worse", ReadingType::Texts, "the metrics that are surely worse than the baseline"),
        spec("worst", percent, "the largest change for the worse; absent unless all are known"),
        spec("missing", ReadingType::Texts, "the metrics that cannot be compared, on either side"),
        spec("baseline_age", time, "how long ago the baseline ended"),
    ]
}

/// Reads the metrics, whose readings may not be called alike.
fn metrics(given: BTreeMap<String, MetricSettings>, check: &mut Check) -> Vec<Metric> {
    if given.is_empty() || given.len() > MAX_METRICS {
        let message = format!("there must be 1 to {MAX_METRICS} of them");
        check.problem("metrics", &message);
    }
    let mut taken: BTreeSet<Name> = common().into_iter().map(|spec| spec.name).collect();
    let mut metrics = Vec::new();
    for (text, settings) in given {
        let path = KeyPath::root().entry("metrics").entry(&text);
        let named = |suffix: &str| Name::try_new(&format!("{text}{suffix}"));
        let readings = SUFFIXES.map(|(suffix, ..)| named(suffix));
        let [Ok(name), Ok(baseline), Ok(change), Ok(delta), Ok(p), Ok(status)] = readings else {
            let why = named("_baseline").err().map_or_else(String::new, |why| why.to_string());
            check.problems.push(Problem::new(path, why).at_key());
            continue;
        };
        let readings = [name.clone(), baseline, change, delta, p, status];
        if let Some(double) = readings.iter().find(|name| taken.contains(*name)) {
            let message = format!("there is another reading `{double}`");
            check.problems.push(Problem::new(path, message).at_key());
            continue;
        }
        taken.extend(readings.iter().cloned());
        let MetricSettings { query, unit, better } = settings;
        if query.as_ref().is_some_and(|query| query.trim().is_empty()) {
            let problem = Problem::new(path.entry("query"), "there is nothing to ask");
            check.problems.push(problem);
        }
        let unit = unit.unwrap_or(UnitSetting::One);
        metrics.push(Metric { name, readings, query, unit, better });
    }
    metrics
}

impl Probe for PrometheusBaseline {
    const KIND: &'static str = "prometheus_baseline";
    const EXAMPLE: &'static str = "\
source: { kind: prometheus, url: \"http://127.0.0.1:9090\" }
file: baseline/staging.json
metrics:
  p95: { unit: time }
  error_rate: { unit: percent }
  throughput: { unit: per_second, better: higher }
over: 1h
step: 1m
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut check = Check::default();
        let over = (settings.over.as_deref(), Duration::from_secs(3600));
        let step = settings.step.as_deref();
        let steps = Steps::read(&mut check, over, step, u32::from(MIN_VALUES));
        let max_age =
            check.duration("max_age", settings.max_age.as_deref(), Duration::from_mins(2));
        let metrics = metrics(settings.metrics, &mut check);
        let at = KeyPath::root().entry("source");
        let access = settings.source.given().check(&at, &mut check.problems);
        match access.filter(|_| check.problems.is_empty()) {
            Some(access) => Ok(Self { access, file: settings.file, metrics, steps, max_age }),
            None => Err(check.problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        let of = |metric: &Metric| {
            let own = ReadingType::Number(metric.unit.unit());
            let named = metric.readings.clone().into_iter().zip(SUFFIXES);
            let metric = metric.name.clone();
            named.map(move |(name, (_, kind, doc))| {
                let doc = format!("`{metric}`, {doc}");
                ReadingSpec { name, kind: kind.unwrap_or(own), doc }
            })
        };
        self.metrics.iter().flat_map(of).chain(common()).collect()
    }

    fn hosts(&self) -> Vec<String> {
        vec![self.access.host()]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let baseline = self.baseline(cx).await?;
        let history = History::open(&self.access, None, self.max_age, cx).await?;
        let asked = self.metrics.iter().map(|metric| async {
            let captured = baseline.metrics.get(&metric.name);
            let Some(query) = metric.query.as_ref().or(captured.map(|known| &known.query)) else {
                return Ok(Lines::default());
            };
            history.lines(query, self.steps).await
        });
        let seen = futures_util::future::try_join_all(asked).await?;
        let mut sides = Vec::with_capacity(seen.len());
        for (metric, lines) in self.metrics.iter().zip(&seen) {
            sides.push(Side::of(metric, baseline.metrics.get(&metric.name), lines)?);
        }
        let ended = cx.now.duration_since(baseline.to).as_secs_f64();
        cx.trail.untested("whether baseline and production had the same traffic and hardware");
        history.stamp(verdict::read(&sides).number("baseline_age", ended))
    }
}

impl PrometheusBaseline {
    /// Reads the baseline's file.
    async fn baseline(&self, cx: &Context) -> Result<Baseline, Failure> {
        let path = cx.folder.join(&self.file);
        let fail = |cause, why: &dyn std::fmt::Display| {
            Failure::new(cause, format!("the baseline {}: {why}", path.display()))
        };
        let file = tokio::fs::File::open(&path).await.map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => fail(
                Cause::NoData,
                &"there is no such file; `launchgate baseline capture` writes one",
            ),
            _ => fail(Cause::LocalFault, &e),
        })?;
        let mut bytes = Vec::new();
        let most = file::MAX_BYTES as u64 + 1;
        let read = file.take(most).read_to_end(&mut bytes).await;
        read.map_err(|e| fail(Cause::LocalFault, &e))?;
        let baseline = file::parse(&bytes).map_err(|e| fail(Cause::BadResponse, &e))?;
        for metric in &self.metrics {
            let Some(known) = baseline.metrics.get(&metric.name) else { continue };
            if known.unit != metric.unit {
                let (then, now) = (known.unit.unit().name(), metric.unit.unit().name());
                let why = format!("`{}` was captured as {then}, here it is {now}", metric.name);
                return Err(fail(Cause::BadResponse, &why));
            }
        }
        Ok(baseline)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let rows = [
            ("no metrics", json!({}), "metrics: there must be 1 to 50 of them"),
            (
                "a name that is none",
                json!({"p 95": {}}),
                "metrics.p 95: the name `p 95_baseline` holds ` `: names are letters, digits, `-` and `_`, and begin with a letter or digit",
            ),
            (
                "a name that is taken",
                json!({"worst": {}}),
                "metrics.worst: there is another reading `worst`",
            ),
            (
                "two of one name",
                json!({"p95": {}, "p95_delta": {}}),
                "metrics.p95_delta: there is another reading `p95_delta`",
            ),
            (
                "nothing asked",
                json!({"p95": {"query": ""}}),
                "metrics.p95.query: there is nothing to ask",
            ),
        ];
        for (row, metrics, said) in rows {
            let settings = json!({
                "source": {"kind": "prometheus", "url": "http://x.example"}, "file": "b.json", "metrics": metrics,
            });
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = PrometheusBaseline::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
    }
}
