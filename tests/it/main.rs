//! Integration tests.
#![expect(clippy::print_stderr, reason = "a skipped test says so, loudly")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod compat;
mod demo;
mod gate;
mod launch_file;
mod probe_backup;
mod probe_hsts;
mod probe_http;
mod probe_metrics;
mod probe_postgres;
mod probe_prometheus;
mod rig;
mod rigs_smoke;
mod rollback;
mod tidy;
