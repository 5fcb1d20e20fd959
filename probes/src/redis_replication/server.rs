//! A connection to one Redis server for one look: guarded, encrypted where the address says `rediss`, and given up in time.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisError, ServerErrorKind,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::info::{Info, parse};
use crate::bounded::Bounded;
use crate::replication::in_time;
use crate::secret::TextOrCredential;
use crate::{Context, client, dial};

/// The driver's own patience; a look's is shorter.
const LONG: Duration = Duration::from_secs(3_600);

/// What a connection needs besides the address.
#[derive(Debug)]
pub(super) struct Access<'a> {
    cx: &'a Context,
    tls: Arc<ClientConfig>,
    until: Instant,
}

impl<'a> Access<'a> {
    pub(super) async fn new(
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

/// A server that takes commands. The connection ends with it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) conn: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A server, if it could be reached, and the addresses of its host in any case.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) server: Result<Server, Failure>,
}

/// The host and port of an address that can be read.
pub(super) fn place(url: &str) -> Option<(String, u16)> {
    match url.into_connection_info().ok()?.addr() {
        ConnectionAddr::Tcp(host, port) => Some((host.clone(), *port)),
        ConnectionAddr::TcpTls { host, port, .. } => Some((host.clone(), *port)),
        _ => None,
    }
}

/// Connects to the server at `url`.
pub(super) async fn reach(subject: &str, url: &TextOrCredential, access: &Access<'_>) -> Reached {
    let mut addresses = Vec::new();
    let server = in_time(access.until, subject, open(subject, url, access, &mut addresses)).await;
    Reached { addresses, server }
}

async fn open(
    subject: &str,
    url: &TextOrCredential,
    access: &Access<'_>,
    addresses: &mut Vec<SocketAddr>,
) -> Result<Server, Failure> {
    let info = read(subject, url.resolve(access.cx)?.expose_secret())?;
    let (host, port, tls) = match info.addr() {
        ConnectionAddr::Tcp(host, port) => (host, *port, false),
        ConnectionAddr::TcpTls { host, port, .. } => (host, *port, true),
        _ => return Err(unread(subject, "it names no host")),
    };
    let left = access.until.saturating_duration_since(Instant::now());
    *addresses = dial::resolve(access.cx, host, port, left).await?;
    let share = left / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = Failure::new(Cause::Unreachable, format!("{subject} has no address"));
    for address in addresses.iter() {
        let stream = match dial::connect(access.cx, *address, share).await {
            Ok(stream) => stream,
            Err(failure) => {
                last = Failure::new(failure.cause, format!("{subject}: {}", failure.message));
                continue;
            }
        };
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        if !tls {
            return start(subject, &settings, stream).await;
        }
        let name = ServerName::try_from(host.clone())
            .map_err(|_| unread(subject, "no certificate can hold for its host"))?;
        let encrypted = TlsConnector::from(access.tls.clone()).connect(name, stream).await;
        let encrypted = encrypted.map_err(|e| {
            let message = format!(
                "{subject} is asked for TLS, and {e}; a root of its own is given by `ca_file`"
            );
            Failure::new(Cause::BadResponse, message)
        })?;
        return start(subject, &settings, encrypted).await;
    }
    Err(last)
}

/// Reads an address. No error repeats it.
fn read(subject: &str, url: &str) -> Result<ConnectionInfo, Failure> {
    let info = url.into_connection_info();
    let info = info.map_err(|e| unread(subject, e.category()))?;
    match info.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => {
            Err(unread(subject, "a certificate is never taken unseen; give its root by `ca_file`"))
        }
        _ => Ok(info),
    }
}

fn unread(subject: &str, why: &str) -> Failure {
    Failure::new(Cause::ProbeError, format!("the address of {subject} cannot be used: {why}"))
}

async fn start<S>(
    subject: &str,
    settings: &RedisConnectionInfo,
    stream: S,
) -> Result<Server, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(LONG));
    let (conn, driver) =
        MultiplexedConnection::new_with_config(settings, Bounded::new(stream), config)
            .await
            .map_err(|e| failure(subject, &e))?;
    Ok(Server { conn, driver: tokio::spawn(driver) })
}

impl Server {
    /// What the server says of its replication.
    ///
    /// # Errors
    /// What the server says instead, told of `subject`.
    pub(super) async fn info(&mut self, subject: &str) -> Result<Info, Failure> {
        let command = redis::cmd("INFO").arg("replication").clone();
        let bytes: Vec<u8> =
            command.query_async(&mut self.conn).await.map_err(|e| failure(subject, &e))?;
        parse(&bytes).map_err(|why| Failure::new(Cause::BadResponse, format!("{subject}: {why}")))
    }
}

/// What an error of the server or of the way to it says.
pub(super) fn failure(subject: &str, error: &RedisError) -> Failure {
    let denied = matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    let cause = match error.kind() {
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => Cause::Auth,
        _ if denied => Cause::Auth,
        ErrorKind::Io if error.is_timeout() => Cause::Timeout,
        ErrorKind::Io => Cause::Unreachable,
        _ => Cause::BadResponse,
    };
    Failure::new(cause, format!("{subject}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_judged_before_anything_is_dialled_and_never_shown() {
        let rows = [
            ("unseen", "rediss://u:hunter2@db.example/#insecure", "unseen"),
            ("a socket", "unix:///tmp/hunter2.sock", "names no host"),
            ("another scheme", "http://u:hunter2@db.example", "cannot be used"),
            ("metadata", "redis://u:hunter2@169.254.169.254", "never probed"),
        ];
        let cx = client::tests::context(Duration::from_secs(5));
        let access = Access::new(None, &cx, cx.deadline).await.expect("public roots");
        for (row, url, said) in rows {
            let reached = reach("it", &TextOrCredential::Text(url.to_owned()), &access).await;
            let failure = reached.server.expect_err(row);
            assert!(failure.message.contains(said), "{row}: {failure}");
            assert!(!failure.message.contains("hunter2"), "{row}: {failure}");
        }
    }
}
