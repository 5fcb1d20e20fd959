//! A table over what the source and its replicas may say.

use std::time::Duration;

use super::*;
use launchgate_core::observation::Cause;
use tokio::time::Instant;

fn channel() -> Channel {
    Channel {
        name: String::new(),
        receives: "Yes".to_owned(),
        applies: "Yes".to_owned(),
        errors: [0, 0],
        behind: Some(0.0),
        source_id: Some(1),
        source_uuid: None,
        delay: 0.0,
    }
}

fn chased(lag: Option<u64>, channels: Vec<Channel>) -> Chased {
    Chased {
        lag: lag.map(Duration::from_millis),
        watched: Duration::from_secs(5),
        unseen: false,
        channels,
        is_writable: false,
    }
}

fn origin(proof: Proof) -> Origin {
    let target = Target::Gtids("0-1-7".to_owned());
    Origin { server_id: 1, uuid: None, is_writable: true, target, proof, at: Instant::now() }
}

fn show(readings: &Readings) -> String {
    let names = [
        ("lag", Unit::Time),
        ("caught_up", Unit::Percent),
        ("running", Unit::Percent),
        ("usual_formula", Unit::Time),
        ("roles_ok", Unit::One),
        ("broken", Unit::One),
        ("missing", Unit::One),
    ];
    names.map(|(n, unit)| readings.get(n).map_or("-".to_owned(), |v| v.show(unit))).join(" ")
}

#[test]
fn a_replica_counts_only_when_it_follows_and_catches_up() {
    let stopped = Channel { applies: "No".to_owned(), behind: None, ..channel() };
    let failed = Channel { applies: "No".to_owned(), errors: [0, 1062], behind: None, ..channel() };
    let waits = Channel { receives: "Connecting".to_owned(), behind: None, ..channel() };
    let other = Channel { source_id: Some(9), ..channel() };
    let late = Channel { delay: 3_600.0, ..channel() };
    let unseen = Chased { unseen: true, ..chased(None, vec![late]) };
    let fails = |cause| Err(Failure::new(cause, "it"));
    let rows: [(&str, Result<Chased, Failure>, &str); 10] = [
        ("all well", Ok(chased(Some(9), vec![channel()])), "9ms 100% 100% 0s true [] []"),
        ("a hung receiver", Ok(chased(None, vec![channel()])), "- 0% 100% 0s true [] []"),
        ("a stopped thread", Ok(chased(None, vec![stopped])), "- 0% 0% - true [a] []"),
        ("a thread in error", Ok(chased(None, vec![failed])), "- 0% 0% - true [a] []"),
        ("no connection", Ok(chased(None, vec![waits.clone()])), "- 0% 0% - true [a] []"),
        (
            "one of two channels",
            Ok(chased(Some(9), vec![channel(), Channel { source_id: Some(2), ..waits }])),
            "9ms 100% 0% - true [a] []",
        ),
        ("another's replica", Ok(chased(Some(9), vec![other])), "9ms 100% 0% 0s false [] [a]"),
        ("no replica", Ok(chased(None, vec![])), "- 0% 0% - false [] [a]"),
        ("gone", fails(Cause::Refused), "- 0% 0% - - - -"),
        ("not let in", fails(Cause::Auth), "- - - - - - -"),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(show(&read(&origin(Proof::Mark), None, &[("a", seen)])), expected, "{name}");
    }
    let late = read(&origin(Proof::Mark), None, &[("a", Ok(unseen))]);
    assert_eq!(late.get("caught_up"), None, "it could not have been seen");
}

#[test]
fn a_lag_is_told_only_where_something_moved() {
    let before = |set: &str| Some(json!({ "gtids": set }));
    let heartbeat = |age, fresh| Proof::Heartbeat { age, fresh };
    let rows = [
        ("a mark", Proof::Mark, None, true),
        ("a fresh heartbeat", heartbeat(0.6, true), None, true),
        ("an old heartbeat", heartbeat(60.0, false), None, false),
        ("the first look", Proof::Nothing(None), None, false),
        ("an idle source", Proof::Nothing(None), before("0-1-7"), false),
        ("a busy source", Proof::Nothing(None), before("0-1-6"), true),
    ];
    for (name, proof, memory, told) in rows {
        let seen = [("a", Ok(chased(Some(9), vec![channel()])))];
        let readings = read(&origin(proof), memory.as_ref(), &seen);
        assert_eq!(readings.get("lag").is_some(), told, "{name}: {readings:?}");
        assert_eq!(readings.memory, before("0-1-7"), "{name}");
    }
}

#[test]
fn a_source_that_takes_no_writes_is_none() {
    let locked = Origin { is_writable: false, ..origin(Proof::Mark) };
    let readings = read(&locked, None, &[("a", Ok(chased(Some(9), vec![channel()])))]);
    assert!(show(&readings).contains(" false "), "{readings:?}");
}
