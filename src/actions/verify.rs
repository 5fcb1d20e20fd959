//! `verify`: a step's own look whether what it is to bring about is there, for when it is not known whether it acted.
//!
//! It decides nothing: what follows from *not done* is the run's to say.

use std::time::Duration;

use launchgate_core::run::Ended;
use launchgate_probes::command::{self, Command};

use super::exec::last_of;
use super::settings::VerifySettings;
use super::{Attempt, Done};

/// How long it may take to stop when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// What a look says of the desired state.
enum Verdict {
    Done,
    NotDone,
    Unknown,
}

impl Attempt {
    /// Looks whether what the step is to bring about is there. `doubt` is why that is asked, and is told with the answer.
    pub(crate) async fn verify(&self, doubt: &str) -> Done {
        let (verdict, says) = self.ask().await;
        let done = match verdict {
            Verdict::Done => {
                (Ended::Succeeded, format!("verified: {says}. It was in doubt: {doubt}"))
            }
            Verdict::NotDone => (Ended::NotDone, format!("verify says not done: {says}. {doubt}")),
            Verdict::Unknown => (Ended::InDoubt, format!("verify cannot tell: {says}. {doubt}")),
        };
        (done.0, self.hidden(done.1))
    }

    /// How long that may take.
    pub(crate) fn verify_takes(&self) -> Duration {
        self.verify_settings().map_or(GRACE, |settings| settings.timeout.saturating_add(GRACE))
    }

    async fn ask(&self) -> (Verdict, String) {
        let command =
            match self.verify_settings().and_then(|settings| self.verify_command(&settings)) {
                Ok(command) => command,
                Err((_, why)) => return (Verdict::Unknown, why),
            };
        let outcome = match command.run().await {
            Ok(outcome) => outcome,
            Err(error) => return (Verdict::Unknown, error.to_string()),
        };
        let (verdict, mut says) = match outcome.ended {
            command::Ended::Exited(0) => (Verdict::Done, "exit 0".to_owned()),
            command::Ended::Exited(1) => (Verdict::NotDone, "exit 1".to_owned()),
            command::Ended::Exited(code) => (Verdict::Unknown, format!("exit {code}")),
            command::Ended::Signalled(signal) => {
                (Verdict::Unknown, format!("ended by signal {signal}"))
            }
            command::Ended::TimedOut => (Verdict::Unknown, "stopped at its deadline".to_owned()),
        };
        for (name, output) in [("stderr", &outcome.stderr), ("stdout", &outcome.stdout)] {
            let last = last_of(&self.hidden(output.text()));
            if !last.is_empty() {
                says += &format!("; {name}: {last}");
            }
        }
        (verdict, says)
    }

    fn verify_settings(&self) -> Result<VerifySettings, Done> {
        let settings = self.perform.step.verify.clone().unwrap_or_default();
        serde_json::from_value(settings)
            .map_err(|e| (Ended::InDoubt, format!("the settings of `verify` cannot be read: {e}")))
    }

    fn verify_command(&self, settings: &VerifySettings) -> Result<Command, Done> {
        let mut words = settings.command.iter().map(|word| self.filled(word));
        let program = words.next().unwrap_or_default();
        let mut command =
            Command::new(program, words, &self.around.folder, settings.timeout).grace(GRACE);
        for (name, value) in self.environment(&settings.env)? {
            command = command.env(name, value);
        }
        Ok(command)
    }
}
