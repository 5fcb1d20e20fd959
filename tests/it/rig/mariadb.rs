//! A MariaDB source with one replica, whose link can be held. `root` has no password: they are no place to keep anything.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::link::Link;
use super::process::{Server, TempDir, User, free_port, poll_until, program, run};

/// Which server of the pair a statement goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that takes writes.
    Source,
    /// The one that follows.
    Replica,
}

/// A replicating pair; both end on drop.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Declared before the folder, so that they end before their data goes.
    replica: Server,
    source: Server,
    source_port: u16,
    replica_port: u16,
    /// Between them.
    pub(crate) link: Link,
    /// The root of the source's certificate, which holds for `localhost`. The replica has none.
    pub(crate) root: PathBuf,
    _folder: TempDir,
}

impl Pair {
    /// Starts both and waits until the replica has what the source wrote.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new("mariadb");
        let user = User::to_drop_to("nobody");
        let source_data = folder.folder("source");
        for path in [folder.path(), &source_data] {
            if let Some(user) = user {
                user.own(path);
            }
        }
        run(as_user(user, program("mariadb-install-db").arg("--no-defaults"))
            .arg(format!("--datadir={}", source_data.display()))
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg("--innodb-log-file-size=4M"));
        let replica_data = folder.join("replica");
        run(as_user(user, program("cp").arg("-a").args([&source_data, &replica_data])));
        let certified =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let root = folder.write("root.pem", &certified.cert.pem());
        let key = folder.write("key.pem", &certified.signing_key.serialize_pem());
        if let Some(user) = user {
            user.own(&key);
        }
        let tls =
            [format!("--ssl-cert={}", root.display()), format!("--ssl-key={}", key.display())];
        let (source_port, replica_port) = (free_port(), free_port());
        let mut pair = Self {
            replica: spawn(user, &folder, &replica_data, [replica_port, 2], &[]),
            source: spawn(user, &folder, &source_data, [source_port, 1], &tls),
            root,
            source_port,
            replica_port,
            link: Link::to(source_port),
            _folder: folder,
        };
        pair.source.wait_for("source", || ask(source_port, "select 1"));
        pair.replica.wait_for("replica", || ask(replica_port, "select 1"));
        for sql in [
            "create user repl@'127.0.0.1' identified by 'r'",
            "grant replication slave on *.* to repl@'127.0.0.1'",
            "create database launchgate",
            "create table launchgate.mark (id int primary key, at timestamp(6) not null)",
            "create table launchgate.heartbeat (ts varchar(26) not null, server_id int primary key)",
            "create table launchgate.written (id int primary key auto_increment, filler text)",
        ] {
            pair.execute(Role::Source, sql);
        }
        pair.follow("");
        pair.execute(Role::Replica, "set global read_only = 1");
        pair
    }

    /// Lets the replica follow the source, with more settings of `change master`.
    pub(crate) fn follow(&self, more: &str) {
        let port = self.link.port();
        let sql = format!(
            "change master to master_host='127.0.0.1', master_port={port}, master_user='repl', \
             master_password='r', master_use_gtid=slave_pos, master_connect_retry=1{more}"
        );
        for sql in [sql.as_str(), "start slave"] {
            self.execute(Role::Replica, sql);
        }
        self.wait_for_the_replica();
    }

    /// Waits until the replica has what the source has.
    pub(crate) fn wait_for_the_replica(&self) {
        let wanted = self.query(Role::Source, "select @@global.gtid_binlog_pos");
        poll_until(Duration::from_secs(20), "replica that follows", || {
            let has = self.query(Role::Replica, "select @@global.gtid_slave_pos");
            has.filter(|has| Some(has) == wanted.as_ref())
        });
    }

    /// An address of `user`, such as `root` or `name:password`.
    pub(crate) fn url(&self, role: Role, user: &str) -> String {
        format!("mysql://{user}@127.0.0.1:{}/launchgate", self.port(role))
    }

    /// The first answer of a statement; `None` when it fails.
    pub(crate) fn query(&self, role: Role, sql: &str) -> Option<String> {
        ask(self.port(role), sql)
    }

    /// Runs a statement that must succeed.
    pub(crate) fn execute(&self, role: Role, sql: &str) {
        assert!(self.query(role, sql).is_some(), "{role:?} refused: {sql}");
    }

    /// The server itself.
    pub(crate) fn server(&mut self, role: Role) -> &mut Server {
        match role {
            Role::Source => &mut self.source,
            Role::Replica => &mut self.replica,
        }
    }

    fn port(&self, role: Role) -> u16 {
        match role {
            Role::Source => self.source_port,
            Role::Replica => self.replica_port,
        }
    }
}

fn spawn(
    user: Option<User>,
    folder: &TempDir,
    data: &Path,
    [port, id]: [u16; 2],
    more: &[String],
) -> Server {
    let mut command = program("mariadbd");
    command
        .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"])
        .args(["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M"])
        .args(["--innodb-flush-log-at-trx-commit=0", "--innodb-use-native-aio=0", "--log-bin=bin"])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", folder.join(&format!("{id}.sock")).display()))
        .arg(format!("--pid-file={}", folder.join(&format!("{id}.pid")).display()))
        .arg(format!("--port={port}"))
        .arg(format!("--server-id={id}"))
        .args(more);
    as_user(user, &mut command);
    Server::spawn(command, "mariadbd", folder.join(&format!("{id}.log")))
}

/// Makes a command run as somebody else than root, which the server refuses.
fn as_user(user: Option<User>, command: &mut Command) -> &mut Command {
    if let Some(user) = user {
        user.apply(command);
    }
    command.current_dir("/")
}

fn ask(port: u16, sql: &str) -> Option<String> {
    let output = program("mariadb")
        .args(["--no-defaults", "-h127.0.0.1", "-uroot", "-N", "-B", "--connect-timeout=2"])
        .arg(format!("-P{port}"))
        .args(["-e", sql])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.trim().to_owned())
}
