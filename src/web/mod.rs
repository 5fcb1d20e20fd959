//! The HTTP side: the API, the page, the metrics. It reads published reports and hands orders to engines; it decides
//! nothing and touches no state.

mod answers;
mod api;
mod audit;
pub mod auth;
pub(crate) mod basic;
pub mod certificates;
mod error;
mod events;
mod gate;
mod gatekeeper;
mod metrics;
pub mod oidc;
mod openapi;
mod page;
mod people;
pub mod rate;
mod refresh;
mod routes;
mod runs;
#[cfg(test)]
mod tests;
pub mod tls;
mod whoami;
mod written;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use jiff::Timestamp;
use launchgate_core::name::Name;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use self::auth::Tokens;
use crate::engine::{Handle, SharedStore};
use crate::telemetry::Measures;

/// An order's body may not be longer.
const MAX_BODY: usize = 64 << 10;
/// How many live streams are served at a time.
const MAX_STREAMS: usize = 256;

/// Who is let in, and how often.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// The names by which the daemon may be addressed, beside loopback.
    pub hosts: Vec<String>,
    /// The sites whose pages may read the API in a browser; none by default.
    pub origins: Vec<String>,
    /// How often each client may ask.
    pub rate: rate::Rate,
    /// By what TLS is spoken, where the daemon does so itself.
    pub tls: Option<tls::Tls>,
}

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The launches by name.
    pub launches: Arc<BTreeMap<Name, Handle>>,
    /// For the history of checks and the audit log.
    pub store: SharedStore,
    /// Who may do what.
    pub tokens: Arc<Tokens>,
    /// Who is let in.
    door: Arc<Door>,
    /// How often each client has asked.
    rates: Arc<rate::Rates>,
    /// Room for live streams.
    pub streams: Arc<Semaphore>,
    /// When the daemon started.
    started: Timestamp,
    /// What the daemon measures of itself.
    measures: Measures,
    /// Reports as JSON.
    written: Arc<written::Written>,
}

impl App {
    /// An app over these launches.
    pub fn new(
        launches: BTreeMap<Name, Handle>,
        store: SharedStore,
        tokens: Tokens,
        door: Door,
        measures: Measures,
    ) -> Self {
        Self {
            launches: Arc::new(launches),
            store,
            tokens: Arc::new(tokens),
            rates: Arc::new(rate::Rates::new(door.rate)),
            door: Arc::new(door),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            started: Timestamp::now(),
            measures,
            written: Arc::default(),
        }
    }
}

/// Every route.
pub fn router(app: App) -> Router {
    Router::new()
        .nest("/api/v1", routes::router(&app))
        .route("/", get(page::index))
        .route("/launches/{launch}", get(page::board_page))
        .route("/launches", get(page::index_fragment))
        .route("/launches/{launch}/board", get(page::board_fragment))
        .route("/launches/{launch}/checks/{list}/{check}", get(page::check_page))
        .route("/launches/{launch}/checks/{list}/{check}/board", get(page::check_fragment))
        .route("/assets/board.css", get(page::css))
        .route("/assets/board.js", get(page::js))
        .route("/assets/orders.js", get(page::orders_js))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(api::healthz))
        .route("/readyz", get(api::readyz))
        .fallback(error::no_such_page)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(gatekeeper::panicked))
        .layer(axum::middleware::from_fn_with_state(app.clone(), gatekeeper::guard))
        .layer(gatekeeper::sharing(&app.door.origins))
        .layer(axum::middleware::from_fn_with_state(app.clone(), metrics::count))
        .with_state(app)
}
