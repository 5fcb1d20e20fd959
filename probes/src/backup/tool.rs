//! Asking a backup tool by its command: bounded, in time, and without telling anybody its secrets.

use std::collections::BTreeMap;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use secrecy::{ExposeSecret, SecretString};

use crate::Context;
use crate::command::{Command, Ended};
use crate::secret::TextOrCredential;

/// How much of an answer is taken: tens of thousands of backups.
const MAX_ANSWER: usize = 16 << 20;

/// A tool, ready to be asked.
pub(super) struct Tool<'a> {
    /// Its name in messages.
    pub(super) name: &'static str,
    /// The program and what stands before its own arguments.
    pub(super) command: &'a [String],
    /// Variables that the launch file sets.
    pub(super) env: &'a BTreeMap<String, TextOrCredential>,
    /// Variables that the settings of this tool set; they win.
    pub(super) own: Vec<(&'static str, TextOrCredential)>,
}

/// What a tool said before it exited.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) name: &'static str,
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Tool<'_> {
    /// Runs the tool with `args`.
    ///
    /// # Errors
    /// A tool that cannot be run, does not end in time, is ended by a signal or says too much.
    pub(super) async fn ask(
        &self,
        args: impl IntoIterator<Item = impl Into<String>>,
        cx: &Context,
    ) -> Result<Answer, Failure> {
        let mut words = self.command.iter().cloned();
        let program = words.next().unwrap_or_default();
        let words = words.chain(args.into_iter().map(Into::into));
        let time = cx.remaining().mul_f64(0.8);
        let mut command = Command::new(program, words, &cx.folder, time)
            .grace(time / 10)
            .cap(MAX_ANSWER)
            .inherit("HOME")
            .trail(&cx.trail);
        let mut secrets = Vec::new();
        let set = self.env.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in set.chain(self.own.iter().map(|(name, value)| (*name, value))) {
            let resolved = value.resolve(cx)?;
            if matches!(value, TextOrCredential::Credential(_)) {
                secrets.push(resolved.clone());
            }
            command = command.env(name, resolved);
        }
        let outcome =
            command.run().await.map_err(|e| Failure::new(Cause::ProbeError, e.to_string()))?;
        let fail = |cause, said: &str| Err(Failure::new(cause, format!("{} {said}", self.name)));
        match outcome.ended {
            Ended::TimedOut => fail(Cause::Timeout, "did not end in time"),
            Ended::Signalled(signal) => {
                fail(Cause::ProbeError, &format!("was ended by signal {signal}"))
            }
            Ended::Exited(_) if outcome.stdout.truncated() => {
                fail(Cause::BadResponse, &format!("says more than {MAX_ANSWER} bytes"))
            }
            Ended::Exited(code) => Ok(Answer {
                name: self.name,
                code,
                stdout: outcome.stdout.text(),
                stderr: without(&outcome.stderr.text(), &secrets),
            }),
        }
    }
}

/// The lines that hold no secret. Tools do tell addresses with passwords in them.
fn without(text: &str, secrets: &[SecretString]) -> String {
    let tells = |line: &str| {
        secrets.iter().map(ExposeSecret::expose_secret).any(|s| !s.is_empty() && line.contains(s))
    };
    text.lines().filter(|line| !tells(line)).collect::<Vec<_>>().join("\n")
}

impl Answer {
    /// What it said on its standard output.
    ///
    /// # Errors
    /// [`Cause::ProbeError`] with what it complained of, unless it exited with 0.
    pub(super) fn good(self) -> Result<String, Failure> {
        if self.code == 0 { Ok(self.stdout) } else { Err(self.failed(Cause::ProbeError)) }
    }

    /// A failure with what it complained of.
    pub(super) fn failed(&self, cause: Cause) -> Failure {
        let lines = self.stderr.lines().chain(self.stdout.lines());
        let said = lines.map(str::trim).find(|line| !line.is_empty()).unwrap_or("no word");
        Failure::new(cause, format!("{} exits with {}: {said}", self.name, self.code))
    }
}

/// An answer that is not what the tool's pages say.
pub(super) fn odd(name: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(Cause::BadResponse, format!("{name}'s answer: {why}"))
}

/// What is wrong with a command in the settings under `entry`.
pub(super) fn check(entry: &str, command: &[String]) -> Result<(), Vec<Problem>> {
    if command.first().is_none_or(String::is_empty) {
        return Err(vec![Problem::at(entry, "there is no program to run")]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_secret_is_not_shown() {
        let secrets = ["hunter2".to_owned().into(), String::new().into()];
        let said = "cannot open rest:https://me:hunter2@host/\nis it there?";
        assert_eq!(without(said, &secrets), "is it there?");
    }
}
