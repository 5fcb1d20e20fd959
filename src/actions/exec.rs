//! `exec`: a command, without a shell, in its own process group, with a cleared environment, under a shim.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use launchgate_core::run::Ended;
use launchgate_probes::command::INHERITED;
use launchgate_probes::secret::TextOrCredential;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::settings::ExecSettings;
use super::shim::{End, Exit, Fate, Found, Order};
use super::{Attempt, Done};

/// How much sooner than the step's deadline the command is asked to stop, so that it has time to.
const GRACE: Duration = Duration::from_secs(5);
/// How much later than the deadline the shim may tell of the end.
const SETTLE: Duration = Duration::from_secs(2);
/// How many lines from the end of each output are shown.
const LINES: usize = 5;
/// How many characters of them; both outputs and how it ended fit into what a report keeps of a text.
const CHARACTERS: usize = 200;

impl Attempt {
    pub(super) async fn exec(&self) -> Done {
        let until = self.at_most();
        match self.order() {
            Ok(order) => self.told(self.around.shims.run(&self.perform, &order, until).await),
            Err(done) => done,
        }
    }

    /// Finds the script that a process before this one has started.
    pub(super) async fn find_script(&self) -> Done {
        // A shim knows its own deadline, and what it holds is waited for as long as it could at most have been given.
        self.told(self.around.shims.find(&self.perform, self.at_most()).await)
    }

    fn at_most(&self) -> Instant {
        Instant::now() + self.perform.step.timeout.saturating_add(SETTLE)
    }

    fn order(&self) -> Result<Order, Done> {
        let settings: ExecSettings = self.settings()?;
        let mut words = settings.command.iter().map(|word| self.filled(word));
        let program = words.next().unwrap_or_default();
        let timeout = self.perform.step.timeout;
        let grace = GRACE.min(timeout / 4);
        let environment = self.environment(&settings.env)?;
        let hide = self.secrets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Order {
            program,
            arguments: words.collect(),
            // The shim has a folder of its own to count from.
            folder: std::path::absolute(&self.around.folder)
                .unwrap_or_else(|_| Path::new(&self.around.folder).to_owned()),
            environment: environment
                .into_iter()
                .map(|(name, value)| (name, value.expose_secret().to_owned()))
                .collect(),
            hide: hide.iter().map(|secret| secret.expose_secret().to_owned()).collect(),
            deadline: timeout.saturating_sub(grace),
            grace,
        })
    }

    /// All that a program of this attempt is given: a little of the daemon's own, what the attempt is, and what the launch
    /// file adds.
    pub(super) fn environment(
        &self,
        added: &BTreeMap<String, TextOrCredential>,
    ) -> Result<BTreeMap<String, SecretString>, Done> {
        let (plan, perform) = (&self.around.plan, &self.perform);
        let previous = plan.previous_version.clone().unwrap_or_default();
        let deployment = format!("{}/{}", plan.launch, perform.generation);
        let own = [
            ("LAUNCHGATE_LAUNCH", plan.launch.to_string()),
            ("LAUNCHGATE_VERSION", plan.version.clone()),
            ("LAUNCHGATE_PREVIOUS_VERSION", previous.clone()),
            ("LAUNCHGATE_TARGET_VERSION", previous),
            ("LAUNCHGATE_DEPLOYMENT_ID", deployment),
            ("LAUNCHGATE_RUN_ID", perform.run.to_string()),
            ("LAUNCHGATE_STEP", perform.step.id.to_string()),
            ("LAUNCHGATE_ATTEMPT", perform.attempt.to_string()),
            ("LAUNCHGATE_IDEMPOTENCY_KEY", perform.idempotency_key()),
            ("LAUNCHGATE_FENCING_TOKEN", perform.generation.to_string()),
            ("LAUNCHGATE_BECAUSE", perform.cause.clone()),
        ];
        let mut all = BTreeMap::new();
        for name in INHERITED.into_iter().chain(["HOME"]) {
            if let Ok(value) = std::env::var(name) {
                all.insert(name.to_owned(), value.into());
            }
        }
        all.extend(own.map(|(name, value)| (name.to_owned(), value.into())));
        for (name, value) in added {
            all.insert(name.clone(), self.secret(value)?);
        }
        Ok(all)
    }

    fn told(&self, found: Found) -> Done {
        let (how, mut says) = match found.fate {
            Fate::Ended(Exit { ended, detached }) => {
                let (how, mut says) = judged(ended);
                if detached {
                    says += "; a process that it left behind still runs";
                }
                (how, says)
            }
            Fate::NotStarted(why) => (Ended::NotStarted, why),
            Fate::InDoubt(why) => (Ended::InDoubt, why),
        };
        for (name, output) in [("stderr", found.stderr), ("stdout", found.stdout)] {
            // Before it is shortened, so that no half of a secret is left.
            let last = last_of(&self.hidden(output));
            if !last.is_empty() {
                says += &format!("; {name}: {last}");
            }
        }
        (how, says)
    }
}

fn judged(ended: End) -> Done {
    match ended {
        End::Exited(0) => (Ended::Succeeded, "exit 0".to_owned()),
        End::Exited(code) => (Ended::Failed, format!("exit {code}")),
        End::Signalled(signal) => (Ended::Failed, format!("ended by signal {signal}")),
        End::TimedOut => (Ended::TimedOut, "stopped at its deadline".to_owned()),
        End::NotRun(why) => (Ended::Failed, why),
    }
}

/// The last lines of an output, shortened from the front: what went wrong stands at the end.
pub(super) fn last_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join(" / ");
    match last.char_indices().rev().nth(CHARACTERS - 1) {
        Some((start, _)) if start > 0 => format!("…{}", &last[start..]),
        _ => last,
    }
}
