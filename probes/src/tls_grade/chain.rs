//! What a presented chain is worth: its key, its weakest digest, whether clients trust it, and whether it lacks an
//! intermediate.
//!
//! Pure: the chain, the roots and the time are handed in. Revocation is not looked at, and nothing is fetched.

use std::time::Duration;

use jiff::Timestamp;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::facts::{Certificate, Digest, Key, Trust};
use crate::tls::certificate::Alternatives;

/// MD2 and MD5 with RSA.
const MD5: [&str; 2] = ["1.2.840.113549.1.1.2", "1.2.840.113549.1.1.4"];
/// SHA-1 with RSA, DSA and ECDSA.
const SHA1: [&str; 5] = [
    "1.2.840.113549.1.1.5",
    "1.3.14.3.2.29",
    "1.2.840.10040.4.3",
    "1.2.840.10045.4.1",
    "1.3.14.3.2.26",
];

/// Against what a chain is judged.
pub(super) struct Judge<'a> {
    pub(super) roots: &'a RootCertStore,
    /// Intermediates that clients may come by otherwise.
    pub(super) known: &'a [CertificateDer<'static>],
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) now: Timestamp,
    /// The name that a client would ask for.
    pub(super) name: &'a str,
}

/// Reads a chain, the leaf first. One that cannot be read is one that nobody trusts.
pub(super) fn read(chain: &[Vec<u8>], judge: &Judge<'_>) -> Certificate {
    let parsed: Result<Vec<_>, _> =
        chain.iter().map(|der| X509Certificate::from_der(der).map(|(_, c)| c)).collect();
    let parsed = parsed.unwrap_or_default();
    let Some(leaf) = parsed.first() else {
        return Certificate {
            subject: "a certificate that cannot be read".to_owned(),
            key: Key::Unknown,
            digest: Digest::Strong,
            trust: Trust::Refused("it cannot be read".to_owned()),
            mismatch: false,
            incomplete: false,
        };
    };
    let way = way(&parsed);
    let digest = digest(&way);
    let (trust, incomplete) = trust(chain, &way, digest, judge);
    Certificate {
        subject: leaf.subject().to_string(),
        key: key(leaf),
        digest,
        trust,
        mismatch: !Alternatives::of(leaf).cover(judge.name),
        incomplete,
    }
}

/// The leaf and the presented certificates above it, by issuer and subject.
fn way<'c, 'd>(parsed: &'c [X509Certificate<'d>]) -> Vec<&'c X509Certificate<'d>> {
    let mut way: Vec<&X509Certificate<'d>> = parsed.first().into_iter().collect();
    while let Some(top) = way.last()
        && top.subject() != top.issuer()
        && way.len() < parsed.len()
    {
        let Some(above) = parsed.iter().skip(1).find(|c| c.subject() == top.issuer()) else {
            break;
        };
        way.push(above);
    }
    way
}

/// The weakest digest on the way. How a root signs itself proves nothing, and does not count.
fn digest(way: &[&X509Certificate<'_>]) -> Digest {
    let signed = way.iter().enumerate().filter(|(i, c)| *i == 0 || c.subject() != c.issuer());
    let digests = signed.map(|(_, certificate)| {
        let id = certificate.signature_algorithm.algorithm.to_id_string();
        if MD5.contains(&id.as_str()) {
            Digest::Md5
        } else if SHA1.contains(&id.as_str()) {
            Digest::Sha1
        } else {
            Digest::Strong
        }
    });
    digests.min().unwrap_or(Digest::Strong)
}

/// Whether clients trust it, and whether it lacks an intermediate.
fn trust(
    chain: &[Vec<u8>],
    way: &[&X509Certificate<'_>],
    digest: Digest,
    judge: &Judge<'_>,
) -> (Trust, bool) {
    let Err(why) = verify(chain, &[], judge) else { return (Trust::Trusted, false) };
    if verify(chain, judge.known, judge).is_ok() {
        return (Trust::Trusted, true);
    }
    let now = judge.now.as_second();
    let valid = way.iter().all(|c| {
        let validity = c.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
    });
    let hangs = way.last().is_some_and(|top| {
        let issuer = top.issuer().as_raw();
        let known = judge.roots.roots.iter().any(|root| issuer.ends_with(root.subject.as_ref()));
        top.subject() != top.issuer() && !known
    });
    if hangs && valid && digest == Digest::Strong {
        let issuer = way.last().map(|top| top.issuer().to_string()).unwrap_or_default();
        (Trust::Open(format!("the certificate of {issuer} is not presented")), true)
    } else {
        (Trust::Refused(why), false)
    }
}

/// Whether a path leads from the leaf to a root, by way of what is presented and `known`.
fn verify(
    chain: &[Vec<u8>],
    known: &[CertificateDer<'static>],
    judge: &Judge<'_>,
) -> Result<(), String> {
    let mut presented = chain.iter().map(|der| CertificateDer::from(der.as_slice()));
    let leaf = presented.next().ok_or("there is no certificate")?;
    let rest: Vec<CertificateDer<'_>> = presented.chain(known.iter().cloned()).collect();
    let seconds = u64::try_from(judge.now.as_second()).unwrap_or(0);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let verified = ParsedCertificate::try_from(&leaf).and_then(|leaf| {
        let algorithms = judge.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, judge.roots, &rest, now, algorithms)
    });
    verified.map_err(|error| match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no path leads to a root that clients trust".to_owned()
        }
        rustls::Error::InvalidCertificate(CertificateError::Other(why)) => why.0.to_string(),
        rustls::Error::InvalidCertificate(why) => why.to_string(),
        other => other.to_string(),
    })
}

fn key(leaf: &X509Certificate<'_>) -> Key {
    let bits = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    match leaf.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            Key::Rsa { bits: bits(rsa.key_size()), exponent_one: rsa.try_exponent() == Ok(1) }
        }
        // The largest curve's 521 bits are kept in 66 bytes.
        Ok(PublicKey::EC(point)) => Key::Curve(bits(point.key_size()).min(521)),
        Ok(PublicKey::DSA(y)) => Key::Dsa(bits(y.len()).saturating_mul(8)),
        _ => match leaf.public_key().algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => Key::Curve(256),
            "1.3.101.113" => Key::Curve(448),
            _ => Key::Unknown,
        },
    }
}
