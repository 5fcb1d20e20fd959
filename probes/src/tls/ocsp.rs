//! The answer about revocation that a server staples to its certificate (OCSP, RFC 6960): read and verified.
//!
//! Pure: nobody is asked. An answer counts when its signature is that of the certificate's issuer, or of a responder
//! whom the issuer appointed. Issuers are told apart by that signature, not by the hashes in the answer.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::RootCertStore;
use rustls::crypto::WebPkiSupportedAlgorithms;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::der::{Der, inside};

/// The most certificates of an answer that are tried as its signer's.
const MAX_SIGNERS: usize = 4;
/// How far the responder's clock may be ahead, in seconds.
const SKEW: i64 = 300;
/// The type of every answer that is in use, `id-pkix-ocsp-basic`.
const BASIC: [u8; 9] = [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];

/// What is known of revocation by the staple, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// Not revoked.
    Good,
    /// Nothing was stapled.
    Absent,
    /// The responder does not know the certificate.
    Unknown,
    /// The answer is no longer, or not yet, for now.
    Stale,
    /// The answer cannot be read, is about another certificate, or is signed by nobody who may.
    Invalid,
    /// Revoked.
    Revoked,
}

impl Status {
    /// The status as a reading's text.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::Invalid => "invalid",
            Self::Revoked => "revoked",
        }
    }
}

/// A staple, verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Staple {
    /// What it comes to.
    pub(super) status: Status,
    /// Until when it holds, if it says so and its signature does.
    pub(super) next_update: Option<Timestamp>,
}

/// Reads what was stapled to the first of `chain`, at `now`.
pub(super) fn read(
    staple: &[u8],
    chain: &[X509Certificate<'_>],
    roots: &RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
    now: Timestamp,
) -> Staple {
    let worthless = |status| Staple { status, next_update: None };
    if staple.is_empty() {
        return worthless(Status::Absent);
    }
    let (Some(leaf), Some(answer)) = (chain.first(), parse(staple)) else {
        return worthless(Status::Invalid);
    };
    let verifier = Verifier { algorithms, now };
    let keys = issuer_keys(leaf, chain, roots);
    let mine = answer.singles.iter().find(|single| single.serial == leaf.raw_serial());
    match mine {
        Some(single) if keys.into_iter().any(|key| verifier.signed(&answer, key)) => {
            let skewed = now.as_second().saturating_add(SKEW);
            let over = single.next_update.is_some_and(|at| at < now);
            let early = single.this_update.as_second() > skewed;
            // What is revoked stays so, however old the news.
            let stale = (over || early) && single.status != Status::Revoked;
            let status = if stale { Status::Stale } else { single.status };
            Staple { status, next_update: single.next_update }
        }
        _ => worthless(Status::Invalid),
    }
}

/// The keys that the leaf's issuer may have, each the inside of a `SubjectPublicKeyInfo`.
fn issuer_keys<'a>(
    leaf: &X509Certificate<'_>,
    chain: &'a [X509Certificate<'_>],
    roots: &'a RootCertStore,
) -> Vec<&'a [u8]> {
    let wanted = leaf.issuer().as_raw();
    let presented = chain.iter().filter(|c| c.subject().as_raw() == wanted);
    let presented = presented.filter_map(|c| inside(c.public_key().raw));
    let anchors = roots.roots.iter().filter(|r| inside(wanted) == Some(r.subject.as_ref()));
    presented.chain(anchors.map(|r| r.subject_public_key_info.as_ref())).collect()
}

/// An answer, of which nothing is verified yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    singles: Vec<Single<'a>>,
    /// What was signed.
    signed: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    certificates: &'a [u8],
}

/// What it says of one certificate.
#[derive(Debug, PartialEq, Eq)]
struct Single<'a> {
    serial: &'a [u8],
    status: Status,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
}

/// The most certificates that one answer may speak of.
const MAX_SINGLES: usize = 64;

/// Reads an answer; nothing if it is none, or says that there is none.
pub(super) fn parse(bytes: &[u8]) -> Option<Answer<'_>> {
    let mut response = Der::new(Der::new(bytes).take(0x30)?.body);
    if response.take(0x0a)?.body != [0] {
        return None;
    }
    let mut typed = Der::new(inside(response.take(0xa0)?.body)?);
    if typed.take(0x06)?.body != BASIC {
        return None;
    }
    let mut basic = Der::new(inside(typed.take(0x04)?.body)?);
    let data = basic.take(0x30)?;
    let algorithm = basic.take(0x30)?.body;
    let (unused, signature) = basic.take(0x03)?.body.split_first()?;
    if *unused != 0 {
        return None;
    }
    let certificates = basic.take(0xa0).and_then(|list| inside(list.body)).unwrap_or_default();
    let mut inner = Der::new(data.body);
    // The version, if it is not the first; then the responder, by name or by key.
    inner.pass(0xa0);
    inner.any()?;
    // When it was made, which says nothing of when it holds.
    inner.take(0x18)?;
    let mut list = Der::new(inner.take(0x30)?.body);
    let mut singles = Vec::new();
    while let Some(one) = list.any() {
        if singles.len() == MAX_SINGLES {
            return None;
        }
        singles.push(single(one.body)?);
    }
    Some(Answer { singles, signed: data.whole, algorithm, signature, certificates })
}

fn single(bytes: &[u8]) -> Option<Single<'_>> {
    let mut der = Der::new(bytes);
    let mut id = Der::new(der.take(0x30)?.body);
    // The hash's algorithm, and the hashes of the issuer's name and key.
    id.take(0x30)?;
    id.take(0x04)?;
    id.take(0x04)?;
    let serial = id.take(0x02)?.body;
    let status = match der.any()?.tag {
        0x80 => Status::Good,
        0xa1 => Status::Revoked,
        0x82 => Status::Unknown,
        _ => return None,
    };
    let this_update = time(der.take(0x18)?.body)?;
    let next_update = match der.take(0xa0) {
        Some(next) => Some(time(Der::new(next.body).take(0x18)?.body)?),
        None => None,
    };
    Some(Single { serial, status, this_update, next_update })
}

/// A time such as `20261201093000Z`.
fn time(text: &[u8]) -> Option<Timestamp> {
    let digits: &[u8; 14] = text.strip_suffix(b"Z")?.try_into().ok()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |of: &[u8]| of.iter().fold(0_i16, |n, d| n * 10 + i16::from(d - b'0'));
    let two = |from: usize| {
        let pair = digits.get(from..from + 2)?;
        i8::try_from(number(pair)).ok()
    };
    let year = number(digits.get(..4)?);
    let date = DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?, 0).ok()?;
    date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Who says whether a signature holds.
struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    now: Timestamp,
}

impl Verifier {
    /// Whether the issuer with `key`, or a responder whom it appointed, signed the answer.
    fn signed(&self, answer: &Answer<'_>, key: &[u8]) -> bool {
        if self.verify(key, answer.algorithm, answer.signed, answer.signature) {
            return true;
        }
        let mut list = Der::new(answer.certificates);
        std::iter::from_fn(|| list.any()).take(MAX_SIGNERS).any(|one| {
            let appointed = self.appointed(one.whole, key);
            appointed
                .is_some_and(|k| self.verify(k, answer.algorithm, answer.signed, answer.signature))
        })
    }

    /// The key of a responder whom the issuer with `key` appointed, and whose certificate holds now.
    fn appointed<'a>(&self, certificate: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let usage = parsed.extended_key_usage().ok()??;
        let now = self.now.as_second();
        let validity = parsed.validity();
        let valid = validity.not_before.timestamp() <= now && now <= validity.not_after.timestamp();
        let mut parts = Der::new(inside(certificate)?);
        let tbs = parts.take(0x30)?;
        let algorithm = parts.take(0x30)?.body;
        let (_, signature) = parts.take(0x03)?.body.split_first()?;
        let held =
            usage.value.ocsp_signing && valid && self.verify(key, algorithm, tbs.whole, signature);
        if held { inside(parsed.tbs_certificate.subject_pki.raw) } else { None }
    }

    /// Whether `signature` over `message` is that of `key`, the inside of a `SubjectPublicKeyInfo`.
    fn verify(&self, key: &[u8], algorithm: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let mut parts = Der::new(key);
        let (Some(kind), Some(bits)) = (parts.take(0x30), parts.take(0x03)) else { return false };
        let Some((_, bits)) = bits.body.split_first() else { return false };
        self.algorithms.all.iter().any(|known| {
            known.public_key_alg_id().as_ref() == kind.body
                && known.signature_alg_id().as_ref() == algorithm
                && known.verify_signature(bits, message, signature).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_standard_writes_them() {
        let rows = [
            ("a time", "20261201093000Z", Some("2026-12-01T09:30:00Z")),
            ("no zone", "20261201093000", None),
            ("a fraction", "20261201093000.5Z", None),
            ("no such month", "20261301093000Z", None),
            ("no digits", "2026120109300xZ", None),
            ("empty", "", None),
        ];
        for (row, text, read) in rows {
            let found = time(text.as_bytes()).map(|at| at.to_string());
            assert_eq!(found.as_deref(), read, "{row}");
        }
    }

    #[test]
    fn what_is_no_answer_is_invalid_and_nothing_is_absent() {
        let roots = RootCertStore::empty();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let algorithms = provider.signature_verification_algorithms;
        let rows: [(&str, &[u8], Status); 5] = [
            ("nothing", &[], Status::Absent),
            ("garbage", &[0xff; 40], Status::Invalid),
            ("`try later`", &[0x30, 3, 0x0a, 1, 3], Status::Invalid),
            ("no bytes", &[0x30, 3, 0x0a, 1, 0], Status::Invalid),
            ("a length that lies", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], Status::Invalid),
        ];
        for (row, bytes, status) in rows {
            let read = read(bytes, &[], &roots, algorithms, Timestamp::UNIX_EPOCH);
            assert_eq!(read, Staple { status, next_update: None }, "{row}");
        }
    }
}
