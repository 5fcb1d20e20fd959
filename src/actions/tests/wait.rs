//! `wait` against reports that come once a second.

use launchgate_core::check::{Outcome, Reason};
use launchgate_core::report::CheckReport;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// Between two reports, so that the last one and the end do not fall on one instant.
const AT_MOST: Duration = Duration::from_millis(19_500);

/// What a report says of the check `web` at a second since the step began; `dns` always passes.
struct Sight {
    outcome: Outcome,
    /// When it was observed, in seconds since the step began.
    observed: i64,
    /// How far the wall clock is ahead of the time that has passed.
    ahead: i64,
}

fn pass(second: i64) -> Sight {
    Sight { outcome: Outcome::Pass, observed: second, ahead: 0 }
}

fn fail(second: i64) -> Sight {
    Sight { outcome: Outcome::Fail, ..pass(second) }
}

fn after(seconds: i64) -> jiff::Timestamp {
    start().wall + jiff::SignedDuration::from_secs(seconds)
}

fn shown(plan: &Arc<Plan>, second: i64, sight: &Sight) -> Report {
    let mut report = report(plan);
    report.as_of = after(second + sight.ahead);
    let [dns, web] = report.checklists[0].checks.as_mut_slice() else { panic!("two checks") };
    let set = |check: &mut Arc<CheckReport>, outcome: Outcome, observed| {
        let check = Arc::make_mut(check);
        check.outcome = outcome;
        check.because = format!("seen at {observed}");
        check.observed_at = Some(after(observed));
    };
    set(dns, Outcome::Pass, second + sight.ahead);
    set(web, sight.outcome, sight.observed + sight.ahead);
    report
}

fn attempt(plan: &Arc<Plan>, handle: Handle, perform: Perform) -> Attempt {
    Attempt::new(around(plan, Path::new("."), &TestShims::new(), handle), perform)
}

/// Waits for both checks to pass for 5 s, for at most [`AT_MOST`]. Gives how it ended, the evidence and after how many seconds.
async fn waited(sights: fn(i64) -> Sight) -> (Ended, String, u64) {
    let plan = plan(&[]);
    let (handle, _inbox, reports) = handle(&plan);
    let settings = json!({ "checks": ["health/dns", "health/web"], "for": "5s" });
    let perform = perform("wait", settings, AT_MOST);
    let attempt = attempt(&plan, handle, perform);
    let began = tokio::time::Instant::now();
    let feed = tokio::spawn(async move {
        for second in 1..=30 {
            tokio::time::sleep(SECOND).await;
            reports.send_replace(Arc::new(shown(&plan, second, &sights(second))));
        }
    });
    let (how, evidence) = attempt.make().await;
    feed.abort();
    (how, evidence, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_all_have_passed_without_interruption() {
    type Row = (&'static str, fn(i64) -> Sight, Ended, &'static str, u64);
    let passed = "health/dns, health/web passed for 5s";
    let rows: [Row; 8] = [
        ("all pass from the start", pass, Ended::Succeeded, passed, 6),
        ("one recovers", |s| if s < 5 { fail(s) } else { pass(s) }, Ended::Succeeded, passed, 10),
        (
            "an interruption counts anew",
            |s| if s == 4 { fail(s) } else { pass(s) },
            Ended::Succeeded,
            passed,
            10,
        ),
        (
            "a warning passes",
            |s| Sight { outcome: Outcome::Warn, ..pass(s) },
            Ended::Succeeded,
            passed,
            6,
        ),
        (
            "unknown is no pass",
            |s| Sight { outcome: Outcome::Unknown(Reason::Stale), ..pass(s) },
            Ended::TimedOut,
            "health/web: unknown: seen at 19",
            19,
        ),
        ("it fails to the end", fail, Ended::TimedOut, "health/web: fail: seen at 19", 19),
        (
            "what was seen before it began says nothing",
            |_| pass(0),
            Ended::TimedOut,
            "health/web: not seen since the step began",
            19,
        ),
        (
            "a wall clock that jumps is no time that passed",
            |s| Sight { ahead: if s > 2 { 3_600 } else { 0 }, ..pass(s) },
            Ended::Succeeded,
            passed,
            6,
        ),
    ];
    for (row, sights, how, evidence, seconds) in rows {
        let ended = waited(sights).await;
        assert_eq!(ended.0, how, "{row}: {ended:?}");
        assert_eq!(ended.1, evidence, "{row}");
        assert_eq!(ended.2, seconds, "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_says_what_it_still_waits_for() {
    let late = |s: i64| if s < 17 { fail(s) } else { pass(s) };
    let (how, evidence, _) = waited(late).await;
    assert_eq!(how, Ended::TimedOut);
    assert!(evidence.starts_with("all pass, for "), "{evidence}");
    let (handle, _inbox, reports) = handle(&plan(&[]));
    let settings = json!({ "checks": ["health/dns"], "for": "5s" });
    let attempt = attempt(&plan(&[]), handle, perform("wait", settings, AT_MOST));
    drop(reports);
    assert_eq!(attempt.make().await.0, Ended::InDoubt, "the engine has ended");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_a_reload_dropped_does_not_pass() {
    let plan = plan(&[]);
    let (handle, _inbox, reports) = handle(&plan);
    let settings = json!({ "checks": ["health/gone"], "for": "1s" });
    let perform = perform("wait", settings, 3 * SECOND);
    let attempt = attempt(&plan, handle, perform);
    let feed = tokio::spawn(async move {
        tokio::time::sleep(SECOND).await;
        reports.send_replace(Arc::new(shown(&plan, 1, &pass(1))));
        std::future::pending::<()>().await;
    });
    let says = "health/gone: the plan has no such check any more".to_owned();
    assert_eq!(attempt.make().await, (Ended::TimedOut, says));
    feed.abort();
}
