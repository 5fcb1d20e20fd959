//! Backups of Kubernetes that Velero keeps, as its `Backup` objects tell of them.
//!
//! They come from `kubectl`, from the API server itself, or from a file that something else writes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use super::fetch::{self, Get};
use super::listing::{Backup, Listing, State, moment};
use super::tool::{self, Tool};
use crate::Context;
use crate::secret::{Credential, TextOrCredential};

const NAME: &str = "velero";
/// The largest file of objects that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;
const SCHEDULE: &str = "velero.io/schedule-name";

/// Backups of Kubernetes that Velero keeps.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VeleroSettings {
    /// The namespace that Velero runs in; `velero` if not given.
    #[serde(default = "velero")]
    pub namespace: String,
    /// The schedules that must each have a backup; if not given, every one that has left any.
    #[serde(default)]
    pub schedules: Vec<String>,
    /// The program that asks the cluster, and what stands before its own arguments.
    #[serde(default = "kubectl")]
    pub command: Vec<String>,
    /// Variables for its environment, such as `KUBECONFIG`.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
    /// Where the API server lists them instead:
    /// `https://kubernetes.example:6443/apis/velero.io/v1/namespaces/velero/backups`.
    #[serde(default)]
    pub url: Option<String>,
    /// The bearer token for `url`.
    #[serde(default)]
    pub token: Option<Credential>,
    /// A PEM file of roots that are trusted for `url` besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A file with the objects in JSON instead, relative to the launch file.
    #[serde(default)]
    pub file: Option<PathBuf>,
}

fn velero() -> String {
    NAME.to_owned()
}

fn kubectl() -> Vec<String> {
    vec!["kubectl".to_owned()]
}

#[derive(Debug, Deserialize)]
struct Objects {
    #[serde(default)]
    metadata: Paging,
    items: Vec<Object>,
}

#[derive(Debug, Default, Deserialize)]
struct Paging {
    #[serde(default, rename = "continue")]
    more: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default, rename = "deletionTimestamp")]
    deleted: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    storage_location: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    phase: String,
    #[serde(default)]
    start_timestamp: Option<String>,
    #[serde(default)]
    completion_timestamp: Option<String>,
    #[serde(default)]
    expiration: Option<String>,
    #[serde(default)]
    errors: u64,
    #[serde(default)]
    failure_reason: Option<String>,
}

pub(super) fn check(settings: &VeleroSettings) -> Result<(), Vec<Problem>> {
    if settings.url.is_some() && settings.file.is_some() {
        return Err(vec![Problem::at(NAME, "give `url` or `file`, not both")]);
    }
    if let Some(url) = &settings.url {
        fetch::check(NAME, url, &BTreeMap::new())?;
    }
    tool::check(NAME, &settings.command)
}

pub(super) async fn list(settings: &VeleroSettings, cx: &Context) -> Result<Listing, Failure> {
    let said = match (&settings.url, &settings.file) {
        (Some(url), _) => {
            let token = settings.token.as_ref().map(|t| t.resolve(cx)).transpose()?;
            let (headers, ca_file) = (&BTreeMap::new(), settings.ca_file.as_deref());
            Get { url, headers, token, ca_file }.body(cx).await?
        }
        (None, Some(file)) => contents(cx.folder.join(file)).await?,
        (None, None) => {
            let (command, env) = (&settings.command, &settings.env);
            let tool = Tool { name: "kubectl", command, env, own: Vec::new() };
            let words = ["get", "backups.velero.io", "--output=json", "--namespace"];
            let words = words.into_iter().chain([settings.namespace.as_str()]);
            tool.ask(words, cx).await?.good()?.into_bytes()
        }
    };
    cx.trail.untested("whether the stored data can be read back");
    read(settings, &said, cx.now)
}

async fn contents(path: PathBuf) -> Result<Vec<u8>, Failure> {
    let fail = |cause, why: &dyn std::fmt::Display| {
        Failure::new(cause, format!("the file {}: {why}", path.display()))
    };
    let opened = tokio::fs::File::open(&path).await;
    let opened = opened.map_err(|e| fail(Cause::Unreachable, &e))?;
    let mut said = Vec::new();
    let read = opened.take(MAX_FILE + 1).read_to_end(&mut said).await;
    read.map_err(|e| fail(Cause::Unreachable, &e))?;
    if said.len() as u64 > MAX_FILE {
        return Err(fail(Cause::BadResponse, &"it is larger than 16 MiB"));
    }
    Ok(said)
}

/// Reads a list of `Backup` objects. Those of one schedule in one storage location answer for themselves.
pub(super) fn read(
    settings: &VeleroSettings,
    json: &[u8],
    now: Timestamp,
) -> Result<Listing, Failure> {
    let objects: Objects = serde_json::from_slice(json).map_err(|e| tool::odd(NAME, e))?;
    if objects.metadata.more.is_some_and(|token| !token.is_empty()) {
        return Err(Failure::new(Cause::Partial, "the API server tells of a part of the backups"));
    }
    let mut listing = Listing { running: Some(false), ..Listing::default() };
    for object in objects.items {
        let schedule = object.metadata.labels.get(SCHEDULE).map_or("", String::as_str);
        let wanted =
            settings.schedules.is_empty() || settings.schedules.iter().any(|s| s == schedule);
        // One that is being removed is neither good nor a fault.
        if !wanted || object.metadata.deleted.is_some() || object.status.phase == "Deleting" {
            continue;
        }
        let state = state(&object.status, now);
        if state == State::Running {
            listing.running = Some(true);
        }
        let schedule = if schedule.is_empty() { "no schedule" } else { schedule };
        let location = object.spec.storage_location.as_deref().unwrap_or("default");
        let repository = format!("{schedule} in {location}");
        listing.expect(&repository)?;
        let mut backup = Backup::new(repository, object.metadata.name, state);
        let at = |text: &Option<String>| text.as_deref().and_then(moment);
        backup.start = at(&object.status.start_timestamp);
        backup.end = at(&object.status.completion_timestamp);
        backup.expires = at(&object.status.expiration);
        listing.backups.push(backup);
    }
    for schedule in &settings.schedules {
        let begins = format!("{schedule} in ");
        if !listing.expected.iter().any(|repository| repository.starts_with(&begins)) {
            listing.expected.push(schedule.clone());
        }
    }
    if listing.expected.is_empty() {
        listing.expected.push(format!("namespace {}", settings.namespace));
    }
    Ok(listing)
}

fn state(status: &Status, now: Timestamp) -> State {
    match status.phase.as_str() {
        ""
        | "New"
        | "Queued"
        | "ReadyToStart"
        | "InProgress"
        | "WaitingForPluginOperations"
        | "Finalizing" => State::Running,
        "Completed" if status.errors > 0 => State::Bad(format!("{} errors", status.errors)),
        "Completed" if status.completion_timestamp.is_none() => {
            State::Bad("it is completed, but not since when".to_owned())
        }
        "Completed" => {
            let expires = status.expiration.as_deref().and_then(moment);
            match expires.filter(|at| *at <= now) {
                Some(at) => State::Bad(format!("it expired at {at}")),
                None => State::Good,
            }
        }
        other => {
            let why = status.failure_reason.as_deref().map(|r| format!(": {r}"));
            State::Bad(format!("its phase is {other}{}", why.unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(schedules: &[&str]) -> VeleroSettings {
        serde_json::from_value(serde_json::json!({ "schedules": schedules })).unwrap()
    }

    /// A `Backup` in the documented shape of `velero.io/v1`, written by us from the names of its fields: no cluster was
    /// asked for it.
    fn object(name: &str, schedule: &str, status: &serde_json::Value) -> serde_json::Value {
        serde_json::json!({
            "apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": { "name": name, "namespace": "velero", "labels": { SCHEDULE: schedule } },
            "spec": { "storageLocation": "default", "ttl": "720h0m0s" }, "status": status,
        })
    }

    fn list(items: &[serde_json::Value]) -> Vec<u8> {
        let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items,
            "metadata": { "resourceVersion": "" } });
        list.to_string().into_bytes()
    }

    #[test]
    fn only_completed_without_errors_and_not_expired_is_good() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let done = |phase: &str, errors: u64, expiration: &str| {
            serde_json::json!({ "phase": phase, "errors": errors, "warnings": 2, "expiration": expiration,
                "startTimestamp": "2026-11-23T02:00:00Z", "completionTimestamp": "2026-11-23T02:10:00Z",
                "progress": { "totalItems": 9, "itemsBackedUp": 9 } })
        };
        let bad = |why: &str| State::Bad(why.to_owned());
        let later = "2026-12-23T02:00:00Z";
        let rows = [
            ("done", done("Completed", 0, later), State::Good),
            ("with errors", done("Completed", 3, later), bad("3 errors")),
            (
                "expired",
                done("Completed", 0, "2026-11-23T11:00:00Z"),
                bad("it expired at 2026-11-23T11:00:00Z"),
            ),
            ("partial", done("PartiallyFailed", 1, later), bad("its phase is PartiallyFailed")),
            ("a new phase", done("Perhaps", 0, later), bad("its phase is Perhaps")),
            (
                "finishing what failed in part",
                done("FinalizingPartiallyFailed", 1, later),
                bad("its phase is FinalizingPartiallyFailed"),
            ),
            ("finishing", done("Finalizing", 0, later), State::Running),
            ("new", serde_json::json!({}), State::Running),
            (
                "failed",
                serde_json::json!({ "phase": "Failed", "failureReason": "no bucket" }),
                bad("its phase is Failed: no bucket"),
            ),
            (
                "done, nobody knows when",
                serde_json::json!({ "phase": "Completed" }),
                bad("it is completed, but not since when"),
            ),
        ];
        for (row, status, expected) in rows {
            let json = list(&[object("b", "daily", &status)]);
            let listing = read(&settings(&[]), &json, now).unwrap_or_else(|e| panic!("{row}: {e}"));
            assert_eq!(listing.backups[0].state, expected, "{row}");
            assert_eq!(listing.running, Some(expected == State::Running), "{row}");
        }
    }

    #[test]
    fn a_schedule_that_left_nothing_is_missed() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let status = serde_json::json!({ "phase": "Completed", "completionTimestamp": "2026-11-23T02:10:00Z" });
        let json = list(&[object("b", "daily", &status), object("c", "hourly", &status)]);
        let rows: [(&[&str], &[&str], usize); 3] = [
            (&[], &["daily in default", "hourly in default"], 2),
            (&["daily"], &["daily in default"], 1),
            (&["daily", "weekly"], &["daily in default", "weekly"], 1),
        ];
        for (schedules, expected, count) in rows {
            let listing = read(&settings(schedules), &json, now).unwrap();
            assert_eq!(listing.expected, expected);
            assert_eq!(listing.backups.len(), count, "{schedules:?}");
        }
        assert_eq!(read(&settings(&[]), &list(&[]), now).unwrap().expected, ["namespace velero"]);
        let part = br#"{"items": [], "metadata": {"continue": "abc"}}"#;
        assert_eq!(read(&settings(&[]), part, now).expect_err("a part").cause, Cause::Partial);
        assert!(read(&settings(&[]), b"{}", now).is_err(), "no list");
    }
}
