//! A daemon that is meant to die: started with a crash point, waited for, started again, and spoken to over its API
//! without the command line, which is too slow to ask often.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::process::{START_DEADLINE, TempDir, free_port, poll_until};

const READ_TIMEOUT: Duration = Duration::from_secs(20);
const SIGKILL: i32 = 9;

/// A daemon with its folder.
#[derive(Debug)]
pub(crate) struct Mortal {
    folder: TempDir,
    port: u16,
    launch: &'static str,
    child: Option<Child>,
}

impl Mortal {
    /// A daemon that serves this launch file, whose name is `launch`; it is not started yet.
    pub(crate) fn of(launch: &'static str, text: &str) -> Self {
        let folder = TempDir::new("mortal");
        folder.write("launch.yaml", text);
        Self { folder, port: free_port(), launch, child: None }
    }

    /// A file of the launch's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of the launch's folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.folder.write(name, text);
    }

    /// Starts it, again if need be, and waits until it answers or has died of its crash point, which is given as
    /// `point:pass`.
    pub(crate) fn start(&mut self, crash_at: Option<&str>) {
        let log = File::options().create(true).append(true).open(self.file("daemon.log"));
        let log = log.expect("the folder is ours");
        let errors = log.try_clone().expect("an open file can be cloned");
        let mut command = Command::new(env!("CARGO_BIN_EXE_launchgate"));
        command
            .args(["serve", "--dev", "--listen", &format!("127.0.0.1:{}", self.port), "--store"])
            .arg(self.file("store.db"))
            .arg(self.file("launch.yaml"))
            .env_remove("LAUNCHGATE_CRASH_AT")
            .envs(crash_at.map(|point| ("LAUNCHGATE_CRASH_AT", point)))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        let child = command.spawn().expect("the binary is built for this test");
        self.write("daemon.pid", &child.id().to_string());
        self.child = Some(child);
        poll_until(START_DEADLINE, "answering daemon", || {
            let up = self.ask("GET", "/readyz", None).is_some_and(|(status, _)| status == 200);
            (up || self.is_dead()).then_some(())
        });
    }

    /// Whether it has died by SIGKILL. Any other end is none that was meant.
    pub(crate) fn is_dead(&mut self) -> bool {
        let Some(child) = &mut self.child else { return true };
        let Some(status) = child.try_wait().expect("the child is ours to wait for") else {
            return false;
        };
        assert_eq!(status.signal(), Some(SIGKILL), "{status}\n{}", self.log());
        true
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.file("daemon.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Whether a script that it started still runs: a process that works in the launch's folder.
    pub(crate) fn has_left_something_running(&self) -> bool {
        let processes = std::fs::read_dir("/proc").expect("Linux has it").filter_map(Result::ok);
        processes
            .filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok())
            .any(|folder| folder.starts_with(self.folder.path()))
    }

    /// How many lines a file of the folder has that begin with these words.
    pub(crate) fn lines(&self, name: &str, begin: &str) -> usize {
        read(&self.file(name)).lines().filter(|line| line.starts_with(begin)).count()
    }

    /// Reads below the launch's part of the API; nothing while it does not answer.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let path = format!("/api/v1/launches/{}/{path}", self.launch);
        let (status, body) = self.ask("GET", &path, None)?;
        (status == 200).then(|| serde_json::from_str(&body).ok())?
    }

    /// Orders something, as alice; the status of the answer, if there is one.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Option<u16> {
        let path = format!("/api/v1/launches/{}/{path}", self.launch);
        self.ask("POST", &path, Some(body)).map(|(status, _)| status)
    }

    /// Records a milestone; it must be taken.
    pub(crate) fn milestone(&self, milestone: &str) {
        let status = self.post("milestones", &json!({ "milestone": milestone }));
        assert_eq!(status, Some(200), "{milestone}\n{}", self.log());
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
        let body = body.map(ToString::to_string).unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
             x-launchgate-person: alice\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
