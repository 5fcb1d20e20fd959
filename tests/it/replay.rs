//! `launchgate replay`, the real binary: ten streams that tell rules for "more than 5 % for 5 minutes" apart, some that other
//! rules are for, and where samples may come from.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::rig::daemon::Daemon;
use crate::rig::process::{TempDir, need, poll_until};
use crate::rig::prometheus::{Prometheus, Series};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/replay").join(name)
}

fn replay(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launchgate"));
    command.arg("replay").args(arguments).env_remove("LAUNCHGATE_URL").output().unwrap()
}

/// Replays a stream against a trigger of the fixtures' launch file.
fn stream(trigger: &str, name: &str, more: &[&str]) -> Output {
    let (launch, samples) = (fixture("launch.yaml"), fixture(&format!("{name}.txt")));
    let (launch, samples) = (launch.to_str().unwrap(), samples.to_str().unwrap());
    replay(&[&[launch, "--trigger", trigger, "--samples", samples], more].concat())
}

fn answer(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}{wrong}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn states(answer: &Value) -> Vec<&str> {
    let transitions = answer["transitions"].as_array().unwrap();
    transitions.iter().filter_map(|t| t["state"].as_str()).collect()
}

/// What each stream leads to: the minute of firing, if it fires, and a state that it must pass through.
#[test]
fn streams_lead_to_what_they_should() {
    const PLAIN: &str = "error-rate";
    let rows: [(&str, &str, Option<f64>, Option<&str>); 14] = [
        ("bad-from-minute-10", PLAIN, Some(15.0), Some("pending")),
        ("every-second-minute", PLAIN, None, Some("pending")),
        ("every-second-minute", "every-other", Some(19.0), Some("pending")),
        ("one-bad-minute-in-four-hours", PLAIN, None, Some("pending")),
        ("refuses-for-2-minutes", PLAIN, None, None),
        ("refuses-for-6-minutes", PLAIN, None, Some("blind")),
        // The gap of 2 min around the lost look lies within `max_gap`, so that it is credited.
        ("short-outage-while-bad", PLAIN, Some(15.0), None),
        // The looks of minutes 13 and 14 are lost, so that the gap has 3 min. Beyond `max_gap` it is worth nothing, and the
        // two spells of 2 min each between their looks make 4: no rollback on evidence that is not there.
        ("outage-between-two-bad-spells", PLAIN, None, Some("suspended")),
        // Whoever allows for a gap of 3 min is credited 5 by minute 15, with four looks. Four fifths of `for` must have been
        // seen, which takes the fifth look, a minute later.
        ("outage-between-two-bad-spells", "patient", Some(16.0), None),
        ("no-series", PLAIN, None, Some("blind")),
        ("nan", PLAIN, None, Some("blind")),
        ("nan", "spelled-as-success", None, Some("blind")),
        // What was credited before the restart is kept, and the downtime is a gap like any other.
        ("restart-while-bad", PLAIN, Some(15.0), None),
        // Both must be in breach, which they are from minute 14.
        ("two-checks", "errors-and-slow", Some(19.0), Some("pending")),
    ];
    for (name, trigger, minute, state) in rows {
        let answer = answer(&stream(trigger, name, &["--format", "json"]));
        let row = format!("{name}, {trigger}: {:#}", answer["transitions"]);
        assert_eq!(answer["fired_after"].as_f64().map(|s| s / 60.0), minute, "{row}");
        assert_eq!(answer["fired"], minute.is_some(), "{row}");
        let states = states(&answer);
        assert!(state.is_none_or(|state| states.contains(&state)), "{row}");
        if name == "every-second-minute" && trigger == PLAIN {
            assert!(row.contains("flapping") && row.contains("Flapping"), "{row}");
        }
        if name == "nan" || name == "no-series" {
            assert!(!states.contains(&"pending"), "{row}");
        }
    }
}

#[test]
fn people_are_told_the_way_and_shown_a_plot() {
    let output = stream("error-rate", "bad-from-minute-10", &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(text.lines().last(), Some("fired at 15m"), "{text}");
    for part in ["watching", "pending", "fired", "value 9% > 5% is true", "5% ┼───", "wwwppp"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 80), "{text}");
    let calm = stream("error-rate", "every-second-minute", &[]);
    let text = String::from_utf8_lossy(&calm.stdout).into_owned();
    assert_eq!(text.lines().last(), Some("did not fire: 0s of 5m was credited at most"), "{text}");
}

#[test]
fn a_sweep_compares_durations() {
    let output = stream(
        "error-rate",
        "bad-from-minute-10",
        &["--sweep", "for=2m..25m/4m", "--format", "json"],
    );
    let swept = answer(&output);
    let rows: Vec<(f64, u64, u64, Option<f64>)> = swept["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let minutes = |key: &str| row[key].as_f64().map(|seconds| seconds / 60.0);
            let count = |key: &str| row[key].as_u64().unwrap();
            (
                minutes("for").unwrap(),
                count("detected"),
                count("false_alarms"),
                minutes("delay_max"),
            )
        })
        .collect();
    let found = |minute: f64| (minute, 1, 0, Some(minute));
    let expected =
        [found(2.0), found(6.0), found(10.0), found(14.0), found(18.0), (22.0, 0, 0, None)];
    assert_eq!(rows, expected, "{swept:#}");
    let table = stream(
        "error-rate",
        "every-second-minute",
        &["--sweep", "for=1m..3m", "--incident", "0s..1h"],
    );
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("1m*"), "{table}");
    assert!(table.contains("0 of 1"), "{table}");
}

#[test]
fn mistakes_are_usage_and_told_with_their_place() {
    let folder = TempDir::new("replay");
    let file = |name: &str, text: &str| folder.write(name, text).to_str().unwrap().to_owned();
    let launch = fixture("launch.yaml");
    let launch = launch.to_str().unwrap();
    let (samples, reading) = (file("a.txt", "value 1 two\n"), file("b.txt", "every 1m\nvalu 1\n"));
    let good = file("c.txt", "value 1\n");
    let one = ["--trigger", "error-rate", "--samples"];
    let rows: [(&str, Vec<&str>, &str); 6] = [
        ("no sample", [&one[..], &[&samples]].concat(), "a.txt:1:9: error: `two` is no sample"),
        ("no reading", [&one[..], &[&reading]].concat(), "did you mean `value`?"),
        ("no file", [&one[..], &["/no/such/file"]].concat(), "cannot be read"),
        (
            "no trigger",
            vec!["--trigger", "error-rat", "--samples", &good],
            "did you mean `error-rate`?",
        ),
        ("which trigger", vec!["--samples", &good], "choose one by --trigger"),
        ("no samples", vec!["--trigger", "error-rate"], "--samples"),
    ];
    for (row, arguments, told) in rows {
        let output = replay(&[&[launch], arguments.as_slice()].concat());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{row}: {text}");
        assert!(text.contains(told), "{row}: {text}");
    }
}

/// Half an hour of a gauge in a real Prometheus, bad from minute 10 with one sample missing at minute 13.
#[test]
fn the_history_of_a_prometheus_is_replayed() {
    if !need("prometheus") || !need("curl") {
        return;
    }
    let prometheus = Prometheus::start(&[]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let start = i64::try_from(now).unwrap() / 60 * 60 - 3600;
    let sample = |minute: i64| {
        let value = if minute < 10 { 1.0 } else { 9.0 };
        (value, (start + minute * 60) * 1000)
    };
    let samples = (0..30).filter(|minute| *minute != 13).map(sample).collect();
    prometheus.remote_write(&[Series { name: "error_percent", labels: vec![], samples }]);
    let folder = TempDir::new("replay");
    let launch = std::fs::read_to_string(fixture("launch.yaml")).unwrap();
    let query = "query: 100 * sum(rate(errors_total[1m])) / sum(rate(requests_total[1m]))";
    let launch = launch.replace("http://127.0.0.1:9090", &prometheus.url());
    let launch = launch.replace(
        query,
        "query: error_percent\n          samples: error_percent\n          max_age: 30s",
    );
    let file = folder.write("launch.yaml", &launch);
    let instant =
        |minute: i64| jiff::Timestamp::from_second(start + minute * 60).unwrap().to_string();
    let (from, to) = (instant(0), instant(29));
    let asked = ["--trigger", "error-rate", "--prometheus", "--from", &from, "--to", &to];
    let asked = [&[file.to_str().unwrap()], &asked[..], &["--format", "json"]].concat();
    let replayed = answer(&replay(&asked));
    assert_eq!(replayed["looks"], 30, "{replayed:#}");
    assert_eq!(replayed["fired_after"], 900.0, "{replayed:#}");
    let lost = &replayed["samples"][13];
    // One that knows the parameter for it gives no value that is older than `max_age`.
    let causes = [Value::from("stale"), Value::from("no_data")];
    assert!(causes.contains(&lost["failure"]["cause"]), "{lost:#}");
    assert_eq!(replayed["samples"][12]["readings"]["age"], 0.0, "{replayed:#}");
    assert_eq!(replayed["fired_at"], instant(15), "{replayed:#}");
    drop(prometheus);
    assert_eq!(replay(&asked).status.code(), Some(4), "nobody answers any more");
}

/// A daemon looks at a file by a script; its history is replayed with a shorter `for` than it had.
#[test]
fn what_a_daemon_saw_is_replayed() {
    let launch = |lasts: &str| {
        format!(
            "launch: shop
title: The shop
version: \"2.0\"
go_live: 2026-12-01T09:00:00[UTC]
people: {{ incident_commander: [alice] }}
checklists:
  health:
    title: Health
    due: H+1h
    checks:
      script:
        title: It works
        probe: exec
        with: {{ command: [\"false\"] }}
        expect: [\"exit_code == 0\"]
        every: 1s
        timeout: 900ms
triggers:
  broken:
    watch: {{ check: script, breach: \"exit_code != 0\" }}
    for: {lasts}
    max_gap: 10s
    mode: observe
    run: rollback
procedures:
  rollback:
    steps:
      - {{ step: revert, do: manual, owner: incident_commander, with: {{ instructions: Go back. }} }}
"
        )
    };
    let mut daemon = Daemon::of(&launch("1h"));
    daemon.start();
    let shorter = daemon.file("shorter.yaml");
    daemon.write("shorter.yaml", &launch("2s"));
    poll_until(Duration::from_secs(60), "a history that fires", || {
        let output =
            daemon.ask(&["replay", shorter.to_str().unwrap(), "--recorded", "--format", "json"]);
        let replayed: Value = serde_json::from_slice(&output.stdout).ok()?;
        replayed["fired"].as_bool().filter(|fired| *fired)
    });
    daemon.kill();
    let output = daemon.ask(&["replay", shorter.to_str().unwrap(), "--recorded"]);
    assert_eq!(output.status.code(), Some(4), "nobody answers any more");
}

/// Half an hour of counters that grow steadily: 40 events a minute, 4 of them errors, all between 0.5 s and 1 s.
#[test]
fn the_ready_made_forms_are_replayed_too() {
    if !need("prometheus") || !need("curl") {
        return;
    }
    let prometheus = Prometheus::start(&[]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let start = i64::try_from(now).unwrap() / 60 * 60 - 3600;
    let grown = |name, labels, step: f64| {
        let sample = |i: i32| (step * f64::from(i), (start + i64::from(i) * 15) * 1000);
        Series { name, labels, samples: (0..120).map(sample).collect() }
    };
    prometheus.remote_write(&[
        grown("requests_total", vec![("code", "200")], 9.0),
        grown("requests_total", vec![("code", "500")], 1.0),
        grown("took_seconds_bucket", vec![("le", "0.5")], 0.0),
        grown("took_seconds_bucket", vec![("le", "1")], 10.0),
        grown("took_seconds_bucket", vec![("le", "+Inf")], 10.0),
        grown("took_seconds_count", vec![], 10.0),
    ]);
    let folder = TempDir::new("replay");
    let launch = std::fs::read_to_string(fixture("launch.yaml")).unwrap();
    let launch = launch.replace("http://127.0.0.1:9090", &prometheus.url());
    let (before, rest) = launch.split_once("          query:").unwrap();
    let after = rest.split_once("unit: percent\n").unwrap().1;
    let rows = [
        (
            "error_rate: { total: requests_total, errors: 'requests_total{code=\"500\"}' }",
            "%",
            10.0,
            Some(300.0),
        ),
        ("latency: { histogram: took_seconds, quantile: 0.5 }", "s", 0.75, None),
    ];
    for (form, unit, value, fired) in rows {
        let text = format!("{before}          {form}\n{after}");
        let text = text.replace("1%", &format!("1{unit}")).replace("5%", &format!("5{unit}"));
        let file = folder.write("launch.yaml", &text);
        let instant =
            |minute: i64| jiff::Timestamp::from_second(start + minute * 60).unwrap().to_string();
        let (from, to) = (instant(2), instant(28));
        let asked = ["--trigger", "error-rate", "--prometheus", "--from", &from, "--to", &to];
        let asked = [&[file.to_str().unwrap()], &asked[..], &["--format", "json"]].concat();
        let replayed = answer(&replay(&asked));
        let readings = &replayed["samples"][9]["readings"];
        let near = |key: &str, to: f64| {
            readings[key].as_f64().is_some_and(|value| (value / to - 1.0).abs() < 0.01)
        };
        assert!(near("value", value) && near("traffic", 40.0), "{form}: {readings:#}");
        assert_eq!(replayed["fired_after"].as_f64(), fired, "{form}");
    }
}
