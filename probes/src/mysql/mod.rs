//! MySQL and MariaDB servers: how settings name one, and how one is connected to for a look.
//!
//! What is asked of a server is the business of the kinds that ask. An address that says `require_ssl=true` is spoken to
//! with TLS, and the certificate is always judged; nothing makes us take one unseen.

mod relay;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use launchgate_core::observation::{Cause, Failure};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, IoError, Opts, OptsBuilder, Row, UrlError, Value};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::replication::in_time;
use crate::secret::TextOrCredential;
use crate::{Context, dial};
use relay::Relay;

/// The longest answer that is read as one, in bytes.
const MAX_PACKET: usize = 4 * 1024 * 1024;
/// The most rows of a question about the server itself.
const MAX_ROWS: usize = 1_000;

/// A MySQL or MariaDB server.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The kind of source.
    pub kind: SourceKind,
    /// The address, `mysql://user@host:port/database`. One with a password is given by reference.
    pub url: TextOrCredential,
}

/// The kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A MySQL or MariaDB server.
    Mysql,
}

/// A row by the names of its columns in lower case; none for NULL.
pub(crate) type Named = BTreeMap<String, Option<String>>;

/// A server that takes statements. The connection ends with it.
pub(crate) struct Server {
    pub(crate) conn: Conn,
    pub(crate) is_mariadb: bool,
    _relay: Relay,
}

/// What a connection needs besides the address.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) ca_file: Option<PathBuf>,
    /// When it has to stand.
    pub(crate) until: Instant,
}

impl<'a> Access<'a> {
    /// Access for a look; `ca_file` counts from the launch file's folder.
    pub(crate) fn new(ca_file: Option<&Path>, cx: &'a Context, until: Instant) -> Self {
        Self { cx, ca_file: ca_file.map(|file| cx.folder.join(file)), until }
    }
}

/// The host and port of an address, where it is known before the look.
pub(crate) fn host(url: &TextOrCredential) -> Option<String> {
    let TextOrCredential::Text(text) = url else { return None };
    let opts = Opts::from_url(text).ok()?;
    Some(format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port()))
}

/// Connects to the server at `url`.
///
/// # Errors
/// An address that cannot be read, and everything on the way to a server that takes statements.
pub(crate) async fn connect(
    subject: &str,
    url: &TextOrCredential,
    access: &Access<'_>,
) -> Result<Server, Failure> {
    let opts = read(subject, &url.resolve(access.cx)?)?;
    in_time(access.until, subject, open(subject, opts, access)).await
}

async fn open(subject: &str, opts: Opts, access: &Access<'_>) -> Result<Server, Failure> {
    let stream = dial_any(subject, &opts, access).await?;
    let relay = Relay::open(stream)
        .await
        .map_err(|e| dial::io_failure(&format!("a relay to {subject}"), &e))?;
    let ssl = opts.ssl_opts().cloned().map(|ssl| match &access.ca_file {
        Some(file) => ssl.with_root_certs(vec![file.clone().into()]),
        None => ssl,
    });
    // The driver asks for the process's provider.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
    let opts = OptsBuilder::from_opts(opts)
        .resolved_ips(Some(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
        .tcp_port(relay.port())
        .ssl_opts(ssl)
        .prefer_socket(false)
        .stmt_cache_size(0)
        .max_allowed_packet(Some(MAX_PACKET))
        .wait_timeout(Some(60));
    let mut conn = Conn::new(opts).await.map_err(|e| failure(subject, &e))?;
    let version: Option<String> =
        conn.query_first("select version()").await.map_err(|e| failure(subject, &e))?;
    let is_mariadb = version.is_some_and(|v| v.to_ascii_lowercase().contains("mariadb"));
    Ok(Server { conn, is_mariadb, _relay: relay })
}

/// A connection to the first address of the host that takes one.
async fn dial_any(
    subject: &str,
    opts: &Opts,
    access: &Access<'_>,
) -> Result<tokio::net::TcpStream, Failure> {
    let left = access.until.saturating_duration_since(Instant::now());
    let host = opts.ip_or_hostname().trim_matches(['[', ']']);
    let found = dial::resolve(access.cx, host, opts.tcp_port(), left).await?;
    let mut last = Failure::new(Cause::Unreachable, format!("{subject} has no address"));
    let share = left / u32::try_from(found.len().max(1)).unwrap_or(u32::MAX);
    for address in found {
        match dial::connect(access.cx, address, share).await {
            Ok(stream) => return Ok(stream),
            Err(failure) => {
                last = Failure::new(failure.cause, format!("{subject}: {}", failure.message));
            }
        }
    }
    Err(last)
}

/// Reads an address. No error repeats a value of it.
fn read(subject: &str, url: &SecretString) -> Result<Opts, Failure> {
    let wrong = |why: String| {
        Failure::new(Cause::ProbeError, format!("the address of {subject} cannot be read: {why}"))
    };
    let opts = Opts::from_url(url.expose_secret()).map_err(|e| {
        wrong(match e {
            UrlError::InvalidParamValue { param, .. } => format!("`{param}` has no such value"),
            UrlError::UnknownParameter { param } => format!("`{param}` is no parameter"),
            UrlError::UnsupportedScheme { .. } => "it does not begin with `mysql://`".to_owned(),
            other => other.to_string(),
        })
    })?;
    let blind =
        |ssl: &mysql_async::SslOpts| ssl.accept_invalid_certs() || ssl.skip_domain_validation();
    if opts.ssl_opts().is_some_and(blind) {
        return Err(wrong(
            "a certificate is never taken unseen; give its root by `ca_file`".to_owned(),
        ));
    }
    if opts.enable_cleartext_plugin() && opts.ssl_opts().is_none() {
        return Err(wrong(
            "a password is not sent in clear; ask for `require_ssl=true`".to_owned(),
        ));
    }
    Ok(opts)
}

/// What an error of the server or of the way to it says.
pub(crate) fn failure(subject: &str, error: &Error) -> Failure {
    let (cause, why) = match error {
        Error::Server(e) => (cause_of(e.code), format!("error {}: {}", e.code, e.message)),
        Error::Io(IoError::Io(e)) => {
            match e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
                Some(distrusted) => return untrusted(subject, distrusted),
                None => return dial::io_failure(subject, e),
            }
        }
        Error::Io(IoError::Tls(e)) => return untrusted(subject, e),
        Error::Driver(mysql_async::DriverError::ConnectionClosed) => {
            (Cause::Unreachable, error.to_string())
        }
        Error::Driver(_) | Error::Other(_) | Error::Url(_) => {
            (Cause::BadResponse, error.to_string())
        }
    };
    Failure::new(cause, format!("{subject}: {why}"))
}

fn untrusted(subject: &str, why: &dyn std::fmt::Display) -> Failure {
    let message = format!("{subject}: TLS: {why}; a root of its own is given by `ca_file`");
    Failure::new(Cause::BadResponse, message)
}

/// What a server's error code means for a look.
fn cause_of(code: u16) -> Cause {
    match code {
        // Access denied for a user, a database, a table, a column, a privilege; an expired password; a locked account.
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1698 | 1820 | 1862 | 3118 | 4151 => Cause::Auth,
        // A statement, a lock or a transaction that took too long.
        1205 | 1317 | 1969 | 3024 => Cause::Timeout,
        // Too many connections, and a server that is shutting down.
        1040 | 1053 | 1203 | 1226 => Cause::Unreachable,
        _ => Cause::BadResponse,
    }
}

impl Server {
    /// The rows of a question about the server, by their columns' names.
    ///
    /// # Errors
    /// What the server says, told of `subject`; more than a thousand rows.
    pub(crate) async fn rows(&mut self, subject: &str, sql: &str) -> Result<Vec<Named>, Failure> {
        let told = |e: Error| failure(subject, &e);
        let mut result = self.conn.query_iter(sql).await.map_err(told)?;
        let mut rows = Vec::new();
        while let Some(row) = result.next().await.map_err(told)? {
            if rows.len() == MAX_ROWS {
                let message = format!("{subject} answers with more than {MAX_ROWS} rows");
                return Err(Failure::new(Cause::BadResponse, message));
            }
            rows.push(named(&row));
        }
        Ok(rows)
    }

    /// The only row of a question.
    ///
    /// # Errors
    /// As [`Server::rows`], and no row at all.
    pub(crate) async fn row(&mut self, subject: &str, sql: &str) -> Result<Named, Failure> {
        let none = || Failure::new(Cause::BadResponse, format!("{subject} answers with no row"));
        self.rows(subject, sql).await?.into_iter().next().ok_or_else(none)
    }
}

fn named(row: &Row) -> Named {
    let columns = row.columns_ref().iter().enumerate();
    columns
        .map(|(i, column)| {
            let name = column.name_str().to_ascii_lowercase();
            (name, row.as_ref(i).and_then(text))
        })
        .collect()
}

/// A value as text; none for NULL.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Date(..) | Value::Time(..) => Some(value.as_sql(true).trim_matches('\'').to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_never_shown() {
        let rows = [
            ("plain", "mysql://u:hunter2@db.example/shop", ""),
            ("encrypted", "mysql://u:hunter2@db.example/shop?require_ssl=true", ""),
            ("unseen", "mysql://u:hunter2@db.example/?require_ssl=true&verify_ca=false", "unseen"),
            (
                "for another name",
                "mysql://u:hunter2@db.example/?require_ssl=true&verify_identity=false",
                "unseen",
            ),
            ("in clear", "mysql://u:hunter2@a.example/?enable_cleartext_plugin=true", "in clear"),
            ("a wrong value", "mysql://u:hunter2@a.example/?require_ssl=hunter2", "`require_ssl`"),
            ("a wrong scheme", "postgres://u:hunter2@a.example/", "mysql://"),
            ("no address", "hunter2", "cannot be read"),
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
    async fn a_forbidden_address_is_not_dialled() {
        let cx = crate::client::tests::context(std::time::Duration::from_secs(5));
        let access = Access::new(None, &cx, cx.deadline);
        let url = TextOrCredential::Text("mysql://u@169.254.169.254/".to_owned());
        let failure = connect("it", &url, &access).await.err().expect("it is refused");
        assert!(failure.message.contains("never probed"), "{failure}");
    }
}
