//! A rollback whose messages reach nobody is as fast as any other, and tells everything as soon as somebody listens.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::rig::eight::{self, ONCE};
use crate::rig::mortal::Mortal;
use crate::rig::process::{free_port, poll_until};
use crate::rig::recorder::Recorder;

const PATIENCE: Duration = Duration::from_secs(90);
/// What two rollbacks may differ by for other reasons, in seconds; a try at a silent channel takes ten.
const NOISE: f64 = 2.0;

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).expect("a time")
}

/// Rolls back, and gives the report at the end with the seconds from the decision to the end of the last step before
/// the wait, whose length hangs on when the check is looked at.
fn rolled_back(daemon: &mut Mortal) -> (Value, f64) {
    daemon.start(None);
    daemon.milestone("deploy_started");
    daemon.milestone("migration_done");
    let fired = daemon.post("triggers/broken/fire", &json!({ "reason": "it is broken" }));
    assert_eq!(fired, Some(200), "{}", daemon.log());
    let report = poll_until(PATIENCE, "end of the rollback", || {
        daemon.get("report").filter(|report| report["phase"] == "rolled_back")
    });
    let run = &report["runs"][0];
    assert_eq!(run["status"], "verified", "{run:#}");
    let steps = run["procedure"]["steps"].as_array().expect("a list");
    let last = steps.iter().position(|step| step["id"] == "switch").expect("there is one");
    let took = time(&run["steps"][last]["at"]).duration_since(time(&run["at"])).as_secs_f64();
    (report, took)
}

/// Rolls back while nobody takes the messages; then somebody does.
fn unheard(row: &str, port: u16, in_the_way: Option<TcpListener>, with_channel: f64) {
    let recorder = Recorder::start();
    let mut daemon = eight::daemon(&recorder, &format!("http://127.0.0.1:{port}/room"));
    let (report, took) = rolled_back(&mut daemon);
    eprintln!("{row}: {took:.3} s to the last deed; with a channel {with_channel:.3} s");
    assert!((took - with_channel).abs() < NOISE, "{row}: {took} s, else {with_channel} s");
    for step in ONCE {
        assert_eq!(eight::acts(&daemon, &recorder, step), 1, "{row}: {step}");
    }
    let waiting = report["messages"]["waiting"].as_u64().expect("a number");
    assert!(waiting >= 2, "{row}: the page and the announcement: {:#}", report["messages"]);
    assert!(report["messages"]["oldest_waiting"].is_string(), "{row}");

    drop(in_the_way);
    let room = Recorder::start_on(port);
    let report = poll_until(PATIENCE, "delivery of every message", || {
        daemon.get("report").filter(|report| report["messages"]["waiting"] == 0)
    });
    assert_eq!(report["messages"]["given_up"], 0, "{row}");
    let arrived = room.keys("/room");
    let keys: BTreeSet<String> = arrived.iter().cloned().collect();
    assert_eq!(keys.len(), arrived.len(), "{row}: each once: {arrived:?}");
    let told = report["messages"]["last"].as_array().expect("a list");
    let told: BTreeSet<String> =
        told.iter().filter_map(|m| m["message"]["id"].as_str()).map(str::to_owned).collect();
    assert_eq!(keys, told, "{row}");
    assert!(u64::try_from(told.len()).expect("a few") >= waiting, "{row}");
}

#[test]
fn a_channel_that_is_down_delays_nothing_and_is_told_everything_later() {
    let (recorder, room) = (Recorder::start(), Recorder::start());
    let mut heard = eight::daemon(&recorder, &format!("{}/room", room.url()));
    let (_, with_channel) = rolled_back(&mut heard);
    heard.kill();

    unheard("refused", free_port(), None, with_channel);
    // It takes connections, and never a request.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    let port = silent.local_addr().expect("a bound listener has an address").port();
    unheard("silent", port, Some(silent), with_channel);
}
