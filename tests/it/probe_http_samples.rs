//! Percentiles of the `http` probe against a real nginx with real delays: from here, over TLS, and through proxies that are
//! near, far, silent and gone.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::expectation::{Expectation, Truth};
use launchgate_core::observation::Cause;
use launchgate_core::reading::Readings;
use launchgate_probes::Context;
use serde_json::{Value as Json, json};

use crate::rig::pki::{Flavour, Pki};
use crate::rig::process::{Server, TempDir, free_port, need, program};

/// A site and two proxies, by their ports.
struct Rig {
    /// Plain HTTP: of ten connections in a row `/slow` answers one after a second, `/lost` one never and `/sick` one with an error.
    site: u16,
    /// HTTPS that answers with an error to whoever comes over a connection or a session that was used before.
    fresh: u16,
    /// A proxy.
    near: u16,
    /// A proxy through which ten requests pass in a second.
    far: u16,
    folder: TempDir,
    pki: Pki,
    _server: Server,
}

impl Rig {
    fn start() -> Self {
        let (folder, pki) = (TempDir::new("samples"), Pki::new());
        let [site, fresh, near, far] = std::array::from_fn(|_| free_port());
        let user = if rustix::process::getuid().is_root() { "user nobody nogroup;\n" } else { "" };
        let (chain, key) = (pki.chain(Flavour::Days91), pki.key(Flavour::Days91));
        let config = format!(
            "{user}daemon off;\npid nginx.pid;\nerror_log stderr;\nworker_processes 1;\nevents {{}}\nhttp {{\n\
             access_log off;\ndefault_type text/plain;\nclient_body_temp_path t1;\nproxy_temp_path t2;\n\
             fastcgi_temp_path t3;\nuwsgi_temp_path t4;\nscgi_temp_path t5;\n\
             map $connection $tenth {{ ~5$ 1; default 0; }}\nmap $tenth $rate {{ 1 2k; default 0; }}\n\
             limit_req_zone $server_port zone=far:1m rate=10r/s;\n\
             server {{ listen 127.0.0.1:{site};\n\
             location / {{ return 200 home; }}\n\
             location = /slow {{ limit_rate $rate; return 200 '{body}'; }}\n\
             location = /lost {{ if ($tenth) {{ return 444; }} return 200 ok; }}\n\
             location = /sick {{ if ($tenth) {{ return 503; }} return 200 ok; }} }}\n\
             server {{ listen 127.0.0.1:{fresh} ssl http2; ssl_certificate {chain}; ssl_certificate_key {key};\n\
             ssl_session_cache shared:tls:1m;\nif ($ssl_session_reused = r) {{ return 503; }}\n\
             if ($connection_requests != 1) {{ return 503; }}\nreturn 200 ok; }}\n\
             server {{ listen 127.0.0.1:{near}; location / {{ proxy_pass http://127.0.0.1:{site}; }} }}\n\
             server {{ listen 127.0.0.1:{far}; location / {{ limit_req zone=far burst=50;\n\
             proxy_pass http://127.0.0.1:{site}; }} }} }}\n",
            body = "x".repeat(3000),
            chain = chain.display(),
            key = key.display(),
        );
        let config = folder.write("nginx.conf", &config);
        let mut command = program("nginx");
        command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(config);
        let mut server = Server::spawn(command, "nginx", folder.join("nginx.log"));
        let url = format!("http://127.0.0.1:{site}/");
        server.wait_for("answering nginx", || {
            let mut curl = program("curl");
            curl.args(["--silent", "--fail", "--max-time", "1", &url]);
            curl.output().is_ok_and(|output| output.status.success()).then_some(())
        });
        Self { site, fresh, near, far, folder, pki, _server: server }
    }
}

/// Looks once, and judges.
async fn judge(settings: Json, expect: &[&str]) -> (Vec<Truth>, Readings) {
    let probe = launchgate_probes::builtin().build("http", settings).expect("settings");
    let cx = Context::new(Duration::from_secs(40), Timestamp::now(), None, "/".into());
    let specs = probe.readings();
    let readings = probe.observe(&cx).await.expect("readings");
    let truths = expect.iter().map(|text| {
        let expectation = Expectation::compile(text, &specs).expect(text);
        expectation.evaluate(&readings).truth
    });
    (truths.collect(), readings)
}

#[tokio::test]
async fn percentiles_of_a_site_are_judged_and_failed_samples_are_seen() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let rig = Rig::start();
    let at =
        |path: &str| json!({"url": format!("http://127.0.0.1:{}{path}", rig.site), "samples": 20});
    let unknown = Truth::Unknown(Cause::NoData);
    let expect = [
        "status == 200",
        "failed_samples == 0",
        "latency_p50 < 500ms",
        "latency_p95 < 500ms",
        "latency_max >= 1s",
    ];
    let rows = [
        // Two of twenty take a second, which the 95th percentile sees and the middle does not.
        ("/slow", [Truth::True, Truth::True, Truth::True, Truth::False, Truth::True]),
        ("/lost", [unknown, Truth::False, Truth::True, unknown, unknown]),
        ("/sick", [Truth::False, Truth::False, Truth::True, unknown, unknown]),
    ];
    for (path, truths) in rows {
        let (judged, r) = judge(at(path), &expect).await;
        assert_eq!(judged, truths, "{path}: {r:?}");
    }
    let fresh = json!({
        "url": format!("https://127.0.0.1:{}/", rig.fresh), "ca_file": rig.pki.root(), "samples": 20,
    });
    let expect = ["status == 200", "failed_samples == 0", "latency_p95 > 0s"];
    let (truths, r) = judge(fresh, &expect).await;
    assert_eq!(truths, [Truth::True; 3], "every connection is a new one: {r:?}");
}

#[test]
fn each_vantage_has_percentiles_of_its_own() {
    if !(need("nginx") && need("openssl") && need("curl")) {
        return;
    }
    let rig = Rig::start();
    // Connections are made and nobody answers them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = |port: u16| json!({ "proxy": format!("http://127.0.0.1:{port}") });
    let check = |from: &str, samples: u16, timeout: &str| {
        json!({
            "title": "The home page is quick", "probe": "http", "from": from, "timeout": timeout,
            "with": { "url": "http://shop.invalid/", "samples": samples },
            "expect": ["status == 200", "failed_samples == 0", "latency_p50 < 50ms"],
        })
    };
    let launch = json!({
        "launch": "shop", "title": "Shop", "version": "v1", "go_live": "2026-12-01T09:00:00[UTC]",
        "vantages": {
            "near": proxy(rig.near), "far": proxy(rig.far), "gone": proxy(free_port()),
            "silent": proxy(silent.local_addr().expect("an address").port()),
        },
        "checklists": { "pages": { "title": "Pages", "due": "T-1d", "checks": {
            "near": check("near", 20, "30s"), "far": check("far", 20, "30s"),
            "silent": check("silent", 2, "1s"), "gone": check("gone", 2, "1s"),
        } } },
    });
    let file = rig.folder.write("shop.yaml", &launch.to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_launchgate"));
    let ran = command.args(["check", "--format", "json"]).arg(file).output().expect("it runs");
    let report: Json = serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr)));
    let expected = [
        ("near", "pass", ""),
        ("far", "fail", "latency_p50"),
        ("silent", "unknown", "no answer in time"),
        ("gone", "unknown", "refused"),
    ];
    for (check, (vantage, outcome, why)) in
        report["checklists"][0]["checks"].as_array().expect("checks").iter().zip(expected)
    {
        assert_eq!(check["outcome"], outcome, "{vantage}: {check}");
        let because = check["because"].as_str().unwrap_or_default();
        assert!(because.contains(why), "{vantage}: {because}");
    }
}
