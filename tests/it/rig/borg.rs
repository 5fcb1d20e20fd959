//! A Borg repository in a temporary folder.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::process::{TempDir, program, run};

/// The repository's passphrase.
pub(crate) const PASSWORD: &str = "correct-horse";

/// A repository; it goes on drop.
#[derive(Debug)]
pub(crate) struct Repository {
    folder: TempDir,
}

impl Repository {
    /// An empty repository.
    pub(crate) fn empty() -> Self {
        let folder = TempDir::new("borg");
        let data = folder.folder("data");
        std::fs::write(data.join("rows"), "some rows\n").expect("the folder is ours");
        let repository = Self { folder };
        run(repository.borg().args(["init", "--encryption=repokey"]).arg(repository.path()));
        repository
    }

    /// Makes an archive that says that it was made this many hours ago.
    pub(crate) fn create(&self, name: &str, hours_ago: i64) {
        let made = Timestamp::now() - SignedDuration::from_hours(hours_ago);
        let made = made.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let archive = format!("{}::{name}", self.path().display());
        run(self
            .borg()
            .args(["create", "--timestamp", &made, &archive])
            .arg(self.folder.join("data")));
    }

    /// Locks it, as a backup on another machine does while it runs.
    pub(crate) fn lock(&self) {
        let lock = self.path().join("lock.exclusive");
        std::fs::create_dir(&lock).expect("it is not locked");
        std::fs::write(lock.join("elsewhere@1.1-0"), "").expect("the folder is ours");
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// A file that holds a passphrase.
    pub(crate) fn secret(&self, password: &str) -> PathBuf {
        self.folder.write(&format!("secret-{password}"), password)
    }

    /// A folder for what Borg keeps of its own.
    pub(crate) fn base(&self) -> PathBuf {
        self.folder.join("base")
    }

    fn borg(&self) -> std::process::Command {
        let mut borg = program("borg");
        borg.env("BORG_PASSPHRASE", PASSWORD)
            .env("BORG_BASE_DIR", self.base())
            .env("TZ", "UTC")
            .current_dir(self.folder.path());
        borg
    }
}
