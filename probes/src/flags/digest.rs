//! A short text that differs when a definition does, whatever the order of its keys, and is the same after a restart.

use std::fmt::Write as _;

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use serde_json::Value;

/// How many bytes of the SHA-256 are kept.
const KEPT: usize = 16;

/// The beginning of a JSON value's SHA-256, in hexadecimal.
pub(super) fn of(mut value: Value) -> String {
    value.sort_all_objects();
    // The provider of TLS has the one implementation of SHA-256 that is linked in.
    let hash = match TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
    };
    let digest = hash.hash(value.to_string().as_bytes());
    let mut text = String::with_capacity(2 * KEPT);
    for byte in digest.as_ref().iter().take(KEPT) {
        write!(text, "{byte:02x}").expect("a String takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_sha_256_and_does_not_mind_the_order_of_keys() {
        // `printf '{"a":1,"b":[true]}' | sha256sum`
        let known = "90eddf64b875cb5f";
        let one: Value = serde_json::from_str(r#"{"a": 1, "b": [true]}"#).expect("JSON");
        let other: Value = serde_json::from_str(r#"{"b": [true], "a": 1}"#).expect("JSON");
        assert!(of(one.clone()).starts_with(known), "{}", of(one));
        assert!(of(other).starts_with(known));
        assert_ne!(of(json!({"a": 1, "b": [false]})), of(json!({"a": 1, "b": [true]})));
    }
}
