//! What the steps of a procedure do. Each gives how it ended and what there is to see of it; none decides what follows.

mod exec;
mod gate;
mod http;
mod milestone;
pub mod settings;
mod shim;
#[cfg(test)]
mod tests;
mod verify;
mod wait;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use launchgate_core::plan::Plan;
use launchgate_core::procedure::fill;
use launchgate_core::run::Ended;
use launchgate_core::state::Perform;
use launchgate_core::time::format_duration;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

pub use self::shim::{Shims, main as shim};
use crate::engine::Handle;

/// What every attempt of a launch works with.
#[derive(Clone)]
pub struct Around {
    /// The plan in force.
    pub plan: Arc<Plan>,
    /// The launch file's folder.
    pub folder: PathBuf,
    /// The shims that scripts run under.
    pub shims: Arc<Shims>,
    /// The launch's engine.
    pub handle: Handle,
}

/// Everything that an attempt at a step may know.
pub(crate) struct Attempt {
    around: Around,
    perform: Perform,
    /// The secrets that were read for it, which must not come back in what there is to see.
    secrets: Mutex<Vec<SecretString>>,
}

/// How an attempt ended, and what there is to see of it.
pub(crate) type Done = (Ended, String);

impl Attempt {
    pub(crate) fn new(around: Around, perform: Perform) -> Self {
        Self { around, perform, secrets: Mutex::default() }
    }

    /// Does it, within the step's timeout: each action ends by itself then and tells how far it came. What there is to
    /// see holds none of the secrets that went into it.
    pub(crate) async fn make(&self) -> Done {
        let (how, evidence) = self.act().await;
        (how, self.hidden(evidence))
    }

    /// Finds out what became of it, which a process that is gone had under way: by its traces where it leaves some, by
    /// doing it again where that is what it would have gone on with.
    pub(crate) async fn look(&self) -> Done {
        let step = &self.perform.step;
        let (how, evidence) = match step.action.as_str() {
            "exec" => self.find_script().await,
            "wait" => self.wait().await,
            "gate" => self.gate().await,
            "milestone" => self.milestone().await,
            _ => {
                let says =
                    "the daemon stopped while it was under way; whether it acted is not known";
                (Ended::InDoubt, says.to_owned())
            }
        };
        (how, self.hidden(evidence))
    }

    async fn act(&self) -> Done {
        let timeout = self.perform.step.timeout;
        match self.perform.step.action.as_str() {
            "exec" => self.exec().await,
            "http" => self.http().await,
            "wait" => self.wait().await,
            "gate" => self.gate().await,
            "milestone" => self.milestone().await,
            // A person does it and says so; until then there is nothing to do here.
            "manual" => {
                tokio::time::sleep(timeout).await;
                let within = format_duration(timeout);
                (Ended::TimedOut, format!("nobody said within {within} that it was done"))
            }
            other => (Ended::Failed, format!("there is no action `{other}`")),
        }
    }

    fn settings<T: DeserializeOwned>(&self) -> Result<T, Done> {
        serde_json::from_value(self.perform.step.settings.clone())
            .map_err(|e| (Ended::Failed, format!("the step's settings cannot be read: {e}")))
    }

    /// A text with what is known at run time filled in.
    fn filled(&self, text: &str) -> String {
        let run = self.perform.run.to_string();
        let plan = &self.around.plan;
        let previous = plan.previous_version.as_deref().unwrap_or("unknown");
        let values = [
            ("trigger.because", self.perform.cause.as_str()),
            ("launch", plan.launch.as_str()),
            ("version", plan.version.as_str()),
            ("previous_version", previous),
            ("run.id", run.as_str()),
        ];
        fill(text, &values)
    }

    /// What a secret by reference stands for now.
    fn secret(
        &self,
        value: &launchgate_probes::secret::TextOrCredential,
    ) -> Result<SecretString, Done> {
        use launchgate_probes::secret::TextOrCredential;
        match value {
            TextOrCredential::Text(text) => Ok(self.filled(text).into()),
            TextOrCredential::Credential(credential) => {
                let secret = credential
                    .resolve_in(&self.around.folder)
                    .map_err(|failure| (Ended::Failed, failure.message))?;
                self.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.clone());
                Ok(secret)
            }
        }
    }

    /// A text without the secrets that were read for this attempt: scripts and servers repeat what they are given.
    fn hidden(&self, text: String) -> String {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        shim::hide(text, secrets.iter().map(ExposeSecret::expose_secret))
    }
}
