//! From the history of a Prometheus to a tape: the watched check's own question, asked over a range of time.
//!
//! A `query` is asked as it stands. The ready-made forms are asked by their usual formulas, without the closer look that
//! the probe takes at young series and sparse scrapes.

mod question;
pub(crate) mod range;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::replay::{Look, Tape};
use launchgate_core::scenario::MAX_SAMPLES;
use launchgate_core::time::elapsed;
use launchgate_probes::prometheus::Settings;
use launchgate_probes::strict;

use self::question::Question;
use self::range::Range;
use super::subject::{Subject, Watched};

/// The time that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// How far apart the samples are.
    pub step: Duration,
}

impl Span {
    /// How many samples that makes.
    ///
    /// # Errors
    /// A span that ends before it begins, or that has more samples than can be replayed, as a sentence.
    fn slots(&self) -> Result<usize, Failure> {
        let fail = |message: String| Err(Failure::new(Cause::BadResponse, message));
        if self.from >= self.to || self.step.is_zero() {
            return fail(format!("there is nothing between {} and {}", self.from, self.to));
        }
        let slots = elapsed(self.from, self.to).as_nanos() / self.step.as_nanos() + 1;
        match usize::try_from(slots).ok().filter(|slots| *slots <= MAX_SAMPLES) {
            Some(slots) => Ok(slots),
            None => fail(format!("more than {MAX_SAMPLES} samples: take a longer step")),
        }
    }
}

/// Asks for what the watched checks would have seen.
///
/// # Errors
/// A check that asks no Prometheus, a span that makes no sense, or what keeps the source from answering.
pub async fn tape(
    subject: &Subject,
    span: Span,
    folder: &Path,
    now: Timestamp,
) -> Result<Tape, Failure> {
    let slots = span.slots()?;
    let mut looks = Vec::new();
    for watched in &subject.watched {
        let settings = settings(watched)?;
        let question = Question::of(&settings)?;
        let range = Range::open(settings, span, slots, folder, now).await?;
        for (slot, outcome) in question.ask(&range).await?.into_iter().enumerate() {
            let times = u32::try_from(slot).unwrap_or(u32::MAX);
            looks.push(Look { at: span.step * times, check: watched.check.clone(), outcome });
        }
    }
    looks.sort_by_key(|look| look.at);
    Ok(Tape {
        start: span.from,
        every: span.step,
        deployed: None,
        looks,
        restarts: Vec::new(),
        remembers: true,
    })
}

fn settings(watched: &Watched) -> Result<Settings, Failure> {
    let fail = |why: String| Failure::new(Cause::BadResponse, format!("{} {why}", watched.check));
    if watched.kind.as_str() != "prometheus" {
        return Err(fail(format!(
            "looks with `{}`, which has no history to ask for",
            watched.kind
        )));
    }
    strict::read(watched.settings.clone()).map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        fail(told.join("; "))
    })
}
