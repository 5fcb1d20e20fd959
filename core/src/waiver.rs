//! Waivers: a person's dated acceptance of a check that fails or has no answer. A waiver hides nothing: the report goes on
//! to say what is wrong, beside who accepted it, why, and until when.

use schemars::JsonSchema;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{CheckPath, Name};
use crate::time::{add, format_duration};

/// Who may waive in a launch, and for how long at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverRule {
    /// The role that may waive.
    pub by: Name,
    /// The longest waiver.
    pub at_most: Duration,
}

impl Default for WaiverRule {
    /// The incident commander, for a week at most.
    fn default() -> Self {
        Self { by: Name::of("incident_commander"), at_most: Duration::from_secs(7 * 86_400) }
    }
}

/// One person's acceptance of one check. The newest of a check counts; one that ends when it begins takes back the one
/// before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiver {
    /// The check.
    pub check: CheckPath,
    /// Who accepts, taken from their credentials.
    pub person: Name,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Until when it counts.
    pub until: Timestamp,
    /// The launch version that they saw; a waiver counts for no other.
    pub version: String,
    /// The hash of the checklist that they saw; a changed checklist voids the waiver.
    pub checklist_hash: String,
}

/// Why a waiver is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaiverError {
    /// The person does not hold the role.
    #[error("{person} does not hold the role `{role}`, which waives in this launch")]
    NotInRole {
        /// Who tried.
        person: Name,
        /// The role it takes.
        role: Name,
    },
    /// Its end has passed.
    #[error("the waiver would end before it begins: it must end after {0:.0}")]
    Over(Timestamp),
    /// It would last too long.
    #[error("a waiver of this launch lasts {} at most", format_duration(*.0))]
    TooLong(Duration),
    /// There is none to take back.
    #[error("`{0}` has no waiver")]
    None(CheckPath),
}

impl Waiver {
    /// Whether it counts: for this version and this compilation of the checklist, and not over.
    pub fn counts(&self, version: &str, checklist_hash: &str, now: Timestamp) -> bool {
        self.version == version && self.checklist_hash == checklist_hash && now < self.until
    }

    /// Whether its times fit the launch's rule.
    ///
    /// # Errors
    /// It is over already, or lasts too long.
    pub fn fits(&self, rule: &WaiverRule) -> Result<(), WaiverError> {
        if self.until <= self.at {
            return Err(WaiverError::Over(self.at));
        }
        if self.until > add(self.at, rule.at_most) {
            return Err(WaiverError::TooLong(rule.at_most));
        }
        Ok(())
    }
}

/// The waiver of a check that counts now: its newest, if that does.
pub fn in_force<'w>(
    waivers: &'w [Waiver],
    check: &CheckPath,
    version: &str,
    checklist_hash: &str,
    now: Timestamp,
) -> Option<&'w Waiver> {
    let newest = waivers.iter().rev().find(|waiver| waiver.check == *check)?;
    newest.counts(version, checklist_hash, now).then_some(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn waiver(from: i64, until: i64) -> Waiver {
        Waiver {
            check: "dns/apex".parse().expect("a check"),
            person: Name::of("bob"),
            reason: "known".to_owned(),
            at: at(from),
            until: at(until),
            version: "2".to_owned(),
            checklist_hash: "h".to_owned(),
        }
    }

    /// Name, waivers, version, checklist, instant, whether one counts.
    type Row<'a> = (&'a str, &'a [Waiver], &'a str, &'a str, i64, bool);

    #[test]
    fn the_newest_counts_while_it_lasts() {
        let apex: CheckPath = "dns/apex".parse().expect("a check");
        let taken_back = vec![waiver(0, 100), waiver(50, 50)];
        let rows: [Row<'_>; 7] = [
            ("none", &[], "2", "h", 10, false),
            ("lasts", &[waiver(0, 100)], "2", "h", 99, true),
            ("is over", &[waiver(0, 100)], "2", "h", 100, false),
            ("another version", &[waiver(0, 100)], "3", "h", 10, false),
            ("a changed checklist", &[waiver(0, 100)], "2", "i", 10, false),
            ("taken back", &taken_back, "2", "h", 60, false),
            ("given again", &[waiver(0, 10), waiver(20, 100)], "2", "h", 30, true),
        ];
        for (row, waivers, version, hash, now, counts) in rows {
            let found = in_force(waivers, &apex, version, hash, at(now));
            assert_eq!(found.is_some(), counts, "{row}");
        }
    }

    #[test]
    fn its_length_is_bounded() {
        let rule = WaiverRule { at_most: Duration::from_secs(100), ..WaiverRule::default() };
        assert_eq!(waiver(0, 100).fits(&rule), Ok(()));
        assert_eq!(waiver(0, 101).fits(&rule), Err(WaiverError::TooLong(rule.at_most)));
        assert_eq!(waiver(5, 5).fits(&rule), Err(WaiverError::Over(at(5))));
    }
}
