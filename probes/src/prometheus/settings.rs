//! What a launch file says to the probes of metrics, and how it is checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Unit};
use launchgate_core::time::parse_duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::{Basic, Given};
use crate::metrics::selector::Selector;
use crate::secret::{Credential, TextOrCredential};

/// Settings of the `prometheus` probe. One of `query`, `error_rate` and `latency` is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Prometheus that is asked: the name of a source, or the source itself.
    pub source: Source,
    /// A query in `PromQL` that yields one number.
    #[serde(default)]
    pub query: Option<String>,
    /// What the query's number counts: `one` (the default), `percent`, `time` (in seconds), `bytes` or `per_second`.
    #[serde(default)]
    pub unit: Option<UnitSetting>,
    /// How many series the query yields; one if not given. Of several, `value` is the highest.
    #[serde(default)]
    pub expect_series: Option<u16>,
    /// A selector of the series that the query reads. Their newest sample is when the value was true; without it, the
    /// value counts as of now.
    #[serde(default)]
    pub samples: Option<String>,
    /// A query for the number of events that the value rests on. Fewer than `min_events` are too few to judge by.
    #[serde(default)]
    pub traffic: Option<String>,
    /// The share of errors among events.
    #[serde(default)]
    pub error_rate: Option<ErrorRateSettings>,
    /// A quantile of a histogram of durations.
    #[serde(default)]
    pub latency: Option<LatencySettings>,
    /// The least events that are judged by; 30 if not given.
    #[serde(default)]
    pub min_events: Option<u64>,
    /// How old the newest sample may be, such as `2m`, which is the default.
    #[serde(default)]
    pub max_age: Option<String>,
}

/// A Prometheus, or what speaks its language.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Always `prometheus`.
    pub kind: SourceKind,
    /// Its address, with the prefix if it has one, and without `/api/v1`.
    pub url: String,
    /// Where the bearer token is kept.
    #[serde(default)]
    pub bearer: Option<Credential>,
    /// A user and where the password is kept.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// Further headers, written out or by reference, such as the one that names a tenant.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

impl Source {
    /// What is to be checked.
    pub(crate) fn given(self) -> Given {
        let Self { kind: SourceKind::Prometheus, url, bearer, basic, headers, ca_file } = self;
        Given { url, bearer, basic, headers, ca_file }
    }
}

/// The kind of a source of metrics.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Prometheus and what speaks its language: Thanos, Mimir, `VictoriaMetrics`.
    Prometheus,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitSetting {
    /// A plain number.
    One,
    /// A share that is in percent already: 5 means 5 %.
    Percent,
    /// Seconds.
    Time,
    /// Bytes.
    Bytes,
    /// Something per second.
    PerSecond,
}

impl UnitSetting {
    /// The unit of the reading.
    pub fn unit(self) -> Unit {
        match self {
            Self::One => Unit::One,
            Self::Percent => Unit::Percent,
            Self::Time => Unit::Time,
            Self::Bytes => Unit::Bytes,
            Self::PerSecond => Unit::PerSecond,
        }
    }
}

/// The share of errors among events, by counters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRateSettings {
    /// A selector of the counters of all events, such as `http_requests_total{job="checkout"}`.
    pub total: String,
    /// A selector of those that count errors, such as `http_requests_total{job="checkout",code=~"5.."}`.
    pub errors: String,
    /// Over how long; `1m` if not given. At least four scrapes.
    #[serde(default)]
    pub window: Option<String>,
}

/// A quantile of a histogram of durations in seconds, classic or native.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencySettings {
    /// A selector of the histogram, such as `http_request_duration_seconds{job="checkout"}`: of its classic buckets where
    /// there are any, else of the native histogram. A name that ends in `_bucket` is of classic buckets only.
    pub histogram: String,
    /// The quantile, from 0 to 1: `0.99` is the duration that 99 % do not exceed.
    pub quantile: f64,
    /// A bound of one of the buckets, such as `500ms`: brings the reading `slower`, the exact share above it. Within a
    /// bucket of a native histogram it is interpolated, and a note says between what it lies.
    #[serde(default)]
    pub slower_than: Option<String>,
    /// Over how long; `1m` if not given. At least four scrapes.
    #[serde(default)]
    pub window: Option<String>,
}

/// Checks settings and collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Check {
    pub(crate) problems: Vec<Problem>,
}

impl Check {
    /// Notes what is wrong with an entry.
    pub(crate) fn problem(&mut self, key: &str, message: &str) {
        self.problems.push(Problem::at(key, message));
    }

    /// Notes that an entry should not be there.
    pub(crate) fn problem_key(&mut self, key: &str, message: &str) {
        self.problems.push(Problem::at(key, message).at_key());
    }

    /// A duration that is longer than nothing.
    pub(crate) fn duration(
        &mut self,
        key: &str,
        text: Option<&str>,
        default: Duration,
    ) -> Duration {
        self.duration_at(KeyPath::root().entry(key), text, default)
    }

    fn duration_at(&mut self, path: KeyPath, text: Option<&str>, default: Duration) -> Duration {
        let message = match text.map(parse_duration) {
            None => return default,
            Some(Ok(read)) if read >= Duration::from_millis(1) => return read,
            Some(Ok(_)) => "it must be a millisecond or longer".to_owned(),
            Some(Err(e)) => e.to_string(),
        };
        self.problems.push(Problem::new(path, message));
        default
    }

    /// The window of a form.
    pub(crate) fn window(&mut self, form: &str, text: Option<&str>) -> Duration {
        let path = KeyPath::root().entry(form).entry("window");
        self.duration_at(path, text, Duration::from_mins(1))
    }

    /// The bound of a histogram that is asked for.
    pub(crate) fn slower_than(&mut self, text: Option<&str>) -> Option<Duration> {
        let path = KeyPath::root().entry("latency").entry("slower_than");
        text.map(|text| self.duration_at(path, Some(text), Duration::ZERO))
    }

    /// The quantile of a histogram that is asked for.
    pub(crate) fn quantile(&mut self, quantile: f64) -> f64 {
        if !(quantile > 0.0 && quantile < 1.0) {
            let path = KeyPath::root().entry("latency").entry("quantile");
            let message = format!("{quantile} does not lie between 0 and 1");
            self.problems.push(Problem::new(path, message).hint("write 99 % as `0.99`"));
        }
        quantile
    }

    /// A selector within a form.
    pub(crate) fn selector(&mut self, form: &str, key: &str, text: &str) -> Option<Selector> {
        self.selector_in(KeyPath::root().entry(form).entry(key), text)
    }

    /// A selector at the top.
    pub(crate) fn selector_at(&mut self, key: &str, text: &str) -> Option<Selector> {
        self.selector_in(KeyPath::root().entry(key), text)
    }

    fn selector_in(&mut self, path: KeyPath, text: &str) -> Option<Selector> {
        let problem = |e: crate::metrics::lexer::LexError| {
            Problem::new(path, format!("`{text}` is no selector: {e}")).offset(e.offset)
        };
        Selector::parse(text).map_err(|e| self.problems.push(problem(e))).ok()
    }
}

/// What a quantile brings, for both probes of metrics.
pub(crate) fn quantile_readings(slower: bool) -> Vec<ReadingSpec> {
    let spec = ReadingSpec::new;
    let time = ReadingType::Number(Unit::Time);
    let mut specs = vec![
        spec("value", time, "the quantile, interpolated; absent beyond the largest finite bucket"),
        spec("at_least", time, "what the quantile surely exceeds: the bound of the bucket below"),
        spec("at_most", time, "what it surely does not exceed; absent beyond the largest bucket"),
    ];
    let percent = ReadingType::Number(Unit::Percent);
    let exact = spec("slower", percent, "the exact share that took longer than `slower_than`");
    specs.extend(slower.then_some(exact));
    specs
}
