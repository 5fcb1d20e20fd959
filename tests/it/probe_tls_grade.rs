//! The `tls_grade` probe against real servers: nginx from the exemplary to the broken, and openssl's own server for what
//! nginx does not offer. What no current library speaks is beside the probe's own source, with a scripted server.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::process::{free_port, need};
use crate::rig::tls_zoo::{CONFIGS, TlsZoo};

/// What another test has ruled out: the flaws that suites with CBC or RSA key exchange may have.
const EXCLUDED: [&str; 6] =
    ["padding_oracle", "robot", "drown", "aes_ni_oracle", "early_ccs", "ticketbleed"];

/// Looks at a port of loopback with settings besides.
async fn look(zoo: &TlsZoo, port: u16, more: serde_json::Value) -> Result<Readings, Failure> {
    let mut settings = json!({
        "host": "www.example.test", "address": format!("127.0.0.1:{port}"), "ca_file": zoo.roots(),
        "per_second": 200,
    });
    let merged = settings.as_object_mut().expect("an object");
    merged.extend(more.as_object().expect("an object").clone());
    let probe = launchgate_probes::builtin().build("tls_grade", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(60), Timestamp::now(), None, "/".into());
    probe.observe(&cx).await
}

/// Judges an expectation over readings.
fn judge(readings: &Readings, expectation: &str) -> Truth {
    let example = json!({"host": "www.example.test"});
    let probe = launchgate_probes::builtin().build("tls_grade", example).expect("settings");
    let compiled = Expectation::compile(expectation, &probe.readings()).expect(expectation);
    compiled.evaluate(readings).truth
}

fn text(readings: &Readings, name: &str) -> String {
    match readings.get(name) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Texts(texts)) => texts.join("; "),
        other => format!("{other:?}"),
    }
}

/// The grade, or the range where it is open.
fn grade(readings: &Readings) -> String {
    match readings.get("grade") {
        Some(Value::Text(grade)) => grade.clone(),
        _ => format!("{} to {}", text(readings, "grade_lower"), text(readings, "grade_upper")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_is_graded_as_it_is_configured() {
    if !(need("nginx") && need("openssl")) {
        return;
    }
    let zoo = TlsZoo::start();
    let none = || json!({});
    let tested = || json!({"excluded": EXCLUDED});
    // The configuration, settings besides, the grade, and words of the reasons.
    let rows = [
        ("modern", none(), "A+", ""),
        ("ecdsa", none(), "A+", ""),
        ("rsa 4096", none(), "A+", ""),
        ("rsa 1024", none(), "B", "a key weaker than RSA with 2048 bits"),
        ("tls 1.3 only", none(), "A+", ""),
        ("tls 1.3 only", json!({"strict_ssllabs": true}), "A", "TLS_FALLBACK_SCSV"),
        ("tls 1.2 only", none(), "A-", "TLS 1.3 is not offered"),
        ("tls 1.2 only", json!({"criteria": "2009q"}), "A+", ""),
        ("tls 1.0 to 1.3", tested(), "B", "TLS 1.0 or 1.1 is offered"),
        ("tls 1.0 to 1.3", none(), "F to B", "TLS 1.0 or 1.1 is offered"),
        ("tls 1.1 at most", tested(), "C", "neither TLS 1.2 nor 1.3"),
        ("dh 1024", none(), "B", "Diffie-Hellman under 2048 bits (since 2009j): 1024 bits"),
        ("dh 2048", none(), "A+", ""),
        ("rsa key exchange", tested(), "B", "no forward secrecy"),
        ("cbc", tested(), "B", "no AEAD"),
        ("as it comes", none(), "F to A+", ""),
        ("as it comes", tested(), "A+", ""),
        ("no hsts", none(), "A", "HSTS for less than 180 days (since 2009e): no header"),
        ("short hsts", none(), "A", "300 s"),
        ("expired", none(), "T", ""),
        ("another name", none(), "M", ""),
        ("self-signed", none(), "T", ""),
        ("incomplete", none(), "T to B", "an incomplete chain"),
        ("incomplete", json!({"intermediates_file": zoo.intermediates()}), "B", "incomplete"),
        ("anonymous besides", tested(), "F", "TLS_DH_anon_WITH_AES_128_CBC_SHA256"),
    ];
    let graded: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.0).collect();
    assert_eq!(graded.len(), CONFIGS.len(), "every configuration has its row");
    let looks = rows.iter().map(|(name, more, ..)| look(&zoo, zoo.port(name), more.clone()));
    let looks = join_all(looks).await;
    for ((name, more, expected, reason), looked) in rows.iter().zip(looks) {
        let r = looked.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert_eq!(grade(&r), *expected, "{name} {more}: {r:#?}");
        assert!(text(&r, "reasons").contains(reason), "{name}: {}", text(&r, "reasons"));
        // The grade that ignores trust is that of a good server.
        if ["expired", "another name", "self-signed"].contains(name) {
            assert_eq!(text(&r, "grade_trust_ignored"), "A+", "{name}");
        }
        let wanted = match *expected {
            "A+" | "A" => Truth::True,
            range if range.contains(" to ") => Truth::Unknown(Cause::NoData),
            _ => Truth::False,
        };
        let truth = judge(&r, r#"grade in ["A+", "A"]"#);
        assert_eq!(
            std::mem::discriminant(&truth),
            std::mem::discriminant(&wanted),
            "{name}: {truth:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_facts_behind_a_grade_are_readings() {
    if !(need("nginx") && need("openssl")) {
        return;
    }
    let zoo = TlsZoo::start();
    let r = look(&zoo, zoo.port("modern"), json!({})).await.expect("readings");
    assert_eq!(text(&r, "protocols"), "TLS 1.2; TLS 1.3");
    assert_eq!(
        text(&r, "suites"),
        "TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256; \
         TLS 1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384; TLS 1.3 TLS_AES_128_GCM_SHA256; \
         TLS 1.3 TLS_AES_256_GCM_SHA384; TLS 1.3 TLS_CHACHA20_POLY1305_SHA256"
    );
    for expectation in [
        "grade_rank >= 9",
        "grade_rank_lower >= 8",
        "score == 93",
        "key_bits == 2048",
        "exchange_bits == 3072",
        "forward_secrecy == true",
        "aead == true",
        "trusted == true",
        "chain_complete == true",
        "hsts_max_age >= 180d",
        "fallback_scsv == true",
        "secure_renegotiation == true",
        "compression == false",
        r#"groups contains "x25519""#,
        "untested == []",
        "reachable == 100%",
    ] {
        assert_eq!(judge(&r, expectation), Truth::True, "{expectation}: {r:#?}");
    }
    let r = look(&zoo, zoo.port("dh 1024"), json!({})).await.expect("readings");
    assert_eq!(judge(&r, "prime_bits == 1024"), Truth::True, "{r:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_offers_what_nginx_does_not() {
    if !(need("nginx") && need("openssl")) {
        return;
    }
    let zoo = TlsZoo::start();
    let old: &[&str] = &["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"];
    let null: &[&str] = &["-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"];
    let anonymous: &[&str] = &["-nocert", "-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"];
    let rows = [
        ("TLS 1.0", old, "C", "C", "neither TLS 1.2 nor 1.3"),
        ("no encryption", null, "F", "F", "_WITH_NULL_"),
        ("no certificate", anonymous, "T", "F", "anon"),
    ];
    for (row, options, expected, ignored, reason) in rows {
        let (server, port) = zoo.openssl(options);
        let all = json!({"excluded": [
            "padding_oracle", "robot", "drown", "aes_ni_oracle", "early_ccs", "ticketbleed",
            "heartbleed", "insecure_renegotiation",
        ]});
        let r = look(&zoo, port, all).await;
        let r = r.unwrap_or_else(|f| panic!("{row}: {f}; {}", server.output()));
        assert_eq!(grade(&r), expected, "{row}: {r:#?}");
        assert_eq!(text(&r, "grade_trust_ignored"), ignored, "{row}");
        assert!(text(&r, "reasons").contains(reason), "{row}: {}", text(&r, "reasons"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worst_address_decides_and_one_that_is_away_leaves_it_open() {
    if !(need("nginx") && need("openssl")) {
        return;
    }
    let zoo = TlsZoo::start();
    let at = |port: u16| format!("127.0.0.1:{port}");
    let (good, no_hsts) = (at(zoo.port("modern")), at(zoo.port("no hsts")));
    let away = at(free_port());
    let r = look(&zoo, 0, json!({"address": [good, no_hsts]})).await.expect("readings");
    assert_eq!(grade(&r), "A", "{r:#?}");
    let odd: Vec<_> = r.parts.iter().filter(|part| part.odd).collect();
    assert!(odd.len() == 1 && odd[0].subject == no_hsts, "{:?}", r.parts);
    let r = look(&zoo, 0, json!({"address": [no_hsts, away]})).await.expect("readings");
    assert_eq!((r.get("grade"), r.get("grade_lower")), (None, None), "{r:#?}");
    assert_eq!(judge(&r, "grade_rank_upper >= 9"), Truth::False, "what is bad stays bad");
    assert_eq!(judge(&r, "reachable == 100%"), Truth::False);
    let failure = look(&zoo, 0, json!({"address": away})).await.expect_err("nobody is there");
    assert_eq!(failure.cause, Cause::Refused, "{failure}");
    let missing = look(&zoo, zoo.port("modern"), json!({"ca_file": "none.pem"})).await;
    assert_eq!(missing.expect_err("the file is missing").cause, Cause::LocalFault);
}
