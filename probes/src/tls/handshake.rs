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
    /// The protocol that was agreed on: `TLS 1.3`.
    pub(super) protocol: &'static str,
}

/// Shakes hands with `address`, asking for `name`, within `within`.
///
/// # Errors
/// No connection, no answer in time, or an answer that is no handshake; an alert is named.
pub(super) async fn shake(
    cx: &Context,
    address: SocketAddr,
    name: ServerName<'static>,
    provider: Arc<CryptoProvider>,
    within: Duration,
) -> Result<Presented, Failure> {
    let until = Instant::now() + within;
    let recorder = Arc::new(Recorder { provider: provider.clone(), chain: OnceLock::new() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Failure::new(Cause::ProbeError, e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(recorder.clone())
        .with_no_client_auth();
    // A resumed handshake presents no certificate.
    config.resumption = Resumption::disabled();
    let stream = dial::connect(cx, address, within).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = match timeout_at(until, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => return Err(fault(address, &e)),
        Err(_) => {
            let message = format!("{address} did not complete the handshake in time");
            return Err(Failure::new(Cause::Timeout, message));
        }
    };
    let protocol = match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "unknown",
    };
    let chain = recorder.chain.get().cloned().unwrap_or_default();
    Ok(Presented { chain, protocol })
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

/// A verifier that keeps the chain and lets the handshake go on.
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
