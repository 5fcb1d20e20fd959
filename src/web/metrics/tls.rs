//! When the certificate ends that the daemon serves by. Where it speaks no TLS itself there is nothing to tell.

use jiff::Timestamp;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

pub(super) fn register(registry: &mut Registry, ends: Timestamp) {
    let ends = ends.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
    registry.register(
        "tls_certificate_expires_timestamp_seconds",
        "When the certificate ends that the daemon serves by",
        ConstGauge::new(ends),
    );
}
