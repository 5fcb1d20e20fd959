//! Snapshots that restic keeps, as `restic snapshots --json` tells of them.
//!
//! A snapshot is written when its backup ends, and says when the backup began; since 0.17 also when it ended. Where only
//! the start is told it stands for the end: the age is then too long by as much as the backup took, and never too short.
//! restic does not write down that a file could not be read: a partial snapshot looks like any other.

use std::collections::BTreeMap;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listing::{Backup, Listing, State, moment};
use super::tool::{self, Answer, Tool};
use crate::Context;
use crate::secret::{Credential, TextOrCredential};

const NAME: &str = "restic";

/// Snapshots that restic keeps.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResticSettings {
    /// The repository: a folder, or an address such as `sftp:backup@host:/srv/shop`. By reference if it holds a
    /// password.
    pub repository: TextOrCredential,
    /// Its password. Without it `env` must tell, such as by `RESTIC_PASSWORD_COMMAND`.
    #[serde(default)]
    pub password: Option<Credential>,
    /// Only snapshots of this host count.
    #[serde(default)]
    pub host: Option<String>,
    /// Only snapshots of all these paths count, written as restic lists them.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Only snapshots with all these tags count.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The program and what stands before its own arguments.
    #[serde(default = "restic")]
    pub command: Vec<String>,
    /// Variables for its environment, such as the keys of an object store.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
}

fn restic() -> Vec<String> {
    vec![NAME.to_owned()]
}

#[derive(Debug, Deserialize)]
struct Snapshot {
    time: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    short_id: String,
    #[serde(default)]
    summary: Option<Summary>,
}

#[derive(Debug, Deserialize)]
struct Summary {
    #[serde(default)]
    backup_start: Option<String>,
    #[serde(default)]
    backup_end: Option<String>,
    #[serde(default)]
    total_bytes_processed: Option<u64>,
    /// What it added, compressed.
    #[serde(default)]
    data_added_packed: Option<u64>,
}

pub(super) fn check(settings: &ResticSettings) -> Result<(), Vec<Problem>> {
    if settings.tags.iter().any(|tag| tag.is_empty() || tag.contains(',')) {
        return Err(vec![Problem::at(NAME, "a tag is not empty and holds no comma")]);
    }
    tool::check(NAME, &settings.command)
}

pub(super) async fn list(settings: &ResticSettings, cx: &Context) -> Result<Listing, Failure> {
    let mut own = vec![("RESTIC_REPOSITORY", settings.repository.clone())];
    if let Some(password) = &settings.password {
        own.push(("RESTIC_PASSWORD", TextOrCredential::Credential(password.clone())));
    }
    let tool = Tool { name: NAME, command: &settings.command, env: &settings.env, own };
    // Looking leaves no lock behind, nor waits for one.
    let mut words = vec!["snapshots".to_owned(), "--json".to_owned(), "--no-lock".to_owned()];
    words.extend(settings.host.iter().map(|host| format!("--host={host}")));
    words.extend(settings.paths.iter().map(|path| format!("--path={path}")));
    if !settings.tags.is_empty() {
        words.push(format!("--tag={}", settings.tags.join(",")));
    }
    let answer = tool.ask(words, cx).await?;
    if answer.code != 0 {
        return Err(answer.failed(cause(&answer)));
    }
    cx.trail.untested("whether a snapshot is partial: restic does not write that down");
    cx.trail.untested("whether the data can be read back");
    read(settings, answer.stdout.as_bytes())
}

/// What an exit code means; before 0.17 it was always 1, and only the message says.
fn cause(answer: &Answer) -> Cause {
    let says = |what: &str| answer.stderr.contains(what);
    match answer.code {
        10 | 11 => Cause::Unreachable,
        12 => Cause::Auth,
        1 if says("wrong password") || says("empty password") => Cause::Auth,
        1 if says("unable to open config file") || says("unable to open repo") => {
            Cause::Unreachable
        }
        _ => Cause::ProbeError,
    }
}

/// Reads a list of snapshots. Those of one host and one set of paths answer for themselves, as restic itself groups them.
pub(super) fn read(settings: &ResticSettings, json: &[u8]) -> Result<Listing, Failure> {
    let snapshots: Option<Vec<Snapshot>> =
        serde_json::from_slice(json).map_err(|e| tool::odd(NAME, e))?;
    let mut listing = Listing::default();
    let mut only_starts = false;
    for snapshot in snapshots.unwrap_or_default() {
        let told = snapshot.summary.as_ref();
        let end = told.and_then(|s| s.backup_end.as_deref());
        only_starts |= end.is_none();
        let start = told.and_then(|s| s.backup_start.as_deref()).unwrap_or(&snapshot.time);
        let repository = format!("{}:{}", snapshot.hostname, snapshot.paths.join(","));
        listing.expect(&repository)?;
        let mut backup = Backup::new(repository, snapshot.short_id, State::Good);
        backup.start = moment(start);
        backup.end = moment(end.unwrap_or(&snapshot.time));
        backup.size = told.and_then(|s| s.total_bytes_processed);
        backup.stored = told.and_then(|s| s.data_added_packed);
        listing.backups.push(backup);
    }
    if listing.expected.is_empty() {
        let host = settings.host.as_deref().unwrap_or("any host");
        listing.expected.push(format!("snapshots of {host}"));
    }
    if only_starts {
        listing.notes.push(
            "this restic does not say when a backup ended: the start stands for the end".to_owned(),
        );
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ResticSettings {
        serde_json::from_value(serde_json::json!({ "repository": "/srv/restic" })).unwrap()
    }

    #[test]
    fn exit_codes_say_why_and_before_them_the_message() {
        let rows = [
            (1, "Fatal: wrong password or no key found", Cause::Auth),
            (1, "Fatal: unable to open config file: no such file", Cause::Unreachable),
            (1, "Fatal: something else", Cause::ProbeError),
            (10, "Fatal: repository does not exist", Cause::Unreachable),
            (11, "unable to create lock", Cause::Unreachable),
            (12, "Fatal: wrong password or no key found", Cause::Auth),
            (99, "wrong password", Cause::ProbeError),
        ];
        for (code, stderr, expected) in rows {
            let answer = Answer { name: NAME, code, stdout: String::new(), stderr: stderr.into() };
            assert_eq!(cause(&answer), expected, "{code}: {stderr}");
        }
    }

    #[test]
    fn a_list_of_endless_hosts_is_refused() {
        let one = |host: usize| serde_json::json!({ "time": "2026-11-20T02:00:00Z", "hostname": host.to_string() });
        let json = serde_json::Value::from((0..1_000).map(one).collect::<Vec<_>>()).to_string();
        let failure = read(&settings(), json.as_bytes()).expect_err("too many");
        assert_eq!(failure.cause, Cause::TooManySeries);
    }

    #[test]
    fn every_host_and_set_of_paths_answers_for_itself() {
        // The first as 0.14 wrote it; the second in the documented shape of 0.17 and later, with a summary.
        let json = br#"[{"time":"2026-11-20T02:00:00Z","tree":"141a","paths":["/srv/data"],"hostname":"a","username":"root",
            "tags":["nightly"],"id":"2c7e7c2f6e16","short_id":"2c7e7c2f"},
            {"time":"2026-11-23T02:00:00.5+01:00","tree":"1517","paths":["/srv/data"],"hostname":"b","username":"root",
            "program_version":"restic 0.17.3","summary":{"backup_start":"2026-11-23T02:00:00.5+01:00",
            "backup_end":"2026-11-23T02:10:00.5+01:00","files_new":3,"data_added":90,"data_added_packed":40,
            "total_files_processed":3,"total_bytes_processed":100000},"id":"2edd09c8200f","short_id":"2edd09c8"}]"#;
        let listing = read(&settings(), json).unwrap();
        assert_eq!(listing.expected, ["a:/srv/data", "b:/srv/data"]);
        let told: Vec<_> = listing
            .backups
            .iter()
            .map(|b| (b.end.map(|e| e.to_string()), b.size, b.stored))
            .collect();
        assert_eq!(
            told,
            [
                (Some("2026-11-20T02:00:00Z".to_owned()), None, None),
                (Some("2026-11-23T01:10:00.5Z".to_owned()), Some(100_000), Some(40)),
            ]
        );
        assert_eq!(listing.notes.len(), 1, "one of them tells only its start");
        for none in [&b"[]"[..], b"null"] {
            assert_eq!(read(&settings(), none).unwrap().expected, ["snapshots of any host"]);
        }
        assert!(read(&settings(), b"{}").is_err());
    }
}
