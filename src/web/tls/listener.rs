//! The daemon's door when it speaks TLS: connections are accepted at once, and their handshakes go on beside each other,
//! so that a client that says nothing holds up nobody.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Peer, Tls};

/// How long a handshake may take.
const WITHIN: Duration = Duration::from_secs(10);
/// How long it may take while others wait for room.
const WITHIN_CROWD: Duration = Duration::from_secs(1);
/// How many handshakes go on at a time.
const MAX_HANDSHAKES: usize = 256;
/// How long to wait when the system has no connection to give.
const PAUSE: Duration = Duration::from_secs(1);
/// How long whoever was refused may take to read why, and how much more they may send meanwhile.
const LINGER: Duration = Duration::from_secs(2);
const MAX_REST: u64 = 64 << 10;
/// The first byte of whoever speaks TLS: a record of the handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
/// What is told to whoever speaks plain HTTP.
const PLAIN: &str =
    r#"{"code":"not_tls","message":"this daemon speaks https","hint":"ask by https://"}"#;

/// Takes connections and speaks TLS with them.
pub struct TlsListener {
    tcp: TcpListener,
    tls: Tls,
    handshakes: JoinSet<Option<Accepted>>,
    /// The handshakes under way, from the oldest.
    begun: VecDeque<Begun>,
}

struct Begun {
    at: Instant,
    task: AbortHandle,
}

type Accepted = (TlsStream<TcpStream>, Peer);

impl TlsListener {
    /// Takes the connections of `tcp`.
    pub fn new(tcp: TcpListener, tls: Tls) -> Self {
        Self { tcp, tls, handshakes: JoinSet::new(), begun: VecDeque::new() }
    }

    fn begin(&mut self, stream: TcpStream, address: SocketAddr) {
        let tls = self.tls.clone();
        let task = self.handshakes.spawn(async move {
            match timeout(WITHIN, shake(stream, address, tls)).await {
                Ok(Ok(accepted)) => Some(accepted),
                Ok(Err(why)) => {
                    tracing::debug!(%address, %why, "no TLS connection came about");
                    None
                }
                Err(_) => {
                    tracing::debug!(%address, "a TLS handshake took too long");
                    None
                }
            }
        });
        self.begun.push_back(Begun { at: Instant::now(), task });
    }

    fn ended(
        &mut self,
        ended: Result<(tokio::task::Id, Option<Accepted>), JoinError>,
    ) -> Option<Accepted> {
        let (id, accepted) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a TLS handshake broke");
                }
                (error.id(), None)
            }
        };
        self.begun.retain(|begun| begun.task.id() != id);
        accepted
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = Peer;

    async fn accept(&mut self) -> Accepted {
        loop {
            let room = self.begun.len() < MAX_HANDSHAKES;
            let oldest = self.begun.front().map_or_else(Instant::now, |begun| begun.at);
            tokio::select! {
                Some(ended) = self.handshakes.join_next_with_id() => {
                    if let Some(accepted) = self.ended(ended) {
                        return accepted;
                    }
                }
                accepted = self.tcp.accept(), if room => match accepted {
                    Ok((stream, address)) => self.begin(stream, address),
                    Err(error) => pause_after(&error).await,
                },
                // Whoever has waited longest makes room.
                () = sleep_until(oldest + WITHIN_CROWD), if !room => {
                    if let Some(begun) = self.begun.pop_front() {
                        begun.task.abort();
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        self.tcp.local_addr().map(Peer::at)
    }
}

/// A connection that broke before it was taken is the client's matter; all else is this machine's.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "no connection can be accepted");
        sleep(PAUSE).await;
    }
}

async fn shake(mut stream: TcpStream, address: SocketAddr, tls: Tls) -> io::Result<Accepted> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
        tell_plainly(&mut stream).await?;
        return Err(io::Error::other("the client does not speak TLS"));
    }
    let acceptor = TlsAcceptor::from(tls.config());
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => {
            let peer = Peer::over(&stream, address, &tls);
            Ok((stream, peer))
        }
        Err((why, mut stream)) => {
            // Why has been sent. A connection that is closed over unread bytes takes it back.
            drop(linger(&mut stream).await);
            Err(why)
        }
    }
}

/// Answers a request that came without TLS.
async fn tell_plainly(stream: &mut TcpStream) -> io::Result<()> {
    let length = PLAIN.len();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{PLAIN}"
    );
    stream.write_all(answer.as_bytes()).await?;
    linger(stream).await
}

/// Ends a connection so that what was said on it is read.
async fn linger(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let (mut rest, mut nowhere) = (stream.take(MAX_REST), tokio::io::sink());
    let read = tokio::io::copy(&mut rest, &mut nowhere);
    timeout(LINGER, read).await.map_or(Ok(()), |read| read.map(drop))
}
