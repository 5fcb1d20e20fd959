//! `prometheus_spike`: whether the present value stands out from its own history, such as the connections to a database.
//!
//! It compares with the median and the usual spread of the time before. It knows no daily rhythm: what is usual at nine
//! each morning stands out at nine.

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
use crate::prometheus::history::{History, Steps};
use crate::prometheus::settings::Check;
use crate::prometheus::{Source, UnitSetting};
use verdict::Rules;

/// The least values of a history, where none is set, and the least that can be set.
const MIN_POINTS: u16 = 30;
const LEAST_POINTS: u16 = 8;

/// Settings of the `prometheus_spike` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Prometheus that is asked: the name of a source, or the source itself.
    pub source: Source,
    /// A query in `PromQL` that yields the value, such as `pg_stat_activity_count{datname="orders"}`.
    pub query: String,
    /// What the number counts: `one` (the default), `percent`, `time` (in seconds), `bytes` or `per_second`.
    #[serde(default)]
    pub unit: Option<UnitSetting>,
    /// How many series the query yields; one if not given. The one that stands out most decides.
    #[serde(default)]
    pub expect_series: Option<u16>,
    /// How far the history reaches back; `1h` if not given.
    #[serde(default)]
    pub over: Option<String>,
    /// How far apart its values are; the 120th part of `over` if not given. No shorter than the scrape interval.
    #[serde(default)]
    pub step: Option<String>,
    /// How long before the present the history ends, so that a spike is not its own history; `5m` if not given.
    #[serde(default)]
    pub apart: Option<String>,
    /// The least spread that counts, in the base of the unit: smaller differences are of no interest. Nothing if not given.
    #[serde(default)]
    pub least_spread: Option<f64>,
    /// The least values of the history; 30 if not given, 8 at least.
    #[serde(default)]
    pub min_points: Option<u16>,
    /// A selector of the series that the query reads. Their newest sample is when the value was true.
    #[serde(default)]
    pub samples: Option<String>,
    /// How old the newest sample may be, such as `2m`, which is the default.
    #[serde(default)]
    pub max_age: Option<String>,
}

/// The `prometheus_spike` probe; see the module's documentation.
#[derive(Debug)]
pub struct PrometheusSpike {
    access: Access,
    query: String,
    samples: Option<Selector>,
    max_age: Duration,
    steps: Steps,
    rules: Rules,
}

impl Probe for PrometheusSpike {
    const KIND: &'static str = "prometheus_spike";
    const EXAMPLE: &'static str = "\
source: { kind: prometheus, url: \"http://127.0.0.1:9090\" }
query: sum(pg_stat_activity_count{datname=\"orders\"})
over: 2h
least_spread: 2
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut check = Check::default();
        let least = settings.min_points.unwrap_or(MIN_POINTS);
        if least < LEAST_POINTS {
            check.problem("min_points", &format!("fewer than {LEAST_POINTS} are no history"));
        }
        let over = (settings.over.as_deref(), Duration::from_secs(3600));
        let steps = Steps::read(&mut check, over, settings.step.as_deref(), u32::from(least));
        let apart = check.duration("apart", settings.apart.as_deref(), Duration::from_mins(5));
        if apart + steps.step * u32::from(least) > steps.over {
            let (apart, over) = (format_duration(apart), format_duration(steps.over));
            let message =
                format!("a history of {over} that ends {apart} ago has no {least} values");
            check.problem("over", &message);
        }
        let max_age =
            check.duration("max_age", settings.max_age.as_deref(), Duration::from_mins(2));
        let least_spread = settings.least_spread.unwrap_or(0.0);
        if !(least_spread.is_finite() && least_spread >= 0.0) {
            check.problem("least_spread", "a spread is not negative");
        }
        if settings.query.trim().is_empty() {
            check.problem("query", "there is nothing to ask");
        }
        let series = usize::from(settings.expect_series.unwrap_or(1));
        if series == 0 {
            check.problem("expect_series", "a query that yields nothing has nothing to judge");
        }
        let samples = settings.samples.as_deref().and_then(|s| check.selector_at("samples", s));
        let unit = settings.unit.map_or(Unit::One, UnitSetting::unit);
        let at = KeyPath::root().entry("source");
        let access = settings.source.given().check(&at, &mut check.problems);
        let rules = Rules { unit, series, apart, least: usize::from(least), least_spread };
        match access.filter(|_| check.problems.is_empty()) {
            Some(access) => {
                Ok(Self { access, query: settings.query, samples, max_age, steps, rules })
            }
            None => Err(check.problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::Number;
        let spec = ReadingSpec::new;
        let (unit, one) = (Number(self.rules.unit), Number(Unit::One));
        let mut specs = vec![
            spec("value", unit, "the present value of the series that stands out most"),
            spec("usual", unit, "the median of its history"),
            spec("spread", unit, "how far its history strays from that, like a standard deviation"),
            spec("highest", unit, "the highest value of its history"),
            spec("above", Number(Unit::Percent), "how far the value lies above the usual"),
            spec("z", one, "how many spreads the value lies above the usual, at the highest"),
            spec(
                "lowest_z",
                one,
                "the same at the lowest; below zero for what lies below the usual",
            ),
            spec("points", one, "the values of the history, where there are fewest"),
        ];
        let age = spec("age", Number(Unit::Time), "how old the newest sample is");
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
        let lines = history.lines(&self.query, self.steps).await?;
        history.stamp(verdict::read(&lines, history.end(), &self.rules)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let rows = [
            ("nothing asked", json!({"query": ""}), "query: there is nothing to ask"),
            (
                "no series",
                json!({"expect_series": 0}),
                "expect_series: a query that yields nothing has nothing to judge",
            ),
            ("no history", json!({"min_points": 2}), "min_points: fewer than 8 are no history"),
            (
                "all of it is the present",
                json!({"apart": "50m"}),
                "over: a history of 1h that ends 50m ago has no 30 values",
            ),
            (
                "a spread below zero",
                json!({"least_spread": -1.0}),
                "least_spread: a spread is not negative",
            ),
        ];
        for (row, more, said) in rows {
            let mut settings =
                json!({"source": {"kind": "prometheus", "url": "http://x.example"}, "query": "m"});
            for (key, value) in more.as_object().expect("an object") {
                settings[key] = value.clone();
            }
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = PrometheusSpike::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
    }
}
