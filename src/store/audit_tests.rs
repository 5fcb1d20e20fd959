//! The audit log in its file: what SQLite refuses, what a daemon refuses to start on, and what a reader beside it sees.

use std::path::{Path, PathBuf};

use launchgate_core::audit::{Chain, Hex, SignedHead};
use launchgate_core::milestone::Milestone;

use super::contract::{at, launch, observed, reached};
use super::key::Key;
use super::sqlite_tests::{Folder, layout};
use super::*;

/// A store with two commits: three entries under two heads.
fn filled(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.0.join(format!("{name}.db"));
    let mut store = SqliteStore::open(&path).unwrap();
    let first = [reached(Milestone::DeployStarted), observed("a/b", 1.0), reached(Milestone::Live)];
    store.commit(&launch(), at(), &first).unwrap();
    store.commit(&launch(), at(), &[reached(Milestone::Closed)]).unwrap();
    path
}

/// What a verification of the launch's log in the file says, with the key beside it.
fn verified(path: &Path) -> Result<u64, String> {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    let key = PublicKey::open(Path::new(&public)).unwrap();
    let (mut chain, mut found) = (Chain::new(launch()), Ok(()));
    let file = AuditFile::open(path).unwrap();
    file.each(|line| {
        if found.is_ok() && *line.launch() == launch() {
            found = chain.take(line, &|message, signature| key.has_signed(message, signature));
        }
    })
    .unwrap();
    found.and_then(|()| chain.end().map(|head| head.seq)).map_err(|broken| broken.to_string())
}

/// What somebody who may write the file, and drop what guards it, does to it.
fn tamper(path: &Path, statements: &str) {
    let guards = ["audit_grows_at_its_end", "audit_is_not_changed", "audit_is_not_cut"];
    let heads =
        ["audit_heads_grow_at_their_end", "audit_heads_are_not_changed", "audit_heads_are_not_cut"];
    let drops: String =
        guards.iter().chain(&heads).flat_map(|guard| ["DROP TRIGGER ", guard, ";"]).collect();
    layout(path, &format!("{drops}{statements}"));
}

#[test]
fn the_file_takes_no_change_of_what_is_in_the_log() {
    let folder = Folder::new("audit-guards");
    let path = filled(&folder, "store");
    let rows = [
        ("UPDATE audit SET body = '{}'", "the audit log is append-only"),
        ("UPDATE audit_heads SET seq = 9", "the audit log is append-only"),
        ("DELETE FROM audit WHERE seq = 3", "the audit log is append-only"),
        ("DELETE FROM audit_heads", "the audit log is append-only"),
        (
            "INSERT OR REPLACE INTO audit SELECT launch, seq, at, kind, '{}', prev, hash FROM audit",
            "the audit log grows at its end",
        ),
        (
            "INSERT INTO audit SELECT launch, 9, at, kind, body, prev, hash FROM audit WHERE seq = 1",
            "the audit log grows at its end",
        ),
        (
            "INSERT OR REPLACE INTO audit_heads SELECT * FROM audit_heads",
            "the audit log grows at its end",
        ),
    ];
    for (statement, says) in rows {
        let refused = rusqlite::Connection::open(&path).unwrap().execute_batch(statement);
        assert_eq!(refused.unwrap_err().to_string(), says, "{statement}");
    }
    assert_eq!(verified(&path), Ok(3));
}

/// A row: its name, what is done to the file, what a daemon says that starts on it (nothing if it starts), and what a
/// verification says.
type Row = (&'static str, &'static str, Option<&'static str>, &'static str);

const ROWS: [Row; 9] = [
    (
        "the last entry changed",
        "UPDATE audit SET body = replace(body, 'alice', 'mallory') WHERE seq = 3",
        Some("entry 3 of shop does not have its hash"),
        "entry 3 of shop does not have its hash",
    ),
    (
        "an earlier one changed",
        "UPDATE audit SET body = replace(body, 'alice', 'mallory') WHERE seq = 1",
        None,
        "entry 1 of shop does not have its hash",
    ),
    (
        "the last cut off",
        "DELETE FROM audit WHERE seq = 3",
        Some("entry 3 of shop is missing: the log is known to reach entry 3"),
        "entry 3 of shop is missing: the log is known to reach entry 3",
    ),
    (
        "one in the middle cut out",
        "DELETE FROM audit WHERE seq = 2",
        Some("entry 2 of shop is missing"),
        "entry 2 of shop is missing: entry 3 stands in its place",
    ),
    (
        "all cut off but the heads",
        "DELETE FROM audit",
        Some("entry 2 of shop is missing"),
        "entry 1 of shop is missing: the log is known to reach entry 2",
    ),
    (
        "the last head removed",
        "DELETE FROM audit_heads WHERE seq = 3",
        Some("entry 3 of shop is covered by no signed head"),
        "entry 3 of shop is covered by no signed head",
    ),
    (
        "every head removed",
        "DELETE FROM audit_heads",
        Some("entry 1 of shop is covered by no signed head"),
        "entry 1 of shop is covered by no signed head",
    ),
    (
        "a signature changed",
        "UPDATE audit_heads SET signature = zeroblob(64) WHERE seq = 3",
        Some("entry 3 of shop is named by a head that the key has not signed"),
        "entry 3 of shop is named by a head that the key has not signed",
    ),
    (
        "an entry given to another launch",
        "UPDATE audit SET launch = 'other' WHERE seq = 3",
        Some("entry 1 of other is missing: entry 3 stands in its place"),
        "entry 3 of shop is missing: the log is known to reach entry 3",
    ),
];

#[test]
fn a_log_that_was_tampered_with_is_told() {
    let folder = Folder::new("audit-tampering");
    for (i, (row, statements, at_start, says)) in ROWS.into_iter().enumerate() {
        let path = filled(&folder, &i.to_string());
        assert_eq!(verified(&path), Ok(3), "{row}");
        tamper(&path, statements);
        let told = verified(&path).unwrap_err();
        assert!(told.starts_with(says), "{row}: {told}");
        let started = SqliteStore::open(&path).map(drop).map_err(|e| e.to_string());
        match at_start {
            None => assert!(started.is_ok(), "{row}: {started:?}"),
            Some(says) => {
                let refused = started.unwrap_err();
                assert!(refused.contains("the audit log does not hold"), "{row}: {refused}");
                assert!(refused.contains(says), "{row}: {refused}");
            }
        }
    }
}

#[test]
fn a_chain_hashed_anew_does_not_have_the_keys_signature() {
    let folder = Folder::new("audit-rehash");
    let path = filled(&folder, "store");
    // Another daemon's store, with the same launch and other entries, is a whole chain; its heads are another key's.
    let forged = folder.0.join("forged.db");
    let mut store = SqliteStore::open(&forged).unwrap();
    for milestone in [Milestone::DeployStarted, Milestone::RolledBack, Milestone::Closed] {
        store.commit(&launch(), at(), &[reached(milestone)]).unwrap();
    }
    drop(store);
    let attach = format!("ATTACH '{}' AS forged;", forged.display());
    let take = |table: &str| {
        format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM forged.{table};")
    };
    tamper(&path, &format!("{attach}{}{}", take("audit"), take("audit_heads")));
    let says = "is named by a head that the key has not signed";
    assert_eq!(verified(&path), Err(format!("entry 1 of shop {says}")));
    let refused = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(refused.contains(&format!("entry 3 of shop {says}")), "{refused}");
}

#[test]
fn a_key_that_is_gone_or_another_stops_the_daemon() {
    let folder = Folder::new("audit-keys");
    let path = filled(&folder, "store");
    let other = filled(&folder, "other");
    let beside = |path: &Path, ending: &str| PathBuf::from(format!("{}.{ending}", path.display()));
    let (key, public) = (beside(&path, "key"), beside(&path, "pub"));
    let (own_key, own_public) = (std::fs::read(&key).unwrap(), std::fs::read(&public).unwrap());
    let refused = || SqliteStore::open(&path).unwrap_err().to_string();

    std::fs::copy(beside(&other, "pub"), &public).unwrap();
    assert!(refused().contains("do not belong together"), "{}", refused());
    std::fs::copy(beside(&other, "key"), &key).unwrap();
    assert!(refused().contains("a head that the key has not signed"), "{}", refused());
    std::fs::write(&key, "no key\n").unwrap();
    assert!(refused().contains("holds no Ed25519 key in PEM"), "{}", refused());
    std::fs::remove_file(&key).unwrap();
    assert!(refused().contains("is missing, and what it signed is in the store"), "{}", refused());
    assert!(!key.exists(), "a lost key is not replaced");

    std::fs::write(&key, own_key).unwrap();
    std::fs::remove_file(&public).unwrap();
    drop(SqliteStore::open(&path).unwrap());
    assert_eq!(std::fs::read(&public).unwrap(), own_public, "the public key is made of the other");
}

#[test]
fn a_log_is_read_beside_the_daemon_that_writes_it() {
    let folder = Folder::new("audit-beside");
    let path = filled(&folder, "store");
    let mut store = SqliteStore::open(&path).unwrap();
    store.commit(&launch(), at(), &[reached(Milestone::Live)]).unwrap();
    assert_eq!(verified(&path), Ok(4));
    let earlier = folder.0.join("earlier.db");
    layout(&earlier, "PRAGMA user_version = 3");
    let refused = AuditFile::open(&earlier).unwrap_err().to_string();
    assert!(refused.contains("has layout 3; the audit logs"), "{refused}");
    assert!(AuditFile::open(&folder.0.join("none.db")).is_err());
    drop(store);
    let cut = "UPDATE audit SET hash = zeroblob(31) WHERE seq = 2";
    tamper(&path, &format!("PRAGMA ignore_check_constraints = 1; {cut}"));
    let unreadable = AuditFile::open(&path).unwrap().each(|_| ()).unwrap_err();
    assert!(matches!(unreadable, StoreError::Unreadable(_)), "{unreadable}");
}

#[test]
fn a_signature_is_one_keys_over_one_head() {
    let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
    let head = launchgate_core::audit::Head { launch: launch(), seq: 7, hash: Hex([7; 32]) };
    let SignedHead { signature, .. } = key.sign(head.clone()).unwrap();
    let public = key.public().unwrap();
    assert!(public.has_signed(&head.message(), &signature));
    assert!(!other.public().unwrap().has_signed(&head.message(), &signature));
    let mut longer = head.clone();
    longer.seq = 8;
    assert!(!public.has_signed(&longer.message(), &signature));
    assert_eq!(format!("{key:?}"), "Key(..)");
}
