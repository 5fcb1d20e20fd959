//! From values over a while to a slope, or to why none can be told. Nothing here asks anything.

use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit};
use launchgate_core::time::format_duration;

use crate::prometheus::history::{Line, Lines};
use crate::statistics::{Slope, quantile, theil_sen};

/// The share of cases in which no interval of a look is wrong.
const SURE: f64 = 0.95;
/// How much two times of one start differ at most, in seconds: some are reckoned anew at each scrape.
const SAME_START: f64 = 2.0;

/// How values are read.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) unit: Unit,
    /// How many series there have to be.
    pub(super) series: usize,
    pub(super) over: Duration,
    /// The time whose growth a slope is.
    pub(super) per: Duration,
    /// What is left out after a start.
    pub(super) settle: Duration,
    /// The least values that a slope is told from.
    pub(super) least: usize,
    /// The least time that they span.
    pub(super) span: Duration,
}

/// What is told of one series.
#[derive(Debug)]
struct Told {
    restarts: Option<usize>,
    points: usize,
    span: f64,
    trend: Result<Trend, String>,
}

/// How a series goes.
#[derive(Debug)]
struct Trend {
    /// Per second.
    slope: Slope,
    median: f64,
}

/// The readings of all series: the one that grows most decides.
///
/// # Errors
/// More or fewer series than expected, a present value that is no number, a series whose start is not known.
pub(super) fn read(
    values: &Lines,
    starts: Option<&Lines>,
    rules: &Rules,
) -> Result<Readings, Failure> {
    let living = values.present(rules.series)?;
    // All intervals hold at once: each is the surer, the more there are.
    let sure = 1.0 - (1.0 - SURE) / f64::from(u32::try_from(living.len()).unwrap_or(u32::MAX));
    let mut told = Vec::with_capacity(living.len());
    for (line, value) in &living {
        let starts = starts.map(|starts| start_of(line, starts)).transpose()?;
        told.push((*line, *value, tell(line, starts, rules, sure)));
    }
    let most = |of: fn(&Told) -> f64| told.iter().map(|(_, _, t)| of(t)).reduce(f64::max);
    let least = |of: fn(&Told) -> f64| told.iter().map(|(_, _, t)| of(t)).reduce(f64::min);
    let mut readings = Readings::new();
    for (name, value) in [
        ("value", living.iter().map(|(_, value)| *value).reduce(f64::max)),
        ("points", least(|told| count(told.points))),
        ("span", least(|told| told.span)),
        ("restarts", starts.and_then(|_| most(|told| count(told.restarts.unwrap_or(0))))),
    ] {
        if let Some(value) = value {
            readings = readings.number(name, value);
        }
    }
    for (line, value, one) in &told {
        let (says, odd) = says(*value, one, rules);
        readings = readings.part(&line.name, says, odd);
    }
    let trends: Vec<&Trend> = told.iter().filter_map(|(_, _, t)| t.trend.as_ref().ok()).collect();
    let growing = trends.iter().any(|trend| trend.slope.low > 0.0);
    if growing || trends.len() == told.len() {
        readings = readings.flag("growing", growing);
    }
    if trends.len() == told.len() {
        readings = slopes(readings, &trends, rules);
    }
    let untold = told.len() - trends.len();
    if untold > 0 {
        readings = readings.note(format!("no trend can be told of {untold} of {}", told.len()));
    }
    Ok(values.remark(readings))
}

/// The slopes of all series, of each kind the highest; growth where the middle values are above zero.
fn slopes(mut readings: Readings, trends: &[&Trend], rules: &Rules) -> Readings {
    type Kind = (&'static str, &'static str, fn(&Slope) -> f64);
    let kinds: [Kind; 3] = [
        ("slope", "growth", |slope| slope.middle),
        ("slope_at_least", "growth_at_least", |slope| slope.low),
        ("slope_at_most", "growth_at_most", |slope| slope.high),
    ];
    let is_share = trends.iter().all(|trend| trend.median > 0.0);
    for (slope, growth, of) in kinds {
        let per = rules.per.as_secs_f64();
        let steepest = trends.iter().map(|trend| of(&trend.slope) * per).reduce(f64::max);
        let share =
            |trend: &&Trend| 100.0 * of(&trend.slope) * rules.over.as_secs_f64() / trend.median;
        let most = trends.iter().map(share).reduce(f64::max).filter(|_| is_share);
        for (name, value) in [(slope, steepest), (growth, most)] {
            if let Some(value) = value {
                readings = readings.number(name, value);
            }
        }
    }
    readings
}

/// What is told of one series, in a sentence, and whether it stands out.
fn says(value: f64, told: &Told, rules: &Rules) -> (String, bool) {
    let unit = rules.unit;
    let shown = unit.format(value);
    let per = rules.per.as_secs_f64();
    match &told.trend {
        Ok(Trend { slope: Slope { middle, low, high }, .. }) => {
            let [slope, from, to] = [middle, low, high].map(|of| unit.format(of * per));
            let per = format_duration(rules.per);
            let points = told.points;
            (
                format!("{shown}, {slope} more per {per} ({from} to {to}) by {points} values"),
                *low > 0.0,
            )
        }
        Err(why) => (format!("{shown}, {why}"), false),
    }
}

/// When the process behind a series started, over the while.
fn start_of<'a>(line: &Line, starts: &'a Lines) -> Result<&'a [(f64, f64)], Failure> {
    let alike = starts.list.iter().find(|start| start.labels == line.labels);
    alike.map(|start| start.points.as_slice()).filter(|points| !points.is_empty()).ok_or_else(
        || {
            let message = format!("no series of `started` has the labels of {}", line.name);
            Failure::new(Cause::NoData, message)
        },
    )
}

/// What one series tells, by what came after its last start.
fn tell(line: &Line, starts: Option<&[(f64, f64)]>, rules: &Rules, sure: f64) -> Told {
    let since = starts.map_or(f64::NEG_INFINITY, |starts| settled(starts, rules));
    let points: Vec<(f64, f64)> =
        line.points.iter().copied().filter(|(at, _)| *at >= since).collect();
    let span = match (points.first(), points.last()) {
        (Some((first, _)), Some((last, _))) => last - first,
        _ => 0.0,
    };
    let restarts = starts.map(restarts);
    let (n, least) = (points.len(), rules.least);
    let trend = if n < least {
        Err(format!("and no trend: {n} values, fewer than {least}"))
    } else if span < rules.span.as_secs_f64() {
        let (span, least) = (Unit::Time.format(span), format_duration(rules.span));
        Err(format!("and no trend: values over {span}, less than {least}"))
    } else {
        let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        theil_sen(&points, sure)
            .zip(quantile(&values, 0.5))
            .map(|(slope, median)| Trend { slope, median })
            .ok_or_else(|| "and no trend: the values hang together too much".to_owned())
    };
    Told { restarts, points: n, span, trend }
}

/// How often the time of the start changed.
fn restarts(starts: &[(f64, f64)]) -> usize {
    starts.windows(2).filter(|pair| (pair[1].1 - pair[0].1).abs() > SAME_START).count()
}

/// From when on values count: after the last start, and what it takes to settle.
fn settled(starts: &[(f64, f64)], rules: &Rules) -> f64 {
    let Some((_, started)) = starts.last() else { return f64::NEG_INFINITY };
    let former = starts.iter().rfind(|(_, value)| (value - started).abs() > SAME_START);
    // The first instant that is after every one with another start.
    let seen = former.map_or(f64::NEG_INFINITY, |(at, _)| at + f64::EPSILON * at.abs());
    started.max(seen) + rules.settle.as_secs_f64()
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value;

    use super::*;
    use crate::statistics::tests::noise;

    const MIB: f64 = 1_048_576.0;

    fn rules(series: usize) -> Rules {
        Rules {
            unit: Unit::Bytes,
            series,
            over: Duration::from_secs(7200),
            per: Duration::from_secs(3600),
            settle: Duration::from_secs(300),
            least: 20,
            span: Duration::from_secs(3600),
        }
    }

    /// One value a minute over two hours, the last at 7,200 s.
    fn line(name: &str, of: impl Fn(f64) -> f64) -> Line {
        let points: Vec<(f64, f64)> =
            (0..=120).map(|i| f64::from(i) * 60.0).map(|at| (at, of(at))).collect();
        let now = points.last().map(|(_, value)| *value);
        let labels = [("instance".to_owned(), name.to_owned())].into();
        Line { labels, name: name.to_owned(), points, left_out: 0, now }
    }

    /// A process that takes 500 MiB and `mib` more each hour, with noise of 2 MiB.
    fn memory(name: &str, mib: f64) -> Line {
        let noise = noise(11, 121);
        let mut line = line(name, |at| (500.0 + mib * at / 3600.0) * MIB);
        for ((_, value), noise) in line.points.iter_mut().zip(noise) {
            *value += 2.0 * MIB * noise;
        }
        line
    }

    fn lines(list: Vec<Line>) -> Lines {
        Lines { list, remarks: Vec::new() }
    }

    fn number(readings: &Readings, name: &str) -> Option<f64> {
        match readings.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    #[test]
    fn growth_is_told_and_what_hides_it_is_not_taken_for_peace() {
        type Row = (&'static str, Line, Option<Line>, Option<bool>, Option<f64>);
        let short = |mut line: Line, from: usize| {
            line.points.drain(..from);
            line
        };
        let saw = line("a", |at| (500.0 + 100.0 * (at % 3600.0) / 3600.0) * MIB);
        let one = |started: fn(f64) -> f64| Some(line("a", started));
        let steady = |_: f64| -9_000.0;
        let rows: [Row; 8] = [
            ("it grows", memory("a", 20.0), None, Some(true), None),
            ("it is stable", memory("a", 0.0), None, Some(false), None),
            ("it shrinks", memory("a", -20.0), None, Some(false), None),
            ("it grows, started long ago", memory("a", 20.0), one(steady), Some(true), Some(0.0)),
            (
                "a restart an hour ago hides it",
                saw,
                one(|at| (at / 3600.0).floor() * 3600.0),
                None,
                Some(2.0),
            ),
            (
                "it grew until a restart",
                memory("a", 0.0),
                one(|at| if at < 3000.0 { 0.0 } else { 2990.0 }),
                Some(false),
                Some(1.0),
            ),
            ("too few values", short(memory("a", 20.0), 110), None, None, None),
            ("too short", short(memory("a", 20.0), 70), None, None, None),
        ];
        for (row, values, starts, growing, restarts) in rows {
            let starts = starts.map(|line| lines(vec![line]));
            let told = read(&lines(vec![values]), starts.as_ref(), &rules(1)).expect(row);
            assert_eq!(told.get("growing"), growing.map(Value::Flag).as_ref(), "{row}: {told:?}");
            assert_eq!(told.get("slope_at_most").is_some(), growing.is_some(), "{row}: {told:?}");
            assert_eq!(number(&told, "restarts"), restarts, "{row}: {told:?}");
        }
        let told = read(&lines(vec![memory("a", 20.0)]), None, &rules(1)).expect("readings");
        let near = |name, from: f64, to: f64| {
            let got = number(&told, name).expect(name);
            assert!((from..to).contains(&got), "{name}: {told:?}");
        };
        near("slope", 19.0 * MIB, 21.0 * MIB);
        near("slope_at_least", 18.0 * MIB, 20.0 * MIB);
        near("slope_at_most", 20.0 * MIB, 22.0 * MIB);
        near("growth", 7.3, 8.1);
        assert_eq!(number(&told, "points"), Some(121.0));
    }

    #[test]
    fn of_several_series_the_one_that_grows_decides_and_one_untold_leaves_it_open() {
        let mut young = memory("c", 0.0);
        young.points.drain(..100);
        let rows = [
            ("both are stable", vec![memory("a", 0.0), memory("b", 0.0)], Some(false), true),
            ("one grows", vec![memory("a", 0.0), memory("b", 20.0)], Some(true), true),
            ("one is young", vec![memory("a", 0.0), young.clone()], None, false),
            ("one grows, one is young", vec![memory("a", 20.0), young], Some(true), false),
        ];
        for (row, list, growing, slope) in rows {
            let told = read(&lines(list), None, &rules(2)).expect(row);
            assert_eq!(told.get("growing"), growing.map(Value::Flag).as_ref(), "{row}: {told:?}");
            assert_eq!(told.get("growth_at_most").is_some(), slope, "{row}: {told:?}");
            assert_eq!(told.parts.len(), 2, "{row}");
        }
    }

    #[test]
    fn a_start_belongs_to_the_series_with_its_labels() {
        let other = lines(vec![line("b", |_| 0.0)]);
        let failure = read(&lines(vec![memory("a", 0.0)]), Some(&other), &rules(1));
        assert_eq!(failure.expect_err("another").cause, Cause::NoData);
        let below = line("a", |at| -1.0 - at);
        let told = read(&lines(vec![below]), None, &rules(1)).expect("readings");
        assert!(told.get("slope").is_some() && told.get("growth").is_none(), "{told:?}");
    }
}
