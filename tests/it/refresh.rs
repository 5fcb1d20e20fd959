//! `report --refresh`: what changed since the last look is seen at once, however seldom its check looks.

use crate::rig::daemon::Daemon;

const LAUNCH: &str = r#"
launch: shop
title: Shop
version: "2.4"
go_live: 2030-01-08T09:00:00[Europe/London]
people: { incident_commander: [alice], legal: [erin] }
checklists:
  before:
    title: Before
    due: T-1d
    checks:
      works:
        title: It works
        probe: exec
        with: { command: [cat, state] }
        expect: ['output == "fine"']
        every: 1h
        fresh_for: 2h
      # It ends once nobody keeps it.
      slow:
        title: It ends
        probe: exec
        with: { command: [bash, -c, "while [ -e kept ]; do :; done"] }
        expect: ["exit_code == 0"]
        every: 1h
        fresh_for: 2h
        timeout: 1m
      terms: { title: Terms, probe: sign_off, with: { by: legal } }
"#;

#[test]
fn a_report_that_is_refreshed_shows_what_is_so_now() {
    let mut daemon = Daemon::of(LAUNCH);
    daemon.write("state", "fine");
    daemon.start();
    daemon.order(&["sign", "before/terms", "--as", "erin"]);
    daemon.wait_for("GO", |report| report["verdict"] == "GO");

    daemon.write("state", "broken");
    let refreshed = ["report", "--refresh", "--as", "alice"];
    let (_, as_it_was) = daemon.try_order(&["report"]);
    assert_eq!(as_it_was, 0, "it looks once an hour");
    let (report, now) = daemon.try_order(&refreshed);
    assert_eq!(now, 1, "{report}");
    assert!(report.contains("NO-GO") && report.contains(r#""broken""#), "{report}");
    daemon.write("state", "fine");
    let (report, now) = daemon.try_order(&refreshed);
    assert_eq!(now, 0, "{report}");

    // What was not looked at in time is said, and nobody is told GO.
    daemon.write("kept", "");
    let (report, now) = daemon.try_order(&[&refreshed[..], &["--within", "1s"]].concat());
    assert_eq!(now, 2, "{report}");
    let warned = "warning: not looked at again within 1s, and shown as last seen: before/slow";
    assert!(report.contains(warned) && report.contains("looking again at before/slow"), "{report}");
    std::fs::remove_file(daemon.file("kept")).unwrap();
    daemon.wait_for("end of the wait", |report| report["looking_again"].is_null());
    let (report, now) = daemon.try_order(&refreshed);
    assert_eq!(now, 0, "{report}");
    let next = daemon.report()["checklists"][0]["checks"][0]["next_at"].clone();
    let next: jiff::Timestamp = next.as_str().and_then(|at| at.parse().ok()).expect("an instant");
    let until = next.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3_500..=3_600).contains(&until), "within the hour: {next}");
}
