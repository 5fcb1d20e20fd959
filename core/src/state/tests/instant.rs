//! Reports of other instants.

use super::launch::{Told, bad, good};
use super::*;
use crate::gate::Verdict;
use crate::instant::At;
use crate::report::{Basis, DueState};
use std::collections::HashMap;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn ready() -> Told {
    let mut told = Told::new();
    told.see("infra/dns", good()).see("infra/tls", good()).sign("carol");
    told
}

#[test]
fn what_is_to_come_keeps_what_was_seen_and_ends_what_ends() {
    let mut told = ready();
    let waiver = Event::Waived {
        check: "infra/tls".parse().unwrap(),
        person: Name::of("alice"),
        reason: "known".into(),
        until: told.now.plus(2 * HOUR).wall,
    };
    told.see("infra/tls", bad());
    told.try_apply(waiver).unwrap();
    let now = told.now;
    let at = |told: &Told, text: &str| {
        let at = told.state.at(text.parse().unwrap(), now);
        told.state.projected(at, now)
    };
    let rows = [
        ("the waiver lasts", "1h", Verdict::Go),
        ("it has ended", "3h", Verdict::NoGo),
        ("at the launch", "T-0", Verdict::NoGo),
    ];
    for (row, text, verdict) in rows {
        let report = at(&told, text);
        assert_eq!(report.verdict, verdict, "{row}: {:?}", report.blockers);
        assert_eq!(report.basis, Some(Basis::Projected { seen_at: now.wall }), "{row}");
        assert_eq!(report.as_of, told.state.at(text.parse().unwrap(), now), "{row}");
    }
    let health = |text: &str| {
        let report = at(&told, text);
        let list = report.checklists.iter().find(|list| list.id.as_str() == "health");
        list.map(|list| list.state).unwrap()
    };
    assert_eq!(health("T-0"), DueState::NotYetDue);
    assert_eq!(health("H+1h"), DueState::Overdue);
    assert_eq!(told.state.report(now).basis, None, "the state is as it was");
    assert_eq!(told.state.report(now).verdict, Verdict::Go);
}

#[test]
fn what_is_past_is_judged_from_what_was_kept_by_then() {
    let told = ready();
    let earlier = told.now;
    let dns: CheckPath = "infra/dns".parse().unwrap();
    let tls: CheckPath = "infra/tls".parse().unwrap();
    let seen_dns = vec![told.observation(bad()), told.observation(good())];
    let seen_tls = vec![told.observation(bad())];
    let mut saved = Saved::default();
    for record in told.kept.iter().filter(|r| matches!(r, Record::SignedOff(_))) {
        saved.keep(record.clone()).unwrap();
    }
    let seen = HashMap::from([(dns, seen_dns), (tls, seen_tls)]);
    let plan = Arc::clone(told.state.plan());
    let report = State::recorded(&plan, saved, &seen, earlier.wall);
    assert_eq!((report.verdict, report.basis), (Verdict::NoGo, Some(Basis::Recorded)));
    let outcomes: Vec<&str> =
        report.checklists.iter().flat_map(|l| &l.checks).map(|c| c.outcome.name()).collect();
    assert_eq!(outcomes, ["pass", "fail", "pass", "unknown"]);
    assert!(report.triggers.is_empty(), "how they stood is not kept");
}

#[test]
fn an_instant_by_the_launch_moves_with_it() {
    let mut told = ready();
    let at =
        |told: &Told, text: &str| told.state.at(text.parse::<At>().unwrap(), told.now).to_string();
    assert_eq!(at(&told, "H+1h"), "2026-12-01T10:00:00Z");
    told.reach(Milestone::DeployStarted);
    assert_eq!(at(&told, "H+1h"), "2026-11-30T10:00:00Z");
}
