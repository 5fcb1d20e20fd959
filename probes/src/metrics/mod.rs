//! `metrics`: what a process says of itself on `/metrics`, without a Prometheus in between.
//!
//! Counters become rates by comparing with earlier scrapes, which are kept for the window. It sees one process: behind a
//! balancer every scrape may be another's. It keeps nothing over a restart of the daemon.

pub(crate) mod exposition;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod lexer;
pub(crate) mod quantile;
mod rates;
pub(crate) mod selector;
pub(crate) mod share;
mod verdict;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::time::format_duration;
use reqwest::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use crate::probe::{Context, Probe};
use crate::prometheus::access::{Access, Basic, Given};
use crate::prometheus::api::Session;
use crate::prometheus::settings::{self, Check, ErrorRateSettings, LatencySettings, UnitSetting};
use crate::secret::{Credential, TextOrCredential};
use exposition::{Format, Point, Series};
use rates::{Growth, History, Scrape};
use verdict::Question;

/// The largest text of metrics that is taken, in bytes.
const MAX_TEXT: usize = 32 * 1024 * 1024;
/// What is asked for: the plain text format.
const ACCEPT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";
/// The metric by which processes say when they started.
const STARTED: &str = "process_start_time_seconds";
/// How old a sample may be that comes with a time of its own, in seconds.
const MAX_AGE: f64 = 120.0;

/// Settings of the `metrics` probe. One of `value`, `rate`, `error_rate` and `latency` is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address of the metrics, such as `http://10.0.0.5:8080/metrics`.
    pub url: String,
    /// Where the bearer token is kept.
    #[serde(default)]
    pub bearer: Option<Credential>,
    /// A user and where the password is kept.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// Further headers, written out or by reference.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A selector of a gauge: its value now.
    #[serde(default)]
    pub value: Option<String>,
    /// A selector of counters: how fast they grow, all together.
    #[serde(default)]
    pub rate: Option<String>,
    /// The share of errors among events.
    #[serde(default)]
    pub error_rate: Option<ErrorRateSettings>,
    /// A quantile of a histogram of durations.
    #[serde(default)]
    pub latency: Option<LatencySettings>,
    /// What the gauge counts: `one` (the default), `percent`, `time` (in seconds), `bytes` or `per_second`.
    #[serde(default)]
    pub unit: Option<UnitSetting>,
    /// How many series the gauge has; one if not given. Of several, `value` is the highest.
    #[serde(default)]
    pub expect_series: Option<u16>,
    /// The least events that a share or a quantile is judged by; 30 if not given.
    #[serde(default)]
    pub min_events: Option<u64>,
    /// How far apart two scrapes are when there is none to compare with; `1s` if not given.
    #[serde(default)]
    pub over: Option<String>,
}

/// The `metrics` probe; see the module's documentation.
#[derive(Debug)]
pub struct Metrics {
    access: Access,
    question: Question,
    over: Duration,
    window: Duration,
    /// Where the clock of the history begins.
    begun: Instant,
    history: Mutex<History>,
}

impl Probe for Metrics {
    const KIND: &'static str = "metrics";
    const EXAMPLE: &'static str = "\
url: http://127.0.0.1:8080/metrics
error_rate:
  total: http_requests_total
  errors: http_requests_total{code=~\"5..\"}
  window: 1m
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut check = Check::default();
        let over = check.duration("over", settings.over.as_deref(), Duration::from_secs(1));
        let forms = [
            &settings.error_rate.as_ref().map(|f| ("error_rate", f.window.as_deref())),
            &settings.latency.as_ref().map(|f| ("latency", f.window.as_deref())),
        ];
        let window = forms
            .into_iter()
            .flatten()
            .next()
            .map_or(Duration::from_mins(1), |(form, text)| check.window(form, *text));
        if over > window {
            check.problem("over", "two scrapes would be further apart than the window is long");
        }
        let question = Question::read(&settings, &mut check);
        let Settings { url, bearer, basic, headers, ca_file, .. } = settings;
        let given = Given { url, bearer, basic, headers, ca_file };
        let access = given.check(&KeyPath::root(), &mut check.problems);
        match (access, question) {
            (Some(access), Some(question)) if check.problems.is_empty() => Ok(Self {
                access,
                question,
                over,
                window,
                begun: Instant::now(),
                history: Mutex::default(),
            }),
            _ => Err(check.problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number};
        let spec = ReadingSpec::new;
        let (one, percent) = (Number(Unit::One), Number(Unit::Percent));
        let traffic = spec("traffic", one, "the events that the value is judged by");
        let mut specs = match &self.question {
            Question::Value { unit, .. } => {
                let unit = Number(*unit);
                return vec![
                    spec("value", unit, "the gauge; the highest of several series"),
                    spec("lowest", unit, "the lowest of several series"),
                ];
            }
            Question::Rate { .. } => {
                vec![spec("value", Number(Unit::PerSecond), "how fast the counters grow")]
            }
            Question::ErrorRate { .. } => vec![
                spec("value", percent, "the share of errors among all events"),
                spec("errors", one, "the errors between the scrapes"),
                traffic,
            ],
            Question::Latency { slower_than, .. } => {
                let mut specs = settings::quantile_readings(slower_than.is_some());
                specs.push(traffic);
                specs
            }
        };
        let over = "the time between the scrapes that were compared";
        specs.push(spec("over", Number(Unit::Time), over));
        specs.push(spec("restarted", Flag, "whether the process began anew meanwhile"));
        specs
    }

    fn hosts(&self) -> Vec<String> {
        vec![self.access.host()]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let session = Session::open(&self.access, cx).await?;
        let points = self.scrape(&session, cx).await?;
        if let Question::Value { filter, unit, series } = &self.question {
            let readings = verdict::gauge(&points, filter, *series, *unit)?;
            return Ok(readings.sampled_at(cx.now));
        }
        let growth = match self.compare(points, cx)? {
            Some(growth) => growth,
            None => self.again(&session, cx).await?,
        };
        Ok(self.question.judge(&growth)?.sampled_at(cx.now))
    }
}

impl Metrics {
    /// Scrapes once and reads what is wanted.
    async fn scrape(
        &self,
        session: &Session<'_>,
        cx: &Context,
    ) -> Result<BTreeMap<Series, Point>, Failure> {
        let answer = session.get(ACCEPT, MAX_TEXT).await?;
        if answer.status != StatusCode::OK {
            let busy = answer.status.is_server_error();
            let cause = if busy { Cause::Unreachable } else { Cause::BadResponse };
            return Err(Failure::new(cause, format!("{} answers {}", answer.from, answer.status)));
        }
        let filters = self.question.filters();
        let wanted = |name: &str| name == STARTED || filters.iter().any(|f| f.name == name);
        let points = exposition::read(&answer.body, Format::of(&answer.content_type), wanted)?;
        verdict::young(&points, &filters, cx.now, MAX_AGE)?;
        Ok(points)
    }

    /// Compares a scrape with what there is of the window, and keeps it; nothing if there is none that is far enough.
    fn compare(
        &self,
        points: BTreeMap<Series, Point>,
        cx: &Context,
    ) -> Result<Option<Growth>, Failure> {
        let at = self.begun.elapsed();
        let started = points.iter().find(|((name, _), _)| name == STARTED).map(|(_, p)| p.value);
        let filters = self.question.filters();
        let counts = |(name, labels): &Series| filters.iter().any(|f| f.matches(name, labels));
        let counters = points.into_iter().filter(|(series, _)| counts(series));
        let counters: BTreeMap<Series, f64> = counters.map(|(s, p)| (s, p.value)).collect();
        self.question.present(&counters)?;
        let wall = cx.now.as_duration().as_secs_f64();
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let comparable = history.has_earlier(at, self.over, self.window);
        history.add(Scrape { at, wall, started, counters }, self.window);
        if !comparable {
            return Ok(None);
        }
        history.growth().inspect_err(|_| history.clear())
    }

    /// Waits a little and scrapes a second time.
    async fn again(&self, session: &Session<'_>, cx: &Context) -> Result<Growth, Failure> {
        let over = format_duration(self.over);
        let none =
            |why: &str| Failure::new(Cause::NoData, format!("one scrape is no rate yet: {why}"));
        if self.over.mul_f64(1.5) > cx.remaining() {
            return Err(none(&format!("a second one after {over} would be too late")));
        }
        // A little more, so that the clock that is compared by has surely moved on as far.
        tokio::time::sleep(self.over + Duration::from_millis(5)).await;
        let points = self.scrape(session, cx).await?;
        self.compare(points, cx)?.ok_or_else(|| none("another look came in between"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let rows = [
            (
                "nothing asked",
                json!({}),
                "value: give one of `value`, `rate`, `error_rate` and `latency`",
            ),
            (
                "two questions",
                json!({"value": "x", "rate": "y"}),
                "value: give one of `value`, `rate`, `error_rate` and `latency`",
            ),
            ("no pattern", json!({"rate": "x{a=~\"(\"}"}), "rate: `(` is no regular expression"),
            (
                "no selector",
                json!({"value": "x + y"}),
                "value: `x + y` is no selector: `+` does not belong in a selector",
            ),
            (
                "a unit of a rate",
                json!({"rate": "x", "unit": "bytes"}),
                "unit: it belongs to `value`",
            ),
            (
                "events of a gauge",
                json!({"value": "x", "min_events": 1}),
                "min_events: it belongs to `error_rate` and `latency`",
            ),
            (
                "further apart than the window",
                json!({"over": "2m", "rate": "x"}),
                "over: two scrapes would be further apart than the window is long",
            ),
        ];
        for (row, mut settings, said) in rows {
            settings["url"] = json!("http://x.example/metrics");
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Metrics::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
    }
}
