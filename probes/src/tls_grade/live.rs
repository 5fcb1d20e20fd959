//! The probe against a scripted server, for what no current library speaks any more: SSL 2 and 3, export, RC4; and for
//! servers that hang up or say nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::TlsGrade;
use super::suite::Suite;
use super::version::Version;
use super::wire::{Reader, block, put16};
use crate::client::tests::{Authority, reply, serve as serve_http};
use crate::probe::{Context, Probe};
use crate::trail::Trail;

/// How a server refuses.
#[derive(Clone, Copy, PartialEq)]
enum Refusal {
    Alert,
    Close,
    Mute,
}

/// What a server answers.
#[derive(Clone)]
struct Script {
    /// Its versions, each with its suites in its order.
    tables: Vec<(Version, Vec<u16>)>,
    ssl2: bool,
    /// How it refuses versions, and how suites.
    refusals: [Refusal; 2],
    certificate: Vec<u8>,
}

impl Script {
    fn new(tables: &[(Version, &[u16])]) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(vec!["shop.example".to_owned()]);
        let certificate = params.expect("a name").self_signed(&key).expect("a certificate");
        Self {
            tables: tables.iter().map(|(version, suites)| (*version, suites.to_vec())).collect(),
            ssl2: false,
            refusals: [Refusal::Alert; 2],
            certificate: certificate.der().to_vec(),
        }
    }

    /// Its answer to one hello.
    fn answer(&self, hello: &[u8]) -> Result<Vec<u8>, Refusal> {
        if hello[0] & 0x80 != 0 {
            let offered = vec![0x80, 14, 4, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 1, 0, 0x80];
            return if self.ssl2 { Ok(offered) } else { Err(self.refusals[0]) };
        }
        let (version, suites) = offered(hello).expect("our own hello can be read");
        let spoken = self.tables.iter().filter(|(v, _)| *v <= version).max_by_key(|(v, _)| *v);
        let (version, own) = spoken.ok_or(self.refusals[0])?;
        let suite = own.iter().find(|suite| suites.contains(suite)).ok_or(self.refusals[1])?;
        Ok(self.flight(*version, *suite))
    }

    fn flight(&self, version: Version, suite: u16) -> Vec<u8> {
        let mut messages = vec![2];
        block(&mut messages, 3, |out| {
            put16(out, version.wire());
            out.resize(out.len() + 33, 0);
            put16(out, suite);
            out.push(0);
        });
        messages.push(11);
        block(&mut messages, 3, |out| {
            block(out, 3, |out| block(out, 3, |out| out.extend_from_slice(&self.certificate)));
        });
        let suite = Suite::of(suite).expect("it is in the table");
        if suite.has_prime() {
            messages.push(12);
            block(&mut messages, 3, |out| block(out, 2, |out| out.resize(out.len() + 256, 0xff)));
        } else if suite.has_group() {
            messages.extend([12, 0, 0, 3, 3, 0, 23]);
        }
        messages.extend([14, 0, 0, 0]);
        let mut record = vec![22];
        put16(&mut record, version.wire());
        block(&mut record, 2, |out| out.extend_from_slice(&messages));
        record
    }
}

/// The newest version of a hello and its suites.
fn offered(hello: &[u8]) -> Option<(Version, Vec<u16>)> {
    let mut reader = Reader(hello.get(9..)?);
    let wire = reader.u16()?;
    reader.take(32)?;
    reader.block8()?;
    let suites = reader.block16()?;
    let suites = suites.chunks(2).filter_map(|n| n.try_into().ok()).map(u16::from_be_bytes);
    Some((Version::of(wire).unwrap_or(Version::Ssl2), suites.collect()))
}

async fn serve(script: Script) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut kept: Vec<TcpStream> = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = vec![0; 4096];
            let Ok(count @ 1..) = stream.read(&mut hello).await else { continue };
            let answer = script.answer(&hello[..count]);
            let bytes = answer.or_else(|refusal| match refusal {
                Refusal::Alert => Ok(vec![21, 3, 1, 0, 2, 2, 40]),
                other => Err(other),
            });
            // A client that hung up is its own business.
            match bytes {
                Ok(bytes) => drop(stream.write_all(&bytes).await),
                Err(Refusal::Mute) => kept.push(stream),
                Err(_) => {}
            }
        }
    });
    address
}

async fn look(address: SocketAddr, within: Duration) -> Result<Readings, Failure> {
    let settings = serde_json::json!({
        "host": "shop.example", "address": address.to_string(), "per_second": 200,
        "excluded": ["padding_oracle", "robot", "drown", "aes_ni_oracle", "early_ccs",
                     "insecure_renegotiation"],
    });
    let probe = TlsGrade::new(crate::strict::read(settings).expect("settings")).expect("a probe");
    let declared: Vec<_> = probe.readings().into_iter().map(|spec| spec.name).collect();
    let cx = Context::new(within, Timestamp::now(), None, PathBuf::from("/"));
    let looked = probe.observe(&cx).await;
    for name in looked.iter().flat_map(|r| r.values.keys()) {
        assert!(declared.contains(name), "{name} is not declared");
    }
    looked
}

fn text(readings: &Readings, name: &str) -> String {
    match readings.get(name) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Texts(texts)) => texts.join(", "),
        other => format!("{other:?}"),
    }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_nobody_should_speak_any_more_is_seen() {
    use Version::{Ssl3, Tls10, Tls12};
    let ssl2 = Script { ssl2: true, ..Script::new(&[(Tls12, &[0xc02f])]) };
    let rows = [
        ("SSL 3", Script::new(&[(Ssl3, &[0x002f])]), "SSL 3", "F", "nothing newer than SSL 3"),
        ("SSL 2", ssl2, "SSL 2, TLS 1.2", "F", "SSL 2 is offered"),
        (
            "export",
            Script::new(&[(Ssl3, &[0x0005]), (Tls10, &[0x002f, 0x0003, 0x0008])]),
            "SSL 3, TLS 1.0",
            "F",
            "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA, TLS_RSA_EXPORT_WITH_RC4_40_MD5",
        ),
        ("RC4", Script::new(&[(Tls12, &[0xc011, 0x0005])]), "TLS 1.2", "F", "nothing but RC4"),
        (
            "RC4 in front",
            Script::new(&[(Tls12, &[0xc011, 0xc02f])]),
            "TLS 1.2",
            "C",
            "RC4 is used with TLS 1.1 or newer",
        ),
        (
            "3DES in front",
            Script::new(&[(Tls12, &[0xc012, 0xc02f])]),
            "TLS 1.2",
            "C",
            "blocks of 64 bits are used",
        ),
    ];
    for (row, script, protocols, ignored, reason) in rows {
        let r = look(serve(script).await, LONG).await.expect(row);
        assert_eq!(text(&r, "protocols"), protocols, "{row}");
        assert_eq!(text(&r, "grade"), "T", "{row}: nobody vouches for it: {r:#?}");
        assert_eq!(text(&r, "grade_trust_ignored"), ignored, "{row}: {r:#?}");
        assert!(text(&r, "reasons").contains(reason), "{row}: {}", text(&r, "reasons"));
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_to_refuse_is_understood() {
    let refusals = [Refusal::Close; 2];
    let tables: &[(Version, &[u16])] = &[(Version::Tls12, &[0xc02f, 0xc030, 0x009e])];
    let closing = Script { refusals, ..Script::new(tables) };
    let r = look(serve(closing).await, LONG).await.expect("readings");
    let alerting = look(serve(Script::new(tables)).await, LONG).await.expect("readings");
    for name in ["protocols", "suites", "grade_trust_ignored", "prime_bits"] {
        assert!(r.get(name).is_some(), "{name}: {r:#?}");
        assert_eq!(r.get(name), alerting.get(name), "{name}");
    }
    assert_eq!(r.get("prime_bits"), Some(&Value::Number(2048.0)));
}

#[tokio::test]
async fn silence_about_suites_leaves_the_grade_open() {
    let refusals = [Refusal::Alert, Refusal::Mute];
    let script = Script { refusals, ..Script::new(&[(Version::Tls12, &[0xc02f, 0xc030])]) };
    let r = look(serve(script).await, Duration::from_secs(6)).await.expect("readings");
    assert_eq!(r.get("grade_trust_ignored"), None, "{r:#?}");
    assert_eq!((r.get("suites"), r.get("score")), (None, None));
    assert_eq!(text(&r, "protocols"), "TLS 1.2", "of that there is no doubt");
    assert!(text(&r, "untested").contains("suites for export"), "{r:#?}");
}

#[tokio::test]
async fn being_unable_to_look_is_a_failure_that_says_why() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let closed = free.local_addr().expect("an address");
    drop(free);
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let alerts = serve(Script::new(&[])).await;
    let text = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let foreign = text.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = text.accept().await {
            drop(stream.write_all(b"220 mail.example ESMTP\r\n").await);
        }
    });
    let rows = [
        ("a closed port", closed, Cause::Refused, "refused"),
        ("silence", silent.local_addr().expect("an address"), Cause::Timeout, "in time"),
        ("an alert for everything", alerts, Cause::BadResponse, "with an alert"),
        ("plain text", foreign, Cause::BadResponse, "does not speak TLS"),
    ];
    for (row, address, cause, said) in rows {
        let failure = look(address, Duration::from_secs(2)).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
        assert!(failure.message.contains(said), "{row}: {failure}");
    }
}

#[tokio::test]
async fn another_library_is_graded_alike_and_its_answers_leave_a_trail() {
    let authority = Authority::new("tls-grade");
    let head = "200 OK\r\nStrict-Transport-Security: max-age=31536000";
    let server = authority.server(&["shop.example"]);
    let served = serve_http(Some(server), move |_| reply(head, "")).await;
    let settings = serde_json::json!({
        "host": "shop.example", "address": served.address.to_string(), "per_second": 200,
        "ca_file": "ca.pem",
    });
    let probe = TlsGrade::new(crate::strict::read(settings).expect("settings")).expect("a probe");
    let mut cx = authority.context(LONG);
    cx.trail = Trail::kept();
    cx.now = Timestamp::now();
    let r = probe.observe(&cx).await.expect("readings");
    // It knows no TLS_FALLBACK_SCSV, which TLS 1.3 makes idle.
    assert_eq!(text(&r, "grade"), "A+", "{r:#?}");
    assert_eq!(r.get("fallback_scsv"), Some(&Value::Flag(false)));
    let came: Vec<String> = cx.trail.exchanges().into_iter().map(|e| e.came).collect();
    assert!(came.iter().any(|came| came.starts_with("TLS 1.3 TLS_AES")), "{came:#?}");
    assert!(came.iter().any(|came| came.starts_with("the alert ")), "{came:#?}");
    assert!(!cx.trail.left_out().is_empty(), "what was not tested is said");
}
