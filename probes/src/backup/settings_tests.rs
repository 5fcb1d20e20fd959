//! What is refused before anything is looked at.

use launchgate_core::problem::Problem;
use serde_json::{Value, json};

fn problems(settings: Value) -> String {
    match crate::builtin().build("backup", settings) {
        Ok(_) => "none".to_owned(),
        Err(problems) => problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "),
    }
}

#[test]
fn settings_that_cannot_be_are_refused_with_what_to_write() {
    let restic = || json!({ "repository": "/srv/restic" });
    let rows = [
        ("a folder", json!({ "folder": { "path": "/b", "pattern": "*.dump" } }), "none"),
        (
            "no tool",
            json!({}),
            ": no backup is named (give `folder`, `pgbackrest`, `barman`, `walg`, `restic`, `borg`, `velero`, `s3` or `http`)",
        ),
        (
            "two tools",
            json!({ "restic": restic(), "borg": { "repository": "/srv/borg" } }),
            "borg: give `restic` or `borg`, not both",
        ),
        (
            "all at once",
            json!({ "pgbackrest": { "stanza": "s", "kind": "ful" }, "retention": "2", "capacity": "9", "kinds": [""] }),
            "pgbackrest: `kind` is `full`, `diff` or `incr`; kinds[0]: a kind is not empty; retention: `2` is no duration: a unit is missing, such as `s`, `m`, `h` or `d`; capacity: it is no size (write it like `500GiB` or `2TB`)",
        ),
        (
            "no program",
            json!({ "barman": { "server": "m", "command": [] } }),
            "barman: there is no program to run",
        ),
        (
            "segments that nobody asked for",
            json!({ "walg": { "wal_segment": "64MiB" } }),
            "walg: `wal_segment` says nothing unless `wal` is set",
        ),
        (
            "segments of an odd size",
            json!({ "pgbackrest": { "stanza": "s", "wal": true, "wal_segment": "3MiB" } }),
            "pgbackrest: a WAL segment is not of 3MiB (it has 1MiB, 2MiB, 4MiB and so on up to 1GiB)",
        ),
        (
            "no storage",
            json!({ "walg": { "storages": [] } }),
            "walg: no storage must have a backup",
        ),
        (
            "half a key",
            json!({ "s3": { "bucket": "b", "access_key": "id" } }),
            "s3: an access key is an `access_key` and a `secret_key`",
        ),
        (
            "no pointer",
            json!({ "http": { "url": "https://x.example", "end": "last" } }),
            "http: `last` is no JSON pointer (write it like `/jobs/0/last_success`)",
        ),
        (
            "no address",
            json!({ "http": { "url": "x", "end": "/last" } }),
            "http: the address is no URL (write it like `https://backup.example/last.json`)",
        ),
        (
            "two ways",
            json!({ "velero": { "url": "https://x.example", "file": "b.json" } }),
            "velero: give `url` or `file`, not both",
        ),
    ];
    for (row, settings, expected) in rows {
        assert_eq!(problems(settings), expected, "{row}");
    }
}
