//! Where answers go: stdout. Logs, progress and errors go to stderr.

use std::io::{IsTerminal as _, Write as _};

use super::args::Colour;

/// The process's stdout, and what it can show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    /// Whether answers may be coloured.
    pub(super) colour: bool,
    /// Whether progress may be shown on stderr.
    pub(super) progress: bool,
}

impl Terminal {
    pub(super) fn new(colour: Colour) -> Self {
        let quiet = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            colour: match colour {
                Colour::Always => true,
                Colour::Never => false,
                Colour::Auto => std::io::stdout().is_terminal() && !quiet && !dumb,
            },
            progress: std::io::stderr().is_terminal() && !dumb,
        }
    }

    /// Writes an answer. A reader that has gone away (`| head`) is no error.
    #[expect(clippy::unused_self, reason = "whoever has the terminal may write to it")]
    pub(super) fn print(self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            tracing::debug!("nobody reads the answer any more");
        }
    }

    /// Writes a problem or a remark for people.
    #[expect(clippy::unused_self, reason = "whoever has the terminal may write to it")]
    pub(super) fn complain(self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        if stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).is_err() {
            tracing::debug!("nobody reads the problems any more");
        }
    }
}
