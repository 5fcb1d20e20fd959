//! A pgBackRest repository with one real full backup, made now or in the past. The database that
//! it is a backup of ends once the backup is made.

use std::path::PathBuf;
use std::process::Command;

use super::postgres::{as_user, configure, spawn};
use super::process::{TempDir, User, free_port, program, run};

/// The stanza's name.
pub(crate) const STANZA: &str = "main";

/// A repository in a temporary folder.
#[derive(Debug)]
pub(crate) struct Repository {
    folder: TempDir,
}

impl Repository {
    /// Makes a database and a full backup of it, now.
    pub(crate) fn fresh() -> Self {
        Self::at(None)
    }

    /// The same with clocks that run this many hours late, so that the backup is that old. Needs
    /// the program `faketime`.
    pub(crate) fn aged(hours: u32) -> Self {
        Self::at(Some(&Late { hours, library: faketime_library() }))
    }

    /// The configuration file, for `pgbackrest --config`.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("pgbackrest.conf")
    }

    /// A configuration file that names a second repository as well, which is empty.
    pub(crate) fn config_with_another(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.config()).expect("it was written");
        let second = format!("[global]\nrepo2-path={}\n", self.folder.join("repo2").display());
        self.folder.write("two.conf", &text.replacen("[global]\n", &second, 1))
    }

    /// Removes archived WAL that the backup needs: all but the first segment.
    pub(crate) fn lose_wal(&self) {
        let archive = self.folder.join(&format!("repo/archive/{STANZA}"));
        let inside = |folder: PathBuf| {
            let entries = std::fs::read_dir(&folder).expect("the archive is there");
            let mut paths: Vec<PathBuf> =
                entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
            paths.sort();
            paths
        };
        let logs = inside(archive).into_iter().filter(|path| path.is_dir()).flat_map(inside);
        let segments = logs.filter(|path| path.is_dir()).flat_map(inside);
        for segment in segments.skip(1) {
            std::fs::remove_file(&segment).expect("it is ours");
        }
    }

    fn at(late: Option<&Late>) -> Self {
        let folder = TempDir::new("pgbackrest");
        let user = User::to_drop_to("postgres");
        if let Some(user) = user {
            user.own(folder.path());
        }
        let data = folder.join("data");
        run(as_user(user, program("initdb").arg("-D").arg(&data))
            .args(["-U", "postgres", "-A", "trust", "-N", "--no-instructions"])
            .arg("--wal-segsize=1"));
        let port = free_port();
        let path = folder.path().display();
        let config = folder.write(
            "pgbackrest.conf",
            &format!(
                "[global]\nrepo1-path={path}/repo\nrepo1-retention-full=2\nlog-path={path}/log\n\
                 lock-path={path}/lock\nspool-path={path}/spool\nstart-fast=y\n\
                 log-level-console=warn\nlog-level-file=off\n[{STANZA}]\n\
                 pg1-path={path}/data\npg1-port={port}\npg1-socket-path={path}\n\
                 pg1-user=postgres\n"
            ),
        );
        let pgbackrest = || {
            let mut command = program("pgbackrest");
            command.arg(format!("--config={}", config.display()));
            command.arg(format!("--stanza={STANZA}"));
            as_user(user, &mut command);
            if let Some(late) = &late {
                late.apply(&mut command);
            }
            command
        };
        let archive = format!(
            "archive_mode = on\narchive_command = '{} --config={} --stanza={STANZA} \
             archive-push %p'\n",
            pgbackrest().get_program().display(),
            config.display()
        );
        configure(&data, folder.path(), port, &archive);

        let mut postgres = program("postgres");
        if let Some(late) = &late {
            late.apply(&mut postgres);
        }
        let mut database = spawn(user, postgres, &data, &folder, "database");
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        database.wait_for("answering database", || {
            let mut psql = program("psql");
            let output = psql.args(["-X", "-d", &url, "-c", "select 1"]).output().ok()?;
            output.status.success().then_some(())
        });
        run(pgbackrest().arg("stanza-create"));
        run(pgbackrest().args(["--type=full", "backup"]));
        Self { folder }
    }
}

/// Clocks that run late, by a library that is loaded into a process.
#[derive(Debug)]
struct Late {
    hours: u32,
    library: PathBuf,
}

impl Late {
    fn apply(&self, command: &mut Command) {
        // Timers must go on as they are: the wall clock alone is late.
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME", format!("-{}h", self.hours))
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

/// The library behind `faketime`. The program itself would stand between us and the server.
fn faketime_library() -> PathBuf {
    std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("faketime/libfaketime.so.1"))
        .find(|path| path.is_file())
        .expect("the package faketime brings its library")
}
