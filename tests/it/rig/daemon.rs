//! The real `launchgate serve` on a launch file, killed and started again at will, asked through its own command line.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use super::authority::Authority;
use super::process::{Server, TempDir, free_port, poll_until};

const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon with its folder.
pub(crate) struct Daemon {
    folder: TempDir,
    port: u16,
    server: Option<Server>,
    /// The files of the launches that it serves.
    launches: Vec<String>,
    /// Whether its clock is ahead by what the file `ahead` says.
    ahead: bool,
    /// Whether it speaks TLS, by an authority whose certificate is the file `ca.pem`.
    secured: bool,
}

impl Daemon {
    /// A daemon that serves this launch file; it is not started yet, so that the folder can be filled.
    pub(crate) fn of(launch: &str) -> Self {
        let folder = TempDir::new("daemon");
        folder.write("launch.yaml", launch);
        let launches = vec!["launch.yaml".to_owned()];
        Self { folder, port: free_port(), server: None, launches, ahead: false, secured: false }
    }

    /// Serves another launch beside the first, once it is started.
    pub(crate) fn beside(&mut self, file: &str, launch: &str) {
        self.folder.write(file, launch);
        self.launches.push(file.to_owned());
    }

    /// Sets its clock ahead of the machine's by so much; it need not be started again for that after the first time.
    pub(crate) fn ahead(&mut self, by: &str) {
        // Whole or not at all: it is read at any moment.
        self.folder.write("ahead.new", by);
        std::fs::rename(self.file("ahead.new"), self.file("ahead")).expect("the folder is ours");
        self.ahead = true;
    }

    /// Lets it speak TLS from its next start on.
    pub(crate) fn secure(&mut self) {
        let authority = Authority::new("Rig");
        let leaf = authority.issue(&["dns:localhost", "ip:127.0.0.1"], 30);
        self.write("ca.pem", &authority.pem());
        self.write("tls.crt", &leaf.pem);
        self.write("tls.key", &leaf.key);
        self.secured = true;
    }

    /// Where its pages are.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.secured { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// A file of the launch's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of the launch's folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.folder.write(name, text);
    }

    /// Starts it, again if need be, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let mut command = binary();
        command.args([
            "serve",
            "--dev",
            "--listen",
            &format!("127.0.0.1:{}", self.port),
            "--store",
        ]);
        command.arg(self.folder.join("store.db"));
        // Tests give orders faster than people, and what comes of them is what matters.
        command.env("LAUNCHGATE__WEB__RATE__ORDERS_PER_SECOND", "0");
        if self.secured {
            let [certificate, key] = ["tls.crt", "tls.key"].map(|name| self.file(name));
            let tls =
                format!("{{ certificate: {}, key: {} }}", certificate.display(), key.display());
            command.env("LAUNCHGATE__WEB__TLS", tls);
        }
        if self.ahead {
            command.arg("--clock-ahead").arg(self.file("ahead"));
        }
        command.args(self.launches.iter().map(|launch| self.folder.join(launch)));
        let mut server = Server::spawn(command, "launchgate", self.folder.join("daemon.log"));
        server
            .wait_for("report", || self.ask(&["watch", "--once"]).status.code().filter(|c| *c < 3));
        self.server = Some(server);
    }

    /// Kills it (SIGKILL), without a chance to tidy up.
    pub(crate) fn kill(&mut self) {
        self.server = None;
    }

    /// Sends it a signal by `kill`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.server.as_ref().expect("it runs").id();
        let status = Command::new("kill").args([signal, &id.to_string()]).status();
        assert!(status.expect("kill is there").success());
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("daemon.log")).unwrap_or_default()
    }

    /// Runs the command line against it.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = binary();
        command.args(arguments).args(["--url", &self.url()]);
        if self.secured {
            command.env("LAUNCHGATE_CA_FILE", self.file("ca.pem"));
        }
        command.output().expect("the binary is built for this test")
    }

    /// Runs the command line against it; it must succeed.
    pub(crate) fn order(&self, arguments: &[&str]) {
        let output = self.ask(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
    }

    /// Asks something, and gives what is printed and the exit code.
    pub(crate) fn try_order(&self, arguments: &[&str]) -> (String, i32) {
        let output = self.ask(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (text + &String::from_utf8_lossy(&output.stderr), output.status.code().unwrap_or(-1))
    }

    /// The report as JSON; null while there is none.
    pub(crate) fn report(&self) -> Value {
        let output = self.ask(&["report", "--format", "json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// The first report that satisfies a condition.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            poll_until(PATIENCE, what, || {
                last = self.report();
                wanted(&last).then(|| last.clone())
            })
        }));
        found.unwrap_or_else(|_| panic!("no {what}; the last report:\n{last:#}\n{}", self.log()))
    }
}

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_launchgate"))
}
