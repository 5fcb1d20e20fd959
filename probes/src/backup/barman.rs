//! Backups that Barman keeps, as `barman list-backup` tells of them, and what `barman check` says.
//!
//! Barman says *OK* of what it was given no limit for (`last_backup_maximum_age`): its word is one reading beside the
//! age, never the age's stand-in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::listing::{Backup, Listing, State, seconds};
use super::tool::{self, Answer, Tool};
use super::wal::Archive;
use super::wal_settings;
use crate::Context;
use crate::secret::TextOrCredential;

const NAME: &str = "barman";

/// Backups that Barman keeps.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BarmanSettings {
    /// The server, as Barman calls it.
    pub server: String,
    /// Barman's configuration file, where it is not the usual one.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// The program and what stands before its own arguments, such as `[sudo, -u, barman, barman]`.
    #[serde(default = "barman")]
    pub command: Vec<String>,
    /// Variables for its environment.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
    /// Whether to run `barman check`, which connects to the database, for the reading `healthy`; yes if not given.
    #[serde(default = "yes")]
    pub check: bool,
    /// Whether the WAL archive is listed too, for the readings about points in time; not if not given.
    #[serde(default)]
    pub wal: bool,
    /// The size of a WAL segment, where the cluster was made with another than `16MiB`.
    #[serde(default)]
    pub wal_segment: Option<String>,
}

fn yes() -> bool {
    true
}

fn barman() -> Vec<String> {
    vec![NAME.to_owned()]
}

#[derive(Debug, Deserialize)]
struct Listed {
    backup_id: String,
    status: String,
    #[serde(default)]
    backup_type: Option<String>,
    /// Seconds, written as a text.
    #[serde(default)]
    end_time_timestamp: Option<Value>,
    #[serde(default)]
    size_bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Checked {
    status: String,
    #[serde(default)]
    hint: String,
}

#[derive(Debug, Deserialize)]
struct Shown {
    base_backup_information: Base,
}

#[derive(Debug, Deserialize)]
struct Base {
    #[serde(default)]
    begin_time_timestamp: Option<Value>,
    #[serde(default)]
    begin_wal: Option<String>,
    #[serde(default)]
    end_wal: Option<String>,
}

pub(super) fn check(settings: &BarmanSettings) -> Result<(), Vec<Problem>> {
    wal_settings(NAME, settings.wal, settings.wal_segment.as_deref())?;
    tool::check(NAME, &settings.command)
}

pub(super) async fn list(settings: &BarmanSettings, cx: &Context) -> Result<Listing, Failure> {
    let tool = Tool { name: NAME, command: &settings.command, env: &settings.env, own: Vec::new() };
    let server = settings.server.as_str();
    let ask = async |json: bool, verb: &[&str]| {
        let mut words = Vec::new();
        if let Some(config) = &settings.config {
            words.push(format!("--config={}", cx.folder.join(config).display()));
        }
        if json {
            words.push("--format=json".to_owned());
        }
        words.extend(verb.iter().map(|w| (*w).to_owned()));
        tool.ask(words, cx).await
    };
    let said = good(ask(true, &["list-backup", server]).await?)?;
    let mut listing = read(server, said.as_bytes())?;
    if settings.check {
        // It exits with 1 when something is wrong, and says what all the same.
        let answer = ask(true, &["check", server]).await?;
        let (healthy, notes) = checked(server, &answer)?;
        listing.healthy = Some(healthy);
        listing.notes.extend(notes);
    }
    if !settings.wal {
        cx.trail.untested("whether the archived WAL has gaps: `wal` is not set");
        return Ok(listing);
    }
    let size = wal_settings(NAME, true, settings.wal_segment.as_deref()).unwrap_or_default();
    let mut good_ones: Vec<usize> =
        (0..listing.backups.len()).filter(|at| listing.backups[*at].state == State::Good).collect();
    good_ones.sort_by_key(|at| listing.backups[*at].end);
    let (Some(&oldest), Some(&newest)) = (good_ones.first(), good_ones.last()) else {
        return Ok(listing);
    };
    for at in [oldest, newest] {
        let said = good(ask(true, &["show-backup", server, &listing.backups[at].label]).await?)?;
        shown(server, said.as_bytes(), &mut listing.backups[at])?;
    }
    let label = listing.backups[oldest].label.clone();
    let said = good(ask(false, &["list-files", "--target", "wal", server, &label]).await?)?;
    let archive = tokio::task::spawn_blocking(move || segments(&said, size));
    let archive = tokio::time::timeout_at(cx.deadline, archive).await;
    let Ok(Ok(archive)) = archive else {
        return Err(Failure::new(Cause::Timeout, "the archived WAL could not be read in time"));
    };
    listing.wal.insert(server.to_owned(), archive);
    Ok(listing)
}

/// What Barman said, unless it failed.
fn good(answer: Answer) -> Result<String, Failure> {
    if answer.code == 0 {
        return Ok(answer.stdout);
    }
    // In JSON it complains on its standard output.
    let told: Option<BTreeMap<String, Value>> = serde_json::from_str(&answer.stdout).ok();
    let errors = told.as_ref().and_then(|t| t.get("_ERROR")?.as_array());
    match errors.and_then(|e| e.first()?.as_str()) {
        Some(error) => Err(Failure::new(Cause::ProbeError, format!("barman: {error}"))),
        None => Err(answer.failed(Cause::ProbeError)),
    }
}

/// What is said of one server.
fn of<T: serde::de::DeserializeOwned>(server: &str, json: &[u8]) -> Result<T, Failure> {
    let mut servers: BTreeMap<String, Value> =
        serde_json::from_slice(json).map_err(|e| tool::odd(NAME, e))?;
    let said = servers
        .remove(server)
        .ok_or_else(|| tool::odd(NAME, format!("the server `{server}` is not in it")))?;
    serde_json::from_value(said).map_err(|e| tool::odd(NAME, e))
}

/// Reads a list of backups.
pub(super) fn read(server: &str, json: &[u8]) -> Result<Listing, Failure> {
    let listed: Vec<Listed> = of(server, json)?;
    let backup = |listed: Listed| {
        let state = match listed.status.as_str() {
            "DONE" => State::Good,
            // Its WAL has yet to come before it can be used.
            "WAITING_FOR_WALS" | "STARTED" | "EMPTY" | "SYNCING" => State::Running,
            other => State::Bad(format!("its status is {other}")),
        };
        let mut backup = Backup::new(server, listed.backup_id, state);
        backup.kind = listed.backup_type.unwrap_or_default();
        backup.end = listed.end_time_timestamp.as_ref().and_then(epoch);
        (backup.size, backup.stored) = (listed.size_bytes, listed.size_bytes);
        backup
    };
    let backups: Vec<Backup> = listed.into_iter().map(backup).collect();
    let running = Some(backups.iter().any(|b| b.state == State::Running));
    Ok(Listing { expected: vec![server.to_owned()], backups, running, ..Listing::default() })
}

/// Seconds since the epoch, as a number or a text.
fn epoch(value: &Value) -> Option<Timestamp> {
    let text = value.as_str().and_then(|text| text.parse().ok());
    seconds(value.as_i64().or(text)?)
}

/// Whether Barman says that all is well, and what it says that is not.
pub(super) fn checked(server: &str, answer: &Answer) -> Result<(bool, Vec<String>), Failure> {
    if !matches!(answer.code, 0 | 1) {
        return Err(answer.failed(Cause::ProbeError));
    }
    let checks: BTreeMap<String, Checked> = of(server, answer.stdout.as_bytes())?;
    if checks.is_empty() {
        return Err(tool::odd(NAME, "it checked nothing"));
    }
    let failed = |(name, check): (&String, &Checked)| {
        (check.status != "OK")
            .then(|| format!("barman says: {name} {}: {}", check.status, check.hint))
    };
    let notes: Vec<String> = checks.iter().filter_map(failed).collect();
    Ok((notes.is_empty(), notes))
}

/// Adds to a backup where its WAL begins and ends.
pub(super) fn shown(server: &str, json: &[u8], backup: &mut Backup) -> Result<(), Failure> {
    let base = of::<Shown>(server, json)?.base_backup_information;
    backup.start = base.begin_time_timestamp.as_ref().and_then(epoch);
    (backup.wal_start, backup.wal_stop) = (base.begin_wal, base.end_wal);
    Ok(())
}

/// Reads a list of files, one path a line, which is Barman's record. Where its files can be seen from here, one that is
/// not there does not count, and the furthest tells when it came.
pub(super) fn segments(files: &str, size: u64) -> Archive {
    let mut archive = Archive::new(size);
    let mut listed = Vec::new();
    for path in files.lines().map(str::trim) {
        let file = path.rsplit('/').next().unwrap_or_default();
        if let Some(segment) = archive.segment(file) {
            let written = std::fs::metadata(path).and_then(|facts| facts.modified()).ok();
            listed.push((segment, written.and_then(|at| Timestamp::try_from(at).ok())));
        }
    }
    let seen = listed.iter().any(|(_, written)| written.is_some());
    for (segment, written) in listed {
        if written.is_some() || !seen {
            archive.add_at(segment, written);
        }
    }
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_done_is_good() {
        // The first as 3.4.0 wrote it; the others in the shape that it gives to backups that are not done.
        let json = br#"{"main": [{"backup_id": "20261123T235241", "end_time": "Mon Nov 23 23:52:42 2026",
            "end_time_timestamp": "1795477962", "retention_status": "-", "size": "22.1 MiB", "size_bytes": 23131297,
            "status": "DONE", "tablespaces": [], "wal_size": "0 B", "wal_size_bytes": 0},
            {"backup_id": "b", "status": "FAILED"}, {"backup_id": "c", "backup_type": "incremental", "status": "STARTED"},
            {"backup_id": "d", "status": "WAITING_FOR_WALS", "end_time_timestamp": "1795477963", "size_bytes": 5}]}"#;
        let listing = read("main", json).unwrap();
        let told: Vec<_> = listing.backups.iter().map(|b| (b.state.clone(), b.size)).collect();
        assert_eq!(
            told,
            [
                (State::Good, Some(23_131_297)),
                (State::Bad("its status is FAILED".to_owned()), None),
                (State::Running, None),
                (State::Running, Some(5)),
            ]
        );
        assert_eq!(listing.backups[0].end, seconds(1_795_477_962));
        assert_eq!(listing.running, Some(true));
        assert!(read("other", json).is_err(), "another server");
        assert!(read("main", b"{\"main\": {}}").is_err(), "no list");
    }

    #[test]
    fn files_are_segments_by_their_names() {
        let files = "/srv/main/wals/0000000100000000/000000010000000000000007\n\
                     /srv/main/wals/0000000100000000/000000010000000000000009\n\
                     /srv/main/wals/0000000100000000/000000010000000000000007.00000028.backup\n\
                     /srv/main/wals/00000002.history\n";
        let archive = segments(files, 1 << 20);
        let from = archive.segment("000000010000000000000007").unwrap();
        let gaps: Vec<String> =
            archive.missing(from, None).iter().map(ToString::to_string).collect();
        assert_eq!(gaps, ["000000010000000000000008"]);
        assert_eq!(archive.newest_at(), None, "the file cannot be seen from here");
    }
}
