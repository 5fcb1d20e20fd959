//! A service to watch: an HTTP server in a thread whose `/metrics` counters grow with time at the
//! rates it was told. It serves no traffic; the traffic that its counters tell of is made up.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Upper bounds, in seconds, of the histogram's buckets; `+Inf` follows.
const BUCKETS: [f64; 7] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
const REQUEST_LIMIT: usize = 8 * 1024;
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The made-up traffic and what it has added up to.
#[derive(Debug)]
struct Traffic {
    rps: f64,
    error_ratio: f64,
    latency_seconds: f64,
    counted_at: Instant,
    good: f64,
    bad: f64,
    /// Requests per bucket, not yet cumulated; the last is `+Inf`.
    buckets: [f64; BUCKETS.len() + 1],
    seconds: f64,
}

impl Traffic {
    /// Adds what happened since the last call, at the rates that held meanwhile.
    fn advance(&mut self) {
        let now = Instant::now();
        let requests = self.rps * now.duration_since(self.counted_at).as_secs_f64();
        self.counted_at = now;
        self.bad += requests * self.error_ratio;
        self.good += requests * (1.0 - self.error_ratio);
        self.seconds += requests * self.latency_seconds;
        let bucket = BUCKETS.iter().position(|&bound| self.latency_seconds <= bound);
        self.buckets[bucket.unwrap_or(BUCKETS.len())] += requests;
    }

    fn metrics(&self) -> String {
        let mut text = String::from("# TYPE http_requests_total counter\n");
        let mut line = |what: String| writeln!(text, "{what}").expect("a String takes any text");
        line(format!("http_requests_total{{code=\"200\"}} {}", self.good));
        line(format!("http_requests_total{{code=\"500\"}} {}", self.bad));
        line("# TYPE http_request_duration_seconds histogram".to_owned());
        let bounds = BUCKETS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut count = 0.0;
        for (bound, requests) in bounds.zip(self.buckets) {
            count += requests;
            line(format!("http_request_duration_seconds_bucket{{le=\"{bound}\"}} {count}"));
        }
        line(format!("http_request_duration_seconds_sum {}", self.seconds));
        line(format!("http_request_duration_seconds_count {count}"));
        text
    }

    /// Applies `err=0.3&rps=50&lat=0.8`; returns false on anything else.
    fn set(&mut self, query: &str) -> bool {
        query.split('&').all(|pair| {
            let Some((name, Ok(value))) = pair.split_once('=').map(|(n, v)| (n, v.parse::<f64>()))
            else {
                return false;
            };
            if !value.is_finite() || value < 0.0 {
                return false;
            }
            match name {
                "err" if value <= 1.0 => self.error_ratio = value,
                "rps" => self.rps = value,
                "lat" => self.latency_seconds = value,
                _ => return false,
            }
            true
        })
    }
}

/// A running service; it ends on drop.
#[derive(Debug)]
pub(crate) struct Service {
    address: SocketAddr,
    traffic: Arc<Mutex<Traffic>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts with 100 requests a second, no errors, each taking 40 ms.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let traffic = Arc::new(Mutex::new(Traffic {
            rps: 100.0,
            error_ratio: 0.0,
            latency_seconds: 0.04,
            counted_at: Instant::now(),
            good: 0.0,
            bad: 0.0,
            buckets: [0.0; BUCKETS.len() + 1],
            seconds: 0.0,
        }));
        let stopping = Arc::new(AtomicBool::new(false));
        let (shared, flag) = (Arc::clone(&traffic), Arc::clone(&stopping));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if flag.load(Ordering::Acquire) {
                    break;
                }
                // A client that went away is no news.
                if let Ok(stream) = stream {
                    drop(answer(stream, &shared));
                }
            }
        });
        Self { address, traffic, stopping, thread: Some(thread) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base address, without a final slash.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this share of the requests, from 0 to 1, is answered with a 500.
    pub(crate) fn set_errors(&self, ratio: f64) {
        self.change(|traffic| traffic.error_ratio = ratio);
    }

    /// From now on there are this many requests a second, each taking this many seconds.
    pub(crate) fn set_traffic(&self, rps: f64, latency_seconds: f64) {
        self.change(|traffic| {
            traffic.rps = rps;
            traffic.latency_seconds = latency_seconds;
        });
    }

    fn change(&self, change: impl FnOnce(&mut Traffic)) {
        let mut traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.advance();
        change(&mut traffic);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the thread, which otherwise waits for its next client.
        drop(TcpStream::connect_timeout(&self.address, READ_TIMEOUT));
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("the service's thread panicked");
        }
    }
}

fn answer(mut stream: TcpStream, traffic: &Mutex<Traffic>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while request.len() < REQUEST_LIMIT && !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part)? {
            0 => break,
            n => request.extend_from_slice(&part[..n]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));

    let mut traffic = traffic.lock().unwrap_or_else(PoisonError::into_inner);
    traffic.advance();
    let (status, kind, body) = match path {
        "/metrics" => ("200 OK", "text/plain; version=0.0.4", traffic.metrics()),
        "/healthz" => ("200 OK", "application/json", "{\"status\":\"ok\"}".to_owned()),
        "/set" if traffic.set(query) => ("200 OK", "text/plain", "set\n".to_owned()),
        "/set" => ("400 Bad Request", "text/plain", "want err=0..1, rps or lat\n".to_owned()),
        _ => ("404 Not Found", "text/plain", "no such page\n".to_owned()),
    };
    drop(traffic);
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}
