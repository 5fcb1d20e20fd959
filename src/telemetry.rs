//! What the daemon tells of itself: the log, on stderr, and its [`Measures`], which are taken where things happen and read
//! by `/metrics`.

mod engines;
mod keeping;
mod looks;
mod posting;
mod requests;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

pub use self::engines::{EngineMeasure, Engines};
pub use self::keeping::Keeping;
pub use self::looks::Looks;
pub use self::posting::Posting;
pub use self::requests::Requests;
use crate::settings::daemon::{Log, LogFormat};

/// The bounds of every histogram of delays and durations, in seconds.
const BOUNDS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// What a daemon measures of itself. Cheap to clone; every clone adds to the same numbers.
#[derive(Debug, Clone, Default)]
pub struct Measures {
    /// The looks of every launch.
    pub looks: Looks,
    /// The engines, one per launch.
    pub engines: Engines,
    /// What the store is asked to do.
    pub keeping: Keeping,
    /// The tries to deliver messages.
    pub posting: Posting,
    /// The requests to the API and the page.
    pub requests: Requests,
}

impl Measures {
    /// Adds them to a registry, under names that begin with `launchgate_`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("launchgate");
        self.looks.register(registry);
        self.engines.register(registry);
        self.keeping.register(registry);
        self.posting.register(registry);
        self.requests.register(registry);
    }
}

/// A histogram of seconds for each set of labels.
type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

fn seconds() -> Histogram {
    Histogram::new(BOUNDS)
}

/// Starts to log.
///
/// # Errors
/// A filter that cannot be read, as a sentence.
pub fn start(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.filter)
        .map_err(|e| format!("settings: error: log.filter: `{}` is no filter: {e}", log.filter))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|e| e.to_string())
}
