//! The `backup` probe against a real Barman with a real backup.

use jiff::{SignedDuration, Timestamp};
use launchgate_core::observation::Cause;
use serde_json::{Value, json};

use crate::probe_backup::{flag, hours, look, number};
use crate::rig::barman::{Barman, SERVER};
use crate::rig::process::need;

#[tokio::test(flavor = "multi_thread")]
async fn barmans_word_stands_beside_the_age() {
    if !need("barman") || !need("postgres") {
        return;
    }
    let barman = tokio::task::spawn_blocking(Barman::start).await.unwrap();
    let config = barman.config();
    let of = |more: Value| {
        let mut settings = json!({ "server": SERVER, "config": config });
        for (key, value) in more.as_object().expect("an object") {
            settings[key] = value.clone();
        }
        json!({ "barman": settings })
    };
    let good = look(of(json!({}))).await.unwrap();
    assert!(number(&good, "age") < 300.0, "{good:?}");
    assert!(number(&good, "size") > 1e6, "{good:?}");
    assert_eq!(flag(&good, "healthy"), Some(true), "{good:?}");
    assert_eq!(flag(&good, "running"), Some(false), "{good:?}");

    let wal = || of(json!({ "wal": true, "wal_segment": "1MiB" }));
    let barman = tokio::task::spawn_blocking(move || {
        barman.write_on();
        barman
    });
    let mut barman = barman.await.unwrap();
    let whole = look(wal()).await.unwrap();
    assert_eq!(flag(&whole, "wal_gap"), Some(false), "{whole:?}");
    assert!(number(&whole, "pitr_to") < 300.0, "{whole:?}");

    // Barman checks the database too: its word is not the age of the backup.
    barman.stop_database();
    let alone = look(of(json!({}))).await.unwrap();
    assert_eq!(flag(&alone, "healthy"), Some(false), "{alone:?}");
    assert!(alone.notes.iter().any(|note| note.contains("postgresql FAILED")), "{alone:?}");
    assert!(number(&alone, "age") < 300.0, "{alone:?}");

    barman.lose_wal();
    let lost = look(wal()).await.unwrap();
    assert_eq!(flag(&lost, "wal_gap"), Some(true), "{lost:?}");

    // Barman's own record of the backup, made older, and then made one that failed.
    let end = Timestamp::now() - SignedDuration::from_hours(50);
    barman.rewrite("end_time", &end.strftime("%Y-%m-%d %H:%M:%S+00:00").to_string());
    let quick = || of(json!({ "check": false }));
    let old = look(quick()).await.unwrap();
    assert!((hours(&old, "age") - 50.0).abs() < 0.5, "{old:?}");
    assert_eq!(flag(&old, "healthy"), None, "nobody checked");
    barman.rewrite("status", "FAILED");
    let failed = look(quick()).await.unwrap();
    assert!(number(&failed, "covered").abs() < 1e-9, "{failed:?}");
    assert!((number(&failed, "bad") - 1.0).abs() < 1e-9, "{failed:?}");
    assert_eq!(failed.get("age"), None);

    let failure = look(of(json!({ "server": "nobody" }))).await.expect_err("no such server");
    assert_eq!(failure.cause, Cause::ProbeError);
    assert!(failure.message.contains("Unknown server 'nobody'"), "{failure}");
}
