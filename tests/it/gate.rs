//! One launch file with every kind of probe, against real servers: GO while all is well; then each real thing is broken by
//! itself, and the right check says so, with the right outcome, exit code and reason.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::rig::dns::{Dns, Resolver};
use crate::rig::nginx::{Nginx, Site};
use crate::rig::pgbackrest::{Repository, STANZA};
use crate::rig::pki::Flavour;
use crate::rig::postgres::{Pair, Role};
use crate::rig::process::{TempDir, need, poll_until};
use crate::rig::prometheus::Prometheus;
use crate::rig::service::Service;

/// Everything that the launch rests on.
struct World {
    dns: Dns,
    nginx: Nginx,
    service: Service,
    prometheus: Prometheus,
    pair: Pair,
    repository: Repository,
    folder: TempDir,
}

/// What of the world a launch file looks at.
#[derive(Clone)]
struct View {
    resolvers: Vec<Resolver>,
    certificate: Site,
    hsts: Site,
    backups: String,
}

impl World {
    fn new() -> Self {
        let service = Service::start();
        let prometheus = Prometheus::start(&[("shop", service.address())]);
        let folder = TempDir::new("gate");
        folder.write("smoke.sh", "echo \"SMOKE OK | pages=12\"\n");
        Self {
            dns: Dns::start(),
            nginx: Nginx::start(),
            service,
            prometheus,
            pair: Pair::start(),
            repository: Repository::fresh(),
            folder,
        }
    }

    fn view(&self) -> View {
        View {
            resolvers: vec![Resolver::First, Resolver::Second, Resolver::Recursive],
            certificate: Site::Tls(Flavour::Days91),
            hsts: Site::Tls(Flavour::Days91),
            backups: self.repository.config().display().to_string(),
        }
    }

    fn launch(&self, view: &View) -> String {
        let resolvers: Vec<String> =
            view.resolvers.iter().map(|r| format!("\"{}\"", self.dns.address(*r))).collect();
        let go_live = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
        let values = [
            ("go_live", go_live.strftime("%Y-%m-%dT%H:%M:%S[UTC]").to_string()),
            ("resolvers", resolvers.join(", ")),
            ("first", self.dns.address(Resolver::First).to_string()),
            ("second", self.dns.address(Resolver::Second).to_string()),
            ("certificate", self.nginx.port(view.certificate).to_string()),
            ("hsts", self.nginx.port(view.hsts).to_string()),
            ("redirect", self.nginx.port(Site::Redirect).to_string()),
            ("ca", self.nginx.pki().root().display().to_string()),
            ("service", self.service.url()),
            ("prometheus", self.prometheus.url()),
            ("primary", self.pair.url(Role::Primary)),
            ("standby", self.pair.url(Role::Standby)),
            ("backups", view.backups.clone()),
            ("stanza", STANZA.to_owned()),
        ];
        let template = include_str!("../fixtures/launch/ten-kinds.yaml");
        values.iter().fold(template.to_owned(), |text, (name, value)| {
            text.replace(&format!("@{name}@"), value)
        })
    }

    /// `launchgate check`: the exit code and the report.
    fn check(&self, view: &View) -> (Option<i32>, Value) {
        let file = self.folder.write("launch.yaml", &self.launch(view));
        let output = Command::new(env!("CARGO_BIN_EXE_launchgate"))
            .arg("check")
            .arg(file)
            .args(["--format", "json", "--sign", "people/terms=erin,https://minutes.example/42"])
            .output()
            .unwrap();
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), report)
    }

    /// What one check says, once the whole says `exit`.
    fn told(&self, view: &View, check: &str, exit: i32) -> (String, String) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let (code, report) = self.check(view);
            let found = find(&report, check);
            let others: Vec<String> = all(&report)
                .filter(|c| c["id"] != check && c["outcome"] != "pass")
                .map(|c| format!("{}: {}: {}", c["id"], c["outcome"], c["because"]))
                .collect();
            if code == Some(exit) && others.is_empty() {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "no exit {exit} for {check}, but {code:?}: {found:?}; others: {others:#?}"
            );
        }
    }
}

fn all(report: &Value) -> impl Iterator<Item = &Value> {
    let lists = report["checklists"].as_array().into_iter().flatten();
    lists.flat_map(|list| list["checks"].as_array().into_iter().flatten())
}

fn find(report: &Value, check: &str) -> (String, String) {
    let found =
        all(report).find(|c| c["id"] == check).unwrap_or_else(|| panic!("{check} in {report:#}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("because"))
}

#[test]
fn ten_kinds_of_probe_say_go_and_each_real_fault_is_told() {
    let servers =
        ["prometheus", "postgres", "nsd", "unbound", "dnsdist", "nginx", "pgbackrest", "faketime"];
    if !servers.iter().all(|server| need(server)) {
        return;
    }
    let mut world = World::new();
    let good = world.view();
    world.told(&good, "dns/www", 0);
    other_things_have_their_faults(&world, &good);
    things_break_and_are_mended(&mut world, &good);
    without_traffic_there_is_no_share_of_errors(&world, &good);
}

fn other_things_have_their_faults(world: &World, good: &View) {
    // What the launch file looks at is another real thing, with the fault.
    let aged = Repository::aged(50);
    let rows: [(&str, View, &str, &str, &str); 5] = [
        (
            "a resolver with the old record",
            View {
                resolvers: vec![Resolver::First, Resolver::Recursive, Resolver::Stale],
                ..good.clone()
            },
            "dns/www",
            "fail",
            "agreement 66.667% == 100% is false",
        ),
        (
            "a certificate for 89 days",
            View { certificate: Site::Tls(Flavour::Days89), ..good.clone() },
            "tls/certificate",
            "fail",
            "days_left_at_go_live 88d",
        ),
        (
            "a certificate without the name",
            View { certificate: Site::Tls(Flavour::MissingSan), ..good.clone() },
            "tls/certificate",
            "fail",
            "lacks localhost, www.example.test",
        ),
        (
            "no HSTS",
            View { hsts: Site::NoHsts, ..good.clone() },
            "tls/hsts",
            "fail",
            "max_age 0s >= ",
        ),
        (
            "an old backup",
            View { backups: aged.config().display().to_string(), ..good.clone() },
            "data/backup",
            "fail",
            "age 2d2h < 1d2h is false",
        ),
    ];
    for (row, view, check, outcome, because) in rows {
        let told = world.told(&view, check, 1);
        assert_eq!(told.0, outcome, "{row}: {}", told.1);
        assert!(told.1.contains(because), "{row}: {}", told.1);
    }
}

fn things_break_and_are_mended(world: &mut World, good: &View) {
    // The thing itself breaks, and is mended.
    world.folder.write("smoke.sh", "echo \"SMOKE CRITICAL - checkout is down\"; exit 2\n");
    let told = world.told(good, "health/smoke", 1);
    assert_eq!(told, ("fail".to_owned(), "exit_code 2 == 0 is false".to_owned()));
    world.folder.write("smoke.sh", "echo \"SMOKE OK | pages=12\"\n");

    world.pair.freeze_receiver();
    let told = world.told(good, "data/standby", 1);
    assert!(told.1.contains("caught_up 0% == 100% is false"), "{}", told.1);
    world.pair.thaw_receiver();
    world.told(good, "dns/www", 0);

    world.prometheus.stop();
    let told = world.told(good, "health/error-rate", 2);
    assert_eq!(told.0, "unknown");
    assert!(told.1.contains("Connection refused"), "{}", told.1);
    world.prometheus.restart();
    world.told(good, "dns/www", 0);
}

fn without_traffic_there_is_no_share_of_errors(world: &World, good: &View) {
    // Without traffic a share of errors is 0/0, and so no answer: neither 0 % nor a fail.
    world.service.set_traffic(0.0, 0.04);
    poll_until(Duration::from_secs(30), "too few events", || {
        let (code, report) = world.check(good);
        let both = [find(&report, "health/error-rate"), find(&report, "health/errors-direct")];
        let quiet = both.iter().all(|(outcome, because)| {
            outcome == "unknown" && because.contains("events") && because.contains("too few")
        });
        (code == Some(2) && quiet).then_some(())
    });
}
