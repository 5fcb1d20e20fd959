//! A PostgreSQL primary with one streaming standby, and the ways in which a standby falls behind.
//! Both trust every local connection: they are no place to test passwords.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::process::{Server, TempDir, User, free_port, poll_until, program, run};

/// Which server of the pair a statement goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that takes writes.
    Primary,
    /// The one that follows.
    Standby,
}

/// A streaming pair; both end on drop.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Declared before the folder, so that they end before their data goes.
    standby: Server,
    primary: Server,
    primary_port: u16,
    standby_port: u16,
    /// The WAL receiver while it is frozen: it left the standby's process group, so it must be
    /// let go by its own id.
    frozen_receiver: Option<Pid>,
    _folder: TempDir,
}

impl Pair {
    /// Starts both and waits until the standby streams.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| String::new())
    }

    /// Starts both, the primary with more settings, which may name the pair's folder.
    pub(crate) fn start_with(more: impl Fn(&Path) -> String) -> Self {
        let folder = TempDir::new("postgres");
        let user = User::to_drop_to("postgres");
        if let Some(user) = user {
            user.own(folder.path());
        }
        let (primary_data, standby_data) = (folder.join("primary"), folder.join("standby"));
        run(as_user(user, program("initdb").arg("-D").arg(&primary_data))
            .args(["-U", "postgres", "-A", "trust", "-N", "--no-instructions", "-E", "UTF8"])
            .arg("--wal-segsize=1"));
        // A cold copy of a cluster that never ran has its system id: no base backup is needed.
        run(as_user(user, program("cp").arg("-a").args([&primary_data, &standby_data])));

        let (primary_port, standby_port) = (free_port(), free_port());
        configure(&primary_data, folder.path(), primary_port, &more(folder.path()));
        let upstream = format!(
            "primary_conninfo = 'host=127.0.0.1 port={primary_port} user=postgres \
             application_name=standby'\n"
        );
        configure(&standby_data, folder.path(), standby_port, &upstream);
        std::fs::write(standby_data.join("standby.signal"), "").expect("the folder is ours");

        let mut pair = Self {
            standby: spawn(user, program("postgres"), &standby_data, &folder, "standby"),
            primary: spawn(user, program("postgres"), &primary_data, &folder, "primary"),
            primary_port,
            standby_port,
            frozen_receiver: None,
            _folder: folder,
        };
        let url = pair.url(Role::Primary);
        pair.primary.wait_for("streaming standby", || {
            let rows = psql(&url, "select 1 from pg_stat_replication where state = 'streaming'");
            rows.filter(|rows| rows == "1")
        });
        let url = pair.url(Role::Standby);
        pair.standby.wait_for("reading standby", || psql(&url, "select 1"));
        pair.execute(Role::Primary, "create table written (at timestamptz, filler text)");
        pair
    }

    /// A connection string without a password: `postgres://postgres@127.0.0.1:PORT/postgres`.
    pub(crate) fn url(&self, role: Role) -> String {
        let port = match role {
            Role::Primary => self.primary_port,
            Role::Standby => self.standby_port,
        };
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// The first answer of a statement, as psql prints it unaligned; `None` when it fails.
    pub(crate) fn query(&self, role: Role, sql: &str) -> Option<String> {
        psql(&self.url(role), sql)
    }

    /// Runs a statement that must succeed.
    pub(crate) fn execute(&self, role: Role, sql: &str) {
        assert!(self.query(role, sql).is_some(), "{role:?} refused: {sql}");
    }

    /// Commits this many rows of about one kilobyte on the primary.
    pub(crate) fn write_rows(&self, count: u32) {
        let insert = format!(
            "insert into written select clock_timestamp(), repeat('x', 1000) \
             from generate_series(1, {count})"
        );
        self.execute(Role::Primary, &insert);
    }

    /// Stops the standby's applying: it still receives, and answers with old rows.
    pub(crate) fn pause_replay(&self) {
        self.execute(Role::Standby, "select pg_wal_replay_pause()");
        poll_until(Duration::from_secs(5), "paused replay", || {
            let state = self.query(Role::Standby, "select pg_get_wal_replay_pause_state()");
            state.filter(|state| state == "paused")
        });
    }

    /// Lets the standby apply again.
    pub(crate) fn resume_replay(&self) {
        self.execute(Role::Standby, "select pg_wal_replay_resume()");
    }

    /// Freezes the standby's WAL receiver: bytes pile up on the primary while its lag columns
    /// keep their last values, and the row goes after three seconds.
    pub(crate) fn freeze_receiver(&mut self) {
        let answer = self.query(Role::Standby, "select pid from pg_stat_wal_receiver");
        let pid = answer.and_then(|text| text.parse().ok()).and_then(Pid::from_raw);
        let pid = pid.expect("a streaming standby has a WAL receiver");
        kill_process(pid, Signal::STOP).expect("the receiver is our grandchild");
        self.frozen_receiver = Some(pid);
    }

    /// Lets a frozen WAL receiver go on.
    pub(crate) fn thaw_receiver(&mut self) {
        if let Some(pid) = self.frozen_receiver.take()
            && let Err(error) = kill_process(pid, Signal::CONT)
        {
            eprintln!("the WAL receiver cannot go on: {error}");
        }
    }

    /// Ends one server for good.
    pub(crate) fn stop(&mut self, role: Role) {
        match role {
            Role::Primary => self.primary.stop(),
            Role::Standby => {
                self.thaw_receiver();
                self.standby.stop();
            }
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.thaw_receiver();
    }
}

/// One statement over psql; `None` when the server refuses it or does not answer in two seconds.
fn psql(url: &str, sql: &str) -> Option<String> {
    let output = program("psql")
        .env("PGCONNECT_TIMEOUT", "2")
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.trim().to_owned())
}

/// Makes a command run as the user that PostgreSQL accepts: it refuses root.
pub(crate) fn as_user(user: Option<User>, command: &mut Command) -> &mut Command {
    if let Some(user) = user {
        user.apply(command);
    }
    // Whoever it is can enter this folder, which need not be true of the tests' own.
    command.current_dir("/")
}

/// Appends what every server of a rig is told: loopback only, small, and quick to notice a loss.
pub(crate) fn configure(data: &Path, sockets: &Path, port: u16, more: &str) {
    let path = data.join("postgresql.conf");
    let mut text = std::fs::read_to_string(&path).expect("initdb wrote it");
    text += &format!(
        "\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nport = {port}\n\
         fsync = off\nshared_buffers = '16MB'\nautovacuum = off\nwal_keep_size = '16MB'\n\
         wal_sender_timeout = '3s'\nwal_receiver_status_interval = '1s'\n\
         wal_retrieve_retry_interval = '200ms'\n{more}",
        sockets.display()
    );
    std::fs::write(&path, text).expect("initdb wrote it");
}

/// Starts `postgres -D`; its children leave the process group, so it is told to end them.
pub(crate) fn spawn(
    user: Option<User>,
    mut postgres: Command,
    data: &Path,
    folder: &TempDir,
    name: &str,
) -> Server {
    postgres.arg("-D").arg(data);
    as_user(user, &mut postgres);
    Server::spawn(postgres, name, folder.join(&format!("{name}.log"))).ended_by(Signal::QUIT)
}
