//! The `redis_replication` probe against a real master with a replica.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit, Value};
use launchgate_probes::Context;
use serde_json::json;

use crate::rig::process::{TempDir, free_port, need};
use crate::rig::redis::{Pair, Role};

async fn look(master: &str, replica: &str) -> Result<Readings, Failure> {
    look_with(master, replica, None).await
}

async fn look_with(
    master: &str,
    replica: &str,
    ca_file: Option<&Path>,
) -> Result<Readings, Failure> {
    let settings = json!({
        "source": { "kind": "redis", "url": master },
        "replicas": [{ "name": "replica", "url": replica }],
        "patience": "2s",
        "ca_file": ca_file,
    });
    let probe = launchgate_probes::builtin().build("redis_replication", settings).unwrap();
    let cx = Context::new(Duration::from_secs(6), Timestamp::now(), None, "/".into());
    probe.observe(&cx).await
}

/// The figures of a state in a line, those that are not had as `-`.
fn figures(state: &str, readings: &Readings) -> String {
    let shown = [
        ("lag", Unit::Time),
        ("caught_up", Unit::Percent),
        ("acknowledged", Unit::One),
        ("online", Unit::Percent),
        ("link_up", Unit::Percent),
        ("roles_ok", Unit::One),
    ]
    .map(|(name, unit)| readings.get(name).map_or("-".to_owned(), |v| v.show(unit)));
    eprintln!("{state}: {}", shown.join(" "));
    shown[1..].join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_believed_only_when_it_reads_what_its_master_sends() {
    if !need("redis-server") {
        return;
    }
    let mut pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    let (master, replica) = (pair.url(Role::Master, ""), pair.url(Role::Replica, ""));
    for state in ["healthy", "idle"] {
        let well = look(&master, &replica).await.unwrap();
        assert_eq!(figures(state, &well), "100% 1 100% 100% true", "{well:?}");
        assert!(matches!(well.get("lag"), Some(Value::Number(s)) if *s < 2.0), "{well:?}");
        assert_eq!(well.get("writable").map(|v| v.show(Unit::One)).as_deref(), Some("[]"));
    }

    // Nothing arrives: what both servers say of the link stays as it was.
    pair.link.hold();
    let held = look(&master, &replica).await.unwrap();
    assert_eq!(figures("held link", &held), "0% 0 100% 100% true", "{held:?}");
    assert_eq!(held.get("lag"), None, "{held:?}");
    let own = pair.ask(Role::Replica, &["info", "replication"]).unwrap();
    let field =
        |name: &str| own.lines().find_map(|l| l.trim().strip_prefix(name).map(str::to_owned));
    assert_eq!(field("master_link_status:").as_deref(), Some("up"), "it says that all is well");
    assert_eq!(
        field("slave_repl_offset:"),
        field("master_repl_offset:"),
        "and that it is 0 bytes behind"
    );
    pair.link.release();

    pair.server(Role::Replica).freeze();
    let frozen = look(&master, &replica).await.unwrap();
    assert_eq!(figures("frozen replica", &frozen), "0% 0 100% 0% -", "{frozen:?}");
    assert!(frozen.parts[0].says.contains("timeout"), "{frozen:?}");
    pair.server(Role::Replica).thaw();
    pair.wait_for_the_link();

    // A role without leave to publish moves nothing, and so proves nothing at its first look.
    for role in [Role::Master, Role::Replica] {
        let rules = ["acl", "setuser", "onlooker", "on", ">right", "+info", "+wait"];
        pair.ask(role, &rules).unwrap();
    }
    let as_onlooker = |role| pair.url(role, "onlooker:right@");
    let mute = look(&as_onlooker(Role::Master), &as_onlooker(Role::Replica)).await.unwrap();
    assert_eq!(mute.get("lag"), None, "{mute:?}");
    assert_eq!(figures("no leave to publish", &mute), "100% 1 100% 100% true", "{mute:?}");
    assert!(mute.notes[0].contains("could not be given a mark"), "{mute:?}");
    let wrong = look(&pair.url(Role::Master, "onlooker:wrong@"), &replica).await.expect_err("it");
    assert_eq!(wrong.cause, Cause::Auth, "{wrong}");
    assert!(!wrong.message.contains(":wrong"), "{wrong}");
    let hidden = look(&master, &pair.url(Role::Replica, "onlooker:wrong@")).await.unwrap();
    assert_eq!(hidden.get("caught_up"), None, "we could not look: {hidden:?}");

    pair.ask(Role::Replica, &["replicaof", "no", "one"]).unwrap();
    let promoted = look(&master, &replica).await.unwrap();
    assert_eq!(promoted.get("roles_ok"), Some(&Value::Flag(false)), "{promoted:?}");
    assert_eq!(promoted.get("lag"), None, "{promoted:?}");
    let swapped = look(&replica, &master).await.unwrap();
    assert_eq!(swapped.get("missing").map(|v| v.show(Unit::One)).as_deref(), Some("[replica]"));

    pair.server(Role::Master).stop();
    let gone = look(&master, &replica).await.expect_err("there is no master");
    assert_eq!(gone.cause, Cause::Refused, "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_tls_is_judged_by_its_certificate() {
    if !need("redis-server") {
        return;
    }
    let pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    let folder = TempDir::new("redis-tls");
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let root = folder.write("root.pem", &certified.cert.pem());
    let key = folder.write("key.pem", &certified.signing_key.serialize_pem());
    let port = free_port();
    let (shown, key) = (root.display().to_string(), key.display().to_string());
    let files = ["tls-cert-file", &shown, "tls-key-file", &key, "tls-ca-cert-file", &shown];
    let ports = ["tls-auth-clients", "no", "tls-port", &port.to_string()].map(str::to_owned);
    let words: Vec<&str> = ["config", "set"]
        .into_iter()
        .chain(files)
        .chain(ports.iter().map(String::as_str))
        .collect();
    let answer = pair.ask(Role::Master, &words).unwrap();
    assert_eq!(answer.trim(), "OK");
    let rows = [
        ("encrypted", format!("rediss://localhost:{port}"), Some(&root), ""),
        ("an unknown root", format!("rediss://localhost:{port}"), None, "ca_file"),
        ("another name", format!("rediss://127.0.0.1:{port}"), Some(&root), "ca_file"),
    ];
    for (row, master, root, said) in rows {
        match look_with(&master, &pair.url(Role::Replica, ""), root.map(PathBuf::as_path)).await {
            Ok(readings) => assert!(said.is_empty() && readings.get("lag").is_some(), "{row}"),
            Err(failure) => {
                assert_eq!(failure.cause, Cause::BadResponse, "{row}: {failure}");
                assert!(!said.is_empty() && failure.message.contains(said), "{row}: {failure}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_speaks_no_redis_or_without_end_is_unknown() {
    use tokio::io::AsyncWriteExt as _;
    for (said, times) in
        [("HTTP/1.1 400 Bad Request\r\n\r\n", 1), ("$999999999999\r\nxxxxxxxx", 4_000_000)]
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    for _ in 0..times {
                        if stream.write_all(said.as_bytes()).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let failure = look(&url, &url).await.expect_err("it is no Redis");
        assert!(
            matches!(failure.cause, Cause::BadResponse | Cause::Unreachable),
            "{said:?}: {failure}"
        );
        server.abort();
    }
}
