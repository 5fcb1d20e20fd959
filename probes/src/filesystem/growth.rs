//! How fast something grows, from a few samples over days: the median of the slopes between all pairs.
//!
//! Up to 29 % of the samples may be wild (a log that was rotated, a dump that came and went) without moving it far.

use crate::statistics;

/// The slope through `samples` of (seconds, value), in units per second. Nothing for fewer than `least` samples, or when they
/// span less than `span` seconds.
pub fn slope(samples: &[(f64, f64)], least: usize, span: f64) -> Option<f64> {
    let first = samples.iter().map(|(at, _)| *at).fold(f64::INFINITY, f64::min);
    let last = samples.iter().map(|(at, _)| *at).fold(f64::NEG_INFINITY, f64::max);
    if samples.len() < least.max(2) || last - first < span {
        return None;
    }
    statistics::median_slope(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_the_median_of_all_pairs() {
        let line: Vec<(f64, f64)> = (0..10).map(f64::from).map(|x| (x, 3.0 * x + 7.0)).collect();
        let mut wild = line.clone();
        wild[4].1 = 1_000.0;
        wild[7].1 = -1_000.0;
        let flat: Vec<(f64, f64)> = (0..10).map(f64::from).map(|x| (x, 5.0)).collect();
        let rows = [
            ("a line", line.clone(), 5, 5.0, Some(3.0)),
            ("two wild samples", wild, 5, 5.0, Some(3.0)),
            ("nothing moves", flat, 5, 5.0, Some(0.0)),
            ("too few", line[..4].to_vec(), 5, 1.0, None),
            ("too short", line.clone(), 5, 10.0, None),
            ("one instant", vec![(1.0, 1.0), (1.0, 2.0)], 2, 0.0, None),
            ("none", Vec::new(), 0, 0.0, None),
        ];
        for (row, samples, least, span, expected) in rows {
            assert_eq!(slope(&samples, least, span), expected, "{row}");
        }
    }
}
