//! An Alertmanager without peers, with its data in a temporary folder.

use super::process::{Server, TempDir, free_port, program, run};

/// A running Alertmanager.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    server: Server,
    port: u16,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts one with this configuration and waits until it is ready.
    pub(crate) fn start(config: &str) -> Self {
        let folder = TempDir::new("alertmanager");
        let file = folder.write("alertmanager.yml", config);
        let port = free_port();
        let mut command = program("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // Without an empty address it would gossip on every interface.
            .arg("--cluster.listen-address=");
        let server = Server::spawn(command, "alertmanager", folder.join("alertmanager.log"));
        let mut rig = Self { server, port, _folder: folder };
        let ready = format!("{}/-/ready", rig.url());
        rig.server.wait_for("ready Alertmanager", || {
            let mut curl = program("curl");
            curl.args(["--silent", "--fail", "--max-time", "1", &ready]);
            curl.output().is_ok_and(|output| output.status.success()).then_some(())
        });
        rig
    }

    /// Its base address, without a final slash.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Posts JSON below `/api/v2`; it must be taken.
    pub(crate) fn post(&self, path: &str, body: &str) {
        let url = format!("{}/api/v2/{path}", self.url());
        run(program("curl")
            .args(["--silent", "--show-error", "--fail-with-body", "--max-time", "10"])
            .args(["--header", "Content-Type: application/json", "--data", body, &url]));
    }

    /// What it answers below `/api/v2`; empty when it does not.
    pub(crate) fn get(&self, path: &str) -> String {
        let url = format!("{}/api/v2/{path}", self.url());
        let output = program("curl").args(["--silent", "--max-time", "2", &url]).output();
        output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
    }

    /// Ends it: its port refuses connections.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }
}
