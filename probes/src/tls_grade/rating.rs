//! From facts to a grade: the score's letter, what caps it, and what the certificate makes of it.

use super::Reading;
use super::clients::{self, Choice};
use super::facts::{Facts, Trust};
use super::grade::{Grade, Range};
use super::rules::{self, Holds, Ruling};
use super::score::{self, Score};

/// A grade with everything that it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rating {
    /// The grade.
    pub(super) grade: Range<Grade>,
    /// The grade if the certificate were trusted.
    pub(super) trust_ignored: Range<Grade>,
    pub(super) score: Range<Score>,
    /// Every rule, whether it holds or not.
    pub(super) rulings: Vec<Ruling>,
    /// What the reference clients come to use.
    pub(super) choices: Vec<Choice>,
}

/// Rates what was found at one address.
pub(super) fn rate(facts: &Facts, reading: Reading) -> Rating {
    let score = score::score(facts);
    let rulings = rules::rulings(facts, reading);
    let capped = |from: Score, holds: fn(&Holds) -> bool| {
        let caps = rulings.iter().filter(|r| holds(&r.holds)).map(|r| r.cap);
        caps.fold(from.letter(), Grade::min)
    };
    let trust_ignored = Range {
        lower: capped(score.lower, |h| matches!(h, Holds::Yes(_) | Holds::Open(_))),
        upper: capped(score.upper, |h| matches!(h, Holds::Yes(_))),
    };
    let [worst, best] = trust(facts);
    let grade =
        Range { lower: trust_ignored.lower.min(worst), upper: trust_ignored.upper.min(best) };
    Rating { grade, trust_ignored, score, rulings, choices: clients::choices(facts, true) }
}

/// The best grade that the certificates allow, at worst and at best. Who is not trusted at all is worse off than who is
/// trusted for another name.
fn trust(facts: &Facts) -> [Grade; 2] {
    if facts.certificates.is_empty() {
        let best = if facts.is_anonymous_only() { Grade::T } else { Grade::APlus };
        return [Grade::T, best];
    }
    let mut ends = [Grade::APlus; 2];
    for certificate in &facts.certificates {
        let named = if certificate.mismatch { Grade::M } else { Grade::APlus };
        let [worst, best] = match certificate.trust {
            Trust::Trusted => [named, named],
            Trust::Refused(_) => [Grade::T, Grade::T],
            Trust::Open(_) => [Grade::T, named],
        };
        ends = [ends[0].min(worst), ends[1].min(best)];
    }
    ends
}

#[cfg(test)]
#[path = "rating_tests.rs"]
mod tests;
