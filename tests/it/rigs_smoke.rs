//! One test per rig: it starts, gives its first good answer, and its faults are the faults it says.

use std::time::{Duration, SystemTime};

use crate::rig::dns::{Dns, FIRST_ADDRESS, Resolver, STALE_ADDRESS, ZONE, dig};
use crate::rig::nginx::{Nginx, Site};
use crate::rig::pgbackrest::{Repository, STANZA};
use crate::rig::pki::Flavour;
use crate::rig::postgres::{Pair, Role};
use crate::rig::process::{need, poll_until, program, run};
use crate::rig::prometheus::{Prometheus, Series};
use crate::rig::service::Service;

const PATIENCE: Duration = Duration::from_secs(15);

/// What curl prints; `None` when it does not get an answer within a second.
fn curl(args: &[&str]) -> Option<String> {
    let output = program("curl").args(["--silent", "--max-time", "1"]).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The single value that a `PromQL` query yields.
fn query(prometheus: &Prometheus, promql: &str) -> Option<f64> {
    let url = format!("{}/api/v1/query", prometheus.url());
    let text = curl(&["--get", &url, "--data-urlencode", &format!("query={promql}")])?;
    let answer: serde_json::Value = serde_json::from_str(&text).ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

#[test]
fn prometheus_scrapes_the_service_and_takes_remote_writes() {
    if !(need("prometheus") && need("curl")) {
        return;
    }
    let service = Service::start();
    service.set_traffic(200.0, 0.3);
    let mut prometheus = Prometheus::start(&[("checkout", service.address())]);

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    let now_ms = i64::try_from(now.as_millis()).expect("this century fits");
    let slope = |code, per_second: u32| Series {
        name: "written_total",
        labels: vec![("job", "smoke"), ("code", code)],
        samples: (0..60_u32)
            .map(|i| (f64::from(i * per_second * 5), now_ms - i64::from(59 - i) * 5_000))
            .collect(),
    };
    prometheus.remote_write(&[slope("200", 93), slope("500", 7)]);
    let ratio = "sum(rate(written_total{code=\"500\"}[4m])) / sum(rate(written_total[4m]))";
    let written = query(&prometheus, ratio).expect("a remote write can be asked for at once");
    assert!((written - 0.07).abs() < 1e-9, "{written}");

    prometheus.freeze();
    assert_eq!(query(&prometheus, "1"), None, "a frozen server does not answer");
    prometheus.thaw();

    prometheus.stop();
    assert_eq!(query(&prometheus, "1"), None, "a stopped server does not answer");
    prometheus.restart();
    let kept = query(&prometheus, "count(written_total)");
    assert_eq!(kept, Some(2.0), "the data outlives a restart");

    service.set_errors(0.5);
    let health = curl(&[&format!("{}/healthz", service.url())]);
    assert_eq!(health.as_deref(), Some("{\"status\":\"ok\"}"));
    let errors =
        "sum(rate(http_requests_total{code=\"500\"}[1s])) / sum(rate(http_requests_total[1s]))";
    poll_until(PATIENCE, "error ratio of one half", || {
        query(&prometheus, errors).filter(|ratio| (ratio - 0.5).abs() < 0.02)
    });
    let p99 = "histogram_quantile(0.99, rate(http_request_duration_seconds_bucket[1s]))";
    let p99 = query(&prometheus, p99).expect("the histogram is scraped as well");
    assert!((p99 - 0.4975).abs() < 1e-6, "{p99}");

    run(program("curl").args(["-sSf", "-m", "1", &format!("{}/set?err=0", service.url())]));
    poll_until(PATIENCE, "error ratio of zero", || {
        query(&prometheus, errors).filter(|ratio| *ratio < 1e-9)
    });
}

#[test]
fn a_postgres_standby_falls_behind_and_catches_up() {
    if !need("postgres") {
        return;
    }
    let mut pair = Pair::start();
    let rows = |pair: &Pair, role| pair.query(role, "select count(*) from written");
    let bytes_behind = |pair: &Pair| {
        let sql = "select pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn)::bigint \
                   from pg_stat_replication";
        pair.query(Role::Primary, sql)?.parse::<u64>().ok()
    };
    let caught_up = |pair: &Pair, count: &str| {
        poll_until(PATIENCE, "standby that has every row", || {
            rows(pair, Role::Standby).filter(|seen| seen == count)
        });
    };
    pair.write_rows(10);
    caught_up(&pair, "10");

    pair.pause_replay();
    pair.write_rows(10);
    assert_eq!(rows(&pair, Role::Standby).as_deref(), Some("10"), "a paused standby is old");
    pair.resume_replay();
    caught_up(&pair, "20");

    pair.freeze_receiver();
    pair.write_rows(100);
    let behind = bytes_behind(&pair).expect("the row stays for three seconds");
    assert!(behind > 100_000, "{behind} bytes behind");
    pair.thaw_receiver();
    caught_up(&pair, "120");

    pair.stop(Role::Primary);
    poll_until(PATIENCE, "standby without a WAL receiver", || {
        let count = pair.query(Role::Standby, "select count(*) from pg_stat_wal_receiver");
        count.filter(|count| count == "0")
    });
    assert_eq!(rows(&pair, Role::Primary), None, "a stopped primary does not answer");
}

#[test]
fn nginx_serves_every_site_as_it_says() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let nginx = Nginx::start();
    let root = nginx.pki().root();
    // curl's exit code (60: the certificate is refused, 47: too many redirects), the status, the
    // code that OpenSSL gave the chain (1: it never got that far, the name is wrong), and the HSTS
    // header.
    let year = "max-age=31536000; includeSubDomains";
    let rows = [
        (Site::Tls(Flavour::Days91), "0 200 0", year),
        (Site::Tls(Flavour::Days89), "0 200 0", year),
        (Site::Tls(Flavour::Expired), "60 000 10", ""),
        (Site::Tls(Flavour::WrongHost), "60 000 1", ""),
        (Site::Tls(Flavour::MissingSan), "60 000 1", ""),
        (Site::Tls(Flavour::SelfSigned), "60 000 18", ""),
        (Site::Tls(Flavour::Incomplete), "60 000 20", ""),
        (Site::NoHsts, "0 200 0", ""),
        (Site::ShortHsts, "0 200 0", "max-age=300"),
        (Site::Redirect, "0 200 0", year),
        (Site::Loop, "47 302 0", ""),
        (Site::Plain, "0 200 0", ""),
        (Site::Broken, "0 500 0", ""),
    ];
    assert_eq!(rows.map(|row| row.0), Site::all(), "every site has its row");
    for (site, outcome, hsts) in rows {
        let output = program("curl")
            .args(["-s", "-m", "2", "-L", "--max-redirs", "3", "-o", "/dev/null", "--cacert"])
            .arg(&root)
            .args([
                "-w",
                "%{exitcode} %{http_code} %{ssl_verify_result}|%header{strict-transport-security}",
            ])
            .arg(nginx.url(site))
            .output()
            .expect("curl starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text, format!("{outcome}|{hsts}"), "{site:?}");
    }
    let health = curl(&[&format!("{}/healthz", nginx.url(Site::Plain))]);
    assert_eq!(health.as_deref(), Some("{\"status\":\"ok\",\"version\":\"1.2.3\"}"));
}

#[test]
fn name_servers_answer_and_fail_as_they_say() {
    if !["nsd", "unbound", "dnsdist", "dig"].into_iter().all(need) {
        return;
    }
    let mut dns = Dns::start();
    let www = format!("www.{ZONE}");
    let ask = |dns: &Dns, resolver| dig(dns.address(resolver), &[&www, "A"]);
    let (first, stale) = (FIRST_ADDRESS.to_string(), STALE_ADDRESS.to_string());
    let rows = [
        (Resolver::First, Some(first.as_str())),
        (Resolver::Second, Some(&first)),
        (Resolver::Recursive, Some(&first)),
        (Resolver::ServerFailure, Some("")),
        (Resolver::Silent, None),
        // Slower than dig waits.
        (Resolver::Slow, None),
        // dig asks again over TCP.
        (Resolver::Truncating, Some(&first)),
        (Resolver::Stale, Some(&stale)),
    ];
    for (resolver, answer) in rows {
        assert_eq!(ask(&dns, resolver).as_deref(), answer, "{resolver:?}");
    }
    let truncated = dig(dns.address(Resolver::Truncating), &[&www, "A", "+ignore"]);
    assert_eq!(truncated.as_deref(), Some(""), "UDP alone gets nothing");
    let slow = dig(dns.address(Resolver::Slow), &[&www, "A", "+time=5"]);
    assert_eq!(slow.as_deref(), Some(first.as_str()), "slow, not silent");
    let failure = program("dig")
        .args([&format!("@{}", dns.address(Resolver::ServerFailure).ip()), "+tries=1", &www])
        .args(["-p", &dns.address(Resolver::ServerFailure).port().to_string()])
        .output()
        .expect("dig starts");
    assert!(String::from_utf8_lossy(&failure.stdout).contains("status: SERVFAIL"));

    dns.set_record_on_first("www", "A", "192.0.2.70");
    assert_eq!(ask(&dns, Resolver::First).as_deref(), Some("192.0.2.70"));
    assert_eq!(ask(&dns, Resolver::Second), Some(first), "the authorities disagree");
    poll_until(PATIENCE, "new address at the resolver", || {
        ask(&dns, Resolver::Recursive).filter(|answer| answer == "192.0.2.70")
    });
    dns.set_record("www", "A", "192.0.2.71");
    assert_eq!(ask(&dns, Resolver::Second).as_deref(), Some("192.0.2.71"), "both were told");
}

/// The age in hours of the only backup, and its type, as pgBackRest tells them.
fn only_backup(repository: &Repository) -> (u64, String) {
    let text = run(program("pgbackrest")
        .arg(format!("--config={}", repository.config().display()))
        .arg(format!("--stanza={STANZA}"))
        .args(["info", "--output=json"]));
    let answer: serde_json::Value = serde_json::from_str(&text).expect("it was asked for JSON");
    assert_eq!(answer[0]["status"]["code"], 0, "{text}");
    let backups = answer[0]["backup"].as_array().expect("a stanza lists its backups");
    let [backup] = backups.as_slice() else { panic!("one backup: {text}") };
    let stop = backup["timestamp"]["stop"].as_u64().expect("a moment is in seconds since 1970");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    let kind = backup["type"].as_str().expect("a backup has a type").to_owned();
    (now.as_secs().saturating_sub(stop) / 3600, kind)
}

#[test]
fn pgbackrest_has_a_fresh_full_backup() {
    if need("postgres") && need("pgbackrest") {
        assert_eq!(only_backup(&Repository::fresh()), (0, "full".to_owned()));
    }
}

#[test]
fn pgbackrest_has_an_old_full_backup() {
    if need("postgres") && need("pgbackrest") && need("faketime") {
        assert_eq!(only_backup(&Repository::aged(30)), (30, "full".to_owned()));
    }
}
