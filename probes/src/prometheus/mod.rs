//! `prometheus`: a number that a Prometheus, or what speaks its language, has of the systems to be launched.
//!
//! A query that yields one number, or the ready-made share of errors and quantile of latency, which know an idle service
//! from a healthy one. Histograms are classic or native. It asks for instants only, and reads no alerts.

pub(crate) mod access;
mod answer;
pub(crate) mod api;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod history;
mod look;
mod native;
mod promql;
mod question;
pub(crate) mod settings;
mod verdict;

use std::time::Duration;

use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::time::format_duration;

use crate::metrics::selector::Selector;
use crate::metrics::share::MIN_EVENTS;
use crate::probe::{Context, Probe};
use access::Access;
use settings::Check;
pub use settings::{ErrorRateSettings, LatencySettings, Settings, Source, SourceKind, UnitSetting};

/// What is asked.
#[derive(Debug)]
enum Question {
    Query(Query),
    ErrorRate(ErrorRate),
    Latency(Latency),
}

/// A query of the launch file's own.
#[derive(Debug)]
struct Query {
    text: String,
    unit: Unit,
    /// How many series it yields.
    series: usize,
    /// The series that it reads, for their age.
    samples: Option<Selector>,
    /// The shortest range of the query, over which `samples` are counted.
    range: Option<Duration>,
    /// Whether it makes a number of series that are missing.
    falls_back: bool,
    traffic: Option<String>,
    /// The least that `traffic` must yield.
    least: u64,
}

/// How events are counted.
#[derive(Debug)]
struct Counted {
    window: Duration,
    /// The least events within it.
    least: u64,
}

impl Counted {
    fn within(&self) -> String {
        format!("within {}", format_duration(self.window))
    }
}

/// A share of errors.
#[derive(Debug)]
struct ErrorRate {
    total: Selector,
    errors: Selector,
    counted: Counted,
}

/// A quantile of a histogram.
#[derive(Debug)]
struct Latency {
    buckets: Selector,
    /// The native histogram that stands in where there are no buckets.
    native: Option<Selector>,
    quantile: f64,
    slower_than: Option<Duration>,
    counted: Counted,
}

/// The `prometheus` probe; see the module's documentation.
#[derive(Debug)]
pub struct Prometheus {
    access: Access,
    question: Question,
    max_age: Duration,
}

impl Probe for Prometheus {
    const KIND: &'static str = "prometheus";
    const EXAMPLE: &'static str = "\
source: { kind: prometheus, url: \"http://127.0.0.1:9090\" }
error_rate:
  total: http_requests_total{job=\"checkout\"}
  errors: http_requests_total{job=\"checkout\",code=~\"5..\"}
  window: 1m
min_events: 300
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut check = Check::default();
        let max_age =
            check.duration("max_age", settings.max_age.as_deref(), Duration::from_mins(2));
        let question = question(&settings, &mut check);
        let at = KeyPath::root().entry("source");
        let access = settings.source.given().check(&at, &mut check.problems);
        match (access, question) {
            (Some(access), Some(question)) if check.problems.is_empty() => {
                Ok(Self { access, question, max_age })
            }
            _ => Err(check.problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::Number;
        let spec = ReadingSpec::new;
        let (time, one, percent) = (Number(Unit::Time), Number(Unit::One), Number(Unit::Percent));
        let traffic = spec("traffic", one, "the events that the value is judged by");
        let age = spec("age", time, "how old the newest sample is");
        let targets = spec("targets_up", percent, "the targets that could be scraped");
        let density =
            "the samples within the window; a window of four scrapes or more is relied on";
        let density = spec("samples_in_window", one, density);
        match &self.question {
            Question::Query(query) => {
                let unit = Number(query.unit);
                let mut specs = vec![
                    spec("value", unit, "what the query yields; the highest of several series"),
                    spec("lowest", unit, "the lowest of several series"),
                ];
                specs.extend(query.traffic.is_some().then_some(traffic));
                specs.extend(query.samples.is_some().then_some(age));
                let counted = query.samples.is_some() && query.range.is_some();
                specs.extend(counted.then_some(density));
                specs
            }
            Question::ErrorRate(_) => vec![
                spec("value", percent, "the share of errors among all events"),
                spec("errors", one, "the errors within the window"),
                traffic,
                age,
                targets,
                density,
            ],
            Question::Latency(latency) => {
                let mut specs = settings::quantile_readings(latency.slower_than.is_some());
                specs.extend([traffic, age, targets, density]);
                specs
            }
        }
    }

    fn hosts(&self) -> Vec<String> {
        vec![self.access.host()]
    }

    fn keeps_history(&self) -> bool {
        true
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let session = api::Session::open(&self.access, cx).await?;
        let now = cx.as_of.unwrap_or(cx.now);
        let look = look::Look { session, max_age: self.max_age, now, as_of: cx.as_of };
        match &self.question {
            Question::Query(query) => look.query(query).await,
            Question::ErrorRate(error_rate) => look.error_rate(error_rate).await,
            Question::Latency(latency) => look.latency(latency).await,
        }
    }
}

/// The one question that the settings ask; nothing if there are problems.
fn question(settings: &Settings, check: &mut Check) -> Option<Question> {
    let Settings { query, error_rate, latency, min_events, .. } = settings;
    let forms = [query.is_some(), error_rate.is_some(), latency.is_some()];
    if forms.iter().filter(|given| **given).count() != 1 {
        check.problem("query", "give one of `query`, `error_rate` and `latency`");
        return None;
    }
    let least = min_events.unwrap_or(MIN_EVENTS);
    if query.is_none() {
        let of_query = [
            ("unit", settings.unit.is_some()),
            ("expect_series", settings.expect_series.is_some()),
            ("samples", settings.samples.is_some()),
            ("traffic", settings.traffic.is_some()),
        ];
        for (key, _) in of_query.into_iter().filter(|(_, given)| *given) {
            check.problem_key(key, "it belongs to `query`");
        }
    } else if min_events.is_some() && settings.traffic.is_none() {
        check.problem_key("min_events", "without `traffic` there are no events to count");
    }
    if let Some(rate) = error_rate {
        let total = check.selector("error_rate", "total", &rate.total);
        let errors = check.selector("error_rate", "errors", &rate.errors);
        let window = check.window("error_rate", rate.window.as_deref());
        let counted = Counted { window, least };
        return Some(Question::ErrorRate(ErrorRate { total: total?, errors: errors?, counted }));
    }
    if let Some(latency) = latency {
        let series = check.selector("latency", "histogram", &latency.histogram);
        let quantile = check.quantile(latency.quantile);
        let slower_than = check.slower_than(latency.slower_than.as_deref());
        let counted = Counted { window: check.window("latency", latency.window.as_deref()), least };
        let series = series?;
        let buckets = series.buckets();
        let native = (series.name != buckets.name).then_some(series);
        return Some(Question::Latency(Latency {
            buckets,
            native,
            quantile,
            slower_than,
            counted,
        }));
    }
    own(settings, least, check)
}

/// The query of the launch file's own.
fn own(settings: &Settings, least: u64, check: &mut Check) -> Option<Question> {
    let text = settings.query.clone()?;
    if text.trim().is_empty() {
        check.problem("query", "there is nothing to ask");
    }
    let series = settings.expect_series.unwrap_or(1);
    if series == 0 {
        check.problem("expect_series", "a query that yields nothing has nothing to judge");
    }
    let samples = settings.samples.as_deref().and_then(|text| check.selector_at("samples", text));
    let unit = settings.unit.map_or(Unit::One, UnitSetting::unit);
    let traffic = settings.traffic.clone();
    let series = usize::from(series);
    let falls_back = falls_back(settings, samples.as_ref(), check);
    let range = promql::shortest_range(&text);
    Some(Question::Query(Query { text, unit, series, samples, range, falls_back, traffic, least }))
}

/// Whether the query makes a number of what is missing; refused unless `samples` tells that series are missing.
fn falls_back(settings: &Settings, samples: Option<&Selector>, check: &mut Check) -> bool {
    if let Some(at) = settings.traffic.as_deref().and_then(promql::fallback) {
        let message = "`or vector(…)` makes a number of events that are not known";
        check.problems.push(Problem::at("traffic", message).offset(at).hint("leave it away"));
    }
    let text = settings.query.as_deref().unwrap_or_default();
    let Some(at) = promql::fallback(text) else { return false };
    let told = match samples {
        Some(samples) if promql::mentions(text, &samples.name) => return true,
        // A selector that cannot be read is told already.
        None if settings.samples.is_some() => return true,
        Some(_) => "names a series that the query reads, and this one does not",
        None => "tells by a series that the query reads whether there are data",
    };
    let message = "`or vector(…)` makes a number of missing data: a misspelt name or a dead target would pass for it";
    let hint = format!("leave it away, use `error_rate`, or give `samples`, which {told}");
    check.problems.push(Problem::at("query", message).offset(at).hint(hint));
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let source = || json!({"kind": "prometheus", "url": "http://x.example"});
        let rate = |total: &str| json!({"total": total, "errors": "e"});
        let rows = [
            ("nothing asked", json!({}), "query: give one of `query`, `error_rate` and `latency`"),
            (
                "two questions",
                json!({"query": "1", "error_rate": rate("x")}),
                "query: give one of `query`, `error_rate` and `latency`",
            ),
            ("an empty query", json!({"query": " "}), "query: there is nothing to ask"),
            (
                "no series",
                json!({"query": "1", "expect_series": 0}),
                "expect_series: a query that yields nothing has nothing to judge",
            ),
            (
                "no events to count",
                json!({"query": "1", "min_events": 5}),
                "min_events: without `traffic` there are no events to count",
            ),
            (
                "a unit that is known already",
                json!({"error_rate": rate("x"), "unit": "percent"}),
                "unit: it belongs to `query`",
            ),
            (
                "a function for a selector",
                json!({"error_rate": rate("rate(x[1m])")}),
                "error_rate.total: `rate(x[1m])` is no selector: a plain selector is expected, without functions and \
                 ranges",
            ),
            (
                "a quantile in percent",
                json!({"latency": {"histogram": "h", "quantile": 99}}),
                "latency.quantile: 99 does not lie between 0 and 1 (write 99 % as `0.99`)",
            ),
            (
                "no window",
                json!({"latency": {"histogram": "h", "quantile": 0.5, "window": "0s"}}),
                "latency.window: it must be a millisecond or longer",
            ),
            (
                "an age without a unit",
                json!({"query": "1", "max_age": "5"}),
                "max_age: `5` is no duration: a unit is missing, such as `s`, `m`, `h` or `d`",
            ),
        ];
        for (row, mut settings, said) in rows {
            settings["source"] = source();
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Prometheus::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
    }

    #[test]
    fn a_query_that_makes_numbers_of_missing_data_is_refused() {
        let source = || json!({"kind": "prometheus", "url": "http://x.example"});
        let rows = [
            (
                "missing data that are green",
                json!({"query": "sum(e) / sum(t) or on() vector(0)"}),
                "query: `or vector(…)` makes a number of missing data: a misspelt name or a dead target would pass for it \
                 (leave it away, use `error_rate`, or give `samples`, which tells by a series that the query reads whether \
                 there are data)",
            ),
            (
                "missing data that are green beside others",
                json!({"query": "sum(e) or vector(0)", "samples": "up"}),
                "query: `or vector(…)` makes a number of missing data: a misspelt name or a dead target would pass for it \
                 (leave it away, use `error_rate`, or give `samples`, which names a series that the query reads, and this \
                 one does not)",
            ),
            (
                "events that are made up",
                json!({"query": "1", "traffic": "sum(t) or vector(1000)"}),
                "traffic: `or vector(…)` makes a number of events that are not known (leave it away)",
            ),
        ];
        for (row, mut settings, said) in rows {
            settings["source"] = source();
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Prometheus::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
    }

    #[test]
    fn slips_in_a_source_are_told_with_their_place() {
        let rows = [
            (
                "a key",
                json!({"kind": "prometheus", "url": "http://x.example", "barer": {"env": "T"}}),
                "source.barer: unknown key `barer` (did you mean `bearer`?)",
            ),
            (
                "another kind",
                json!({"kind": "postgres", "url": "x"}),
                "source.kind: unknown variant `postgres`, expected `prometheus`",
            ),
        ];
        for (row, source, said) in rows {
            let settings: Json = json!({"source": source, "query": "1"});
            let problems = crate::strict::read::<Settings>(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
    }
}
