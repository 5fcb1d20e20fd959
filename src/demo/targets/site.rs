//! An HTTPS site with a certificate authority of its own, and the plain site that leads to it.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::{Tasks, listener};

const PATIENCE: Duration = Duration::from_secs(5);

/// A running site.
#[derive(Debug)]
pub struct SiteTarget {
    https: SocketAddr,
    http: SocketAddr,
    ca_file: PathBuf,
    _tasks: Tasks,
}

impl SiteTarget {
    /// Starts a site for `name`, whose certificate lasts for `days`, and writes the authority's certificate to `folder`.
    ///
    /// # Errors
    /// Loopback has no free port, or `folder` cannot be written.
    pub async fn start(name: &str, days: i64, folder: &Path) -> io::Result<Self> {
        let (config, ca) = certificate(name, days).map_err(io::Error::other)?;
        let ca_file = folder.join("ca.pem");
        std::fs::write(&ca_file, ca)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (secure, https) = listener().await?;
        let (plain, http) = listener().await?;
        let mut tasks = Tasks::default();
        tasks.run(async move {
            while let Ok((stream, _)) = secure.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let answer = "HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=31536000; includeSubDomains\r\n\
                                  content-type: text/plain\r\ncontent-length: 17\r\nconnection: close\r\n\r\nWelcome, shopper\n";
                    if let Ok(stream) = acceptor.accept(stream).await {
                        answer_once(stream, answer.to_owned()).await;
                    }
                });
            }
        });
        let target = format!("https://{name}/");
        tasks.run(async move {
            while let Ok((stream, _)) = plain.accept().await {
                let answer = format!(
                    "HTTP/1.1 301 Moved Permanently\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                tokio::spawn(answer_once(stream, answer));
            }
        });
        Ok(Self { https, http, ca_file, _tasks: tasks })
    }

    /// Where the site is.
    pub fn https(&self) -> SocketAddr {
        self.https
    }

    /// Where the plain site is.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The authority's certificate.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }
}

/// Reads a request's head, bounded, and answers it.
async fn answer_once(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: String) {
    let conversation = async {
        let mut head = Vec::new();
        let mut buffer = [0; 1_024];
        while head.len() < 16 << 10 && !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            head.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, conversation).await {
        tracing::debug!(%error, "a visitor left");
    }
}

/// A server's configuration with a fresh certificate, and the PEM of the authority that signed it.
fn certificate(
    name: &str,
    days: i64,
) -> Result<(rustls::ServerConfig, String), Box<dyn std::error::Error + Send + Sync>> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "launchgate demo authority");
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(vec![name.to_owned(), format!("www.{name}")])?;
    let now = std::time::SystemTime::now();
    let day = Duration::from_secs(86_400);
    leaf.not_before = (now - day).into();
    leaf.not_after = (now + day * u32::try_from(days)?).into();
    let leaf = leaf.signed_by(&key, &issuer)?;
    let chain = vec![leaf.der().clone(), ca_certificate.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok((config, ca_certificate.pem()))
}
