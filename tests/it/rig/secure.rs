//! The real `launchgate serve` that speaks TLS itself, with an authority of its own for servers and people.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::authority::{Authority, Leaf};
use super::process::{Server, TempDir, free_port};

/// A daemon with its folder.
pub(crate) struct Secure {
    pub(crate) authority: Authority,
    pub(crate) port: u16,
    folder: TempDir,
    server: Option<Server>,
}

impl Secure {
    /// A daemon that serves this launch file. `web` is more of that section of its settings, indented by two.
    pub(crate) fn start(launch: &str, web: &str) -> Self {
        let (authority, folder, port) =
            (Authority::new("Rig"), TempDir::new("secure"), free_port());
        folder.write("launch.yaml", launch);
        folder.write("ca.pem", &authority.pem());
        folder.write("crl.pem", &authority.revoke(&[], 30));
        let at = |name: &str| folder.join(name).display().to_string();
        let settings = format!(
            "launches: [{}]\nstore: {{ path: {} }}\nweb:\n  listen: 127.0.0.1:{port}\n{}",
            at("launch.yaml"),
            at("store.db"),
            web.replace("FOLDER", &folder.path().display().to_string()),
        );
        folder.write("settings.yaml", &settings);
        let mut secure = Self { authority, port, folder, server: None };
        secure.serve_by(&secure.authority.issue(&["dns:localhost", "ip:127.0.0.1"], 30));
        let mut command = binary();
        command.args(["serve", "--config"]).arg(secure.file("settings.yaml"));
        let mut server = Server::spawn(command, "launchgate", secure.file("daemon.log"));
        server.wait_for("port", || TcpStream::connect(("127.0.0.1", port)).ok());
        secure.server = Some(server);
        secure
    }

    /// Puts a certificate and its key where the daemon has its own, and says nothing.
    pub(crate) fn serve_by(&self, leaf: &Leaf) {
        self.folder.write("tls.key", &leaf.key);
        self.folder.write("tls.crt", &leaf.pem);
    }

    /// Tells it to read its files again.
    pub(crate) fn reload(&self) {
        let id = self.server.as_ref().expect("it runs").id();
        let status = Command::new("kill").args(["-HUP", &id.to_string()]).status();
        assert!(status.expect("kill is there").success());
    }

    /// Where its pages are.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A file of its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of its folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        self.folder.write(name, text)
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.file("daemon.log")).unwrap_or_default()
    }

    /// The command line, which trusts its authority, and says who asks by a certificate if one is given.
    pub(crate) fn command(&self, arguments: &[&str], by: Option<&Leaf>) -> Command {
        let mut command = binary();
        command.args(arguments).args(["--url", &self.url()]);
        command.env("LAUNCHGATE_CA_FILE", self.file("ca.pem"));
        if let Some(leaf) = by {
            command.arg("--client-cert").arg(self.write("client.crt", &leaf.pem));
            command.arg("--client-key").arg(self.write("client.key", &leaf.key));
        }
        command
    }

    /// Runs the command line, and gives its exit code and all that it printed.
    pub(crate) fn ask(&self, arguments: &[&str], by: Option<&Leaf>) -> (i32, String) {
        said(self.command(arguments, by))
    }
}

/// The exit code of a command and all that it printed.
pub(crate) fn said(mut command: Command) -> (i32, String) {
    let Output { status, stdout, stderr } = command.output().expect("it is there");
    let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    (status.code().unwrap_or(-1), text)
}

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_launchgate"))
}
