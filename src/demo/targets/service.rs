//! The service that is launched: it counts its traffic on `/metrics`, and the new version of it can be broken.
//!
//! The traffic is made up and counted, not sent. Which version runs is what a file says, so that a script can deploy one
//! or roll it back.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::AsyncReadExt as _;

use super::{Tasks, listener};

const REQUESTS_PER_SECOND: f64 = 200.0;
/// The share of requests that fails while nothing is broken.
const HEALTHY: f64 = 0.001;
/// Upper bounds of the histogram's buckets in seconds, each with the share of requests that are as fast: nine in ten take
/// 50 ms, all the others 100 ms.
const BUCKETS: [(f64, f64); 5] = [(0.05, 0.9), (0.1, 1.0), (0.25, 1.0), (0.5, 1.0), (1.0, 1.0)];
/// What a request takes on average, in seconds.
const MEAN: f64 = 0.9 * 0.05 + 0.1 * 0.1;
const TICK: Duration = Duration::from_millis(50);
/// The longest name of a version that is read, in bytes.
const MAX_VERSION: u64 = 256;

#[derive(Debug, Default)]
struct Traffic {
    running: String,
    /// The version whose requests fail, and the share that does.
    failing: Option<(String, f64)>,
    /// The version that says of itself that it is not well.
    unwell: Option<String>,
    good: f64,
    bad: f64,
}

impl Traffic {
    /// Serves what came in during `elapsed`, by the version that runs.
    fn serve(&mut self, elapsed: Duration) {
        let errors = match &self.failing {
            Some((version, share)) if *version == self.running => *share,
            _ => HEALTHY,
        };
        let requests = elapsed.as_secs_f64() * REQUESTS_PER_SECOND;
        self.bad += requests * errors;
        self.good += requests * (1.0 - errors);
    }

    fn metrics(&self) -> String {
        let (good, bad) = (self.good.floor(), self.bad.floor());
        let all = good + bad;
        let mut text = format!(
            "# TYPE http_requests_total counter\nhttp_requests_total{{code=\"200\"}} {good}\n\
             http_requests_total{{code=\"500\"}} {bad}\n# TYPE http_request_duration_seconds histogram\n"
        );
        for (bound, share) in BUCKETS {
            let count = (all * share).floor();
            writeln!(text, "http_request_duration_seconds_bucket{{le=\"{bound}\"}} {count}")
                .expect("a String takes all");
        }
        text + &format!(
            "http_request_duration_seconds_bucket{{le=\"+Inf\"}} {all}\n\
             http_request_duration_seconds_sum {}\nhttp_request_duration_seconds_count {all}\n",
            all * MEAN
        )
    }
}

#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Traffic>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running service.
#[derive(Debug)]
pub struct ServiceTarget {
    address: SocketAddr,
    traffic: Shared,
    _tasks: Tasks,
}

impl ServiceTarget {
    /// Starts the service under traffic; `version_file` names the version that runs, now and whenever it is rewritten.
    ///
    /// # Errors
    /// Loopback has no free port.
    pub async fn start(version_file: PathBuf) -> io::Result<Self> {
        let (listener, address) = listener().await?;
        let traffic = Shared::default();
        let app = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .with_state(traffic.clone());
        let mut tasks = Tasks::default();
        tasks.run(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the demo's service ended");
            }
        });
        tasks.run(run(version_file, traffic.clone()));
        Ok(Self { address, traffic, _tasks: tasks })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this share of the requests, from 0 to 1, fails while `version` runs.
    pub fn break_version(&self, version: &str, share: f64) {
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        self.traffic.lock().failing = Some((version.to_owned(), share));
    }

    /// From now on `/healthz` answers 503 while `version` runs; its traffic is served as before.
    pub fn break_health(&self, version: &str) {
        self.traffic.lock().unwell = Some(version.to_owned());
    }
}

/// Serves the traffic, tick by tick, by the version that the file names then.
async fn run(version_file: PathBuf, traffic: Shared) {
    let mut tick = tokio::time::interval(TICK);
    let mut served = Instant::now();
    loop {
        tick.tick().await;
        let version = version(&version_file).await;
        let now = Instant::now();
        let mut traffic = traffic.lock();
        // A file that is being rewritten is empty for a moment: no other version runs for that.
        if let Some(version) = version {
            traffic.running = version;
        }
        traffic.serve(now.duration_since(served));
        served = now;
    }
}

/// The version that the file names, if it names one.
async fn version(file: &Path) -> Option<String> {
    let mut text = String::new();
    let file = tokio::fs::File::open(file).await.ok()?;
    file.take(MAX_VERSION).read_to_string(&mut text).await.ok()?;
    Some(text.trim().to_owned()).filter(|version| !version.is_empty())
}

async fn metrics(State(traffic): State<Shared>) -> String {
    traffic.lock().metrics()
}

async fn healthz(State(traffic): State<Shared>) -> (StatusCode, &'static str) {
    let traffic = traffic.lock();
    if traffic.unwell.as_ref() == Some(&traffic.running) {
        (StatusCode::SERVICE_UNAVAILABLE, "unwell\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use launchgate_core::reading::Value;
    use launchgate_probes::{Context, builtin};
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpStream;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(15);
    const NEW: &str = "2.4.0";
    const OLD: &str = "2.3.7";

    /// A folder that ends with its test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let name = format!("launchgate-service-{test}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }

        fn deploy(&self, version: &str) -> PathBuf {
            let file = self.0.join("version");
            std::fs::write(&file, format!("{version}\n")).expect("a file");
            file
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).expect("the folder is ours");
        }
    }

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    fn sample(text: &str, series: &str) -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.and_then(|rest| rest.trim().parse().ok()).unwrap_or_else(|| panic!("{series}: {text}"))
    }

    #[tokio::test]
    async fn the_probe_sees_the_faulty_version_and_the_recovery() {
        let folder = Folder::new("recovery");
        let service = ServiceTarget::start(folder.deploy(NEW)).await.expect("a service");
        service.break_version(NEW, 0.3);
        let settings = serde_json::json!({
            "url": format!("http://{}/metrics", service.address()),
            "error_rate": {
                "total": "http_requests_total",
                "errors": "http_requests_total{code=~\"5..\"}",
                "window": "1s",
            },
        });
        let probe = builtin().build("metrics", settings).expect("settings");
        let mut seen = Vec::new();
        let mut within = async |what: &str, fits: fn(f64) -> bool| {
            let looks = async {
                loop {
                    let cx = Context::new(PATIENCE, Timestamp::now(), None, "/".into());
                    let looked = probe.observe(&cx).await;
                    if let Ok(readings) = &looked
                        && let Some(Value::Number(percent)) = readings.get("value")
                    {
                        seen.push(*percent);
                        if fits(*percent) {
                            return;
                        }
                    }
                    tokio::time::sleep(TICK).await;
                }
            };
            let in_time = tokio::time::timeout(PATIENCE, looks).await.is_ok();
            assert!(in_time, "{what} was not seen, but {seen:?}");
        };
        within("three in ten", |percent| (27.0..=33.0).contains(&percent)).await;
        folder.deploy(OLD);
        within("hardly any", |percent| percent < 1.0).await;
    }

    #[tokio::test]
    async fn the_metrics_agree_with_each_other() {
        let folder = Folder::new("metrics");
        let service = ServiceTarget::start(folder.deploy(OLD)).await.expect("a service");
        let traffic = async {
            loop {
                let text = ask(service.address(), "/metrics").await;
                if sample(&text, "http_request_duration_seconds_count") >= 100.0 {
                    return text;
                }
                tokio::time::sleep(TICK).await;
            }
        };
        let text = tokio::time::timeout(PATIENCE, traffic).await.expect("traffic");
        let count = sample(&text, "http_request_duration_seconds_count");
        let good = sample(&text, "http_requests_total{code=\"200\"}");
        let bad = sample(&text, "http_requests_total{code=\"500\"}");
        assert!((good + bad - count).abs() < f64::EPSILON, "{text}");
        let bucket = |bound: &str| {
            sample(&text, &format!("http_request_duration_seconds_bucket{{le=\"{bound}\"}}"))
        };
        assert!((bucket("+Inf") - count).abs() < f64::EPSILON, "{text}");
        assert!(bucket("0.05") < bucket("0.1"), "{text}");
        // The mean that the comment on the buckets tells: 0.9 × 50 ms + 0.1 × 100 ms.
        let mean = sample(&text, "http_request_duration_seconds_sum") / count;
        assert!((mean - 0.055).abs() < 0.000_1, "a mean of {mean} s");
    }

    #[tokio::test]
    async fn no_share_makes_a_counter_fall() {
        let folder = Folder::new("share");
        for (row, share) in [("percent for a share", 30.0), ("negative", -1.0), ("none", f64::NAN)]
        {
            let service = ServiceTarget::start(folder.deploy(NEW)).await.expect("a service");
            service.break_version(NEW, share);
            let traffic = async {
                loop {
                    let text = ask(service.address(), "/metrics").await;
                    let good = sample(&text, "http_requests_total{code=\"200\"}");
                    let bad = sample(&text, "http_requests_total{code=\"500\"}");
                    assert!(good >= 0.0 && bad >= 0.0, "{row}: {good} good and {bad} bad");
                    if good + bad >= 20.0 {
                        return;
                    }
                    tokio::time::sleep(TICK).await;
                }
            };
            tokio::time::timeout(PATIENCE, traffic).await.expect(row);
        }
    }

    #[tokio::test]
    async fn the_health_is_that_of_the_version_that_runs() {
        let folder = Folder::new("health");
        let service = ServiceTarget::start(folder.deploy(OLD)).await.expect("a service");
        service.break_health(NEW);
        for (row, version, status) in
            [("old", OLD, "200 OK"), ("new", NEW, "503 Service"), ("old again", OLD, "200 OK")]
        {
            folder.deploy(version);
            let seen = async {
                while !ask(service.address(), "/healthz")
                    .await
                    .starts_with(&format!("HTTP/1.1 {status}"))
                {
                    tokio::time::sleep(TICK).await;
                }
            };
            tokio::time::timeout(PATIENCE, seen).await.expect(row);
        }
    }

    #[test]
    fn an_hour_of_traffic_adds_up() {
        for (row, share, running, bad) in [
            ("healthy", 0.3, OLD, 720.0),
            ("faulty", 0.3, NEW, 216_000.0),
            ("all fail", 1.0, NEW, 720_000.0),
        ] {
            let failing = Some((NEW.to_owned(), share));
            let mut traffic =
                Traffic { running: running.to_owned(), failing, ..Traffic::default() };
            traffic.serve(Duration::from_secs(3_600));
            assert!((traffic.bad - bad).abs() < 1e-6, "{row}: {} failed", traffic.bad);
            assert!((traffic.good + traffic.bad - 720_000.0).abs() < 1e-6, "{row}");
        }
    }

    #[tokio::test]
    async fn it_ends_when_it_is_dropped_with_its_conversations() {
        let folder = Folder::new("drop");
        let service = ServiceTarget::start(folder.deploy(OLD)).await.expect("a service");
        let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
        let request = b"GET /healthz HTTP/1.1\r\nhost: shop\r\n\r\n";
        stream.write_all(request).await.expect("it listens");
        let mut answer = [0; 1_024];
        let size = stream.read(&mut answer).await.expect("an answer");
        assert!(answer[..size].starts_with(b"HTTP/1.1 200"));
        drop(service);
        // It may have been told already that the service ended.
        let told = stream.write_all(request).await;
        let size = stream.read(&mut answer).await.unwrap_or_default();
        assert!(told.is_err() || size == 0, "{}", String::from_utf8_lossy(&answer[..size]));
    }
}
