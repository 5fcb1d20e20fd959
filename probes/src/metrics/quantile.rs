//! Quantiles of a histogram's buckets, with what is sure and what is interpolated kept apart.
//!
//! Within a bucket events are taken as spread evenly. Beyond the largest finite bound nothing is known but that bound.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;

/// How much cumulated counts may fall from one bound to the next, as a share of all: a scrape is no single instant.
const FALL: f64 = 0.01;

/// Counts of events up to each bound, the last of which is infinite.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Buckets(Vec<(f64, f64)>);

/// Where a quantile lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quantile {
    /// The interpolated value; none beyond the largest finite bound.
    pub(crate) value: Option<f64>,
    /// It is greater than this: the bound below.
    pub(crate) at_least: f64,
    /// It is no greater than this; none beyond the largest finite bound.
    pub(crate) at_most: Option<f64>,
}

impl Buckets {
    /// Reads `(bound, events up to it)` in any order. Bounds that are equal as numbers are one.
    ///
    /// # Errors
    /// No bucket `+Inf`, fewer than two buckets, a count that is no number, or counts that fall: buckets of different
    /// layouts were added up.
    pub(crate) fn read(pairs: impl IntoIterator<Item = (f64, f64)>) -> Result<Self, Failure> {
        let mut all: Vec<(f64, f64)> = pairs.into_iter().collect();
        if all.iter().any(|(bound, count)| bound.is_nan() || !count.is_finite()) {
            return Err(Failure::new(Cause::Nan, "a bucket's count is no finite number"));
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut buckets: Vec<(f64, f64)> = Vec::with_capacity(all.len());
        for (bound, count) in all {
            match buckets.last_mut() {
                Some(last) if last.0.total_cmp(&bound).is_eq() => last.1 += count,
                _ => buckets.push((bound, count)),
            }
        }
        let Some(&(f64::INFINITY, total)) = buckets.last() else {
            return Err(Failure::new(Cause::BadResponse, "the histogram has no bucket `+Inf`"));
        };
        if buckets.len() < 2 {
            let message = "the histogram has no bucket but `+Inf`";
            return Err(Failure::new(Cause::BadResponse, message));
        }
        let mut highest = 0.0_f64;
        for (bound, count) in &mut buckets {
            if *count < highest - FALL * total.max(highest) {
                let message = format!(
                    "up to {bound} there are fewer events than up to a smaller bound: the series have different buckets"
                );
                return Err(Failure::new(Cause::BadResponse, message));
            }
            highest = highest.max(*count);
            *count = highest;
        }
        Ok(Self(buckets))
    }

    /// All events.
    pub(crate) fn total(&self) -> f64 {
        self.0.last().map_or(0.0, |b| b.1)
    }

    /// Where the quantile `q`, from 0 to 1, lies; nothing if there were no events.
    pub(crate) fn quantile(&self, q: f64) -> Option<Quantile> {
        let total = self.total();
        if total <= 0.0 {
            return None;
        }
        let rank = q * total;
        let i = self.0.iter().position(|b| b.1 >= rank && b.1 > 0.0)?;
        let (upper, count) = *self.0.get(i)?;
        let below = i.checked_sub(1).and_then(|below| self.0.get(below)).copied();
        let (lower, before) = match below {
            Some(below) => below,
            // What is counted is mostly never negative.
            None if upper > 0.0 => (0.0, 0.0),
            None => (upper, 0.0),
        };
        if upper.is_infinite() {
            return Some(Quantile { value: None, at_least: lower, at_most: None });
        }
        let share =
            if count > before { ((rank - before) / (count - before)).max(0.0) } else { 1.0 };
        let value = lower + (upper - lower) * share;
        Some(Quantile { value: Some(value), at_least: lower, at_most: Some(upper) })
    }

    /// The share of events above `bound`, in percent: exact, and so only for one of the bounds.
    ///
    /// # Errors
    /// No bucket ends at the bound, or there were no events.
    pub(crate) fn above(&self, bound: f64) -> Result<f64, Failure> {
        let near = |b: f64| (b - bound).abs() <= bound.abs() * 1e-9;
        let Some((_, upto)) = self.0.iter().find(|b| near(b.0)) else {
            let bounds: Vec<String> = self.0.iter().take(40).map(|b| b.0.to_string()).collect();
            let message = format!("no bucket ends at {bound}; they end at {}", bounds.join(", "));
            return Err(Failure::new(Cause::BadResponse, message));
        };
        let total = self.total();
        if total <= 0.0 {
            return Err(Failure::new(Cause::Nan, "there were no events"));
        }
        Ok(100.0 * (total - upto) / total)
    }

    /// The readings of the quantile `q`: `value`, `at_least` and `at_most`, and `slower` if a bound is given.
    ///
    /// # Errors
    /// There were no events, or no bucket ends at the bound.
    pub(crate) fn readings(&self, q: f64, slower_than: Option<f64>) -> Result<Readings, Failure> {
        let Some(quantile) = self.quantile(q) else {
            return Err(Failure::new(Cause::Nan, "there were no events, so there is no quantile"));
        };
        let mut readings = Readings::new().number("at_least", quantile.at_least);
        readings = match (quantile.value, quantile.at_most) {
            (Some(value), Some(at_most)) => {
                readings.number("value", value).number("at_most", at_most)
            }
            _ => readings.note(format!(
                "the quantile lies beyond the largest finite bucket, so it is known to be above {} and no more",
                quantile.at_least
            )),
        };
        match slower_than {
            Some(bound) => Ok(readings.number("slower", self.above(bound)?)),
            None => Ok(readings),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    type Pairs = &'static [(f64, f64)];

    #[test]
    fn quantiles_lie_where_the_buckets_say() {
        let q = |value, at_least, at_most| Some(Quantile { value, at_least, at_most });
        let rows: [(&str, Pairs, f64, Option<Quantile>); 9] = [
            ("halfway", &[(1.0, 0.0), (2.0, 10.0), (INF, 10.0)], 0.5, q(Some(1.5), 1.0, Some(2.0))),
            ("from zero", &[(1.0, 10.0), (INF, 10.0)], 0.9, q(Some(0.9), 0.0, Some(1.0))),
            (
                "at a bound",
                &[(1.0, 5.0), (2.0, 10.0), (INF, 10.0)],
                0.5,
                q(Some(1.0), 0.0, Some(1.0)),
            ),
            ("beyond all bounds", &[(0.5, 0.0), (INF, 10.0)], 0.99, q(None, 0.5, None)),
            ("just beyond", &[(0.5, 98.0), (INF, 100.0)], 0.99, q(None, 0.5, None)),
            (
                "unsorted",
                &[(INF, 10.0), (2.0, 10.0), (1.0, 0.0)],
                0.5,
                q(Some(1.5), 1.0, Some(2.0)),
            ),
            ("below zero", &[(-1.0, 10.0), (INF, 10.0)], 0.5, q(Some(-1.0), -1.0, Some(-1.0))),
            ("the least", &[(1.0, 0.0), (2.0, 4.0), (INF, 4.0)], 0.0, q(Some(1.0), 1.0, Some(2.0))),
            ("no events", &[(1.0, 0.0), (INF, 0.0)], 0.5, None),
        ];
        for (row, pairs, at, expected) in rows {
            let buckets = Buckets::read(pairs.iter().copied()).expect(row);
            assert_eq!(buckets.quantile(at), expected, "{row}");
        }
    }

    #[test]
    fn bounds_that_are_spelt_differently_are_one() {
        let buckets = Buckets::read([(1.0, 3.0), (1.0, 4.0), (INF, 7.0)]).expect("buckets");
        assert_eq!(buckets, Buckets(vec![(1.0, 7.0), (INF, 7.0)]));
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        let rows: [(&str, Pairs, Cause); 5] = [
            ("nothing", &[], Cause::BadResponse),
            ("no +Inf", &[(1.0, 1.0), (2.0, 2.0)], Cause::BadResponse),
            ("+Inf alone", &[(INF, 1.0)], Cause::BadResponse),
            ("a count that is no number", &[(1.0, f64::NAN), (INF, 1.0)], Cause::Nan),
            ("counts that fall", &[(1.0, 9.0), (2.0, 5.0), (INF, 10.0)], Cause::BadResponse),
        ];
        for (row, pairs, cause) in rows {
            let failure = Buckets::read(pairs.iter().copied()).expect_err(row);
            assert_eq!(failure.cause, cause, "{row}");
        }
        let close = Buckets::read([(1.0, 100.0), (2.0, 99.5), (INF, 100.0)]).expect("a race");
        assert_eq!(close.0[1], (2.0, 100.0));
    }

    #[test]
    fn the_share_above_a_bound_is_exact_and_asks_for_a_bound() {
        let buckets = Buckets::read([(0.1, 90.0), (0.8, 97.0), (INF, 100.0)]).expect("buckets");
        assert_eq!(buckets.above(0.8), Ok(3.0));
        let failure = buckets.above(0.5).expect_err("no bound");
        assert_eq!(failure.message, "no bucket ends at 0.5; they end at 0.1, 0.8, inf");
    }
}
