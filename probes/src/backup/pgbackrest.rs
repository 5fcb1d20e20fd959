//! Backups that pgBackRest keeps, as `pgbackrest info` tells of them, and its WAL archives, as `repo-ls` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listing::{Backup, Listing, State, seconds};
use super::tool::{self, Tool};
use super::wal::Archive;
use super::wal_settings;
use crate::Context;
use crate::secret::TextOrCredential;

const NAME: &str = "pgbackrest";

/// Backups that pgBackRest keeps.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgBackRestSettings {
    /// The stanza.
    pub stanza: String,
    /// pgBackRest's configuration file, where it is not the usual one.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// The program and what stands before its own arguments, such as `[sudo, -u, postgres, pgbackrest]`.
    #[serde(default = "pgbackrest")]
    pub command: Vec<String>,
    /// Variables for its environment.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
    /// Which kind of backup counts: `full`, `diff` or `incr`; any if not given.
    #[serde(default)]
    pub kind: Option<String>,
    /// Which repository counts, by its number; each must have a backup if not given.
    #[serde(default)]
    pub repository: Option<u32>,
    /// Whether the WAL archive is listed too, for the readings about points in time; not if not given.
    #[serde(default)]
    pub wal: bool,
    /// The size of a WAL segment, where the cluster was made with another than `16MiB`.
    #[serde(default)]
    pub wal_segment: Option<String>,
}

fn pgbackrest() -> Vec<String> {
    vec![NAME.to_owned()]
}

#[derive(Debug, Deserialize)]
struct Stanza {
    name: String,
    status: Status,
    #[serde(default)]
    repo: Vec<Repository>,
    #[serde(default)]
    backup: Vec<Listed>,
    #[serde(default)]
    archive: Vec<Archived>,
}

#[derive(Debug, Deserialize)]
struct Status {
    code: i64,
    message: String,
    #[serde(default)]
    lock: Option<Locks>,
}

#[derive(Debug, Deserialize)]
struct Locks {
    #[serde(default)]
    backup: Option<Lock>,
}

#[derive(Debug, Deserialize)]
struct Lock {
    held: bool,
}

#[derive(Debug, Deserialize)]
struct Repository {
    key: u32,
    /// Old versions do not say.
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    label: String,
    #[serde(rename = "type")]
    kind: String,
    /// Whether page checksums were wrong. Old versions do not say.
    #[serde(default)]
    error: Option<bool>,
    #[serde(default)]
    archive: Option<Span>,
    database: Database,
    timestamp: Times,
    info: Sizes,
}

#[derive(Debug, Deserialize)]
struct Span {
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    stop: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Database {
    #[serde(default)]
    id: u32,
    #[serde(rename = "repo-key", default = "first")]
    repo_key: u32,
}

fn first() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
struct Times {
    #[serde(default)]
    start: i64,
    stop: i64,
}

#[derive(Debug, Deserialize)]
struct Sizes {
    /// The size of the database that was backed up.
    size: u64,
    #[serde(default)]
    repository: Option<Stored>,
}

#[derive(Debug, Deserialize)]
struct Stored {
    /// What this backup added to the repository.
    #[serde(default)]
    delta: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Archived {
    database: Database,
    id: String,
}

/// What `info` says: the list, and where the WAL of each repository is archived.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) listing: Listing,
    archives: BTreeMap<u32, String>,
}

pub(super) fn check(settings: &PgBackRestSettings) -> Result<(), Vec<Problem>> {
    let known = ["full", "diff", "incr"];
    if settings.kind.as_ref().is_some_and(|kind| !known.contains(&kind.as_str())) {
        return Err(vec![Problem::at(NAME, "`kind` is `full`, `diff` or `incr`")]);
    }
    wal_settings(NAME, settings.wal, settings.wal_segment.as_deref())?;
    tool::check(NAME, &settings.command)
}

pub(super) async fn list(settings: &PgBackRestSettings, cx: &Context) -> Result<Listing, Failure> {
    let tool = Tool { name: NAME, command: &settings.command, env: &settings.env, own: Vec::new() };
    let mut words = Vec::new();
    if let Some(config) = &settings.config {
        words.push(format!("--config={}", cx.folder.join(config).display()));
    }
    words.push(format!("--stanza={}", settings.stanza));
    words.extend(["--output=json", "--log-level-console=off"].map(str::to_owned));
    let said = tool.ask(words.iter().cloned().chain(["info".to_owned()]), cx).await?.good()?;
    let Told { mut listing, archives } = read(settings, said.as_bytes())?;
    if !settings.wal {
        cx.trail.untested("whether the archived WAL has gaps: `wal` is not set");
        return Ok(listing);
    }
    let size = wal_settings(NAME, true, settings.wal_segment.as_deref()).unwrap_or_default();
    for (key, id) in archives {
        let path = format!("archive/{}/{id}", settings.stanza);
        let more = [format!("--repo={key}"), "--recurse".into(), "repo-ls".into(), path];
        let said = tool.ask(words.iter().cloned().chain(more), cx).await?.good()?;
        listing.wal.insert(name(key), segments(said.as_bytes(), size)?);
    }
    Ok(listing)
}

/// Reads what `info` says.
pub(super) fn read(settings: &PgBackRestSettings, json: &[u8]) -> Result<Told, Failure> {
    let odd = |why: String| tool::odd(NAME, why);
    let stanzas: Vec<Stanza> = serde_json::from_slice(json).map_err(|e| odd(e.to_string()))?;
    let stanza = stanzas
        .into_iter()
        .find(|stanza| stanza.name == settings.stanza)
        .ok_or_else(|| odd(format!("the stanza `{}` is not in it", settings.stanza)))?;
    let wanted = |key: u32| settings.repository.is_none_or(|only| only == key);
    let repositories: Vec<&Repository> = stanza.repo.iter().filter(|r| wanted(r.key)).collect();
    let mut keys: BTreeSet<u32> = repositories.iter().map(|r| r.key).collect();
    keys.extend(settings.repository);
    let kind = settings.kind.as_deref();
    let counts = |b: &&Listed| wanted(b.database.repo_key) && kind.is_none_or(|k| k == b.kind);
    let listed: Vec<&Listed> = stanza.backup.iter().filter(counts).collect();
    keys.extend(listed.iter().map(|b| b.database.repo_key));
    for repository in &repositories {
        // Status 99 is a repository that could not be read: nothing is known of it.
        if let Some(status) = repository.status.as_ref().filter(|s| s.code == OTHER) {
            let message = format!("{}: {}", name(repository.key), status.message);
            return Err(Failure::new(Cause::Unreachable, message));
        }
    }
    // Only backups of the cluster as it is now lead on to its WAL.
    let mut newest: BTreeMap<u32, (i64, Database)> = BTreeMap::new();
    for backup in &listed {
        let ended = (backup.timestamp.stop, backup.database);
        let best = newest.entry(backup.database.repo_key).or_insert(ended);
        *best = ended.max(*best);
    }
    let current: BTreeSet<Database> = newest.values().map(|(_, database)| *database).collect();
    let mut told = Told::default();
    told.listing.backups =
        listed.iter().map(|b| backup(b, current.contains(&b.database))).collect();
    let archived = stanza.archive.iter().filter(|a| current.contains(&a.database));
    told.archives = archived.map(|a| (a.database.repo_key, a.id.clone())).collect();
    for key in keys {
        told.listing.expect(&name(key))?;
    }
    if told.listing.expected.is_empty() {
        told.listing.expected.push(format!("stanza {}", stanza.name));
    }
    let own = settings.repository.and_then(|_| repositories.first()?.status.as_ref());
    told.listing.healthy = Some(own.unwrap_or(&stanza.status).code == 0);
    let lock = stanza.status.lock.as_ref().and_then(|lock| lock.backup.as_ref());
    told.listing.running = lock.map(|lock| lock.held);
    let Status { code, message, .. } = &stanza.status;
    told.listing.notes =
        vec![format!("pgbackrest says of `{}`: {message} (status {code})", stanza.name)];
    Ok(told)
}

/// pgBackRest's status for a repository that it could not read.
const OTHER: i64 = 99;

/// A backup; one of an earlier cluster has nothing to do with the WAL of this one.
fn backup(listed: &Listed, is_current: bool) -> Backup {
    let state = match listed.error {
        Some(true) => State::Bad("page checksums are wrong".to_owned()),
        Some(false) | None => State::Good,
    };
    let mut backup = Backup::new(name(listed.database.repo_key), listed.label.clone(), state);
    backup.kind.clone_from(&listed.kind);
    backup.start = seconds(listed.timestamp.start);
    backup.end = seconds(listed.timestamp.stop);
    backup.size = Some(listed.info.size);
    backup.stored = listed.info.repository.as_ref().and_then(|stored| stored.delta);
    if let Some(span) = listed.archive.as_ref().filter(|_| is_current) {
        backup.wal_start.clone_from(&span.start);
        backup.wal_stop.clone_from(&span.stop);
    }
    backup
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    time: Option<i64>,
}

/// Reads what `repo-ls` says of an archive of segments of `size` bytes.
pub(super) fn segments(json: &[u8], size: u64) -> Result<Archive, Failure> {
    let entries: BTreeMap<String, Entry> =
        serde_json::from_slice(json).map_err(|e| tool::odd(NAME, e))?;
    let mut archive = Archive::new(size);
    for (path, entry) in entries {
        let file = path.rsplit('/').next().unwrap_or_default();
        if let Some(segment) = archive.segment(file) {
            archive.add_at(segment, entry.time.and_then(seconds));
        }
    }
    Ok(archive)
}

fn name(key: u32) -> String {
    format!("repository {key}")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::judge::{self, Terms, When};
    use super::*;

    fn settings() -> PgBackRestSettings {
        let json = serde_json::json!({ "stanza": "shop" });
        serde_json::from_value(json).unwrap()
    }

    fn answer(status: i64, backups: &str) -> String {
        format!(
            r#"[{{"name":"shop","status":{{"code":{status},"message":"m","lock":{{"backup":{{"held":true}}}}}},
            "repo":[{{"key":1,"cipher":"none"}},{{"key":2}}],"backup":[{backups}]}}]"#
        )
    }

    fn listed(repository: u32, stop: i64, error: bool) -> String {
        format!(
            r#"{{"label":"{stop}F","type":"full","error":{error},"database":{{"id":1,"repo-key":{repository}}},
            "timestamp":{{"start":1,"stop":{stop}}},"info":{{"size":1000,"delta":9}}}}"#
        )
    }

    #[test]
    fn a_dead_repository_is_not_hidden_by_a_fresh_one() {
        let now = Timestamp::from_second(100_000).unwrap();
        let when = When { now, go_live: None };
        let look = |json: &str| {
            let told = read(&settings(), json.as_bytes())?;
            judge::read(&told.listing, &Terms::default(), when)
        };
        let (fresh, old, broken) =
            (listed(1, 96_400, false), listed(2, 10_000, false), listed(2, 99_000, true));
        let rows = [
            ("both, the older counts", answer(0, &format!("{fresh},{old}")), Some(90_000.0)),
            ("a broken one does not count", answer(0, &format!("{fresh},{broken}")), None),
            ("one is empty", answer(4, &fresh), None),
            ("none", answer(2, ""), None),
        ];
        for (row, json, age) in rows {
            let readings = look(&json).unwrap_or_else(|e| panic!("{row}: {e}"));
            let expected = age.map(launchgate_core::reading::Value::Number);
            assert_eq!(readings.get("age"), expected.as_ref(), "{row}");
        }
        let other = answer(0, "").replace("shop", "other");
        let unread = answer(99, "").replace(
            r#"{"key":2}"#,
            r#"{"key":2,"status":{"code":99,"message":"[CryptoError] no key"}}"#,
        );
        let failures = [
            (other, "pgbackrest's answer: the stanza `shop` is not in it"),
            (unread, "repository 2: [CryptoError] no key"),
            (answer(0, &listed(1, 0, false)), "0F has no end"),
        ];
        for (json, message) in failures {
            assert_eq!(look(&json).expect_err(message).message, message);
        }
    }

    #[test]
    fn the_archive_is_that_of_the_cluster_as_it_is_now() {
        // As 2.45 wrote it, cut down to what counts, with a backup from before an upgrade added.
        let json = r#"[{"archive":[{"database":{"id":1,"repo-key":1},"id":"14-1"},{"database":{"id":2,"repo-key":1},"id":"15-2"}],
            "backup":[
            {"archive":{"start":"000000010000000000000001","stop":"000000010000000000000001"},"database":{"id":1,"repo-key":1},"error":false,
             "info":{"delta":1,"repository":{"delta":5,"size":5},"size":9},"label":"a","timestamp":{"start":1795470000,"stop":1795470001},"type":"full"},
            {"archive":{"start":"000000010000000000000007","stop":"000000010000000000000007"},"database":{"id":2,"repo-key":1},"error":false,
             "info":{"delta":22992545,"repository":{"delta":3043073,"size":3043073},"size":22992545},"label":"20261124-000143F",
             "timestamp":{"start":1795478503,"stop":1795478511},"type":"full"}],
            "name":"shop","repo":[{"cipher":"none","key":1,"status":{"code":0,"message":"ok"}}],
            "status":{"code":0,"lock":{"backup":{"held":false}},"message":"ok"}}]"#;
        let told = read(&settings(), json.as_bytes()).unwrap();
        assert_eq!(told.archives, BTreeMap::from([(1, "15-2".to_owned())]));
        assert_eq!(told.listing.running, Some(false));
        let starts: Vec<_> =
            told.listing.backups.iter().map(|b| (b.stored, b.wal_start.as_deref())).collect();
        assert_eq!(starts, [(Some(5), None), (Some(3_043_073), Some("000000010000000000000007"))]);
        let files = br#"{".":{"type":"path"},"0000000100000000/000000010000000000000007-2a3d.gz":{"type":"file","size":7,"time":1795478511},
            "0000000100000000/000000010000000000000007.00000028.backup":{"type":"file","size":368,"time":1795478600},
            "0000000100000000/000000010000000000000009-5ac9.gz":{"type":"file","size":7,"time":1795478513}}"#;
        let archive = segments(files, 1 << 20).unwrap();
        let from = archive.segment("000000010000000000000007").unwrap();
        assert_eq!(archive.missing(from, None)[0].to_string(), "000000010000000000000008");
        assert_eq!(archive.newest_at(), seconds(1_795_478_513));
        assert!(segments(b"[]", 1 << 20).is_err(), "a list is no listing");
    }
}
