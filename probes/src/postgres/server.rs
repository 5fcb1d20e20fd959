//! A connection to one server for one look: guarded, encrypted wherever the server can, and given up in time.
//!
//! The certificate of a server that speaks TLS is always judged, by the public roots and the settings' `ca_file`. Only
//! an address that says `sslmode=disable` is spoken to without; nothing makes us take a certificate unseen.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use launchgate_core::observation::{Cause, Failure};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::Host;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config};
use tokio_rustls::TlsConnector;

use crate::bounded::Bounded;
use crate::secret::TextOrCredential;
use crate::{Context, client, dial};

/// The port where an address names none.
const PORT: u16 = 5432;

/// What a connection needs besides the address.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    cx: &'a Context,
    tls: Arc<ClientConfig>,
    /// When it has to stand.
    pub(crate) until: Instant,
}

impl<'a> Access<'a> {
    /// Access for a look: the roots that are trusted, and when a connection has to stand.
    ///
    /// # Errors
    /// A `ca_file` that cannot be used.
    pub(crate) async fn new(
        ca_file: Option<&Path>,
        cx: &'a Context,
        until: Instant,
    ) -> Result<Self, Failure> {
        let mut tls = client::trust(ca_file, cx).await?;
        // HTTP's protocols are none that a database speaks.
        tls.alpn_protocols.clear();
        Ok(Self { cx, tls: Arc::new(tls), until })
    }
}

/// Connects to the server at `url`; it ends with the client.
///
/// # Errors
/// An address that cannot be read, and everything on the way to a server that takes statements.
pub(crate) async fn connect(
    subject: &str,
    url: &TextOrCredential,
    access: &Access<'_>,
) -> Result<Client, Failure> {
    let mut config = read(subject, &url.resolve(access.cx)?)?;
    config.application_name("launchgate");
    match timeout_at(access.until, open(subject, &config, access)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::new(Cause::Timeout, format!("{subject} did not answer in time"))),
    }
}

async fn open(subject: &str, config: &Config, access: &Access<'_>) -> Result<Client, Failure> {
    let port = config.get_ports().first().copied().unwrap_or(PORT);
    match (config.get_hosts(), config.get_hostaddrs()) {
        ([Host::Unix(folder)], []) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            let stream =
                UnixStream::connect(&path).await.map_err(|e| unopened(subject, &path, &e))?;
            // This machine's own sockets are not encrypted by anybody.
            start(subject, config, stream, Secure { name: None, tls: access.tls.clone() }).await
        }
        ([], [_]) | ([Host::Tcp(_)], [] | [_]) => {
            let name = match config.get_hosts() {
                [Host::Tcp(name)] => name.clone(),
                _ => String::new(),
            };
            let left = access.until.saturating_duration_since(Instant::now());
            let addresses = match config.get_hostaddrs() {
                [ip] => vec![(*ip, port).into()],
                _ => dial::resolve(access.cx, &name, port, left).await?,
            };
            let stream = first(access.cx, subject, &addresses, left).await?;
            let name = ServerName::try_from(name).ok();
            start(subject, config, stream, Secure { name, tls: access.tls.clone() }).await
        }
        _ => {
            let message = format!("the address of {subject} must name exactly one server");
            Err(Failure::new(Cause::ProbeError, message))
        }
    }
}

/// The first address that takes a connection.
async fn first(
    cx: &Context,
    subject: &str,
    addresses: &[std::net::SocketAddr],
    left: std::time::Duration,
) -> Result<tokio::net::TcpStream, Failure> {
    let mut last = Failure::new(Cause::Unreachable, format!("{subject} has no address"));
    let share = left / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in addresses {
        match dial::connect(cx, *address, share).await {
            Ok(stream) => return Ok(stream),
            Err(failure) => {
                last = Failure::new(failure.cause, format!("{subject}: {}", failure.message));
            }
        }
    }
    Err(last)
}

async fn start<S>(
    subject: &str,
    config: &Config,
    stream: S,
    secure: Secure,
) -> Result<Client, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (client, connection) =
        config.connect_raw(Bounded::new(stream), secure).await.map_err(|e| failure(subject, &e))?;
    // It ends when the client is dropped; an error reaches whoever asks next.
    tokio::spawn(connection);
    Ok(client)
}

/// Reads an address. What other clients call `verify-full` is what `require` means here.
fn read(subject: &str, url: &SecretString) -> Result<Config, Failure> {
    let text = url.expose_secret();
    let full = || text.replace("sslmode=verify-full", "sslmode=require").parse();
    // The error names a key at most, never a value.
    text.parse().or_else(|_: tokio_postgres::Error| full()).map_err(|e: tokio_postgres::Error| {
        let why = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
        let message = format!("the address of {subject} cannot be read: {why}");
        Failure::new(Cause::ProbeError, message)
    })
}

fn unopened(subject: &str, path: &Path, error: &io::Error) -> Failure {
    dial::io_failure(&format!("{subject} at {}", path.display()), error)
}

/// What an error of the server or of the way to it says.
pub(crate) fn failure(subject: &str, error: &tokio_postgres::Error) -> Failure {
    use tokio_postgres::error::SqlState;
    let source = std::error::Error::source(error);
    if let Some(io) = source.and_then(|s| s.downcast_ref::<io::Error>()) {
        let distrusted = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        return match distrusted {
            Some(why) => Failure::new(
                Cause::BadResponse,
                format!("{subject} speaks TLS, and {why}; a root of its own is given by `ca_file`"),
            ),
            None => dial::io_failure(subject, io),
        };
    }
    let auth = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    let cause = match error.code() {
        Some(code) if auth.contains(code) => Cause::Auth,
        Some(_) => Cause::BadResponse,
        None => Cause::Unreachable,
    };
    let why = source.map_or_else(|| error.to_string(), ToString::to_string);
    Failure::new(cause, format!("{subject}: {why}"))
}

/// TLS for a connection that the server is ready to encrypt.
struct Secure {
    /// The name that the certificate must hold for; without one there is nothing to judge it by.
    name: Option<ServerName<'static>>,
    tls: Arc<ClientConfig>,
}

impl<S> TlsConnect<S> for Secure
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let Some(name) = self.name else {
                return Err(io::Error::other("without a host its certificate cannot be judged"));
            };
            TlsConnector::from(self.tls).connect(name, stream).await.map(Encrypted)
        })
    }
}

/// An encrypted stream. Authentication is not bound to it: its certificate was judged already.
struct Encrypted<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(task, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_other_clients_write_them_and_never_shown() {
        let rows = [
            ("plain", "postgres://u:hunter2@db.example/shop", ""),
            ("in full", "postgres://u:hunter2@db.example/shop?sslmode=verify-full", ""),
            ("as keys", "host=db.example user=u password=hunter2 sslmode=require", ""),
            ("a wrong mode", "postgres://u:hunter2@db.example/shop?sslmode=hunter2", "sslmode"),
            ("no address", "hunter2", "the address of it cannot be read"),
        ];
        for (row, url, said) in rows {
            match read("it", &url.to_owned().into()) {
                Ok(_) => assert_eq!(said, "", "{row}"),
                Err(failure) => {
                    assert!(!said.is_empty() && failure.message.contains(said), "{row}: {failure}");
                    assert!(!failure.message.contains("hunter2"), "{row}: {failure}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_names_no_single_server_or_a_forbidden_one_is_not_dialled() {
        let rows = [
            ("several", "postgres://u@a.example,b.example/shop", "exactly one server"),
            ("none", "user=u", "exactly one server"),
            ("metadata", "postgres://u@169.254.169.254/shop", "never probed"),
            ("no socket", "host=/no/such/folder user=u", ".s.PGSQL.5432"),
        ];
        let timeout = std::time::Duration::from_secs(5);
        let cx = Context::new(timeout, jiff::Timestamp::UNIX_EPOCH, None, "/".into());
        for (row, url, said) in rows {
            let until = Instant::now() + timeout;
            let access = Access::new(None, &cx, until).await.expect("public roots");
            let url = TextOrCredential::Text(url.to_owned());
            let failure = connect("it", &url, &access).await.expect_err(row);
            assert!(failure.message.contains(said), "{row}: {failure}");
        }
    }
}
