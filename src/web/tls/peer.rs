//! The other end of a connection: its address, whether TLS lies between, and the certificate that it showed.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::{Tls, TlsListener};

/// Who is at the other end.
#[derive(Debug, Clone)]
pub struct Peer {
    /// From where.
    pub address: SocketAddr,
    /// Whether the daemon itself speaks TLS with it.
    pub(in super::super) secure: bool,
    /// The client certificate that it showed.
    pub(in super::super) certificate: Option<Arc<Certificate>>,
}

/// A client certificate that counted when its connection began.
#[derive(Debug)]
pub(in super::super) struct Certificate {
    /// The names that its authority vouches for. The subject is not among them.
    pub(in super::super) names: Vec<Called>,
    /// The SHA-256 of the certificate, in hexadecimal.
    pub(in super::super) sha256: String,
    chain: Vec<CertificateDer<'static>>,
    tls: Tls,
}

/// A name of the extension `subjectAltName` (RFC 5280, section 4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Called {
    Email(String),
    Dns(String),
    Uri(String),
}

impl Peer {
    /// Who is at an address, without TLS.
    pub(super) fn at(address: SocketAddr) -> Self {
        Self { address, secure: false, certificate: None }
    }

    /// Who is at the other end of TLS.
    pub(super) fn over(stream: &TlsStream<TcpStream>, address: SocketAddr, tls: &Tls) -> Self {
        let chain = stream.get_ref().1.peer_certificates();
        let certificate = chain.and_then(|chain| Certificate::of(chain, tls)).map(Arc::new);
        Self { address, secure: true, certificate }
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self::at(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        stream.remote_addr().clone()
    }
}

impl Certificate {
    fn of(chain: &[CertificateDer<'_>], tls: &Tls) -> Option<Self> {
        let leaf = chain.first()?;
        let sha256 = format!("{:x}", Sha256::digest(leaf));
        let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
        Some(Self { names: names(leaf), sha256, chain, tls: tls.clone() })
    }

    /// Whether it counts at this moment.
    ///
    /// # Errors
    /// Why it does not.
    pub(in super::super) fn counts(&self) -> Result<(), String> {
        self.tls.trusts(&self.chain)
    }
}

fn names(leaf: &CertificateDer<'_>) -> Vec<Called> {
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else { return Vec::new() };
    let Ok(Some(extension)) = leaf.subject_alternative_name() else { return Vec::new() };
    let known = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::RFC822Name(text) => Some(Called::Email((*text).to_owned())),
        GeneralName::DNSName(text) => Some(Called::Dns((*text).to_owned())),
        GeneralName::URI(text) => Some(Called::Uri((*text).to_owned())),
        _ => None,
    });
    known.collect()
}
