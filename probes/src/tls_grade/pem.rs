//! A file of certificates: read within bounds, and never empty.

use std::fmt;
use std::path::Path;

use launchgate_core::observation::{Cause, Failure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncReadExt;

use crate::probe::Context;

/// The largest file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The certificates of a PEM file, whose path is relative to the launch file.
///
/// # Errors
/// A [`Cause::LocalFault`] that names the file and why it cannot be used.
pub(super) async fn read(
    file: &Path,
    cx: &Context,
) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let path = cx.folder.join(file);
    let fail = |why: &dyn fmt::Display| {
        let message = format!("the file of certificates {}: {why}", path.display());
        Failure::new(Cause::LocalFault, message)
    };
    let mut pem = Vec::new();
    let opened = tokio::fs::File::open(&path).await.map_err(|e| fail(&e))?;
    opened.take(MAX_FILE + 1).read_to_end(&mut pem).await.map_err(|e| fail(&e))?;
    if pem.len() as u64 > MAX_FILE {
        return Err(fail(&"it is larger than 1 MiB"));
    }
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let read = read.map_err(|e| fail(&e))?;
    if read.is_empty() { Err(fail(&"it holds no certificate")) } else { Ok(read) }
}
