//! What people state: waivers, decisions, and sign-offs that record values or must be apart.

use super::launch::{Told, bad, good, plan};
use super::*;
use crate::attestation::{self, SignOff, SignOffError, SignOffRule};
use crate::check::{Outcome, Question};
use crate::decision::{DecisionError, Word};
use crate::gate::Verdict;
use crate::waiver::{WaiverError, WaiverRule};
use jiff::Timestamp;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn told() -> Told {
    let mut told = Told::new();
    told.see("infra/dns", good());
    told
}

fn in_(told: &Told, time: Duration) -> Timestamp {
    told.now.plus(time).wall
}

fn waive(told: &Told, person: &'static str, lasts: Duration) -> Event {
    Event::Waived {
        check: "infra/tls".parse().unwrap(),
        person: Name::of(person),
        reason: "the old certificate lasts another week".to_owned(),
        until: in_(told, lasts),
    }
}

fn outcome(told: &mut Told, check: &str) -> (Outcome, String) {
    let now = told.now;
    let report = told.state.report(now);
    let checks = report.checklists.iter().flat_map(|list| &list.checks);
    let found = checks.into_iter().find(|c| c.id.to_string() == check).expect("it is there");
    (found.outcome, found.because.clone())
}

#[test]
fn a_waiver_counts_until_it_ends_and_says_what_it_hides() {
    let mut told = told();
    assert_ne!(outcome(&mut told, "infra/tls").0, Outcome::Waived);
    let event = waive(&told, "alice", HOUR);
    told.try_apply(event).expect("alice may");
    let (waived, because) = outcome(&mut told, "infra/tls");
    assert_eq!(waived, Outcome::Waived);
    assert!(because.contains("waived by alice") && because.contains("not yet"), "{because}");
    let restored = told.restored();
    told.state = restored;
    assert_eq!(outcome(&mut told, "infra/tls").0, Outcome::Waived, "it is kept");
    told.pass(HOUR);
    assert_ne!(outcome(&mut told, "infra/tls").0, Outcome::Waived, "it is over");
}

#[test]
fn a_waiver_opens_the_gate_and_hides_no_other_check() {
    let mut told = told();
    told.sign("carol");
    let event = waive(&told, "alice", HOUR);
    told.try_apply(event).expect("alice may");
    let now = told.now;
    assert_eq!(told.state.report(now).verdict, Verdict::Go);
    let end = Event::WaiverEnded {
        check: "infra/tls".parse().unwrap(),
        person: Name::of("alice"),
        reason: "mended".to_owned(),
    };
    told.try_apply(end.clone()).expect("she takes it back");
    assert_eq!(told.state.report(now).verdict, Verdict::Hold);
    let again = told.try_apply(end).expect_err("there is none any more");
    assert!(matches!(again, Rejected::Waiver(WaiverError::None(_))), "{again}");
}

#[test]
fn a_check_that_passes_is_not_made_worse() {
    let mut told = told();
    let event = waive(&told, "alice", HOUR);
    told.try_apply(event).expect("alice may");
    told.see("infra/tls", good());
    assert_eq!(outcome(&mut told, "infra/tls").0, Outcome::Pass);
}

#[test]
fn waivers_that_do_not_fit_are_refused() {
    let week = WaiverRule::default().at_most;
    let rows = [
        ("another role", "carol", HOUR, "carol does not hold the role"),
        ("no time at all", "alice", Duration::ZERO, "would end before it begins"),
        ("too long", "alice", week + HOUR, "lasts 7d at most"),
    ];
    for (row, person, lasts, says) in rows {
        let mut told = told();
        let event = waive(&told, person, lasts);
        let refused = told.try_apply(event).expect_err(row).to_string();
        assert!(refused.contains(says), "{row}: {refused}");
        assert!(told.kept.iter().all(|record| !matches!(record, Record::Waived(_))), "{row}");
    }
}

fn decide(decision: Word, person: &'static str, note: Option<&str>) -> Event {
    Event::GoNoGo { decision, person: Name::of(person), note: note.map(str::to_owned) }
}

#[test]
fn a_decision_is_kept_with_its_report_and_goes_stale() {
    let mut told = told();
    told.see("infra/tls", good()).sign("carol");
    told.try_apply(decide(Word::Go, "alice", None)).expect("all is GO");
    let now = told.now;
    let report = told.state.report(now);
    let made = report.decisions.first().expect("it is there");
    assert_eq!((made.decision, made.stale, made.verdict), (Word::Go, false, Verdict::Go));
    let kept = made.kept.as_ref().expect("it was just made");
    let kept: serde_json::Value = serde_json::from_str(&kept.report).expect("JSON");
    assert_eq!(kept["verdict"], "GO");
    told.see("infra/dns", bad());
    let report = told.state.report(now);
    let made = report.decisions.first().expect("it is there");
    assert!(made.stale);
    assert_eq!(made.changes, ["the verdict was GO, is NO-GO", "infra/dns was pass, is fail"]);
    told.see("infra/dns", good());
    assert!(!told.state.report(now).decisions[0].stale, "the facts are as they were");
    let restored = told.restored();
    told.state = restored;
    assert_eq!(told.state.report(now).decisions.len(), 1);
}

#[test]
fn decisions_that_do_not_fit_are_refused() {
    let mut told = told();
    let refused =
        told.try_apply(decide(Word::Go, "carol", None)).expect_err("legal does not decide");
    assert_eq!(refused, DecisionError::NotInRole(Name::of("carol")).into());
    let refused = told.try_apply(decide(Word::Go, "alice", Some(" "))).expect_err("against HOLD");
    assert_eq!(refused, DecisionError::NoteMissing(Verdict::Hold).into());
    told.try_apply(decide(Word::Go, "alice", Some("the board wants it"))).expect("with a reason");
    told.try_apply(decide(Word::NoGo, "alice", None)).expect("NO-GO needs none");
    let now = told.now;
    let words: Vec<Word> = told.state.report(now).decisions.iter().map(|d| d.decision).collect();
    assert_eq!(words, [Word::NoGo, Word::Go], "newest first");
}

fn rule() -> SignOffRule {
    SignOffRule {
        by: Name::of("legal"),
        quorum: 1,
        evidence_required: false,
        valid_for: None,
        covers: attestation::Covers::default(),
        record: vec![Name::of("measured_peak")],
        apart_from: vec!["people/done".parse().unwrap()],
    }
}

/// A launch in which `carol` did the work that `legal` accepts.
fn apart() -> Told {
    let mut told = Told::new();
    let mut plan = plan();
    plan.people.insert(Name::of("legal"), vec![Name::of("carol"), Name::of("dan")]);
    let list = plan.checklists.iter_mut().find(|list| list.id.as_str() == "people").unwrap();
    let mut done = list.checks[0].clone();
    done.path = "people/done".parse().unwrap();
    list.checks[0].question = Question::SignOff(rule());
    list.checks.push(done);
    told.state = State::new(Arc::new(plan));
    told
}

fn says(check: &str, person: &'static str, values: &[(&'static str, &str)]) -> Event {
    Event::SignedOff {
        check: check.parse().unwrap(),
        person: Name::of(person),
        decision: attestation::Decision::Approved,
        evidence: None,
        note: None,
        values: values.iter().map(|(k, v)| (Name::of(k), (*v).to_owned())).collect(),
    }
}

#[test]
fn who_did_the_work_does_not_accept_it() {
    let mut told = apart();
    told.try_apply(says("people/done", "carol", &[])).expect("carol did it");
    let peak = [("measured_peak", "1200/s")];
    let refused = told.try_apply(says("people/terms", "carol", &peak)).expect_err("not herself");
    assert!(matches!(refused, Rejected::SignOff(SignOffError::NotApart { .. })), "{refused}");
    told.try_apply(says("people/terms", "dan", &peak)).expect("somebody else");
    let (outcome, because) = outcome(&mut told, "people/terms");
    assert_eq!(outcome, Outcome::Pass);
    assert!(because.contains("measured_peak 1200/s"), "{because}");
}

#[test]
fn what_is_recorded_is_complete() {
    type Values<'a> = &'a [(&'a str, &'a str)];
    let rows: [(&str, Values<'_>, &str); 3] = [
        ("missing", &[], "give a value for each"),
        ("empty", &[("measured_peak", " ")], "give a value for each"),
        ("unknown", &[("measured_peak", "1"), ("other", "2")], "records no `other`"),
    ];
    for (row, values, says) in rows {
        let values = values.iter().map(|(k, v)| (Name::try_new(k).unwrap(), (*v).to_owned()));
        let said = SignOff {
            check: "people/terms".parse().unwrap(),
            person: Name::of("dan"),
            decision: attestation::Decision::Approved,
            evidence: None,
            note: None,
            values: values.collect(),
            at: Timestamp::UNIX_EPOCH,
            version: String::new(),
            checklist_hash: String::new(),
        };
        let refused = attestation::complete(&rule(), &said).expect_err(row).to_string();
        assert!(refused.contains(says), "{row}: {refused}");
    }
}

#[test]
fn an_approval_of_the_plan_is_void_when_any_of_it_changes() {
    let mut told = apart();
    told.try_apply(says("people/done", "carol", &[])).expect("carol did it");
    let approve = |covers| {
        let mut plan = Plan::clone(told.state.plan());
        let list = plan.checklists.iter_mut().find(|list| list.id.as_str() == "people").unwrap();
        let Question::SignOff(rule) = &mut list.checks[1].question else { panic!("a sign-off") };
        rule.covers = covers;
        let mut told = Told::new();
        told.state = State::new(Arc::new(plan.clone()));
        told.try_apply(says("people/done", "carol", &[])).expect("she approves");
        assert_eq!(outcome(&mut told, "people/done").0, Outcome::Pass);
        plan.hash = "another".into();
        told.try_apply(Event::Reloaded(Arc::new(plan))).expect("it is in force");
        outcome(&mut told, "people/done")
    };
    assert_eq!(
        approve(attestation::Covers::Checklist).0,
        Outcome::Pass,
        "its checklist is the same"
    );
    let (void, because) = approve(attestation::Covers::LaunchFile);
    assert_ne!(void, Outcome::Pass);
    assert!(because.contains("the launch file has changed since carol signed"), "{because}");
}
