//! Archives that Borg keeps, as `borg list` and `borg info` tell of them.
//!
//! Borg 1 writes local times without a zone, so that it is run with `TZ=UTC`. What a backup that broke off leaves behind,
//! a checkpoint, is no backup.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listing::{Backup, Listing, State};
use super::tool::{self, Answer, Tool};
use crate::Context;
use crate::secret::{Credential, TextOrCredential};

const NAME: &str = "borg";
/// Of how many of the newest archives the sizes are asked: one, and the seven that it is held against.
const SIZED: usize = 8;

/// Archives that Borg keeps.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BorgSettings {
    /// The repository: a folder, or an address such as `ssh://backup@host/srv/shop`.
    pub repository: TextOrCredential,
    /// Its passphrase. Without it `env` must tell, such as by `BORG_PASSCOMMAND`; one that is not encrypted needs none.
    #[serde(default)]
    pub password: Option<Credential>,
    /// Which archives count: a name in which `*` stands for anything and `?` for one character; all if not given.
    #[serde(default)]
    pub archives: Option<String>,
    /// Whether to ask for the sizes of the newest archives, which is slow for large ones; yes if not given.
    #[serde(default = "yes")]
    pub sizes: bool,
    /// The program and what stands before its own arguments. What clears the environment, such as `sudo`, must hand
    /// `TZ` down.
    #[serde(default = "borg")]
    pub command: Vec<String>,
    /// Variables for its environment.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
}

fn yes() -> bool {
    true
}

fn borg() -> Vec<String> {
    vec![NAME.to_owned()]
}

#[derive(Debug, Deserialize)]
struct Archives {
    archives: Vec<Archive>,
}

#[derive(Debug, Deserialize)]
struct Archive {
    id: String,
    name: String,
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    end: Option<String>,
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    stats: Option<Stats>,
}

#[derive(Debug, Deserialize)]
struct Stats {
    #[serde(default)]
    original_size: Option<u64>,
    #[serde(default)]
    deduplicated_size: Option<u64>,
}

pub(super) fn check(settings: &BorgSettings) -> Result<(), Vec<Problem>> {
    tool::check(NAME, &settings.command)
}

pub(super) async fn list(settings: &BorgSettings, cx: &Context) -> Result<Listing, Failure> {
    let mut own = vec![
        ("BORG_REPO", settings.repository.clone()),
        ("TZ", TextOrCredential::Text("UTC".to_owned())),
    ];
    if let Some(password) = &settings.password {
        own.push(("BORG_PASSPHRASE", TextOrCredential::Credential(password.clone())));
    }
    let tool = Tool { name: NAME, command: &settings.command, env: &settings.env, own };
    // A backup that is being made holds a lock; looking waits for none and takes none.
    let ask = |verb: &str, more: Vec<String>| {
        let mut words = vec!["--log-json".to_owned(), verb.to_owned()];
        words.extend(["--bypass-lock", "--json"].map(str::to_owned));
        words.extend(settings.archives.iter().map(|names| format!("--glob-archives={names}")));
        words.extend(more);
        tool.ask(words, cx)
    };
    let said = answer(ask("list", vec!["--format={end}{hostname}{NL}".to_owned()]).await?)?;
    let sizes = if settings.sizes {
        answer(ask("info", vec![format!("--last={SIZED}")]).await?)?
    } else {
        r#"{"archives":[]}"#.to_owned()
    };
    cx.trail.untested("whether the data can be read back");
    read(settings, said.as_bytes(), sizes.as_bytes())
}

/// What Borg said, unless it failed. Exit code 1, and newer versions' codes from 100 to 127, are warnings.
fn answer(answer: Answer) -> Result<String, Failure> {
    match answer.code {
        0 | 1 | 100..=127 => Ok(answer.stdout),
        _ => {
            let (cause, message) = complaint(&answer.stderr);
            Err(match message {
                Some(message) => Failure::new(cause, format!("borg: {message}")),
                None => answer.failed(cause),
            })
        }
    }
}

/// The first error of a log in JSON, one object a line.
fn complaint(log: &str) -> (Cause, Option<String>) {
    #[derive(Deserialize)]
    struct Line {
        #[serde(default)]
        levelname: String,
        #[serde(default)]
        message: String,
        #[serde(default)]
        msgid: Option<String>,
    }
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let error = lines.into_iter().find(|l| matches!(&*l.levelname, "ERROR" | "CRITICAL"));
    let Some(error) = error else { return (Cause::ProbeError, None) };
    let id = error.msgid.unwrap_or_default();
    let cause = if id.starts_with("Pass") || id == "NoPassphraseFailure" {
        Cause::Auth
    } else if id.starts_with("Repository.") || id.starts_with("Connection") {
        Cause::Unreachable
    } else {
        Cause::ProbeError
    };
    (cause, Some(error.message).filter(|m| !m.is_empty()))
}

/// Reads a list of archives, and the sizes of some. Those of one host answer for themselves.
pub(super) fn read(settings: &BorgSettings, list: &[u8], sizes: &[u8]) -> Result<Listing, Failure> {
    let parse = |json: &[u8]| {
        let archives: Result<Archives, _> = serde_json::from_slice(json);
        archives.map(|a| a.archives).map_err(|e| tool::odd(NAME, e))
    };
    let sizes: BTreeMap<String, Stats> =
        parse(sizes)?.into_iter().filter_map(|a| Some((a.id, a.stats?))).collect();
    let mut listing = Listing::default();
    for archive in parse(list)? {
        if is_checkpoint(&archive.name) {
            continue;
        }
        let host = archive.hostname.as_deref().unwrap_or_default();
        let repository = format!("archives of {host}");
        listing.expect(&repository)?;
        let mut backup = Backup::new(repository, archive.name, State::Good);
        backup.start = archive.start.as_deref().and_then(utc);
        backup.end = archive.end.as_deref().and_then(utc);
        if let Some(stats) = sizes.get(&archive.id) {
            backup.size = stats.original_size;
            backup.stored = stats.deduplicated_size;
        }
        listing.backups.push(backup);
    }
    if listing.expected.is_empty() {
        let names = settings.archives.as_deref().unwrap_or("*");
        listing.expected.push(format!("archives {names}"));
    }
    Ok(listing)
}

/// Whether a name is what a backup that broke off leaves behind: `NAME.checkpoint`, `NAME.checkpoint.2`.
fn is_checkpoint(name: &str) -> bool {
    match name.rsplit_once(".checkpoint") {
        Some((_, rest)) => {
            rest.strip_prefix('.').unwrap_or(rest).bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    }
}

/// A time with its zone, or in UTC if there is none.
fn utc(text: &str) -> Option<Timestamp> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse()
        .ok()
        .or_else(|| Some(civil()?.timestamp()))
        .filter(|at| *at > Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> BorgSettings {
        serde_json::from_value(serde_json::json!({ "repository": "/srv/borg" })).unwrap()
    }

    #[test]
    fn checkpoints_are_no_backups_and_hosts_are_not_mixed() {
        // As 1.2.4 wrote it, cut down to what counts, with a checkpoint added.
        let list = br#"{"archives":[
            {"archive":"shop-1","barchive":"shop-1","end":"2026-11-20T02:00:07.000000","hostname":"a","id":"7545","name":"shop-1","start":"2026-11-20T02:00:00.000000","time":"2026-11-20T02:00:00.000000"},
            {"archive":"shop-2","barchive":"shop-2","end":"2026-11-23T23:49:56.000000","hostname":"b","id":"a14b","name":"shop-2","start":"2026-11-23T23:49:56.000000","time":"2026-11-23T23:49:56.000000"},
            {"archive":"shop-3.checkpoint","barchive":"shop-3.checkpoint","end":"2026-11-24T00:00:00.000000","hostname":"a","id":"beef","name":"shop-3.checkpoint","start":"2026-11-24T00:00:00.000000"}],
            "encryption":{"mode":"repokey"},"repository":{"id":"6856","location":"/srv/borg"}}"#;
        let info = br#"{"archives":[{"duration":0.002774,"end":"2026-11-23T23:49:56.000000","id":"a14b","name":"shop-2",
            "stats":{"compressed_size":105135,"deduplicated_size":492,"nfiles":3,"original_size":105006}}]}"#;
        let listing = read(&settings(), list, info).unwrap();
        assert_eq!(listing.expected, ["archives of a", "archives of b"]);
        let told: Vec<_> = listing
            .backups
            .iter()
            .map(|b| (&*b.label, b.end.map(|e| e.to_string()), b.size, b.stored))
            .collect();
        assert_eq!(
            told,
            [
                ("shop-1", Some("2026-11-20T02:00:07Z".to_owned()), None, None),
                ("shop-2", Some("2026-11-23T23:49:56Z".to_owned()), Some(105_006), Some(492)),
            ]
        );
        let none = br#"{"archives":[]}"#;
        assert_eq!(read(&settings(), none, none).unwrap().expected, ["archives *"]);
        assert!(read(&settings(), b"[]", none).is_err());
    }

    #[test]
    fn names_times_and_complaints_are_read() {
        let names = [
            ("shop.checkpoint", true),
            ("shop.checkpoint.2", true),
            ("shop.checkpoint-old", false),
            ("checkpoint", false),
        ];
        for (name, checkpoint) in names {
            assert_eq!(is_checkpoint(name), checkpoint, "{name}");
        }
        let times = [
            ("2026-11-20T02:00:00.000000", Some("2026-11-20T02:00:00Z")),
            ("2026-11-20T02:00:00.000000+01:00", Some("2026-11-20T01:00:00Z")),
            ("1970-01-01T00:00:00", None),
            ("soon", None),
        ];
        for (text, at) in times {
            assert_eq!(utc(text).map(|t| t.to_string()).as_deref(), at, "{text}");
        }
        let log = r#"{"type":"log_message","message":"slow","levelname":"WARNING"}
            {"type":"log_message","message":"Repository /x does not exist.","levelname":"ERROR","msgid":"Repository.DoesNotExist"}"#;
        let told = (Cause::Unreachable, Some("Repository /x does not exist.".to_owned()));
        assert_eq!(complaint(log), told);
        assert_eq!(complaint("no JSON"), (Cause::ProbeError, None));
    }
}
