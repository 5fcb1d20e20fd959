//! A HAProxy with a statistics page, a runtime socket, and the backend `shop`, whose servers `web1`, `web2` ... are
//! checked ten times a second; beside it `blind`, whose server nobody checks, and `empty`.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::process::{Server, TempDir, free_port, poll_until, program};

/// A running HAProxy.
#[derive(Debug)]
pub(crate) struct Haproxy {
    server: Server,
    port: u16,
    folder: TempDir,
}

impl Haproxy {
    /// Starts it in front of these ports on loopback, and waits until all of them passed a check.
    pub(crate) fn start(backends: &[u16]) -> Self {
        let (folder, port) = (TempDir::new("haproxy"), free_port());
        let mut config = format!(
            "global\n stats socket {} mode 600 level admin\n\
             defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n\
             listen stats\n bind 127.0.0.1:{port}\n stats enable\n stats uri /stats\n \
             stats auth ops:right\n\
             backend empty\n\
             backend blind\n server web1 127.0.0.1:1\n\
             backend shop\n option httpchk GET /\n \
             default-server inter 100ms fall 2 rise 2\n",
            folder.join("socket").display()
        );
        for (i, backend) in backends.iter().enumerate() {
            writeln!(config, " server web{} 127.0.0.1:{backend} check", i + 1)
                .expect("a string takes all");
        }
        let config = folder.write("haproxy.cfg", &config);
        folder.write("right", "right");
        folder.write("wrong", "wrong");
        let mut command = program("haproxy");
        command.args(["-db", "-f"]).arg(config);
        let server = Server::spawn(command, "haproxy", folder.join("log"));
        let mut rig = Self { server, port, folder };
        let socket = rig.socket();
        rig.server.wait_for("answering socket", || ask(&socket, "show info"));
        for i in 1..=backends.len() {
            rig.wait_for(&format!("web{i}"), "L7OK");
        }
        rig
    }

    /// The address of the statistics page.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/stats", self.port)
    }

    /// The path of the runtime socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// The path of a file with the password for the user `ops`: `right` or `wrong`.
    pub(crate) fn password(&self, which: &str) -> PathBuf {
        self.folder.join(which)
    }

    /// Gives a command to the runtime socket.
    pub(crate) fn command(&self, command: &str) {
        assert_eq!(ask(&self.socket(), command).as_deref(), Some("\n"), "{command}");
    }

    /// Waits until a value, such as a status or a check's code, stands in a server's statistics.
    pub(crate) fn wait_for(&self, server: &str, value: &str) {
        let line = format!("shop,{server},");
        poll_until(Duration::from_secs(10), &format!("{value} of {server}"), || {
            let all = ask(&self.socket(), "show stat")?;
            let of = all.lines().find(|l| l.starts_with(&line))?;
            of.split(',').any(|v| v.trim_start_matches("* ") == value).then_some(())
        });
    }

    /// Stops it in its tracks.
    pub(crate) fn freeze(&self) {
        self.server.freeze();
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }
}

fn ask(socket: &PathBuf, command: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    writeln!(stream, "{command}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
