//! A restic repository in a temporary folder.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::process::{TempDir, program, run};

/// The repository's password.
pub(crate) const PASSWORD: &str = "correct-horse";

/// A repository; it goes on drop.
#[derive(Debug)]
pub(crate) struct Repository {
    folder: TempDir,
}

impl Repository {
    /// An empty repository.
    pub(crate) fn empty() -> Self {
        let folder = TempDir::new("restic");
        let data = folder.folder("data");
        std::fs::write(data.join("rows"), "some rows\n").expect("the folder is ours");
        let repository = Self { folder };
        run(repository.restic().args(["init", "--quiet"]));
        repository
    }

    /// Makes a snapshot that says that it was begun this many hours ago on `host`.
    pub(crate) fn backup(&self, host: &str, hours_ago: i64) {
        let begun = Timestamp::now() - SignedDuration::from_hours(hours_ago);
        let begun = begun.strftime("%Y-%m-%d %H:%M:%S").to_string();
        run(self
            .restic()
            .args(["backup", "--quiet", "--host", host, "--time", &begun, "--tag", "nightly"])
            .arg(self.folder.join("data")));
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// A file that holds a password.
    pub(crate) fn secret(&self, password: &str) -> PathBuf {
        self.folder.write(&format!("secret-{password}"), password)
    }

    /// A folder for its cache.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    /// How many locks it holds.
    pub(crate) fn locks(&self) -> usize {
        std::fs::read_dir(self.path().join("locks")).map_or(0, Iterator::count)
    }

    fn restic(&self) -> std::process::Command {
        let mut restic = program("restic");
        restic
            .env("RESTIC_REPOSITORY", self.path())
            .env("RESTIC_PASSWORD", PASSWORD)
            .env("RESTIC_CACHE_DIR", self.cache())
            .env("TZ", "UTC");
        restic
    }
}
