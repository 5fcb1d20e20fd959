//! A rollback of eight steps whose deeds leave traces: scripts append a line to a file, requests reach a recorder.

use std::fmt::Write as _;

use super::mortal::Mortal;
use super::recorder::Recorder;

/// The launch's name.
pub(crate) const LAUNCH: &str = "eight";
/// The steps that run a script.
pub(crate) const SCRIPTS: [&str; 5] = ["drain", "revert", "down", "caches", "index"];
/// The steps that must not act twice.
pub(crate) const ONCE: [&str; 4] = ["drain", "revert", "down", "switch"];
/// The steps that may.
pub(crate) const IDEMPOTENT: [&str; 2] = ["caches", "index"];

/// Leaves its line; before or after that it kills the daemon, or also the shim that it runs under, if a file says so.
const SCRIPT: &str = r#"step=$LAUNCHGATE_STEP
crash() { if [ -e "$1-$step" ]; then rm "$1-$step"; kill -9 $2 "$(cat daemon.pid)"; fi; }
crash early
crash early-alone $PPID
echo "$step $LAUNCHGATE_ATTEMPT $LAUNCHGATE_IDEMPOTENCY_KEY" >> acts
crash mid
crash mid-alone $PPID
exit 0
"#;

/// The daemon, not started yet. Checks and requests go to `recorder`, messages to `room`.
pub(crate) fn daemon(recorder: &Recorder, room: &str) -> Mortal {
    let mut steps = String::new();
    for step in SCRIPTS {
        let effect = if IDEMPOTENT.contains(&step) { "idempotent" } else { "once" };
        let when = if step == "down" { ", when: migration_done" } else { "" };
        writeln!(
            steps,
            "      - {{ step: {step}, do: exec, with: {{ command: [sh, act.sh] }}, effect: {effect}, timeout: 20s{when} }}"
        )
        .expect("a String takes any text");
    }
    let url = recorder.url();
    let daemon = Mortal::of(
        LAUNCH,
        &format!(
            r#"
launch: {LAUNCH}
title: Eight steps back
version: "2"
previous_version: "1"
go_live: 2026-12-01T09:00:00[Europe/London]
people: {{ incident_commander: [alice] }}
channels: {{ room: {{ kind: webhook, url: "{room}" }} }}
page: [room]
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
  broken:
    watch: {{ check: answers, breach: "status == 500" }}
    for: 1h
    mode: act
    run: rollback
    arm_delay: 0s
procedures:
  rollback:
    steps:
      - {{ step: announce, do: notify, with: {{ to: [room], message: "back to ${{previous_version}}" }} }}
{steps}      - {{ step: switch, do: http, with: {{ url: "{url}/switch" }}, effect: once, timeout: 20s }}
      - {{ step: healthy, do: wait, with: {{ checks: [answers], for: 0s }}, timeout: 1m }}
"#
        ),
    );
    daemon.write("act.sh", SCRIPT);
    daemon
}

/// How often a step was seen to act.
pub(crate) fn acts(daemon: &Mortal, recorder: &Recorder, step: &str) -> usize {
    if step == "switch" {
        return recorder.keys("/switch").len();
    }
    daemon.lines("acts", &format!("{step} "))
}
