//! From values over a while to how far the present one stands out. Nothing here asks anything.

use std::time::Duration;

use launchgate_core::observation::Failure;
use launchgate_core::reading::{Readings, Unit};

use crate::prometheus::history::{Line, Lines};
use crate::statistics::{Usual, usual};

/// How values are read.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) unit: Unit,
    /// How many series there have to be.
    pub(super) series: usize,
    /// How long before the present the history ends.
    pub(super) apart: Duration,
    /// The least values of the history.
    pub(super) least: usize,
    /// The least spread that counts, in the base of the unit.
    pub(super) least_spread: f64,
}

/// What is told of one series.
#[derive(Debug)]
struct Told<'a> {
    line: &'a Line,
    value: f64,
    points: usize,
    /// What is usual, with the highest value; none for too short a history.
    usual: Option<(Usual, f64)>,
    z: Option<f64>,
}

/// The readings of all series: the one that stands out most decides.
///
/// # Errors
/// More or fewer series than expected, or a present value that is no number.
pub(super) fn read(lines: &Lines, end: f64, rules: &Rules) -> Result<Readings, Failure> {
    let living = lines.present(rules.series)?;
    let told: Vec<Told<'_>> =
        living.into_iter().map(|(line, value)| tell(line, value, end, rules)).collect();
    let mut readings = Readings::new();
    for one in &told {
        readings = readings.part(&one.line.name, says(one, rules.unit), false);
    }
    let by_z = |a: &&Told<'_>, b: &&Told<'_>| {
        let z = |told: &Told<'_>| told.z.unwrap_or(f64::NEG_INFINITY);
        z(a).total_cmp(&z(b))
    };
    if let Some(first) = told.iter().max_by(by_z) {
        readings = readings.number("value", first.value);
        if let Some((usual, highest)) = first.usual {
            readings = readings
                .number("usual", usual.median)
                .number("spread", usual.spread.max(rules.least_spread))
                .number("highest", highest);
            if usual.median > 0.0 {
                let above = 100.0 * (first.value - usual.median) / usual.median;
                readings = readings.number("above", above);
            }
        }
    }
    if let Some(points) = told.iter().map(|told| told.points).min() {
        readings = readings.number("points", f64::from(u32::try_from(points).unwrap_or(u32::MAX)));
    }
    let known: Vec<f64> = told.iter().filter_map(|told| told.z).collect();
    if known.len() == told.len() {
        for (name, value) in [
            ("z", known.iter().copied().reduce(f64::max)),
            ("lowest_z", known.iter().copied().reduce(f64::min)),
        ] {
            if let Some(value) = value {
                readings = readings.number(name, value);
            }
        }
    } else {
        let untold = told.len() - known.len();
        let all = told.len();
        let note = format!("of {untold} of {all} it cannot be told how far they stand out");
        readings = readings.note(note);
    }
    Ok(lines.remark(readings))
}

fn tell<'a>(line: &'a Line, value: f64, end: f64, rules: &Rules) -> Told<'a> {
    let until = end - rules.apart.as_secs_f64();
    let history: Vec<f64> =
        line.points.iter().filter(|(at, _)| *at <= until).map(|(_, value)| *value).collect();
    let points = history.len();
    let highest = history.iter().copied().reduce(f64::max);
    let usual = usual(&history).zip(highest).filter(|_| points >= rules.least);
    let z = usual.and_then(|(usual, _)| usual.z(value, rules.least_spread));
    Told { line, value, points, usual, z }
}

/// What is told of one series, in a sentence.
fn says(told: &Told<'_>, unit: Unit) -> String {
    let value = unit.format(told.value);
    match (told.usual, told.z) {
        (None, _) => format!("{value}, and a history of {} values is too short", told.points),
        (Some((usual, _)), None) => {
            let median = unit.format(usual.median);
            format!("{value} after {median} without any change: `least_spread` tells what counts")
        }
        (Some((usual, _)), Some(z)) => {
            let median = unit.format(usual.median);
            format!("{value}, usual is {median}: {} spreads", Unit::One.format(z))
        }
    }
}

#[cfg(test)]
mod tests {
    use launchgate_core::observation::Cause;
    use launchgate_core::reading::Value;

    use super::*;
    use crate::statistics::tests::noise;

    const RULES: Rules = Rules {
        unit: Unit::One,
        series: 1,
        apart: Duration::from_secs(300),
        least: 30,
        least_spread: 0.0,
    };

    /// One value a minute over an hour; the last five are `late`.
    fn line(name: &str, early: impl Fn(usize) -> f64, late: f64) -> Line {
        let value = |i: usize| if i > 55 { late } else { early(i) };
        let points: Vec<(f64, f64)> =
            (0..=60).map(|i: u32| (f64::from(i) * 60.0, value(i as usize))).collect();
        Line { labels: [].into(), name: name.to_owned(), points, left_out: 0, now: Some(late) }
    }

    fn number(readings: &Readings, name: &str) -> Option<f64> {
        match readings.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    fn told(list: Vec<Line>, least_spread: f64) -> Readings {
        let rules = Rules { series: list.len(), least_spread, ..RULES };
        read(&Lines { list, remarks: Vec::new() }, 3600.0, &rules).expect("readings")
    }

    #[test]
    fn what_stands_out_is_told_and_a_spike_is_not_its_own_history() {
        let noise = noise(5, 61);
        let noisy = |late: f64| line("a", |i| 100.0 + 10.0 * noise[i], late);
        let mut short = noisy(100.0);
        short.points.drain(..40);
        let rows = [
            ("as usual", noisy(103.0), 0.0, Some(false)),
            ("a spike", noisy(200.0), 0.0, Some(true)),
            ("a spike after a flat line, of interest", line("a", |_| 10.0, 50.0), 2.0, Some(true)),
            ("a flat line", line("a", |_| 10.0, 10.0), 0.0, Some(false)),
            ("a flat line, and one more", line("a", |_| 10.0, 11.0), 2.0, Some(false)),
            ("a flat line and another value", line("a", |_| 10.0, 50.0), 0.0, None),
            ("too short", short, 0.0, None),
        ];
        for (row, line, least_spread, spike) in rows {
            let told = told(vec![line], least_spread);
            assert_eq!(number(&told, "z").map(|z| z > 6.0), spike, "{row}: {told:?}");
            assert_eq!(told.notes.len(), usize::from(spike.is_none()), "{row}: {told:?}");
            assert!(told.get("value").is_some(), "{row}");
        }
        let drop = told(vec![noisy(0.0)], 0.0);
        assert!(number(&drop, "lowest_z").is_some_and(|z| z < -6.0), "{drop:?}");
        let above = told(vec![line("a", |_| 10.0, 15.0)], 1.0);
        assert_eq!(number(&above, "above"), Some(50.0));
        assert_eq!(number(&above, "points"), Some(56.0));
        assert_eq!(number(&above, "highest"), Some(10.0));
    }

    #[test]
    fn of_several_the_one_that_stands_out_decides_and_one_untold_leaves_it_open() {
        let noise = noise(5, 61);
        let noisy = |late: f64| line("a", |i| 100.0 + 10.0 * noise[i], late);
        let both = told(vec![noisy(101.0), noisy(200.0)], 0.0);
        assert_eq!(number(&both, "value"), Some(200.0), "{both:?}");
        assert!(number(&both, "z").is_some_and(|z| z > 6.0));
        assert!(number(&both, "lowest_z").is_some_and(|z| z < 6.0));
        let open = told(vec![noisy(101.0), line("b", |_| 10.0, 50.0)], 0.0);
        assert_eq!((number(&open, "z"), open.parts.len()), (None, 2), "{open:?}");
        let lines = Lines { list: vec![noisy(f64::NAN)], remarks: Vec::new() };
        let failure = read(&lines, 3600.0, &RULES).expect_err("no number");
        assert_eq!(failure.cause, Cause::Nan);
    }
}
