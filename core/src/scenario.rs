//! A scenario: samples that somebody wrote down, to ask what a trigger would make of them.
//!
//! The notation of the samples is that of promtool's unit tests: `1x10 0+2x5 _x3 9 NaN Inf stale`; `error`, which is
//! ours, is a source that refuses. Nothing here knows probes or triggers: whether a reading exists is asked later.

mod series;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::name::Name;
use crate::problem::{Flaw, Place};
use crate::time::parse_duration;

/// The most samples of one scenario, all series together.
pub const MAX_SAMPLES: usize = 100_000;
/// The most flaws that are told at once.
const MAX_FLAWS: usize = 50;
/// The words that begin a line and are no reading.
const WORDS: [&str; 4] = ["every", "deploy", "restart", "incident"];

/// What was written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// How far apart the samples are; nothing if the file leaves that to the check.
    pub every: Option<Duration>,
    /// When the deployment began, counted from the first sample; nothing if long enough before it.
    pub deploy: Option<Duration>,
    /// When the daemon was down, oldest first, none overlapping.
    pub restarts: Vec<Window>,
    /// When there was truly something wrong.
    pub incidents: Vec<Window>,
    /// The series, all of one length.
    pub series: Vec<Series>,
}

/// A span of time, counted from the first sample: `14m..15m30s`. The end is outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// When it begins.
    pub from: Duration,
    /// When it has ended.
    pub to: Duration,
}

/// The samples of one reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Where it stands.
    pub place: Place,
    /// The check, `check` or `checklist/check`; nothing where only one is meant.
    pub check: Option<String>,
    /// The reading.
    pub reading: Name,
    /// One per slot.
    pub samples: Vec<Sample>,
}

/// What a source said in one slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// A number, finite or not, in the base of its unit: seconds, bytes, percent.
    Value(f64),
    /// There was no such series.
    Absent,
    /// There had been one, and it was marked as gone.
    Stale,
    /// The source refused to answer.
    Refused,
}

/// A text that is no span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no span of time: {reason}")]
pub struct WindowError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Window {
    /// Whether an instant lies within it.
    pub fn contains(self, at: Duration) -> bool {
        (self.from..self.to).contains(&at)
    }
}

impl std::str::FromStr for Window {
    type Err = WindowError;
    fn from_str(text: &str) -> Result<Self, WindowError> {
        let fail = |reason: String| WindowError { text: text.to_owned(), reason };
        let (from, to) =
            text.split_once("..").ok_or_else(|| fail("write it like `10m..40m`".to_owned()))?;
        let from = parse_duration(from).map_err(|e| fail(e.to_string()))?;
        let to = parse_duration(to).map_err(|e| fail(e.to_string()))?;
        if from >= to {
            return Err(fail("it ends before it begins".to_owned()));
        }
        Ok(Self { from, to })
    }
}

/// Reads a scenario.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text, fifty flaws at most.
pub fn parse(text: &str) -> Result<Scenario, Vec<Flaw>> {
    let mut reader = Reader::default();
    for (i, line) in text.lines().enumerate() {
        reader.line(i + 1, line);
    }
    reader.finish()
}

/// A word of a line and where it stands.
#[derive(Clone, Copy)]
struct Word<'t> {
    place: Place,
    text: &'t str,
}

/// The words of a line before its comment.
fn words(line: usize, text: &str) -> impl Iterator<Item = Word<'_>> {
    let code = text.split('#').next().unwrap_or_default();
    let mut column = 1;
    code.split(char::is_whitespace).filter_map(move |text| {
        let place = Place { line, column };
        column += text.chars().count() + 1;
        (!text.is_empty()).then_some(Word { place, text })
    })
}

/// A scenario on its way, and what was found wrong.
#[derive(Default)]
struct Reader {
    every: Option<Duration>,
    deploy: Option<Duration>,
    restarts: Vec<(Place, Window)>,
    incidents: Vec<Window>,
    series: Vec<Series>,
    count: usize,
    flaws: Vec<Flaw>,
}

impl Reader {
    fn flaw(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        if self.flaws.len() < MAX_FLAWS {
            self.flaws.push(Flaw::new(place, message, hint));
        }
    }

    fn line(&mut self, line: usize, text: &str) {
        let mut words = words(line, text);
        let Some(first) = words.next() else { return };
        if !WORDS.contains(&first.text) {
            self.series(first, words);
            return;
        }
        let Some(said) = words.next() else {
            let example = if matches!(first.text, "every" | "deploy") { "1m" } else { "14m..15m" };
            let hint = format!("write it like `{} {example}`", first.text);
            self.flaw(first.place, format!("`{}` says nothing", first.text), hint);
            return;
        };
        if let Some(more) = words.next() {
            let hint = "each stands on a line of its own";
            self.flaw(more.place, format!("`{}` is one too many", more.text), hint);
        }
        self.directive(first, said);
    }

    fn directive(&mut self, word: Word<'_>, said: Word<'_>) {
        match word.text {
            "every" | "deploy" => match parse_duration(said.text) {
                Ok(zero) if word.text == "every" && zero.is_zero() => {
                    self.flaw(said.place, "samples are some time apart", "write it like `1m`");
                }
                Ok(read) => {
                    let every = word.text == "every";
                    let slot = if every { &mut self.every } else { &mut self.deploy };
                    if slot.replace(read).is_some() {
                        let message = format!("`{}` stands twice", word.text);
                        self.flaw(word.place, message, "leave one of the lines out");
                    }
                }
                Err(error) => self.flaw(said.place, error.to_string(), "write it like `1m`"),
            },
            _ => match said.text.parse::<Window>() {
                Ok(window) if word.text == "restart" => self.restarts.push((said.place, window)),
                Ok(window) => self.incidents.push(window),
                Err(error) => self.flaw(said.place, error.to_string(), "write it like `14m..15m`"),
            },
        }
    }

    fn series<'t>(&mut self, key: Word<'t>, words: impl Iterator<Item = Word<'t>>) {
        let (check, reading) = match key.text.rsplit_once('/') {
            Some((check, reading)) => (Some(check.to_owned()), reading),
            None => (None, key.text),
        };
        let named = Name::try_new(reading);
        let path = check.iter().flat_map(|check| check.split('/'));
        if let Some(error) = named
            .as_ref()
            .err()
            .cloned()
            .or_else(|| path.clone().find_map(|part| Name::try_new(part).err()))
        {
            let hint =
                "a line begins with a reading, or with `every`, `deploy`, `restart` or `incident`";
            self.flaw(key.place, error.to_string(), hint);
            return;
        }
        let Ok(reading) = named else { return };
        let same = |s: &&Series| s.check == check && s.reading == reading;
        if let Some(earlier) = self.series.iter().find(same) {
            let message = format!("`{}` stands twice", key.text);
            let hint = format!("line {} has it already", earlier.place.line);
            self.flaw(key.place, message, hint);
            return;
        }
        let mut samples = Vec::new();
        for word in words {
            match series::run(word.text) {
                Ok(run) => {
                    self.count = self.count.saturating_add(run.count);
                    if self.count > MAX_SAMPLES {
                        let hint = "take a longer `every`, or a part of it";
                        let message = format!("more than {MAX_SAMPLES} samples");
                        self.flaw(word.place, message, hint);
                        return;
                    }
                    samples.extend(run.samples());
                }
                Err(bad) => {
                    let column = word.place.column + bad.offset;
                    let place = Place { line: word.place.line, column };
                    self.flaw(place, bad.message, bad.hint);
                }
            }
        }
        self.series.push(Series { place: key.place, check, reading, samples });
    }

    fn finish(mut self) -> Result<Scenario, Vec<Flaw>> {
        if self.flaws.is_empty() {
            self.lengths();
            self.overlaps();
        }
        if !self.flaws.is_empty() {
            return Err(self.flaws);
        }
        let Self { every, deploy, restarts, incidents, series, .. } = self;
        let restarts = restarts.into_iter().map(|(_, window)| window).collect();
        Ok(Scenario { every, deploy, restarts, incidents, series })
    }

    /// Whether every series says something of every slot.
    fn lengths(&mut self) {
        let top = Place { line: 1, column: 1 };
        let Some(longest) = self.series.iter().max_by_key(|s| s.samples.len()).cloned() else {
            self.flaw(top, "there are no samples", "write a line such as `value 1x10 9x5`");
            return;
        };
        let slots = longest.samples.len();
        let short: Vec<(Place, String)> = self
            .series
            .iter()
            .filter(|s| s.samples.len() < slots.max(1))
            .map(|s| {
                let (name, has) = (&s.reading, s.samples.len());
                (
                    s.place,
                    match (has, slots) {
                        (0, 0) => format!("`{name}` has no samples"),
                        _ => format!(
                            "`{name}` has {has} samples where `{}` has {slots}",
                            longest.reading
                        ),
                    },
                )
            })
            .collect();
        for (place, message) in short {
            self.flaw(place, message, "`_` stands for a slot without a sample, `_x3` for three");
        }
    }

    fn overlaps(&mut self) {
        self.restarts.sort_by_key(|(_, window)| *window);
        let overlap = self.restarts.windows(2).find(|pair| pair[1].1.from < pair[0].1.to);
        if let Some(place) = overlap.map(|pair| pair[1].0) {
            self.flaw(
                place,
                "it begins while the daemon is down already",
                "write one span for both",
            );
        }
        self.incidents.sort();
        if self.incidents.windows(2).any(|pair| pair[1].from < pair[0].to) {
            let top = Place { line: 1, column: 1 };
            self.flaw(top, "two incidents overlap", "write one span for both");
        }
    }
}
