//! Certificates and what is stapled to them, for `fuzz/`.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

use super::certificate::{self, Judge};
use super::lifetime::When;
use super::{der, ocsp};
use crate::fuzzing::{Parser, said};

static PROVIDER: LazyLock<CryptoProvider> =
    LazyLock::new(rustls::crypto::aws_lc_rs::default_provider);

pub(crate) const PARSERS: &[Parser] = &[
    ("tls_certificate", |bytes| judged(&chain(bytes), &[])),
    ("tls_der", |bytes| said(der::inside(bytes))),
    ("tls_ocsp", |bytes| said(ocsp::parse(bytes).is_some())),
    // The staple stands behind the chain.
    ("tls_staple", |bytes| {
        let mut chain = chain(bytes);
        let staple = if chain.len() > 1 { chain.pop() } else { None };
        judged(&chain, &staple.unwrap_or_default());
    }),
];

/// Bytes as elements of DER, one behind the other; the rest is the last.
pub(crate) fn chain(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut chain = Vec::new();
    while !bytes.is_empty() && chain.len() < 4 {
        let whole = match bytes {
            [0x30, length @ 0..=0x7f, ..] => 2 + usize::from(*length),
            [0x30, 0x81, length, ..] => 3 + usize::from(*length),
            [0x30, 0x82, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
            _ => bytes.len(),
        };
        let (one, rest) = bytes.split_at(whole.min(bytes.len()));
        chain.push(one.to_vec());
        bytes = rest;
    }
    chain
}

fn judged(chain: &[Vec<u8>], staple: &[u8]) {
    let chain: Vec<CertificateDer<'_>> =
        chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let now = Timestamp::from_second(1_796_000_000).expect("the time is one");
    let judge = Judge {
        roots: &RootCertStore::empty(),
        algorithms: PROVIDER.signature_verification_algorithms,
        when: When { now, go_live: None, needed: Duration::from_secs(90 * 86_400) },
        server_name: "weak.example",
        names: &["WEAK.example".to_owned(), "192.0.2.1".to_owned()],
    };
    said(certificate::read(&chain, staple, &judge));
}
