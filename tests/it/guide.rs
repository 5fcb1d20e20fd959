//! The guide's pages do what they say: their files are written, their commands run in order, and what is printed is what
//! the page shows, but for numbers. `UPDATE_FIXTURES=1` writes into the pages what was printed.
//!
//! A file is a block after a line that ends with its name in backticks and a colon. A command is a line of a `console` block
//! that begins with `$`. A comment `until: TEXT` before a block says that its first command is asked again until it says so.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::rig::process::{Server, TempDir, free_port, need, poll_until, program};

const PATIENCE: Duration = Duration::from_secs(90);
/// The ports that the pages name: the daemon's, and that of the site in the examples.
const WRITTEN: [&str; 2] = ["7420", "8000"];

/// A reader at a terminal, in a folder of their own.
struct Reader {
    folder: TempDir,
    ports: [u16; 2],
    servers: Vec<Server>,
    /// The daemon's process, as `$DAEMON` has it.
    daemon: Option<u32>,
    /// The exit code of the last command.
    code: i32,
}

impl Reader {
    fn new() -> Self {
        let ports = [free_port(), free_port()];
        Self { folder: TempDir::new("guide"), ports, servers: Vec::new(), daemon: None, code: 0 }
    }

    /// A text of a page with the ports of this reader.
    fn here(&self, text: &str) -> String {
        let pairs = WRITTEN.iter().zip(self.ports);
        pairs
            .fold(text.to_owned(), |text, (written, port)| text.replace(written, &port.to_string()))
    }

    /// What was printed, with the ports of the pages.
    fn there(&self, text: &str) -> String {
        let pairs = WRITTEN.iter().zip(self.ports);
        pairs
            .fold(text.to_owned(), |text, (written, port)| text.replace(&port.to_string(), written))
    }

    fn write(&self, name: &str, text: &str) {
        self.folder.write(name, &self.here(text));
    }

    fn shell(&self, command: &str) -> Command {
        let binaries = Path::new(env!("CARGO_BIN_EXE_launchgate")).parent().unwrap();
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
        let daemon = format!("127.0.0.1:{}", self.ports[0]);
        let mut shell = program("sh");
        shell.arg("-c").arg(self.here(command)).current_dir(self.folder.path());
        shell.env("PATH", path).env("LAUNCHGATE_URL", format!("http://{daemon}"));
        shell.env("LAUNCHGATE__WEB__LISTEN", daemon);
        if let Some(id) = self.daemon {
            shell.env("DAEMON", id.to_string());
        }
        shell
    }

    /// Runs a command and gives what it prints; one that serves goes on beside the others.
    fn run(&mut self, command: &str, until: Option<&str>) -> String {
        if command == "echo $?" {
            return format!("{}\n", self.code);
        }
        if command.starts_with("launchgate serve") {
            return self.serve(command, self.ports[0], true);
        }
        if command.starts_with("python3 -m http.server") {
            return self.serve(command, self.ports[1], false);
        }
        let mut printed = String::new();
        let mut ask = || {
            let Output { status, stdout, stderr } =
                self.shell(command).output().expect("sh is there");
            self.code = status.code().unwrap_or(-1);
            printed = self.there(&String::from_utf8_lossy(&[stdout, stderr].concat()));
            until.is_none_or(|text| printed.contains(text)).then_some(())
        };
        let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            poll_until(PATIENCE, command, &mut ask);
        }));
        assert!(asked.is_ok(), "`{command}` never said {until:?}:\n{printed}");
        printed
    }

    fn serve(&mut self, command: &str, port: u16, daemon: bool) -> String {
        let log = self.folder.join(&format!("server-{}.log", self.servers.len()));
        let command = self.shell(&format!("exec {command}"));
        let mut server = Server::spawn(command, "the server", log.clone());
        server.wait_for("port", || TcpStream::connect(("127.0.0.1", port)).ok());
        let id = server.id();
        self.servers.push(server);
        if !daemon {
            return String::new();
        }
        self.daemon = Some(id);
        // It is at the port before it says so.
        poll_until(PATIENCE, "the daemon's first line", || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let line = said.lines().find(|line| line.starts_with("launchgate serves"))?;
            Some(self.there(line) + "\n")
        })
    }
}

/// Reads a page as it is followed, and gives it as it should be: with what was really printed.
fn follow(page: &str, reader: &mut Reader, runs: bool) -> String {
    let mut out = String::new();
    let mut lines = page.lines();
    let (mut before, mut until) = ("", None);
    while let Some(line) = lines.next() {
        out += &format!("{line}\n");
        if let Some(text) = line.strip_prefix("<!-- until: ") {
            until = text.strip_suffix(" -->");
        }
        if !line.starts_with("```") {
            before = if line.is_empty() { before } else { line };
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if line == "```console" && runs {
            out += &console(&block, reader, until.take());
        } else {
            let text = block.iter().flat_map(|line| [*line, "\n"]).collect::<String>();
            if let Some(name) = before.strip_suffix("`:").and_then(|line| line.rsplit('`').next()) {
                reader.write(name, &text);
            }
            out += &text;
        }
        out += "```\n";
        before = "";
    }
    out
}

/// Runs the commands of a block; `until` is for the first one.
fn console(block: &[&str], reader: &mut Reader, until: Option<&str>) -> String {
    let commands: Vec<&str> = block.iter().filter_map(|line| line.strip_prefix("$ ")).collect();
    let mut out = String::new();
    for (i, command) in commands.iter().enumerate() {
        let until = until.filter(|_| i == 0);
        out += &format!("$ {command}\n{}", reader.run(command, until));
    }
    out
}

/// What does not change from one reading to the next: the words, without days and those that hold a number. Where lines are
/// broken hangs on the numbers.
fn gist(page: &str) -> Vec<String> {
    const CHANGES: [&str; 9] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "GMT", "BST"];
    let plain = page.split_whitespace().collect::<Vec<_>>().join(" ").replace("just now", "0s ago");
    let words = plain.split_whitespace();
    let changes =
        |word: &str| CHANGES.contains(&word) || word.contains(|c: char| c.is_ascii_digit());
    words.map(|word| if changes(word) { "#" } else { word }.to_owned()).collect()
}

fn page(name: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name).with_extension("md");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (path, text)
}

/// Follows a page, after the files of another if it builds on one.
fn is_followed(name: &str, after: Option<&str>) {
    if !need("python3") {
        return;
    }
    let mut reader = Reader::new();
    if let Some(first) = after {
        follow(&page(first).1, &mut reader, false);
    }
    let (path, text) = page(name);
    let seen = follow(&text, &mut reader, true);
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(&path, seen).unwrap();
        return;
    }
    let (shown, found) = (gist(&text), gist(&seen));
    let differs = shown.iter().zip(&found).position(|(shown, found)| shown != found);
    let at = differs.or((shown.len() != found.len()).then_some(shown.len().min(found.len())));
    if let Some(at) = at {
        let around =
            |words: &[String]| words[at.saturating_sub(8)..words.len().min(at + 12)].join(" ");
        let (shown, found) = (around(&shown), around(&found));
        panic!(
            "docs/{name}.md shows\n  {shown}\nand there was\n  {found}\nUPDATE_FIXTURES=1 writes it\n{seen}"
        );
    }
}

#[test]
fn the_quick_start_does_what_it_says() {
    is_followed("quick-start", None);
}

#[test]
fn a_launch_runs_as_the_guide_says() {
    is_followed("running-a-launch", None);
}

#[test]
fn triggers_are_written_as_the_guide_says() {
    is_followed("writing-triggers", None);
}

#[test]
fn probes_are_written_as_the_guide_says() {
    is_followed("writing-probes", None);
}

#[test]
fn a_daemon_is_operated_as_the_guide_says() {
    is_followed("operating", Some("quick-start"));
}
