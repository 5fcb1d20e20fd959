//! Secrets by reference: `{ env: NAME }` or `{ file: PATH }`, read at the moment of use, never shown, never stored.

use std::path::{Path, PathBuf};

use launchgate_core::observation::{Cause, Failure};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::probe::Context;

/// The largest secret that is read from a file, in bytes.
const MAX_SECRET: u64 = 64 * 1024;

/// Where a secret is kept. The launch file holds this reference and never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Credential {
    /// The name of an environment variable of the daemon.
    Env(String),
    /// The path of a file that only the daemon can read; relative to the launch file.
    File(PathBuf),
}

impl Credential {
    /// Reads the secret now.
    ///
    /// # Errors
    /// A [`Cause::Auth`] failure that names the reference, never the value.
    pub fn resolve(&self, cx: &Context) -> Result<SecretString, Failure> {
        self.resolve_in(&cx.folder)
    }

    /// Reads the secret now, with relative paths counted from `folder`.
    ///
    /// # Errors
    /// A [`Cause::Auth`] failure that names the reference, never the value.
    pub fn resolve_in(&self, folder: &Path) -> Result<SecretString, Failure> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(value.into()),
                Ok(_) => Err(Failure::new(
                    Cause::Auth,
                    format!("the environment variable {name} is empty"),
                )),
                Err(_) => Err(Failure::new(
                    Cause::Auth,
                    format!("the environment variable {name} is not set"),
                )),
            },
            Self::File(path) => read_file(&folder.join(path)),
        }
    }
}

fn read_file(path: &Path) -> Result<SecretString, Failure> {
    let fail = |reason: &dyn std::fmt::Display| {
        Failure::new(Cause::Auth, format!("the secret file {}: {reason}", path.display()))
    };
    let meta = std::fs::metadata(path).map_err(|e| fail(&e))?;
    if !meta.is_file() || meta.len() > MAX_SECRET {
        return Err(fail(&"it is no regular file of at most 64 KiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| fail(&e))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

/// A value that may be written out or, if it holds a secret, by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TextOrCredential {
    /// Written out; must hold no password.
    Text(String),
    /// By reference.
    Credential(Credential),
}

impl TextOrCredential {
    /// The value now.
    ///
    /// # Errors
    /// See [`Credential::resolve`].
    pub fn resolve(&self, cx: &Context) -> Result<SecretString, Failure> {
        match self {
            Self::Text(text) => Ok(text.clone().into()),
            Self::Credential(credential) => credential.resolve(cx),
        }
    }
}

/// A URL without what must not be shown: user, password, query and fragment.
pub fn shown_url(url: &reqwest::Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Both refuse only URLs that cannot have them, which then need no hiding.
    let hidden = shown.set_username("").is_ok() && shown.set_password(None).is_ok();
    if hidden || url.username().is_empty() {
        shown.to_string()
    } else {
        format!("{}:…", url.scheme())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_their_secrets() {
        let url = "https://user:hunter2@example.test:8443/path?token=abc#x".parse().expect("a url");
        assert_eq!(shown_url(&url), "https://example.test:8443/path");
    }

    #[test]
    fn a_missing_secret_is_an_auth_failure_that_names_the_reference() {
        let failure = Credential::Env("LAUNCHGATE_NO_SUCH_VARIABLE".into())
            .resolve_in(Path::new("."))
            .expect_err("it is not set");
        assert_eq!(failure.cause, Cause::Auth);
        assert!(failure.message.contains("LAUNCHGATE_NO_SUCH_VARIABLE"));
    }
}
