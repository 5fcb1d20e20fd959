//! Steps that outlive the daemon: real scripts under real shims, while daemons and shims are killed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::rig::daemon::Daemon;
use crate::rig::process::poll_until;

const PATIENCE: Duration = Duration::from_secs(30);
/// Waits for a file of the launch's folder, for a minute at most.
const UNTIL: &str = "until_there() { n=0; while [ ! -e $1 ] && [ $n -lt 1200 ]; do n=$((n+1)); sleep 0.05; done; }\n";

fn launch(steps: &str) -> String {
    format!(
        r#"
launch: shop
title: Shop
version: "2.4"
previous_version: "2.3"
go_live: 2026-12-01T09:00:00[Europe/London]
people: {{ incident_commander: [alice] }}
checklists:
  health:
    title: Health
    due: H+1h
    checks:
      errors: {{ title: Errors, probe: exec, with: {{ command: ["true"] }}, expect: ["exit_code == 0"], every: 10s }}
triggers:
  errors: {{ watch: {{ check: errors, breach: "exit_code > 0" }}, for: 5m, mode: act, run: rollback }}
procedures:
  rollback:
    steps:
{steps}"#
    )
}

fn step(name: &str, more: &str) -> String {
    format!("      - {{ step: {name}, do: exec, with: {{ command: [sh, {name}.sh] }}, {more} }}\n")
}

/// A daemon whose rollback has begun: scripts by the names of the steps.
fn rolling_back(steps: &[(&str, &str, &str)]) -> Daemon {
    let text: String = steps.iter().map(|(name, more, _)| step(name, more)).collect();
    let mut daemon = Daemon::of(&launch(&text));
    for (name, _, script) in steps {
        daemon.write(&format!("{name}.sh"), &format!("{UNTIL}{script}\n"));
    }
    daemon.start();
    daemon.order(&["milestone", "deploy_started", "--as", "alice"]);
    daemon.order(&["trigger", "fire", "errors", "--reason", "seen by eye", "--as", "alice"]);
    daemon
}

fn read(daemon: &Daemon, file: &str) -> String {
    std::fs::read_to_string(daemon.file(file)).unwrap_or_default()
}

fn wait_for_line(daemon: &Daemon, file: &str) {
    poll_until(PATIENCE, &format!("line in {file}"), || {
        read(daemon, file).ends_with('\n').then_some(())
    });
}

/// The folder of a step's attempt, once its shim has written there.
fn attempt(daemon: &Daemon, name: &str) -> PathBuf {
    poll_until(PATIENCE, "attempt's folder", || {
        let mut runs = std::fs::read_dir(daemon.file("store.db.runs")).ok()?;
        runs.find_map(|run| Some(run.ok()?.path().join(name)).filter(|path| path.is_dir()))
    })
}

/// The process that a file of an attempt tells of.
fn process(folder: &Path, file: &str) -> Pid {
    poll_until(PATIENCE, file, || {
        let told: Value = serde_json::from_slice(&std::fs::read(folder.join(file)).ok()?).ok()?;
        Pid::from_raw(i32::try_from(told["pid"].as_i64()?).ok()?)
    })
}

fn outcome(report: &Value, step: usize) -> (&str, &str) {
    let step = &report["runs"][0]["steps"][step];
    (step["how"].as_str().unwrap_or_default(), step["evidence"].as_str().unwrap_or_default())
}

fn status(report: &Value) -> &str {
    report["runs"][0]["status"].as_str().unwrap_or_default()
}

#[test]
fn a_script_outlives_the_daemon_and_runs_once() {
    let script = "echo began >> ran; sleep 3; echo ended >> ran; echo all well";
    let mut daemon = rolling_back(&[("revert", "timeout: 1m", script)]);
    wait_for_line(&daemon, "ran");
    daemon.kill();
    assert_eq!(read(&daemon, "ran"), "began\n", "the daemon died in the middle");
    daemon.start();
    let ended = daemon.wait_for("the run's end", |r| status(r) == "unverified");
    assert_eq!(outcome(&ended, 0), ("succeeded", "exit 0; stdout: all well"));
    assert_eq!(read(&daemon, "ran"), "began\nended\n");
}

#[test]
fn a_script_goes_on_through_five_daemons() {
    let script = "echo $LAUNCHGATE_ATTEMPT >> ran; until_there go; exit 4";
    let mut daemon = rolling_back(&[("revert", "timeout: 1m", script)]);
    wait_for_line(&daemon, "ran");
    for _ in 0..5 {
        daemon.kill();
        daemon.start();
        assert_eq!(status(&daemon.report()), "running", "it is looked at, and nothing is guessed");
    }
    daemon.write("go", "");
    let ended = daemon.wait_for("the script's end", |r| status(r) == "needs_decision");
    assert_eq!(outcome(&ended, 0), ("failed", "exit 4"));
    assert_eq!(read(&daemon, "ran"), "1\n");
}

#[test]
fn a_script_that_ended_while_no_daemon_was_there_is_told_of() {
    let script = "echo began > ran; until_there go; echo over >&2";
    let mut daemon = rolling_back(&[("revert", "timeout: 1m", script)]);
    wait_for_line(&daemon, "ran");
    let folder = attempt(&daemon, "revert.1");
    daemon.kill();
    daemon.write("go", "");
    poll_until(PATIENCE, "end without a daemon", || {
        folder.join("exit.json").exists().then_some(())
    });
    daemon.start();
    let ended = daemon.wait_for("the run's end", |r| status(r) == "unverified");
    assert_eq!(outcome(&ended, 0), ("succeeded", "exit 0; stderr: over"));
}

#[test]
fn when_the_shim_is_killed_too_a_person_decides_once_the_script_is_over() {
    let script = "echo $LAUNCHGATE_ATTEMPT >> ran; until_there go";
    let mut daemon = rolling_back(&[("revert", "timeout: 1m", script)]);
    wait_for_line(&daemon, "ran");
    let folder = attempt(&daemon, "revert.1");
    let (shim, script) = (process(&folder, "start.json"), process(&folder, "script.json"));
    daemon.kill();
    kill_process(shim, Signal::KILL).unwrap();
    daemon.start();
    assert_eq!(status(&daemon.report()), "running", "the script still runs");
    kill_process(script, Signal::KILL).unwrap();
    let asks = daemon.wait_for("a question", |r| status(r) == "needs_decision");
    let (how, evidence) = outcome(&asks, 0);
    assert_eq!(how, "in_doubt");
    assert!(evidence.starts_with("its shim was killed"), "{evidence}");
    assert_eq!(read(&daemon, "ran"), "1\n", "it is not begun again by guess");
    daemon.write("go", "");
    let run = asks["runs"][0]["id"].as_str().unwrap().to_owned();
    daemon.order(&["run", "retry", &run, "--reason", "looked", "--as", "alice"]);
    daemon.wait_for("the run's end", |r| status(r) == "unverified");
    assert_eq!(read(&daemon, "ran"), "1\n2\n");
}

#[test]
fn what_verify_sees_decides_about_a_script_whose_end_nobody_saw() {
    let verify = "verify: { command: [sh, -c, '[ -e done ] && echo it is there'] }";
    let rows: [(&str, String, &str, &str, &str); 3] = [
        ("done", format!("effect: once, {verify}"), "done", "succeeded", "1\n"),
        (
            "not done, and it may be done twice",
            format!("effect: idempotent, {verify}"),
            "other",
            "succeeded",
            "1\n2\n",
        ),
        (
            "not done, and it acts once",
            format!("effect: once, {verify}"),
            "other",
            "not_done",
            "1\n",
        ),
    ];
    for (row, more, there, how, ran) in rows {
        let script =
            "echo $LAUNCHGATE_ATTEMPT >> ran; [ $LAUNCHGATE_ATTEMPT = 2 ] || until_there go";
        let mut daemon = rolling_back(&[("revert", &format!("timeout: 1m, {more}"), script)]);
        wait_for_line(&daemon, "ran");
        let folder = attempt(&daemon, "revert.1");
        let (shim, script) = (process(&folder, "start.json"), process(&folder, "script.json"));
        daemon.kill();
        kill_process(shim, Signal::KILL).unwrap();
        kill_process(script, Signal::KILL).unwrap();
        daemon.write(there, "");
        daemon.start();
        let known = daemon.wait_for(row, |r| matches!(status(r), "unverified" | "needs_decision"));
        let (found, evidence) = outcome(&known, 0);
        assert_eq!(found, how, "{row}: {evidence}");
        assert_eq!(read(&daemon, "ran"), ran, "{row}");
        match there {
            "done" => assert!(
                evidence.starts_with("verified: exit 0; stdout: it is there. "),
                "{evidence}"
            ),
            _ if how == "not_done" => {
                assert!(evidence.starts_with("verify says not done: exit 1. "), "{evidence}");
            }
            _ => assert_eq!(evidence, "exit 0"),
        }
    }
}

/// The most memory that a process has had, in KiB.
fn peak(process: Pid) -> Option<u64> {
    let id = process.as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_script_that_misbehaves_ends_at_its_deadline_all_the_same() {
    let more = "timeout: 2s, critical: false";
    let hangs = "while :; do sleep 0.1; done";
    let steps = [
        ("deaf", more, format!("trap '' TERM; {hangs}"), "timed_out", "stopped at its deadline"),
        (
            "forks",
            more,
            format!("setsid sleep 5 & {hangs}"),
            "timed_out",
            "stopped at its deadline; a process that it left behind still runs",
        ),
        (
            "too-late",
            more,
            format!("exec 2> /dev/null; trap 'exit 0' TERM; {hangs}"),
            "timed_out",
            "stopped at its deadline",
        ),
        (
            "mute",
            "timeout: 20s, critical: false",
            "exec >&- 2>&-; sleep 1; exit 4".to_owned(),
            "failed",
            "exit 4",
        ),
        (
            "leaves",
            "timeout: 20s, critical: false",
            "setsid sh -c 'touch away; sleep 3' & until_there away; echo left".to_owned(),
            "succeeded",
            "exit 0; a process that it left behind still runs; stdout: left",
        ),
    ];
    let given: Vec<(&str, &str, &str)> =
        steps.iter().map(|(name, more, script, ..)| (*name, *more, script.as_str())).collect();
    let daemon = rolling_back(&given);
    let ended = daemon.wait_for("the run's end", |r| status(r) == "ended_with_failures");
    let time = |step: &Value| -> Timestamp { step["at"].as_str().unwrap().parse().unwrap() };
    let mut before: Timestamp = ended["runs"][0]["at"].as_str().unwrap().parse().unwrap();
    for (i, (name, _, _, how, evidence)) in steps.iter().enumerate() {
        assert_eq!(outcome(&ended, i), (*how, *evidence), "{name}");
        let at = time(&ended["runs"][0]["steps"][i]);
        assert!(at.duration_since(before) < SignedDuration::from_secs(5), "{name}: {at} {before}");
        before = at;
    }
}

#[test]
fn a_flood_fills_neither_memory_nor_disk() {
    let script = "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo END; until_there go";
    let daemon = rolling_back(&[("flood", "timeout: 1m", script)]);
    let folder = attempt(&daemon, "flood.1");
    let shim = process(&folder, "start.json");
    let kept = poll_until(PATIENCE, "end of the flood", || {
        let kept = std::fs::read_to_string(folder.join("stdout")).ok()?;
        kept.ends_with("END\n").then_some(kept)
    });
    assert!(kept.len() < 70_000, "{}", kept.len());
    let peak = peak(shim).expect("the shim runs");
    assert!(peak < 64 << 10, "the shim has taken {peak} KiB");
    daemon.write("go", "");
    let ended = daemon.wait_for("the run's end", |r| status(r) == "unverified");
    let (how, evidence) = outcome(&ended, 0);
    assert!(how == "succeeded" && evidence.ends_with("END"), "{how}: {evidence}");
}

#[test]
fn a_script_begins_soon_and_knows_its_attempt() {
    let script = "date +%s.%N > began; env > seen; tr '\\0' ' ' < /proc/$PPID/cmdline > shim; until_there go";
    let daemon = rolling_back(&[("revert", "timeout: 1m", script)]);
    wait_for_line(&daemon, "began");
    let report = daemon.report();
    let step = &report["runs"][0]["steps"][0];
    assert_eq!(step["state"], "started", "{report:#}");
    let ordered: Timestamp = step["at"].as_str().unwrap().parse().unwrap();
    let began: f64 = read(&daemon, "began").trim().parse().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit")]
    let took = began - ordered.as_microsecond() as f64 / 1e6;
    // Far more than it takes: the machine may be busy.
    assert!((0.0..2.0).contains(&took), "{took} s");
    eprintln!("from the step's start to the script's first instruction: {:.1} ms", took * 1e3);
    daemon.write("go", "");
    daemon.wait_for("the run's end", |r| status(r) == "unverified");
    let (seen, shim) = (read(&daemon, "seen"), read(&daemon, "shim"));
    assert!(seen.contains("LAUNCHGATE_TARGET_VERSION=2.3\n"), "{seen}");
    assert!(shim.starts_with("launchgate shim ") && shim.contains("/revert.1"), "{shim}");
}
