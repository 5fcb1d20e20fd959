//! Announcements and contacts in every form of the report: waiting, sent, failed and missed.

use std::time::Duration;

use launchgate_core::message::Delivery;
use launchgate_core::milestone::Milestone;
use launchgate_core::state::Event;

use super::sample::{HOSTILE, Sample};
use super::{Format, Options, render};

const LAUNCH: &str = r#"
launch: shop
title: Shop
version: "2.4"
go_live: 2026-11-27T08:00:00[Europe/London]
people: { technical_lead: [tom], legal: [carol], on_call: [olga] }
links: { war_room: https://chat.example/launch }
contacts:
  olga: { name: Olga N., phone: "+44 20 7946 0000", chat: "@olga" }
  security: { name: Security desk, link: https://security.example/desk, note: day and night }
channels:
  room: { kind: webhook, url: { env: ROOM } }
  mail: { kind: email, server: mail.example, from: a@shop.example, to: [b@shop.example] }
checklists:
  people:
    title: People
    due: T-1d
    owner: technical_lead
    escalate: [on_call, security]
    checks:
      terms: { title: Terms, probe: sign_off, with: { by: legal } }
announcements:
  - { on: T-3d, to: [room], message: The plan }
  - { on: T-2h, to: [room, mail], title: "Soon: ${launch.title}", message: "At ${launch.go_live}", owner: technical_lead }
  - { on: deploy_started, to: [room], message: "Deployment of ${version} started" }
  - { on: 1h after live, name: all-normal, to: [mail], message: All normal }
"#;

/// One of each state: missed, failed at one of two channels, sent, waiting.
fn announced() -> Sample {
    let mut sample = Sample::of(LAUNCH);
    sample.pass(Duration::from_secs(60));
    sample.reach(Milestone::DeployStarted);
    let now = "2026-11-27T06:01:00Z".parse().expect("a time");
    let sent = || Delivery::Sent { at: now };
    let because = format!("permanent error (550): {HOSTILE}");
    let deliveries = [
        ("announcement/shop/2.4/T-2h/room", sent()),
        ("announcement/shop/2.4/T-2h/mail", Delivery::GivenUp { at: now, because }),
        ("announcement/shop/2.4/deploy_started/room", sent()),
    ];
    for (id, delivery) in deliveries {
        sample.apply(Event::Delivered { id: id.to_owned(), delivery });
    }
    sample.pass(Duration::from_secs(30));
    sample
}

/// The part of a drawn report from a heading on.
fn from<'t>(drawn: &'t str, heading: &str) -> &'t str {
    let at = drawn.find(heading).unwrap_or_else(|| panic!("no {heading} in {drawn}"));
    &drawn[at..]
}

#[test]
fn the_text_shows_how_each_announcement_stands() {
    let drawn = render(&announced().report(), Format::Text, Options::default());
    insta::assert_snapshot!(from(&drawn, "Announcements").trim_end(), @r#"
    Announcements
      ! missed   T-3d · to room · The plan
                 it could not be made within 1h of its time
      ✗ failed   T-2h · to room, mail · technical_lead · Soon: ${launch.title}
                 mail: permanent error (550): ]0;owned2J<img src=x onerror=alert(1)>
                 `a` | b @channel txt.exe
      ✓ sent     deploy_started · to room · Deployment of ${version} started
                 sent 30s ago
      · waiting  all-normal (1h after live) · to mail · All normal
                 waits for `live`

    Milestones
      2026-11-27T06:01:00Z  deploy_started, by alice

    Links
      war_room  https://chat.example/launch
    "#);
    for line in drawn.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn markdown_shows_how_each_announcement_stands() {
    let drawn = render(&announced().report(), Format::Markdown, Options::default());
    // Joiners that nobody sees take the meaning from names and links.
    let drawn = drawn.replace('\u{2060}', "");
    insta::assert_snapshot!(from(&drawn, "## Announcements").trim_end(), @r#"
    ## Announcements

    | state | announcement | how it stands |
    |---|---|---|
    | ! missed | T-3d · to room · The plan | it could not be made within 1h of its time |
    | ✗ failed | T-2h · to room, mail · technical\_lead · Soon: $\{launch.title\} | mail: permanent error \(550\): \]0;owned2J&lt;img src=x onerror=alert\(1\)&gt; \`a\` \| b @channel txt.exe |
    | ✓ sent | deploy\_started · to room · Deployment of $\{version\} started | sent 30s ago |
    | · waiting | all-normal \(1h after live\) · to mail · All normal | waits for \`live\` |

    ## Milestones

    - 2026-11-27T06:01:00Z `deploy_started`, by alice
    "#);
}

#[test]
fn the_page_shows_how_each_announcement_stands() {
    let drawn = render(&announced().report(), Format::Html, Options::default());
    let section = from(&drawn, "<section id=\"announcements\"");
    let section = section.split("</section>").next().unwrap_or_default();
    insta::assert_snapshot!(section.replace("><", ">\n<"), @r#"
    <section id="announcements" aria-labelledby="announcements-title">
    <h2 id="announcements-title">Announcements</h2>
    <ul class="cards">
    <li>
    <span class="badge open">
    <span aria-hidden="true">! </span>missed</span> <strong>T-3d</strong> <span class="fine">to room · <time datetime="2026-11-24T08:00:00Z">Tue 2026-11-24 08:00:00 GMT</time>
    </span>
    <p>The plan</p>
    <p class="fine">it could not be made within 1h of its time</p>
    </li>
    <li>
    <span class="badge bad">
    <span aria-hidden="true">✗ </span>failed</span> <strong>T-2h</strong> <span class="fine">to room, mail · technical_lead · <time datetime="2026-11-27T06:00:00Z">Fri 2026-11-27 06:00:00 GMT</time>
    </span>
    <p>
    <strong>Soon: ${launch.title}</strong>
    </p>
    <p>At ${launch.go_live}</p>
    <p class="fine">mail: permanent error (550): ]0;owned2J&lt;img src=x onerror=alert(1)&gt; <code>a</code> | b @channel txt.exe</p>
    </li>
    <li>
    <span class="badge good">
    <span aria-hidden="true">✓ </span>sent</span> <strong>deploy_started</strong> <span class="fine">to room · <time datetime="2026-11-27T06:01:00Z">Fri 2026-11-27 06:01:00 GMT</time>
    </span>
    <p>Deployment of ${version} started</p>
    <p class="fine">sent 30s ago</p>
    </li>
    <li>
    <span class="badge calm">
    <span aria-hidden="true">· </span>waiting</span> <strong>all-normal</strong> <span class="fine">1h after live, to mail</span>
    <p>All normal</p>
    <p class="fine">waits for <code>live</code>
    </p>
    </li>
    </ul>
    "#);
    assert!(!drawn.contains("<img"), "{drawn}");
}

#[test]
fn json_has_every_state() {
    let drawn = render(&announced().report(), Format::Json, Options::default());
    let read: serde_json::Value = serde_json::from_str(&drawn).expect("JSON");
    let states: Vec<&str> = read["announcements"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|a| a["state"].as_str())
        .collect();
    assert_eq!(states, ["missed", "failed", "sent", "waiting"]);
    assert_eq!(read["announcements"][1]["channels"][0]["state"], "sent");
    let alarms = read["alarms"].as_array().expect("a list");
    assert!(alarms.iter().any(|a| {
        a.as_str().is_some_and(|a| a.starts_with("the announcement `T-2h` did not reach mail"))
    }));
}

#[test]
fn a_blocker_says_whom_to_turn_to() {
    let mut sample = Sample::of(LAUNCH);
    sample.pass(Duration::from_secs(60));
    let report = sample.report();
    let text = render(&report, Format::Text, Options::default());
    // Where lines are broken is not what matters here.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for turn in [
        "turn to: Olga N., on_call: phone +44 20 7946 0000, chat @olga",
        "turn to: Security desk: link https://security.example/desk, note day and night",
    ] {
        assert!(text.contains(turn), "{turn}: {text}");
    }
    let html = render(&report, Format::Html, Options::default());
    assert!(html.contains("<a href=\"https://security.example/desk\""), "{html}");
    let markdown = render(&report, Format::Markdown, Options::default());
    assert!(markdown.contains("turn to Olga N., on\\_call: phone"), "{markdown}");
    let json = render(&report, Format::Json, Options::default());
    let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read["blockers"][0]["contacts"][0]["ways"][0]["at"], "+44 20 7946 0000");
}
