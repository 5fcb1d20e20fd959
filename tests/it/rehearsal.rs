//! A rollback rehearsed against real scripts and a real listener: what is missing is told, what is ready is evidence.

use std::net::TcpListener;

use crate::rig::daemon::Daemon;

fn launch(port: u16) -> String {
    format!(
        r#"
launch: shop
title: Shop
version: "2.4"
previous_version: "2.3"
go_live: 2026-12-01T09:00:00[Europe/London]
people: {{ incident_commander: [alice] }}
checklists:
  rollback:
    title: Rollback
    due: T-1d
    checks:
      rehearsed: {{ title: The rollback was rehearsed, probe: rehearsal, with: {{ procedure: rollback, valid_for: 7d }} }}
  health:
    title: Health
    due: H+1h
    checks:
      up: {{ title: It answers, probe: exec, with: {{ command: ["true"] }}, expect: ["exit_code == 0"], every: 1s }}
triggers:
  down:
    watch: {{ check: up, breach: "exit_code != 0" }}
    for: 5s
    mode: act
    run: rollback
procedures:
  rollback:
    steps:
      - {{ step: announce, do: notify, with: {{ to: [room], message: "back to ${{previous_version}}" }} }}
      - {{ step: revert, do: exec, with: {{ command: [sh, rollback.sh, production] }} }}
      - {{ step: healthy, do: wait, with: {{ checks: [up], for: 2s }}, timeout: 1m }}
channels: {{ room: {{ kind: webhook, url: "http://127.0.0.1:{port}/hook" }} }}
"#
    )
}

#[test]
fn a_rehearsal_tells_what_is_missing_and_counts_once_nothing_is() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut daemon = Daemon::of(&launch(port));
    daemon.start();
    let alarmed = daemon.wait_for("the alarm that the script is missing", |r| {
        r["alarms"].as_array().is_some_and(|all| {
            all.iter()
                .any(|a| a.as_str().is_some_and(|a| a.contains("revert: the script rollback.sh")))
        })
    });
    assert_eq!(alarmed["checklists"][0]["checks"][0]["reason"], "not_yet_run");
    let (told, code) = daemon.try_order(&["run", "--rehearse", "rollback", "--as", "alice"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("✗  2. revert             the script rollback.sh: "), "{told}");
    assert!(told.contains("1 steps are not ready"), "{told}");
    let failed = daemon.report();
    assert_eq!(failed["checklists"][0]["checks"][0]["outcome"], "fail", "{failed:#}");
    daemon.write("rollback.sh", "echo rolled >> ran\n");
    let (told, code) = daemon.try_order(&["run", "--rehearse", "rollback", "--as", "alice"]);
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("✓  2. revert             would run `sh rollback.sh production`, sha256 "),
        "{told}"
    );
    let passed = daemon.report();
    assert_eq!(passed["checklists"][0]["verdict"], "GO", "{passed:#}");
    assert!(!daemon.file("ran").exists(), "nothing was done");
    daemon.kill();
    daemon.start();
    assert_eq!(daemon.report()["checklists"][0]["verdict"], "GO", "it is on record");
    daemon.write("rollback.sh", "echo changed >> ran\n");
    daemon.kill();
    daemon.start();
    let void = daemon.wait_for("the script's change", |r| {
        r["checklists"][0]["checks"][0]["outcome"] == "unknown"
    });
    let because = void["checklists"][0]["checks"][0]["because"].as_str().unwrap_or_default();
    assert_eq!(because, "what revert would run has changed since the rehearsal");
    drop(listener);
}
