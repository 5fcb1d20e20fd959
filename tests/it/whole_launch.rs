//! A whole launch from T-7d to T+7d by the daemon's own clock, set ahead between the scenes: five people sign, a waiver ends, a
//! checklist is overdue, a step is held, smoke tests fail and roll back, a second attempt goes live, and the watch ends.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::rig::daemon::Daemon;
use crate::rig::dns::{Dns, Resolver};
use crate::rig::nginx::{Nginx, Site};
use crate::rig::pki::Flavour;
use crate::rig::process::{need, poll_until};
use crate::rig::recorder::Recorder;
use crate::rig::service::Service;

const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    dns: Dns,
    nginx: Nginx,
    service: Service,
    sink: Recorder,
}

impl World {
    fn start() -> Self {
        Self {
            dns: Dns::start(),
            nginx: Nginx::start(),
            service: Service::start(),
            sink: Recorder::start(),
        }
    }

    fn launch(&self) -> String {
        let go_live = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(7 * 24);
        let values = [
            ("go_live", go_live.strftime("%Y-%m-%dT%H:%M:%S[UTC]").to_string()),
            ("resolver", self.dns.address(Resolver::First).to_string()),
            ("tls", self.nginx.port(Site::Tls(Flavour::Days89)).to_string()),
            ("ca", self.nginx.pki().root().display().to_string()),
            ("service", self.service.url()),
            ("sink", self.sink.url()),
        ];
        let template = include_str!("../fixtures/launch/whole.yaml");
        values.iter().fold(template.to_owned(), |text, (name, value)| {
            text.replace(&format!("@{name}@"), value)
        })
    }
}

fn list<'r>(report: &'r Value, id: &str) -> &'r Value {
    let mut lists = report["checklists"].as_array().into_iter().flatten();
    lists.find(|list| list["id"] == id).unwrap_or(&Value::Null)
}

fn check<'r>(report: &'r Value, id: &str) -> &'r Value {
    let lists = report["checklists"].as_array().into_iter().flatten();
    let mut checks = lists.flat_map(|list| list["checks"].as_array().into_iter().flatten());
    checks.find(|check| check["id"] == id).unwrap_or(&Value::Null)
}

fn step<'r>(report: &'r Value, id: &str) -> &'r Value {
    let mut steps = report["day"]["steps"].as_array().into_iter().flatten();
    steps.find(|step| step["step"] == id).unwrap_or(&Value::Null)
}

fn run_of(report: &Value) -> String {
    report["day"]["run"].as_str().expect("it was begun").to_owned()
}

#[test]
fn from_a_week_before_to_a_week_after() {
    let servers = ["nsd", "unbound", "dnsdist", "nginx", "faketime", "curl"];
    if !servers.iter().all(|server| need(server)) {
        return;
    }
    let world = World::start();
    let mut daemon = Daemon::of(&world.launch());
    daemon.write("deploy.sh", "echo \"$LAUNCHGATE_VERSION\" > deployed\n");
    daemon.write(
        "rollback.sh",
        "echo \"$LAUNCHGATE_TARGET_VERSION\" > deployed\necho back >> rolled\n",
    );
    daemon.write(
        "smoke.sh",
        "test -e mended || { echo 'the basket is empty'; exit 1; }\necho 12 pages\n",
    );
    daemon.ahead("0s");
    daemon.start();

    the_week_before(&world, &mut daemon);
    the_first_attempt(&mut daemon);
    the_second_attempt(&mut daemon);
    the_week_after(&world, &mut daemon);
    what_is_left(&daemon);
}

fn the_week_before(world: &World, daemon: &mut Daemon) {
    let early = daemon.wait_for("all that machines see", |r| {
        ["dns/apex", "infra/service"].iter().all(|id| check(r, id)["outcome"] == "pass")
    });
    assert_eq!((&early["verdict"], &early["phase"]), (&"NO-GO".into(), &"preparing".into()));
    assert_eq!(list(&early, "infra")["state"], "not_yet_due");
    assert_eq!(check(&early, "infra/certificate")["outcome"], "fail", "89 days, less a week");

    daemon.ahead("1d1h");
    let late = daemon.wait_for("an overdue checklist", |r| r["on_schedule"] == false);
    assert_eq!(late["overdue"], serde_json::json!(["infra"]));
    daemon.order(&["sign", "infra/scaling", "--evidence", "https://x.example/1", "--as", "dan"]);

    let waive = ["waive", "infra/certificate", "--until", "2d", "--reason", "renewed on Friday"];
    let (told, code) = daemon.try_order(&[&waive[..], &["--as", "dan"]].concat());
    assert_eq!(code, 3, "dan may not: {told}");
    daemon.order(&[&waive[..], &["--as", "alice"]].concat());
    daemon.wait_for("a met checklist", |r| list(r, "infra")["state"] == "met");
    let ahead = poll_until(PATIENCE, "what is to come at T-0", || {
        let (ahead, _) = daemon.try_order(&["report", "--at", "T-0", "--format", "json"]);
        let ahead: Value = serde_json::from_str(&ahead).expect("JSON");
        // The waiver has ended by then.
        (check(&ahead, "infra/certificate")["outcome"] == "fail").then_some(ahead)
    });
    assert_eq!(ahead["basis"]["kind"], "projected");

    daemon.ahead("3d2h");
    let ended = daemon
        .wait_for("the end of the waiver", |r| check(r, "infra/certificate")["outcome"] == "fail");
    assert_eq!(ended["verdict"], "NO-GO");
    let other = world.nginx.port(Site::Tls(Flavour::Days91));
    let launch = world.launch().replace(
        &format!("127.0.0.1:{}\"", world.nginx.port(Site::Tls(Flavour::Days89))),
        &format!("127.0.0.1:{other}\""),
    );
    // The renewed certificate stands on another port; the checklist is another one now, and what was signed in it is void.
    daemon.write("launch.yaml", &launch);
    daemon.signal("-HUP");
    daemon.wait_for("void signatures", |r| check(r, "infra/scaling")["reason"] == "expired");
    daemon.order(&["sign", "infra/scaling", "--evidence", "https://x.example/2", "--as", "dan"]);
    for (person, sign) in [
        ("erin", &["sign", "dns/old-records", "--evidence", "https://x.example/zone"][..]),
        ("dan", &["sign", "final/load", "--value", "measured_peak=1200/s"]),
        ("frank", &["sign", "final/load-accepted"]),
        ("carol", &["sign", "final/legal", "--note", "with the new terms"]),
        ("bob", &["sign", "final/plan"]),
    ] {
        daemon.order(&[sign, &["--as", person]].concat());
    }
    let (told, code) = daemon.try_order(&["sign", "final/load-accepted", "--as", "dan"]);
    assert_eq!(code, 3, "dan ran the load test: {told}");
    let go = daemon.wait_for("GO", |r| r["verdict"] == "GO");
    assert_eq!(go["blockers"], serde_json::json!([]));
    daemon.order(&["decide", "go", "--as", "alice"]);
}

fn the_first_attempt(daemon: &mut Daemon) {
    daemon.ahead("7d");
    daemon.wait_for("GO on the day", |r| r["verdict"] == "GO");
    daemon.order(&["run", "start", "launch-day", "--as", "alice"]);
    let waiting = daemon.wait_for("the person's step", |r| r["day"]["next"] == "cutover");
    assert_eq!(waiting["phase"], "launching");
    assert_eq!(step(&waiting, "may-we")["evidence"], "GO, decided by alice");
    let run = run_of(&waiting);
    daemon.order(&["run", "hold", &run, "--reason", "the load is odd", "--as", "bob"]);
    daemon.order(&["run", "mark-succeeded", &run, "--reason", "switched", "--as", "erin"]);
    let held = daemon.wait_for("a held run", |r| r["day"]["standing"] == "held");
    assert_eq!(step(&held, "smoke")["state"], "planned");
    daemon.ahead("7d1h10m");
    let late = daemon.wait_for("a late step", |r| step(r, "smoke")["late"].as_f64() > Some(300.0));
    assert_eq!(late["day"]["held"]["person"], "bob");
    daemon.order(&["run", "resume", &run, "--as", "alice"]);
    let back = daemon.wait_for("the rollback", |r| r["phase"] == "rolled_back");
    let cause = back["runs"][0]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("failed: ") && cause.contains("the basket is empty"), "{cause}");
    assert_eq!(back["runs"][0]["status"], "verified");
    assert_eq!(back["day"]["standing"], "gave way to a rollback");
    assert_eq!(std::fs::read_to_string(daemon.file("deployed")).unwrap().trim(), "2.3");
}

fn the_second_attempt(daemon: &mut Daemon) {
    daemon.write("mended", "");
    let report = daemon.report();
    assert_eq!(report["decisions"][0]["stale"], true, "{:#}", report["decisions"]);
    daemon.order(&["run", "start", "launch-day", "--as", "bob"]);
    daemon.wait_for("the gate", |r| r["day"]["next"] == "may-we");
    daemon.order(&["decide", "go", "--note", "the basket is mended", "--as", "alice"]);
    let waiting = daemon.wait_for("the person's step", |r| r["day"]["next"] == "cutover");
    let run = run_of(&waiting);
    assert!(run.contains("-launch-2-"), "{run}");
    daemon.order(&["run", "mark-succeeded", &run, "--reason", "switched", "--as", "erin"]);
    let live = daemon.wait_for("live", |r| r["phase"] == "watching");
    assert_eq!(step(&live, "smoke")["how"], "succeeded");
    daemon.wait_for("the end of the day", |r| r["day"]["standing"] == "completed");
    assert_eq!(std::fs::read_to_string(daemon.file("deployed")).unwrap().trim(), "2.4");
    assert_eq!(std::fs::read_to_string(daemon.file("rolled")).unwrap().lines().count(), 1);
}

fn the_week_after(world: &World, daemon: &mut Daemon) {
    for (minutes, reports) in [(40, 1), (70, 2)] {
        daemon.ahead(&format!("7d{}m", 70 + minutes));
        daemon.wait_for("a report of the watch", |r| {
            r["watch"]["reports"].as_array().is_some_and(|all| all.len() == reports)
        });
    }
    daemon.kill();
    daemon.ahead("7d12h");
    daemon.start();
    let missed = daemon.wait_for("a report after the night", |r| {
        r["watch"]["reports"].as_array().is_some_and(|all| all.len() == 3)
    });
    assert!(missed["watch"]["reports"][0]["missed"].as_u64() > Some(5), "{:#}", missed["watch"]);
    daemon.ahead("14d2h");
    let over =
        daemon.wait_for("the end of the watch", |r| r["watch"]["reports"][0]["last"] == true);
    assert_eq!(over["watch"]["next_at"], Value::Null);
    let told = || world.sink.bodies();
    poll_until(PATIENCE, "the last word", || {
        told().iter().any(|body| body.contains("the watch ends")).then_some(())
    });
    let watched = told().iter().filter(|body| body.contains("watch")).count();
    assert_eq!(watched, 4, "each once: {:#?}", told());
    daemon.order(&["milestone", "closed", "--as", "alice"]);
}

fn what_is_left(daemon: &Daemon) {
    let (log, code) = daemon.try_order(&["audit", "export"]);
    assert_eq!(code, 0);
    daemon.write("audit.jsonl", &log);
    let key = daemon.file("store.db.pub");
    let verified = Command::new(env!("CARGO_BIN_EXE_launchgate"))
        .args(["audit", "verify"])
        .arg(daemon.file("audit.jsonl"))
        .arg("--public-key")
        .arg(key)
        .output()
        .expect("the binary is built for this test");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let kinds = ["sign_off", "waiver", "decision", "milestone", "run_created", "watch"];
    for kind in kinds {
        assert!(log.contains(&format!("\"kind\":\"{kind}\"")), "{kind} is in the log");
    }
    let (markdown, code) = daemon.try_order(&["report", "--format", "markdown"]);
    assert_eq!(code, 0, "a closed launch is at its end");
    for text in ["Launch day", "Watch, until", "Decided", "1200/s", "rolled back and verified"] {
        assert!(markdown.contains(text), "{text} in:\n{markdown}");
    }
    let (past, _) = daemon.try_order(&["report", "--at", "T-3d", "--format", "json"]);
    let past: Value = serde_json::from_str(&past).expect("JSON");
    assert_eq!((&past["basis"]["kind"], &past["phase"]), (&"recorded".into(), &"preparing".into()));
    let out = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("whole-launch");
    std::fs::create_dir_all(&out).expect("the folder for what tests leave");
    std::fs::write(out.join("report.md"), markdown).expect("it is ours");
    std::fs::write(out.join("audit.jsonl"), log).expect("it is ours");
}
