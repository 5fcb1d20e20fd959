//! From samples to readings, or to why they are not to be relied on. Nothing here asks anything.

use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::format_duration;

use super::answer::{Sample, Samples};
use super::question::LATELY;
use crate::metrics::selector::{Labels, Selector};

/// The least samples within a window that a rate is taken from.
const MIN_SAMPLES: f64 = 3.0;
/// The samples that a window of four scrapes has, the least that is to be relied upon: with one scrape missed, a rate is
/// still one.
const ENOUGH_SAMPLES: f64 = 4.0;
/// The most names in one message.
const NAMED: usize = 3;

/// That there is nothing.
pub(super) fn nothing(why: &str) -> Failure {
    Failure::new(Cause::NoData, why)
}

/// That there are series, but not yet two samples to tell growth by.
pub(super) fn too_few_samples(series: &Selector) -> Failure {
    Failure::new(Cause::NoData, format!("{series} has no two samples within the window yet"))
}

/// The readings of a query that yields `expected` series: `value` is the highest, `lowest` the lowest.
///
/// # Errors
/// More or fewer series, or one that is no finite number.
pub(super) fn values(samples: &Samples, expected: usize, unit: Unit) -> Result<Readings, Failure> {
    let list = &samples.list;
    let shown = || list.iter().take(NAMED).map(|s| name(&s.labels)).collect::<Vec<_>>().join(", ");
    if list.is_empty() {
        return Err(nothing("the query yields no series"));
    }
    if list.len() != expected {
        let (cause, word) = if list.len() > expected {
            (Cause::TooManySeries, "more")
        } else {
            (Cause::Partial, "fewer")
        };
        let message = format!(
            "the query yields {} series, {word} than the {expected} expected: {}",
            list.len(),
            shown()
        );
        return Err(Failure::new(cause, message));
    }
    if let Some(odd) = list.iter().find(|s| !s.value.is_finite()) {
        let message = format!("{} is {}", name(&odd.labels), odd.value);
        return Err(Failure::new(Cause::Nan, message));
    }
    let fold = |f: fn(f64, f64) -> f64| list.iter().map(|s| s.value).reduce(f).unwrap_or(f64::NAN);
    let (highest, lowest) = (fold(f64::max), fold(f64::min));
    let mut readings = Readings::new().number("value", highest).number("lowest", lowest);
    if list.len() > 1 {
        for sample in list {
            readings = readings.part(name(&sample.labels), unit.format(sample.value), false);
        }
    }
    Ok(samples.remarks.iter().fold(readings, |readings, remark| readings.note(remark.clone())))
}

/// A series by its labels, as people read them.
pub(super) fn name(labels: &Labels) -> String {
    let metric = labels.get("__name__").map_or("", String::as_str);
    let inside: Vec<String> = labels
        .iter()
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}=\"{value}\""))
        .collect();
    if inside.is_empty() && !metric.is_empty() {
        metric.to_owned()
    } else {
        format!("{metric}{{{}}}", inside.join(","))
    }
}

/// How many samples the series that has the most of them has within a window; with a note if they are less than four.
pub(super) fn density(samples: f64, window: Duration) -> Readings {
    let readings = Readings::new().number("samples_in_window", samples);
    if samples >= ENOUGH_SAMPLES {
        return readings;
    }
    let window = format_duration(window);
    readings.note(format!(
        "only {samples} samples within {window}: the window is shorter than four scrapes, scrapes are missed, or the series \
         is new"
    ))
}

/// Refuses a window in which no series has enough samples; else tells how many there are.
///
/// # Errors
/// [`Cause::NoData`], with what to do about it.
pub(super) fn dense(
    samples: Option<f64>,
    series: &Selector,
    window: Duration,
) -> Result<Readings, Failure> {
    let samples = samples.unwrap_or(0.0);
    if samples >= MIN_SAMPLES {
        return Ok(density(samples, window));
    }
    let window = format_duration(window);
    let message = format!(
        "{series} has {samples} samples within {window}, and a rate needs {MIN_SAMPLES}: the series is new, or the window \
         is shorter than four scrapes"
    );
    Err(nothing(&message))
}

/// How many of the targets could be scraped; nothing is told where none are known.
///
/// # Errors
/// [`Cause::Unreachable`] when all are down.
pub(super) fn targets(up: &Samples) -> Result<Readings, Failure> {
    if up.list.is_empty() {
        return Ok(Readings::new());
    }
    let is_up = |s: &&Sample| s.value > 0.0;
    let count = up.list.iter().filter(is_up).count();
    if count == 0 {
        return Err(all_down(up));
    }
    #[expect(clippy::cast_precision_loss, reason = "there are at most thousands of targets")]
    let percent = 100.0 * count as f64 / up.list.len() as f64;
    let down = up.list.iter().filter(|s| !is_up(s));
    let readings = Readings::new().number("targets_up", percent);
    Ok(down.fold(readings, |readings, s| readings.part(target(&s.labels), "is down", true)))
}

fn target(labels: &Labels) -> String {
    let label = |name| labels.get(name).map_or("?", String::as_str);
    format!("{} {}", label("job"), label("instance"))
}

fn all_down(up: &Samples) -> Failure {
    let down: Vec<String> = up.list.iter().take(NAMED).map(|s| target(&s.labels)).collect();
    let message = format!("all {} targets are down: {}", up.list.len(), down.join(", "));
    Failure::new(Cause::Unreachable, message)
}

/// Why series are not there, by those that there were lately and by their targets.
pub(super) fn absent(
    series: &Selector,
    lately: &Samples,
    targets: &Samples,
    max_age: Duration,
) -> Failure {
    if lately.list.is_empty() {
        let message =
            format!("no series matches {series}, nor did within {LATELY}: is it spelt right?");
        return nothing(&message);
    }
    if !targets.list.is_empty() && targets.list.iter().all(|s| s.value == 0.0) {
        return all_down(targets);
    }
    let age = format_duration(max_age);
    let message =
        format!("{series} has no sample of the last {age}, though it had within {LATELY}");
    Failure::new(Cause::Stale, message)
}

/// Refuses "no errors" where the events do not have the labels that errors are told by.
///
/// # Errors
/// [`Cause::NoData`], with the labels.
pub(super) fn could_be_labelled(
    labelled: &Samples,
    total: &Selector,
    errors: &Selector,
) -> Result<(), Failure> {
    let has_all =
        |s: &Sample| errors.labels().all(|l| s.labels.get(l).is_some_and(|v| !v.is_empty()));
    if labelled.list.iter().any(has_all) {
        return Ok(());
    }
    let labels: Vec<&str> = errors.labels().collect();
    let message = format!(
        "no series matches {errors}, and none of {total} has the labels {}: whether there are errors is not known",
        labels.join(", ")
    );
    Err(nothing(&message))
}

/// The bounds and counts of a histogram's buckets.
///
/// # Errors
/// A bound that is no number.
pub(super) fn bounds(buckets: &Samples) -> Result<Vec<(f64, f64)>, Failure> {
    let read = |s: &Sample| {
        let text = s.labels.get("le").map_or("", String::as_str);
        let bound = text.parse().map_err(|_| {
            Failure::new(
                Cause::BadResponse,
                format!("a bucket ends at `{text}`, which is no number"),
            )
        });
        bound.map(|bound| (bound, s.value))
    };
    buckets.list.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(list: &[(&[(&str, &str)], f64)]) -> Samples {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let sample = |(pairs, value): &(&[(&str, &str)], f64)| Sample {
            labels: labels(pairs),
            at: 0.0,
            value: *value,
        };
        Samples { list: list.iter().map(sample).collect(), remarks: Vec::new() }
    }

    fn selector(text: &str) -> Selector {
        Selector::parse(text).expect("a selector")
    }

    #[test]
    fn a_query_yields_what_is_expected_or_nothing() {
        let (a, b): (&[_], &[_]) = (&[("__name__", "x"), ("i", "a")], &[("i", "b")]);
        let rows = [
            ("one", samples(&[(a, 2.0)]), 1, Ok((2.0, 2.0, 0))),
            ("zero", samples(&[(&[], 0.0)]), 1, Ok((0.0, 0.0, 0))),
            ("two", samples(&[(a, 2.0), (b, -1.0)]), 2, Ok((2.0, -1.0, 2))),
            ("none", samples(&[]), 1, Err("no_data: the query yields no series")),
            (
                "more",
                samples(&[(a, 2.0), (b, 1.0)]),
                1,
                Err(
                    "too_many_series: the query yields 2 series, more than the 1 expected: x{i=\"a\"}, {i=\"b\"}",
                ),
            ),
            (
                "fewer",
                samples(&[(b, 2.0)]),
                2,
                Err("partial: the query yields 1 series, fewer than the 2 expected: {i=\"b\"}"),
            ),
            (
                "NaN among them",
                samples(&[(a, 2.0), (b, f64::NAN)]),
                2,
                Err("nan: {i=\"b\"} is NaN"),
            ),
            ("infinite", samples(&[(&[], f64::INFINITY)]), 1, Err("nan: {} is inf")),
        ];
        for (row, samples, expected, outcome) in rows {
            let got = values(&samples, expected, Unit::One).map_err(|f| f.to_string());
            let outcome = outcome.map_err(str::to_owned).map(|(highest, lowest, parts)| {
                (Readings::new().number("value", highest).number("lowest", lowest).values, parts)
            });
            assert_eq!(got.map(|r| (r.values, r.parts.len())), outcome, "{row}");
        }
    }

    #[test]
    fn series_that_are_not_there_are_misspelt_stale_or_of_targets_that_are_down() {
        let none = || samples(&[]);
        let there = || samples(&[(&[], 3.0)]);
        let up = |value| samples(&[(&[("job", "shop"), ("instance", "a:1")], value)]);
        let rows = [
            ("never were", none(), none(), Cause::NoData),
            ("were, and nobody scrapes", there(), none(), Cause::Stale),
            ("were, and the target is up", there(), up(1.0), Cause::Stale),
            ("were, and the target is down", there(), up(0.0), Cause::Unreachable),
        ];
        for (row, lately, targets, cause) in rows {
            let failure = absent(&selector("x"), &lately, &targets, Duration::from_mins(2));
            assert_eq!(failure.cause, cause, "{row}: {failure}");
        }
    }

    #[test]
    fn targets_that_are_down_are_told_until_none_is_left() {
        let (a, b): (&[_], &[_]) =
            (&[("job", "shop"), ("instance", "a:1")], &[("job", "shop"), ("instance", "b:1")]);
        let half = targets(&samples(&[(a, 1.0), (b, 0.0)])).expect("one is up");
        assert_eq!(half.values, Readings::new().number("targets_up", 50.0).values);
        assert_eq!(half.parts.len(), 1);
        assert_eq!(half.parts[0].subject, "shop b:1");
        assert_eq!(targets(&samples(&[])), Ok(Readings::new()), "nobody scrapes");
        let none = targets(&samples(&[(a, 0.0), (b, 0.0)])).expect_err("none is up");
        assert_eq!(none.to_string(), "unreachable: all 2 targets are down: shop a:1, shop b:1");
    }

    #[test]
    fn no_errors_is_zero_only_where_errors_could_be_told() {
        let total = selector("r");
        let errors = selector("r{code=~\"5..\"}");
        let rows = [
            ("the label is there", samples(&[(&[("code", "200")], 1.0)]), true),
            ("it is empty", samples(&[(&[("code", "")], 1.0)]), false),
            ("it is not", samples(&[(&[], 1.0)]), false),
            ("there is nothing", samples(&[]), false),
        ];
        for (row, labelled, told) in rows {
            assert_eq!(could_be_labelled(&labelled, &total, &errors).is_ok(), told, "{row}");
        }
    }

    #[test]
    fn a_rate_needs_three_samples() {
        let rows = [
            ("four", Some(4.0), Some(0)),
            ("three, with a note", Some(3.0), Some(1)),
            ("two", Some(2.0), None),
            ("none", None, None),
        ];
        for (row, count, notes) in rows {
            let dense = dense(count, &selector("x"), Duration::from_mins(1));
            assert_eq!(dense.ok().map(|readings| readings.notes.len()), notes, "{row}");
        }
    }
}
