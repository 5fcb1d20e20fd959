//! Statistics over samples: what is usual, whether something grows, whether two sets differ. Pure; it asks nobody, and
//! tells nothing where there is too little to tell by.
//!
//! Intervals are widened for values that hang together with the one before; p-values take them as independent, for
//! which [`thinned`] makes them fit.

use std::cmp::Ordering;

/// Makes the median absolute deviation of normal values their standard deviation.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;
/// Does the same for the mean absolute deviation.
const MEAN_AD_TO_SIGMA: f64 = 1.253_314_137_315_500_3;
/// The most that one value is taken to hang together with the next.
const MOST_TOGETHER: f64 = 0.95;
/// The most values that are compared pair by pair; the caller thins out what is more.
const MAX_VALUES: usize = 1_000;
/// The most values on each side for which a p-value is counted out.
const MAX_EXACT: usize = 20;

/// The value below which the share `at` of `sorted` lies, between neighbours by their distance; none for no values.
fn quantile_of(sorted: &[f64], at: f64) -> Option<f64> {
    let place = at.clamp(0.0, 1.0) * count(sorted.len().checked_sub(1)?);
    let (below, above) = (sorted[index(place.floor())], sorted[index(place.ceil())]);
    Some(below + (above - below) * place.fract())
}

/// The quantile `at`, from 0 to 1, of finite values in any order; none for no values or one that is not finite.
pub(crate) fn quantile(values: &[f64], at: f64) -> Option<f64> {
    if values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of(&sorted, at)
}

/// What is usual: the middle of values, and how far they stray from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usual {
    pub(crate) median: f64,
    /// The standard deviation as the middle half tells it; zero where nothing varies.
    pub(crate) spread: f64,
}

/// What is usual of finite values: the median and the scaled median absolute deviation, in whose place the mean one
/// stands where more than half of the values are the same. None for no values.
pub(crate) fn usual(values: &[f64]) -> Option<Usual> {
    let median = quantile(values, 0.5)?;
    let away: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
    let middle = MAD_TO_SIGMA * quantile(&away, 0.5)?;
    let mean = MEAN_AD_TO_SIGMA * away.iter().sum::<f64>() / count(away.len());
    Some(Usual { median, spread: if middle > 0.0 { middle } else { mean } })
}

impl Usual {
    /// How many spreads, of `least` at least, `value` lies above the median. None where nothing varies and it is another.
    pub(crate) fn z(self, value: f64, least: f64) -> Option<f64> {
        let (away, spread) = (value - self.median, self.spread.max(least));
        if spread > 0.0 {
            Some(away / spread)
        } else {
            (away.abs() <= f64::EPSILON * self.median.abs()).then_some(0.0)
        }
    }
}

/// The slopes between all pairs of `(time, value)` at different times, in order.
fn slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (i, (at, value)) in points.iter().enumerate() {
        let pairs = points[i + 1..].iter().map(|(later, then)| (then - value) / (later - at));
        slopes.extend(pairs.filter(|slope| slope.is_finite()));
    }
    slopes.sort_by(f64::total_cmp);
    slopes
}

/// The median of the slopes between all pairs of `(time, value)`; none where no two are at different times.
///
/// Source: Theil (1950) and Sen (1968), "Estimates of the regression coefficient based on Kendall's tau".
pub(crate) fn median_slope(points: &[(f64, f64)]) -> Option<f64> {
    quantile_of(&slopes(points), 0.5)
}

/// A slope with the interval that surely covers it, per unit of the abscissa.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slope {
    pub(crate) middle: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// The median slope of `(time, value)` at even times with Sen's interval, which covers it in the share `sure` of all
/// cases. It is widened by how much each value hangs together with the one before (Yue and Wang, 2004), and has no
/// correction for ties. None for too few points to bound it, more than a thousand, or one that is not finite.
pub(crate) fn theil_sen(points: &[(f64, f64)], sure: f64) -> Option<Slope> {
    if points.len() > MAX_VALUES || points.iter().any(|(x, y)| !(x.is_finite() && y.is_finite())) {
        return None;
    }
    let slopes = slopes(points);
    let slope = quantile_of(&slopes, 0.5)?;
    let left: Vec<f64> = points.iter().map(|(x, y)| y - slope * (x - points[0].0)).collect();
    let (n, pairs) = (count(points.len()), count(slopes.len()));
    let variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0 * inflation(&left);
    let spread = deviations(sure) * variance.sqrt();
    let (first, last) = (((pairs - spread) / 2.0).floor(), f64::midpoint(pairs, spread).ceil());
    if first < 1.0 || last >= pairs {
        return None;
    }
    Some(Slope { middle: slope, low: slopes[index(first - 1.0)], high: slopes[index(last)] })
}

/// How many times fewer values that stand alone would tell as much as these, which hang together: one at least.
fn inflation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / count(values.len());
    let away: Vec<f64> = values.iter().map(|v| v - mean).collect();
    let all: f64 = away.iter().map(|v| v * v).sum();
    let next: f64 = away.windows(2).map(|pair| pair[0] * pair[1]).sum();
    // What is left of a straight line is but the noise of arithmetic.
    let scale = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    if all <= (scale * 1e-9).powi(2) * count(values.len()) {
        return 1.0;
    }
    let together = (next / all).clamp(0.0, MOST_TOGETHER);
    (1.0 + together) / (1.0 - together)
}

/// The values, in the order of time, thinned out until each stands alone.
pub(crate) fn thinned(values: &[f64]) -> Vec<f64> {
    values.iter().copied().step_by(index(inflation(values).round().max(1.0))).collect()
}

/// How many standard deviations to either side cover the share `sure` of a normal distribution.
fn deviations(sure: f64) -> f64 {
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if 2.0 * upper_tail(middle) > 1.0 - sure { low = middle } else { high = middle }
    }
    high
}

/// The two-sided p-value of the Mann-Whitney U test: counted out for small sets without ties, else by the normal
/// approximation with corrections for ties and continuity. None for an empty or too large set, or values all alike.
pub(crate) fn mann_whitney(a: &[f64], b: &[f64]) -> Option<f64> {
    let wrong = |set: &[f64]| {
        set.is_empty() || set.len() > MAX_VALUES || set.iter().any(|v| !v.is_finite())
    };
    if wrong(a) || wrong(b) {
        return None;
    }
    let mut all: Vec<(f64, bool)> = a.iter().map(|v| (*v, true)).collect();
    all.extend(b.iter().map(|v| (*v, false)));
    all.sort_by(|x, y| x.0.partial_cmp(&y.0).unwrap_or(Ordering::Equal));
    let (mut before, mut rank_sum, mut ties) = (0.0, 0.0, 0.0);
    #[expect(clippy::float_cmp, reason = "ties are values that are the same")]
    for group in all.chunk_by(|x, y| x.0 == y.0) {
        let size = count(group.len());
        let of_a = count(group.iter().filter(|(_, of_a)| *of_a).count());
        rank_sum += of_a * (before + f64::midpoint(size, 1.0));
        ties += size * (size * size - 1.0);
        before += size;
    }
    let (m, n) = (count(a.len()), count(b.len()));
    let wins = rank_sum - m * (m + 1.0) / 2.0;
    let least = wins.min(m * n - wins);
    if ties == 0.0 && a.len().max(b.len()) <= MAX_EXACT {
        return Some((2.0 * at_most(a.len(), b.len(), index(least))).min(1.0));
    }
    let variance = m * n / 12.0 * (m + n + 1.0 - ties / ((m + n) * (m + n - 1.0)));
    let away = (m * n / 2.0 - least - 0.5).max(0.0);
    (variance > 0.0).then(|| (2.0 * upper_tail(away / variance.sqrt())).min(1.0))
}

/// The share of all orders of `m` and `n` values in which U is at most `u`.
fn at_most(m: usize, n: usize, u: usize) -> f64 {
    // ways[j][s]: the ways to choose j of the places 1..=m+n whose numbers, less the least possible, add up to s.
    let mut ways = vec![vec![0.0; m * n + 1]; m + 1];
    ways[0][0] = 1.0;
    for place in 1..=m + n {
        for chosen in (1..=m.min(place)).rev() {
            let more = place - chosen;
            for sum in more..=m * n {
                ways[chosen][sum] += ways[chosen - 1][sum - more];
            }
        }
    }
    ways[m][..=u].iter().sum::<f64>() / ways[m].iter().sum::<f64>()
}

/// The share of a normal distribution above `z`, which is not negative, to 1e-7 (Abramowitz and Stegun, 26.2.17).
fn upper_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let terms = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let sum = terms.iter().fold(0.0, |sum, term| (sum + term) * t);
    sum * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer pairs of values than 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a place within a list, whole and not negative"
)]
fn index(place: f64) -> usize {
    place as usize
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Noise between -1 and 1, always the same.
    pub(crate) fn noise(seed: u64, n: usize) -> Vec<f64> {
        let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 33).expect("31 bits")) / f64::from(1_u32 << 30) - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    /// These values, one a second.
    fn timed(values: impl IntoIterator<Item = f64>) -> Vec<(f64, f64)> {
        (0..).map(f64::from).zip(values).collect()
    }

    #[test]
    fn what_is_usual_is_told_without_being_led_astray_by_one_value() {
        type Row<'a> = (&'a str, &'a [f64], f64, f64, Option<f64>);
        let history = [10.0, 11.0, 9.0, 10.0, 12.0, 8.0, 1000.0];
        assert_eq!(quantile(&history, 0.5), Some(10.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0, f64::NAN], 0.5), None);
        let mostly = [10.0, 10.0, 10.0, 10.0, 14.0];
        let rows: [Row<'_>; 7] = [
            ("it varies", &history, 13.0, 0.0, Some(3.0 / MAD_TO_SIGMA)),
            ("below", &history, 7.0, 0.0, Some(-3.0 / MAD_TO_SIGMA)),
            ("a spread that is told", &history, 13.0, 3.0, Some(1.0)),
            ("most are the same", &mostly, 12.0, 0.0, Some(2.0 / (0.8 * MEAN_AD_TO_SIGMA))),
            ("it does not vary", &[1.0, 1.0, 1.0], 5.0, 0.0, None),
            ("it does not vary, nor now", &[1.0, 1.0, 1.0], 1.0, 0.0, Some(0.0)),
            ("it does not vary, but might", &[1.0, 1.0, 1.0], 5.0, 2.0, Some(2.0)),
        ];
        for (row, history, value, least, expected) in rows {
            let got = usual(history).expect(row).z(value, least);
            let near = got.zip(expected).is_some_and(|(got, z)| (got - z).abs() < 1e-9);
            assert!(near || got == expected, "{row}: {got:?}");
        }
        assert_eq!(usual(&[]), None);
    }

    #[test]
    fn growth_is_told_from_noise() {
        let line = |slope: f64, noisy: f64| {
            let values = noise(7, 60)
                .into_iter()
                .zip(0..)
                .map(move |(n, i)| slope * f64::from(i) + noisy * n);
            timed(values)
        };
        let stairs = timed((0..60).map(|i| f64::from(i / 6)));
        let rows = [
            ("a line", line(2.0, 0.0), 2.0, Some(true)),
            ("a line and noise", line(1.0, 10.0), 1.0, Some(true)),
            ("down", line(-1.0, 10.0), -1.0, Some(false)),
            ("noise", line(0.0, 10.0), 0.0, Some(false)),
            ("all alike", line(0.0, 0.0), 0.0, Some(false)),
            ("stairs", stairs, 1.0 / 6.0, Some(true)),
        ];
        for (row, points, slope, grows) in rows {
            let got = theil_sen(&points, 0.95);
            assert_eq!(got.map(|got| got.low > 0.0), grows, "{row}: {got:?}");
            let got = got.expect(row);
            assert!(got.low <= slope + 1e-9 && slope - 1e-9 <= got.high, "{row}: {got:?}");
            let surer = theil_sen(&points, 0.999).expect(row);
            assert!(surer.low <= got.low && got.high <= surer.high, "{row}: {surer:?}");
        }
        assert_eq!(theil_sen(&timed([1.0, 2.0, 3.0]), 0.95), None, "too few to bound it");
        assert_eq!(theil_sen(&[(0.0, f64::NAN); 60], 0.95), None, "no numbers");
        assert_eq!(theil_sen(&[(0.0, 1.0); 60], 0.95), None, "one instant");
    }

    /// Of series without growth, few are taken to grow, even where each value hangs together with the one before.
    #[test]
    fn what_hangs_together_is_seldom_taken_for_growth() {
        let share = |together: f64| {
            let grows = |seed: &u64| {
                let mut value = 0.0;
                let values = noise(*seed, 120).into_iter().map(|n| {
                    value = together * value + n;
                    value
                });
                let values: Vec<f64> = values.collect();
                theil_sen(&timed(values), 0.95).is_some_and(|slope| slope.low > 0.0)
            };
            (1..=200_u64).filter(grows).count()
        };
        let (alone, together) = (share(0.0), share(0.8));
        assert!(alone <= 10, "{alone} of 200, where 5 are to be expected");
        assert!(together <= 20, "{together} of 200");
        assert_eq!(thinned(&noise(3, 50)).len(), 50);
        let twice: Vec<f64> = noise(3, 50).into_iter().flat_map(|n| [n; 4]).collect();
        assert!(thinned(&twice).len() <= 50, "{}", thinned(&twice).len());
        assert_eq!(thinned(&[1.0; 9]).len(), 9, "what does not vary");
        assert!(thinned(&[]).is_empty());
        let rows = [(0.95, 1.959_96), (0.99, 2.575_83), (0.5, 0.674_49)];
        for (sure, z) in rows {
            assert!((deviations(sure) - z).abs() < 1e-4, "{sure}: {}", deviations(sure));
        }
    }

    #[test]
    fn two_sets_differ_or_not() {
        type Row<'a> = (&'a str, &'a [f64], &'a [f64], Option<f64>);
        let long: Vec<f64> = (0..30).map(f64::from).collect();
        let rows: [Row<'_>; 6] = [
            ("apart", &[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], Some(0.1)),
            ("the other way round", &[4.0, 5.0, 6.0], &[1.0, 2.0, 3.0], Some(0.1)),
            ("mixed", &[1.0, 4.0], &[2.0, 3.0], Some(1.0)),
            ("ties", &[1.0, 1.0, 2.0, 2.0], &[2.0, 2.0, 3.0, 3.0], Some(0.086_36)),
            ("the same", &long, &long, Some(1.0)),
            ("nothing", &[], &[1.0], None),
        ];
        for (row, a, b, p) in rows {
            match (mann_whitney(a, b), p) {
                (Some(got), Some(p)) => assert!((got - p).abs() < 1e-4, "{row}: {got}"),
                (got, p) => assert_eq!(got, p, "{row}"),
            }
        }
        assert_eq!(mann_whitney(&[2.0, 2.0], &[2.0]), None, "values all alike");
    }
}
