//! Compares two sets of values per metric. Nothing here asks anything.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value, number};

use super::file::Captured;
use super::{Better, MIN_VALUES, Metric};
use crate::prometheus::history::Lines;
use crate::statistics::{mann_whitney, quantile, thinned};

/// How often chance may name a metric that is none the worse, over all metrics of a look.
const CHANCE: f64 = 0.05;

/// One metric with its values on both sides.
#[derive(Debug)]
pub(super) struct Side<'a> {
    metric: &'a Metric,
    /// None for a metric that was not captured.
    then: Option<&'a [f64]>,
    /// Empty for a metric of which production has nothing.
    now: Vec<f64>,
    left_out: usize,
    /// What the source remarks.
    remarks: &'a [String],
}

impl<'a> Side<'a> {
    /// Takes what came for a metric.
    ///
    /// # Errors
    /// More than one series.
    pub(super) fn of(
        metric: &'a Metric,
        captured: Option<&'a Captured>,
        lines: &'a Lines,
    ) -> Result<Self, Failure> {
        let line = match lines.present(1) {
            Ok(living) => living.first().map(|(line, _)| *line),
            // There is no such metric now, or it is no number: it is missing, and the others are told.
            Err(failure) if matches!(failure.cause, Cause::NoData | Cause::Nan) => None,
            Err(failure) => {
                let message = format!("`{}`: {}", metric.name, failure.message);
                return Err(Failure::new(failure.cause, message));
            }
        };
        let now: Vec<f64> = line
            .map_or_else(Vec::new, |line| line.points.iter().map(|(_, value)| *value).collect());
        let left_out = line.map_or(0, |line| line.left_out);
        let then = captured.map(|captured| captured.values.as_slice());
        Ok(Self { metric, then, now, left_out, remarks: &lines.remarks })
    }
}

/// How a metric compares.
#[derive(Debug)]
struct Compared {
    now: f64,
    then: f64,
    /// In percent of the baseline.
    delta: Option<f64>,
    p: Option<f64>,
}

impl Compared {
    fn of(side: &Side<'_>) -> Option<Self> {
        let least = usize::from(MIN_VALUES);
        let then_values = side.then.filter(|values| values.len() >= least)?;
        if side.now.len() < least {
            return None;
        }
        let (now, then) = (quantile(&side.now, 0.5)?, quantile(then_values, 0.5)?);
        let delta = if then > 0.0 {
            Some(100.0 * (now - then) / then)
        } else {
            (now.abs() + then.abs() <= 0.0).then_some(0.0)
        };
        Some(Self { now, then, delta, p: chance(then_values, &side.now) })
    }

    /// In which direction it surely differs, where that can be told of `metrics` at once.
    fn status(&self, metrics: f64) -> Option<&'static str> {
        let differs = self.p? <= CHANCE / metrics;
        Some(match (differs, self.now > self.then) {
            (true, true) => "higher",
            (true, false) if self.now < self.then => "lower",
            _ => "alike",
        })
    }
}

/// How often chance makes two sets so different; none where too few values stand alone.
fn chance(then: &[f64], now: &[f64]) -> Option<f64> {
    let all_alike = |values: &[f64]| values.iter().all(|v| (v - then[0]).abs() <= 0.0);
    if all_alike(then) && all_alike(now) {
        return Some(1.0);
    }
    let (then, now) = (thinned(then), thinned(now));
    let least = usize::from(MIN_VALUES);
    (then.len() >= least && now.len() >= least).then(|| mann_whitney(&then, &now)).flatten()
}

/// The readings of all metrics.
pub(super) fn read(sides: &[Side<'_>]) -> Readings {
    let metrics = f64::from(u32::try_from(sides.len()).unwrap_or(u32::MAX));
    let mut readings = Readings::new();
    let (mut worse, mut missing, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    let mut is_told = true;
    for side in sides {
        let name = side.metric.name.as_str();
        let unit = side.metric.unit.unit();
        let Some(compared) = Compared::of(side) else {
            missing.push(name);
            let then = side.then.map_or(0, <[f64]>::len);
            let says = format!("cannot be compared: {then} values then, {} now", side.now.len());
            readings = readings.part(name, says, true);
            continue;
        };
        let Compared { now, then, delta, p } = compared;
        let status = compared.status(metrics);
        let bad = match side.metric.better {
            Better::Lower => ("higher", 1.0),
            Better::Higher => ("lower", -1.0),
        };
        let is_worse = status == Some(bad.0);
        worse.extend(is_worse.then_some(name));
        is_told &= status.is_some();
        changes.push(delta.map(|delta| delta * bad.1));
        let values = [
            Some(number(now)),
            Some(number(then)),
            Some(number(now - then)),
            delta.map(number),
            p.map(number),
            status.map(|status| Value::Text(status.to_owned())),
        ];
        for (name, value) in side.metric.readings.iter().zip(values) {
            if let Some(value) = value {
                readings.set(name.clone(), value);
            }
        }
        let delta = delta.map_or_else(String::new, |delta| format!(", {delta:+.1}%"));
        let p = p.map_or_else(String::new, |p| format!(" (p = {p:.4})"));
        let says = format!(
            "{} then, {} now{delta}: {}{p}",
            unit.format(then),
            unit.format(now),
            status.unwrap_or("too few values stand alone to say more"),
        );
        readings = readings.part(name, says, is_worse);
    }
    is_told &= missing.is_empty();
    if is_told || !worse.is_empty() {
        readings = readings.texts("worse", worse);
    }
    let known: Option<Vec<f64>> = changes.into_iter().collect();
    if let Some(worst) =
        known.filter(|_| missing.is_empty()).and_then(|known| known.into_iter().reduce(f64::max))
    {
        readings = readings.number("worst", worst);
    }
    let readings = readings.texts("missing", missing);
    remark(readings, sides)
}

/// What the source remarks, and how many values were no numbers.
fn remark(mut readings: Readings, sides: &[Side<'_>]) -> Readings {
    for side in sides {
        for remark in side.remarks {
            readings = readings.note(remark.clone());
        }
        if side.left_out > 0 {
            let (name, some) = (&side.metric.name, side.left_out);
            readings = readings
                .note(format!("{some} values of `{name}` were NaN or infinite and are left out"));
        }
    }
    readings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::prometheus::settings::Check;
    use crate::prometheus_baseline::{MetricSettings, metrics};
    use crate::statistics::tests::noise;

    fn about(middle: f64, seed: u64) -> Vec<f64> {
        noise(seed, 60).into_iter().map(|noise| middle * (1.0 + 0.05 * noise)).collect()
    }

    /// The metric `m` alone.
    fn metric(better: Better) -> Vec<Metric> {
        let settings = MetricSettings { query: None, unit: None, better };
        let mut check = Check::default();
        metrics(BTreeMap::from([("m".to_owned(), settings)]), &mut check)
    }

    fn side<'a>(metric: &'a Metric, then: Option<&'a [f64]>, now: &[f64]) -> Side<'a> {
        Side { metric, then, now: now.to_vec(), left_out: 0, remarks: &[] }
    }

    fn number(readings: &Readings, name: &str) -> Option<f64> {
        match readings.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    #[test]
    fn metrics_are_alike_better_worse_or_cannot_be_compared() {
        type Expected<'a> = (Option<&'a str>, Option<usize>, Option<i32>);
        type Row<'a> = (&'a str, &'a [f64], &'a [f64], Better, Expected<'a>);
        use Better::{Higher, Lower};
        let (base, same, more) = (about(100.0, 1), about(100.0, 2), about(130.0, 3));
        let less = about(70.0, 4);
        let (zero, some, few) = (vec![0.0; 60], about(1.0, 5), base[..5].to_vec());
        // Two values in turn for half an hour each: nothing stands alone.
        let slow: Vec<f64> = (0..60).map(|i| if i < 30 { 90.0 } else { 110.0 }).collect();
        let rows: [Row<'_>; 9] = [
            ("alike", &base, &same, Lower, (Some("alike"), Some(0), Some(0))),
            ("slower", &base, &more, Lower, (Some("higher"), Some(1), Some(30))),
            ("faster", &base, &less, Lower, (Some("lower"), Some(0), Some(-30))),
            ("more of it", &base, &more, Higher, (Some("higher"), Some(0), Some(-30))),
            ("less of it", &base, &less, Higher, (Some("lower"), Some(1), Some(30))),
            ("errors where there were none", &zero, &some, Lower, (Some("higher"), Some(1), None)),
            ("still none", &zero, &zero, Lower, (Some("alike"), Some(0), Some(0))),
            ("too few", &few, &same, Lower, (None, None, None)),
            ("too few that stand alone", &base, &slow, Lower, (None, None, Some(0))),
        ];
        for (row, then, now, better, (status, worse, worst)) in rows {
            let metric = metric(better);
            let told = read(&[side(&metric[0], Some(then), now)]);
            let expected = status.map(|status| Value::Text(status.to_owned()));
            assert_eq!(told.get("m_status"), expected.as_ref(), "{row}: {told:?}");
            let got = match told.get("worse") {
                Some(Value::Texts(list)) => Some(list.len()),
                _ => None,
            };
            assert_eq!(got, worse, "{row}: {told:?}");
            let near = |(worst, got): (i32, f64)| (got - f64::from(worst)).abs() < 5.0;
            let got = number(&told, "worst");
            assert!(
                worst.zip(got).map_or(worst.is_none() && got.is_none(), near),
                "{row}: {told:?}"
            );
        }
    }

    #[test]
    fn what_is_missing_on_either_side_leaves_it_open() {
        let base = about(100.0, 1);
        let metric = metric(Better::Lower);
        let rows = [
            ("never captured", None, base.as_slice()),
            ("nothing now", Some(base.as_slice()), &[][..]),
        ];
        for (row, then, now) in rows {
            let told = read(&[side(&metric[0], then, now)]);
            assert_eq!(told.get("missing"), Some(&Value::Texts(vec!["m".into()])), "{row}");
            assert!(told.get("worse").is_none() && told.get("worst").is_none(), "{row}: {told:?}");
            assert!(told.get("m").is_none(), "{row}");
        }
        let told = read(&[side(&metric[0], Some(&base), &base)]);
        assert_eq!(told.get("missing"), Some(&Value::Texts(vec![])));
        assert_eq!(number(&told, "m_delta"), Some(0.0));
        assert_eq!(number(&told, "m_change"), Some(0.0));
        assert!(number(&told, "m_p").is_some_and(|p| p > 0.99), "{told:?}");
    }
}
