//! The probe against real TLS servers on loopback, with certificates made for each row. The time is fixed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::probe::{Context, Probe};
use crate::tls::Tls;

const NOW: &str = "2026-12-01T00:00:00Z";

/// A root that signs leaves.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2036, 1, 1);
        Self { params, key: KeyPair::generate().expect("a key") }
    }

    fn pem(&self) -> String {
        self.params.self_signed(&self.key).expect("a certificate").pem()
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(key, &issuer).expect("a certificate").der().clone()
    }
}

fn leaf(name: &str, last: (i32, u8, u8)) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 6, 1);
    params.not_after = date_time_ymd(last.0, last.1, last.2);
    (params, KeyPair::generate().expect("a key"))
}

/// Serves `chain` on a free port of loopback for as long as the test runs.
async fn serve(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> SocketAddr {
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that hangs up early is its own business.
            drop(acceptor.accept(stream).await);
        }
    });
    address
}

/// Accepts connections on a free port, says `bytes` to each and keeps it open.
async fn say(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if stream.write_all(bytes).await.is_ok() {
                open.push(stream);
            }
        }
    });
    address
}

async fn look(addresses: &[SocketAddr], ca: Option<&str>) -> Result<Readings, Failure> {
    let folder: PathBuf = std::env::temp_dir().join(format!(
        "launchgate-tls-{}-{}",
        std::process::id(),
        addresses[0].port()
    ));
    std::fs::create_dir_all(&folder).expect("a folder");
    if let Some(pem) = ca {
        std::fs::write(folder.join("ca.pem"), pem).expect("a file");
    }
    let settings = serde_json::json!({
        "host": "shop.example",
        "address": addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "ca_file": ca.map(|_| "ca.pem"),
    });
    let probe = Tls::new(crate::strict::read(settings).expect("settings")).expect("a probe");
    let now: Timestamp = NOW.parse().expect("a timestamp");
    let go_live = "2026-12-11T00:00:00Z".parse().ok();
    let timeout = if ca.is_none() { Duration::from_secs(1) } else { Duration::from_secs(10) };
    let outcome = probe.observe(&Context::new(timeout, now, go_live, folder.clone())).await;
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    outcome
}

fn days(readings: &Readings, name: &str) -> f64 {
    match readings.get(name) {
        Some(Value::Number(seconds)) => seconds / 86_400.0,
        other => panic!("{name} is {other:?}"),
    }
}

fn text<'r>(readings: &'r Readings, name: &str) -> &'r str {
    match readings.get(name) {
        Some(Value::Text(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}

#[tokio::test]
async fn certificates_say_how_long_they_last_and_for_whom() {
    let authority = Authority::new("Root");
    let rows = [
        ("good", "shop.example", (2027, 6, 1), 182.0, ""),
        ("89 days", "shop.example", (2027, 2, 28), 89.0, ""),
        ("expired", "shop.example", (2026, 11, 30), -1.0, "expired"),
        ("another name", "other.example", (2027, 6, 1), 182.0, "does not cover the name shop"),
        ("a wildcard for another level", "*.shop.example", (2027, 6, 1), 182.0, "not cover"),
    ];
    for (row, name, last, left, error) in rows {
        let (params, key) = leaf(name, last);
        let address = serve(vec![authority.sign(&params, &key)], &key).await;
        let r = look(&[address], Some(&authority.pem())).await.expect(row);
        assert!((days(&r, "days_left") - left).abs() < 1e-6, "{row}: {r:?}");
        assert!((days(&r, "days_left_at_go_live") - left + 10.0).abs() < 1e-6, "{row}");
        assert_eq!(r.get("trusted"), Some(&Value::Flag(error.is_empty())), "{row}: {r:?}");
        let said = text(&r, "trust_error");
        assert!(said.contains(error) && said.is_empty() == error.is_empty(), "{row}: {said}");
        let covers = name == "shop.example";
        assert_eq!(r.get("covers_names"), Some(&Value::Flag(covers)), "{row}");
        assert_eq!(text(&r, "key"), "EC 256", "{row}");
        assert_eq!(text(&r, "protocol"), "TLS 1.3", "{row}");
        assert_eq!(r.get("signature_strong"), Some(&Value::Flag(true)), "{row}");
        assert_eq!(text(&r, "issuer"), "CN=Root", "{row}");
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_read_and_not_trusted() {
    let (params, key) = leaf("shop.example", (2027, 6, 1));
    let certificate = params.self_signed(&key).expect("a certificate").der().clone();
    let address = serve(vec![certificate], &key).await;
    let r = look(&[address], None).await.expect("readings");
    assert_eq!(r.get("trusted"), Some(&Value::Flag(false)));
    assert!((days(&r, "days_left") - 182.0).abs() < 1e-6);
    assert_eq!(r.get("covers_names"), Some(&Value::Flag(true)));
}

#[tokio::test]
async fn an_intermediate_that_ends_first_counts_and_a_superfluous_one_does_not() {
    let (root, mut middle, stray) =
        (Authority::new("Root"), Authority::new("Middle"), Authority::new("Stray"));
    middle.params.not_after = date_time_ymd(2026, 12, 31);
    let (params, key) = leaf("shop.example", (2027, 6, 1));
    let certificate = middle.sign(&params, &key);
    let above = root.sign(&middle.params, &middle.key);
    let mut ended = Authority::new("Stray").params;
    ended.not_after = date_time_ymd(2026, 11, 1);
    let superfluous = stray.sign(&ended, &stray.key);
    let address = serve(vec![certificate, above, superfluous], &key).await;
    let r = look(&[address], Some(&root.pem())).await.expect("readings");
    assert_eq!(r.get("trusted"), Some(&Value::Flag(true)), "{r:?}");
    assert!((days(&r, "days_left") - 30.0).abs() < 1e-6, "{r:?}");
}

#[tokio::test]
async fn one_address_that_refuses_is_odd_beside_one_that_answers() {
    let authority = Authority::new("Root");
    let (params, key) = leaf("shop.example", (2027, 6, 1));
    let address = serve(vec![authority.sign(&params, &key)], &key).await;
    let r = look(&[address, closed().await], Some(&authority.pem())).await.expect("readings");
    assert_eq!(r.get("reachable"), Some(&Value::Number(50.0)));
    let odd: Vec<_> = r.parts.iter().filter(|p| p.odd).collect();
    assert!(odd.len() == 1 && odd[0].says.contains("refused"), "{:?}", r.parts);
}

async fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address")
}

#[tokio::test]
async fn what_is_no_handshake_is_a_failure_that_says_why() {
    let rows = [
        ("a closed port", closed().await, Cause::Refused, "refused"),
        ("an alert", say(&[21, 3, 3, 0, 2, 2, 40]).await, Cause::BadResponse, "HandshakeFailure"),
        ("plain text", say(b"220 mail.example ESMTP\r\n").await, Cause::BadResponse, "TLS"),
        ("silence", say(b"").await, Cause::Timeout, "in time"),
    ];
    for (row, address, cause, said) in rows {
        let failure = look(&[address], None).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
        assert!(failure.message.contains(said), "{row}: {failure}");
    }
}
