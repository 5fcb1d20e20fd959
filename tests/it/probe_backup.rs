//! The `backup` probe against a real pgBackRest repository.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::pgbackrest::Repository;
use crate::rig::process::need;

async fn look(repository: &Repository, stanza: &str) -> Result<Readings, Failure> {
    let settings = json!({ "pgbackrest": { "stanza": stanza, "config": repository.config() } });
    let probe = launchgate_probes::builtin().build("backup", settings).unwrap();
    let cx = Context::new(Duration::from_secs(20), Timestamp::now(), None, "/".into());
    probe.observe(&cx).await
}

fn age(readings: &Readings) -> f64 {
    match readings.get("age") {
        Some(Value::Number(number)) => *number,
        other => panic!("age is {other:?} in {readings:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_a_backup_counts_from_its_end() {
    if !need("pgbackrest") || !need("postgres") || !need("faketime") {
        return;
    }
    let fresh = tokio::task::spawn_blocking(Repository::fresh).await.unwrap();
    let readings = look(&fresh, crate::rig::pgbackrest::STANZA).await.unwrap();
    assert!(age(&readings) < 300.0, "{readings:?}");
    assert_eq!(readings.get("healthy"), Some(&Value::Flag(true)));
    let missing = look(&fresh, "nobody").await.unwrap();
    assert_eq!(missing.get("age"), None);
    assert_eq!(missing.get("healthy"), Some(&Value::Flag(false)), "{missing:?}");
    drop(fresh);
    let aged = tokio::task::spawn_blocking(|| Repository::aged(50)).await.unwrap();
    let readings = look(&aged, crate::rig::pgbackrest::STANZA).await.unwrap();
    assert!((age(&readings) / 3_600.0 - 50.0).abs() < 1.0, "{readings:?}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_unknown() {
    let settings = json!({ "pgbackrest": { "stanza": "x", "command": ["/no/such/pgbackrest"] } });
    let probe = launchgate_probes::builtin().build("backup", settings).unwrap();
    let cx = Context::new(Duration::from_secs(5), Timestamp::now(), None, "/".into());
    let failure = probe.observe(&cx).await.expect_err("it is not there");
    assert_eq!(failure.cause, Cause::ProbeError);
}
