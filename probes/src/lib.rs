//! Every way of looking at a launch.
//!
//! Floor 1: probes observe and report [readings](launchgate_core::reading); they never see a threshold and never
//! decide. One file per kind; a new kind is that file and two adjacent lines below.

pub mod alert_drill;
pub mod alert_routes;
pub mod alert_rules;
pub mod alerts;
pub mod backup;
mod bounded;
pub mod captured;
pub mod cdn;
pub mod client;
pub mod command;
pub mod dial;
pub mod dns;
pub mod dns_propagation;
pub mod dns_snapshot;
pub mod exec;
pub mod filesystem;
pub mod flags;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod grpc;
pub mod guard;
pub mod hsts;
pub mod http;
pub mod lb;
pub mod mail_auth;
pub mod metrics;
pub mod mysql;
pub mod mysql_replication;
pub mod placed;
pub mod postgres;
pub mod postgres_archiver;
pub mod postgres_replication;
pub mod probe;
pub mod prometheus;

pub mod prometheus_baseline;
pub mod prometheus_spike;
pub mod prometheus_trend;
pub mod redirects;
pub mod redis_replication;
pub mod registry;
mod replication;
pub mod secret;
pub mod sql;
mod statistics;
pub mod strict;
pub mod tcp;
pub mod tls;
pub mod tls_grade;
pub mod trail;
pub mod vantage;

pub use probe::{Context, Probe};
pub use registry::{DynProbe, Registry};

/// The probes that are compiled in.
pub fn builtin() -> Registry {
    Registry::default()
        .with::<alert_drill::AlertDrill>()
        .with::<alert_routes::AlertRoutes>()
        .with::<alert_rules::AlertRules>()
        .with::<alerts::Alerts>()
        .with::<backup::Backup>()
        .with::<cdn::Cdn>()
        .with::<dns::Dns>()
        .with::<dns_propagation::DnsPropagation>()
        .with::<dns_snapshot::DnsSnapshot>()
        .with::<exec::Exec>()
        .with::<filesystem::Filesystem>()
        .with::<flags::Flags>()
        .with::<grpc::Grpc>()
        .with::<hsts::Hsts>()
        .with::<http::Http>()
        .with::<lb::Lb>()
        .with::<mail_auth::MailAuth>()
        .with::<metrics::Metrics>()
        .with::<mysql_replication::MysqlReplication>()
        .with::<postgres_archiver::PostgresArchiver>()
        .with::<postgres_replication::PostgresReplication>()
        .with::<prometheus::Prometheus>()
        .with::<prometheus_baseline::PrometheusBaseline>()
        .with::<prometheus_spike::PrometheusSpike>()
        .with::<prometheus_trend::PrometheusTrend>()
        .with::<redirects::Redirects>()
        .with::<redis_replication::RedisReplication>()
        .with::<sql::Sql>()
        .with::<tcp::Tcp>()
        .with::<tls::Tls>()
        .with::<tls_grade::TlsGrade>()
}
