//! The trail of a look: what was asked of whom, what came back, and what was left untested.
//!
//! Kept only for a look that somebody wants explained; for every other one it costs nothing. Whoever writes into it
//! writes no secret: what is shown is what was meant to be shown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use launchgate_core::reading::cut;
use serde::Serialize;

/// The most exchanges that are kept of one look.
const MAX_EXCHANGES: usize = 1_000;

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// Who was asked: `203.0.113.10:443`, `https://shop.example/`, `pgbackrest`.
    pub whom: String,
    /// What was asked.
    pub asked: String,
    /// What came back, or why nothing did.
    pub came: String,
    /// From the question to the end of the answer.
    pub took: Duration,
}

/// A trail that is kept, or not.
#[derive(Debug, Clone, Default)]
pub struct Trail(Option<Arc<Mutex<Kept>>>);

#[derive(Debug, Default)]
struct Kept {
    exchanges: Vec<Exchange>,
    untested: Vec<String>,
}

impl Trail {
    /// A trail that is kept.
    pub fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    /// Whether it is kept: what is costly to tell need not be told otherwise.
    pub fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Notes an exchange. Texts are cut like those of readings.
    #[expect(clippy::needless_pass_by_value, reason = "what can be shown is handed over as it is")]
    pub fn note(
        &self,
        whom: impl ToString,
        asked: impl ToString,
        came: impl ToString,
        took: Duration,
    ) {
        let Some(kept) = &self.0 else { return };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.exchanges.len() < MAX_EXCHANGES {
            let (whom, asked) = (cut(whom.to_string()), cut(asked.to_string()));
            kept.exchanges.push(Exchange { whom, asked, came: cut(came.to_string()), took });
        }
    }

    /// Notes what this look did not test, though somebody may think so.
    pub fn untested(&self, what: impl Into<String>) {
        let Some(kept) = &self.0 else { return };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let what = cut(what.into());
        if kept.untested.len() < MAX_EXCHANGES && !kept.untested.contains(&what) {
            kept.untested.push(what);
        }
    }

    /// The exchanges so far, in the order in which they ended.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.as_ref().map_or_else(Vec::new, |kept| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).exchanges.clone()
        })
    }

    /// What was not tested.
    pub fn left_out(&self) -> Vec<String> {
        self.0.as_ref().map_or_else(Vec::new, |kept| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).untested.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_is_kept_only_when_asked_for_and_never_grows_without_end() {
        let silent = Trail::default();
        silent.note("somebody", "something", "nothing", Duration::ZERO);
        assert!(silent.exchanges().is_empty(), "nobody asked for it");
        let kept = Trail::kept();
        for turn in 0..2 * MAX_EXCHANGES {
            kept.note("somebody", turn, "x".repeat(10_000), Duration::ZERO);
            kept.untested("the rest");
        }
        assert_eq!(kept.exchanges().len(), MAX_EXCHANGES);
        assert!(kept.exchanges().iter().all(|e| e.came.len() < 1_000), "texts are cut");
        assert_eq!(kept.left_out(), ["the rest"]);
    }
}
