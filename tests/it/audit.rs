//! The audit log from end to end: decisions through the command line, exported, verified without the daemon, through a
//! kill; and every tampering with the exported file is named.

use std::path::Path;
use std::process::Command;

use launchgate_core::audit::{Hex, Line};

use crate::rig::daemon::Daemon;

const LAUNCH: &str = r#"
launch: shop
title: Shop
version: "2.4"
go_live: 2026-12-01T09:00:00[Europe/London]
people: { incident_commander: [alice], legal: [erin] }
checklists:
  people:
    title: People
    due: T-1d
    checks:
      terms: { title: The terms are approved, probe: sign_off, with: { by: legal } }
"#;

/// `launchgate audit verify`: the exit code, and all that it said.
fn verify(daemon: &Daemon, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_launchgate"))
        .args(["audit", "verify", "--public-key"])
        .arg(daemon.file("store.db.pub"))
        .args(arguments)
        .output()
        .expect("the binary is built for this test");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn export(daemon: &Daemon, after: &str) -> String {
    let output = daemon.ask(&["audit", "export", "--after", after]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

#[test]
fn what_people_decided_is_exported_and_verified_without_the_daemon() {
    let mut daemon = Daemon::of(LAUNCH);
    daemon.start();
    daemon.order(&["sign", "people/terms", "--evidence", "minutes 42", "--as", "erin"]);
    daemon.order(&["milestone", "deploy_started", "--as", "alice"]);
    let first = export(&daemon, "0");
    daemon.kill();
    daemon.start();
    daemon.order(&["milestone", "live", "--as", "alice"]);
    let all = export(&daemon, "0");
    assert_eq!(all, format!("{first}{}", export(&daemon, "2")), "piece by piece, or whole");
    assert!(all.contains("minutes 42") && all.contains("erin"), "{all}");

    daemon.write("log.jsonl", &all);
    let (log, store) = (daemon.file("log.jsonl"), daemon.file("store.db"));
    let (code, said) = verify(&daemon, &[shown(&log)]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("shop: 3 entries, 3 signed heads, all hold; head shop:3:"), "{said}");
    let head = said.split_whitespace().last().unwrap().to_owned();
    assert_eq!(verify(&daemon, &["--store", shown(&store)]), (Some(0), said), "while it runs");
    daemon.kill();
    let (code, said) = verify(&daemon, &["--store", shown(&store), "--head", &head]);
    assert_eq!(code, Some(0), "{said}");

    daemon.write("log.jsonl", &first);
    assert_eq!(verify(&daemon, &[shown(&log)]).0, Some(0), "nothing in it tells that it goes on");
    let (code, said) = verify(&daemon, &[shown(&log), "--head", &head]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("entry 3 of shop is missing: the log is known to reach entry 3"),
        "{said}"
    );
    tampering_is_named(&daemon, &all);
}

fn tampering_is_named(daemon: &Daemon, all: &str) {
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.len(), 6, "an entry and a head for each of three commits");
    let without = |places: &[usize]| -> String {
        let kept = lines.iter().enumerate().filter(|(i, _)| !places.contains(i));
        kept.flat_map(|(_, line)| [line, "\n"]).collect()
    };
    let swapped = [lines[2], lines[3], lines[0], lines[1], lines[4], lines[5]].join("\n");
    let rows = [
        ("a byte of a body", all.replacen("minutes 42", "minutes 43", 1), "entry 1 of shop does"),
        ("an entry removed", without(&[2]), "entry 2 of shop is missing: the log is known"),
        ("an entry and its head", without(&[2, 3]), "entry 2 of shop is missing: entry 3"),
        ("two swapped", swapped, "entry 1 of shop is missing: entry 2"),
        ("one twice", format!("{}\n{all}", lines[0]), "entry 1 of shop stands a second time"),
        (
            "hashed anew",
            rehashed(&lines),
            "entry 1 of shop is another than the one that was signed",
        ),
        ("the last head removed", without(&[5]), "entry 3 of shop is covered by no signed head"),
        ("half of a line", all[..all.len() - 9].to_owned(), "line 6 is no line of an audit log"),
        ("nothing", String::new(), "there is no entry in it"),
    ];
    for (row, text, says) in rows {
        daemon.write("log.jsonl", &text);
        let (code, said) = verify(daemon, &[shown(&daemon.file("log.jsonl"))]);
        let expected = if row == "nothing" { 3 } else { 1 };
        assert_eq!(code, Some(expected), "{row}: {said}");
        assert!(said.contains(says), "{row}: {said}");
    }
}

/// The whole chain made to fit a changed body, by somebody who does not have the key.
fn rehashed(lines: &[&str]) -> String {
    let mut before = Hex([0; 32]);
    let mut text = String::new();
    for line in lines {
        let mut line: Line = serde_json::from_str(line).unwrap();
        if let Line::Entry(entry) = &mut line {
            entry.body = entry.body.replace("minutes 42", "minutes 43");
            entry.prev = before;
            entry.hash = entry.fingerprint();
            before = entry.hash;
        }
        text += &serde_json::to_string(&line).unwrap();
        text += "\n";
    }
    text
}
