//! The key that signs the audit log's heads: Ed25519, in two files beside the store, made at the first start.
//!
//! `STORE.key` is PKCS#8 in PEM, readable for its owner alone; `STORE.pub` is what others verify with. A store whose log
//! was signed never gets a new key: that would hide that the old one is gone.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use launchgate_core::audit::{Head, Hex, Signature, SignedHead};
use rcgen::{PKCS_ED25519, SigningKey as _};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;

use super::StoreError;

/// A file with a key is not longer.
const MAX_FILE: u64 = 16 << 10;

/// The daemon's key.
pub(super) struct Key(rcgen::KeyPair);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// A new key.
    pub(super) fn generate() -> Result<Self, StoreError> {
        let pair = rcgen::KeyPair::generate_for(&PKCS_ED25519);
        pair.map(Self).map_err(|e| {
            StoreError::Unavailable(format!("no key for the audit log can be made: {e}"))
        })
    }

    /// The key beside a store; a new one if there is none and nothing has been signed yet.
    pub(super) fn beside(store: &Path, has_signed: bool) -> Result<Self, StoreError> {
        let (private, public) = (beside(store, ".key"), beside(store, ".pub"));
        let Some(text) = read(&private)? else {
            if has_signed {
                return Err(StoreError::Unreadable(format!(
                    "the audit log's key {} is missing, and what it signed is in the store: put it back, or begin with a \
                     new store",
                    private.display()
                )));
            }
            let key = Self::generate()?;
            write(&private, &key.0.serialize_pem(), 0o600)?;
            write(&public, &key.0.public_key_pem(), 0o644)?;
            return Ok(key);
        };
        let key = rcgen::KeyPair::from_pem_and_sign_algo(&text, &PKCS_ED25519)
            .map(Self)
            .map_err(|e| not_a_key(&private, &e))?;
        warn_if_others_read(&private);
        match read(&public)? {
            None => write(&public, &key.0.public_key_pem(), 0o644)?,
            Some(text) if PublicKey::read(&public, &text)? == key.public()? => {}
            Some(_) => {
                return Err(StoreError::Unreadable(format!(
                    "the audit log's keys do not belong together: {} was replaced, or {} was",
                    public.display(),
                    private.display()
                )));
            }
        }
        Ok(key)
    }

    /// Signs a head.
    pub(super) fn sign(&self, head: Head) -> Result<SignedHead, StoreError> {
        let fail = |e: &dyn fmt::Display| {
            StoreError::Unavailable(format!("the audit log cannot be signed: {e}"))
        };
        let signature = self.0.sign(&head.message()).map_err(|e| fail(&e))?;
        let signature = signature.try_into().map_err(|_| fail(&"the signature has no 64 bytes"))?;
        Ok(SignedHead::new(head, Hex(signature)))
    }

    /// What others verify with.
    pub(super) fn public(&self) -> Result<PublicKey, StoreError> {
        PublicKey::read(Path::new("the audit log's key"), &self.0.public_key_pem())
    }
}

/// What signed heads are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Reads a file in PEM, as the daemon writes it beside its store.
    ///
    /// # Errors
    /// There is no such file, or it holds no public key.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        match read(path)? {
            Some(text) => Self::read(path, &text),
            None => {
                Err(StoreError::Unavailable(format!("there is no public key {}", path.display())))
            }
        }
    }

    fn read(path: &Path, text: &str) -> Result<Self, StoreError> {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes())
            .map_err(|e| not_a_key(path, &e))?;
        Ok(Self(key.to_vec()))
    }

    /// Whether a signature over a message is this key's.
    pub fn has_signed(&self, message: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, &signature.0).is_ok()
    }
}

fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn not_a_key(path: &Path, error: &dyn fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("{} holds no Ed25519 key in PEM: {error}", path.display()))
}

/// The text of a file; none if it is not there.
fn read(path: &Path) -> Result<Option<String>, StoreError> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|f| f.take(MAX_FILE).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
    }
}

/// Writes a file, whole or not at all, and for good.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), StoreError> {
    let half = beside(path, ".new");
    let step = || -> std::io::Result<()> {
        match std::fs::remove_file(&half) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&half)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&half, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    step().map_err(|e| StoreError::Unavailable(format!("{}: {e}", path.display())))
}

/// Refusing would stop a daemon whose volume was mounted with other modes; saying nothing would hide it.
fn warn_if_others_read(private: &Path) {
    let mode = std::fs::metadata(private).map(|m| m.permissions().mode() & 0o077);
    if mode.is_ok_and(|mode| mode != 0) {
        tracing::warn!(key = %private.display(), "others than its owner may read the audit log's key");
    }
}
