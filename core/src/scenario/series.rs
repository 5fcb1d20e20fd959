//! The notation of samples: one word of a series' line.

use super::Sample;

/// Samples that one word stands for.
#[derive(Debug, PartialEq)]
pub(super) struct Run {
    first: Sample,
    /// What is added from sample to sample; of numbers only.
    step: f64,
    /// How many there are.
    pub(super) count: usize,
}

/// Why a word stands for no samples.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// How far into the word, in characters.
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

const FORMS: &str =
    "a sample is `9`, `9x4`, `0+2x4`, `NaN`, `Inf`, `_`, `_x4`, `stale`, `error` or `errorx4`";

impl Run {
    /// The samples, one by one.
    pub(super) fn samples(&self) -> impl Iterator<Item = Sample> {
        (0..self.count).map(|i| match self.first {
            Sample::Value(first) if self.step != 0.0 => {
                #[expect(clippy::cast_precision_loss, reason = "a scenario has 100,000 samples")]
                let times = i as f64;
                Sample::Value(self.step.mul_add(times, first))
            }
            same => same,
        })
    }
}

/// Reads one word. A number that is repeated stands once by itself and then as often as it says, as in promtool; what is
/// no number stands just as often as it says.
pub(super) fn run(text: &str) -> Result<Run, Bad> {
    let fail = |offset: usize, message: String, hint| Bad { offset, message, hint };
    let once = |first| Ok(Run { first, step: 0.0, count: 1 });
    match text {
        "_" => return once(Sample::Absent),
        "stale" => return once(Sample::Stale),
        "error" => return once(Sample::Refused),
        _ => {}
    }
    let Some((what, times)) = text.rsplit_once('x') else {
        let (first, step) = numbers(text)?;
        if step.is_some() {
            let message = format!("`{text}` does not say how often it grows");
            return Err(fail(text.chars().count(), message, "write it like `0+2x4`"));
        }
        return once(Sample::Value(first));
    };
    let beyond = what.chars().count() + 1;
    let Ok(times) = times.parse::<u32>() else {
        let message = format!("`{times}` is no number of times");
        return Err(fail(beyond, message, "a whole number stands after the `x`"));
    };
    let times = usize::try_from(times).unwrap_or(usize::MAX);
    let first = match what {
        "_" => Sample::Absent,
        "error" => Sample::Refused,
        "stale" => {
            let message = "`stale` stands for one sample".to_owned();
            return Err(fail(0, message, "after it there is no series: write `stale _x4`"));
        }
        _ => {
            let (first, step) = numbers(what)?;
            let step = step.unwrap_or(0.0);
            return Ok(Run { first: Sample::Value(first), step, count: times.saturating_add(1) });
        }
    };
    if times == 0 {
        let message = format!("`{text}` stands for no sample");
        return Err(fail(beyond, message, "leave it out"));
    }
    Ok(Run { first, step: 0.0, count: times })
}

/// `a`, `a+b` or `a-b`.
fn numbers(text: &str) -> Result<(f64, Option<f64>), Bad> {
    let bytes = text.as_bytes();
    let sign = (1..bytes.len())
        .rev()
        .find(|&i| matches!(bytes[i], b'+' | b'-') && !matches!(bytes[i - 1], b'e' | b'E'));
    let Some((first, step)) = sign.and_then(|at| text.split_at_checked(at)) else {
        return Ok((number(text, 0)?, None));
    };
    let step = number(step, first.chars().count())?;
    Ok((number(first, 0)?, Some(step)))
}

fn number(text: &str, offset: usize) -> Result<f64, Bad> {
    let bad = |message| Bad { offset, message, hint: FORMS };
    let read: f64 = text.parse().map_err(|_| bad(format!("`{text}` is no sample")))?;
    if read.is_infinite() && text.chars().any(|c| c.is_ascii_digit()) {
        return Err(bad(format!("`{text}` is too large")));
    }
    Ok(read)
}
