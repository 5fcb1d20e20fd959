//! The `backup` probe against what cannot be had as a package: an object store, WAL-G and Velero, and a job's document.
//! The store is a small server that pages `ListObjectsV2` as it is documented; WAL-G and kubectl are scripts that print
//! the documented shapes, written by us from the names of their fields.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use launchgate_core::observation::Cause;
use serde_json::{Value, json};

use crate::probe_backup::{flag, hours, look, number};
use crate::rig::canned::Canned;
use crate::rig::process::TempDir;

fn ago(hours: i64) -> String {
    let at = Timestamp::now() - SignedDuration::from_hours(hours);
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A bucket that tells of one object a page, to those who sign with the key `reader`.
fn bucket(objects: Vec<(&'static str, u64, i64)>) -> Canned {
    Canned::start(move |head| {
        if !head.contains("Credential=reader/") {
            return (403, "<Error><Code>AccessDenied</Code></Error>".to_owned());
        }
        if !head.starts_with("GET /backups?") || !head.contains("list-type=2") {
            return (404, "<Error><Code>NoSuchBucket</Code></Error>".to_owned());
        }
        let query = head.split_whitespace().nth(1).and_then(|t| t.split_once('?'));
        let parameter = |name: &str| {
            let mut pairs = query?.1.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let at: usize = parameter("continuation-token").and_then(|t| t.parse().ok()).unwrap_or(0);
        let more = at + 1 < objects.len();
        let next = if more {
            format!("<NextContinuationToken>{}</NextContinuationToken>", at + 1)
        } else {
            String::new()
        };
        let contents = objects.get(at).map_or_else(String::new, |(key, size, hours)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>{}</LastModified>\
                 <ETag>&quot;e&quot;</ETag><Size>{size}</Size></Contents>",
                ago(*hours)
            )
        });
        let list = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult \
             xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>backups</Name>\
             <IsTruncated>{more}</IsTruncated>{contents}{next}</ListBucketResult>"
        );
        (200, list)
    })
}

fn s3(endpoint: &str, folder: &TempDir, more: &Value) -> Value {
    let secret = folder.write("secret", "hush");
    let mut settings = json!({
        "bucket": "backups", "prefix": "shop", "endpoint": endpoint,
        "access_key": "reader", "secret_key": { "file": secret },
    });
    for (key, value) in more.as_object().expect("an object") {
        settings[key] = value.clone();
    }
    json!({ "s3": settings })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_listed_to_its_last_page() {
    let folder = TempDir::new("s3");
    let store = bucket(vec![
        ("shop/mon/part-0", 4_000, 50),
        ("shop/mon/_SUCCESS", 0, 49),
        ("shop/tue/part-0", 4_000, 26),
        ("shop/tue/_SUCCESS", 0, 25),
        ("shop/wed/part-0", 4_000, 3),
    ]);
    let marked = s3(&store.url(), &folder, &json!({ "marker": "_SUCCESS", "min_size": "1KB" }));
    let readings = look(marked).await.unwrap();
    assert!((hours(&readings, "age") - 25.0).abs() < 0.1, "{readings:?}");
    assert!((hours(&readings, "longest_interval") - 24.0).abs() < 0.1, "{readings:?}");
    assert!((number(&readings, "count") - 2.0).abs() < 1e-9, "{readings:?}");
    assert!((number(&readings, "bad") - 1.0).abs() < 1e-9, "wed has no marker: {readings:?}");
    let plain = s3(&store.url(), &folder, &json!({ "pattern": "*part-?" }));
    let readings = look(plain).await.unwrap();
    assert!((hours(&readings, "age") - 3.0).abs() < 0.1, "{readings:?}");
    let large = s3(&store.url(), &folder, &json!({ "pattern": "*part-?", "min_size": "1MB" }));
    let readings = look(large).await.unwrap();
    assert!(number(&readings, "covered").abs() < 1e-9, "{readings:?}");
    let empty = s3(&bucket(vec![]).url(), &folder, &json!({}));
    let gone = look(empty).await.expect_err("that store is gone");
    assert_eq!(gone.cause, Cause::Refused, "{gone}");

    let hollow = bucket(vec![]);
    let readings = look(s3(&hollow.url(), &folder, &json!({}))).await.unwrap();
    assert!(number(&readings, "covered").abs() < 1e-9, "{readings:?}");
    let rows = [
        (json!({ "access_key": "stranger" }), Cause::Auth),
        (json!({ "bucket": "other" }), Cause::Unreachable),
    ];
    for (more, cause) in rows {
        let failure = look(s3(&store.url(), &folder, &more)).await.expect_err("refused");
        assert_eq!(failure.cause, cause, "{failure}");
    }
    let garbage = Canned::start(|_| (200, "<html>welcome</html>".to_owned()));
    let failure = look(s3(&garbage.url(), &folder, &json!({}))).await.expect_err("no list");
    assert_eq!(failure.cause, Cause::BadResponse, "{failure}");
}

/// A program that prints `said[verb]` when it is asked for that, and complains of all else.
fn script(folder: &TempDir, said: &[(&str, String)]) -> Value {
    let mut text = "case \"$1\" in\n".to_owned();
    for (verb, said) in said {
        let file: PathBuf = folder.write(&format!("{verb}.json"), said);
        text += &format!("{verb}) cat '{}' ;;\n", file.display());
    }
    text += "*) echo \"no such verb: $1\" >&2; exit 3 ;;\nesac\n";
    json!(["sh", folder.write("tool.sh", &text)])
}

#[tokio::test(flavor = "multi_thread")]
async fn wal_g_tells_of_backups_and_of_lost_wal() {
    let list = json!([
        { "backup_name": "base_000000010000000000000010", "time": ago(1), "storage_name": "default",
          "wal_file_name": "000000010000000000000010", "start_time": ago(50), "finish_time": ago(49),
          "uncompressed_size": 4000, "compressed_size": 1000, "is_permanent": false },
        { "backup_name": "base_000000010000000000000020", "time": ago(1), "storage_name": "default",
          "wal_file_name": "000000010000000000000020", "start_time": ago(26), "finish_time": ago(25),
          "uncompressed_size": 4000, "compressed_size": 1000, "is_permanent": false },
    ]);
    let verdict = |status: &str, between: &str| {
        let run = |start: &str, end: &str, status: &str| {
            let name = |n: &str| format!("0000000100000000000000{n}");
            json!({ "timeline_id": 1, "start_segment": name(start), "end_segment": name(end),
                "segments_count": 1, "status": status })
        };
        let details =
            [run("10", "14", "FOUND"), run("15", "15", between), run("16", "30", "FOUND")];
        let timeline = json!({ "current_timeline_id": 1, "highest_storage_timeline_id": 1 });
        json!({ "integrity": { "status": status, "details": details },
            "timeline": { "status": "OK", "details": timeline } })
        .to_string()
    };
    let rows = [
        ("whole", verdict("OK", "FOUND"), true, 49.0),
        ("lost before the newest", verdict("FAILURE", "MISSING_LOST"), false, 25.0),
    ];
    for (row, verdict, healthy, from) in rows {
        let folder = TempDir::new("walg");
        let said = [("backup-list", list.to_string()), ("wal-verify", verdict)];
        let command = script(&folder, &said);
        let readings = look(json!({ "walg": { "command": command, "wal": true } })).await;
        let readings = readings.unwrap_or_else(|e| panic!("{row}: {e}"));
        assert!((hours(&readings, "age") - 25.0).abs() < 0.1, "{row}: {readings:?}");
        assert_eq!(flag(&readings, "healthy"), Some(healthy), "{row}");
        assert_eq!(flag(&readings, "wal_gap"), Some(false), "{row}: the newest leads on");
        assert!((hours(&readings, "pitr_from") - from).abs() < 0.1, "{row}: {readings:?}");
    }
    let folder = TempDir::new("walg");
    let command = script(&folder, &[]);
    let failure = look(json!({ "walg": { "command": command } })).await.expect_err("it failed");
    assert_eq!(failure.cause, Cause::ProbeError);
    assert!(failure.message.contains("exits with 3: no such verb: backup-list"), "{failure}");
}

fn velero(phase: &str, hours: i64) -> String {
    json!({ "apiVersion": "velero.io/v1", "kind": "BackupList", "metadata": { "continue": "" }, "items": [{
        "metadata": { "name": format!("daily-{hours}"), "labels": { "velero.io/schedule-name": "daily" } },
        "spec": { "storageLocation": "default" },
        "status": { "phase": phase, "startTimestamp": ago(hours + 1), "completionTimestamp": ago(hours),
            "expiration": ago(hours - 240) },
    }]})
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn velero_tells_through_kubectl_a_url_or_a_file() {
    let folder = TempDir::new("velero");
    let command = script(&folder, &[("get", velero("Completed", 20))]);
    let readings = look(json!({ "velero": { "command": command } })).await.unwrap();
    assert!((hours(&readings, "age") - 20.0).abs() < 0.1, "{readings:?}");
    assert!((hours(&readings, "kept_after_go_live") - 220.0).abs() < 0.1, "{readings:?}");
    let missed = json!({ "velero": { "command": command, "schedules": ["daily", "weekly"] } });
    let missed = look(missed).await.unwrap();
    assert!((number(&missed, "covered") - 50.0).abs() < 1e-9, "{missed:?}");

    let file = folder.write("objects.json", &velero("PartiallyFailed", 2));
    let partial = look(json!({ "velero": { "file": file } })).await.unwrap();
    assert!(number(&partial, "covered").abs() < 1e-9, "{partial:?}");
    assert!((number(&partial, "bad") - 1.0).abs() < 1e-9, "{partial:?}");

    let token = folder.write("token", "let-me-in");
    let server = Canned::start(|head| {
        if head.to_ascii_lowercase().contains("authorization: bearer let-me-in") {
            (200, velero("Completed", 5))
        } else {
            (401, "{}".to_owned())
        }
    });
    let url = format!("{}/apis/velero.io/v1/namespaces/velero/backups", server.url());
    let readings =
        look(json!({ "velero": { "url": url, "token": { "file": token } } })).await.unwrap();
    assert!((hours(&readings, "age") - 5.0).abs() < 0.1, "{readings:?}");
    let failure = look(json!({ "velero": { "url": url } })).await.expect_err("no token");
    assert_eq!(failure.cause, Cause::Auth, "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_tells_of_the_last_backup() {
    let server = Canned::start(|head| {
        let end = (Timestamp::now() - SignedDuration::from_hours(7)).as_second();
        match head.split_whitespace().nth(1) {
            Some("/last") => (200, json!({ "job": { "end": end, "bytes": 512 } }).to_string()),
            Some("/never") => (200, json!({ "job": { "end": 0 } }).to_string()),
            _ => (404, String::new()),
        }
    });
    let of = |path: &str| {
        let url = format!("{}{path}", server.url());
        json!({ "http": { "url": url, "end": "/job/end", "size": "/job/bytes" } })
    };
    let readings = look(of("/last")).await.unwrap();
    assert!((hours(&readings, "age") - 7.0).abs() < 0.1, "{readings:?}");
    assert!((number(&readings, "size") - 512.0).abs() < 1e-9, "{readings:?}");
    for (path, cause) in [("/never", Cause::NoData), ("/gone", Cause::Unreachable)] {
        assert_eq!(look(of(path)).await.expect_err(path).cause, cause, "{path}");
    }
}
