//! Whether the size of a backup is sane: held against the median of those before it.

use super::listing::Backup;

/// How many earlier backups a size is held against.
const EARLIER: usize = 7;
/// How far a size may be from the median before it is suspicious, in percent of the median.
const SUSPICIOUS: f64 = 50.0;

/// The size of a backup in percent of the median of up to seven of its kind and repository that ended before it.
/// `None` while there is none, or while a size is not known.
pub(super) fn ratio(backup: &Backup, good: &[&Backup]) -> Option<f64> {
    let same = |b: &&&Backup| {
        b.end < backup.end && b.kind == backup.kind && b.repository == backup.repository
    };
    let mut earlier: Vec<&&Backup> = good.iter().filter(same).collect();
    earlier.sort_by_key(|b| std::cmp::Reverse(b.end));
    let sizes: Option<Vec<u64>> = earlier.iter().take(EARLIER).map(|b| b.size).collect();
    let median = median(sizes?)?;
    (median > 0.0).then_some(100.0 * float(backup.size?) / median)
}

/// Whether a size in percent of the usual one is more than half off.
pub(super) fn is_suspicious(ratio: f64) -> bool {
    (ratio - 100.0).abs() > SUSPICIOUS
}

fn median(mut sizes: Vec<u64>) -> Option<f64> {
    sizes.sort_unstable();
    let middle = sizes.len() / 2;
    match sizes.len() {
        0 => None,
        n if n % 2 == 1 => Some(float(sizes[middle])),
        _ => Some(f64::midpoint(float(sizes[middle - 1]), float(sizes[middle]))),
    }
}

/// A count or a size as a number.
#[expect(clippy::cast_precision_loss, reason = "counts and sizes below 2^52 are exact")]
pub(super) fn float(n: u64) -> f64 {
    n as f64
}

/// How many there are, as a number.
pub(super) fn count(n: usize) -> f64 {
    float(u64::try_from(n).unwrap_or(u64::MAX))
}

/// Reads a size with its unit: `500GiB`, `1.5TB`, `4096B`.
pub(super) fn parse(text: &str) -> Option<u64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..at].trim().parse().ok()?;
    let (step, unit) = match text[at..].strip_suffix("iB") {
        Some(unit) => (1024.0_f64, unit),
        None => (1000.0, text[at..].strip_suffix('B')?),
    };
    let power = match unit {
        "" if step < 1024.0 => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        _ => return None,
    };
    let bytes = number * step.powi(power);
    let sane = (1.0..=float(1 << 62)).contains(&bytes);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is held between 1 and 2^62 above"
    )]
    sane.then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        let rows = [
            ("500GiB", Some(500 << 30)),
            ("1.5KB", Some(1_500)),
            ("16 MiB", Some(16 << 20)),
            ("7B", Some(7)),
            ("7", None),
            ("7iB", None),
            ("0B", None),
            ("-1GB", None),
            ("1e300GB", None),
            ("GiB", None),
            ("1XB", None),
        ];
        for (text, bytes) in rows {
            assert_eq!(parse(text), bytes, "{text}");
        }
    }

    #[test]
    fn half_off_is_still_sane_and_more_is_not() {
        let rows = [(50.0, false), (49.9, true), (150.0, false), (150.1, true), (100.0, false)];
        for (ratio, suspicious) in rows {
            assert_eq!(is_suspicious(ratio), suspicious, "{ratio}");
        }
    }
}
