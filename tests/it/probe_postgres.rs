//! The `postgres_replication` probe against a real primary with a streaming standby.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit, Value};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::postgres::{Pair, Role};
use crate::rig::process::{TempDir, User, need, poll_until};

async fn look(pair: &Pair, names: &[&str]) -> Result<Readings, Failure> {
    let standbys: Vec<_> =
        names.iter().map(|name| json!({ "name": name, "url": pair.url(Role::Standby) })).collect();
    let settings = json!({
        "source": { "kind": "postgres", "url": pair.url(Role::Primary) },
        "standbys": standbys,
        "patience": "2s",
    });
    let probe = launchgate_probes::builtin().build("postgres_replication", settings).unwrap();
    let cx = Context::new(Duration::from_secs(8), Timestamp::now(), None, "/".into());
    probe.observe(&cx).await
}

fn number(readings: &Readings, name: &str) -> f64 {
    match readings.get(name) {
        Some(Value::Number(number)) => *number,
        other => panic!("{name} is {other:?} in {readings:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_believed_only_when_it_applies_what_it_is_given() {
    if !need("postgres") {
        return;
    }
    let mut pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    let healthy = look(&pair, &["standby"]).await.unwrap();
    assert!(number(&healthy, "lag") < 2.0, "{healthy:?}");
    for (name, expected) in [("caught_up", 100.0), ("streaming", 100.0)] {
        assert!((number(&healthy, name) - expected).abs() < 1e-9, "{name} in {healthy:?}");
    }
    assert_eq!(healthy.get("roles_ok"), Some(&Value::Flag(true)));

    let other = look(&pair, &["standby", "nobody"]).await.unwrap();
    assert_eq!(other.get("missing").map(|v| v.show(Unit::One)), Some("[nobody]".to_owned()));
    assert!((number(&other, "streaming") - 50.0).abs() < 1e-9);

    pair.pause_replay();
    let paused = look(&pair, &["standby"]).await.unwrap();
    assert_eq!(paused.get("replay_paused"), Some(&Value::Flag(true)));
    assert_eq!(paused.get("lag"), None, "no figure passes under a wide limit: {paused:?}");
    assert!(number(&paused, "caught_up").abs() < 1e-9, "{paused:?}");
    pair.resume_replay();

    pair.freeze_receiver();
    let frozen = look(&pair, &["standby"]).await.unwrap();
    assert_eq!(frozen.get("lag"), None, "{frozen:?}");
    assert!(
        number(&frozen, "usual_formula").abs() < 1e-9,
        "the usual formula sees nothing: {frozen:?}"
    );
    assert!(number(&frozen, "caught_up").abs() < 1e-9);
    pair.thaw_receiver();
    let mut again = None;
    for _ in 0..20 {
        again = look(&pair, &["standby"]).await.ok().filter(|r| number(r, "caught_up") > 99.0);
        if again.is_some() {
            break;
        }
    }
    assert!(again.is_some(), "it follows again");

    pair.stop(Role::Standby);
    let gone = look(&pair, &["standby"]).await.unwrap();
    assert_eq!(gone.get("lag"), None, "{gone:?}");
    pair.stop(Role::Primary);
    let failure = look(&pair, &["standby"]).await.expect_err("there is no primary");
    assert_eq!(failure.cause, Cause::Refused, "{failure}");
}

/// Looks with the primary and the standby at these addresses.
async fn look_at(
    primary: &str,
    standby: &str,
    ca_file: Option<&Path>,
) -> Result<Readings, Failure> {
    let settings = json!({
        "source": { "kind": "postgres", "url": primary },
        "standbys": [{ "name": "standby", "url": standby }],
        "patience": "2s",
        "ca_file": ca_file,
    });
    let probe = launchgate_probes::builtin().build("postgres_replication", settings).unwrap();
    let cx = Context::new(Duration::from_secs(4), Timestamp::now(), None, "/".into());
    probe.observe(&cx).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hides_or_hangs_is_unknown_and_says_which() {
    if !need("postgres") {
        return;
    }
    let pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    let (primary, standby) = (pair.url(Role::Primary), pair.url(Role::Standby));

    pair.execute(Role::Primary, "create role onlooker login");
    let onlooker = primary.replace("postgres@", "onlooker@");
    let hidden = look_at(&onlooker, &standby, None).await.expect_err("it is shown empty rows");
    assert_eq!(hidden.cause, Cause::Auth, "{hidden}");
    assert!(hidden.message.contains("pg_monitor"), "{hidden}");

    // The kernel takes the connection, and nobody ever answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("postgres://postgres@{}/postgres", silent.local_addr().unwrap());
    let began = std::time::Instant::now();
    let readings = look_at(&primary, &address, None).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(readings.get("lag"), None, "{readings:?}");
    assert!(readings.parts[0].odd && readings.parts[0].says.contains("timeout"), "{readings:?}");
    assert!((number(&readings, "streaming") - 100.0).abs() < 1e-9, "{readings:?}");
    let silence = look_at(&address, &standby, None).await.expect_err("no primary answers");
    assert_eq!(silence.cause, Cause::Timeout, "{silence}");

    // A slot that nobody reads, and more log than is kept for it.
    for sql in [
        "alter system set max_slot_wal_keep_size = '1MB'",
        "alter system set wal_keep_size = 0",
        "select pg_reload_conf()",
        "select pg_create_physical_replication_slot('forgotten', true)",
    ] {
        pair.execute(Role::Primary, sql);
    }
    pair.write_rows(5_000);
    pair.execute(Role::Primary, "checkpoint");
    let risky = look_at(&primary, &standby, None).await.unwrap();
    let slots = risky.get("slots_at_risk").map(|v| v.show(Unit::One));
    assert_eq!(slots.as_deref(), Some("[forgotten]"), "{risky:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_tls_is_judged_by_its_certificate() {
    if !need("postgres") {
        return;
    }
    let pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    let folder = TempDir::new("postgres-tls");
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let root = folder.write("root.pem", &certified.cert.pem());
    let key = folder.write("key.pem", &certified.signing_key.serialize_pem());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    if let Some(user) = User::to_drop_to("postgres") {
        user.own(&key);
    }
    for sql in [
        &format!("alter system set ssl_cert_file = '{}'", root.display()),
        &format!("alter system set ssl_key_file = '{}'", key.display()),
        "alter system set ssl = on",
        "select pg_reload_conf()",
    ] {
        pair.execute(Role::Primary, sql);
    }
    poll_until(Duration::from_secs(5), "primary with TLS", || {
        pair.query(Role::Primary, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
            .filter(|encrypted| encrypted == "t")
    });
    let (primary, standby) = (pair.url(Role::Primary), pair.url(Role::Standby));
    let named = primary.replace("127.0.0.1", "localhost");
    let rows = [
        ("a root of its own", named.clone(), true, ""),
        ("in full", format!("{named}?sslmode=verify-full"), true, ""),
        ("an unknown root", named.clone(), false, "ca_file"),
        ("not for this name", primary.clone(), true, "not valid for name"),
        ("told to do without", format!("{primary}?sslmode=disable"), false, ""),
    ];
    for (row, url, trusted, said) in rows {
        let ca_file = trusted.then_some(root.as_path());
        match look_at(&url, &standby, ca_file).await {
            Ok(readings) => {
                assert_eq!(said, "", "{row}: {readings:?}");
                assert!(number(&readings, "lag") < 2.0, "{row}: {readings:?}");
            }
            Err(failure) => {
                assert_eq!(failure.cause, Cause::BadResponse, "{row}: {failure}");
                assert!(!said.is_empty() && failure.message.contains(said), "{row}: {failure}");
            }
        }
    }
    let refused = format!("{standby}?sslmode=require");
    let plain = look_at(&named, &refused, Some(&root)).await.unwrap();
    assert!(plain.parts[0].says.contains("does not support TLS"), "{plain:?}");
}
