//! A certificate authority that lives for one certificate, and that certificate.
//!
//! Keys stay in memory. Nothing is revoked, and there is no intermediate.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;

const DAY: Duration = Duration::from_secs(86_400);

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What a TLS server needs, and what its clients must trust.
pub(super) struct Identity {
    /// The server's side, with a fresh certificate and its key.
    pub(super) config: ServerConfig,
    /// The authority's certificate in PEM.
    pub(super) authority: String,
}

/// Makes an identity for `names` that lasts for another `days`; a negative number is how long ago it ended.
///
/// # Errors
/// A name that no certificate can hold, or a date that none can.
pub(super) fn issue(names: Vec<String>, days: i64) -> Result<Identity, Fault> {
    let now = SystemTime::now();
    let span = DAY * u32::try_from(days.unsigned_abs())?;
    let end = if days < 0 { now.checked_sub(span) } else { now.checked_add(span) };
    let end = end.ok_or("the certificate would end beyond all dates")?;
    let start = now.min(end) - DAY;

    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "launchgate demo authority");
    let root = authority.self_signed(&authority_key)?;

    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(names)?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.not_before = start.into();
    leaf.not_after = end.into();
    let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key))?;

    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone(), root.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der())?,
        )?;
    Ok(Identity { config, authority: root.pem() })
}
