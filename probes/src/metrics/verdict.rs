//! From what a process counted to readings, or to why they are not to be relied on.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::format_duration;

use super::Settings;
use super::exposition::{Point, Series};
use super::quantile::Buckets;
use super::rates::Growth;
use super::selector::{Filter, Selector};
use super::share::{self, MIN_EVENTS};
use crate::prometheus::settings::{Check, UnitSetting};

/// What is asked.
#[derive(Debug)]
pub(super) enum Question {
    /// A gauge.
    Value { filter: Filter, unit: Unit, series: usize },
    /// How fast counters grow.
    Rate { filter: Filter },
    /// A share of errors; `labels` are those by which errors are told.
    ErrorRate { total: Filter, errors: Filter, labels: Vec<String>, least: u64 },
    /// A quantile of a histogram.
    Latency { buckets: Filter, quantile: f64, slower_than: Option<Duration>, least: u64 },
}

impl Question {
    /// The one question that the settings ask; nothing if there are problems.
    pub(super) fn read(settings: &Settings, check: &mut Check) -> Option<Self> {
        let Settings { value, rate, error_rate, latency, .. } = settings;
        let forms = [value.is_some(), rate.is_some(), error_rate.is_some(), latency.is_some()];
        if forms.iter().filter(|given| **given).count() != 1 {
            check.problem("value", "give one of `value`, `rate`, `error_rate` and `latency`");
            return None;
        }
        let of_value = [
            ("unit", settings.unit.is_some()),
            ("expect_series", settings.expect_series.is_some()),
        ];
        for (key, _) in of_value.into_iter().filter(|(_, given)| *given && value.is_none()) {
            check.problem_key(key, "it belongs to `value`");
        }
        if settings.min_events.is_some() && error_rate.is_none() && latency.is_none() {
            check.problem_key("min_events", "it belongs to `error_rate` and `latency`");
        }
        let least = settings.min_events.unwrap_or(MIN_EVENTS);
        if let Some(text) = value {
            let series = settings.expect_series.unwrap_or(1);
            if series == 0 {
                check.problem("expect_series", "a gauge that is not there has nothing to judge");
            }
            let selector = check.selector_at("value", text)?;
            let filter = compiled(&selector, "value", check)?;
            let unit = settings.unit.map_or(Unit::One, UnitSetting::unit);
            return Some(Self::Value { filter, unit, series: usize::from(series) });
        }
        if let Some(text) = rate {
            let selector = check.selector_at("rate", text)?;
            return Some(Self::Rate { filter: compiled(&selector, "rate", check)? });
        }
        if let Some(form) = error_rate {
            let total = check.selector("error_rate", "total", &form.total);
            let errors = check.selector("error_rate", "errors", &form.errors);
            let (total, errors) = (total?, errors?);
            let labels = errors.labels().map(str::to_owned).collect();
            let total = compiled(&total, "error_rate", check);
            let errors = compiled(&errors, "error_rate", check);
            return Some(Self::ErrorRate { total: total?, errors: errors?, labels, least });
        }
        let form = latency.as_ref()?;
        let buckets = check.selector("latency", "histogram", &form.histogram);
        let quantile = check.quantile(form.quantile);
        let slower_than = check.slower_than(form.slower_than.as_deref());
        let buckets = compiled(&buckets?.buckets(), "latency", check)?;
        Some(Self::Latency { buckets, quantile, slower_than, least })
    }

    /// The series that the question needs.
    pub(super) fn filters(&self) -> Vec<&Filter> {
        match self {
            Self::Value { filter, .. } | Self::Rate { filter } => vec![filter],
            Self::ErrorRate { total, errors, .. } => vec![total, errors],
            Self::Latency { buckets, .. } => vec![buckets],
        }
    }

    /// Whether a scrape holds what the question is about.
    ///
    /// # Errors
    /// [`Cause::NoData`]: nothing matches, or nothing could tell errors from other events.
    pub(super) fn present(&self, counters: &BTreeMap<Series, f64>) -> Result<(), Failure> {
        let any = |f: &Filter| counters.keys().any(|(name, labels)| f.matches(name, labels));
        let main = match self {
            Self::Value { filter, .. } | Self::Rate { filter } => filter,
            Self::ErrorRate { total, .. } => total,
            Self::Latency { buckets, .. } => buckets,
        };
        if !any(main) {
            let message = format!("no series of `{}` matches", main.name);
            return Err(Failure::new(Cause::NoData, message));
        }
        let Self::ErrorRate { total, errors, labels, .. } = self else { return Ok(()) };
        if any(errors) {
            return Ok(());
        }
        if errors.name != total.name {
            let name = &errors.name;
            let message = format!("no series of `{name}` matches, and so it may be misspelt");
            return Err(Failure::new(Cause::NoData, message));
        }
        let told = |(name, has): &Series| {
            total.matches(name, has)
                && labels.iter().all(|l| has.get(l).is_some_and(|v| !v.is_empty()))
        };
        if counters.keys().any(told) {
            return Ok(());
        }
        let message = format!(
            "no series of `{}` has the labels {}: whether there are errors is not known",
            total.name,
            labels.join(", ")
        );
        Err(Failure::new(Cause::NoData, message))
    }

    /// The readings by what happened between scrapes.
    ///
    /// # Errors
    /// Too few events, counters that are no numbers, buckets that are no histogram.
    pub(super) fn judge(&self, growth: &Growth) -> Result<Readings, Failure> {
        let within = format!("within {}", format_duration(growth.over));
        let sum = |f: &Filter| {
            let matching = growth.by.iter().filter(|((name, labels), _)| f.matches(name, labels));
            matching.map(|(_, grown)| grown).sum::<f64>()
        };
        let readings = match self {
            Self::Value { .. } => Readings::new(),
            Self::Rate { filter } => {
                let rate = sum(filter) / growth.over.as_secs_f64();
                if !rate.is_finite() {
                    let message = format!("the counters of `{}` are no numbers", filter.name);
                    return Err(Failure::new(Cause::Nan, message));
                }
                Readings::new().number("value", rate)
            }
            Self::ErrorRate { total, errors, least, .. } => {
                let (events, bad) = (sum(total), sum(errors));
                share::enough(events, *least, &within)?;
                Readings::new()
                    .number("value", share::percent(bad, events)?)
                    .number("errors", bad)
                    .number("traffic", events)
            }
            Self::Latency { buckets, quantile, slower_than, least } => {
                let buckets = Buckets::read(bounds(growth, buckets)?)?;
                share::enough(buckets.total(), *least, &within)?;
                let bound = slower_than.map(|d| d.as_secs_f64());
                buckets.readings(*quantile, bound)?.number("traffic", buckets.total())
            }
        };
        Ok(readings.time("over", growth.over).flag("restarted", growth.restarted))
    }
}

fn compiled(selector: &Selector, key: &str, check: &mut Check) -> Option<Filter> {
    selector.compile().map_err(|why| check.problem(key, &why)).ok()
}

/// The bounds of buckets and what was counted up to them.
fn bounds(growth: &Growth, buckets: &Filter) -> Result<Vec<(f64, f64)>, Failure> {
    let matching = growth.by.iter().filter(|((name, labels), _)| buckets.matches(name, labels));
    let read = |((_, labels), grown): (&Series, &f64)| {
        let text = labels.get("le").map_or("", String::as_str);
        let bound = text.parse().map_err(|_| {
            Failure::new(
                Cause::BadResponse,
                format!("a bucket ends at `{text}`, which is no number"),
            )
        });
        bound.map(|bound| (bound, *grown))
    };
    matching.map(read).collect()
}

/// The readings of a gauge of `expected` series.
///
/// # Errors
/// More or fewer series, or one that is no finite number.
pub(super) fn gauge(
    points: &BTreeMap<Series, Point>,
    filter: &Filter,
    expected: usize,
    unit: Unit,
) -> Result<Readings, Failure> {
    let matching: Vec<_> =
        points.iter().filter(|((name, labels), _)| filter.matches(name, labels)).collect();
    let name = &filter.name;
    let cause = match matching.len() {
        0 => Some(Cause::NoData),
        n if n < expected => Some(Cause::Partial),
        n if n > expected => Some(Cause::TooManySeries),
        _ => None,
    };
    if let Some(cause) = cause {
        let message =
            format!("{} series of `{name}` match, and {expected} expected", matching.len());
        return Err(Failure::new(cause, message));
    }
    if let Some((_, odd)) = matching.iter().find(|(_, p)| !p.value.is_finite()) {
        return Err(Failure::new(Cause::Nan, format!("`{name}` is {}", odd.value)));
    }
    let fold = |f: fn(f64, f64) -> f64| matching.iter().map(|(_, p)| p.value).reduce(f);
    let (highest, lowest) = (fold(f64::max), fold(f64::min));
    let mut readings = Readings::new()
        .number("value", highest.unwrap_or(f64::NAN))
        .number("lowest", lowest.unwrap_or(f64::NAN));
    if matching.len() > 1 {
        for ((_, labels), point) in &matching {
            let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
            readings = readings.part(labels.join(","), unit.format(point.value), false);
        }
    }
    Ok(readings)
}

/// Refuses samples that say themselves that they are old.
///
/// # Errors
/// [`Cause::Stale`] for the first that is older than `most` seconds.
pub(super) fn young(
    points: &BTreeMap<Series, Point>,
    filters: &[&Filter],
    now: Timestamp,
    most: f64,
) -> Result<(), Failure> {
    let now = now.as_duration().as_secs_f64();
    let meant = |(name, labels): &Series| filters.iter().any(|f| f.matches(name, labels));
    let age = |point: &Point| point.at.map_or(0.0, |at| now - at);
    let old = points.iter().find(|(series, point)| age(point) > most && meant(series));
    let Some(((name, _), point)) = old else { return Ok(()) };
    let age = Duration::try_from_secs_f64(age(point)).unwrap_or_default();
    let message = format!("`{name}` says that it is {} old", format_duration(age));
    Err(Failure::new(Cause::Stale, message))
}
