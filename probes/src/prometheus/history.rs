//! What a query yielded over a while, at even steps: for the probes that judge the present by the past.
//!
//! One request per query, up to the source's own present. It judges nothing; what is no number is left out and counted.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_core::time::format_duration;

use super::access::Access;
use super::answer::{self, Ranged};
use super::api::Session;
use super::look::{Instant, Look, MAX_ANSWER};
use super::settings::Check;
use super::verdict;
use crate::metrics::selector::{Labels, Selector};
use crate::probe::Context;

/// The most steps of one query.
const MAX_STEPS: u128 = 400;
/// How many steps there are where their length is not given.
const STEPS: u32 = 120;
/// The most names in one message.
const NAMED: usize = 3;

/// Which instants are asked for: one every `step` over `over`, and the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) over: Duration,
    pub(crate) step: Duration,
}

impl Steps {
    /// Reads `over` and `step`; without a step it is the 120th part, in whole seconds. Fewer than `least` steps are a
    /// problem, and so are more than 400.
    pub(crate) fn read(
        check: &mut Check,
        over: (Option<&str>, Duration),
        step: Option<&str>,
        least: u32,
    ) -> Self {
        let over = check.duration("over", over.0, over.1);
        let usual = Duration::from_secs(over.as_secs().div_ceil(u64::from(STEPS)).max(1));
        let step = check.duration("step", step, usual);
        let count = over.as_millis() / step.as_millis().max(1);
        let shown = format!("{} in steps of {}", format_duration(over), format_duration(step));
        if count > MAX_STEPS {
            check.problem("step", &format!("{shown} are {count} values, more than {MAX_STEPS}"));
        } else if count < u128::from(least) {
            let message = format!("{shown} are {count} values, fewer than the {least} needed");
            check.problem("over", &message);
        }
        Self { over, step }
    }
}

/// One series over a while.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// Its labels, without the metric's name.
    pub(crate) labels: Labels,
    /// Its labels as people read them.
    pub(crate) name: String,
    /// The finite values with their instants in seconds since 1970, in order.
    pub(crate) points: Vec<(f64, f64)>,
    /// How many values were NaN or infinite.
    pub(crate) left_out: usize,
    /// The present value, whatever it is; none for a series that is no more.
    pub(crate) now: Option<f64>,
}

/// All series of a query over a while.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lines {
    pub(crate) list: Vec<Line>,
    /// What the source remarks on the query without doubting the result.
    pub(crate) remarks: Vec<String>,
}

impl Lines {
    /// From what came to lines that end at `end`.
    fn of(ranged: Vec<Ranged>, remarks: Vec<String>, end: f64, step: Duration) -> Self {
        let line = |Ranged { mut labels, values }: Ranged| {
            let name = verdict::name(&labels);
            labels.remove("__name__");
            let near = |at: f64| (at - end).abs() < step.as_secs_f64() / 2.0;
            let now = values.last().filter(|(at, _)| near(*at)).map(|(_, value)| *value);
            let all = values.len();
            let finite = |(at, value): &(f64, f64)| at.is_finite() && value.is_finite();
            let mut points: Vec<(f64, f64)> = values.into_iter().filter(finite).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Line { labels, name, left_out: all - points.len(), points, now }
        };
        Self { list: ranged.into_iter().map(line).collect(), remarks }
    }

    /// The series that have a present value, of which there have to be `expected`, each a number. Others are no more:
    /// instances that were replaced.
    ///
    /// # Errors
    /// More or fewer series, or one whose present value is no finite number.
    pub(crate) fn present(&self, expected: usize) -> Result<Vec<(&Line, f64)>, Failure> {
        let living: Vec<(&Line, f64)> =
            self.list.iter().filter_map(|line| Some((line, line.now?))).collect();
        if living.is_empty() {
            return Err(verdict::nothing(&match self.list.len() {
                0 => "the query yields no series".to_owned(),
                gone => format!("the query yields no series now; {gone} there were are no more"),
            }));
        }
        if living.len() != expected {
            let (cause, word) = if living.len() > expected {
                (Cause::TooManySeries, "more")
            } else {
                (Cause::Partial, "fewer")
            };
            let names: Vec<&str> =
                living.iter().take(NAMED).map(|(line, _)| line.name.as_str()).collect();
            let message = format!(
                "the query yields {} series, {word} than the {expected} expected: {}",
                living.len(),
                names.join(", ")
            );
            return Err(Failure::new(cause, message));
        }
        if let Some((line, value)) = living.iter().find(|(_, value)| !value.is_finite()) {
            return Err(Failure::new(Cause::Nan, format!("{} is {value}", line.name)));
        }
        Ok(living)
    }

    /// Adds the source's remarks, and how many values were no numbers.
    pub(crate) fn remark(&self, readings: Readings) -> Readings {
        let readings = self.remarks.iter().fold(readings, |r, remark| r.note(remark.clone()));
        match self.list.iter().map(|line| line.left_out).sum::<usize>() {
            0 => readings,
            some => readings.note(format!("{some} values were NaN or infinite and are left out")),
        }
    }
}

/// A look at the past in progress.
pub(crate) struct History<'a> {
    look: Look<'a>,
    instant: Instant,
}

impl<'a> History<'a> {
    /// Finds the source's present. With `samples`, it is refused where their newest is older than `max_age`.
    ///
    /// # Errors
    /// What keeps the source from answering, clocks that differ, samples that are too old.
    pub(crate) async fn open(
        access: &'a Access,
        samples: Option<&Selector>,
        max_age: Duration,
        cx: &'a Context,
    ) -> Result<Self, Failure> {
        let session = Session::open(access, cx).await?;
        let now = cx.as_of.unwrap_or(cx.now);
        let look = Look { session, max_age, now, as_of: cx.as_of };
        let instant = look.instant(samples).await?;
        Ok(Self { look, instant })
    }

    /// The source's present, in seconds since 1970.
    pub(crate) fn end(&self) -> f64 {
        self.instant.at
    }

    /// The same as a timestamp.
    ///
    /// # Errors
    /// A clock that is ahead of ours by more than a minute.
    pub(crate) fn instant(&self) -> Result<Timestamp, Failure> {
        answer::timestamp(self.end(), self.look.now)
    }

    /// What `query` yielded at each step.
    ///
    /// # Errors
    /// What keeps the source from answering, and an answer that cannot be relied on.
    pub(crate) async fn lines(&self, query: &str, steps: Steps) -> Result<Lines, Failure> {
        let Steps { over, step } = steps;
        let count = (over.as_millis() / step.as_millis().max(1)).min(MAX_STEPS);
        let millis = u64::try_from(count * step.as_millis()).unwrap_or(u64::MAX);
        let start = self.end() - Duration::from_millis(millis).as_secs_f64();
        let form = [
            ("query", query.to_owned()),
            ("start", format!("{start:.3}")),
            ("end", format!("{:.3}", self.end())),
            ("step", format!("{:.3}", step.as_secs_f64())),
            ("timeout", format!("{:.3}", self.look.session.within().as_secs_f64())),
            ("lookback_delta", format!("{:.3}", self.look.max_age.as_secs_f64())),
        ];
        let answer = self.look.session.post("/api/v1/query_range", &form, MAX_ANSWER).await?;
        let (ranged, remarks) = answer::read_range(&answer, query)?;
        Ok(Lines::of(ranged, remarks, self.end(), step))
    }

    /// Says when the readings were true.
    ///
    /// # Errors
    /// Clocks that differ by more than a minute.
    pub(crate) fn stamp(&self, readings: Readings) -> Result<Readings, Failure> {
        self.instant.stamp(readings, self.look.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_neither_too_many_nor_too_few() {
        let rows = [
            ("as usual", Some("6h"), None, Ok(180)),
            ("short", Some("1m"), Some("1s"), Ok(1)),
            ("a default that is rounded", Some("10m1s"), None, Ok(6)),
            (
                "too many",
                Some("1h"),
                Some("1s"),
                Err("step: 1h in steps of 1s are 3600 values, more than 400"),
            ),
            (
                "too few",
                Some("1h"),
                Some("10m"),
                Err("over: 1h in steps of 10m are 6 values, fewer than the 20 needed"),
            ),
        ];
        for (row, over, step, expected) in rows {
            let mut check = Check::default();
            let steps = Steps::read(&mut check, (over, Duration::ZERO), step, 20);
            let said: Vec<String> = check.problems.iter().map(ToString::to_string).collect();
            match expected {
                Ok(seconds) => {
                    assert_eq!((steps.step.as_secs(), said.len()), (seconds, 0), "{row}: {said:?}");
                }
                Err(problem) => assert_eq!(said, [problem], "{row}"),
            }
        }
    }

    #[test]
    fn series_that_are_no_more_do_not_count() {
        let ranged = |name: &str, values: &[(f64, f64)]| Ranged {
            labels: [("__name__".to_owned(), "m".to_owned()), ("i".to_owned(), name.to_owned())]
                .into(),
            values: values.to_vec(),
        };
        let of = |list: Vec<Ranged>| Lines::of(list, Vec::new(), 100.0, Duration::from_secs(10));
        let (old, new) =
            (ranged("old", &[(80.0, 1.0)]), ranged("new", &[(90.0, 2.0), (100.0, 3.0)]));
        let odd = ranged("odd", &[(90.0, f64::INFINITY), (100.0, f64::NAN)]);
        let rows = [
            ("one", vec![new.clone()], 1, Ok(1)),
            ("one was replaced", vec![old.clone(), new.clone()], 1, Ok(1)),
            ("none", vec![], 1, Err(Cause::NoData)),
            ("none any more", vec![old], 1, Err(Cause::NoData)),
            ("more", vec![new.clone(), odd.clone()], 1, Err(Cause::TooManySeries)),
            ("fewer", vec![new], 2, Err(Cause::Partial)),
            ("no number", vec![odd.clone()], 1, Err(Cause::Nan)),
        ];
        for (row, list, expected, outcome) in rows {
            let got = of(list).present(expected).map(|living| living.len()).map_err(|f| f.cause);
            assert_eq!(got, outcome, "{row}");
        }
        let lines = of(vec![odd]);
        assert_eq!((lines.list[0].left_out, lines.list[0].points.len()), (2, 0));
        assert_eq!(lines.list[0].name, "m{i=\"odd\"}");
        assert_eq!(lines.remark(Readings::new()).notes.len(), 1);
    }
}
