//! A report read back from its JSON, by those who follow a daemon: what its words are of.

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::CheckReport;
use crate::check::{Outcome, Reason};

impl Serialize for CheckReport {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, s)
    }
}

impl<'de> Deserialize<'de> for CheckReport {
    /// Reads the fields one by one; why an outcome is unknown stands beside it.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut check = Self::deserialize(d)?;
        if let (Outcome::Unknown(reason), Some(said)) = (&mut check.outcome, check.reason) {
            *reason = said;
        }
        Ok(check)
    }
}

/// An outcome by its word.
pub(super) fn outcome<'de, D: Deserializer<'de>>(d: D) -> Result<Outcome, D::Error> {
    let word = String::deserialize(d)?;
    let all = [
        Outcome::Pass,
        Outcome::Warn,
        Outcome::Fail,
        Outcome::Waived,
        Outcome::Unknown(Reason::NotYetRun),
    ];
    let named = all.into_iter().find(|outcome| outcome.name() == word);
    named.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&word), &"an outcome"))
}
