//! The watch after the launch.

use super::launch::{Told, plan};
use super::*;
use crate::cadence::Stage;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn stage(until: &str, every: Option<Duration>, to: &[&'static str]) -> Stage {
    Stage { until: until.parse().unwrap(), every, to: to.iter().map(|to| Name::of(to)).collect() }
}

/// A launch that went live an hour after its deployment began, at 10:00.
fn live() -> Told {
    let mut plan = plan();
    plan.watch = vec![
        stage("H+4h", Some(30 * MINUTE), &["war-room"]),
        stage("H+24h", Some(HOUR), &[]),
        stage("T+7d", None, &["war-room"]),
    ];
    let mut told = Told::new();
    told.state = State::new(Arc::new(plan));
    told.now = Moment::at("2026-12-01T09:00:00Z".parse().unwrap());
    told.reach(Milestone::DeployStarted);
    told.now = told.now.plus(HOUR);
    told.reach(Milestone::Live);
    told
}

fn texts(told: &Told) -> Vec<String> {
    let messages = told.state.outbox().messages().iter().map(|m| &m.message);
    let about = messages.filter(|m| m.subject.starts_with("watch/"));
    about.map(|m| m.text.lines().next().unwrap_or_default().to_owned()).collect()
}

/// Lets time pass minute by minute.
fn watch(told: &mut Told, minutes: u32) {
    for _ in 0..minutes {
        told.pass(MINUTE);
    }
}

#[test]
fn reports_come_in_the_rhythm_of_the_stage_and_are_told_once() {
    let mut told = live();
    watch(&mut told, 29);
    assert_eq!(texts(&told), [""; 0]);
    watch(&mut told, 1);
    assert_eq!(texts(&told), ["[shop] watch report (1): HOLD – 0 of 0 checks pass"]);
    watch(&mut told, 150);
    assert_eq!(texts(&told).len(), 6, "half-hourly until H+4h");
    watch(&mut told, 120);
    assert_eq!(texts(&told).len(), 6, "the second stage tells nobody");
    let now = told.now;
    let report = told.state.report(now).watch.expect("there is a plan of it");
    assert_eq!(report.reports.len(), 8, "and is kept all the same");
    assert_eq!(report.next_at.unwrap().to_string(), "2026-12-01T16:00:00Z");
}

#[test]
fn what_was_missed_is_made_up_for_by_one_report() {
    let mut told = live();
    watch(&mut told, 30);
    told.restart();
    told.pass(95 * MINUTE);
    let now = told.now;
    let reports = told.state.report(now).watch.unwrap().reports;
    assert_eq!((reports[0].number, reports[0].missed), (2, 2));
    assert_eq!(reports[0].slot.to_string(), "2026-12-01T12:00:00Z", "the newest slot");
    watch(&mut told, 24);
    assert_eq!(told.state.report(now).watch.unwrap().reports.len(), 2, "the next is at half past");
    watch(&mut told, 1);
    assert_eq!(told.state.report(now).watch.unwrap().reports.len(), 3);
}

#[test]
fn the_last_report_ends_the_watch() {
    let mut told = live();
    told.pass(7 * 24 * HOUR).pass(MINUTE).pass(HOUR);
    let now = told.now;
    let watch = told.state.report(now).watch.unwrap();
    assert_eq!((watch.reports.len(), watch.next_at), (1, None));
    assert!(watch.reports[0].last);
    let text = &told.state.outbox().messages().last().unwrap().message.text;
    assert!(text.starts_with("[shop] the watch ends (1)"), "{text}");
    assert!(text.contains("milestone closed"), "{text}");
}

#[test]
fn a_rollback_ends_it_and_a_second_launch_begins_anew() {
    let mut told = live();
    watch(&mut told, 30);
    told.try_apply(Event::Fire {
        trigger: Name::of("errors"),
        person: Name::of("alice"),
        reason: "it smells".into(),
    })
    .unwrap();
    let before = texts(&told).len();
    watch(&mut told, 90);
    assert_eq!(texts(&told).len(), before, "nobody watches what is rolled back");
    assert_eq!(told.state.report(told.now).watch.unwrap().next_at, None);
}
