//! Native histograms as the API writes them: quantiles and shares, with what is sure and what is interpolated kept apart.
//!
//! Within a bucket events are taken as spread evenly, as Prometheus 2 does. What lies in a bucket without a finite end, or
//! in none (a duration that was no number), counts as slower than everything that is known.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use serde::Deserialize;

/// The most buckets that are read; an instrumented process has some hundreds at most.
const MAX_BUCKETS: usize = 20_000;
/// How far apart two equal numbers may be, relatively.
const NEAR: f64 = 1e-9;

/// A native histogram as an answer writes it; nothing in it is checked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Written {
    count: String,
    /// Which ends belong to it (the same to us), its ends, and how many events it holds.
    buckets: Vec<(u8, String, String, String)>,
}

/// Counts of events between bounds, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Native {
    buckets: Vec<Bucket>,
    count: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    lower: f64,
    upper: f64,
    count: f64,
}

impl Native {
    /// Checks a histogram.
    ///
    /// # Errors
    /// Numbers that are none, negative counts, buckets that overlap or are too many, or more events in them than in all.
    pub(super) fn read(written: &Written) -> Result<Self, Failure> {
        let bad =
            |why: &str| Failure::new(Cause::BadResponse, format!("a native histogram: {why}"));
        if written.buckets.len() > MAX_BUCKETS {
            return Err(bad(&format!("more than {MAX_BUCKETS} buckets")));
        }
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| !number.is_nan());
        let amount = |text: &str| number(text).filter(|n| n.is_finite() && *n >= 0.0);
        let count =
            amount(&written.count).ok_or_else(|| bad("its count is no number of events"))?;
        let mut buckets: Vec<Bucket> = Vec::with_capacity(written.buckets.len());
        for (_, lower, upper, count) in &written.buckets {
            let (Some(lower), Some(upper), Some(count)) =
                (number(lower), number(upper), amount(count))
            else {
                return Err(bad("a bucket's bounds or count are no numbers"));
            };
            // The bucket around nought is as wide below it as above, even if nothing was negative.
            let first = buckets.is_empty();
            let lower = if first && lower < 0.0 && upper > 0.0 { 0.0 } else { lower };
            if lower > upper || buckets.last().is_some_and(|before| before.upper > lower) {
                return Err(bad("its buckets are not in ascending order"));
            }
            buckets.push(Bucket { lower, upper, count });
        }
        let inside: f64 = buckets.iter().map(|b| b.count).sum();
        if inside > count + count * NEAR {
            return Err(bad("its buckets hold more events than it counts"));
        }
        Ok(Self { buckets, count })
    }

    /// All events.
    pub(super) fn total(&self) -> f64 {
        self.count
    }

    /// The readings of the quantile `q`: `value`, `at_least` and `at_most`, and `slower` if a bound is given.
    ///
    /// # Errors
    /// There were no events, or none that are durations.
    pub(super) fn readings(&self, q: f64, slower_than: Option<f64>) -> Result<Readings, Failure> {
        if self.count <= 0.0 {
            return Err(Failure::new(Cause::Nan, "there were no events, so there is no quantile"));
        }
        let rank = q * self.count;
        let mut before = 0.0;
        let mut found = None;
        for bucket in self.buckets.iter().filter(|b| b.count > 0.0) {
            if before + bucket.count >= rank - rank * NEAR {
                found = Some((*bucket, before));
                break;
            }
            before += bucket.count;
        }
        let mut readings = if let Some((bucket, before)) = found {
            bucket.quantile(rank - before)
        } else {
            let last = self.buckets.iter().rev().find(|b| b.count > 0.0);
            let last = last.ok_or_else(|| Failure::new(Cause::Nan, "no event has a duration"))?;
            let note = "the quantile lies among events whose duration is no number";
            finite(Readings::new(), "at_least", last.upper).note(note.to_owned())
        };
        if let Some(bound) = slower_than {
            let (least, slower, most) = self.above(bound);
            readings = readings.number("slower", slower);
            if most - least > NEAR * 100.0 {
                readings = readings.note(format!(
                    "no bucket ends at {bound}: surely {least:.3} %, at most {most:.3} % took longer, and `slower` is interpolated"
                ));
            }
        }
        Ok(readings)
    }

    /// The share of events above `bound` in percent: the least that it can be, interpolated, and the most.
    fn above(&self, bound: f64) -> (f64, f64, f64) {
        let near = |b: f64| (b - bound).abs() <= bound.abs() * NEAR;
        let (mut surely, mut within, mut share) = (0.0, 0.0, 0.0);
        let mut upto = 0.0;
        for Bucket { lower, upper, count } in &self.buckets {
            if *upper <= bound || near(*upper) {
                upto += count;
            } else if *lower >= bound || near(*lower) {
                surely += count;
            } else {
                within += count;
                let width = upper - lower;
                share += if width.is_finite() { count * (upper - bound) / width } else { *count };
            }
        }
        let odd = (self.count - upto - surely - within).max(0.0);
        let odd = if odd > self.count * NEAR { odd } else { 0.0 };
        let percent = |events: f64| 100.0 * events / self.count;
        (percent(surely + odd), percent(surely + odd + share), percent(surely + odd + within))
    }
}

impl Bucket {
    /// The readings of a quantile that is the event `rank` of this bucket.
    fn quantile(self, rank: f64) -> Readings {
        let Self { lower, upper, count } = self;
        let readings = finite(Readings::new(), "at_least", lower);
        let readings = finite(readings, "at_most", upper);
        let value = lower + (upper - lower) * (rank / count).clamp(0.0, 1.0);
        if value.is_finite() {
            return readings.number("value", value);
        }
        readings.note(format!(
            "the quantile lies in a bucket without a finite end, so it is known to be above {lower} and no more"
        ))
    }
}

fn finite(readings: Readings, name: &'static str, number: f64) -> Readings {
    if number.is_finite() { readings.number(name, number) } else { readings }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn read(written: Json) -> Result<Native, Failure> {
        Native::read(&serde_json::from_value(written).expect("the shape is right"))
    }

    fn buckets(count: &str, buckets: &[[&str; 3]]) -> Json {
        let buckets: Vec<_> = buckets.iter().map(|[a, b, n]| json!([0, a, b, n])).collect();
        json!({"count": count, "sum": "1", "buckets": buckets})
    }

    type Row = (&'static str, Json, f64, Option<f64>, Readings, usize);

    fn rows() -> Vec<Row> {
        let known = |value, at_least, at_most| {
            let readings = Readings::new().number("value", value);
            readings.number("at_least", at_least).number("at_most", at_most)
        };
        let beyond = |at_least| Readings::new().number("at_least", at_least);
        let plain = || buckets("100", &[["0.1", "0.2", "90"], ["0.5", "1", "10"]]);
        vec![
            ("within a bucket", plain(), 0.95, None, known(0.75, 0.5, 1.0), 0),
            ("at a bound", plain(), 0.9, None, known(0.2, 0.1, 0.2), 0),
            (
                "slower, between two buckets",
                plain(),
                0.9,
                Some(0.3),
                known(0.2, 0.1, 0.2).number("slower", 10.0),
                0,
            ),
            (
                "slower, within a bucket",
                plain(),
                0.9,
                Some(0.75),
                known(0.2, 0.1, 0.2).number("slower", 5.0),
                1,
            ),
            ("all in +Inf", buckets("5", &[["8", "+Inf", "5"]]), 0.99, None, beyond(8.0), 1),
            (
                "all in +Inf, and slower",
                buckets("5", &[["8", "+Inf", "5"]]),
                0.99,
                Some(9.0),
                beyond(8.0).number("slower", 100.0),
                2,
            ),
            (
                "a duration that is no number is slow",
                buckets("100", &[["0.5", "1", "90"]]),
                0.99,
                Some(1.0),
                beyond(1.0).number("slower", 10.0),
                1,
            ),
            (
                "around nought",
                buckets("10", &[["-0.001", "0.001", "10"]]),
                0.5,
                None,
                known(0.0005, 0.0, 0.001),
                0,
            ),
        ]
    }

    #[test]
    fn quantiles_are_known_as_far_as_the_buckets_tell() {
        for (row, written, q, slower, expected, notes) in rows() {
            let got = read(written).expect(row).readings(q, slower).expect(row);
            assert_eq!(got.values, expected.values, "{row}");
            assert_eq!(got.notes.len(), notes, "{row}: {got:?}");
        }
    }

    #[test]
    fn without_events_there_is_no_quantile() {
        let rows = [
            ("none", buckets("0", &[])),
            ("none in buckets", buckets("0", &[["1", "2", "0"]])),
            ("none with a duration", buckets("3", &[])),
        ];
        for (row, written) in rows {
            let failure = read(written).expect(row).readings(0.99, None).expect_err(row);
            assert_eq!(failure.cause, Cause::Nan, "{row}");
        }
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        let rows = [
            ("nothing", json!({})),
            ("no count", buckets("x", &[])),
            ("a negative count", buckets("3", &[["1", "2", "-3"]])),
            ("a count that is NaN", buckets("NaN", &[])),
            ("a bound that is NaN", buckets("3", &[["NaN", "2", "3"]])),
            ("overlapping", buckets("3", &[["1", "3", "1"], ["2", "4", "2"]])),
            ("upside down", buckets("3", &[["3", "1", "3"]])),
            ("more inside than in all", buckets("3", &[["1", "2", "4"]])),
        ];
        for (row, written) in rows {
            assert_eq!(read(written).expect_err(row).cause, Cause::BadResponse, "{row}");
        }
    }
}
