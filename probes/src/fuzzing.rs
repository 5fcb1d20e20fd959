//! The parsers of bytes from outside, by name, for `fuzz/`: built with the feature `fuzzing` alone.
//!
//! Each kind lists its own beside them, a line per parser. No parser may panic, whatever it is given, nor take long or
//! much memory; what it says is not looked at.

use std::borrow::Cow;

/// A parser by its name, and what gives it bytes.
pub type Parser = (&'static str, fn(&[u8]));

/// All parsers of this crate.
pub fn parsers() -> Vec<Parser> {
    let kinds: [&[Parser]; 19] = [
        OWN,
        crate::alert_drill::fuzzing::PARSERS,
        crate::alert_routes::fuzzing::PARSERS,
        crate::alert_rules::fuzzing::PARSERS,
        crate::alerts::fuzzing::PARSERS,
        crate::backup::fuzzing::PARSERS,
        crate::cdn::fuzzing::PARSERS,
        crate::dns::fuzzing::PARSERS,
        crate::dns_snapshot::fuzzing::PARSERS,
        crate::exec::fuzzing::PARSERS,
        crate::grpc::fuzzing::PARSERS,
        crate::hsts::fuzzing::PARSERS,
        crate::http::fuzzing::PARSERS,
        crate::mail_auth::fuzzing::PARSERS,
        crate::metrics::fuzzing::PARSERS,
        crate::prometheus::fuzzing::PARSERS,
        crate::replication::fuzzing::PARSERS,
        crate::tls::fuzzing::PARSERS,
        crate::tls_grade::fuzzing::PARSERS,
    ];
    kinds.concat()
}

const OWN: &[Parser] = &[
    ("captured", |bytes| {
        let mut captured =
            crate::captured::Captured::new(bytes.first().map_or(0, |b| *b / 4).into());
        bytes.chunks(7).for_each(|chunk| captured.push(chunk));
        said(captured.text());
    }),
    ("address", |bytes| said(crate::dial::parse_address(&text(bytes), 53))),
];

/// Takes what a parser said, so that the call is not optimised away.
pub(crate) fn said<T>(of: T) {
    drop(std::hint::black_box(of));
}

/// Bytes as those parsers get them that take text.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Bytes as two parts, cut at the first zero.
pub(crate) fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (&bytes[..at], bytes.get(at + 1..).unwrap_or_default())
}

/// Header fields, one a line, as far as they are any.
pub(crate) fn headers(bytes: &[u8]) -> http::HeaderMap {
    let fields = bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = http::HeaderName::from_bytes(&line[..at]).ok()?;
        Some((name, http::HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?))
    });
    let mut headers = http::HeaderMap::new();
    for (name, value) in fields.take(100) {
        headers.append(name, value);
    }
    headers
}
