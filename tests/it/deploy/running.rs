//! The services of `compose.yaml`, started here without containers from the files that Compose would mount: the page's
//! launch becomes GO by what they say, and tokens are asked for.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use super::{deploy, read};
use crate::rig::process::{Server, TempDir, free_port, need, poll_until, program, run};

const PATIENCE: Duration = Duration::from_secs(60);

/// The three services, each at a port of its own.
struct Stack {
    folder: TempDir,
    ports: [u16; 3],
    _servers: [Server; 3],
}

impl Stack {
    fn start() -> Self {
        let folder = TempDir::new("compose");
        let ports = [free_port(), free_port(), free_port()];
        let servers =
            [site(&folder, ports), launchgate(&folder, ports), prometheus(&folder, ports)];
        Self { folder, ports, _servers: servers }
    }

    /// The command line, with the token that `start.sh` made, or without one.
    fn ask(&self, token: bool, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_launchgate"));
        command.args(arguments).args(["--url", &format!("http://127.0.0.1:{}", self.ports[1])]);
        if token {
            command.env("LAUNCHGATE_TOKEN_FILE", self.folder.join("alice.token"));
        }
        command.output().expect("the binary is built for this test")
    }

    fn report(&self) -> Value {
        let output = self.ask(true, &["report", "--format", "json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }
}

/// A file of `deploy/compose`, with the names of containers and their ports put right for this host.
fn moved(text: &str, ports: [u16; 3]) -> String {
    let [site, launchgate, prometheus] = ports;
    text.replace("site:8080", &format!("127.0.0.1:{site}"))
        .replace("launchgate:7420", &format!("127.0.0.1:{launchgate}"))
        .replace("prometheus:9090", &format!("127.0.0.1:{prometheus}"))
}

fn site(folder: &TempDir, ports: [u16; 3]) -> Server {
    let listen = format!("listen 127.0.0.1:{};", ports[0]);
    let server = read("compose/site.conf").replace("listen 8080;", &listen);
    let server = server.replace("/tmp/broken", &folder.join("broken").display().to_string());
    let at = folder.path().display();
    let config = format!(
        "daemon off; pid {at}/nginx.pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off; \
         client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fcgi; \
         uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n{server}\n}}\n"
    );
    let config = folder.write("nginx.conf", &config);
    let mut command = program("nginx");
    command.arg("-c").arg(config).args(["-e", "stderr"]);
    Server::spawn(command, "nginx", folder.join("nginx.log"))
}

fn launchgate(folder: &TempDir, ports: [u16; 3]) -> Server {
    let launch = folder.write("shop.yaml", &moved(&read("compose/launches/shop.yaml"), ports));
    let binaries = Path::new(env!("CARGO_BIN_EXE_launchgate")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = program("sh");
    command
        .env("PATH", path)
        .env("STORE_FOLDER", folder.path())
        .env("SHARED_FOLDER", folder.path());
    command.arg(deploy().join("compose/start.sh")).args(["serve", "--config"]);
    command.arg(deploy().join("compose/launchgate.yaml")).arg(launch);
    command
        .args(["--listen", &format!("127.0.0.1:{}", ports[1]), "--store"])
        .arg(folder.join("store.db"));
    Server::spawn(command, "launchgate", folder.join("launchgate.log"))
}

fn prometheus(folder: &TempDir, ports: [u16; 3]) -> Server {
    let token = folder.join("prometheus.token").display().to_string();
    let config = moved(&read("compose/prometheus.yaml"), ports);
    let config = config.replace("/run/launchgate/prometheus.token", &token);
    folder.write("launchgate.rules.yaml", &read("prometheus/launchgate.rules.yaml"));
    let config = folder.write("prometheus.yml", &config);
    let mut command = program("prometheus");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("metrics").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{}", ports[2]));
    Server::spawn(command, "prometheus", folder.join("prometheus.log"))
}

#[test]
fn the_services_of_compose_work_together() {
    if !need("nginx") || !need("prometheus") || !need("curl") {
        return;
    }
    let stack = Stack::start();
    let sign = ["sign", "people/agreed"];
    poll_until(PATIENCE, "a report", || stack.report()["verdict"].is_string().then_some(()));
    let refused = stack.ask(false, &sign);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    let taken = stack.ask(true, &sign);
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    let report = poll_until(PATIENCE, "GO", || {
        let report = stack.report();
        (report["verdict"] == "GO").then_some(report)
    });
    assert_eq!(report["launch"], "shop");
    let query =
        format!("http://127.0.0.1:{}/api/v1/query?query=up{{job=\"launchgate\"}}", stack.ports[2]);
    poll_until(PATIENCE, "launchgate among Prometheus' targets", || {
        let said = run(program("curl").args(["-sS", "-g", &query]));
        said.contains(",\"1\"]").then_some(())
    });
    fs::write(stack.folder.join("broken"), "").expect("the folder is ours");
    poll_until(PATIENCE, "NO-GO", || (stack.report()["verdict"] == "NO-GO").then_some(()));
    let owner = fs::metadata(stack.folder.join("alice.token")).expect("it was made");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&owner.permissions()) & 0o777, 0o600);
}
