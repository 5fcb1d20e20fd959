//! Records of SPF and their macros, for `fuzz/`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::macros::{Spec, Values, is_macro_string};
use super::record;
use crate::fuzzing::{said, text};

pub(in crate::mail_auth) fn record(bytes: &[u8]) {
    said((record::is_record(bytes), record::parse(bytes)));
}

pub(in crate::mail_auth) fn macros(bytes: &[u8]) {
    let text = text(bytes);
    said(is_macro_string(&text));
    let Some(spec) = Spec::read(&text) else { return };
    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let values = Values {
            sender: "strong-bad@email.example.com",
            domain: "email.example.com",
            ip,
            helo: "mx.example.org",
            proven: "unknown",
        };
        said((spec.expand(&values), spec.needs_proof()));
    }
}
