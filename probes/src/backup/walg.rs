//! Backups that WAL-G keeps, as `wal-g backup-list` tells of them, and its WAL, as `wal-g wal-verify` judges it.
//!
//! When a backup ended is its `finish_time`; its `time` is that of an upload, which a copy renews.

use std::collections::BTreeMap;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listing::{Backup, Listing, State, moment};
use super::tool::{self, Tool};
use super::wal::Archive;
use super::wal_settings;
use crate::Context;
use crate::secret::TextOrCredential;

const NAME: &str = "wal-g";
/// The setting's name.
const ENTRY: &str = "walg";

/// Backups that WAL-G keeps.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalGSettings {
    /// The program and what stands before its own arguments, such as `[wal-g, --config, /etc/wal-g.yaml]`.
    #[serde(default = "walg")]
    pub command: Vec<String>,
    /// Variables for its environment: `WALG_S3_PREFIX` and the like.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
    /// The storages that must each have a backup; `[default]` if not given. Those in others, such as failover storages,
    /// do not count.
    #[serde(default = "storages")]
    pub storages: Vec<String>,
    /// Whether to run `wal-g wal-verify integrity timeline`, which connects to the database, for `healthy` and the
    /// readings about points in time; not if not given.
    #[serde(default)]
    pub wal: bool,
    /// The size of a WAL segment, where the cluster was made with another than `16MiB`.
    #[serde(default)]
    pub wal_segment: Option<String>,
}

fn walg() -> Vec<String> {
    vec![NAME.to_owned()]
}

fn storages() -> Vec<String> {
    vec![default_storage()]
}

fn default_storage() -> String {
    "default".to_owned()
}

#[derive(Debug, Deserialize)]
struct Listed {
    backup_name: String,
    #[serde(default)]
    wal_file_name: Option<String>,
    /// Old versions do not say.
    #[serde(default = "default_storage")]
    storage_name: String,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    finish_time: Option<String>,
    #[serde(default)]
    uncompressed_size: Option<u64>,
    #[serde(default)]
    compressed_size: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Verified {
    integrity: Integrity,
    timeline: Timeline,
}

#[derive(Debug, Deserialize)]
struct Integrity {
    status: String,
    #[serde(default)]
    details: Option<Vec<Run>>,
}

#[derive(Debug, Deserialize)]
struct Timeline {
    status: String,
}

#[derive(Debug, Deserialize)]
struct Run {
    start_segment: String,
    end_segment: String,
    status: String,
}

pub(super) fn check(settings: &WalGSettings) -> Result<(), Vec<Problem>> {
    if settings.storages.is_empty() {
        return Err(vec![Problem::at(ENTRY, "no storage must have a backup")]);
    }
    wal_settings(ENTRY, settings.wal, settings.wal_segment.as_deref())?;
    tool::check(ENTRY, &settings.command)
}

pub(super) async fn list(settings: &WalGSettings, cx: &Context) -> Result<Listing, Failure> {
    let tool = Tool { name: NAME, command: &settings.command, env: &settings.env, own: Vec::new() };
    let said = tool.ask(["backup-list", "--detail", "--json"], cx).await?.good()?;
    let mut listing = read(&settings.storages, said.as_bytes())?;
    if !settings.wal {
        cx.trail.untested("whether the archived WAL has gaps: `wal` is not set");
        return Ok(listing);
    }
    let size = wal_settings(ENTRY, true, settings.wal_segment.as_deref()).unwrap_or_default();
    let said = tool.ask(["wal-verify", "integrity", "timeline", "--json"], cx).await?.good()?;
    verify(&mut listing, said.as_bytes(), size)?;
    Ok(listing)
}

/// Reads a list of backups in these storages.
pub(super) fn read(storages: &[String], json: &[u8]) -> Result<Listing, Failure> {
    // Without any backup there is no list at all.
    let listed: Option<Vec<Listed>> =
        serde_json::from_slice(json).map_err(|e| tool::odd(NAME, e))?;
    let mut listing = Listing { expected: storages.to_vec(), ..Listing::default() };
    let mut elsewhere = 0_usize;
    for listed in listed.unwrap_or_default() {
        if !storages.contains(&listed.storage_name) {
            elsewhere += 1;
            continue;
        }
        // `base_X_D_Y` holds what changed since Y.
        let kind = if listed.backup_name.contains("_D_") { "delta" } else { "full" };
        let mut backup = Backup::new(listed.storage_name, listed.backup_name, State::Good);
        kind.clone_into(&mut backup.kind);
        backup.start = listed.start_time.as_deref().and_then(moment);
        backup.end = listed.finish_time.as_deref().and_then(moment);
        backup.size = listed.uncompressed_size.filter(|n| *n > 0);
        backup.stored = listed.compressed_size.filter(|n| *n > 0);
        backup.wal_start = listed.wal_file_name;
        listing.backups.push(backup);
    }
    if elsewhere > 0 {
        listing.notes.push(format!("{elsewhere} backups in other storages do not count"));
    }
    Ok(listing)
}

/// Adds what `wal-verify` found. Segments that are on their way are no gap.
pub(super) fn verify(listing: &mut Listing, json: &[u8], size: u64) -> Result<(), Failure> {
    let verified: Verified = serde_json::from_slice(json).map_err(|e| tool::odd(NAME, e))?;
    let statuses =
        [("integrity", &verified.integrity.status), ("timeline", &verified.timeline.status)];
    let mut archive = Archive::new(size);
    for run in verified.integrity.details.unwrap_or_default() {
        let segment = |name: &str| {
            let odd = || tool::odd(NAME, format!("`{name}` is no segment of {size} bytes"));
            archive.segment(name).ok_or_else(odd)
        };
        let (first, last) = (segment(&run.start_segment)?, segment(&run.end_segment)?);
        match run.status.as_str() {
            "FOUND" | "MISSING_UPLOADING" => archive.add(first, last.number),
            "MISSING_DELAYED" | "MISSING_LOST" => {}
            other => return Err(tool::odd(NAME, format!("segments are {other}"))),
        }
    }
    for (check, status) in statuses {
        match status.as_str() {
            "OK" => {}
            "WARNING" | "FAILURE" => {
                listing.notes.push(format!("wal-g says of the {check}: {status}"));
            }
            other => return Err(Failure::new(Cause::BadResponse, format!("wal-g says {other}"))),
        }
    }
    listing.healthy = Some(statuses.iter().all(|(_, status)| *status != "FAILURE"));
    for storage in &listing.expected {
        listing.wal.insert(storage.clone(), archive.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::wal::SEGMENT;
    use super::*;

    /// The documented shape of `backup-list --detail --json`, written by us from the names of its fields: no WAL-G was
    /// run for it.
    const LIST: &[u8] = br#"[
        {"backup_name":"base_000000030000000300000050","time":"2026-11-16T02:20:00Z","wal_file_name":"000000030000000300000050",
         "storage_name":"default","start_time":"2026-11-16T02:00:00.5Z","finish_time":"2026-11-16T02:19:00.5Z","date_fmt":"%Y-%m-%dT%H:%M:%S.%fZ",
         "hostname":"db1","data_dir":"/var/lib/postgresql/15/main","pg_version":150004,"start_lsn":13958643752,"finish_lsn":13975420928,
         "is_permanent":false,"system_identifier":7711521443830088873,"uncompressed_size":64000,"compressed_size":8000},
        {"backup_name":"base_000000040000000800000030_D_000000030000000300000050","time":"2026-11-23T02:20:00Z",
         "wal_file_name":"000000040000000800000030","storage_name":"default","start_time":"2026-11-23T02:00:00Z",
         "finish_time":"2026-11-23T02:05:00Z","is_permanent":true,"uncompressed_size":900,"compressed_size":100},
        {"backup_name":"base_000000040000000800000034","time":"2026-11-23T03:00:00Z","wal_file_name":"000000040000000800000034",
         "storage_name":"failover_1","start_time":"2026-11-23T02:30:00Z","finish_time":"2026-11-23T02:59:00Z"},
        {"backup_name":"base_000000040000000800000033","time":"2026-11-23T02:50:00Z","wal_file_name":"000000040000000800000033",
         "storage_name":"default","start_time":"0001-01-01T00:00:00Z","finish_time":"0001-01-01T00:00:00Z","uncompressed_size":0}]"#;

    #[test]
    fn a_failover_storage_hides_nothing_and_the_year_one_is_no_time() {
        let listing = read(&storages(), LIST).unwrap();
        let told: Vec<_> = listing
            .backups
            .iter()
            .map(|b| (b.kind.as_str(), b.end.map(|e| e.to_string()), b.size))
            .collect();
        assert_eq!(
            told,
            [
                ("full", Some("2026-11-16T02:19:00.5Z".to_owned()), Some(64_000)),
                ("delta", Some("2026-11-23T02:05:00Z".to_owned()), Some(900)),
                ("full", None, None),
            ]
        );
        assert_eq!(listing.notes, ["1 backups in other storages do not count"]);
        assert!(read(&storages(), b"null").unwrap().backups.is_empty());
        assert!(read(&storages(), b"{}").is_err());
    }

    /// The documented shape of `wal-verify integrity timeline --json`.
    fn verdict(integrity: &str, between: &str, timeline: &str) -> String {
        format!(
            r#"{{"integrity":{{"status":"{integrity}","details":[
            {{"timeline_id":3,"start_segment":"00000003000000030000004D","end_segment":"0000000300000004000000F0","segments_count":420,"status":"FOUND"}},
            {{"timeline_id":4,"start_segment":"0000000400000004000000F1","end_segment":"000000040000000800000010","segments_count":800,"status":"FOUND"}},
            {{"timeline_id":4,"start_segment":"000000040000000800000011","end_segment":"000000040000000800000012","segments_count":2,"status":"{between}"}},
            {{"timeline_id":4,"start_segment":"000000040000000800000013","end_segment":"000000040000000800000034","segments_count":34,"status":"FOUND"}},
            {{"timeline_id":4,"start_segment":"000000040000000800000035","end_segment":"000000040000000800000035","segments_count":1,"status":"MISSING_DELAYED"}}]}},
            "timeline":{{"status":"{timeline}","details":{{"current_timeline_id":4,"highest_storage_timeline_id":4}}}}}}"#
        )
    }

    #[test]
    fn what_is_lost_is_a_gap_and_what_is_on_its_way_is_none() {
        let rows = [
            ("all found", verdict("OK", "FOUND", "OK"), Some((true, 0))),
            ("on its way", verdict("WARNING", "MISSING_UPLOADING", "OK"), Some((true, 0))),
            ("lost", verdict("FAILURE", "MISSING_LOST", "OK"), Some((false, 1))),
            ("split brain", verdict("OK", "FOUND", "FAILURE"), Some((false, 0))),
            ("a new word", verdict("OK", "PERHAPS", "OK"), None),
            ("another new word", verdict("FINE", "FOUND", "OK"), None),
        ];
        for (row, json, expected) in rows {
            let mut listing = read(&storages(), LIST).unwrap();
            let told = verify(&mut listing, json.as_bytes(), SEGMENT).ok().map(|()| {
                let archive = &listing.wal["default"];
                let from = archive.segment("000000030000000300000050").unwrap();
                (listing.healthy.unwrap(), archive.missing(from, None).len())
            });
            assert_eq!(told, expected, "{row}");
        }
    }
}
