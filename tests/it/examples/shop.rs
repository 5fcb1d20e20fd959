//! The shop of `go-live.yaml` on loopback: its zone, its certificate, an nginx that is the front, the cache and the instances,
//! and whatever else answers with JSON.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::rig::canned::Canned;
use crate::rig::mail_zone::MailZone;
use crate::rig::process::{Server, TempDir, free_port_on, program, run};

/// Where the front and the instances are.
pub(super) const HOSTS: [&str; 3] = ["127.0.0.71", "127.0.0.72", "127.0.0.73"];

/// The ports of the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    /// HTTPS, for every name of the shop.
    pub(super) secure: u16,
    /// Plain HTTP, which leads to HTTPS.
    pub(super) plain: u16,
    /// The instances themselves, on each of [`HOSTS`].
    pub(super) instance: u16,
    /// Nobody listens here.
    pub(super) closed: u16,
}

/// The shop, as far as it is served here.
pub(super) struct Shop {
    pub(super) zone: MailZone,
    pub(super) ports: Ports,
    pub(super) root: PathBuf,
    /// The CI, the status page, the logs and the others that answer with JSON.
    pub(super) api: Canned,
    /// Whether the status page shows the maintenance.
    pub(super) announced: Arc<AtomicBool>,
    _server: Server,
    _folder: TempDir,
}

const ZONE: &str = "@ A 127.0.0.71\nwww A 127.0.0.71\napi A 127.0.0.71\nfailover A 127.0.0.72\n\
    static CNAME d3f2a1c.cdn.example.\n@ TXT \"v=spf1 ip4:203.0.113.25 -all\"\n\
    _dmarc TXT \"v=DMARC1; p=reject\"\n\
    s2026._domainkey TXT \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"";

impl Shop {
    pub(super) fn start() -> Self {
        // The zone above them says that there is nothing else.
        let zones =
            [("shop.example", ZONE), ("cdn.example", "d3f2a1c A 127.0.0.71"), ("example", "")];
        let zone = MailZone::start(&zones);
        let addresses = [HOSTS[0], HOSTS[1], HOSTS[2], "127.0.0.1"];
        let addresses = addresses.map(|host| host.parse().expect("an address"));
        let [secure, plain, instance, closed] = std::array::from_fn(|_| free_port_on(&addresses));
        let ports = Ports { secure, plain, instance, closed };
        let folder = TempDir::new("shop");
        certificate(&folder);
        let config = folder.write("nginx.conf", &config(&folder, ports));
        let mut command = program("nginx");
        command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(config);
        let mut server = Server::spawn(command, "nginx", folder.join("nginx.log"));
        let url = format!("http://{}:{instance}/healthz", HOSTS[0]);
        server.wait_for("answering nginx", || {
            let mut curl = program("curl");
            curl.args(["--silent", "--fail", "--max-time", "1", &url]);
            curl.output().is_ok_and(|output| output.status.success()).then_some(())
        });
        let announced = Arc::new(AtomicBool::new(true));
        let shown = Arc::clone(&announced);
        let api = Canned::start(move |request| answer(request, shown.load(Ordering::Acquire)));
        let root = folder.join("root.pem");
        Self { zone, ports, root, api, announced, _server: server, _folder: folder }
    }
}

/// A root, and a leaf for every name of the shop that lasts 300 days.
fn certificate(folder: &TempDir) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let openssl = |arguments: &str| {
        let mut command = program("openssl");
        command.current_dir(folder.path()).args(arguments.split(' '));
        command
    };
    run(openssl(&format!("req -x509 {key} -keyout root.key -out root.pem -days 3650")).args([
        "-subj",
        "/CN=Shop Root",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
    ]));
    run(openssl(&format!("req {key} -keyout leaf.key -out leaf.csr"))
        .args(["-subj", "/CN=shop.example"]));
    folder.write(
        "leaf.ext",
        "subjectAltName=DNS:shop.example,DNS:*.shop.example,DNS:www.shop.example,DNS:api.shop.example\n\
         extendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n",
    );
    run(&mut openssl(
        "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 300 -out leaf.pem \
         -extfile leaf.ext",
    ));
}

fn config(folder: &TempDir, ports: Ports) -> String {
    let Ports { secure, plain, instance, .. } = ports;
    let user = if rustix::process::getuid().is_root() { "user nobody nogroup;\n" } else { "" };
    let listen = |port: u16, more: &str| {
        let lines = HOSTS.map(|host| format!("listen {host}:{port}{more};\n"));
        lines.concat()
    };
    let (front, open) = (listen(secure, " ssl"), listen(plain, ""));
    // The load balancer of the rigs looks for them there.
    let instances = listen(instance, "") + &format!("listen 127.0.0.1:{instance};");
    let path = folder.path().display();
    let page = "default_type text/html; return 200";
    format!(
        "{user}daemon off;\npid nginx.pid;\nerror_log stderr;\nworker_processes 1;\nevents {{}}\nhttp {{\n\
         access_log off;\nabsolute_redirect off;\nclient_body_temp_path t1;\nproxy_temp_path t2;\n\
         fastcgi_temp_path t3;\nuwsgi_temp_path t4;\nscgi_temp_path t5;\nssl_certificate {path}/leaf.pem;\n\
         ssl_certificate_key {path}/leaf.key;\nssl_protocols TLSv1.2 TLSv1.3;\n\
         ssl_ciphers ECDHE+AESGCM;\nssl_prefer_server_ciphers on;\nproxy_cache_path cache keys_zone=edge:1m;\n\
         map $upstream_cache_status $kept {{ HIT \"edge; hit\"; default \"edge; fwd=miss\"; }}\n\
         server {{ {front} server_name www.shop.example; {HSTS}\n\
         location / {{ return 301 https://shop.example:{secure}$request_uri; }} }}\n\
         server {{ {front} server_name shop.example static.shop.example api.shop.example; {HSTS}\n\
         if ($args ~* script) {{ return 403; }}\n\
         location = / {{ {page} '<a href=\"/privacy\">p</a><a href=\"/terms\">t</a><i class=cookie-consent>'; }}\n\
         location = /privacy {{ {page} 'Privacy Policy'; }}\nlocation = /terms {{ {page} 'Terms of Service'; }}\n\
         location = /cart {{ {page} 'yours'; }}\n\
         location ~ healthz {{ {page} ok; }}\n\
         location = /app.3f2a1c.js {{ proxy_pass http://{host}:{instance}; proxy_cache edge;\n\
         add_header Cache-Status $kept always; }} }}\n\
         server {{ {open} return 301 https://$host:{secure}$request_uri; }}\n\
         server {{ {instances}\n\
         location = /app.3f2a1c.js {{ default_type text/javascript; add_header X-Origin production;\n\
         add_header Cache-Control \"public, max-age=31536000, immutable\"; return 200 x; }}\n\
         location / {{ default_type application/json; return 200 '{{\"version\":\"2.4.0\"}}'; }} }} }}\n",
        host = HOSTS[0],
    )
}

const HSTS: &str =
    "add_header Strict-Transport-Security \"max-age=31536000; includeSubDomains\" always;";

/// What the services around the shop say.
fn answer(request: &str, announced: bool) -> (u16, String) {
    let now = jiff::Timestamp::now();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let body = match path.split('?').next().unwrap_or_default() {
        "/ci/jobs/smoke-staging/latest" => {
            format!("{{\"result\":\"success\",\"finished_at\":\"{now}\"}}")
        }
        "/ci/pipelines/production" => {
            "{\"state\":\"ready\",\"artifact\":{\"version\":\"2.4.0\"}}".to_owned()
        }
        "/status/scheduled-maintenances/upcoming.json" if announced => {
            "{\"scheduled_maintenances\":[{\"id\":1}]}".to_owned()
        }
        "/status/scheduled-maintenances/upcoming.json" => {
            "{\"scheduled_maintenances\":[]}".to_owned()
        }
        "/hooks" => {
            "{\"data\":[{\"url\":\"https://api.shop.example/hooks/payments\",\"status\":\"enabled\"}]}"
                .to_owned()
        }
        "/logs" => "{\"count\":421}".to_owned(),
        "/traces" => "{\"traces\":[{\"traceID\":\"1\"}]}".to_owned(),
        "/dashboard" if request.to_ascii_lowercase().contains("authorization: bearer x") => {
            "{}".to_owned()
        }
        _ => return (404, String::new()),
    };
    (200, body)
}
