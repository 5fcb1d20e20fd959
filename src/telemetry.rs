//! The log, on stderr.

use tracing_subscriber::EnvFilter;

use crate::settings::daemon::{Log, LogFormat};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// From when looks were due to when they began, in seconds, by lane.
pub type Delays = Family<[(&'static str, &'static str); 1], Histogram, fn() -> Histogram>;

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
