//! The `backup` probe against a real pgBackRest repository.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::pgbackrest::{Repository, STANZA};
use crate::rig::process::need;

/// Looks once with these settings.
pub(crate) async fn look(settings: serde_json::Value) -> Result<Readings, Failure> {
    let probe = launchgate_probes::builtin().build("backup", settings).expect("the settings hold");
    let cx = Context::new(Duration::from_secs(30), Timestamp::now(), None, "/".into());
    probe.observe(&cx).await
}

/// A number among readings.
pub(crate) fn number(readings: &Readings, name: &str) -> f64 {
    match readings.get(name) {
        Some(Value::Number(number)) => *number,
        other => panic!("{name} is {other:?} in {readings:?}"),
    }
}

/// Hours from a reading in seconds.
pub(crate) fn hours(readings: &Readings, name: &str) -> f64 {
    number(readings, name) / 3_600.0
}

/// A yes or no among readings.
pub(crate) fn flag(readings: &Readings, name: &str) -> Option<bool> {
    match readings.get(name) {
        Some(Value::Flag(flag)) => Some(*flag),
        None => None,
        other => panic!("{name} is {other:?} in {readings:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_a_backup_counts_from_its_end() {
    if !need("pgbackrest") || !need("postgres") || !need("faketime") {
        return;
    }
    let fresh = tokio::task::spawn_blocking(Repository::fresh).await.unwrap();
    let of = |stanza: &str| json!({ "pgbackrest": { "stanza": stanza, "config": fresh.config() } });
    let readings = look(of(STANZA)).await.unwrap();
    assert!(number(&readings, "age") < 300.0, "{readings:?}");
    assert_eq!(flag(&readings, "healthy"), Some(true));
    assert_eq!(flag(&readings, "running"), Some(false));
    assert_eq!(flag(&readings, "wal_gap"), None, "nobody asked for it");
    let missing = look(of("nobody")).await.unwrap();
    assert_eq!(missing.get("age"), None);
    assert_eq!(flag(&missing, "healthy"), Some(false), "{missing:?}");

    let config = fresh.config_with_another();
    let two = json!({ "pgbackrest": { "stanza": STANZA, "config": config } });
    let readings = look(two).await.unwrap();
    assert!((number(&readings, "covered") - 50.0).abs() < 1e-9, "{readings:?}");
    assert_eq!(readings.get("age"), None, "a fresh repository hides no empty one");
    assert_eq!(flag(&readings, "healthy"), Some(false));

    let no_config = json!({ "pgbackrest": { "stanza": STANZA, "config": "/no/such.conf" } });
    let failure = look(no_config).await.expect_err("there is no such file");
    assert_eq!(failure.cause, Cause::ProbeError, "{failure}");
    drop(fresh);
    let aged = tokio::task::spawn_blocking(|| Repository::aged(50)).await.unwrap();
    let aged = json!({ "pgbackrest": { "stanza": STANZA, "config": aged.config() } });
    let readings = look(aged).await.unwrap();
    assert!((hours(&readings, "age") - 50.0).abs() < 1.0, "{readings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wal_that_a_backup_needs_is_missed() {
    if !need("pgbackrest") || !need("postgres") {
        return;
    }
    let fresh = tokio::task::spawn_blocking(Repository::fresh).await.unwrap();
    let settings = json!({ "pgbackrest": {
        "stanza": STANZA, "config": fresh.config(), "wal": true, "wal_segment": "1MiB",
    } });
    let whole = look(settings.clone()).await.unwrap();
    assert_eq!(flag(&whole, "wal_gap"), Some(false), "{whole:?}");
    assert!(number(&whole, "pitr_to") < 300.0, "{whole:?}");
    assert!((number(&whole, "pitr_from") - number(&whole, "age")).abs() < 1.0, "{whole:?}");
    fresh.lose_wal();
    let lost = look(settings).await.unwrap();
    assert_eq!(flag(&lost, "wal_gap"), Some(true), "{lost:?}");
    assert_eq!(lost.get("pitr_from"), None);
    assert!(number(&lost, "age") < 300.0, "the backup itself is still there");
    let named = lost.parts.iter().find(|part| part.odd).expect("the gap is named");
    assert!(named.says.contains("WAL segments are missing: 0000000100000000"), "{named:?}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_unknown() {
    let settings = json!({ "pgbackrest": { "stanza": "x", "command": ["/no/such/pgbackrest"] } });
    let failure = look(settings).await.expect_err("it is not there");
    assert_eq!(failure.cause, Cause::ProbeError);
}
