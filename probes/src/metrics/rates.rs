//! From scrapes to what happened between them: counters that grow, begin anew and come into being.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};

use super::exposition::Series;

/// Into how many steps the window is divided; scrapes that are closer than that are not all kept.
const STEPS: u32 = 8;
/// The most scrapes that are kept, however counters behave.
const MAX_SCRAPES: usize = 32;
/// How far the clocks of a process and of this machine may differ, in seconds.
const SKEW: f64 = 60.0;

/// What one scrape brought.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scrape {
    /// When, on a clock that is never set.
    pub(super) at: Duration,
    /// When, in seconds since 1970 by this machine's clock.
    pub(super) wall: f64,
    /// When the process started, in seconds since 1970 by its own clock, if it says so.
    pub(super) started: Option<f64>,
    /// The counters by series.
    pub(super) counters: BTreeMap<Series, f64>,
}

/// The scrapes of the window, oldest first: the first is the last one from before it, if that is not too old.
#[derive(Debug, Default)]
pub(super) struct History {
    scrapes: VecDeque<Scrape>,
}

/// What happened between the oldest scrape of the window and the newest.
#[derive(Debug, PartialEq)]
pub(super) struct Growth {
    /// By how much each counter grew.
    pub(super) by: BTreeMap<Series, f64>,
    /// The time between the two.
    pub(super) over: Duration,
    /// Whether the process began anew meanwhile.
    pub(super) restarted: bool,
}

impl History {
    /// Whether there is a scrape to compare with one taken at `now`.
    pub(super) fn has_earlier(&self, now: Duration, least: Duration, window: Duration) -> bool {
        let age = |s: &Scrape| now.saturating_sub(s.at);
        self.scrapes.iter().any(|s| age(s) >= least && age(s) <= 2 * window)
    }

    /// Adds a scrape and forgets those that the window does not need, and the last one if it is close to the one before.
    pub(super) fn add(&mut self, scrape: Scrape, window: Duration) {
        let age = |s: &Scrape| scrape.at.saturating_sub(s.at);
        while self.scrapes.front().is_some_and(|s| age(s) > 2 * window)
            || self.scrapes.get(1).is_some_and(|s| age(s) >= window)
            || self.scrapes.len() >= MAX_SCRAPES
        {
            self.scrapes.pop_front();
        }
        let mut newest = self.scrapes.iter().rev();
        if let (Some(newest), Some(before)) = (newest.next(), newest.next())
            && newest.at.saturating_sub(before.at) < window / STEPS
            && !fell(before, newest)
        {
            self.scrapes.pop_back();
        }
        self.scrapes.push_back(scrape);
    }

    /// What happened within the window; nothing if there are not two scrapes.
    ///
    /// # Errors
    /// [`Cause::BadResponse`] when the scrapes come from several processes.
    pub(super) fn growth(&self) -> Result<Option<Growth>, Failure> {
        let (Some(first), Some(last)) = (self.scrapes.front(), self.scrapes.back()) else {
            return Ok(None);
        };
        if self.scrapes.len() < 2 {
            return Ok(None);
        }
        let mut by: BTreeMap<Series, f64> = BTreeMap::new();
        let mut restarted = false;
        for (before, after) in self.scrapes.iter().zip(self.scrapes.iter().skip(1)) {
            let anew = restart(before, after)?;
            restarted |= anew || fell(before, after);
            for (series, now) in &after.counters {
                let grown = grown(before.counters.get(series).copied().filter(|_| !anew), *now);
                *by.entry(series.clone()).or_insert(0.0) += grown;
            }
        }
        Ok(Some(Growth { by, over: last.at.saturating_sub(first.at), restarted }))
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.scrapes.clear();
    }
}

/// By how much a counter grew. One that fell began anew at zero, and one that was not there was zero.
fn grown(before: Option<f64>, now: f64) -> f64 {
    match before {
        Some(before) if now >= before => now - before,
        Some(before) if before.is_nan() => before,
        Some(_) | None => now,
    }
}

/// Whether something began anew between two scrapes, so that neither tells of the other.
fn fell(before: &Scrape, after: &Scrape) -> bool {
    before.started != after.started
        || after.counters.iter().any(|(s, now)| before.counters.get(s).is_some_and(|b| now < b))
}

/// Whether the process began anew between two scrapes, by its own word.
///
/// # Errors
/// When the second scrape is of a process that was there before the first.
fn restart(before: &Scrape, after: &Scrape) -> Result<bool, Failure> {
    let (Some(then), Some(now)) = (before.started, after.started) else { return Ok(false) };
    if (then - now).abs() < 1.0 {
        return Ok(false);
    }
    if now < then || now < before.wall - SKEW {
        let message = "the scrapes come from several processes: scrape each at its own address";
        return Err(Failure::new(Cause::BadResponse, message));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::selector::Labels;

    fn scrape(at: u64, started: Option<f64>, counters: &[(&str, f64)]) -> Scrape {
        let series = |name: &str| (name.to_owned(), Labels::new());
        Scrape {
            at: Duration::from_secs(at),
            #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
            wall: 1000.0 + at as f64,
            started,
            counters: counters.iter().map(|(name, value)| (series(name), *value)).collect(),
        }
    }

    fn history(scrapes: &[Scrape]) -> History {
        let mut history = History::default();
        for scrape in scrapes {
            history.add(scrape.clone(), Duration::from_mins(1));
        }
        history
    }

    #[test]
    fn counters_grow_begin_anew_and_come_into_being() {
        let rows: [(&str, &[Scrape], f64, bool); 7] = [
            (
                "grows",
                &[scrape(0, None, &[("x", 5.0)]), scrape(10, None, &[("x", 8.0)])],
                3.0,
                false,
            ),
            (
                "stands",
                &[scrape(0, None, &[("x", 5.0)]), scrape(10, None, &[("x", 5.0)])],
                0.0,
                false,
            ),
            (
                "began anew",
                &[
                    scrape(0, None, &[("x", 5.0)]),
                    scrape(10, None, &[("x", 9.0)]),
                    scrape(20, None, &[("x", 2.0)]),
                ],
                6.0,
                true,
            ),
            (
                "came into being",
                &[scrape(0, None, &[]), scrape(10, None, &[("x", 7.0)])],
                7.0,
                false,
            ),
            (
                "began anew and outgrew itself",
                &[scrape(0, Some(500.0), &[("x", 5.0)]), scrape(10, Some(1005.0), &[("x", 9.0)])],
                9.0,
                true,
            ),
            (
                "close scrapes lose nothing",
                &[
                    scrape(0, None, &[("x", 1.0)]),
                    scrape(1, None, &[("x", 2.0)]),
                    scrape(2, None, &[("x", 3.0)]),
                    scrape(3, None, &[("x", 4.0)]),
                ],
                3.0,
                false,
            ),
            (
                "close scrapes hide no new beginning",
                &[
                    scrape(0, None, &[("x", 5.0)]),
                    scrape(1, None, &[("x", 2.0)]),
                    scrape(2, None, &[("x", 9.0)]),
                ],
                9.0,
                true,
            ),
        ];
        for (row, scrapes, expected, restarted) in rows {
            let growth = history(scrapes).growth().expect(row).expect(row);
            assert_eq!(growth.by.values().sum::<f64>().to_bits(), expected.to_bits(), "{row}");
            assert_eq!(growth.restarted, restarted, "{row}");
        }
    }

    #[test]
    fn a_counter_that_is_no_number_makes_none() {
        let scrapes = [scrape(0, None, &[("x", f64::NAN)]), scrape(10, None, &[("x", 8.0)])];
        let growth = history(&scrapes).growth().expect("growth").expect("growth");
        assert!(growth.by.values().sum::<f64>().is_nan());
    }

    #[test]
    fn several_processes_behind_one_address_are_noticed() {
        let rows = [
            ("there before", Some(900.0), Some(930.0)),
            ("back and forth", Some(1005.0), Some(900.0)),
        ];
        for (row, first, second) in rows {
            let scrapes = [scrape(0, first, &[("x", 5.0)]), scrape(10, second, &[("x", 9.0)])];
            let failure = history(&scrapes).growth().expect_err(row);
            assert_eq!(failure.cause, Cause::BadResponse, "{row}");
        }
    }

    #[test]
    fn the_window_is_kept_and_bounded() {
        let one = history(&[scrape(0, None, &[])]);
        assert_eq!(one.growth(), Ok(None));
        let second = Duration::from_secs(1);
        assert!(one.has_earlier(second, second, second * 60));
        assert!(!one.has_earlier(second / 2, second, second * 60), "too close");
        assert!(!one.has_earlier(second * 121, second, second * 60), "too old");

        let many: Vec<Scrape> = (0..500).map(|at| scrape(at, None, &[])).collect();
        let history = history(&many);
        assert!(history.scrapes.len() <= 32, "{}", history.scrapes.len());
        let over = history.growth().expect("growth").expect("growth").over;
        assert!(over >= second * 60 && over <= second * 70, "{over:?}");

        let every_minute: Vec<Scrape> = (0..5).map(|i| scrape(i * 61, None, &[])).collect();
        let over = self::history(&every_minute).growth().expect("growth").expect("growth").over;
        assert_eq!(over, second * 61, "the last one from before the window is kept");
        let rare: Vec<Scrape> = (0..5).map(|i| scrape(i * 300, None, &[])).collect();
        assert_eq!(self::history(&rare).growth(), Ok(None));
    }
}
