//! What servers answer to hellos and over HTTP, and chains as they are graded, for `fuzz/`.

use jiff::Timestamp;
use rustls::RootCertStore;

use super::chain::{self, Judge};
use super::{answer, session};
use crate::fuzzing::{Parser, said};

pub(crate) const PARSERS: &[Parser] = &[
    ("tls_grade_answer", |bytes| said([false, true].map(|ended| answer::parse(bytes, ended)))),
    ("tls_grade_ancient", |bytes| said([false, true].map(|ended| answer::ancient(bytes, ended)))),
    ("tls_grade_policy", |bytes| said(session::policy(bytes))),
    ("tls_grade_chain", |bytes| {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let judge = Judge {
            roots: &RootCertStore::empty(),
            known: &[],
            algorithms: provider.signature_verification_algorithms,
            now: Timestamp::UNIX_EPOCH,
            name: "weak.example",
        };
        said(chain::read(&crate::tls::fuzzing::chain(bytes), &judge));
    }),
];
