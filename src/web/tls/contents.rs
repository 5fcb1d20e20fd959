//! What the files of `web.tls:` hold at one moment, read whole and not yet judged.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use launchgate_core::problem::{KeyPath, Problem};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Digest as _;
use sha2::Sha256;

use super::Files;

/// No chain, key or bundle of authorities is longer.
const MAX: u64 = 1 << 20;
/// A list of revocations of a large authority may be.
const MAX_LIST: u64 = 16 << 20;
/// What others may do with a file, in its mode.
const OTHERS: u32 = 0o007;

/// The SHA-256 of everything that was read.
pub(super) type Digest = [u8; 32];

/// The bytes of a file, or why they cannot be had.
type Bytes = Result<Vec<u8>, Problem>;

/// What the files hold.
pub(super) struct Contents<'f> {
    pub(super) files: &'f Files,
    pub(super) certificate: Bytes,
    pub(super) key: Result<SecretSlice<u8>, Problem>,
    /// Whether others on this machine may read or write the key.
    pub(super) key_is_open: bool,
    pub(super) ca: Option<Bytes>,
    pub(super) crl: Option<Bytes>,
}

impl<'f> Contents<'f> {
    /// Reads the files.
    pub(super) fn read(files: &'f Files) -> Self {
        let at = |key: &str| KeyPath::root().entry(key);
        let of_clients = |key: &str| at("clients").entry(key);
        let clients = files.clients.as_ref();
        let mode = std::fs::metadata(&files.key).map(|meta| meta.permissions().mode());
        Self {
            files,
            certificate: read(&files.certificate, &at("certificate"), MAX),
            key: read(&files.key, &at("key"), MAX).map(SecretSlice::from),
            key_is_open: mode.is_ok_and(|mode| mode & OTHERS != 0),
            ca: clients.map(|clients| read(&clients.ca, &of_clients("ca"), MAX)),
            crl: clients
                .and_then(|clients| clients.crl.as_ref())
                .map(|crl| read(crl, &of_clients("crl"), MAX_LIST)),
        }
    }

    /// What differs when anything does.
    pub(super) fn digest(&self) -> Digest {
        let mut all = Sha256::new();
        let key = self.key.as_ref().map(ExposeSecret::expose_secret);
        let others = [Some(&self.certificate), self.ca.as_ref(), self.crl.as_ref()];
        let others = others.map(|bytes| bytes.map(|bytes| bytes.as_ref().map(Vec::as_slice)));
        for bytes in [Some(key)].into_iter().chain(others).flatten() {
            let one = match bytes {
                Ok(bytes) => Sha256::digest(bytes),
                Err(problem) => Sha256::digest(&problem.message),
            };
            all.update(one);
        }
        all.finalize().into()
    }
}

fn read(path: &Path, at: &KeyPath, most: u64) -> Bytes {
    let fail = |why: &dyn std::fmt::Display| {
        Problem::new(at.clone(), format!("{}: {why}", path.display()))
    };
    // A pipe would never end.
    if !std::fs::metadata(path).map_err(|e| fail(&e))?.is_file() {
        return Err(fail(&"it is no regular file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| fail(&e))?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| fail(&e))?;
    if bytes.len() as u64 > most {
        return Err(fail(&format!("it is longer than {} MiB", most >> 20)));
    }
    Ok(bytes)
}
