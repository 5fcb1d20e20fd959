//! This very program, started again for work that outlives the daemon.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use tokio::process::Command;

/// How the program is started again.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// The binary of this process, also where it has been replaced by a newer one since.
    pub(crate) fn own(arguments: impl IntoIterator<Item = &'static str>) -> io::Result<Self> {
        let own = PathBuf::from("/proc/self/exe");
        let path = if own.exists() { own } else { std::env::current_exe()? };
        Ok(Self { path, arguments: arguments.into_iter().map(Into::into).collect() })
    }

    /// This test program, which acts by the test of this name as the binary would.
    #[cfg(test)]
    pub(crate) fn test(name: &'static str) -> Self {
        let path = std::env::current_exe().expect("a test program runs");
        Self { path, arguments: ["--exact", name, "--nocapture"].map(Into::into).into() }
    }

    /// A program that is not there.
    #[cfg(test)]
    pub(crate) fn missing() -> Self {
        Self { path: "/nowhere".into(), arguments: Vec::new() }
    }

    /// A command that starts it. More arguments may follow.
    pub(crate) fn again(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.arg0("launchgate").args(&self.arguments);
        command
    }
}
