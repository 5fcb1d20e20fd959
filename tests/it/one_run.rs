//! However many call for it, and however often: a deployment is rolled back once.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::mortal::Mortal;
use crate::rig::process::poll_until;
use crate::rig::recorder::Recorder;

const PATIENCE: Duration = Duration::from_secs(60);
const TRIGGERS: usize = 50;
/// A person, and a client that sends the same order again ten times.
const ORDERS: usize = 11;
const CONFLICT: u16 = 409;

/// Fifty triggers on one check, which is in breach for all of them at the same look.
fn daemon(recorder: &Recorder) -> Mortal {
    let mut triggers = String::new();
    for n in 0..TRIGGERS {
        writeln!(
            triggers,
            "  t{n}: {{ watch: {{ check: answers, breach: \"status == 500\" }}, for: 2s, mode: act, run: rollback, arm_delay: 0s }}"
        )
        .expect("a String takes any text");
    }
    let url = recorder.url();
    Mortal::of(
        "fifty",
        &format!(
            r#"
launch: fifty
title: Fifty triggers
version: "2"
previous_version: "1"
go_live: 2026-12-01T09:00:00[Europe/London]
people: {{ incident_commander: [alice] }}
checklists:
  health:
    title: Health
    due: H+1h
    checks:
      answers:
        title: It answers
        probe: http
        with: {{ url: "{url}/health" }}
        expect: ["status == 200"]
        every: 1s
triggers:
{triggers}procedures:
  rollback:
    steps:
      - {{ step: revert, do: exec, with: {{ command: [sh, -c, "echo ran >> acts"] }}, effect: once, timeout: 20s }}
      - {{ step: switch, do: http, with: {{ url: "{url}/switch" }}, effect: once, timeout: 20s }}
"#
        ),
    )
}

fn count(report: &Value, state: &str) -> usize {
    let triggers = report["triggers"].as_array().expect("a list");
    triggers.iter().filter(|trigger| trigger["state"] == state).count()
}

fn fire(daemon: &Mortal, n: usize) -> Option<u16> {
    daemon.post(&format!("triggers/t{}/fire", n % TRIGGERS), &json!({ "reason": "it is broken" }))
}

/// Starts it with a healthy deployment whose triggers watch, and breaks that.
fn broken(daemon: &mut Mortal, recorder: &Recorder) {
    daemon.start(None);
    poll_until(PATIENCE, "passing check", || {
        let report = daemon.get("report")?;
        (report["checklists"][0]["checks"][0]["outcome"] == "pass").then_some(())
    });
    daemon.milestone("deploy_started");
    poll_until(PATIENCE, "watching triggers", || {
        let report = daemon.get("report")?;
        (count(&report, "watching") == TRIGGERS).then_some(())
    });
    recorder.set_health(500);
}

fn assert_one_run(daemon: &Mortal, recorder: &Recorder) -> Value {
    let report = poll_until(PATIENCE, "end of the rollback", || {
        daemon.get("report").filter(|report| report["phase"] == "rolled_back")
    });
    assert_eq!(report["runs"].as_array().map(Vec::len), Some(1), "{report:#}");
    assert_eq!(daemon.lines("acts", "ran"), 1);
    assert_eq!(recorder.keys("/switch").len(), 1);
    report
}

#[test]
fn fifty_triggers_at_one_look_make_one_run_and_orders_after_it_none() {
    let recorder = Recorder::start();
    let mut daemon = daemon(&recorder);
    broken(&mut daemon, &recorder);
    let report = assert_one_run(&daemon, &recorder);
    assert_eq!(count(&report, "fired"), TRIGGERS, "{:#}", report["triggers"]);
    for n in 0..ORDERS {
        assert_eq!(fire(&daemon, n), Some(CONFLICT));
    }
    assert_one_run(&daemon, &recorder);
}

#[test]
fn a_person_and_ten_retries_beside_fifty_triggers_make_one_run() {
    let recorder = Recorder::start();
    let mut daemon = daemon(&recorder);
    broken(&mut daemon, &recorder);
    poll_until(PATIENCE, "nearly met duration", || {
        let report = daemon.get("report")?;
        report["triggers"][0]["credit"].as_f64().filter(|credit| *credit >= 0.9)
    });
    let answers: Vec<Option<u16>> = std::thread::scope(|scope| {
        let orders: Vec<_> = (0..ORDERS)
            .map(|n| {
                scope.spawn({
                    let daemon = &daemon;
                    move || fire(daemon, n)
                })
            })
            .collect();
        orders.into_iter().map(|order| order.join().expect("it does not panic")).collect()
    });
    let taken = answers.iter().filter(|answer| **answer == Some(200)).count();
    assert!(taken <= 1, "{answers:?}");
    assert!(answers.iter().all(|a| matches!(a, Some(200 | CONFLICT))), "{answers:?}");
    assert_one_run(&daemon, &recorder);
}
