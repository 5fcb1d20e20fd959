//! Integration tests.
#![expect(clippy::print_stderr, reason = "a skipped test says so, loudly")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod compat;
mod crash;
mod demo;
mod gate;
mod launch_file;
mod one_run;
mod probe_alerts;
mod probe_backup;
mod probe_backup_barman;
mod probe_backup_remote;
mod probe_backup_tools;
mod probe_cdn;
mod probe_dns;
mod probe_dns_propagation;
mod probe_dns_snapshot;
mod probe_grpc;
mod probe_hsts;
mod probe_http;
mod probe_mail_auth;
mod probe_metrics;
mod probe_mysql;
mod probe_postgres;
mod probe_postgres_states;
mod probe_prometheus;
mod probe_prometheus_baseline;
mod probe_prometheus_spike;
mod probe_prometheus_trend;
mod probe_redirects;
mod probe_redis;
mod probe_sql;
mod probe_tls;
mod probe_tls_grade;
mod rehearsal;
mod replay;
mod rig;
mod rigs_smoke;
mod rollback;
mod rollback_messages;
mod shim;
mod tidy;
mod vantage;
mod whole_launch;
