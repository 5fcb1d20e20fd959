//! How the process ends: one list of exit codes.

use std::process::ExitCode;

use launchgate_core::gate::Verdict;
use launchgate_core::report::Report;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was done.
    Success,
    /// The answer of a gate.
    Verdict(Verdict),
    /// The audit log was tampered with.
    Tampered,
    /// The command line, a launch file or the settings are wrong, or an order was refused.
    Usage,
    /// The daemon could not be reached.
    Unreachable,
    /// launchgate itself failed.
    Internal,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Verdict(verdict) => Report::exit_code(verdict),
            Exit::Tampered => 1,
            Exit::Usage => 3,
            Exit::Unreachable => 4,
            Exit::Internal => 5,
        })
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failed {
    /// The sentence.
    pub message: String,
    /// The class.
    pub exit: Exit,
}

impl Failed {
    /// Something is wrong with what was given.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Usage }
    }

    /// The audit log was tampered with.
    pub(super) fn tampered(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Tampered }
    }

    /// The daemon does not answer.
    pub(super) fn unreachable(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Unreachable }
    }

    /// Something broke here.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Internal }
    }
}
