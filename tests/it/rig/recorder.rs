//! A recorder: an HTTP server in a thread that answers 200 and keeps the path and the idempotency key of every POST.
//! `/health` answers with the status that it was told. It judges nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const REQUEST_LIMIT: usize = 64 * 1024;
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// A POST that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// Where it went.
    pub(crate) path: String,
    /// Its `Idempotency-Key`; empty without one.
    pub(crate) key: String,
    /// What it says.
    pub(crate) body: String,
}

#[derive(Debug)]
struct Shared {
    received: Mutex<Vec<Received>>,
    health: AtomicU16,
    stopping: AtomicBool,
}

/// A running recorder; it ends on drop.
#[derive(Debug)]
pub(crate) struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts on a port of its own.
    pub(crate) fn start() -> Self {
        Self::start_on(0)
    }

    /// Starts on this port of 127.0.0.1.
    pub(crate) fn start_on(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            health: AtomicU16::new(200),
            stopping: AtomicBool::new(false),
        });
        let seen = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.stopping.load(Ordering::Acquire) {
                    break;
                }
                let seen = Arc::clone(&seen);
                // A thread each: a client that stays silent holds up nobody. One that went away is no news.
                std::thread::spawn(move || stream.map(|stream| drop(answer(stream, &seen))));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// Its base address, without a final slash.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on `/health` answers with this status.
    pub(crate) fn set_health(&self, status: u16) {
        self.shared.health.store(status, Ordering::Release);
    }

    /// What came in, in order.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let received = self.shared.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.iter().map(|r| r.body.clone()).collect()
    }

    /// The keys of what came in at this path, in order.
    pub(crate) fn keys(&self, path: &str) -> Vec<String> {
        let received = self.shared.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.iter().filter(|r| r.path == path).map(|r| r.key.clone()).collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Wakes the thread, which otherwise waits for its next client.
        drop(TcpStream::connect_timeout(&self.address, READ_TIMEOUT));
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("the recorder's thread panicked");
        }
    }
}

fn answer(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut request = Vec::new();
    let mut part = [0; 4096];
    let end = loop {
        if let Some(end) = request.windows(4).position(|end| end == b"\r\n\r\n") {
            break end;
        }
        let n = stream.read(&mut part)?;
        if n == 0 || request.len() > REQUEST_LIMIT {
            return Ok(());
        }
        request.extend_from_slice(&part[..n]);
    };
    let head = String::from_utf8_lossy(&request[..end]).into_owned();
    let header = |name: &str| {
        let named = |line: &str| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().find_map(named)
    };
    // The body is read to its end, so that the answer does not cut it off.
    let length: usize = header("content-length").and_then(|n| n.parse().ok()).unwrap_or_default();
    while request.len() < (end + 4 + length).min(REQUEST_LIMIT) {
        match stream.read(&mut part)? {
            0 => break,
            n => request.extend_from_slice(&part[..n]),
        }
    }
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default().to_owned();
    let mut status = 200;
    if method == "POST" {
        let key = header("idempotency-key").unwrap_or_default();
        let mut received = shared.received.lock().unwrap_or_else(PoisonError::into_inner);
        let body = String::from_utf8_lossy(&request[end + 4..]).into_owned();
        received.push(Received { path, key, body });
    } else if path == "/health" {
        status = shared.health.load(Ordering::Acquire);
    }
    write!(stream, "HTTP/1.1 {status} OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n")
}
