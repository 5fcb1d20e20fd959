//! The daemon speaks TLS itself: page, API and command line over it, people by their certificates, files that are renewed,
//! and clients that speak something else or nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::rig::authority::Authority;
use crate::rig::process::{need, poll_until, program};
use crate::rig::secure::{Secure, said};

const PATIENCE: Duration = Duration::from_secs(60);
const UNREACHABLE: i32 = 4;
const USAGE: i32 = 3;
const HOLD: i32 = 2;

const LAUNCH: &str = r#"
launch: shop
title: Shop
version: "2.4"
go_live: 2126-12-01T09:00:00[Europe/London]
people: { incident_commander: [alice], legal: [erin, frank] }
checklists:
  people:
    title: People
    due: T-1d
    checks:
      terms: { title: The terms are approved, probe: sign_off, with: { by: legal } }
"#;

const SERVED: &str = "  tls: { certificate: FOLDER/tls.crt, key: FOLDER/tls.key }\n";

/// The token that it knows is `frank-token`.
const KNOWN: &str = r#"  tls:
    certificate: FOLDER/tls.crt
    key: FOLDER/tls.key
    clients: { ca: FOLDER/ca.pem, required: REQUIRED, crl: FOLDER/crl.pem }
  certificates:
    - { identity: erin, roles: [owner], known_by: { email: erin@example.com } }
    - { identity: alice, roles: [commander], known_by: { uri: "spiffe://example.com/alice" } }
  tokens:
    - { identity: frank, roles: [owner], sha256: HASH }
"#;

fn known(required: bool) -> String {
    use sha2::{Digest as _, Sha256};
    let hash = format!("{:x}", Sha256::digest("frank-token"));
    KNOWN.replace("REQUIRED", &required.to_string()).replace("HASH", &hash)
}

fn curl(daemon: &Secure, arguments: &[&str], path: &str) -> (i32, String) {
    let mut curl = program("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--cacert"])
        .arg(daemon.file("ca.pem"));
    curl.args(arguments).arg(format!("{}{path}", daemon.url()));
    said(curl)
}

#[test]
fn the_page_and_the_api_are_served_over_tls_and_nothing_is_without() {
    if !need("curl") {
        return;
    }
    let daemon = Secure::start(LAUNCH, SERVED);
    let says = format!("launchgate serves shop on {}/", daemon.url());
    poll_until(PATIENCE, "the daemon's first line", || daemon.log().contains(&says).then_some(()));
    for version in [&["--tlsv1.3"][..], &["--tls-max", "1.2"]] {
        let (code, page) = curl(
            &daemon,
            &[version, &["--location", "--write-out", "HTTP/%{http_version}"]].concat(),
            "/",
        );
        assert!(code == 0 && page.contains("The terms are approved"), "{version:?}: {page}");
        assert!(page.ends_with("HTTP/1.1"), "{version:?}: {page}");
    }
    let (code, text) = curl(&daemon, &["--tls-max", "1.1"], "/healthz");
    assert_ne!(code, 0, "older versions are not spoken: {text}");
    let (_, metrics) = curl(&daemon, &[], "/metrics");
    let name = "launchgate_tls_certificate_expires_timestamp_seconds";
    assert!(metrics.contains(&format!("# TYPE {name} gauge\n")), "{metrics}");
    assert!(metrics.lines().any(|line| line.starts_with(&format!("{name} 1"))), "{metrics}");

    let (code, report) = daemon.ask(&["report"], None);
    assert!(code == HOLD && report.contains("The terms are approved"), "{code}: {report}");
    let mut untrusting = daemon.command(&["report"], None);
    untrusting.env_remove("LAUNCHGATE_CA_FILE");
    let (code, text) = said(untrusting);
    assert!(
        code == UNREACHABLE
            && text.contains("hint: name the authority of the daemon's certificate by --ca-file"),
        "{text}"
    );

    // Whoever speaks plain HTTP is told what is spoken here.
    let mut plain = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    let json: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!((&json["code"], &json["hint"]), (&"not_tls".into(), &"ask by https://".into()));
}

#[test]
fn people_are_known_by_certificates_beside_tokens() {
    let daemon = Secure::start(LAUNCH, &known(false));
    let signer = || {
        let (_, report) = daemon.ask(&["report", "--format", "json"], None);
        let report: Value = serde_json::from_str(&report).unwrap();
        report["checklists"][0]["checks"][0]["sign_offs"][0]["person"].clone()
    };
    let sign = &["sign", "people/terms"];
    let (stranger, strangers) = (Authority::new("Stranger"), ["email:erin@example.com"]);
    let refused = "hint: the daemon does not take the client certificate";
    let rows = [
        ("of another authority", stranger.issue(&strangers, 30), UNREACHABLE, refused),
        ("expired", daemon.authority.issue(&strangers, -1), UNREACHABLE, refused),
        (
            "unlisted",
            daemon.authority.issue(&["email:eve@example.com"], 30),
            USAGE,
            "the client certificate is not listed",
        ),
        (
            "for reading alone",
            daemon.authority.issue(&[], 30),
            USAGE,
            "the client certificate is not listed",
        ),
        (
            "without the role in the launch",
            daemon.authority.issue(&["uri:spiffe://example.com/alice"], 30),
            USAGE,
            "alice",
        ),
    ];
    for (row, leaf, exit, text) in rows {
        let (code, told) = daemon.ask(sign, Some(&leaf));
        assert!(code == exit && told.contains(text), "{row}: {code}: {told}");
        let (code, _) = daemon.ask(&["report"], Some(&leaf));
        assert_eq!(code, if exit == UNREACHABLE { UNREACHABLE } else { HOLD }, "{row}");
    }
    assert_eq!(signer(), Value::Null);
    let (code, text) = daemon.ask(sign, None);
    assert!(code == USAGE && text.contains("this takes a token"), "{text}");
    let erin = daemon.authority.issue(&strangers, 30);
    let (code, text) = daemon.ask(sign, Some(&erin));
    assert_eq!((code, text.as_str()), (0, "people/terms approved\n"));
    assert_eq!(signer(), "erin");
    // The token beside it says who signs, and one that is wrong is not rescued.
    for (token, exit) in [("guess", USAGE), ("frank-token", 0)] {
        let mut beside = daemon.command(&["sign", "people/terms"], Some(&erin));
        beside.env("LAUNCHGATE_TOKEN", token);
        let (code, text) = said(beside);
        assert_eq!(code, exit, "{token}: {text}");
    }
    let (_, report) = daemon.ask(&["report", "--format", "json"], None);
    assert!(report.contains("\"frank\"") && report.contains("\"erin\""), "{report}");
    // What its authority has taken back does not count, as soon as the daemon has the list.
    daemon.write("crl.pem", &daemon.authority.revoke(&[&erin], 30));
    daemon.reload();
    let ended = || (daemon.ask(&["report"], Some(&erin)).0 == UNREACHABLE).then_some(());
    poll_until(PATIENCE, "the end of a certificate", ended);
    let again = daemon.authority.issue(&strangers, 30);
    assert_eq!(daemon.ask(sign, Some(&again)).0, 0, "her next one");
    // Half of what it takes, and files that hold something else.
    let mut half = daemon.command(&["report"], None);
    half.arg("--client-cert").arg(daemon.file("client.crt"));
    let (code, text) = said(half);
    assert!(code == USAGE && text.contains("--client-key"), "{text}");
    let mut swapped = daemon.command(&["report"], None);
    swapped.env("LAUNCHGATE_CLIENT_CERT", daemon.file("client.key"));
    swapped.env("LAUNCHGATE_CLIENT_KEY", daemon.file("client.crt"));
    let (code, text) = said(swapped);
    assert!(code == USAGE && text.contains("it holds no private key"), "{text}");
}

#[test]
fn where_a_certificate_is_required_nobody_connects_without() {
    let daemon = Secure::start(LAUNCH, &known(true));
    let (code, text) = daemon.ask(&["report"], None);
    assert_eq!(code, UNREACHABLE, "{text}");
    assert!(text.contains("by --client-cert and --client-key"), "{text}");
    let mut token = daemon.command(&["report"], None);
    token.env("LAUNCHGATE_TOKEN", "frank-token");
    assert_eq!(said(token).0, UNREACHABLE, "a token comes after the handshake");
    let erin = daemon.authority.issue(&["email:erin@example.com"], 30);
    assert_eq!(daemon.ask(&["report"], Some(&erin)).0, HOLD);
}

#[test]
fn a_renewed_certificate_is_served_without_a_restart() {
    let daemon = Secure::start(LAUNCH, SERVED);
    let good = |what: &str| {
        let (code, text) = daemon.ask(&["report"], None);
        assert_eq!(code, HOLD, "{what}: {text}");
    };
    good("at first");
    let next = Authority::new("Next");
    let renewed = next.issue(&["dns:localhost", "ip:127.0.0.1"], 30);
    // Half of it is there: the old one stays in force.
    daemon.write("tls.crt", &renewed.pem);
    daemon.reload();
    let kept = || daemon.log().contains("what was read before stays in force").then_some(());
    poll_until(PATIENCE, "a word in the log", kept);
    assert!(daemon.log().contains("does not belong to the certificate"), "{}", daemon.log());
    good("with a bad file");
    daemon.serve_by(&renewed);
    daemon.write("ca.pem", &next.pem());
    daemon.reload();
    let report = || (daemon.ask(&["report"], None).0 == HOLD).then_some(());
    poll_until(PATIENCE, "the new certificate", report);
    assert!(daemon.log().contains("the files of web.tls are read anew"), "{}", daemon.log());
}

#[test]
fn who_connects_and_says_nothing_holds_up_nobody() {
    let daemon = Secure::start(LAUNCH, SERVED);
    // More than there is room for at a time.
    let silent: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(("127.0.0.1", daemon.port)).unwrap()).collect();
    let began = Instant::now();
    for _ in 0..3 {
        let (code, text) = daemon.ask(&["report"], None);
        assert_eq!(code, HOLD, "{text}");
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(9), "they would have been waited for: {took:?}");
    drop(silent);
}

#[test]
fn a_daemon_does_not_start_with_files_that_do_not_fit() {
    let folder = crate::rig::process::TempDir::new("misfits");
    let authority = Authority::new("Rig");
    let (one, other) =
        (authority.issue(&["dns:localhost"], 30), authority.issue(&["dns:localhost"], 30));
    let (crt, key) = (folder.write("tls.crt", &one.pem), folder.write("tls.key", &other.key));
    let missing = folder.join("ca.pem");
    let settings = format!(
        "web:\n  tls:\n    certificate: {}\n    key: {}\n    clients: {{ ca: {} }}\n",
        crt.display(),
        key.display(),
        missing.display()
    );
    let settings = folder.write("settings.yaml", &settings);
    let mut serve = std::process::Command::new(env!("CARGO_BIN_EXE_launchgate"));
    serve.args(["serve", "--config"]).arg(&settings).arg(folder.write("launch.yaml", LAUNCH));
    let (code, text) = said(serve);
    assert_eq!(code, USAGE, "{text}");
    let at = settings.display();
    assert!(text.contains(&format!("{at}:4:10: error: the key in {}", key.display())), "{text}");
    assert!(
        text.contains(&format!("{at}:5:20: error: {}: No such file", missing.display())),
        "{text}"
    );
    assert!(!text.contains("PRIVATE KEY"), "{text}");
}
