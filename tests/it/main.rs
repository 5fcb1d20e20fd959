//! Integration tests.

mod probe_metrics;
mod probe_prometheus;
mod rig;
mod rigs_smoke;
