//! One request over a connection of its own, in plain HTTP/1.1: what the server sent, untouched, and how long each
//! phase took.
//!
//! For those who need what a full client hides: the phases, and headers as they were before anything is unpacked. It
//! follows nothing, unpacks nothing, keeps no body, and goes through no proxy.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use reqwest::header::{
    CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use reqwest::{Method, StatusCode, Url};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::client::Fault;
use crate::dial;
use crate::probe::Context;
use crate::secret::shown_url;

/// The largest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The most fields of a head.
const MAX_FIELDS: usize = 200;
/// How many answers that only announce another are passed over.
const MAX_INTERIM: usize = 8;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    /// Where to connect instead of the addresses of the URL's host.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    /// The largest body that is waited for, in bytes as sent.
    pub(crate) limit: usize,
}

/// How long each phase took; one that did not occur is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Times {
    /// From the host's name to its addresses.
    pub(crate) dns: Option<Duration>,
    /// The TCP connection.
    pub(crate) connect: Duration,
    /// The TLS handshake.
    pub(crate) tls: Option<Duration>,
    /// From the request to the first byte of the answer.
    pub(crate) first_byte: Duration,
    /// From the beginning to the last byte of the answer.
    pub(crate) total: Duration,
}

/// What came.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) times: Times,
}

/// Asks once.
///
/// # Errors
/// An untrusted certificate, the transport's fault by its class, or an answer that is no HTTP/1.1 within the limits.
pub(crate) async fn ask(cx: &Context, tls: &ClientConfig, ask: &Ask<'_>) -> Result<Heard, Fault> {
    let from = shown_url(ask.url);
    if cx.vantage.proxy.is_some() {
        let message = format!("{from}: a connection of its own cannot go through a proxy");
        return Err(Failure::new(Cause::LocalFault, message).into());
    }
    let began = Instant::now();
    // The rest of the time is for telling how it went.
    let until = began + cx.remaining().mul_f64(0.9);
    let heard = timeout_at(until, converse(cx, tls, ask, until)).await;
    let silent = || Failure::new(Cause::Timeout, format!("{from}: no answer in time"));
    let heard = heard.unwrap_or_else(|_| Err(silent().into()));
    if cx.trail.is_kept() {
        let came = match &heard {
            Ok(heard) => format!("HTTP/1.1 {}", heard.status),
            Err(Fault::Certificate(why)) => why.clone(),
            Err(Fault::Failure(failure)) => failure.to_string(),
        };
        cx.trail.note(&from, ask.method, came, began.elapsed());
    }
    heard
}

/// What bytes go over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn converse(
    cx: &Context,
    tls: &ClientConfig,
    ask: &Ask<'_>,
    until: Instant,
) -> Result<Heard, Fault> {
    let from = shown_url(ask.url);
    let begun = Instant::now();
    let mut times = Times::default();
    let (tcp, connect) = open(cx, ask, until, &mut times).await?;
    times.connect = connect;
    let mut stream: Box<dyn Stream> = if ask.url.scheme() == "https" {
        let start = Instant::now();
        let stream = secure(tls, ask.url, tcp).await?;
        times.tls = Some(start.elapsed());
        Box::new(stream)
    } else {
        Box::new(tcp)
    };
    let io = |e: &io::Error| dial::io_failure(&from, e);
    stream.write_all(&request(ask)).await.map_err(|e| io(&e))?;
    stream.flush().await.map_err(|e| io(&e))?;
    let sent = Instant::now();
    let mut reader = Reader { stream, bytes: Vec::new(), from };
    let mut head = reader.head(sent, &mut times).await?;
    for _ in 0..MAX_INTERIM {
        if !head.status.is_informational() {
            break;
        }
        head = reader.head(sent, &mut times).await?;
    }
    reader.body(&head, ask).await?;
    times.total = begun.elapsed();
    Ok(Heard { status: head.status, headers: head.headers, times })
}

/// Connects to the first address that lets us, and says how long that one took.
async fn open(
    cx: &Context,
    ask: &Ask<'_>,
    until: Instant,
    times: &mut Times,
) -> Result<(tokio::net::TcpStream, Duration), Failure> {
    let left = || until.saturating_duration_since(Instant::now());
    let host = ask.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = ask.url.port_or_known_default().unwrap_or_default();
    let addresses = if let Some(address) = ask.address {
        vec![address]
    } else {
        let start = Instant::now();
        let found = dial::resolve(cx, host, port, left()).await?;
        let is_name = host.parse::<std::net::IpAddr>().is_err();
        times.dns = is_name.then(|| start.elapsed());
        found
    };
    let mut last = Failure::new(Cause::Unreachable, format!("{host} has no address"));
    for address in addresses {
        let start = Instant::now();
        match dial::connect(cx, address, left()).await {
            Ok(stream) => return Ok((stream, start.elapsed())),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

async fn secure(
    tls: &ClientConfig,
    url: &Url,
    tcp: tokio::net::TcpStream,
) -> Result<impl Stream + use<>, Fault> {
    let from = shown_url(url);
    let mut config = tls.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed handshake takes a time that no new client has.
    config.resumption = Resumption::disabled();
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host)
        .map_err(|e| Failure::new(Cause::ProbeError, format!("{from}: {e}")))?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|e| {
        match e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => {
                Fault::Certificate(format!("{from}: its certificate is not trusted: {why}"))
            }
            Some(other) => Failure::new(Cause::BadResponse, format!("{from}: TLS: {other}")).into(),
            None => dial::io_failure(&from, &e).into(),
        }
    })
}

fn request(ask: &Ask<'_>) -> Vec<u8> {
    let host = ask.url.host_str().unwrap_or_default();
    let authority = ask.url.port().map_or_else(|| host.to_owned(), |p| format!("{host}:{p}"));
    let query = ask.url.query().map(|q| format!("?{q}")).unwrap_or_default();
    let agent = concat!("launchgate/", env!("CARGO_PKG_VERSION"));
    let mut text = format!("{} {}{query} HTTP/1.1\r\n", ask.method, ask.url.path()).into_bytes();
    let mut field = |name: &str, value: &[u8]| {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.extend_from_slice(b"\r\n");
    };
    let given = |name: &HeaderName| ask.headers.iter().any(|(n, _)| n == name);
    if !given(&HOST) {
        field("host", authority.as_bytes());
    }
    if !given(&reqwest::header::USER_AGENT) {
        field("user-agent", agent.as_bytes());
    }
    if !given(&reqwest::header::ACCEPT) {
        field("accept", b"*/*");
    }
    for (name, value) in ask.headers {
        field(name.as_str(), value.as_bytes());
    }
    field("connection", b"close");
    text.extend_from_slice(b"\r\n");
    text
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    status: StatusCode,
    headers: HeaderMap,
}

/// Reads a head, its last empty line included; nothing if it is none of HTTP/1.
pub(crate) fn parse_head(bytes: &[u8]) -> Option<Head> {
    let mut lines = bytes.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let first = lines.next()?;
    let rest = first.strip_prefix(b"HTTP/1.1 ").or_else(|| first.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, reason) = rest.split_at_checked(3)?;
    if !matches!(reason.first(), None | Some(b' ')) {
        return None;
    }
    let status = StatusCode::from_bytes(digits).ok()?;
    let mut headers = HeaderMap::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = HeaderName::from_bytes(name).ok()?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if headers.len() == MAX_FIELDS {
            return None;
        }
        headers.append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(Head { status, headers })
}

/// How far a chunked body has been read.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    at: usize,
}

impl Chunks {
    /// Whether the body that begins `bytes` is there to its end; nothing if it is not chunked as it should be.
    pub(crate) fn ended(&mut self, bytes: &[u8]) -> Option<bool> {
        loop {
            // Within a chunk, whose bytes are nobody's business here.
            let Some(rest) = bytes.get(self.at..) else { return Some(false) };
            let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else {
                return (rest.len() <= MAX_HEAD).then_some(false);
            };
            let line = rest.get(..end)?;
            let size = line.split(|b| *b == b';').next()?.trim_ascii();
            let size = std::str::from_utf8(size).ok().filter(|s| s.len() <= 8)?;
            let size = usize::from_str_radix(size, 16).ok()?;
            if size == 0 {
                return Some(rest.windows(4).any(|w| w == b"\r\n\r\n"));
            }
            self.at = self.at.saturating_add(end + 2).saturating_add(size + 2);
        }
    }

    /// Drops what has been read from the front of `bytes`.
    fn forget(&mut self, bytes: &mut Vec<u8>) {
        let read = self.at.min(bytes.len());
        bytes.drain(..read);
        self.at -= read;
    }
}

struct Reader {
    stream: Box<dyn Stream>,
    /// What was read and not yet used.
    bytes: Vec<u8>,
    from: String,
}

impl Reader {
    fn bad(&self, why: &str) -> Failure {
        Failure::new(Cause::BadResponse, format!("{}: {why}", self.from))
    }

    /// Reads some more; whether there was anything.
    async fn more(&mut self) -> Result<bool, Failure> {
        let mut part = [0_u8; 8192];
        let read = self.stream.read(&mut part).await;
        let read = read.map_err(|e| dial::io_failure(&self.from, &e))?;
        self.bytes.extend_from_slice(part.get(..read).unwrap_or_default());
        Ok(read > 0)
    }

    async fn head(&mut self, sent: Instant, times: &mut Times) -> Result<Head, Failure> {
        loop {
            if let Some(end) = self.bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                let rest = self.bytes.split_off(end + 4);
                let head = std::mem::replace(&mut self.bytes, rest);
                return parse_head(&head).ok_or_else(|| self.bad("the answer is no HTTP/1.1"));
            }
            if self.bytes.len() > MAX_HEAD {
                return Err(self.bad("the head of the answer is too large"));
            }
            if !self.more().await? {
                return Err(self.bad("the answer breaks off in its head"));
            }
            if times.first_byte.is_zero() {
                times.first_byte = sent.elapsed();
            }
        }
    }

    /// Waits for the end of the body, by whatever says where that is.
    async fn body(&mut self, head: &Head, ask: &Ask<'_>) -> Result<(), Failure> {
        let none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&head.status);
        if none || *ask.method == Method::HEAD {
            return Ok(());
        }
        let chunked = head.headers.get(TRANSFER_ENCODING);
        let chunked = chunked.is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"chunked"));
        let length = head.headers.get(CONTENT_LENGTH).map(|v| {
            let digits = v.to_str().ok().and_then(|v| v.parse::<usize>().ok());
            digits.ok_or_else(|| self.bad("its length is no number"))
        });
        let length = length.transpose()?.filter(|_| !chunked);
        let mut chunks = Chunks::default();
        let mut count = self.bytes.len();
        loop {
            let ended = if chunked {
                chunks.ended(&self.bytes).ok_or_else(|| self.bad("its chunks cannot be read"))?
            } else {
                length.is_some_and(|length| count >= length)
            };
            if ended {
                return Ok(());
            }
            if count > ask.limit {
                return Err(self.bad(&format!("its body has more than {} bytes", ask.limit)));
            }
            if chunked {
                chunks.forget(&mut self.bytes);
            } else {
                self.bytes.clear();
            }
            let held = self.bytes.len();
            let more = self.more().await?;
            count += self.bytes.len() - held;
            if !more {
                let whole = !chunked && length.is_none();
                return if whole { Ok(()) } else { Err(self.bad("the body breaks off")) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A status and how many fields.
    type Read = Option<(u16, usize)>;

    #[test]
    fn heads_are_read_or_refused() {
        let rows: [(&str, &[u8], Read); 9] = [
            ("plain", b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", Some((200, 1))),
            ("no reason", b"HTTP/1.1 204\r\n\r\n", Some((204, 0))),
            ("the older version", b"HTTP/1.0 301 x\r\nLocation:/y\r\n\r\n", Some((301, 1))),
            ("an empty value", b"HTTP/1.1 200 OK\r\nA:\r\n\r\n", Some((200, 1))),
            ("twice", b"HTTP/1.1 200 OK\r\nA: b\r\nA: c\r\n\r\n", Some((200, 2))),
            ("another protocol", b"SSH-2.0-x\r\n\r\n", None),
            ("no status", b"HTTP/1.1 OK\r\n\r\n", None),
            ("a folded field", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", None),
            ("nothing", b"", None),
        ];
        for (row, bytes, read) in rows {
            let found = parse_head(bytes).map(|h| (h.status.as_u16(), h.headers.len()));
            assert_eq!(found, read, "{row}");
        }
    }

    #[test]
    fn chunked_bodies_end_where_they_say() {
        let rows: [(&str, &[u8], Option<bool>); 8] = [
            ("whole", b"3\r\nabc\r\n0\r\n\r\n", Some(true)),
            ("with an extension", b"3;x=y\r\nabc\r\n0\r\n\r\n", Some(true)),
            ("with a trailer", b"0\r\nA: b\r\n\r\n", Some(true)),
            ("in its size", b"3", Some(false)),
            ("in its data", b"3\r\nab", Some(false)),
            ("before the end", b"3\r\nabc\r\n0\r\n", Some(false)),
            ("no size", b"x\r\n", None),
            ("a size beyond all", b"ffffffffffffffff\r\n", None),
        ];
        for (row, bytes, ended) in rows {
            assert_eq!(Chunks::default().ended(bytes), ended, "{row}");
            let (mut chunks, mut held, mut last) = (Chunks::default(), Vec::new(), Some(false));
            for byte in bytes {
                held.push(*byte);
                last = chunks.ended(&held);
                if last.is_none() {
                    break;
                }
                chunks.forget(&mut held);
            }
            assert_eq!(last, ended, "{row}, byte by byte");
        }
    }
}
