//! Tables over the reader of DKIM keys, with keys made for them.

use launchgate_core::observation::Cause;
use launchgate_core::reading::Value;

use super::*;

const RSA_2048: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzGH9arQvyz9AuGAGj/fL+tT6ddpxg54dJ0fA7modRLrt\
    ZeKs8tyzXdg5tzweZfTEXIvcmgU9KlGyPsJpKUZ8YU4RNFO9KkfARS3kxJ7q/2bAPqcu5oL2SHaXLGbEKxdMH2z7\
    1vorwmhw7qmL8KytIAcGLrmBJ3PeSrsA4DQe0Tnjj7F26a/JLE8YFLK281dqCWB9r+PzriujThrvq6B7j46FhjU4\
    5XzbgUuxMmv1B67YbSWPltwFslFN4zNIEYujimaTkLNWFvHD6jHExfpOadAt25TF1C4+mbG2/SIMn9r3iwGnX0yR\
    H/sa2PpStYCwB75DMLG4xLvfg6GVEbuQuwIDAQAB";
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDMnqAu78VeiFvlrQ3d7U7foedma50cIK4GZE+3uwX65g0IvNSQ\
    wwyN3cfMTsbsA5ChNKy6U2h77WdPB2TJRFW7T3Gjjm01UL99EM9dwhM7+kgHDJa9aHt5Sp+HiQ+wXXS/CDXtX8am\
    6wpW0pRruIcoQjycLzDU0L3jQPgruulPbQIDAQAB";
const RSA_768: &str = "MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAMBysVOAeQoWUruYxi/Cis7WE02q/08279NvmRD9L7cuEMlEOYKcNtAh\
    GCOxkkr42HTXHLhNSYD8ij6ypoDMEaXx0BzMUecbns2FyVRahbLcDhygEjNPoRiLf+SgEpc2DQIDAQAB";
const BARE_1024: &str = "MIGJAoGBAMyeoC7vxV6IW+WtDd3tTt+h52ZrnRwgrgZkT7e7BfrmDQi81JDDDI3dx8xOxuwDkKE0rLpTaHvtZ08H\
    ZMlEVbtPcaOObTVQv30Qz13CEzv6SAcMlr1oe3lKn4eJD7BddL8INe1fxqbrClbSlGu4hyhCPJwvMNTQveNA+Cu6\
    6U9tAgMBAAE=";
const ED25519: &str = "YBKyXL7guNib535rXtjXbevzh0vIZyZAXFfb96sKmV8=";
const EC: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEa3uzPksFfLB8b+3O+cAx4eZYJWjGVZX8djp5TQnFgjdhy00xUZ1K\
    PC2uIldN8gCgX2rKN3V1zdAx7mA2TjgiDw==";

#[test]
fn keys_that_verify_are_read() {
    let rows = [
        ("plain", format!("v=DKIM1; k=rsa; p={RSA_2048}"), (Key::Rsa(2048), false)),
        ("the least", format!("p={RSA_1024}"), (Key::Rsa(1024), false)),
        ("in the other form", format!("v=DKIM1; p={BARE_1024}"), (Key::Rsa(1024), false)),
        ("ed25519", format!("v=DKIM1; k=ed25519; p={ED25519}"), (Key::Ed25519, false)),
        ("in test mode", format!("v=DKIM1; t=s:y; p={RSA_2048}"), (Key::Rsa(2048), true)),
        ("strict", format!("v=DKIM1; t=s; p={RSA_2048}"), (Key::Rsa(2048), false)),
        ("for hashes", format!("v=DKIM1; h=sha1:sha256; p={RSA_2048};"), (Key::Rsa(2048), false)),
        ("for mail", format!("v=DKIM1; s=email; p={RSA_2048}"), (Key::Rsa(2048), false)),
        ("with blanks", format!("p= {} {}", &RSA_2048[..50], &RSA_2048[50..]), {
            (Key::Rsa(2048), false)
        }),
        ("with more", format!("v=DKIM1; n=a note; x=1; p={RSA_2048}"), (Key::Rsa(2048), false)),
    ];
    for (row, record, key) in rows {
        assert_eq!(parse(record.as_bytes()), Ok(key), "{row}");
    }
}

#[test]
fn keys_that_do_not_are_refused_for_a_reason() {
    let rows = [
        ("revoked", "v=DKIM1; p=".to_owned(), Unusable::Revoked),
        ("no key", "v=DKIM1; k=rsa".to_owned(), Unusable::NoKey),
        ("nothing", String::new(), Unusable::NoKey),
        ("another version", format!("v=DKIM2; p={RSA_2048}"), Unusable::Version),
        ("the version late", format!("p={RSA_2048}; v=DKIM1"), Unusable::Version),
        ("short", format!("p={RSA_768}"), Unusable::Short(768)),
        ("old hashes alone", format!("h=sha1; p={RSA_2048}"), Unusable::Hash),
        ("for another service", format!("s=tlsrpt; p={RSA_2048}"), Unusable::Service),
        ("another type", format!("k=dsa; p={RSA_2048}"), Unusable::Type("dsa".to_owned())),
        ("no base64", "p=!!!!".to_owned(), Unusable::BadKey),
        ("cut", format!("p={}", &RSA_2048[..100]), Unusable::BadKey),
        ("an elliptic curve as RSA", format!("p={EC}"), Unusable::BadKey),
        ("RSA as ed25519", format!("k=ed25519; p={RSA_1024}"), Unusable::BadKey),
        ("ed25519 as RSA", format!("p={ED25519}"), Unusable::BadKey),
    ];
    for (row, record, why) in rows {
        assert_eq!(parse(record.as_bytes()), Err(why), "{row}");
    }
    let twice = format!("p={RSA_2048}; p={RSA_1024}");
    assert!(matches!(parse(twice.as_bytes()), Err(Unusable::Grammar(_))), "a tag twice");
    let slip = format!("v=DKIM1; nonsense; p={RSA_2048}");
    assert!(matches!(parse(slip.as_bytes()), Err(Unusable::Grammar(_))), "no tag");
}

#[test]
fn base64_is_strict() {
    let rows: [(&str, Option<&[u8]>); 9] = [
        ("", Some(b"")),
        ("Zg==", Some(b"f")),
        ("Zg", Some(b"f")),
        ("Zm9v", Some(b"foo")),
        ("Zm 9v\tYmE=", Some(b"fooba")),
        ("Z", None),
        ("Zg=", None),
        ("Z===", None),
        ("Zg==Zg==", None),
    ];
    for (text, bytes) in rows {
        assert_eq!(base64(text).as_deref(), bytes, "{text}");
    }
}

#[test]
fn one_selector_spoils_all_and_silence_leaves_it_open() {
    let good = || Ok(Ok((Key::Rsa(2048), false)));
    let silent = || Err(Failure::new(Cause::Timeout, "silence"));
    let rows = [
        ("good", vec![("a", good()), ("b", Ok(Ok((Key::Ed25519, false))))], Some(true), true),
        ("one revoked", vec![("a", good()), ("b", Ok(Err(Unusable::Revoked)))], Some(false), true),
        ("in test mode", vec![("a", Ok(Ok((Key::Rsa(2048), true))))], Some(false), true),
        ("silent", vec![("a", good()), ("b", silent())], None, false),
        (
            "silent and bad",
            vec![("a", silent()), ("b", Ok(Err(Unusable::Missing)))],
            { Some(false) },
            false,
        ),
    ];
    for (row, selectors, ok, complete) in rows {
        let section = read(&selectors);
        assert_eq!(section.readings.get("dkim_ok"), ok.map(Value::Flag).as_ref(), "{row}");
        assert_eq!(section.readings.get("dkim_unusable").is_some(), complete, "{row}");
        assert_eq!(section.failure.is_none(), complete, "{row}");
    }
}
