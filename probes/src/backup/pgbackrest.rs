//! Backups that pgBackRest keeps, as `pgbackrest info --output=json` tells of them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use serde::Deserialize;

use super::PgBackRestSettings;
use super::judge::{self, Backup};
use crate::Context;
use crate::command::{Command, Ended};

/// How much of its answer is taken: some thousands of backups.
const MAX_ANSWER: usize = 8 << 20;

#[derive(Debug, Deserialize)]
struct Stanza {
    name: String,
    status: Status,
    #[serde(default)]
    repo: Vec<Repository>,
    #[serde(default)]
    backup: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Status {
    code: i64,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Repository {
    key: u32,
}

#[derive(Debug, Deserialize)]
struct Listed {
    label: String,
    #[serde(rename = "type")]
    kind: String,
    /// Whether page checksums were wrong. Old versions do not say.
    #[serde(default)]
    error: Option<bool>,
    database: Database,
    timestamp: Times,
    info: Sizes,
}

#[derive(Debug, Deserialize)]
struct Database {
    #[serde(rename = "repo-key", default = "first")]
    repo_key: u32,
}

fn first() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
struct Times {
    stop: i64,
}

#[derive(Debug, Deserialize)]
struct Sizes {
    /// The size of the database that was backed up.
    size: u64,
}

pub(super) async fn look(settings: &PgBackRestSettings, cx: &Context) -> Result<Readings, Failure> {
    let mut words: Vec<String> = settings.command.clone();
    let program = words.remove(0);
    if let Some(config) = &settings.config {
        words.push(format!("--config={}", cx.folder.join(config).display()));
    }
    words.push(format!("--stanza={}", settings.stanza));
    words.extend(["--output=json", "--log-level-console=off", "info"].map(str::to_owned));
    let time = cx.remaining().mul_f64(0.8);
    let command = Command::new(program, words, &cx.folder, time)
        .grace(time / 10)
        .cap(MAX_ANSWER)
        .trail(&cx.trail);
    let outcome =
        command.run().await.map_err(|error| Failure::new(Cause::ProbeError, error.to_string()))?;
    match outcome.ended {
        Ended::Exited(0) if !outcome.stdout.truncated() => {
            read(settings, &outcome.stdout.text(), cx.now)
        }
        Ended::TimedOut => Err(Failure::new(Cause::Timeout, "pgbackrest did not end in time")),
        ended => {
            let said = outcome.stderr.text();
            let said = said.lines().next().unwrap_or_default();
            Err(Failure::new(Cause::ProbeError, format!("pgbackrest: {ended:?}: {said}")))
        }
    }
}

fn read(settings: &PgBackRestSettings, json: &str, now: Timestamp) -> Result<Readings, Failure> {
    let odd = |why: String| Failure::new(Cause::BadResponse, format!("pgbackrest's answer: {why}"));
    let stanzas: Vec<Stanza> = serde_json::from_str(json).map_err(|e| odd(e.to_string()))?;
    let stanza = stanzas
        .into_iter()
        .find(|stanza| stanza.name == settings.stanza)
        .ok_or_else(|| odd(format!("the stanza `{}` is not in it", settings.stanza)))?;
    let wanted = |key: u32| settings.repository.is_none_or(|only| only == key);
    let mut expected: BTreeSet<String> =
        stanza.repo.iter().filter(|r| wanted(r.key)).map(|r| name(r.key)).collect();
    let mut backups = Vec::new();
    for listed in stanza.backup.iter().filter(|b| wanted(b.database.repo_key)) {
        if settings.kind.as_ref().is_some_and(|kind| *kind != listed.kind) {
            continue;
        }
        let end = Timestamp::from_second(listed.timestamp.stop).map_err(|e| odd(e.to_string()))?;
        if listed.timestamp.stop <= 0 {
            return Err(odd(format!("{} has no end", listed.label)));
        }
        let repository = name(listed.database.repo_key);
        expected.insert(repository.clone());
        backups.push(Backup {
            label: listed.label.clone(),
            repository,
            kind: listed.kind.clone(),
            end,
            size: listed.info.size,
            good: listed.error != Some(true),
        });
    }
    if let Some(only) = settings.repository {
        expected.insert(name(only));
    }
    if expected.is_empty() {
        expected.insert(format!("stanza {}", stanza.name));
    }
    let expected: Vec<String> = expected.into_iter().collect();
    let readings = judge::read(&backups, &expected, stanza.status.code == 0, now)?;
    let (code, message) = (stanza.status.code, stanza.status.message);
    Ok(readings.note(format!("pgbackrest says of `{}`: {message} (status {code})", stanza.name)))
}

fn name(key: u32) -> String {
    format!("repository {key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> PgBackRestSettings {
        let json = serde_json::json!({ "stanza": "shop" });
        serde_json::from_value(json).unwrap()
    }

    fn answer(status: i64, backups: &str) -> String {
        format!(
            r#"[{{"name":"shop","status":{{"code":{status},"message":"m"}},
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
        let (fresh, old, broken) =
            (listed(1, 96_400, false), listed(2, 10_000, false), listed(2, 99_000, true));
        let rows = [
            ("both, the older counts", answer(0, &format!("{fresh},{old}")), Some(90_000.0)),
            ("a broken one does not count", answer(0, &format!("{fresh},{broken}")), None),
            ("one is empty", answer(4, &fresh), None),
            ("none", answer(2, ""), None),
        ];
        for (row, json, age) in rows {
            let readings = read(&settings(), &json, now).unwrap_or_else(|e| panic!("{row}: {e}"));
            let expected = age.map(launchgate_core::reading::Value::Number);
            assert_eq!(readings.get("age"), expected.as_ref(), "{row}");
        }
        let other = answer(0, "").replace("shop", "other");
        let failure = read(&settings(), &other, now).expect_err("another stanza");
        assert_eq!(failure.message, "pgbackrest's answer: the stanza `shop` is not in it");
    }
}
