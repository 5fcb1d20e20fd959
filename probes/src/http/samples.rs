//! The samples of a look: several requests to one target, one after another, and how long they took.
//!
//! A percentile is the time of a request that was made, never one between two. A request that failed counts as slower than
//! every other, so that a target which answers quickly or not at all looks no quicker for it. Pure: it asks nobody.

use std::ops::RangeInclusive;
use std::time::Duration;

use launchgate_core::observation::Failure;
use launchgate_core::reading::{ReadingSpec, ReadingType, Unit};
use reqwest::StatusCode;

/// How many requests a look may make to each target.
pub(super) const RANGE: RangeInclusive<u16> = 2..=200;
/// What each request needs at least of a look's time: a name, a connection and a handshake on another continent.
pub(super) const LEAST: Duration = Duration::from_millis(500);

/// The percentiles, and what each is.
const PERCENTILES: [(&str, usize, &str); 3] = [
    ("latency_p50", 50, "the latency that half of the samples did not exceed"),
    ("latency_p95", 95, "the latency that 95 % of the samples did not exceed"),
    ("latency_p99", 99, "the latency that 99 % of the samples did not exceed"),
];

/// What came of the requests to one target.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Samples {
    /// How long those took that were answered as they should be.
    good: Vec<Duration>,
    /// What the others were answered.
    bad: Vec<StatusCode>,
    /// Why the rest were not answered.
    silent: Vec<Failure>,
}

impl Samples {
    /// Notes an answer that is as it should be.
    pub(super) fn good(&mut self, latency: Duration) {
        self.good.push(latency);
    }

    /// Notes an answer that is not.
    pub(super) fn bad(&mut self, status: StatusCode) {
        self.bad.push(status);
    }

    /// Notes that none came.
    pub(super) fn silent(&mut self, why: Failure) {
        self.silent.push(why);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.good.len() + self.failed()
    }

    /// How many were not answered as they should be.
    pub(super) fn failed(&self) -> usize {
        self.bad.len() + self.silent.len()
    }

    /// Why one was not answered.
    pub(super) fn silence(&self) -> Option<&Failure> {
        self.silent.first()
    }

    /// What went wrong, for people.
    pub(super) fn remark(&self) -> Option<String> {
        let first = self.bad.first().map(|status| format!("status {}", status.as_str()));
        let why = self.silence().map(ToString::to_string).or(first)?;
        Some(format!("{} of {} samples failed: {why}", self.failed(), self.count()))
    }

    /// The readings by name, those left out that a failed sample leaves open.
    pub(super) fn latencies(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let mut good = self.good.clone();
        good.sort_unstable();
        let all = self.count();
        let ranks = percentiles(all).map(move |(name, percent, _)| (name, rank(percent, all)));
        ranks
            .chain([("latency_max", all)])
            .filter_map(move |(name, rank)| Some((name, *good.get(rank.checked_sub(1)?)?)))
    }
}

/// The readings that so many samples bring.
pub(super) fn specs(count: usize) -> Vec<ReadingSpec> {
    let time = ReadingType::Number(Unit::Time);
    let one = ReadingType::Number(Unit::One);
    let mut specs: Vec<ReadingSpec> =
        percentiles(count).map(|(name, _, doc)| ReadingSpec::new(name, time, doc)).collect();
    specs.extend([
        ReadingSpec::new("latency_max", time, "the latency of the slowest sample"),
        ReadingSpec::new("samples", one, "the requests that each target was sent"),
        ReadingSpec::new("failed_samples", one, "those without an answer as it should be"),
    ]);
    specs
}

/// The percentiles that so many samples have: below a hundred the 99th would be the slowest, whatever it is.
fn percentiles(count: usize) -> impl Iterator<Item = (&'static str, usize, &'static str)> {
    PERCENTILES.into_iter().filter(move |(_, percent, _)| rank(*percent, count) < count)
}

/// The nearest rank: which of `count` samples, by size, the given percentage does not exceed (definition 1 of Hyndman and
/// Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50, 1996).
fn rank(percent: usize, count: usize) -> usize {
    (percent * count).div_ceil(100)
}

#[cfg(test)]
mod tests {
    use launchgate_core::observation::Cause;

    use super::*;

    /// Samples, and the percentiles that they have, in milliseconds.
    type Row = (&'static str, Samples, &'static [(&'static str, u128)]);

    /// Samples of 1 ms, 2 ms and so on, the slowest first, and some that failed.
    fn samples(good: u64, bad: usize, silent: usize) -> Samples {
        let mut samples = Samples::default();
        for ms in (1..=good).rev() {
            samples.good(Duration::from_millis(ms));
        }
        for _ in 0..bad {
            samples.bad(StatusCode::BAD_GATEWAY);
        }
        for _ in 0..silent {
            samples.silent(Failure::new(Cause::Timeout, "no answer in time"));
        }
        samples
    }

    #[test]
    fn percentiles_are_samples_by_their_rank_and_failed_ones_come_last() {
        let rows: [Row; 9] = [
            ("two", samples(2, 0, 0), &[("latency_p50", 1), ("latency_max", 2)]),
            ("nineteen", samples(19, 0, 0), &[("latency_p50", 10), ("latency_max", 19)]),
            (
                "twenty",
                samples(20, 0, 0),
                &[("latency_p50", 10), ("latency_p95", 19), ("latency_max", 20)],
            ),
            (
                "a hundred",
                samples(100, 0, 0),
                &[
                    ("latency_p50", 50),
                    ("latency_p95", 95),
                    ("latency_p99", 99),
                    ("latency_max", 100),
                ],
            ),
            (
                "as many as there may be",
                samples(200, 0, 0),
                &[
                    ("latency_p50", 100),
                    ("latency_p95", 190),
                    ("latency_p99", 198),
                    ("latency_max", 200),
                ],
            ),
            (
                "one of twenty silent",
                samples(19, 0, 1),
                &[("latency_p50", 10), ("latency_p95", 19)],
            ),
            ("two of twenty failed", samples(18, 1, 1), &[("latency_p50", 10)]),
            ("most of twenty failed", samples(9, 11, 0), &[]),
            ("all failed", samples(0, 2, 18), &[]),
        ];
        for (row, samples, expected) in rows {
            let found: Vec<(&str, u128)> =
                samples.latencies().map(|(name, time)| (name, time.as_millis())).collect();
            assert_eq!(found, expected, "{row}");
        }
    }

    #[test]
    fn readings_are_declared_for_as_many_samples_as_they_need() {
        let rows = [
            (2, "latency_p50 latency_max samples failed_samples"),
            (19, "latency_p50 latency_max samples failed_samples"),
            (20, "latency_p50 latency_p95 latency_max samples failed_samples"),
            (99, "latency_p50 latency_p95 latency_max samples failed_samples"),
            (100, "latency_p50 latency_p95 latency_p99 latency_max samples failed_samples"),
        ];
        for (count, names) in rows {
            let found: Vec<String> =
                specs(count).iter().map(|spec| spec.name.to_string()).collect();
            assert_eq!(found.join(" "), names, "{count} samples");
        }
    }

    #[test]
    fn what_failed_is_told() {
        let rows = [
            (samples(3, 0, 0), None),
            (samples(1, 2, 0), Some("2 of 3 samples failed: status 502")),
            (samples(1, 1, 1), Some("2 of 3 samples failed: no answer in time")),
        ];
        for (samples, said) in rows {
            let remark = samples.remark();
            assert_eq!(remark.as_deref().map(|r| r.replace("timeout: ", "")).as_deref(), said);
        }
    }
}
