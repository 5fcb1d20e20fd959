//! The service that is launched: it counts its traffic on `/metrics`, and the new version of it can be broken.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::{Tasks, listener};

const REQUESTS_PER_SECOND: f64 = 200.0;
const HEALTHY: f64 = 0.001;
const BUCKETS: [f64; 5] = [0.05, 0.1, 0.25, 0.5, 1.0];
const TICK: Duration = Duration::from_millis(50);

#[derive(Debug)]
struct Traffic {
    /// Names the version that runs; a deployment and a rollback write it.
    version_file: PathBuf,
    broken_version: Option<(String, f64)>,
    at: Instant,
    good: f64,
    bad: f64,
}

impl Traffic {
    /// Serves what came in since the last call, by the version that runs.
    fn serve(&mut self) {
        let running = std::fs::read_to_string(&self.version_file).unwrap_or_default();
        let errors = match &self.broken_version {
            Some((version, share)) if running.trim() == version => *share,
            _ => HEALTHY,
        };
        let now = Instant::now();
        let requests = now.duration_since(self.at).as_secs_f64() * REQUESTS_PER_SECOND;
        self.at = now;
        self.bad += requests * errors;
        self.good += requests * (1.0 - errors);
    }

    fn metrics(&self) -> String {
        use std::fmt::Write as _;
        let (good, bad, all) =
            (self.good.floor(), self.bad.floor(), (self.good + self.bad).floor());
        let mut text = format!(
            "# TYPE http_requests_total counter\nhttp_requests_total{{code=\"200\"}} {good}\n\
             http_requests_total{{code=\"500\"}} {bad}\n# TYPE http_request_duration_seconds histogram\n"
        );
        // Nine in ten take 50 ms, all the others 100 ms.
        for (bound, share) in BUCKETS.into_iter().zip([0.9, 1.0, 1.0, 1.0, 1.0]) {
            let count = (all * share).floor();
            writeln!(text, "http_request_duration_seconds_bucket{{le=\"{bound}\"}} {count}")
                .expect("a String takes all");
        }
        text + &format!(
            "http_request_duration_seconds_bucket{{le=\"+Inf\"}} {all}\n\
             http_request_duration_seconds_sum {}\nhttp_request_duration_seconds_count {all}\n",
            all * 0.045
        )
    }
}

type Shared = Arc<Mutex<Traffic>>;

/// A running service.
#[derive(Debug)]
pub struct ServiceTarget {
    address: SocketAddr,
    traffic: Shared,
    _tasks: Tasks,
}

impl ServiceTarget {
    /// Starts the service under traffic; `version_file` names the version that runs.
    ///
    /// # Errors
    /// Loopback has no free port.
    pub async fn start(version_file: PathBuf) -> io::Result<Self> {
        let (listener, address) = listener().await?;
        let traffic = Arc::new(Mutex::new(Traffic {
            version_file,
            broken_version: None,
            at: Instant::now(),
            good: 0.0,
            bad: 0.0,
        }));
        let app = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .with_state(Arc::clone(&traffic));
        let mut tasks = Tasks::default();
        tasks.run(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the demo's service ended");
            }
        });
        let shared = Arc::clone(&traffic);
        tasks.run(async move {
            let mut tick = tokio::time::interval(TICK);
            loop {
                tick.tick().await;
                shared.lock().unwrap_or_else(PoisonError::into_inner).serve();
            }
        });
        Ok(Self { address, traffic, _tasks: tasks })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this share of the requests fails while `version` runs.
    pub fn break_version(&self, version: &str, share: f64) {
        let mut traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.broken_version = Some((version.to_owned(), share));
    }
}

async fn metrics(State(traffic): State<Shared>) -> String {
    traffic.lock().unwrap_or_else(PoisonError::into_inner).metrics()
}
