//! Backups that are files: one that is not empty and not being written is good. When it ended is said by the time at which
//! it was last written, or by its name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dated::date_in;
use super::listing::{Backup, Listing, State};
use super::pattern;
use crate::Context;

/// How many entries a folder may have.
const MAX_ENTRIES: usize = 100_000;
/// A file that was written to this recently may not be complete.
const SETTLES: Duration = Duration::from_secs(10);

/// Backups that are files, one each.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderSettings {
    /// The folder; a relative one counts from the launch file's.
    pub path: PathBuf,
    /// Which files in it are backups: a name in which `*` stands for anything and `?` for one character.
    pub pattern: String,
    /// What says when a backup ended: `written` (the default), when the file was last written, or `name`, the date in
    /// its name, in UTC.
    #[serde(default)]
    pub dated_by: DatedBy,
    /// What is added to a backup's name for the file that says that it was restored and found to be whole: `.verified`.
    /// When that file was last written is when it was verified.
    #[serde(default)]
    pub verified: Option<String>,
}

/// What says when a backup that is a file ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatedBy {
    /// When it was last written. A copy is as young as the copying.
    #[default]
    Written,
    /// The date in its name, and the time after it if there is one; else the start of that day.
    Name,
}

pub(super) fn check(settings: &FolderSettings) -> Result<(), Vec<Problem>> {
    if settings.pattern.is_empty() || settings.pattern.contains('/') {
        return Err(vec![Problem::at("folder", "the pattern is a file's name, with `*` and `?`")]);
    }
    if settings.verified.as_ref().is_some_and(|v| v.is_empty() || v.contains('/')) {
        return Err(vec![Problem::at("folder", "`verified` is the end of a name: `.verified`")]);
    }
    Ok(())
}

pub(super) async fn list(settings: &FolderSettings, cx: &Context) -> Result<Listing, Failure> {
    let path = cx.folder.join(&settings.path);
    let (settings, now) = (settings.clone(), cx.now);
    let shown = path.display().to_string();
    let reading = tokio::task::spawn_blocking(move || read(&path, &settings, now));
    match tokio::time::timeout_at(cx.deadline, reading).await {
        Ok(Ok(listing)) => listing,
        Ok(Err(error)) => Err(Failure::new(Cause::ProbeError, error.to_string())),
        // A network file system that hangs.
        Err(_) => Err(Failure::new(
            Cause::Timeout,
            format!("the folder {shown} could not be read in time"),
        )),
    }
}

fn read(path: &Path, settings: &FolderSettings, now: Timestamp) -> Result<Listing, Failure> {
    let shown = path.display().to_string();
    let fail = |e: std::io::Error| {
        let cause = match e.kind() {
            std::io::ErrorKind::PermissionDenied => Cause::Auth,
            _ => Cause::Unreachable,
        };
        Failure::new(cause, format!("the folder {shown}: {e}"))
    };
    let mut listing = Listing { expected: vec![shown.clone()], ..Listing::default() };
    let mut verified = BTreeMap::new();
    let mut running = false;
    for (seen, entry) in std::fs::read_dir(path).map_err(fail)?.enumerate() {
        if seen == MAX_ENTRIES {
            let message = format!("the folder {shown} has more than {MAX_ENTRIES} entries");
            return Err(Failure::new(Cause::TooManySeries, message));
        }
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let witness = settings.verified.as_ref().and_then(|end| name.strip_suffix(end.as_str()));
        if witness.is_none() && !pattern::matches(&settings.pattern, &name) {
            continue;
        }
        let facts = match std::fs::metadata(entry.path()) {
            Ok(facts) if facts.is_file() => facts,
            Ok(_) => continue,
            // Removed meanwhile: rotation goes on while we look.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(fail(error)),
        };
        let written = facts.modified().map_err(fail)?;
        let odd = |why: String| Failure::new(Cause::BadResponse, format!("{name}: {why}"));
        let at = Timestamp::try_from(written).map_err(|e| odd(e.to_string()))?;
        if let Some(witness) = witness {
            verified.insert(witness.to_owned(), at);
            continue;
        }
        if is_being_written(written, now) {
            running = true;
            continue;
        }
        let end = match settings.dated_by {
            DatedBy::Written => at,
            DatedBy::Name => {
                date_in(&name).ok_or_else(|| odd("there is no date in the name".to_owned()))?
            }
        };
        let state = match facts.len() {
            0 => State::Bad("it is empty".to_owned()),
            _ => State::Good,
        };
        let mut backup = Backup::new(&shown, name, state);
        (backup.end, backup.size, backup.stored) =
            (Some(end), Some(facts.len()), Some(facts.len()));
        listing.backups.push(backup);
    }
    for backup in &mut listing.backups {
        backup.verified_at = verified.get(&backup.label).copied();
    }
    listing.healthy = Some(true);
    listing.running = Some(running);
    // A file system that does not tell leaves the room unknown.
    listing.free = rustix::fs::statvfs(path).ok().map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    Ok(listing)
}

fn is_being_written(end: SystemTime, now: Timestamp) -> bool {
    SystemTime::from(now).duration_since(end).is_ok_and(|age| age < SETTLES)
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Readings;

    use super::super::judge::{self, Terms, When};
    use super::*;

    async fn look(settings: &FolderSettings, cx: &Context) -> Result<Readings, Failure> {
        let when = When { now: cx.now, go_live: None };
        judge::read(&list(settings, cx).await?, &Terms::default(), when)
    }

    #[tokio::test]
    async fn a_copy_is_as_old_as_its_name_says() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let folder = std::env::temp_dir().join(format!("launchgate-dated-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str| {
            std::fs::write(folder.join(name), "x").unwrap();
            let file = std::fs::File::options().write(true).open(folder.join(name)).unwrap();
            file.set_modified(SystemTime::from(now) - Duration::from_secs(60)).unwrap();
        };
        write("shop-2026-11-20.dump");
        write("shop-2026-11-21T12-00.dump");
        let settings = FolderSettings {
            path: folder.clone(),
            pattern: "*.dump".into(),
            dated_by: DatedBy::Name,
            verified: None,
        };
        let cx = Context::new(Duration::from_secs(5), now, None, "/".into());
        let readings = look(&settings, &cx).await;
        write("undated.dump");
        let undated = look(&settings, &cx).await;
        std::fs::remove_dir_all(&folder).unwrap();
        let day = launchgate_core::reading::Value::Number(86_400.0);
        assert_eq!(readings.unwrap().get("age"), Some(&day));
        let undated = undated.expect_err("one has no date");
        assert!(undated.message.contains("undated.dump: there is no date"), "{undated}");
    }

    #[tokio::test]
    async fn files_are_backups_once_they_are_complete() {
        let folder =
            std::env::temp_dir().join(format!("launchgate-backups-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, size: usize, age: u64| {
            let path = folder.join(name);
            std::fs::write(&path, vec![0; size]).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        };
        write("a.dump", 10, 7_200);
        write("empty.dump", 0, 3_600);
        write("running.dump", 10, 0);
        write("other.txt", 10, 60);
        write("a.dump.verified", 0, 600);
        write("gone.dump.verified", 0, 60);
        let settings = FolderSettings {
            path: folder.clone(),
            pattern: "*.dump".into(),
            dated_by: DatedBy::Written,
            verified: Some(".verified".into()),
        };
        let cx = Context::new(Duration::from_secs(5), Timestamp::now(), None, "/".into());
        let readings = look(&settings, &cx).await.unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let number = |name: &str| match readings.get(name) {
            Some(launchgate_core::reading::Value::Number(n)) => *n,
            other => panic!("{name}: {other:?}"),
        };
        assert!((number("age") - 7_200.0).abs() < 5.0, "{}", number("age"));
        assert!((number("bad") - 1.0).abs() < 1e-9);
        assert!((number("verified_age") - 600.0).abs() < 5.0, "{}", number("verified_age"));
        assert!(number("free") > 0.0, "{readings:?}");
        let running = launchgate_core::reading::Value::Flag(true);
        assert_eq!(readings.get("running"), Some(&running));
        let gone = look(&settings, &cx).await.expect_err("the folder is gone");
        assert_eq!(gone.cause, Cause::Unreachable);
    }
}
