//! What is wrong with the daemon's settings: in the file with line and column, elsewhere with the variable or flag.

use std::fmt;

use config::ConfigError;
use launchgate_core::problem::{KeyPath, Problem};

use super::layer::Merged;
use super::{BUILT_IN, Written};
use crate::settings::diagnostic::Diagnostics;
use crate::settings::document::Flaw;
use crate::settings::secrets::{self, Secret};

/// Everything that is wrong with the daemon's settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    in_file: Option<Diagnostics>,
    elsewhere: Vec<Elsewhere>,
}

/// A problem with a value that stands in no file.
#[derive(Debug, PartialEq, Eq)]
struct Elsewhere {
    origin: String,
    message: String,
    hint: Option<String>,
}

/// The problems found so far, and the file that most of them are in.
pub(super) struct Findings {
    written: Option<Written>,
    in_file: Vec<(Problem, bool)>,
    written_out: Vec<Secret>,
    elsewhere: Vec<Elsewhere>,
}

impl From<Diagnostics> for SettingsError {
    fn from(in_file: Diagnostics) -> Self {
        Self { in_file: Some(in_file), elsewhere: Vec::new() }
    }
}

impl SettingsError {
    /// The layers do not merge, which takes a mapping to be something else.
    pub(super) fn of_merge(error: &ConfigError) -> Self {
        let origin = "the settings".to_owned();
        let elsewhere = vec![Elsewhere { origin, message: error.to_string(), hint: None }];
        Self { in_file: None, elsewhere }
    }
}

impl Findings {
    /// None yet but the secrets that the file holds.
    pub(super) fn of(written: Option<Written>) -> Self {
        let found = written.as_ref().map(|w| secrets::find(&w.document.value()));
        let written_out = found.unwrap_or_default();
        Self { written, in_file: Vec::new(), written_out, elsewhere: Vec::new() }
    }

    /// Notes a variable that is no YAML. Its value may be a secret in the wrong place, and is not repeated.
    pub(super) fn note_variable(&mut self, variable: String, flaw: Flaw) {
        let Flaw { message, hint, .. } = flaw;
        self.elsewhere.push(Elsewhere { origin: variable, message, hint });
    }

    /// Notes a problem at the place that its value came from. No line below `web.tokens` is shown: the token itself may
    /// stand where its hash should.
    pub(super) fn note(&mut self, problem: Problem, merged: &Merged) {
        let tokens = KeyPath::root().entry("web").entry("tokens");
        let secret = problem.path.0.starts_with(&tokens.0);
        let problem = if secret { unquoted(problem) } else { problem };
        let origin = merged.origin(&problem.path);
        // An empty section has no origin; the defaults hold none, so that the file wrote it.
        let written = self.written.as_ref().is_some_and(|w| origin.is_none_or(|o| w.name == o));
        let origin = origin.unwrap_or(BUILT_IN);
        if written {
            self.in_file.push((problem, secret));
        } else {
            self.elsewhere.push(Elsewhere {
                origin: origin.to_owned(),
                message: format!("{}: {}", problem.path, problem.message),
                hint: problem.hint,
            });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_file.is_empty() && self.written_out.is_empty() && self.elsewhere.is_empty()
    }

    /// These with the lines of the file.
    pub(super) fn placed(mut self) -> SettingsError {
        self.in_file.retain(|(problem, _)| self.written_out.iter().all(|s| !s.is_told_by(problem)));
        self.in_file.extend(self.written_out.into_iter().map(|secret| (secret.problem, true)));
        let written = self.written.filter(|_| !self.in_file.is_empty());
        let in_file =
            written.map(|w| Diagnostics::of_problems(&w.name, &w.text, &w.document, self.in_file));
        SettingsError { in_file, elsewhere: self.elsewhere }
    }
}

/// A deserialiser's problem without the value that it quotes.
fn unquoted(mut problem: Problem) -> Problem {
    let quotes =
        ["invalid type: ", "invalid value: "].iter().any(|p| problem.message.starts_with(p));
    if let Some((_, expected)) = problem.message.rsplit_once(", expected ").filter(|_| quotes) {
        problem.message = format!("expected {expected}");
    }
    problem
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        let mut line = |f: &mut fmt::Formatter<'_>| {
            if std::mem::take(&mut first) { Ok(()) } else { f.write_str("\n") }
        };
        if let Some(in_file) = &self.in_file {
            line(f)?;
            write!(f, "{in_file}")?;
        }
        for Elsewhere { origin, message, hint } in &self.elsewhere {
            line(f)?;
            write!(f, "{origin}: error: {message}")?;
            if let Some(hint) = hint {
                write!(f, "\n  = hint: {hint}")?;
            }
        }
        Ok(())
    }
}
