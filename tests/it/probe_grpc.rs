//! The `grpc` probe against etcd, which speaks the health protocol, and against servers that do not.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use launchgate_probes::{Context, DynProbe};
use serde_json::{Value as Json, json};

use crate::rig::nginx::{Nginx, Site};
use crate::rig::pki::Flavour;
use crate::rig::process::{Server, TempDir, free_port, need, program};

fn probe(settings: Json) -> Arc<dyn DynProbe> {
    launchgate_probes::builtin().build("grpc", settings).expect("settings")
}

async fn look(settings: Json) -> Result<Readings, Failure> {
    let cx = Context::new(Duration::from_secs(3), Timestamp::now(), None, "/".into());
    probe(settings).observe(&cx).await
}

/// An etcd of one node, with its client port.
struct Etcd {
    server: Server,
    port: u16,
    _folder: TempDir,
}

impl Etcd {
    fn start() -> Self {
        let folder = TempDir::new("etcd");
        let (port, peers) = (free_port(), free_port());
        let [client, peer] = [port, peers].map(|port| format!("http://127.0.0.1:{port}"));
        let mut command = program("etcd");
        command
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"]);
        let mut server = Server::spawn(command, "etcd", folder.join("log"));
        server.wait_for("it takes connections", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { server, port, _folder: folder }
    }
}

#[tokio::test]
async fn a_server_that_serves_one_that_does_not_know_and_one_that_hangs() {
    if !need("etcd") {
        return;
    }
    let etcd = Etcd::start();
    let at = |services: &[&str]| json!({"host": "127.0.0.1", "port": etcd.port, "tls": false, "services": services});
    // The port is open before the health service answers.
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    let whole = loop {
        match look(at(&[])).await {
            Ok(readings) if readings.get("serving") == Some(&Value::Flag(true)) => break readings,
            other => assert!(tokio::time::Instant::now() < until, "{other:?}"),
        }
    };
    assert_eq!(whole.get("status"), Some(&Value::Text("SERVING".to_owned())));
    assert!(whole.get("latency").is_some());

    let unknown = look(at(&["shop.v1.Cart"])).await.expect("it answers");
    assert_eq!(unknown.get("serving"), Some(&Value::Flag(false)));
    assert_eq!(unknown.get("status"), Some(&Value::Text("SERVICE_UNKNOWN".to_owned())));

    etcd.server.freeze();
    let hangs = look(at(&[])).await.expect_err("it is frozen");
    etcd.server.thaw();
    assert_eq!(hangs.cause, Cause::Timeout, "{hangs}");

    let secured = json!({"host": "127.0.0.1", "port": etcd.port});
    let failure = look(secured).await.expect_err("it speaks no TLS");
    assert!(matches!(failure.cause, Cause::BadResponse | Cause::Unreachable), "{failure}");
}

#[tokio::test]
async fn what_speaks_no_grpc_is_no_answer() {
    let nobody = json!({"host": "127.0.0.1", "port": free_port(), "tls": false});
    assert_eq!(look(nobody).await.expect_err("nobody listens").cause, Cause::Refused);
    if !need("nginx") {
        return;
    }
    let nginx = Nginx::start();
    let plain = json!({"host": "127.0.0.1", "port": nginx.port(Site::Redirect), "tls": false});
    let failure = look(plain).await.expect_err("it speaks HTTP/1.1");
    assert_eq!(failure.cause, Cause::BadResponse, "{failure}");
    let tls = json!({
        "host": "127.0.0.1", "port": nginx.port(Site::Tls(Flavour::Days91)),
    });
    let failure = look(tls).await.expect_err("its root is not trusted");
    assert_eq!(failure.cause, Cause::BadResponse, "{failure}");
    assert!(failure.message.contains("not trusted"), "{failure}");
}
