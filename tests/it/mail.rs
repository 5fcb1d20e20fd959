//! Mail through a real server: by STARTTLS, by TLS from the first byte and in the open; refused, put off, and lost after
//! it was taken.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::rig::mailbox::Mailbox;
use crate::rig::mortal::Mortal;
use crate::rig::process::{need, poll_until};

const PATIENCE: Duration = Duration::from_secs(60);

/// A row: the channel, its port, TLS and recipient, and more settings.
type Row<'r> = (&'r str, u16, &'r str, &'r str, &'r str);

/// A launch that tells each channel that the deployment started.
fn daemon(rows: &[Row<'_>]) -> Mortal {
    let mut channels = String::new();
    for (name, port, tls, to, more) in rows {
        writeln!(
            channels,
            "  {name}: {{ kind: email, server: localhost, port: {port}, tls: {tls}, from: Launches <launches@shop.example>, \
             to: [\"{to}\"]{more} }}"
        )
        .expect("a String takes all");
    }
    let names: Vec<&str> = rows.iter().map(|(name, ..)| *name).collect();
    let text = format!(
        r#"
launch: post
title: The post
version: "2.4"
go_live: 2026-12-01T09:00:00[Europe/London]
people: {{ incident_commander: [alice], legal: [carol] }}
links: {{ war_room: https://chat.example/launch }}
channels:
{channels}
checklists:
  people:
    title: People
    due: T-1d
    checks: {{ terms: {{ title: Terms, probe: sign_off, with: {{ by: legal }} }} }}
announcements:
  - on: deploy_started
    to: [{}]
    title: "${{launch.title}}: deployment of ${{version}} started"
    message: "Grüße von ${{owner.incident_commander}}.\nThe verdict is ${{verdict}}."
"#,
        names.join(", ")
    );
    let daemon = Mortal::of("post", &text);
    daemon.write("password", "s3cret\n");
    daemon.write("wrong", "guessed\n");
    daemon
}

/// How the announcement stands with a channel.
fn stands(report: &Value, channel: &str) -> (String, String) {
    let channels = report["announcements"][0]["channels"].as_array().expect("a list");
    let found = channels.iter().find(|c| c["channel"] == channel).expect("it is there");
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("because"))
}

#[test]
fn mail_arrives_by_every_way_and_what_is_refused_says_why() {
    if !need("aiosmtpd") {
        return;
    }
    let mailbox = Mailbox::start();
    let ca = format!(", ca_file: {}", mailbox.authority());
    let user = format!("{ca}, user: launches, password: {{ file: password }}");
    let wrong = format!("{ca}, user: launches, password: {{ file: wrong }}");
    let Mailbox { open, starttls, implicit, .. } = mailbox;
    let rows: [Row<'_>; 8] = [
        ("starttls", starttls, "starttls", "team-1@shop.example", &ca),
        ("implicit", implicit, "implicit", "team-2@shop.example", &user),
        ("in-the-open", open, "none", "team-3@shop.example", ""),
        ("refused", starttls, "starttls", "refused@shop.example", &ca),
        ("busy", starttls, "starttls", "busy@shop.example", &ca),
        ("lost", open, "none", "lost@shop.example", ""),
        ("wrong-password", implicit, "implicit", "team-4@shop.example", &wrong),
        ("untrusted", starttls, "starttls", "team-5@shop.example", ""),
    ];
    let mut daemon = daemon(&rows);
    daemon.start(None);
    daemon.milestone("deploy_started");
    let report = poll_until(PATIENCE, "end of all but one", || {
        daemon.get("report").filter(|report| report["messages"]["waiting"] == 1)
    });
    let expected = [
        ("starttls", "sent", ""),
        ("implicit", "sent", ""),
        ("in-the-open", "sent", ""),
        ("refused", "failed", "no such user"),
        ("busy", "sent", ""),
        ("lost", "sent", ""),
        ("wrong-password", "failed", "535"),
        ("untrusted", "waiting", "on its way"),
    ];
    for (channel, state, because) in expected {
        let (stands, why) = stands(&report, channel);
        assert_eq!(stands, state, "{channel}: {why}\n{}", daemon.log());
        assert!(why.contains(because), "{channel}: {why}");
    }
    assert_eq!(report["announcements"][0]["state"], "failed", "the worst of them");
    let first = &mailbox.taken_for("team-1@shop.example")[0];
    assert_eq!(first["tls"], true);
    assert_eq!(first["subject"], "[post] The post: deployment of 2.4 started");
    let text = first["text"].as_str().expect("a text");
    assert!(text.starts_with("Grüße von alice.\r\nThe verdict is HOLD.\r\n"), "{text}");
    assert!(text.contains("war_room: https://chat.example/launch"), "{text}");
    assert_eq!(first["name"], "announcement/post/2.4/deploy_started/starttls");
    let second = &mailbox.taken_for("team-2@shop.example")[0];
    assert_eq!((&second["tls"], &second["user"]), (&true.into(), &"launches".into()));
    assert_eq!(mailbox.taken_for("busy@shop.example").len(), 1, "put off twice, taken once");
    let lost = mailbox.taken_for("lost@shop.example");
    assert_eq!(lost.len(), 2, "taken without an answer, and given again");
    assert_eq!(lost[0]["message_id"], lost[1]["message_id"], "by which a reader can tell");
    assert!(mailbox.taken_for("team-5@shop.example").is_empty(), "nothing to whom nobody knows");
}
