//! TLS as the daemon speaks it itself: by which certificate, whose certificates it asks its clients for, and both read
//! again when their files change.
//!
//! A file that has become bad changes nothing: what was in force stays in force, and the log says so. Who a client's
//! certificate is, and what they may, is for [`super::certificates`].

#[cfg(test)]
#[path = "../../tests/it/rig/authority.rs"]
pub(super) mod authority;
mod contents;
mod listener;
mod material;
mod peer;
#[cfg(test)]
pub(super) mod tests;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::problem::Problem;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, UnixTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use contents::{Contents, Digest};
pub use listener::TlsListener;
use material::Material;
pub use peer::Peer;
pub(super) use peer::{Called, Certificate};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// `web.tls:` – the certificate that the daemon serves by, and whose certificates it asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The certificate, and those that lead to its authority, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM, without a passphrase.
    pub key: PathBuf,
    /// Which client certificates are taken; without it none is asked for.
    #[serde(default)]
    pub clients: Option<Clients>,
}

/// `web.tls.clients:` – which client certificates are taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// The authorities that sign them, in PEM.
    pub ca: PathBuf,
    /// Whether a connection without one is refused.
    #[serde(default)]
    pub required: bool,
    /// What the authorities have revoked, in PEM.
    #[serde(default)]
    pub crl: Option<PathBuf>,
}

impl Files {
    /// Everything that is wrong with the files as they are now, below `web.tls`.
    pub fn problems(&self) -> Vec<Problem> {
        Material::of(&Contents::read(self)).err().unwrap_or_default()
    }
}

/// What is served by. Cheap to clone; every clone changes with the files.
#[derive(Clone)]
pub struct Tls(Arc<Served>);

struct Served {
    files: Files,
    in_force: RwLock<Material>,
    /// What the files held when they were last looked at, good or bad.
    seen: Mutex<Digest>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.0.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files, and looks from now on whether they have changed.
    ///
    /// # Errors
    /// Everything that is wrong with them, below `web.tls`.
    pub fn start(files: Files) -> Result<Self, Vec<Problem>> {
        let contents = Contents::read(&files);
        let material = Material::of(&contents)?;
        material.tell();
        let seen = Mutex::new(contents.digest());
        let tls = Self(Arc::new(Served { files, in_force: RwLock::new(material), seen }));
        tokio::spawn(look_now_and_then(Arc::downgrade(&tls.0)));
        Ok(tls)
    }

    /// Takes over what the files hold now; says so also when that is as bad as it was.
    pub async fn renew(&self) {
        self.look(true).await;
    }

    /// When the certificate ends that is in force.
    pub fn ends(&self) -> Timestamp {
        self.in_force(|material| material.ends)
    }

    async fn look(&self, told_to: bool) {
        // One look at a time, so that none puts back what a later one has found.
        let mut seen = self.0.seen.lock().await;
        let files = self.0.files.clone();
        let read = tokio::task::spawn_blocking(move || {
            let contents = Contents::read(&files);
            (contents.digest(), Material::of(&contents))
        });
        let Ok((digest, material)) = read.await else { return };
        let changed = std::mem::replace(&mut *seen, digest) != digest;
        if !changed && !told_to {
            return;
        }
        match material {
            Ok(material) => {
                if changed {
                    tracing::info!(until = %material.ends, "the files of web.tls are read anew");
                }
                material.tell();
                *self.0.in_force.write().unwrap_or_else(PoisonError::into_inner) = material;
            }
            Err(problems) => {
                for Problem { path, message, .. } in problems {
                    tracing::error!(why = %message, "web.tls.{path} is bad: what was read before stays in force");
                }
            }
        }
    }

    fn in_force<T>(&self, of: impl FnOnce(&Material) -> T) -> T {
        of(&self.0.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// By what the next connection is served.
    fn config(&self) -> Arc<ServerConfig> {
        self.in_force(|material| Arc::clone(&material.config))
    }

    /// Whether a client's chain, the leaf first, counts now: by the authorities, the revocations and the clock of this
    /// moment, not of the one at which the connection began.
    ///
    /// # Errors
    /// Why it does not.
    fn trusts(&self, chain: &[CertificateDer<'_>]) -> Result<(), String> {
        let clients = self.in_force(|material| material.clients.clone());
        let clients = clients.ok_or("no client certificate is taken")?;
        let (leaf, rest) = chain.split_first().ok_or("there is no client certificate")?;
        let judged = clients.verify_client_cert(leaf, rest, UnixTime::now()).map(drop);
        judged.map_err(|why| {
            let why = match why {
                rustls::Error::InvalidCertificate(why) => why.to_string(),
                why => why.to_string(),
            };
            format!("the client certificate does not count any more: {why}")
        })
    }
}

/// Ends with the last of those who are served.
async fn look_now_and_then(served: Weak<Served>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(served) = served.upgrade() else { return };
        Tls(served).look(false).await;
    }
}
