//! One question on one connection: a hello goes out, the first flight comes back, and the connection is closed.
//!
//! So many at once and so many a second, that a firewall has no reason to take it for an attack. Silence is asked about
//! once more; it never counts as an answer.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::answer::Malformed;
use crate::dial;
use crate::probe::Context;

/// The most connections to one address at a time.
const PARALLEL: usize = 6;
/// How long one answer may take, and never more than a quarter of the time that is left.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The most bytes of one flight.
const MAX_FLIGHT: usize = 64 * 1024;

/// How no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// The server closed or reset the connection.
    Closed,
    /// It said nothing, or could not be connected to.
    Mute,
    /// What it said is no TLS.
    Foreign,
}

/// That no answer came.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    pub(super) quiet: Quiet,
    pub(super) failure: Failure,
}

/// How bytes are read as an answer: what came so far, and whether it is all.
pub(super) type Parse<T> = fn(&[u8], bool) -> Result<Option<T>, Malformed>;

/// The connections to one address.
pub(super) struct Line<'a> {
    pub(super) cx: &'a Context,
    pub(super) address: SocketAddr,
    slots: Semaphore,
    next: Mutex<Instant>,
    gap: Duration,
    asked: AtomicU32,
}

impl<'a> Line<'a> {
    /// A line on which at most `per_second` connections begin each second.
    pub(super) fn new(cx: &'a Context, address: SocketAddr, per_second: u32) -> Self {
        Self {
            cx,
            address,
            slots: Semaphore::new(PARALLEL),
            next: Mutex::new(Instant::now()),
            gap: Duration::from_secs(1) / per_second.max(1),
            asked: AtomicU32::new(0),
        }
    }

    /// How many connections were begun.
    pub(super) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Waits until a connection may begin, counts it, and keeps its place until the permit is dropped.
    pub(super) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
        let slot = self.slots.acquire().await;
        let slot = slot.map_err(|e| Failure::new(Cause::ProbeError, e.to_string()))?;
        let start = {
            let mut next = self.next.lock().await;
            let start = (*next).max(Instant::now());
            *next = start + self.gap;
            start
        };
        sleep_until(start).await;
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(slot)
    }

    /// Sends `bytes` and reads the answer; silence is asked about once more.
    pub(super) async fn ask<T: Display>(
        &self,
        what: &str,
        bytes: &[u8],
        parse: Parse<T>,
    ) -> Result<T, Silence> {
        match self.once(what, bytes, parse).await {
            Err(silence) if silence.quiet != Quiet::Foreign => self.once(what, bytes, parse).await,
            answer => answer,
        }
    }

    async fn once<T: Display>(
        &self,
        what: &str,
        bytes: &[u8],
        parse: Parse<T>,
    ) -> Result<T, Silence> {
        let mute = |failure| Silence { quiet: Quiet::Mute, failure };
        let turn = self.turn().await.map_err(mute)?;
        let began = Instant::now();
        let within = ANSWER_WITHIN.min(self.cx.remaining() / 4);
        let answer = self.exchange(bytes, parse, within).await;
        drop(turn);
        if self.cx.trail.is_kept() {
            let came = match &answer {
                Ok(answer) => answer.to_string(),
                Err(silence) => silence.failure.to_string(),
            };
            self.cx.trail.note(self.address, what, came, began.elapsed());
        }
        answer
    }

    async fn exchange<T>(
        &self,
        bytes: &[u8],
        parse: Parse<T>,
        within: Duration,
    ) -> Result<T, Silence> {
        let until = Instant::now() + within;
        let silence = |quiet, cause, why: &str| Silence {
            quiet,
            failure: Failure::new(cause, format!("{}: {why}", self.address)),
        };
        let mute = || silence(Quiet::Mute, Cause::Timeout, "no answer to a hello in time");
        let stream = dial::connect(self.cx, self.address, within).await;
        let mut stream = stream.map_err(|failure| Silence { quiet: Quiet::Mute, failure })?;
        let mut came = Vec::new();
        // A server that hangs up before it has read everything may still have said why: that is read below.
        if timeout_at(until, stream.write_all(bytes)).await.is_err() {
            return Err(mute());
        }
        loop {
            let ended = match timeout_at(until, stream.read_buf(&mut came)).await {
                Err(_) => return Err(mute()),
                Ok(read) => !matches!(read, Ok(1..)),
            };
            match parse(&came, ended) {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) if ended => {
                    let why = "the connection was closed without an answer";
                    return Err(silence(Quiet::Closed, Cause::Unreachable, why));
                }
                Ok(None) if came.len() > MAX_FLIGHT => {
                    let why = "its answer has no end";
                    return Err(silence(Quiet::Foreign, Cause::BadResponse, why));
                }
                Ok(None) => {}
                Err(why) => {
                    return Err(silence(Quiet::Foreign, Cause::BadResponse, &why.to_string()));
                }
            }
        }
    }
}
