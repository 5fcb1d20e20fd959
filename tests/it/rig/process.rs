//! What every rig is made of: a child in the foreground, a free port, a temporary folder and a
//! poll with a deadline. It knows no server by name.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a server may take to give its first good answer, on a busy machine.
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(20);

/// Where Debian keeps daemons that an ordinary user's PATH leaves out.
const DAEMON_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/// At most this much of a server's output is shown when it does not start.
const SHOWN_BYTES: usize = 8 * 1024;
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The path of an installed program, Debian's folders for daemons and PostgreSQL included.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(DAEMON_FOLDERS.iter().map(PathBuf::from))
        .chain(postgres_folders())
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// The program folders of the installed PostgreSQL versions, newest first.
fn postgres_folders() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// Whether a program is installed. A missing one fails the test under `CI=true`; elsewhere it is
/// announced and the test is expected to return.
pub(crate) fn need(name: &str) -> bool {
    if find_program(name).is_some() {
        return true;
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{name} is not installed: run tests/rigs/install.sh"
    );
    eprintln!("SKIPPED: {name} is not installed (tests/rigs/install.sh installs it)");
    false
}

/// A command for an installed program, with a fixed locale and no standard input.
pub(crate) fn program(name: &str) -> Command {
    let path = find_program(name).unwrap_or_else(|| panic!("{name} is not installed"));
    let mut command = Command::new(path);
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Runs a short command to its end and returns its standard output; panics with its errors when
/// it does not succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asks again and again until `f` has an answer; panics, naming `what`, at the deadline.
pub(crate) fn poll_until<T>(deadline: Duration, what: &str, mut f: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = f() {
            return answer;
        }
        assert!(start.elapsed() < deadline, "no {what} within {deadline:?}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the rigs are synchronous: no worker is blocked")]
fn pause() {
    std::thread::sleep(POLL_INTERVAL);
}

/// A TCP and UDP port that is free on 127.0.0.1.
pub(crate) fn free_port() -> u16 {
    free_port_on(&[IpAddr::V4(Ipv4Addr::LOCALHOST)])
}

/// A port that is free, for TCP and UDP, on every one of these addresses. It comes from below the
/// kernel's ephemeral range, so that no outgoing connection takes it before the server binds it,
/// and no two calls in one process share it.
pub(crate) fn free_port_on(addresses: &[IpAddr]) -> u16 {
    const FIRST: u16 = 15_000;
    const COUNT: u16 = 16_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let random = RandomState::new().hash_one(std::process::id()) % u64::from(COUNT);
        AtomicU16::new(u16::try_from(random).expect("a remainder below COUNT fits"))
    });
    let is_free = |port: u16| {
        addresses.iter().all(|&address| {
            TcpListener::bind((address, port)).is_ok() && UdpSocket::bind((address, port)).is_ok()
        })
    };
    (0..COUNT)
        .map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT)
        .find(|&port| is_free(port))
        .expect("one of 16,000 ports is free")
}

/// A user that a server runs as when the tests run as root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// The named user when the tests run as root; nothing otherwise, as nothing can be dropped.
    pub(crate) fn to_drop_to(name: &str) -> Option<Self> {
        if !rustix::process::getuid().is_root() {
            return None;
        }
        let id = |flag: &str| run(program("id").args([flag, name])).trim().parse().ok();
        Some(Self { uid: id("-u")?, gid: id("-g")? })
    }

    /// Makes a command run as this user.
    pub(crate) fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives a file or folder to this user.
    pub(crate) fn own(self, path: &Path) {
        chown(path, Some(self.uid), Some(self.gid)).expect("root may give a file away");
    }
}

/// A temporary folder that every user may enter, removed on drop.
#[derive(Debug)]
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    /// A fresh, empty folder whose name starts with `rig-NAME`.
    pub(crate) fn new(name: &str) -> Self {
        let random = RandomState::new().hash_one(name);
        let path = std::env::temp_dir().join(format!("rig-{name}-{random:016x}"));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        Self(path)
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A path inside the folder.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a text file inside the folder and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Makes a folder inside the folder and returns its path.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays behind: {error}", self.0.display());
        }
    }
}

/// A server: a direct child in the foreground, in its own process group, ended on drop.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    name: String,
    log: PathBuf,
    last_signal: Signal,
}

impl Server {
    /// Starts a server whose output goes to `log`.
    pub(crate) fn spawn(mut command: Command, name: &str, log: PathBuf) -> Self {
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let errors = output.try_clone().expect("an open file can be cloned");
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, name: name.to_owned(), log, last_signal: Signal::KILL }
    }

    /// Ends with this signal, sent to the child alone, instead of killing the group: for servers
    /// whose children leave the group and clean up only when told.
    pub(crate) fn ended_by(mut self, signal: Signal) -> Self {
        self.last_signal = signal;
        self
    }

    /// Polls until the server answers; panics with its output when it exits or stays silent.
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut f: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(answer) = f() {
                return answer;
            }
            let exit = self.child.try_wait().expect("the child is ours to wait for");
            assert!(
                exit.is_none() && start.elapsed() < START_DEADLINE,
                "{}: no {what} after {:?} (exit: {exit:?}); it said:\n{}",
                self.name,
                start.elapsed(),
                self.output()
            );
            pause();
        }
    }

    /// The end of what the server wrote so far.
    pub(crate) fn output(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let tail = &bytes[bytes.len().saturating_sub(SHOWN_BYTES)..];
        String::from_utf8_lossy(tail).into_owned()
    }

    /// Stops every process of the group in its tracks (SIGSTOP): connections are still accepted
    /// by the kernel, and nothing answers.
    pub(crate) fn freeze(&self) {
        self.signal_group(Signal::STOP);
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets a frozen server run again.
    pub(crate) fn thaw(&self) {
        self.signal_group(Signal::CONT);
    }

    /// Ends the server and waits for it. A second call does nothing.
    pub(crate) fn stop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.signal_group(Signal::CONT);
        if self.last_signal != Signal::KILL && kill_process(self.pid(), self.last_signal).is_ok() {
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(5) {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return;
                }
                pause();
            }
        }
        self.signal_group(Signal::KILL);
        if let Err(error) = self.child.wait() {
            eprintln!("{}: {error}", self.name);
        }
    }

    fn signal_group(&self, signal: Signal) {
        if let Err(error) = kill_process_group(self.pid(), signal) {
            eprintln!("{}: signal {signal:?}: {error}", self.name);
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
