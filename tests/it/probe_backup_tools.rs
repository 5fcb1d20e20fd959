//! The `backup` probe against real repositories of restic and Borg.

use launchgate_core::observation::Cause;
use serde_json::{Value, json};

use crate::probe_backup::{hours, look, number};
use crate::rig::process::need;
use crate::rig::{borg, restic};

fn restic_settings(repository: &restic::Repository, password: &str) -> Value {
    json!({
        "repository": repository.path(),
        "password": { "file": repository.secret(password) },
        "env": { "RESTIC_CACHE_DIR": repository.cache().display().to_string() },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_tells_of_every_host_by_itself() {
    if !need("restic") {
        return;
    }
    let repository = restic::Repository::empty();
    let settings = restic_settings(&repository, restic::PASSWORD);
    let empty = look(json!({ "restic": settings })).await.unwrap();
    assert!(number(&empty, "covered").abs() < 1e-9, "{empty:?}");
    assert_eq!(empty.get("age"), None, "an empty repository has no age");

    for hours_ago in [50, 26] {
        repository.backup("db1", hours_ago);
    }
    let old = look(json!({ "restic": settings })).await.unwrap();
    assert!((hours(&old, "age") - 26.0).abs() < 0.5, "{old:?}");
    assert!((hours(&old, "longest_interval") - 24.0).abs() < 0.1, "{old:?}");
    assert!((hours(&old, "oldest_age") - 50.0).abs() < 0.5, "{old:?}");

    repository.backup("db2", 1);
    let both = look(json!({ "restic": settings })).await.unwrap();
    assert!((hours(&both, "age") - 26.0).abs() < 0.5, "a fresh host hides no dead one: {both:?}");
    let only = |key: &str, value: Value| {
        let mut settings = settings.clone();
        settings[key] = value;
        json!({ "restic": settings })
    };
    let fresh = look(only("host", json!("db2"))).await.unwrap();
    assert!((hours(&fresh, "age") - 1.0).abs() < 0.5, "{fresh:?}");
    let tagged = look(only("tags", json!(["nightly"]))).await.unwrap();
    assert!((number(&tagged, "count") - 3.0).abs() < 1e-9, "{tagged:?}");
    let nobody = look(only("tags", json!(["nightly", "weekly"]))).await.unwrap();
    assert!(number(&nobody, "covered").abs() < 1e-9, "{nobody:?}");
    assert_eq!(repository.locks(), 0, "looking leaves no lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_that_cannot_look_says_why() {
    if !need("restic") {
        return;
    }
    let repository = restic::Repository::empty();
    let wrong = json!({ "restic": restic_settings(&repository, "wrong-horse") });
    let failure = look(wrong).await.expect_err("the password is wrong");
    assert_eq!(failure.cause, Cause::Auth, "{failure}");
    assert!(!failure.message.contains("wrong-horse"), "{failure}");
    let mut missing = restic_settings(&repository, restic::PASSWORD);
    missing["repository"] = json!("/no/such/repository");
    let failure = look(json!({ "restic": missing })).await.expect_err("it is not there");
    assert_eq!(failure.cause, Cause::Unreachable, "{failure}");
}

fn borg_settings(repository: &borg::Repository, password: &str) -> Value {
    json!({
        "repository": repository.path(),
        "password": { "file": repository.secret(password) },
        // The zone is ours to set: what Borg writes has none.
        "env": { "BORG_BASE_DIR": repository.base().display().to_string(), "TZ": "Asia/Tokyo" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn borg_tells_when_its_archives_were_made_in_any_zone() {
    if !need("borg") {
        return;
    }
    let repository = borg::Repository::empty();
    let settings = borg_settings(&repository, borg::PASSWORD);
    let empty = look(json!({ "borg": settings })).await.unwrap();
    assert!(number(&empty, "covered").abs() < 1e-9, "{empty:?}");
    assert_eq!(empty.get("age"), None, "an empty repository has no age");

    repository.create("shop-1", 50);
    repository.create("shop-2", 26);
    // What a backup that broke off leaves behind has such a name.
    repository.create("shop-3.checkpoint", 1);
    let old = look(json!({ "borg": settings })).await.unwrap();
    assert!((hours(&old, "age") - 26.0).abs() < 0.5, "{old:?}");
    assert!((number(&old, "count") - 2.0).abs() < 1e-9, "{old:?}");
    assert!((number(&old, "size") - 10.0).abs() < 1e-9, "what the archive holds: {old:?}");
    assert!((number(&old, "size_ratio") - 100.0).abs() < 1e-9, "{old:?}");

    repository.create("other-1", 1);
    repository.lock();
    let fresh = look(json!({ "borg": settings })).await.unwrap();
    assert!((hours(&fresh, "age") - 1.0).abs() < 0.5, "a lock is waited for by nobody: {fresh:?}");
    let mut named = settings.clone();
    named["archives"] = json!("shop-*");
    let old = look(json!({ "borg": named })).await.unwrap();
    assert!((hours(&old, "age") - 26.0).abs() < 0.5, "{old:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn borg_that_cannot_look_says_why() {
    if !need("borg") {
        return;
    }
    let repository = borg::Repository::empty();
    let wrong = json!({ "borg": borg_settings(&repository, "wrong-horse") });
    let failure = look(wrong).await.expect_err("the passphrase is wrong");
    assert_eq!(failure.cause, Cause::Auth, "{failure}");
    assert!(!failure.message.contains("wrong-horse"), "{failure}");
    let mut missing = borg_settings(&repository, borg::PASSWORD);
    missing["repository"] = json!("/no/such/repository");
    let failure = look(json!({ "borg": missing })).await.expect_err("it is not there");
    assert_eq!(failure.cause, Cause::Unreachable, "{failure}");
}
