//! `prometheus_trend`: whether a value grows, such as the memory of a process, by a slope with its interval.
//!
//! It looks at one window of the past, begins anew at a restart, and says nothing where there is too little to tell by. It
//! foresees nothing, and knows no daily rhythm.

mod verdict;

use std::time::Duration;

use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::time::format_duration;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::metrics::selector::Selector;
use crate::probe::{Context, Probe};
use crate::prometheus::access::Access;
use crate::prometheus::history::{History, Lines, Steps};
use crate::prometheus::settings::Check;
use crate::prometheus::{Source, UnitSetting};
use verdict::Rules;

/// The least values that a slope is told from, where none is set, and the least that can be set.
const MIN_POINTS: u16 = 20;
const LEAST_POINTS: u16 = 8;

/// Settings of the `prometheus_trend` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Prometheus that is asked: the name of a source, or the source itself.
    pub source: Source,
    /// A query in `PromQL` that yields the value, such as `process_resident_memory_bytes{job="checkout"}`.
    pub query: String,
    /// What the number counts: `one` (the default), `percent`, `time` (in seconds), `bytes` or `per_second`.
    #[serde(default)]
    pub unit: Option<UnitSetting>,
    /// How many series the query yields; one if not given. The one that grows most decides.
    #[serde(default)]
    pub expect_series: Option<u16>,
    /// Over how long; `6h` if not given.
    #[serde(default)]
    pub over: Option<String>,
    /// How far apart the values are; the 120th part of `over` if not given. No shorter than the scrape interval.
    #[serde(default)]
    pub step: Option<String>,
    /// What a slope counts: the growth in this time; `1h` if not given.
    #[serde(default)]
    pub per: Option<String>,
    /// A query for when the processes started, in seconds since 1970, with the same labels, such as
    /// `process_start_time_seconds{job="checkout"}`. What came before a restart is left out.
    #[serde(default)]
    pub started: Option<String>,
    /// How long after a start is left out too, since everything grows then; nothing if not given.
    #[serde(default)]
    pub settle: Option<String>,
    /// The least values that a slope is told from; 20 if not given, 8 at least.
    #[serde(default)]
    pub min_points: Option<u16>,
    /// The least time that they span; half of `over` if not given.
    #[serde(default)]
    pub min_span: Option<String>,
    /// A selector of the series that the query reads. Their newest sample is when the value was true.
    #[serde(default)]
    pub samples: Option<String>,
    /// How old the newest sample may be, such as `2m`, which is the default.
    #[serde(default)]
    pub max_age: Option<String>,
}

/// The `prometheus_trend` probe; see the module's documentation.
#[derive(Debug)]
pub struct PrometheusTrend {
    access: Access,
    query: String,
    started: Option<String>,
    samples: Option<Selector>,
    max_age: Duration,
    steps: Steps,
    rules: Rules,
}

impl Probe for PrometheusTrend {
    const KIND: &'static str = "prometheus_trend";
    const EXAMPLE: &'static str = "\
source: { kind: prometheus, url: \"http://127.0.0.1:9090\" }
query: process_resident_memory_bytes{job=\"checkout\"}
unit: bytes
started: process_start_time_seconds{job=\"checkout\"}
settle: 10m
over: 6h
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut check = Check::default();
        let least = settings.min_points.unwrap_or(MIN_POINTS);
        if least < LEAST_POINTS {
            check
                .problem("min_points", &format!("no slope is told from fewer than {LEAST_POINTS}"));
        }
        let hours = |n: u64| Duration::from_secs(n * 3600);
        let over = (settings.over.as_deref(), hours(6));
        let steps = Steps::read(&mut check, over, settings.step.as_deref(), u32::from(least));
        let max_age =
            check.duration("max_age", settings.max_age.as_deref(), Duration::from_mins(2));
        let per = check.duration("per", settings.per.as_deref(), hours(1));
        let span = check.duration("min_span", settings.min_span.as_deref(), steps.over / 2);
        if span > steps.over {
            let over = format_duration(steps.over);
            check.problem("min_span", &format!("it is longer than `over`, {over}"));
        }
        let settle = check.duration("settle", settings.settle.as_deref(), Duration::ZERO);
        if settings.settle.is_some() && settings.started.is_none() {
            check.problem_key("settle", "without `started` no start is known");
        }
        for (key, query) in
            [("query", Some(&settings.query)), ("started", settings.started.as_ref())]
        {
            if query.is_some_and(|query| query.trim().is_empty()) {
                check.problem(key, "there is nothing to ask");
            }
        }
        let series = usize::from(settings.expect_series.unwrap_or(1));
        if series == 0 {
            check.problem("expect_series", "a query that yields nothing has nothing to judge");
        }
        let samples = settings.samples.as_deref().and_then(|s| check.selector_at("samples", s));
        let unit = settings.unit.map_or(Unit::One, UnitSetting::unit);
        let at = KeyPath::root().entry("source");
        let access = settings.source.given().check(&at, &mut check.problems);
        let least = usize::from(least);
        let rules = Rules { unit, series, over: steps.over, per, settle, least, span };
        match access.filter(|_| check.problems.is_empty()) {
            Some(access) => {
                let Settings { query, started, .. } = settings;
                Ok(Self { access, query, started, samples, max_age, steps, rules })
            }
            None => Err(check.problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number};
        let spec = ReadingSpec::new;
        let (unit, percent) = (Number(self.rules.unit), Number(Unit::Percent));
        let (time, one) = (Number(Unit::Time), Number(Unit::One));
        let mut specs = vec![
            spec("value", unit, "the present value; the highest of several series"),
            spec("slope", unit, "how much it grows in the time `per`; absent if it cannot be told"),
            spec("slope_at_least", unit, "the slope that it surely has, to 95 %"),
            spec("slope_at_most", unit, "the slope that it surely does not exceed, to 95 %"),
            spec("growth", percent, "the growth over the whole of `over`, of the middle value"),
            spec("growth_at_least", percent, "the growth that it surely has, to 95 %"),
            spec("growth_at_most", percent, "the growth that it surely does not exceed, to 95 %"),
            spec(
                "growing",
                Flag,
                "whether any series surely grows; false is no proof that none does",
            ),
            spec("points", one, "the values that the slope is told from, where there are fewest"),
            spec("span", time, "the time that they span, where it is shortest"),
        ];
        let restarts = spec("restarts", one, "the restarts within `over`, where there were most");
        specs.extend(self.started.is_some().then_some(restarts));
        let age = spec("age", time, "how old the newest sample is");
        specs.extend(self.samples.is_some().then_some(age));
        specs
    }

    fn hosts(&self) -> Vec<String> {
        vec![self.access.host()]
    }

    fn keeps_history(&self) -> bool {
        true
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let history = History::open(&self.access, self.samples.as_ref(), self.max_age, cx).await?;
        let starts = async {
            match &self.started {
                Some(query) => history.lines(query, self.steps).await.map(Some),
                None => Ok::<Option<Lines>, Failure>(None),
            }
        };
        let (values, starts) = tokio::try_join!(history.lines(&self.query, self.steps), starts)?;
        if self.started.is_none() {
            cx.trail.untested("restarts within the window, which hide growth: give `started`");
        }
        history.stamp(verdict::read(&values, starts.as_ref(), &self.rules)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let rows = [
            ("nothing asked", json!({"query": " "}), "query: there is nothing to ask"),
            (
                "no series",
                json!({"expect_series": 0}),
                "expect_series: a query that yields nothing has nothing to judge",
            ),
            (
                "too few to tell",
                json!({"min_points": 3}),
                "min_points: no slope is told from fewer than 8",
            ),
            (
                "a long span",
                json!({"over": "1h", "min_span": "2h"}),
                "min_span: it is longer than `over`, 1h",
            ),
            ("no start", json!({"settle": "1m"}), "settle: without `started` no start is known"),
            (
                "no selector",
                json!({"samples": "sum(x)"}),
                "samples: `sum(x)` is no selector: a plain selector is expected, without functions and ranges",
            ),
            (
                "few steps",
                json!({"over": "1h", "step": "30m"}),
                "over: 1h in steps of 30m are 2 values, fewer than the 20 needed",
            ),
        ];
        for (row, more, said) in rows {
            let mut settings =
                json!({"source": {"kind": "prometheus", "url": "http://x.example"}, "query": "m"});
            for (key, value) in more.as_object().expect("an object") {
                settings[key] = value.clone();
            }
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = PrometheusTrend::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
    }
}
