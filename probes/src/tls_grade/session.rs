//! One real handshake, for the certificate that TLS 1.3 encrypts and for the head of one answer over HTTP.
//!
//! It completes with whatever certificate is presented, and then asks for one path, as anybody may: nothing that is
//! secret is sent, and nothing that comes back is believed beyond the header that is asked about.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::exchange::Line;
use super::facts::Hsts;
use crate::dial;
use crate::hsts::header;

/// How long handshake and answer may take.
const WITHIN: Duration = Duration::from_secs(8);
/// The most bytes of an answer's head.
const MAX_HEAD: usize = 32 * 1024;

/// What a handshake showed.
#[derive(Debug)]
pub(super) struct Session {
    /// The certificates, the leaf first.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) hsts: Hsts,
}

/// Shakes hands and asks for `path`.
///
/// # Errors
/// No handshake: it is not for us to say why, since the server may be older than this client.
pub(super) async fn open(
    line: &Line<'_>,
    name: &ServerName<'static>,
    host: &str,
    path: &str,
    provider: Arc<CryptoProvider>,
) -> Result<Session, Failure> {
    let turn = line.turn().await?;
    let began = Instant::now();
    let until = began + WITHIN.min(line.cx.remaining());
    let recorder = Arc::new(Recorder { provider: provider.clone(), chain: OnceLock::new() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Failure::new(Cause::ProbeError, e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(recorder.clone())
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = dial::connect(line.cx, line.address, WITHIN.min(line.cx.remaining())).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let late = |_| Failure::new(Cause::Timeout, format!("{}: no answer in time", line.address));
    let handshake = timeout_at(until, connector.connect(name.clone(), stream)).await;
    let hsts = match handshake.map_err(late)? {
        Ok(stream) => policy_of(stream, name, host, path, until).await,
        Err(error) => {
            let why = format!("the handshake with {}: {error}", line.address);
            if recorder.chain.get().is_none() {
                return Err(Failure::new(Cause::BadResponse, why));
            }
            // The certificate came all the same: a server that wants one of the client's, say.
            Hsts::Open(why)
        }
    };
    drop(turn);
    let chain: Vec<Vec<u8>> =
        recorder.chain.get().into_iter().flatten().map(|c| c.to_vec()).collect();
    if line.cx.trail.is_kept() {
        let came = format!("{} certificates; HSTS: {hsts:?}", chain.len());
        line.cx.trail.note(line.address, "a handshake and a path", came, began.elapsed());
    }
    Ok(Session { chain, hsts })
}

/// What clients keep of the answer over `stream`.
async fn policy_of<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    name: &ServerName<'static>,
    host: &str,
    path: &str,
    until: Instant,
) -> Hsts {
    if matches!(name, ServerName::IpAddress(_)) {
        return Hsts::Nothing("clients ignore the header on an address".to_owned());
    }
    match timeout_at(until, head(&mut stream, host, path)).await {
        Ok(Ok(head)) => policy(&head),
        Ok(Err(error)) => Hsts::Open(format!("no answer over HTTP: {error}")),
        Err(_) => Hsts::Open("no answer over HTTP in time".to_owned()),
    }
}

/// Asks for a path and reads the head of the answer.
async fn head<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &str,
    path: &str,
) -> std::io::Result<Vec<u8>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: launchgate/{}\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut came = Vec::new();
    while came.len() < MAX_HEAD && !came.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut came).await? == 0 {
            break;
        }
    }
    Ok(came)
}

/// What clients keep of an answer's head: the first header of the name counts.
pub(super) fn policy(head: &[u8]) -> Hsts {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if !lines.next().is_some_and(|status| status.starts_with(b"HTTP/1.")) {
        return Hsts::Open("the answer is no HTTP".to_owned());
    }
    for line in lines {
        if line.is_empty() {
            return Hsts::Nothing("no header".to_owned());
        }
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(at);
        if name.eq_ignore_ascii_case(b"strict-transport-security") {
            return match header::read(value[1..].trim_ascii()) {
                Ok(policy) => Hsts::Kept(policy.max_age),
                Err(why) => Hsts::Nothing(format!("clients ignore the header: {why}")),
            };
        }
    }
    Hsts::Open("the head of the answer has no end".to_owned())
}

/// A verifier that keeps the chain and lets every handshake go on.
#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    chain: OnceLock<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(leaf).chain(intermediates);
        self.chain.get_or_init(|| chain.map(|c| c.clone().into_owned()).collect());
        Ok(ServerCertVerified::assertion())
    }

    // Keys too short for this client are to be graded, not refused.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_header_of_the_head_counts() {
        let kept = |seconds| Hsts::Kept(Duration::from_secs(seconds));
        let rows = [
            (
                "a year",
                "HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=31536000\r\n\r\n",
                Some(kept(31_536_000)),
            ),
            (
                "the first",
                "HTTP/1.1 404 No\r\nStrict-Transport-Security: max-age=1\r\nStrict-Transport-Security: max-age=2\r\n\r\n",
                Some(kept(1)),
            ),
            (
                "none",
                "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nStrict-Transport-Security: max-age=1\r\n",
                None,
            ),
            ("garbage", "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age\r\n\r\n", None),
        ];
        for (row, head, expected) in rows {
            match expected {
                Some(expected) => assert_eq!(policy(head.as_bytes()), expected, "{row}"),
                None => assert!(matches!(policy(head.as_bytes()), Hsts::Nothing(_)), "{row}"),
            }
        }
        for open in ["", "220 mail.example ESMTP\r\n", "HTTP/1.1 200 OK\r\nServer: x"] {
            assert!(matches!(policy(open.as_bytes()), Hsts::Open(_)), "{open}");
        }
    }
}
