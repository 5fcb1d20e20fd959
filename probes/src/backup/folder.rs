//! Backups that are files: one that is not empty and not being written is good. When it ended is said by the time at which
//! it was last written, or by its name.

use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;

use super::dated::date_in;
use super::judge::{self, Backup};
use super::{DatedBy, FolderSettings};
use crate::Context;

/// How many entries a folder may have.
const MAX_ENTRIES: usize = 100_000;
/// A file that was written to this recently may not be complete.
const SETTLES: Duration = Duration::from_secs(10);

pub(super) async fn look(settings: &FolderSettings, cx: &Context) -> Result<Readings, Failure> {
    let path = cx.folder.join(&settings.path);
    let (pattern, dated_by, now) = (settings.pattern.clone(), settings.dated_by, cx.now);
    let shown = path.display().to_string();
    let reading = tokio::task::spawn_blocking(move || list(&path, &pattern, dated_by, now));
    match tokio::time::timeout_at(cx.deadline, reading).await {
        Ok(Ok(backups)) => judge::read(&backups?, std::slice::from_ref(&shown), true, cx.now),
        Ok(Err(error)) => Err(Failure::new(Cause::ProbeError, error.to_string())),
        // A network file system that hangs.
        Err(_) => Err(Failure::new(
            Cause::Timeout,
            format!("the folder {shown} could not be read in time"),
        )),
    }
}

fn list(
    path: &Path,
    pattern: &str,
    dated_by: DatedBy,
    now: Timestamp,
) -> Result<Vec<Backup>, Failure> {
    let shown = path.display().to_string();
    let fail = |e: std::io::Error| {
        let cause = match e.kind() {
            std::io::ErrorKind::PermissionDenied => Cause::Auth,
            _ => Cause::Unreachable,
        };
        Failure::new(cause, format!("the folder {shown}: {e}"))
    };
    let mut backups = Vec::new();
    for (seen, entry) in std::fs::read_dir(path).map_err(fail)?.enumerate() {
        if seen == MAX_ENTRIES {
            let message = format!("the folder {shown} has more than {MAX_ENTRIES} entries");
            return Err(Failure::new(Cause::TooManySeries, message));
        }
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !matches(pattern, &name) {
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
        if is_being_written(written, now) {
            continue;
        }
        let odd = |why: String| Failure::new(Cause::BadResponse, format!("{name}: {why}"));
        let end = match dated_by {
            DatedBy::Written => Timestamp::try_from(written).map_err(|e| odd(e.to_string()))?,
            DatedBy::Name => {
                date_in(&name).ok_or_else(|| odd("there is no date in the name".to_owned()))?
            }
        };
        let (size, repository) = (facts.len(), shown.clone());
        backups.push(Backup {
            label: name,
            repository,
            kind: String::new(),
            end,
            size,
            good: size > 0,
        });
    }
    Ok(backups)
}

fn is_being_written(end: SystemTime, now: Timestamp) -> bool {
    SystemTime::from(now).duration_since(end).is_ok_and(|age| age < SETTLES)
}

/// Whether a name fits a pattern in which `*` stands for anything and `?` for one character.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and up to where it reaches.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match (pattern.get(p), star) {
            (Some('*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(c), _) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            (_, Some((at, reach))) => {
                star = Some((at, reach + 1));
                p = at + 1;
                n = reach + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        let rows = [
            ("shop-*.dump", "shop-1.dump", true),
            ("shop-*.dump", "shop-.dump", true),
            ("shop-*.dump", "shop-1.dump.tmp", false),
            ("shop-?.dump", "shop-12.dump", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ab-ab-b", true),
            ("*", "anything", true),
            ("x", "", false),
        ];
        for (pattern, name, fits) in rows {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
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
        let settings = FolderSettings {
            path: folder.clone(),
            pattern: "*.dump".into(),
            dated_by: DatedBy::Written,
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
        let gone = look(&settings, &cx).await.expect_err("the folder is gone");
        assert_eq!(gone.cause, Cause::Unreachable);
    }
}
