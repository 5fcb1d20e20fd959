//! What the process itself takes, under the names that Prometheus' own clients use. What this system does not tell is
//! left out.

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use rustix::time::{ClockId, clock_gettime};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

/// Adds the process's metrics.
pub(super) fn register(registry: &mut Registry, started: Timestamp) {
    let build = Info::new(Build { version: env!("CARGO_PKG_VERSION") });
    registry.register("launchgate_build", "Which launchgate this is", build);
    let began = started.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
    registry.register(
        "process_start_time_seconds",
        "When the daemon started",
        ConstGauge::new(began),
    );
    registry.register("process_cpu_seconds", "Processor time used", ConstCounter::new(cpu()));
    if let Some(bytes) = resident() {
        registry.register("process_resident_memory_bytes", "Memory in use", ConstGauge::new(bytes));
    }
    if let Some(open) = descriptors() {
        registry.register("process_open_fds", "Open file descriptors", ConstGauge::new(open));
    }
    if let Some(most) = most_descriptors() {
        let help = "How many file descriptors may be open";
        registry.register("process_max_fds", help, ConstGauge::new(most));
    }
}

#[expect(clippy::cast_precision_loss, reason = "processor time is far below 2^52 seconds")]
fn cpu() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

#[expect(clippy::cast_precision_loss, reason = "descriptors are few")]
fn descriptors() -> Option<f64> {
    std::fs::read_dir("/proc/self/fd").ok().map(|open| open.count() as f64)
}

fn most_descriptors() -> Option<f64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
