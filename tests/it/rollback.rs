//! From a real Prometheus to a real script: a breach that lasts rolls back, once, through a kill and a restart; a source
//! that is gone rolls back nothing.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use crate::rig::daemon::Daemon;
use crate::rig::process::{need, poll_until};
use crate::rig::prometheus::Prometheus;
use crate::rig::service::Service;

const LASTS: f64 = 8.0;

fn launch(prometheus: &str) -> String {
    lasting(prometheus, "8s", "6s")
}

fn lasting(prometheus: &str, lasts: &str, max_gap: &str) -> String {
    format!(
        r#"
launch: shop
title: Shop
version: "2.4"
previous_version: "2.3"
go_live: 2026-12-01T09:00:00[Europe/London]
people: {{ incident_commander: [alice] }}
sources: {{ metrics: {{ kind: prometheus, url: "{prometheus}" }} }}
checklists:
  health:
    title: Health
    due: H+1h
    checks:
      error-rate:
        title: Error rate
        probe: prometheus
        with:
          source: metrics
          error_rate: {{ total: http_requests_total, errors: 'http_requests_total{{code=~"5.."}}', window: 2s }}
        expect: ["value < 1%"]
        every: 1s
triggers:
  error-rate:
    watch: {{ check: error-rate, breach: "value > 5%" }}
    for: {lasts}
    max_gap: {max_gap}
    mode: act
    run: rollback
    arm_delay: 0s
procedures:
  rollback:
    steps:
      - {{ step: revert, do: exec, with: {{ command: [sh, rollback.sh] }} }}
      - {{ step: healthy, do: wait, with: {{ checks: [error-rate], for: 2s }}, timeout: 1m }}
"#
    )
}

/// The script mends the service over its own interface, and leaves a line for every time it ran.
fn script(service: &Service) -> String {
    format!(
        "echo \"$LAUNCHGATE_IDEMPOTENCY_KEY $LAUNCHGATE_FENCING_TOKEN\" >> ran\ncurl -fsS '{}/set?err=0'\n",
        service.url()
    )
}

struct Setting {
    service: Service,
    prometheus: Prometheus,
    daemon: Daemon,
}

impl Setting {
    fn new() -> Self {
        Self::of(launch)
    }

    fn of(launch: impl Fn(&str) -> String) -> Self {
        let service = Service::start();
        let prometheus = Prometheus::start(&[("shop", service.address())]);
        let mut daemon = Daemon::of(&launch(&prometheus.url()));
        daemon.write("rollback.sh", &script(&service));
        daemon.start();
        daemon
            .wait_for("a passing check", |r| r["checklists"][0]["checks"][0]["outcome"] == "pass");
        daemon.order(&["milestone", "deploy_started", "--as", "alice"]);
        Self { service, prometheus, daemon }
    }

    fn times_run(&self) -> usize {
        std::fs::read_to_string(self.daemon.file("ran")).unwrap_or_default().lines().count()
    }
}

fn state(report: &Value) -> &str {
    report["triggers"][0]["state"].as_str().unwrap_or_default()
}

fn credit(report: &Value) -> f64 {
    report["triggers"][0]["credit"].as_f64().unwrap_or_default()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).expect("a time")
}

#[test]
fn a_breach_that_lasts_rolls_back_once_through_a_kill() {
    if !need("prometheus") || !need("curl") {
        return;
    }
    let mut setting = Setting::new();
    setting.service.set_errors(0.3);
    let before = setting.daemon.wait_for("half of the duration", |r| credit(r) >= LASTS / 2.0);
    assert_eq!(state(&before), "pending");
    setting.daemon.kill();
    setting.daemon.start();
    let restored = setting.daemon.report();
    assert!(credit(&restored) >= credit(&before), "{restored:#}");
    let fired = setting.daemon.wait_for("a run", |r| r["runs"][0]["id"].is_string());
    let lasted =
        time(&fired["runs"][0]["at"]).duration_since(time(&before["triggers"][0]["since"]));
    assert!(lasted.as_secs_f64() >= LASTS, "it fired after {lasted:?}");
    let ended = setting.daemon.wait_for("the rollback's end", |r| r["phase"] == "rolled_back");
    assert_eq!(ended["runs"][0]["status"], "verified", "{ended:#}");
    assert_eq!(setting.times_run(), 1);
    // Once more: what is over stays over.
    setting.daemon.kill();
    setting.daemon.start();
    let after = setting.daemon.report();
    assert_eq!(after["runs"].as_array().map(Vec::len), Some(1));
    assert_eq!(state(&after), "fired");
    assert_eq!(setting.times_run(), 1);
}

#[test]
fn a_source_that_is_gone_leaves_the_trigger_blind_and_fires_nothing() {
    if !need("prometheus") || !need("curl") {
        return;
    }
    let mut setting = Setting::new();
    setting.service.set_errors(0.3);
    setting.daemon.wait_for("a pending trigger", |r| credit(r) >= 2.0);
    setting.prometheus.stop();
    let blind = setting.daemon.wait_for("a blind trigger", |r| state(r) == "suspended");
    let alarm = blind["alarms"][0].as_str().unwrap_or_default();
    assert!(alarm.starts_with("trigger error-rate is suspended: UNKNOWN since"), "{alarm}");
    assert!(alarm.contains(" of 8s is kept until "), "{alarm}");
    assert!(alarm.ends_with("Will not fire without new data."), "{alarm}");
    let kept = credit(&blind);
    assert!(kept < LASTS);
    let later = setting.daemon.wait_for("time to pass", |r| {
        time(&r["as_of"]).duration_since(time(&blind["as_of"]))
            > jiff::SignedDuration::from_secs(10)
    });
    assert!((credit(&later) - kept).abs() < 1e-9, "credit is frozen");
    assert_eq!(later["checklists"][0]["checks"][0]["outcome"], "unknown");
    assert_eq!(setting.times_run(), 0);
    setting.prometheus.restart();
    setting
        .daemon
        .wait_for("the rollback, now that it is seen to go on", |r| r["runs"][0]["id"].is_string());
}

#[test]
fn a_launch_file_that_does_not_compile_leaves_the_old_plan_in_force() {
    if !need("prometheus") || !need("curl") {
        return;
    }
    let setting = Setting::new();
    let good = launch(&setting.prometheus.url());
    setting.daemon.write("launch.yaml", &good.replace("title: Shop", "titel: Shop"));
    setting.daemon.signal("-HUP");
    let report = setting.daemon.wait_for("an alarm", |r| r["alarms"][0].is_string());
    let alarm = report["alarms"][0].as_str().unwrap_or_default();
    assert!(alarm.contains("the old plan stays in force"), "{alarm}");
    assert!(alarm.contains("did you mean `title`?"), "{alarm}");
    assert!(setting.daemon.log().contains("the old plan stays in force"));
    setting.daemon.write("launch.yaml", &good.replace("title: Shop", "title: The new shop"));
    setting.daemon.signal("-HUP");
    let report = setting.daemon.wait_for("the new plan", |r| r["title"] == "The new shop");
    assert_eq!(report["alarms"].as_array().map(Vec::len), Some(0));
    assert_eq!(report["phase"], "launching", "milestones stay");
    let stopped = Instant::now();
    setting.daemon.signal("-TERM");
    poll_until(Duration::from_secs(20), "a graceful end", || {
        setting.daemon.log().contains("shutting down").then_some(())
    });
    assert!(stopped.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_was_missed_while_the_daemon_was_down_is_filled_in_from_the_source() {
    if !need("prometheus") || !need("curl") {
        return;
    }
    let mut setting = Setting::of(|url| lasting(url, "5m", "3s"));
    setting.service.set_errors(0.3);
    setting.daemon.wait_for("some credit", |r| credit(r) >= 3.0);
    setting.daemon.kill();
    let killed = Instant::now();
    poll_until(Duration::from_secs(60), "time to pass", || {
        (killed.elapsed() > Duration::from_secs(8)).then_some(())
    });
    setting.daemon.start();
    // The gap is longer than `max_gap`: without the source's history eight seconds would be missing for good.
    let missing = |r: &Value| {
        let lasted = time(&r["as_of"]).duration_since(time(&r["triggers"][0]["since"]));
        lasted.as_secs_f64() - credit(r)
    };
    let filled = setting.daemon.wait_for("the gap to be filled", |r| {
        state(r) == "pending" && credit(r) >= 12.0 && missing(r) < 4.0
    });
    assert_eq!(filled["triggers"][0]["flags"], serde_json::json!([]), "{filled:#}");
    assert_eq!(setting.times_run(), 0);
}
