//! The real daemon killed at every point of a rollback's journal, and started again. No step that must not act twice does,
//! unless a person who has looked says so; every run ends or asks; every message arrives.

mod case;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use self::case::{Case, Seen};
use crate::rig::eight::SCRIPTS;

/// How many daemons are at work at once: each waits most of the time.
const AT_ONCE: usize = 8;

/// Every point of the journal, and some behind another.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |points: &[String]| cases.push(Case::dying_at(points));
    for point in ["before:fire", "committed:fire", "published:message"] {
        add(&[point.to_owned()]);
    }
    for place in ["before:ended", "committed:ended"] {
        add(&[format!("{place}:announce")]);
    }
    let acting = [
        "before:started",
        "committed:started",
        "published",
        "begin",
        "done",
        "before:ended",
        "committed:ended",
    ];
    for step in SCRIPTS.iter().chain(&["switch", "healthy"]) {
        for place in acting {
            add(&[format!("{place}:{step}")]);
        }
    }
    for step in SCRIPTS {
        for place in ["spawned", "ordered", "early", "mid", "early-alone", "mid-alone"] {
            add(&[format!("{place}:{step}")]);
        }
    }
    for point in
        ["before:finished", "committed:finished", "before:delivered", "committed:delivered"]
    {
        add(&[point.to_owned()]);
    }
    for point in ["before:skipped:down", "committed:skipped:down"] {
        add(&[point.to_owned()]);
    }
    // Once more, while what the first crash left is being dealt with.
    for first in ["begin", "mid", "mid-alone"] {
        for second in ["published", "begin", "mid", "done", "before:ended", "committed:ended"] {
            add(&[format!("{first}:revert"), format!("{second}:revert")]);
        }
    }
    for second in ["before:decided", "committed:decided", "committed:started"] {
        add(&["early-alone:revert".to_owned(), format!("{second}:revert")]);
    }
    for second in ["before:ended", "committed:ended", "mid", "done"] {
        add(&["mid-alone:caches".to_owned(), format!("{second}:caches")]);
    }
    cases
}

#[test]
fn a_rollback_survives_a_kill_at_every_point_of_its_journal() {
    if !cfg!(debug_assertions) {
        eprintln!("SKIPPED: the crash points are there in debug builds alone");
        return;
    }
    let repeats = std::env::var("LAUNCHGATE_CRASH_REPEATS").ok();
    let repeats: usize = repeats.map_or(1, |text| text.parse().expect("a number of repeats"));
    let cases = cases();
    let queue: Mutex<VecDeque<usize>> =
        Mutex::new((0..repeats).flat_map(|_| 0..cases.len()).collect());
    let seen: Mutex<Vec<Vec<Result<Seen, String>>>> = Mutex::new(vec![Vec::new(); cases.len()]);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(at) = next() {
                    let ended = cases[at].live_through();
                    seen.lock().unwrap_or_else(PoisonError::into_inner)[at].push(ended);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (table, broken) = tabulated(&cases, &seen);
    eprintln!("{table}");
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

/// What was seen, a line for each case, and what must not have been.
fn tabulated(cases: &[Case], seen: &[Vec<Result<Seen, String>>]) -> (String, Vec<String>) {
    let mut table = format!(
        "{:<45} {:>5} {:>5} {:>11} {:>8} {:>7} {:>6}\n",
        "killed at", "runs", "died", "most acts", "decided", "retried", "ended"
    );
    let mut broken = Vec::new();
    for (case, seen) in cases.iter().zip(seen) {
        let good: Vec<&Seen> = seen.iter().filter_map(|seen| seen.as_ref().ok()).collect();
        let sum = |of: fn(&Seen) -> usize| good.iter().map(|seen| of(seen)).sum::<usize>();
        table += &format!(
            "{:<45} {:>5} {:>5} {:>11} {:>8} {:>7} {:>6}\n",
            case.name(),
            seen.len(),
            sum(|seen| seen.deaths),
            good.iter().map(|seen| seen.most_acts).max().unwrap_or_default(),
            sum(|seen| seen.decisions),
            sum(|seen| seen.retries),
            good.len(),
        );
        let bad = seen.iter().filter_map(|seen| seen.as_ref().err());
        broken.extend(bad.map(|why| format!("{}: {why}", case.name())));
    }
    (table, broken)
}
