//! One TLS handshake that completes with whatever certificate the server presents, and keeps it.
//!
//! The server's possession of the key is proven as always; whether the certificate is trusted is judged afterwards, by
//! the caller. Nothing is ever sent over such a connection.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::dial;
use crate::probe::Context;

/// What a server presented.
pub(super) struct Presented {
    /// The certificates, the leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// The answer about revocation that came along; empty if none did.
    pub(super) staple: Vec<u8>,
    /// The protocol that was agreed on: `TLS 1.3`.
    pub(super) protocol: &'static str,
}

/// What the client says of itself.
#[derive(Debug, Clone)]
pub(super) struct Hello {
    /// The name that is asked for.
    pub(super) name: ServerName<'static>,
    /// Whether the server is told that name (SNI).
    pub(super) tells_name: bool,
    /// The algorithms.
    pub(super) provider: Arc<CryptoProvider>,
}

/// Shakes hands with `address` within `within`.
///
/// # Errors
/// No connection, no answer in time, or an answer that is no handshake; an alert is named.
pub(super) async fn shake(
    cx: &Context,
    address: SocketAddr,
    hello: Hello,
    within: Duration,
) -> Result<Presented, Failure> {
    let until = Instant::now() + within;
    let Hello { name, tells_name, provider } = hello;
    let recorder = Arc::new(Recorder { provider: provider.clone(), sent: OnceLock::new() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Failure::new(Cause::ProbeError, e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(recorder.clone())
        .with_no_client_auth();
    // A resumed handshake presents no certificate.
    config.resumption = Resumption::disabled();
    config.enable_sni = tells_name;
    let stream = dial::connect(cx, address, within).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let began = Instant::now();
    let stream = match timeout_at(until, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(e)) => Err(fault(address, &e)),
        Err(_) => {
            let message = format!("{address} did not complete the handshake in time");
            Err(Failure::new(Cause::Timeout, message))
        }
    };
    let asked = if tells_name { "a TLS handshake" } else { "a TLS handshake without a name" };
    let came = stream.as_ref().err().map_or_else(|| "completed".to_owned(), ToString::to_string);
    cx.trail.note(address, asked, came, began.elapsed());
    let stream = stream?;
    let protocol = match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "unknown",
    };
    let (chain, staple) = recorder.sent.get().cloned().unwrap_or_default();
    Ok(Presented { chain, staple, protocol })
}

fn fault(address: SocketAddr, error: &std::io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(alert)) => Failure::new(
            Cause::BadResponse,
            format!("{address} answered the handshake with the alert {alert:?}"),
        ),
        Some(Error::InvalidMessage(_)) => {
            Failure::new(Cause::BadResponse, format!("{address} does not speak TLS: {error}"))
        }
        Some(other) => {
            Failure::new(Cause::BadResponse, format!("the handshake with {address}: {other}"))
        }
        None => dial::io_failure(&format!("the handshake with {address}"), error),
    }
}

/// A chain, and what was stapled to it.
type Sent = (Vec<CertificateDer<'static>>, Vec<u8>);

/// A verifier that keeps what was sent and lets the handshake go on.
#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    sent: OnceLock<Sent>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        staple: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(leaf).chain(intermediates);
        self.sent
            .get_or_init(|| (chain.map(|c| c.clone().into_owned()).collect(), staple.to_vec()));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, leaf, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
