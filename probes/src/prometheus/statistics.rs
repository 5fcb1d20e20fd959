//! Statistics over samples: what is usual, whether something grows, whether two sets differ. Pure; it asks nobody, and
//! tells nothing where there is too little to tell by.
//!
//! The intervals and p-values take samples as independent. Samples that hang together make them too sure.

use std::cmp::Ordering;

/// The standard normal quantile for an interval that covers 95 %.
const Z_95: f64 = 1.959_963_984_540_054;
/// Makes the median absolute deviation of normal values their standard deviation.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;
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
pub(super) fn quantile(values: &[f64], at: f64) -> Option<f64> {
    if values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of(&sorted, at)
}

/// How many robust standard deviations `value` lies from the median of `history`; none where the history does not vary.
pub(super) fn robust_z(value: f64, history: &[f64]) -> Option<f64> {
    let median = quantile(history, 0.5)?;
    let deviations: Vec<f64> = history.iter().map(|v| (v - median).abs()).collect();
    let sigma = MAD_TO_SIGMA * quantile(&deviations, 0.5)?;
    (sigma > 0.0).then(|| (value - median) / sigma)
}

/// A slope with the interval that covers it in 95 of 100 cases, per unit of the abscissa.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slope {
    pub(super) slope: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The median slope of all pairs of `(time, value)` with Sen's interval (P. K. Sen, 1968), without correction for ties.
/// None for too few points to bound it, more than a thousand, or one that is not finite.
pub(super) fn theil_sen(points: &[(f64, f64)]) -> Option<Slope> {
    if points.len() > MAX_VALUES || points.iter().any(|(x, y)| !(x.is_finite() && y.is_finite())) {
        return None;
    }
    let mut slopes = Vec::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let later = points[i + 1..].iter().filter(|(other, _)| other != x);
        slopes.extend(later.map(|(other, value)| (value - y) / (other - x)));
    }
    slopes.sort_by(f64::total_cmp);
    let (n, pairs) = (count(points.len()), count(slopes.len()));
    let spread = Z_95 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let (first, last) = (((pairs - spread) / 2.0).floor(), ((pairs + spread) / 2.0).ceil());
    if first < 1.0 || last >= pairs {
        return None;
    }
    let slope = quantile_of(&slopes, 0.5)?;
    Some(Slope { slope, low: slopes[index(first - 1.0)], high: slopes[index(last)] })
}

/// The two-sided p-value of the Mann-Whitney U test: counted out for small sets without ties, else by the normal
/// approximation with corrections for ties and continuity. None for an empty or too large set, or values all alike.
pub(super) fn mann_whitney(a: &[f64], b: &[f64]) -> Option<f64> {
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
        rank_sum += of_a * (before + (size + 1.0) / 2.0);
        ties += size * (size * size - 1.0);
        before += size;
    }
    let (m, n) = (count(a.len()), count(b.len()));
    let u = rank_sum - m * (m + 1.0) / 2.0;
    let least = u.min(m * n - u);
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
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_told_without_being_led_astray_by_one_value() {
        let history = [10.0, 11.0, 9.0, 10.0, 12.0, 8.0, 1000.0];
        assert_eq!(quantile(&history, 0.5), Some(10.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0, f64::NAN], 0.5), None);
        let z = robust_z(13.0, &history).expect("it varies");
        assert!((z - 3.0 / MAD_TO_SIGMA).abs() < 1e-9, "{z}");
        assert_eq!(robust_z(5.0, &[1.0, 1.0, 1.0]), None, "it does not vary");
    }

    #[test]
    fn growth_is_told_from_noise() {
        let points = |f: fn(f64) -> f64| (0..40).map(|i| (f64::from(i), f(f64::from(i)))).collect();
        let rows: [(&str, Vec<(f64, f64)>, Option<f64>); 4] = [
            ("a line", points(|x| 2.0 * x), Some(2.0)),
            ("a line and noise", points(|x| x + (x * 12.9898).sin() * 5.0), Some(1.0)),
            ("noise", points(|x| (x * 12.9898).sin() * 5.0), None),
            ("all alike", points(|_| 7.0), None),
        ];
        for (row, points, grows) in rows {
            let got = theil_sen(&points).expect(row);
            assert_eq!(got.low > 0.0, grows.is_some(), "{row}: {got:?}");
            let slope = grows.unwrap_or(0.0);
            assert!(got.low <= slope && slope <= got.high, "{row}: {got:?}");
        }
        assert_eq!(theil_sen(&[(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]), None, "too few to bound it");
    }

    #[test]
    fn two_sets_differ_or_not() {
        let long: Vec<f64> = (0..30).map(f64::from).collect();
        let rows: [(&str, &[f64], &[f64], Option<f64>); 6] = [
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
