//! What the files of `web.tls:` come to: the server's side of TLS, and the judge of client certificates.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use launchgate_core::problem::{KeyPath, Problem};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use secrecy::ExposeSecret as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;

use super::contents::Contents;

/// The server speaks HTTP/1.1 alone.
const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];

/// What connections are served by.
pub(super) struct Material {
    pub(super) config: Arc<ServerConfig>,
    /// Who says which client certificates count; nobody where none is asked for.
    pub(super) clients: Option<Arc<dyn ClientCertVerifier>>,
    /// When the certificate ends.
    pub(super) ends: Timestamp,
    /// What is not as it should be, and keeps nobody from serving.
    remarks: Vec<String>,
}

impl Material {
    /// Judges what the files hold.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn of(contents: &Contents<'_>) -> Result<Self, Vec<Problem>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut problems = Vec::new();
        let mut remarks = Vec::new();
        let server = server(contents, &provider, &mut problems);
        let clients = clients(contents, &provider, &mut problems, &mut remarks);
        let Some((certified, validity)) = server.filter(|_| problems.is_empty()) else {
            return Err(problems);
        };
        let begun =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let begun = begun.map_err(|e| vec![Problem::at("certificate", e.to_string())])?;
        let begun = match &clients {
            Some(clients) => begun.with_client_cert_verifier(Arc::clone(clients)),
            None => begun.with_no_client_auth(),
        };
        let mut config = begun.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        let (certificate, key) =
            (contents.files.certificate.display(), contents.files.key.display());
        let Validity { begins, ends } = validity;
        let now = Timestamp::now();
        if ends <= now {
            remarks.push(format!("the certificate in {certificate} expired at {ends}"));
        } else if begins > now {
            remarks
                .push(format!("the certificate in {certificate} does not count before {begins}"));
        }
        if contents.key_is_open {
            remarks.push(format!(
                "others than its owner and group may read or write the key in {key}"
            ));
        }
        Ok(Self { config: Arc::new(config), clients, ends, remarks })
    }

    /// What is not as it should be, in sentences.
    #[cfg(test)]
    pub(super) fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Writes the remarks to the log.
    pub(super) fn tell(&self) {
        for remark in &self.remarks {
            tracing::warn!("web.tls: {remark}");
        }
    }
}

/// When a certificate counts.
struct Validity {
    begins: Timestamp,
    ends: Timestamp,
}

/// The certificate with its key; nothing where something is wrong with either.
fn server(
    contents: &Contents<'_>,
    provider: &CryptoProvider,
    problems: &mut Vec<Problem>,
) -> Option<(CertifiedKey, Validity)> {
    let files = contents.files;
    let at = |key: &str| KeyPath::root().entry(key);
    let hint = "PEM: the server's own certificate first, then those that lead to its authority";
    let chain = match &contents.certificate {
        Ok(bytes) => chain(bytes, &files.certificate)
            .map_err(|message| Problem::new(at("certificate"), message).hint(hint)),
        Err(problem) => Err(problem.clone()),
    };
    let key = match &contents.key {
        Ok(bytes) => PrivateKeyDer::from_pem_slice(bytes.expose_secret()).map_err(|_| {
            let message = format!("{} holds no private key", files.key.display());
            let hint = "write it in PEM and without a passphrase: `openssl pkey -in KEY -out NEW`";
            Problem::new(at("key"), message).hint(hint)
        }),
        Err(problem) => Err(problem.clone()),
    };
    let (Ok((chain, validity)), Ok(key)) = (note(chain, problems), note(key, problems)) else {
        return None;
    };
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(|why| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        match why {
            rustls::Error::InconsistentKeys(_) => {
                let message =
                    format!("the key in {key} does not belong to the certificate in {certificate}");
                Problem::new(at("key"), message)
                    .hint("the server's own certificate stands first in its file")
            }
            why => Problem::new(at("key"), format!("the key in {key} cannot be used: {why}")),
        }
    });
    note(certified, problems).ok().map(|certified| (certified, validity))
}

/// The chain, and when its first certificate counts.
fn chain(bytes: &[u8], path: &Path) -> Result<(Vec<CertificateDer<'static>>, Validity), String> {
    let chain = sections::<CertificateDer<'_>>(bytes, path, "certificate")?;
    match validity(&chain) {
        Some(validity) => Ok((chain, validity)),
        None => Err(format!("the certificate in {} cannot be read", path.display())),
    }
}

/// Who judges client certificates; nobody where none is asked for, or something is wrong.
fn clients(
    contents: &Contents<'_>,
    provider: &Arc<CryptoProvider>,
    problems: &mut Vec<Problem>,
    remarks: &mut Vec<String>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let clients = contents.files.clients.as_ref()?;
    let at = |key: &str| KeyPath::root().entry("clients").entry(key);
    let roots = match contents.ca.as_ref()? {
        Ok(bytes) => authorities(bytes, &clients.ca).map_err(|e| Problem::new(at("ca"), e)),
        Err(problem) => Err(problem.clone()),
    };
    let lists = match (&contents.crl, &clients.crl) {
        (Some(Ok(bytes)), Some(path)) => {
            revocations(bytes, path, remarks).map_err(|e| Problem::new(at("crl"), e))
        }
        (Some(Err(problem)), _) => Err(problem.clone()),
        (Some(Ok(_)) | None, _) => Ok(Vec::new()),
    };
    let (Ok(roots), Ok(lists)) = (note(roots, problems), note(lists, problems)) else {
        return None;
    };
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .with_crls(lists);
    if !clients.required {
        builder = builder.allow_unauthenticated();
    }
    let built = builder.build().map_err(|why| match (why, &clients.crl) {
        (VerifierBuilderError::InvalidCrl(_), Some(path)) => {
            let message = format!("{} holds a list that cannot be read", path.display());
            Problem::new(at("crl"), message)
        }
        (why, _) => Problem::new(at("ca"), why.to_string()),
    });
    note(built, problems).ok()
}

fn authorities(bytes: &[u8], path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for authority in sections::<CertificateDer<'_>>(bytes, path, "certificate")? {
        roots
            .add(authority)
            .map_err(|_| format!("{} holds a certificate that cannot be read", path.display()))?;
    }
    Ok(roots)
}

/// The lists of revocations; of one that is out of date there is a remark, and it goes on counting.
fn revocations(
    bytes: &[u8],
    path: &Path,
    remarks: &mut Vec<String>,
) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let lists = sections::<CertificateRevocationListDer<'_>>(bytes, path, "list of revocations")?;
    for list in &lists {
        let read = CertificateRevocationList::from_der(list);
        let next = read.ok().and_then(|(_, list)| list.next_update()).map(instant);
        if let Some(next) = next.filter(|next| *next <= Timestamp::now()) {
            let path = path.display();
            remarks.push(format!(
                "a list in {path} was to be replaced by {next}: what was revoked since is not known"
            ));
        }
    }
    Ok(lists)
}

/// Every section of a kind, of which there must be one.
fn sections<T: PemObject>(bytes: &[u8], path: &Path, what: &str) -> Result<Vec<T>, String> {
    let read: Result<Vec<T>, _> = T::pem_slice_iter(bytes).collect();
    match read {
        Ok(found) if found.is_empty() => Err(format!("{} holds no {what}", path.display())),
        Ok(found) => Ok(found),
        Err(why) => Err(format!("{} cannot be read: {why}", path.display())),
    }
}

/// When the first certificate of a chain counts.
fn validity(chain: &[CertificateDer<'_>]) -> Option<Validity> {
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    let validity = leaf.validity();
    Some(Validity { begins: instant(validity.not_before), ends: instant(validity.not_after) })
}

fn instant(time: ASN1Time) -> Timestamp {
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
}

/// Notes what is wrong, so that all of it is told.
fn note<T>(found: Result<T, Problem>, problems: &mut Vec<Problem>) -> Result<T, ()> {
    found.map_err(|problem| problems.push(problem))
}
