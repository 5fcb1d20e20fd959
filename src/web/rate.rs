//! How often a client may ask: reads and orders are counted apart, so that no reader locks out an order.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{ConnectInfo, Request};
use axum::http::{Method, StatusCode};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use launchgate_core::name::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::auth::Shown;
use super::error::ApiError;
use super::tls::Peer;

/// After so many requests, clients that have not asked for a while are forgotten.
const FORGET_EVERY: u32 = 4_096;

/// How often each client may ask; 0 for as often as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Reads a second, pages and their parts among them; twice as many at once.
    pub reads_per_second: u32,
    /// Orders a second; twice as many at once.
    pub orders_per_second: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { reads_per_second: 500, orders_per_second: 20 }
    }
}

/// Who asks: the holder of a token or a certificate that counts, else the address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Client {
    Person(Name),
    Address(Option<IpAddr>),
}

/// The counts.
#[derive(Debug)]
pub(super) struct Rates {
    reads: Option<DefaultKeyedRateLimiter<Client>>,
    orders: Option<DefaultKeyedRateLimiter<Client>>,
    asked: AtomicU32,
}

impl Rates {
    pub(super) fn new(rate: Rate) -> Self {
        let limiter = |per_second: u32| {
            let per_second = NonZeroU32::new(per_second)?;
            let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1));
            Some(RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)))
        };
        Self {
            reads: limiter(rate.reads_per_second),
            orders: limiter(rate.orders_per_second),
            asked: AtomicU32::new(0),
        }
    }

    /// Counts a request, and refuses it when its client has asked too often.
    pub(super) fn admit(&self, app: &App, request: &Request) -> Result<(), ApiError> {
        let path = request.uri().path();
        // Those who watch the daemon itself are never sent away.
        if matches!(path, "/healthz" | "/readyz" | "/metrics") {
            return Ok(());
        }
        // The gate may be asked by a POST, and orders nothing.
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let limiter = if reads || path.ends_with("/gate") { &self.reads } else { &self.orders };
        let Some(limiter) = limiter else { return Ok(()) };
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            for limiter in [&self.reads, &self.orders].into_iter().flatten() {
                limiter.retain_recent();
            }
        }
        limiter.check_key(&client(app, request)).map_err(|until| {
            refusal(until.wait_time_from(DefaultClock::default().now()).as_secs() + 1)
        })
    }
}

fn client(app: &App, request: &Request) -> Client {
    if let Some(person) = app.tokens.whose(Shown::of(request)) {
        return Client::Person(person);
    }
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    Client::Address(peer.map(|peer| peer.0.address.ip()))
}

fn refusal(seconds: u64) -> ApiError {
    let message = format!("this client asks more often than it may: wait {seconds} s");
    let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
        .hint("`web.rate` in the settings says how often; a report's `ETag` and the live stream save most requests");
    ApiError { retry_after: Some(seconds), ..error }
}
