//! What a presented certificate chain says: names, dates, key and signature, and whether it is trusted at an instant.
//!
//! Pure: the chain, the roots and the times are handed in. Of revocation it knows what the server stapled.

use std::net::IpAddr;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::chain::{self, Shape, issuers};
use super::lifetime::{Lifetime, When};
use super::ocsp::{self, Staple};

/// Signature algorithms that no longer prove anything: MD2, MD5 and SHA-1 with RSA, SHA-1 with DSA and ECDSA.
const BROKEN_SIGNATURES: [&str; 7] = [
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.3.14.3.2.29",
    "1.2.840.10040.4.3",
    "1.2.840.10045.4.1",
    "1.3.14.3.2.26",
];

/// The extension that names features of TLS which the server must have.
const TLS_FEATURES: &str = "1.3.6.1.5.5.7.1.24";

/// The facts of one presented chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// When the best path from the leaf to a root ends; without such a path, when the presented chain does.
    pub(super) expires: Timestamp,
    /// Why a client would not accept the chain for the server's name; nothing when it would.
    pub(super) trust_error: Option<String>,
    /// The required names that the leaf does not cover.
    pub(super) missing: Vec<String>,
    /// The leaf's issuer.
    pub(super) issuer: String,
    /// The leaf's subject.
    pub(super) subject: String,
    /// The leaf's key: `EC 256`, `RSA 2048`.
    pub(super) key: String,
    /// Whether that key is RSA with 2048 bits, EC with 256 bits, or better.
    pub(super) key_strong: bool,
    /// The leaf's signature algorithm.
    pub(super) signature: String,
    /// Whether neither the leaf nor an intermediate is signed with MD5 or SHA-1.
    pub(super) signature_strong: bool,
    /// Whether a path to a root is valid now, whatever the names.
    pub(super) valid_now: bool,
    /// Whether one is at the go-live, or now where that is over; nothing where none is planned.
    pub(super) valid_at_go_live: Option<bool>,
    /// Whether one is so long after that as it must last.
    pub(super) valid_later: bool,
    /// The leaf's own dates.
    pub(super) lifetime: Lifetime,
    /// The shape of the chain.
    pub(super) shape: Shape,
    /// What the server stapled about revocation.
    pub(super) staple: Staple,
    /// Whether the leaf obliges the server to staple.
    pub(super) must_staple: bool,
}

/// Against what a chain is judged.
pub(super) struct Judge<'a> {
    /// The trusted roots.
    pub(super) roots: &'a RootCertStore,
    /// The signature algorithms of the TLS provider.
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    /// The instants of the judgement.
    pub(super) when: When,
    /// The name that a client would ask for.
    pub(super) server_name: &'a str,
    /// Every name that must be covered, the server's among them.
    pub(super) names: &'a [String],
}

/// Reads a presented chain, the leaf first, and what was stapled to it.
///
/// # Errors
/// A bad response when there is no leaf, or it cannot be parsed.
pub(super) fn read(
    chain: &[CertificateDer<'_>],
    staple: &[u8],
    judge: &Judge<'_>,
) -> Result<Facts, Failure> {
    let bad = |why: &str| Failure::new(Cause::BadResponse, format!("the certificate {why}"));
    let parsed = chain
        .iter()
        .map(|der| X509Certificate::from_der(der).map(|(_, c)| c))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| bad(&format!("cannot be parsed: {e}")))?;
    let leaf = parsed.first().ok_or_else(|| bad("is missing"))?;
    let alternatives = Alternatives::of(leaf);
    let missing: Vec<String> =
        judge.names.iter().filter(|name| !alternatives.cover(name)).cloned().collect();
    let when = judge.when;
    let now_error = path_error(chain, judge, when.now);
    let valid_now = now_error.is_none();
    let valid_at = |at| path_error(chain, judge, at).is_none();
    let trust_error = now_error.or_else(|| {
        (!alternatives.cover(judge.server_name))
            .then(|| format!("it does not cover the name {}", judge.server_name))
    });
    let (key, key_strong) = key(leaf);
    let algorithm = &leaf.signature_algorithm.algorithm;
    let signature =
        oid2sn(algorithm, oid_registry()).map_or_else(|_| algorithm.to_id_string(), str::to_owned);
    let signed = issuers(&parsed).into_iter().filter(|c| c.subject() != c.issuer());
    let mut signed = std::iter::once(leaf).chain(signed);
    Ok(Facts {
        expires: path_expiry(chain, &parsed, judge),
        trust_error,
        missing,
        issuer: leaf.issuer().to_string(),
        subject: leaf.subject().to_string(),
        key,
        key_strong,
        signature,
        signature_strong: signed.all(|c| {
            let id = c.signature_algorithm.algorithm.to_id_string();
            !BROKEN_SIGNATURES.contains(&id.as_str())
        }),
        valid_now,
        valid_at_go_live: when.go_live.map(|_| valid_at(when.start())),
        valid_later: valid_at(when.later()),
        lifetime: Lifetime { from: start(leaf), to: end(leaf) },
        shape: chain::shape(&parsed, judge.roots),
        staple: ocsp::read(staple, &parsed, judge.roots, judge.algorithms, when.now),
        must_staple: must_staple(leaf),
    })
}

/// Why no path leads from the leaf to a root at `at`, or nothing if one does.
fn path_error(chain: &[CertificateDer<'_>], judge: &Judge<'_>, at: Timestamp) -> Option<String> {
    let (leaf, rest) = chain.split_first()?;
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        u64::try_from(at.as_second()).unwrap_or(0),
    ));
    ParsedCertificate::try_from(leaf)
        .and_then(|leaf| {
            verify_server_cert_signed_by_trust_anchor(
                &leaf,
                judge.roots,
                rest,
                now,
                judge.algorithms.all,
            )
        })
        .err()
        .map(|e| match e {
            rustls::Error::InvalidCertificate(why) => why.to_string(),
            other => other.to_string(),
        })
}

/// When the longest-lived path to a root ends.
///
/// Every path ends with one of its certificates, so the last of the end dates at which a path still verifies is the
/// end of the best one. A superfluous expired certificate does no harm; an intermediate that ends first counts.
fn path_expiry(
    chain: &[CertificateDer<'_>],
    parsed: &[X509Certificate<'_>],
    judge: &Judge<'_>,
) -> Timestamp {
    let mut ends: Vec<Timestamp> = parsed.iter().map(end).collect();
    ends.sort_unstable();
    ends.dedup();
    let verified = ends.into_iter().rev().find(|at| path_error(chain, judge, *at).is_none());
    verified.unwrap_or_else(|| {
        let leaf = parsed.first().map_or(Timestamp::MIN, end);
        issuers(parsed).into_iter().map(end).fold(leaf, Timestamp::min)
    })
}

/// Whether a certificate asks for the TLS feature `status_request` (RFC 7633).
fn must_staple(leaf: &X509Certificate<'_>) -> bool {
    let features = leaf.extensions().iter().find(|e| e.oid.to_id_string() == TLS_FEATURES);
    // A sequence of integers, of which 5 is the one; 17 is its second version.
    let list = features.and_then(|e| super::der::inside(e.value)).unwrap_or_default();
    let mut der = super::der::Der::new(list);
    std::iter::from_fn(|| der.any()).any(|number| matches!(number.body, [5 | 17]))
}

fn start(certificate: &X509Certificate<'_>) -> Timestamp {
    Timestamp::from_second(certificate.validity().not_before.timestamp()).unwrap_or(Timestamp::MIN)
}

fn end(certificate: &X509Certificate<'_>) -> Timestamp {
    Timestamp::from_second(certificate.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX)
}

fn key(leaf: &X509Certificate<'_>) -> (String, bool) {
    match leaf.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            let bits = rsa.key_size();
            (format!("RSA {bits}"), bits >= 2048)
        }
        Ok(PublicKey::EC(point)) => {
            // The largest curve's 521 bits are kept in 66 bytes.
            let bits = point.key_size().min(521);
            (format!("EC {bits}"), bits >= 256)
        }
        Ok(PublicKey::DSA(_)) => ("DSA".to_owned(), false),
        _ => {
            let algorithm = &leaf.public_key().algorithm.algorithm;
            match algorithm.to_id_string().as_str() {
                "1.3.101.112" => ("Ed25519".to_owned(), true),
                "1.3.101.113" => ("Ed448".to_owned(), true),
                other => (format!("unknown algorithm {other}"), false),
            }
        }
    }
}

/// The names of a certificate's subject alternative name extension; the common name is not one of them.
pub(crate) struct Alternatives {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Alternatives {
    pub(crate) fn of(leaf: &X509Certificate<'_>) -> Self {
        let mut found = Self { names: Vec::new(), addresses: Vec::new() };
        let Ok(Some(extension)) = leaf.subject_alternative_name() else { return found };
        for name in &extension.value.general_names {
            match name {
                GeneralName::DNSName(name) => found.names.push(plain(name)),
                GeneralName::IPAddress(bytes) => {
                    let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                    let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
                    found.addresses.extend(v4.or(v6));
                }
                _ => {}
            }
        }
        found
    }

    pub(crate) fn cover(&self, name: &str) -> bool {
        match name.parse::<IpAddr>() {
            Ok(ip) => self.addresses.contains(&ip),
            Err(_) => self.names.iter().any(|pattern| matches(pattern, &plain(name))),
        }
    }
}

/// Whether a name of a certificate covers `name`, both plain: the same name, or a `*` in place of exactly the left-most
/// label. A required name that is itself a wildcard is covered by the same wildcard only.
fn matches(pattern: &str, name: &str) -> bool {
    if pattern == name {
        return true;
    }
    let (Some(("*", suffix)), Some((label, rest))) =
        (pattern.split_once('.'), name.split_once('.'))
    else {
        return false;
    };
    // `*.com` is no name that anybody may hold.
    !label.is_empty() && label != "*" && suffix == rest && suffix.contains('.')
}

/// A name as it is compared: lower case, no trailing dot.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_covered_as_clients_see_it() {
        let rows = [
            ("the same", "shop.example", "shop.example", true),
            ("case and dot", "shop.example", "Shop.Example.", true),
            ("one label", "*.shop.example", "www.shop.example", true),
            ("two labels", "*.shop.example", "a.b.shop.example", false),
            ("the bare suffix", "*.shop.example", "shop.example", false),
            ("part of a label", "w*.shop.example", "www.shop.example", false),
            ("a wildcard that is required", "*.shop.example", "*.shop.example", true),
            ("a wildcard that is too wide", "*.example", "shop.example", false),
            ("a wildcard by a name", "www.shop.example", "*.shop.example", false),
            ("not the left-most label", "www.*.example", "www.shop.example", false),
        ];
        for (row, pattern, name, covered) in rows {
            assert_eq!(matches(&plain(pattern), &plain(name)), covered, "{row}");
        }
    }

    /// Self-signed by `CN=weak.example` with RSA 1024 and SHA-1, until 2036-11-20; also for 192.0.2.1.
    const WEAK: &str = "\
-----BEGIN CERTIFICATE-----
MIICKTCCAZKgAwIBAgIUf08M8AJq7/5i0MaeMA2y8xb1Lu0wDQYJKoZIhvcNAQEF
BQAwFzEVMBMGA1UEAwwMd2Vhay5leGFtcGxlMB4XDTI2MTEyMzE1MjcxNloXDTM2
MTEyMDE1MjcxNlowFzEVMBMGA1UEAwwMd2Vhay5leGFtcGxlMIGfMA0GCSqGSIb3
DQEBAQUAA4GNADCBiQKBgQC7xcwDnj33OxHwgyM/IvajzL+g1D/zb33sKLORDS9H
C96QnnA/LtEqaSiwpwVU7uuuPvXDWTd0Nwc2EDQX9xNx4XiR1uInMuloFdXjQOQD
aAUheik2EXaxPOUf3+VXEPl3ZEcS++jkxqZR8Sm8eVz0P+lb4c5O68eN0/d0liYB
NQIDAQABo3IwcDAdBgNVHQ4EFgQULlPkyfD88PsoeX8K62O2cE4CEQYwHwYDVR0j
BBgwFoAULlPkyfD88PsoeX8K62O2cE4CEQYwDwYDVR0TAQH/BAUwAwEB/zAdBgNV
HREEFjAUggx3ZWFrLmV4YW1wbGWHBMAAAgEwDQYJKoZIhvcNAQEFBQADgYEApUZ5
f4gL7wt95jysChUXzW8WTfNaKtNbGf0p4x39H0KrqQzpK2G6/xZGxPHEXfjd/3Sa
YvY0bNatUDWdzN8osQZuxB5Y4XC6QoNiX571Knl1ZdM2SH5kqrsYeM2wI9LeXDYL
I2YuHm3qoRsr5x4dhRnfDb9os2cwL+kxpRJJjoM=
-----END CERTIFICATE-----
";

    #[test]
    fn a_weak_certificate_is_called_weak() {
        use rustls::pki_types::pem::PemObject;
        let chain = [CertificateDer::from_pem_slice(WEAK.as_bytes()).expect("a certificate")];
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let judge = Judge {
            roots: &RootCertStore::empty(),
            algorithms: provider.signature_verification_algorithms,
            when: When {
                now: "2026-12-01T00:00:00Z".parse().expect("a timestamp"),
                go_live: None,
                needed: std::time::Duration::from_secs(90 * 86_400),
            },
            server_name: "weak.example",
            names: &["WEAK.example".into(), "192.0.2.1".into(), "192.0.2.2".into()],
        };
        let facts = read(&chain, &[], &judge).expect("it can be read");
        assert_eq!((facts.key.as_str(), facts.key_strong), ("RSA 1024", false));
        assert_eq!(facts.signature, "sha1WithRSAEncryption");
        assert!(!facts.signature_strong);
        assert_eq!(facts.missing, ["192.0.2.2"]);
        assert_eq!(facts.expires.to_string(), "2036-11-20T15:27:16Z");
        assert!(facts.trust_error.is_some());
        assert!(!facts.valid_now && !facts.valid_later && !facts.must_staple);
        assert_eq!((facts.shape.length, facts.shape.missing.as_str()), (1, ""));
    }
}
