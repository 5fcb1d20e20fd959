//! `exec`: a command, without a shell, in its own process group, with a cleared environment.

use std::time::Duration;

use launchgate_core::run::Ended;
use launchgate_probes::command::{self, Command, Outcome};

use super::settings::ExecSettings;
use super::{Attempt, Done};

/// How much sooner than the step's deadline the command is asked to stop, so that it has time to.
const GRACE: Duration = Duration::from_secs(5);
/// How many lines from the end of each output are shown.
const LINES: usize = 5;
/// How many characters of them; both outputs and how it ended fit into what a report keeps of a text.
const CHARACTERS: usize = 200;

impl Attempt {
    pub(super) async fn exec(&self) -> Done {
        match self.command() {
            Ok(command) => match command.run().await {
                Ok(outcome) => self.told(&outcome),
                Err(error) => (Ended::Failed, with_source(&error)),
            },
            Err(done) => done,
        }
    }

    fn command(&self) -> Result<Command, Done> {
        let settings: ExecSettings = self.settings()?;
        let mut words = settings.command.iter().map(|word| self.filled(word));
        let program = words.next().unwrap_or_default();
        let timeout = self.perform.step.timeout;
        let grace = GRACE.min(timeout / 4);
        let mut command = Command::new(program, words, &self.folder, timeout.saturating_sub(grace))
            .grace(grace)
            .inherit("HOME");
        for (name, value) in [
            ("LAUNCHGATE_LAUNCH", self.plan.launch.to_string()),
            ("LAUNCHGATE_VERSION", self.plan.version.clone()),
            ("LAUNCHGATE_PREVIOUS_VERSION", self.plan.previous_version.clone().unwrap_or_default()),
            ("LAUNCHGATE_RUN_ID", self.perform.run.to_string()),
            ("LAUNCHGATE_STEP", self.perform.step.id.to_string()),
            ("LAUNCHGATE_ATTEMPT", self.perform.attempt.to_string()),
            ("LAUNCHGATE_IDEMPOTENCY_KEY", self.perform.idempotency_key()),
            ("LAUNCHGATE_FENCING_TOKEN", self.perform.generation.to_string()),
            ("LAUNCHGATE_BECAUSE", self.perform.cause.clone()),
        ] {
            command = command.env(name, value);
        }
        for (name, value) in &settings.env {
            command = command.env(name, self.secret(value)?);
        }
        Ok(command)
    }

    fn told(&self, outcome: &Outcome) -> Done {
        let (how, mut says) = match outcome.ended {
            command::Ended::Exited(0) => (Ended::Succeeded, "exit 0".to_owned()),
            command::Ended::Exited(code) => (Ended::Failed, format!("exit {code}")),
            command::Ended::Signalled(signal) => {
                (Ended::Failed, format!("ended by signal {signal}"))
            }
            command::Ended::TimedOut => (Ended::TimedOut, "stopped at its deadline".to_owned()),
        };
        if outcome.detached {
            says += "; a process that it left behind still runs";
        }
        for (name, output) in [("stderr", &outcome.stderr), ("stdout", &outcome.stdout)] {
            // Before it is shortened, so that no half of a secret is left.
            let text = self.hidden(output.text());
            let last = last_of(&text);
            if !last.is_empty() {
                says += &format!("; {name}: {last}");
            }
        }
        (how, says)
    }
}

/// The last lines of an output, shortened from the front: what went wrong stands at the end.
fn last_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join(" / ");
    match last.char_indices().rev().nth(CHARACTERS - 1) {
        Some((start, _)) if start > 0 => format!("…{}", &last[start..]),
        _ => last,
    }
}

fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
