//! One look: all parts of a question at one instant of the source's own clock.
//!
//! What it brings home is either a number that can be relied on or the reason why there is none.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_core::time::format_duration;

use super::answer::{self, Samples};
use super::api::{Answer, Session};
use super::{Counted, ErrorRate, Latency, Query, question, verdict};
use crate::metrics::quantile::Buckets;
use crate::metrics::selector::{Op, Selector};
use crate::metrics::share;

/// The largest answer to one query, in bytes.
pub(super) const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// A look in progress.
pub(super) struct Look<'a> {
    pub(super) session: Session<'a>,
    /// How old the newest sample may be.
    pub(super) max_age: Duration,
    /// The wall-clock time of this machine.
    pub(super) now: Timestamp,
    /// The instant of the past that is asked for; none lets the source choose its own now.
    pub(super) as_of: Option<Timestamp>,
}

/// The instant that everything is asked for.
pub(super) struct Instant {
    /// In seconds since 1970, by the source's clock.
    pub(super) at: f64,
    /// When the newest sample was taken, if it was asked for.
    newest: Option<f64>,
}

impl Instant {
    /// Says when the readings were true, and how old that is.
    pub(super) fn stamp(&self, readings: Readings, now: Timestamp) -> Result<Readings, Failure> {
        let readings = match self.newest {
            Some(newest) => readings.number("age", (self.at - newest).max(0.0)),
            None => readings,
        };
        Ok(readings.sampled_at(answer::timestamp(self.newest.unwrap_or(self.at), now)?))
    }
}

impl Look<'_> {
    /// The number that a query yields.
    pub(super) async fn query(&self, asked: &Query) -> Result<Readings, Failure> {
        let instant = self.instant(asked.samples.as_ref()).await?;
        let values = self.ask(&asked.text, Some(&instant));
        let traffic = async {
            match &asked.traffic {
                Some(traffic) => {
                    let samples = self.ask(traffic, Some(&instant)).await?;
                    let none = || verdict::nothing("the query `traffic` yields nothing");
                    Ok(Some(samples.one("the query `traffic`")?.ok_or_else(none)?))
                }
                None => Ok(None),
            }
        };
        let density = async {
            match (&asked.samples, asked.range) {
                (Some(series), Some(range)) => {
                    let count = question::density(series, &question::range(range));
                    let count = self.one(count, &instant).await?.unwrap_or(0.0);
                    Ok(verdict::density(count, range))
                }
                _ => Ok(Readings::new()),
            }
        };
        let (values, traffic, density) = tokio::try_join!(values, traffic, density)?;
        if let Some(traffic) = traffic {
            share::enough(traffic, asked.least, "by the query `traffic`")?;
        }
        let mut readings = verdict::values(&values, asked.series, asked.unit)?;
        if let Some(traffic) = traffic {
            readings = readings.number("traffic", traffic);
        }
        readings.values.extend(density.values);
        readings.notes.extend(density.notes);
        if asked.falls_back {
            let note = "`or vector(…)`: the number may stand for series that are missing";
            readings = readings.note(note.to_owned());
        }
        instant.stamp(readings, self.now)
    }

    /// The share of errors among events.
    pub(super) async fn error_rate(&self, asked: &ErrorRate) -> Result<Readings, Failure> {
        let ErrorRate { total, errors, counted } = asked;
        let instant = self.instant(Some(total)).await?;
        let window = question::range(counted.window);
        let happened = |which| question::happened(which, total, &window, "");
        let born = question::count(&question::born(errors, total, &window));
        let events = happened(total);
        let (events, readings, bad, born) = tokio::try_join!(
            self.ask(&events, Some(&instant)),
            self.around(total, counted, &instant),
            self.one(happened(errors), &instant),
            self.one(born, &instant),
        )?;
        let events = events.one("the events")?.ok_or_else(|| verdict::too_few_samples(total))?;
        share::enough(events, counted.least, &counted.within())?;
        let bad = match bad {
            Some(bad) => bad,
            None => self.no_errors(asked, &instant).await?,
        };
        let mut readings = readings
            .number("value", share::percent(bad, events)?)
            .number("errors", bad)
            .number("traffic", events);
        if let Some(born) = born {
            readings = readings.note(format!(
                "{born} series of errors began within the window, and are counted from zero"
            ));
        }
        instant.stamp(readings, self.now)
    }

    /// A quantile of a histogram: of its classic buckets, or of a native one where there are none.
    pub(super) async fn latency(&self, asked: &Latency) -> Result<Readings, Failure> {
        let Latency { buckets, native, .. } = asked;
        if let Some(instant) = self.newest(question::newest(buckets), buckets).await? {
            return self.classic(asked, &instant).await;
        }
        let Some(series) = native else { return Err(self.absent(buckets).await) };
        match self.newest(question::newest_native(series), series).await {
            Ok(Some(instant)) => self.native(asked, series, &instant).await,
            // A source that knows no native histograms refuses the question for them.
            Err(failure) if failure.cause != Cause::BadResponse => Err(failure),
            Ok(None) | Err(_) => {
                let failure = self.absent(buckets).await;
                let lately = question::lately_native(series);
                match self.ask(&lately, None).await {
                    Ok(lately) if failure.cause == Cause::NoData && !lately.list.is_empty() => {
                        Err(self.gone(series, &lately).await)
                    }
                    _ => Err(failure),
                }
            }
        }
    }

    async fn classic(&self, asked: &Latency, instant: &Instant) -> Result<Readings, Failure> {
        let Latency { buckets, quantile, slower_than, counted, .. } = asked;
        let window = question::range(counted.window);
        let all = buckets.and("le", Op::Like, "\\+Inf");
        let happened = question::happened(buckets, &all, &window, "by (le)");
        let (grown, mut readings) = tokio::try_join!(
            self.ask(&happened, Some(instant)),
            self.around(buckets, counted, instant)
        )?;
        if grown.list.is_empty() {
            return Err(verdict::too_few_samples(buckets));
        }
        let grown = Buckets::read(verdict::bounds(&grown)?)?;
        share::enough(grown.total(), counted.least, &counted.within())?;
        let quantile = grown.readings(*quantile, slower_than.map(|d| d.as_secs_f64()))?;
        readings.values.extend(quantile.values);
        readings.notes.extend(quantile.notes);
        instant.stamp(readings.number("traffic", grown.total()), self.now)
    }

    async fn native(
        &self,
        asked: &Latency,
        series: &Selector,
        instant: &Instant,
    ) -> Result<Readings, Failure> {
        let Latency { quantile, slower_than, counted, .. } = asked;
        let happened = question::happened(series, series, &question::range(counted.window), "");
        let grown = async {
            let answer = self.answer(&happened, Some(instant)).await?;
            answer::read_native(&answer, &happened)
        };
        let (grown, mut readings) = tokio::try_join!(grown, self.around(series, counted, instant))?;
        let (grown, remarks) = grown.ok_or_else(|| verdict::too_few_samples(series))?;
        share::enough(grown.total(), counted.least, &counted.within())?;
        let quantile = grown.readings(*quantile, slower_than.map(|d| d.as_secs_f64()))?;
        readings.values.extend(quantile.values);
        readings.notes.extend(quantile.notes);
        readings.notes.extend(remarks);
        instant.stamp(readings.number("traffic", grown.total()), self.now)
    }

    /// What is told of those who count: targets that are down, and how many samples there are. Refuses a window in which
    /// there are too few.
    async fn around(
        &self,
        series: &Selector,
        counted: &Counted,
        instant: &Instant,
    ) -> Result<Readings, Failure> {
        let density = question::density(series, &question::range(counted.window));
        let targets = question::targets(series);
        let (density, targets) =
            tokio::try_join!(self.one(density, instant), self.ask(&targets, Some(instant)))?;
        let density = verdict::dense(density, series, counted.window)?;
        let mut readings = verdict::targets(&targets)?;
        readings.values.extend(density.values);
        readings.notes.extend(density.notes);
        Ok(readings)
    }

    /// That there is no series of errors: zero if there could be one, else nothing is known.
    async fn no_errors(&self, asked: &ErrorRate, instant: &Instant) -> Result<f64, Failure> {
        let ErrorRate { total, errors, .. } = asked;
        if self.one(question::count(&errors.to_string()), instant).await?.is_some() {
            return Err(verdict::too_few_samples(errors));
        }
        if errors.name != total.name {
            let message = format!("no series matches {errors}, and so it may be misspelt");
            return Err(Failure::new(Cause::NoData, message));
        }
        let labelled = self.ask(&question::labelled(total, errors), Some(instant)).await?;
        verdict::could_be_labelled(&labelled, total, errors)?;
        Ok(0.0)
    }

    /// Finds the instant: the source's own now, at which these series, if given, have a sample that is young enough.
    pub(super) async fn instant(&self, series: Option<&Selector>) -> Result<Instant, Failure> {
        let Some(series) = series else {
            let now = self.ask("time()", None).await?;
            let at = now.list.first().map(|s| s.at);
            let at = at.ok_or_else(|| verdict::nothing("the source does not tell the time"))?;
            return self.checked(Instant { at, newest: None });
        };
        match self.newest(question::newest(series), series).await? {
            Some(instant) => Ok(instant),
            None => Err(self.absent(series).await),
        }
    }

    /// The instant at which these series have a sample that is young enough, by the query for the newest; none if they have
    /// none.
    async fn newest(&self, query: String, series: &Selector) -> Result<Option<Instant>, Failure> {
        let newest = self.ask(&query, None).await?;
        let Some(sample) = newest.list.first() else { return Ok(None) };
        let age = Duration::try_from_secs_f64(sample.at - sample.value).unwrap_or_default();
        if age > self.max_age {
            let (age, most) = (format_duration(age), format_duration(self.max_age));
            let message = format!("the newest sample of {series} is {age} old, more than {most}");
            return Err(Failure::new(Cause::Stale, message));
        }
        self.checked(Instant { at: sample.at, newest: Some(sample.value) }).map(Some)
    }

    /// Compares the source's clock with ours.
    fn checked(&self, instant: Instant) -> Result<Instant, Failure> {
        let at = answer::timestamp(instant.at, self.now)?;
        if self.now.duration_since(at) > SignedDuration::from_mins(1) {
            let message = format!("the source's clock says {at}, this machine's {}", self.now);
            return Err(Failure::new(Cause::Stale, message));
        }
        Ok(instant)
    }

    /// Why these series are not there: they never were, they are no more, or their targets are down.
    async fn absent(&self, series: &Selector) -> Failure {
        match self.ask(&question::lately(series), None).await {
            Ok(lately) => self.gone(series, &lately).await,
            Err(failure) => failure,
        }
    }

    /// The same, by those that there were lately.
    async fn gone(&self, series: &Selector, lately: &Samples) -> Failure {
        match self.ask(&question::former_targets(series), None).await {
            Ok(targets) => verdict::absent(series, lately, &targets, self.max_age),
            Err(failure) => failure,
        }
    }

    /// The single number that a query of ours yields.
    async fn one(&self, query: String, instant: &Instant) -> Result<Option<f64>, Failure> {
        self.ask(&query, Some(instant)).await?.one(&query)
    }

    async fn ask(&self, query: &str, instant: Option<&Instant>) -> Result<Samples, Failure> {
        answer::read(&self.answer(query, instant).await?, query)
    }

    async fn answer(&self, query: &str, instant: Option<&Instant>) -> Result<Answer, Failure> {
        let mut form = vec![
            ("query", query.to_owned()),
            ("timeout", format!("{:.3}", self.session.within().as_secs_f64())),
            ("lookback_delta", format!("{:.3}", self.max_age.as_secs_f64())),
        ];
        let past = || self.as_of.map(|at| at.as_duration().as_secs_f64());
        if let Some(at) = instant.map(|instant| instant.at).or_else(past) {
            form.push(("time", format!("{at:.3}")));
        }
        self.session.post("/api/v1/query", &form, MAX_ANSWER).await
    }
}
