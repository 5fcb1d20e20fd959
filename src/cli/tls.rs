//! TLS as the command line speaks it with the daemon: whom it trusts, and by which certificate it says who asks.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use super::args::Daemon;
use super::exit::Failed;

/// The client's side of TLS.
pub(super) fn config(daemon: &Daemon) -> Result<ClientConfig, Failed> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    if let Some(path) = &daemon.ca_file {
        for certificate in certificates("the CA", path)? {
            roots.add(certificate).map_err(|e| bad("the CA", path, &e))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Failed::internal(e.to_string()))?
        .with_root_certificates(roots);
    let (Some(chain), Some(key)) = (&daemon.client_cert, &daemon.client_key) else {
        return Ok(config.with_no_client_auth());
    };
    let of_key = "the client certificate's key";
    let read = PrivateKeyDer::from_pem_file(key).map_err(|e| match e {
        pem::Error::NoItemsFound => {
            bad(of_key, key, &"it holds no private key without a passphrase")
        }
        e => bad(of_key, key, &e),
    })?;
    config
        .with_client_auth_cert(certificates("the client certificate", chain)?, read)
        .map_err(|e| bad(of_key, key, &e))
}

fn certificates(what: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failed> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found: Vec<_> = read.map_err(|e| bad(what, path, &e))?;
    if found.is_empty() { Err(bad(what, path, &"it holds no certificate")) } else { Ok(found) }
}

fn bad(what: &str, path: &Path, why: &dyn std::fmt::Display) -> Failed {
    Failed::usage(format!("{what} in {}: {why}", path.display()))
}

/// What to do when no connection came about because of TLS.
pub(super) fn hint(error: &reqwest::Error) -> Option<&'static str> {
    use AlertDescription as Alert;
    let of_certificate = "name a certificate that it takes by --client-cert and --client-key";
    match cause(error)? {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some("name the authority of the daemon's certificate by --ca-file")
        }
        rustls::Error::InvalidMessage(_) => Some("it may speak plain HTTP: ask by http://"),
        rustls::Error::AlertReceived(Alert::CertificateRequired) => Some(of_certificate),
        rustls::Error::AlertReceived(
            Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::DecryptError
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate,
        ) => Some(
            "the daemon does not take the client certificate: its log says why at the level debug",
        ),
        _ => None,
    }
}

/// What TLS says, however deep it lies. An error of IO that holds another one does not have that as its source.
fn cause(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut at: &(dyn Error + 'static) = error;
    loop {
        if let Some(found) = at.downcast_ref() {
            return Some(found);
        }
        let held = at.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        at = match held {
            Some(held) => held,
            None => at.source()?,
        };
    }
}
