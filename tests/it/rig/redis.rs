//! A Redis master with one replica, whose link can be held. Nothing is written to disk.

use std::time::Duration;

use super::link::Link;
use super::process::{Server, TempDir, free_port, poll_until, program};

/// Which server of the pair a command goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that takes writes.
    Master,
    /// The one that follows.
    Replica,
}

/// A replicating pair; both end on drop.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Declared before the folder, so that they end before it goes.
    replica: Server,
    master: Server,
    master_port: u16,
    replica_port: u16,
    /// Between them.
    pub(crate) link: Link,
    _folder: TempDir,
}

impl Pair {
    /// Starts both and waits until the link is up.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new("redis");
        let (master_port, replica_port) = (free_port(), free_port());
        let link = Link::to(master_port);
        let mut pair = Self {
            master: spawn(&folder, master_port, None),
            replica: spawn(&folder, replica_port, Some(link.port())),
            master_port,
            replica_port,
            link,
            _folder: folder,
        };
        pair.master.wait_for("master", || ask(master_port, &["ping"]));
        pair.replica.wait_for("replica", || ask(replica_port, &["ping"]));
        pair.wait_for_the_link();
        pair
    }

    /// Waits until the replica says that its link is up, and the master that it is online.
    pub(crate) fn wait_for_the_link(&self) {
        poll_until(Duration::from_secs(20), "link", || {
            let told = self.ask(Role::Replica, &["info", "replication"])?;
            let online = self.ask(Role::Master, &["info", "replication"])?;
            (told.contains("master_link_status:up") && online.contains("state=online"))
                .then_some(())
        });
    }

    /// An address of `user`: empty, or `name:password@`.
    pub(crate) fn url(&self, role: Role, user: &str) -> String {
        format!("redis://{user}127.0.0.1:{}", self.port(role))
    }

    /// The answer to a command; `None` when the server does not give one.
    pub(crate) fn ask(&self, role: Role, words: &[&str]) -> Option<String> {
        ask(self.port(role), words)
    }

    /// The server itself.
    pub(crate) fn server(&mut self, role: Role) -> &mut Server {
        match role {
            Role::Master => &mut self.master,
            Role::Replica => &mut self.replica,
        }
    }

    fn port(&self, role: Role) -> u16 {
        match role {
            Role::Master => self.master_port,
            Role::Replica => self.replica_port,
        }
    }
}

fn spawn(folder: &TempDir, port: u16, follows: Option<u16>) -> Server {
    let mut command = program("redis-server");
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "no", "--repl-diskless-sync-delay", "0", "--dir"])
        .arg(folder.path());
    if let Some(master) = follows {
        command.args(["--replicaof", "127.0.0.1", &master.to_string()]);
    }
    Server::spawn(command, "redis-server", folder.join(&format!("{port}.log")))
}

fn ask(port: u16, words: &[&str]) -> Option<String> {
    let output = program("redis-cli")
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(words)
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
