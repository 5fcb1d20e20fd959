//! Announcements of a daemon that is killed (SIGKILL) at random moments: each arrives, and how many arrive twice is
//! counted at the receivers by the messages' names.
//!
//! `LAUNCHGATE_ANNOUNCE_RUNS` says how many launches are lived through; 10 by default.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::BuildHasher as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::rig::mailbox::Mailbox;
use crate::rig::mortal::Mortal;
use crate::rig::process::{need, poll_until};
use crate::rig::recorder::Recorder;

const PATIENCE: Duration = Duration::from_secs(60);
/// How often a daemon is killed.
const DEATHS: usize = 6;
/// How many daemons are at work at once.
const AT_ONCE: usize = 6;
/// What people do meanwhile.
const MILESTONES: [&str; 3] = ["deploy_started", "smoke_passed", "live"];
/// Each announcement's name with its channels.
const EXPECTED: [(&str, &[&str]); 7] = [
    ("T-1s", &["hook", "mail"]),
    ("T-0", &["slack"]),
    ("deploy_started", &["hook", "pager", "mail"]),
    ("H+1s", &["hook"]),
    ("smoke_passed", &["teams"]),
    ("live", &["hook", "slack", "mail"]),
    ("after", &["hook", "mail"]),
];

/// What was seen of one launch.
#[derive(Debug, Clone, Default)]
struct Seen {
    deaths: usize,
    /// How often each message arrived.
    arrived: BTreeMap<String, usize>,
}

/// The names of the messages that must arrive.
fn expected() -> BTreeSet<String> {
    let name = |key: &str, channel: &str| format!("announcement/told/2.4/{key}/{channel}");
    let all =
        EXPECTED.iter().flat_map(|(key, to)| to.iter().map(move |channel| name(key, channel)));
    all.collect()
}

fn daemon(recorder: &Recorder, mailbox: &Mailbox, recipient: &str) -> Mortal {
    let soon = Timestamp::now().checked_add(SignedDuration::from_secs(3)).expect("a time");
    let go_live = soon.strftime("%Y-%m-%dT%H:%M:%S+00:00[UTC]");
    let (url, port) = (recorder.url(), mailbox.open);
    let text = format!(
        r#"
launch: told
title: Told
version: "2.4"
go_live: {go_live}
people: {{ incident_commander: [alice], legal: [carol] }}
channels:
  hook: {{ kind: webhook, url: "{url}/hook", signature: {{ secret: {{ file: key }} }} }}
  slack: {{ kind: slack, url: "{url}/slack" }}
  teams: {{ kind: teams, url: "{url}/teams" }}
  pager: {{ kind: pagerduty, url: "{url}/pager", routing_key: {{ file: key }} }}
  mail: {{ kind: email, server: 127.0.0.1, port: {port}, tls: none, from: a@shop.example, to: ["{recipient}"] }}
checklists:
  people:
    title: People
    due: T-1d
    checks: {{ terms: {{ title: Terms, probe: sign_off, with: {{ by: legal }} }} }}
announcements:
  - {{ on: T-1s, to: [hook, mail], message: "At ${{launch.go_live}}: ${{verdict}}" }}
  - {{ on: T, to: [slack], message: Now }}
  - {{ on: deploy_started, to: [hook, pager, mail], message: "Deployment of ${{version}} started" }}
  - {{ on: H+1s, to: [hook], message: A second }}
  - {{ on: smoke_passed, to: [teams], message: The tests pass }}
  - {{ on: live, to: [hook, slack, mail], message: "${{launch.title}} is live" }}
  - {{ on: 1s after live, name: after, to: [hook, mail], message: All normal }}
"#
    );
    let daemon = Mortal::of("told", &text);
    daemon.write("key", "s3cret\n");
    daemon
}

/// Up to so many milliseconds, at random.
fn random(most: u64, of: impl std::hash::Hash) -> Duration {
    Duration::from_millis(RandomState::new().hash_one(of) % most)
}

/// Lives through one launch: killed at random moments, in the midst of what people do.
fn live_through(mailbox: &Mailbox, run: usize) -> Seen {
    let recorder = Recorder::start();
    let recipient = format!("team-{run}@shop.example");
    let mut daemon = daemon(&recorder, mailbox, &recipient);
    let mut seen = Seen::default();
    let mut reached = 0;
    for death in 0..DEATHS {
        daemon.start(None);
        // Sometimes before anything is done, sometimes right after, sometimes in between.
        let (began, moment) = (Instant::now(), random(900, (run, death)));
        let early = moment.as_millis() % 3 == 0;
        if !early && reached < MILESTONES.len() {
            reached += usize::from(reach(&daemon, MILESTONES[reached]));
        }
        poll_until(PATIENCE, "moment to die", || (began.elapsed() >= moment).then_some(()));
        daemon.kill();
        seen.deaths += 1;
    }
    daemon.start(None);
    let report = poll_until(PATIENCE, "every announcement sent", || {
        if reached < MILESTONES.len() {
            reached += usize::from(reach(&daemon, MILESTONES[reached]));
        }
        let report = daemon.get("report")?;
        let all = report["announcements"].as_array()?;
        all.iter().all(|announcement| announcement["state"] == "sent").then_some(report)
    });
    assert_eq!(report["messages"]["given_up"], 0, "{report:#}");
    let posted =
        ["/hook", "/slack", "/teams", "/pager"].iter().flat_map(|path| recorder.keys(path));
    let mails = mailbox.taken_for(&recipient);
    let mailed = mails.iter().filter_map(|mail| mail["name"].as_str().map(str::to_owned));
    for name in posted.chain(mailed) {
        *seen.arrived.entry(name).or_default() += 1;
    }
    let arrived: BTreeSet<String> = seen.arrived.keys().cloned().collect();
    assert_eq!(arrived, expected(), "what was to be told, and nothing else\n{}", daemon.log());
    let ids: BTreeSet<&str> = mails.iter().filter_map(|mail| mail["message_id"].as_str()).collect();
    assert_eq!(ids.len(), 4, "a repetition has the Message-ID of the first");
    seen
}

/// Whether a milestone stands, by our order or by an earlier one whose answer was lost.
fn reach(daemon: &Mortal, milestone: &str) -> bool {
    let status = daemon.post("milestones", &json!({ "milestone": milestone }));
    let stands = || {
        let report = daemon.get("report")?;
        let reached = report["milestones"].as_array()?;
        Some(reached.iter().any(|reached| reached["milestone"] == milestone))
    };
    status == Some(200) || stands().unwrap_or_default()
}

#[test]
fn every_announcement_arrives_though_the_daemon_is_killed_at_random_moments() {
    if !need("aiosmtpd") {
        return;
    }
    let runs = std::env::var("LAUNCHGATE_ANNOUNCE_RUNS").ok();
    let runs: usize = runs.map_or(10, |text| text.parse().expect("a number of runs"));
    let mailbox = Mailbox::start();
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..runs).collect());
    let seen: Mutex<Vec<Result<Seen, String>>> = Mutex::default();
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(run) = next() {
                    let lived = catch_unwind(AssertUnwindSafe(|| live_through(&mailbox, run)));
                    let lived = lived.map_err(|panic| {
                        let text = panic.downcast_ref::<String>().cloned();
                        format!("run {run}: {}", text.unwrap_or_else(|| "it broke".to_owned()))
                    });
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(lived);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let good: Vec<&Seen> = seen.iter().filter_map(|seen| seen.as_ref().ok()).collect();
    let deaths: usize = good.iter().map(|seen| seen.deaths).sum();
    let told: usize = good.iter().map(|seen| seen.arrived.len()).sum();
    let mut twice: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, times) in good.iter().flat_map(|seen| &seen.arrived) {
        *twice.entry(name.rsplit('/').next().unwrap_or_default()).or_default() += times - 1;
    }
    let repeated: usize = twice.values().sum();
    eprintln!(
        "{} launches, {deaths} deaths: {told} messages arrived, {repeated} repetitions {twice:?}",
        good.len()
    );
    let broken: Vec<&String> = seen.iter().filter_map(|seen| seen.as_ref().err()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(told, runs * expected().len());
}
