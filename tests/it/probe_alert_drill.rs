//! The `alert_drill` probe through a real Alertmanager: arrived by a call, arrived on a page, held back, and not to be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_probes::Context;
use serde_json::{Value, json};

use crate::rig::alertmanager::Alertmanager;
use crate::rig::canned::Canned;
use crate::rig::process::{free_port, need};
use crate::rig::recorder::Recorder;

/// A route for drills to a receiver of ours, and one for everything else to the pager.
fn config(drills: &str, pager: &str) -> String {
    format!(
        "\
route:
  receiver: pager
  group_wait: 100ms
  group_interval: 1s
  routes:
  - matchers: ['drill=~\".+\"']
    receiver: drills
    group_by: [drill]
receivers:
- name: pager
  webhook_configs: [{{url: '{pager}/page'}}]
- name: drills
  webhook_configs: [{{url: '{drills}'}}]
"
    )
}

async fn look(settings: Value, memory: Option<Value>, seconds: u64) -> Result<Readings, Failure> {
    let probe = launchgate_probes::builtin().build("alert_drill", settings).expect("settings");
    let mut cx = Context::new(Duration::from_secs(seconds), Timestamp::now(), None, "/".into());
    cx.memory = memory.map(Arc::new);
    probe.observe(&cx).await
}

/// The readings as JSON, each number, flag and text as it is.
fn shown(readings: &Readings) -> Value {
    let values = serde_json::to_value(&readings.values).expect("readings are JSON");
    let plain = |value: &Value| value.as_object().and_then(|typed| typed.values().next()).cloned();
    let values = values.as_object().expect("an object").iter();
    values.map(|(name, value)| (name.clone(), plain(value).unwrap_or_default())).collect()
}

fn drill(rig: &Alertmanager) -> Value {
    json!({
        "source": { "kind": "alertmanager", "url": rig.url() },
        "labels": { "alertname": "LaunchDrill", "severity": "critical" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_arrives_once_and_stands_then_is_held_back_and_that_is_said() {
    if !(need("prometheus-alertmanager") && need("curl")) {
        return;
    }
    let (pager, port) = (Recorder::start(), free_port());
    let mut rig = Alertmanager::start(&config(&format!("http://127.0.0.1:{port}/"), &pager.url()));
    let mut settings = drill(&rig);
    settings["listen"] = json!(format!("127.0.0.1:{port}"));

    let arrived = look(settings.clone(), None, 20).await.expect("it answers");
    let seen = shown(&arrived);
    assert_eq!(
        (&seen["arrived"], &seen["receivers"]),
        (&json!(true), &json!(["drills"])),
        "{seen}"
    );
    assert!(seen["took"].as_f64().is_some_and(|took| (0.05..10.0).contains(&took)), "{seen}");
    assert_eq!(pager.bodies(), Vec::<String>::new(), "the route of the drill leads to nobody else");
    let after: Vec<Value> =
        serde_json::from_str(&rig.get("alerts?filter=alertname=LaunchDrill")).expect("JSON");
    assert!(after.is_empty(), "the alert has ended: {after:?}");

    // The next look fires none, and says of when its answer is.
    let memory = arrived.memory.clone().expect("it remembers");
    rig.stop();
    let stands = look(settings.clone(), Some(memory), 20).await.expect("what stands is said");
    assert_eq!(shown(&stands)["arrived"], true);
    let gone = look(settings.clone(), None, 5).await.expect_err("nobody takes it");
    assert_eq!(gone.cause, Cause::Refused, "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_does_not_arrive_fails_and_says_what_kept_it() {
    if !(need("prometheus-alertmanager") && need("curl")) {
        return;
    }
    let (pager, port) = (Recorder::start(), free_port());
    // The receiver of drills is somebody else's.
    let rig = Alertmanager::start(&config(&format!("{}/drills", pager.url()), &pager.url()));
    let mut settings = drill(&rig);
    settings["listen"] = json!(format!("127.0.0.1:{port}"));
    let lost = shown(&look(settings.clone(), None, 5).await.expect("it answers"));
    assert_eq!((&lost["arrived"], &lost["silenced"]), (&json!(false), &json!(false)), "{lost}");
    assert!(lost.get("took").is_none(), "{lost}");

    let (start, end) = (Timestamp::now(), Timestamp::now() + Duration::from_secs(3600));
    let silence = json!({"matchers": [{"name": "severity", "value": "critical", "isRegex": false,
        "isEqual": true}], "startsAt": start.to_string(), "endsAt": end.to_string(),
        "createdBy": "a test", "comment": "a test"});
    rig.post("silences", &silence.to_string());
    let silenced = look(settings.clone(), None, 5).await.expect("it answers");
    assert!(
        silenced.parts.iter().any(|p| p.odd && p.says.contains("silence")),
        "{:?}",
        silenced.parts
    );
    assert_eq!(shown(&silenced)["silenced"], true);

    // The address of the call is taken: nothing is fired, and nothing is known.
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("it is free");
    let before = pager.bodies().len();
    let unknown = look(settings, None, 5).await.expect_err("it cannot be heard");
    assert_eq!(unknown.cause, Cause::ProbeError, "{unknown}");
    assert_eq!(pager.bodies().len(), before);
    drop(taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_is_seen_on_the_page_of_who_received_it() {
    if !(need("prometheus-alertmanager") && need("curl")) {
        return;
    }
    let pager = Arc::new(Recorder::start());
    let rig = Alertmanager::start(&config(&format!("{}/drills", pager.url()), &pager.url()));
    let (inbox, broken) = (Arc::clone(&pager), Arc::new(AtomicBool::new(false)));
    let away = Arc::clone(&broken);
    let page = Canned::start(move |_| {
        if away.load(Ordering::SeqCst) {
            (502, String::new())
        } else {
            (200, inbox.bodies().concat())
        }
    });
    let mut settings = drill(&rig);
    settings["page"] = json!({ "url": page.url() });
    let seen = shown(&look(settings.clone(), None, 20).await.expect("it answers"));
    assert_eq!(seen["arrived"], true, "{seen}");

    broken.store(true, Ordering::SeqCst);
    let before = pager.bodies().len();
    let unknown = look(settings, None, 5).await.expect_err("the page is away");
    assert_eq!(unknown.cause, Cause::Unreachable, "{unknown}");
    assert_eq!(pager.bodies().len(), before, "nothing is fired that could not be seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_whose_end_is_not_seen_is_unknown_and_not_repeated_at_once() {
    if !(need("prometheus-alertmanager") && need("curl")) {
        return;
    }
    let pager = Recorder::start();
    let rig = Alertmanager::start(&config(&format!("{}/drills", pager.url()), &pager.url()));
    // The page is there until something is fired.
    let asked = Arc::new(AtomicBool::new(false));
    let before = Arc::clone(&asked);
    let page = Canned::start(move |_| {
        (if before.swap(true, Ordering::SeqCst) { 502 } else { 200 }, String::new())
    });
    let mut settings = drill(&rig);
    settings["page"] = json!({ "url": page.url() });
    let unknown = look(settings.clone(), None, 10).await.expect("it was fired, and that is known");
    let seen = shown(&unknown);
    assert!(seen.get("arrived").is_none() && seen["receivers"] == json!(["drills"]), "{seen}");
    assert!(unknown.parts.iter().any(|p| p.odd && p.says.contains("502")), "{:?}", unknown.parts);

    let memory = unknown.memory.clone().expect("it remembers");
    asked.store(false, Ordering::SeqCst);
    let again =
        look(settings.clone(), Some(memory.clone()), 10).await.expect("what is known is said");
    assert!(!asked.load(Ordering::SeqCst), "nobody is called again within ten minutes");
    assert!(shown(&again).get("arrived").is_none());

    // Another alert is another drill, whatever was tried before.
    settings["labels"]["severity"] = json!("warning");
    look(settings.clone(), Some(memory), 10).await.expect("it was fired");
    assert!(asked.load(Ordering::SeqCst));

    let short = look(settings, None, 2).await.expect_err("nothing can arrive in no time");
    assert_eq!(short.cause, Cause::ProbeError, "{short}");
}
