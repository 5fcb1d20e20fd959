//! The tally of a run of tests, in whatever format it was written.
//!
//! A run that breaks off, that ran nothing, or that says less than it announced is no answer unless a test failed: that one
//! failed stays true.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};

/// How many failed tests are told by name.
const MAX_NAMES: usize = 100;

/// What came of the tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many passed.
    pub passed: u32,
    /// The names of those that failed, as far as they are kept; see [`Tally::failures`].
    pub failed: Vec<String>,
    /// How many failed.
    pub failures: u32,
    /// How many were skipped, or are not expected to pass yet.
    pub skipped: u32,
    /// Why not all of them are told, if so.
    pub incomplete: Option<String>,
}

/// What a tally can tell.
pub(super) fn specs() -> Vec<ReadingSpec> {
    let number = ReadingType::Number(Unit::One);
    vec![
        ReadingSpec::new("tests", number, "how many tests were told of"),
        ReadingSpec::new("passed", number, "how many passed"),
        ReadingSpec::new("failed", number, "how many failed"),
        ReadingSpec::new("skipped", number, "how many were skipped, or need not pass yet"),
        ReadingSpec::new("failures", ReadingType::Texts, "the names of those that failed"),
        ReadingSpec::new("complete", ReadingType::Flag, "whether all announced tests are told of"),
    ]
}

impl Tally {
    /// Notes one that failed.
    pub(super) fn fail(&mut self, name: &str) {
        self.failures = self.failures.saturating_add(1);
        if self.failed.len() < MAX_NAMES {
            self.failed.push(name.to_owned());
        }
    }

    fn total(&self) -> u32 {
        self.passed.saturating_add(self.failures).saturating_add(self.skipped)
    }

    /// It in a sentence.
    pub(super) fn sentence(&self) -> String {
        let mut text = format!("{} passed, {} failed", self.passed, self.failures);
        if self.skipped > 0 {
            text += &format!(", {} skipped", self.skipped);
        }
        if let Some(first) = self.failed.first() {
            text += &format!("; first: {first}");
        }
        text
    }

    /// The readings.
    ///
    /// # Errors
    /// Nothing ran, or not everything and nothing failed.
    pub(super) fn readings(&self, about: Readings) -> Result<Readings, Failure> {
        if let (Some(why), 0) = (&self.incomplete, self.failures) {
            return Err(Failure::new(Cause::Partial, why.clone()));
        }
        if self.passed == 0 && self.failures == 0 {
            let message = format!("no test ran; {} were skipped", self.skipped);
            return Err(Failure::new(Cause::NoData, message));
        }
        let mut readings = about
            .number("tests", f64::from(self.total()))
            .number("passed", f64::from(self.passed))
            .number("failed", f64::from(self.failures))
            .number("skipped", f64::from(self.skipped))
            .texts("failures", self.failed.iter())
            .flag("complete", self.incomplete.is_none());
        if let Some(why) = &self.incomplete {
            readings = readings.note(why);
        }
        for name in &self.failed {
            readings = readings.part(name, "failed", true);
        }
        Ok(readings)
    }
}
