//! Barman with one real backup of a database that runs on until it is stopped.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::postgres::{as_user, configure, spawn};
use super::process::{Server, TempDir, User, free_port, program, run};

/// The server, as Barman calls it.
pub(crate) const SERVER: &str = "main";

/// A database, and Barman's backup of it.
#[derive(Debug)]
pub(crate) struct Barman {
    /// Declared before the folder, so that it ends before its data goes.
    database: Server,
    folder: TempDir,
    user: Option<User>,
}

impl Barman {
    /// Starts a database and backs it up.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new("barman");
        let user = User::to_drop_to("postgres");
        if let Some(user) = user {
            user.own(folder.path());
        }
        let (data, port) = (folder.join("data"), free_port());
        run(as_user(user, program("initdb").arg("-D").arg(&data))
            .args(["-U", "postgres", "-A", "trust", "-N", "--no-instructions"])
            .arg("--wal-segsize=1"));
        let path = folder.path().display();
        let who = run(as_user(user, program("id").arg("-un")));
        let connection = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres");
        folder.write(
            "barman.conf",
            &format!(
                "[barman]\nbarman_home = {path}/home\nbarman_user = {}\n\
                 log_file = {path}/barman.log\n\n[{SERVER}]\ndescription = {SERVER}\n\
                 conninfo = {connection}\nstreaming_conninfo = {connection}\n\
                 backup_method = postgres\narchiver = on\nminimum_redundancy = 1\n",
                who.trim()
            ),
        );
        let incoming = folder.join("home/main/incoming");
        run(as_user(user, program("mkdir").arg("-p").arg(&incoming)));
        let archive =
            format!("archive_mode = on\narchive_command = 'cp %p {}/%f'\n", incoming.display());
        configure(&data, folder.path(), port, &archive);
        let mut database = spawn(user, program("postgres"), &data, &folder, "database");
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        database.wait_for("answering database", || {
            let mut psql = program("psql");
            let output = psql.args(["-X", "-d", &url, "-c", "select 1"]).output().ok()?;
            output.status.success().then_some(())
        });
        let barman = Self { database, folder, user };
        run(barman.barman().args(["-q", "cron"]));
        run(barman.barman().args(["switch-wal", "--force", "--archive", SERVER]));
        run(barman.barman().args(["backup", SERVER]));
        barman
    }

    /// Makes more WAL than the backup needs, and has it archived.
    pub(crate) fn write_on(&self) {
        run(self.barman().args(["switch-wal", "--force", "--archive", SERVER]));
        run(self.barman().args(["switch-wal", "--force", "--archive", SERVER]));
    }

    /// Barman's configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("barman.conf")
    }

    /// Ends the database: what Barman has stays.
    pub(crate) fn stop_database(&mut self) {
        self.database.stop();
    }

    /// Changes what Barman wrote of its backup: `end_time`, `status`.
    pub(crate) fn rewrite(&self, key: &str, value: &str) {
        let base = self.folder.join("home/main/base");
        let backup = first(&base).join("backup.info");
        let text = std::fs::read_to_string(&backup).expect("Barman wrote it");
        let begins = format!("{key}=");
        let line = |line: &str| {
            if line.starts_with(&begins) {
                format!("{begins}{value}\n")
            } else {
                format!("{line}\n")
            }
        };
        std::fs::write(&backup, text.lines().map(line).collect::<String>()).expect("it is ours");
    }

    /// Removes the archived segment that the backup begins with.
    pub(crate) fn lose_wal(&self) {
        let log = first(&self.folder.join("home/main/wals"));
        let mut files: Vec<PathBuf> = std::fs::read_dir(&log)
            .expect("Barman archived it")
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_none())
            .collect();
        files.sort();
        std::fs::remove_file(&files[1]).expect("it is ours");
    }

    fn barman(&self) -> Command {
        let mut barman = program("barman");
        barman.arg("-c").arg(self.config());
        as_user(self.user, &mut barman);
        barman.env("HOME", self.folder.path());
        barman
    }
}

/// The first folder in a folder.
fn first(folder: &Path) -> PathBuf {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.swap_remove(0)
}
