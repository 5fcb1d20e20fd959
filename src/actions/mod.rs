//! What the steps of a procedure do. Each gives how it ended and what there is to see of it; none decides what follows.

mod exec;
mod http;
mod notify;
pub mod settings;
#[cfg(test)]
mod tests;
mod wait;

use std::path::PathBuf;
use std::sync::Arc;

use launchgate_core::plan::Plan;
use launchgate_core::run::Ended;
use launchgate_core::state::Perform;
use serde::de::DeserializeOwned;

use crate::engine::Handle;

/// Everything that an attempt at a step may know.
pub(crate) struct Attempt {
    pub(crate) plan: Arc<Plan>,
    pub(crate) folder: PathBuf,
    pub(crate) handle: Handle,
    pub(crate) perform: Perform,
}

/// How an attempt ended, and what there is to see of it.
pub(crate) type Done = (Ended, String);

impl Attempt {
    /// Does it. Runs until it is done: the deadline is the executor's, except for a command, which is stopped gently.
    pub(crate) async fn make(&self) -> Done {
        match self.perform.step.action.as_str() {
            "exec" => self.exec().await,
            "http" => self.http().await,
            "notify" => self.notify().await,
            "wait" => self.wait().await,
            // A person does it and says so; until then there is nothing to do here.
            "manual" => std::future::pending().await,
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
        let previous = self.plan.previous_version.as_deref().unwrap_or("unknown");
        let values = [
            ("${trigger.because}", self.perform.cause.as_str()),
            ("${launch}", self.plan.launch.as_str()),
            ("${version}", self.plan.version.as_str()),
            ("${previous_version}", previous),
            ("${run.id}", run.as_str()),
        ];
        // One pass, so that what is filled in is never read again.
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let known = values.iter().find(|(name, _)| rest.starts_with(name));
            let (name, value) = known.unwrap_or(&("${", "${"));
            out.push_str(value);
            rest = &rest[name.len()..];
        }
        out + rest
    }

    /// What a secret by reference stands for now.
    fn secret(
        &self,
        value: &launchgate_probes::secret::TextOrCredential,
    ) -> Result<secrecy::SecretString, Done> {
        use launchgate_probes::secret::TextOrCredential;
        match value {
            TextOrCredential::Text(text) => Ok(self.filled(text).into()),
            TextOrCredential::Credential(credential) => credential
                .resolve_in(&self.folder)
                .map_err(|failure| (Ended::Failed, failure.message)),
        }
    }
}
