//! `go-live.yaml` against real servers: its places are made those of rigs on loopback, its expectations stay as they are.
//! What a rig stands behind gets the outcome that it deserves, before and after things are broken; everything else is
//! unknown, with its reason.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use launchgate::settings::document;
use serde_json::{Value, json};

use super::shop::{HOSTS, Shop};
use super::text;
use crate::rig::alertmanager::Alertmanager;
use crate::rig::haproxy::Haproxy;
use crate::rig::pgbackrest::{Repository, STANZA};
use crate::rig::postgres::{Pair, Role};
use crate::rig::process::{TempDir, free_port, need};
use crate::rig::prometheus::{Prometheus, Series};
use crate::rig::service::Service;

const PATIENCE: Duration = Duration::from_secs(30);

/// What the launch file looks at.
struct World {
    shop: Shop,
    pair: Pair,
    service: Service,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    /// Where drills arrive.
    drills: u16,
    haproxy: Haproxy,
    backups: Repository,
    folder: TempDir,
}

/// Routes as a team would have them, with one for drills, which calls this port.
fn routes(drills: u16) -> String {
    format!(
        "route:\n  receiver: chat\n  routes:\n  \
         - {{ matchers: ['drill=~\".+\"'], receiver: launchgate, group_wait: 100ms, group_by: [drill] }}\n  \
         - {{ matchers: ['severity=\"critical\"'], receiver: pager }}\n\
         receivers:\n- {{ name: chat }}\n- {{ name: pager, webhook_configs: [{{ url: 'http://127.0.0.1:1/' }}] }}\n\
         - {{ name: launchgate, webhook_configs: [{{ url: 'http://127.0.0.1:{drills}/' }}] }}\n"
    )
}

const SCRIPTS: [(&str, &str); 8] = [
    ("try-migration.sh", "echo \"$1 on a copy\""),
    ("verify-migration.sh", "echo sound"),
    ("live-keys.sh", "echo '{\"present\": [\"payments\", \"mail\"], \"missing\": []}'"),
    ("integration-tests.sh", "echo 1..5; for i in 1 2 3 4 5; do echo ok $i; done"),
    (
        "smoke-tests.sh",
        "echo 1..12; for i in 1 2 3 4 5 6 7 8 9 10 11; do echo ok $i; done\n\
        if test -e broken; then echo not ok 12 - pay; exit 1; else echo ok 12; fi",
    ),
    (
        "last-restore.sh",
        "echo \"{\\\"restored_at\\\": \\\"$(date -u +%FT%TZ)\\\", \\\"verified\\\": true}\"",
    ),
    ("rollback.sh", "echo back"),
    ("migrate-down.sh", "echo down"),
];

const FLAGS: [&str; 5] =
    ["new-checkout", "gift-cards", "price-test", "stop-new-checkout", "stop-gift-cards"];

impl World {
    fn start() -> Self {
        let service = Service::start();
        let prometheus = Prometheus::start(&[("shop", service.address())]);
        let shop = Shop::start();
        let folder = TempDir::new("go-live");
        folder.folder("scripts");
        folder.folder("before");
        for (name, script) in SCRIPTS {
            folder.write(&format!("scripts/{name}"), &format!("{script}\n"));
        }
        folder.write("flags.json", &flags(None));
        let pair = Pair::start_with(|_| "archive_mode = on\narchive_command = 'true'\n".to_owned());
        pair.execute(
            Role::Primary,
            "create table orders (id int); create table order_lines (order_id int)",
        );
        pair.execute(
            Role::Primary,
            "insert into orders values (1); insert into order_lines values (1)",
        );
        let haproxy = Haproxy::start(&[shop.ports.instance; 3]);
        let drills = free_port();
        let world = Self {
            pair,
            prometheus,
            service,
            alertmanager: Alertmanager::start(&routes(drills)),
            drills,
            haproxy,
            backups: Repository::fresh(),
            shop,
            folder,
        };
        world.remember();
        world.snapshot();
        world
    }

    /// The past that trends and spikes are told from.
    fn remember(&self) {
        let now = jiff::Timestamp::now().as_millisecond();
        let each = |minutes: i64, value: &dyn Fn(i64) -> f64| -> Vec<(f64, i64)> {
            (0..=minutes).rev().map(|ago| (value(ago), now - ago * 60_000)).collect()
        };
        let noise = |ago: i64| f64::from(i32::try_from(ago * 7 % 5).expect("it is below five"));
        let probes = each(5, &|_| 1.0);
        let connections = each(120, &|ago| 20.0 + noise(ago));
        let cpu = each(130, &|ago| {
            let seconds = f64::from(i32::try_from((130 - ago) * 60).expect("hours"));
            seconds * 0.5 + noise(ago)
        });
        let used = each(5, &|_| 12.0);
        let size = each(5, &|_| 40.0);
        let asked = each(15, &|ago| f64::from(i32::try_from((15 - ago) * 600).expect("minutes")));
        let hits = each(15, &|ago| f64::from(i32::try_from((15 - ago) * 570).expect("minutes")));
        let memory = each(360, &|ago| 5e8 + 1e6 * noise(ago));
        let began = each(360, &|_| 1_700_000_000.0);
        let shop = |samples: &Vec<(f64, i64)>, name, more: Vec<(&'static str, &'static str)>| {
            Series { name, labels: more, samples: samples.clone() }
        };
        let job = |job| vec![("job", job)];
        let mut series = vec![
            shop(&probes, "probe_success", job("synthetic")),
            shop(&connections, "pg_stat_activity_count", vec![("datname", "shop")]),
            shop(&cpu, "process_cpu_seconds_total", job("postgres")),
            shop(&used, "db_pool_used", job("shop")),
            shop(&size, "db_pool_size", job("shop")),
            shop(&asked, "cache_requests_total", job("shop")),
            shop(&hits, "cache_hits_total", job("shop")),
        ];
        for instance in ["web1", "web2", "web3"] {
            let labels = || vec![("job", "shop"), ("instance", instance)];
            series.push(shop(&memory, "process_resident_memory_bytes", labels()));
            series.push(shop(&began, "process_start_time_seconds", labels()));
        }
        self.prometheus.remote_write(&series);
    }

    /// What the file asks for before the cutover: the zone's records, on file.
    fn snapshot(&self) {
        let output = Command::new(env!("CARGO_BIN_EXE_launchgate"))
            .args(["snapshot", "dns", "--server", &self.shop.zone.address().to_string()])
            .args([
                "--name",
                "shop.example",
                "--name",
                "www.shop.example",
                "--name",
                "api.shop.example",
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.folder.write("before/dns.zone", &String::from_utf8_lossy(&output.stdout));
    }

    /// The launch file, with places of this world.
    fn launch(&self) -> Value {
        let mut launch = document::value(&text("go-live.yaml")).unwrap();
        let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
        launch["go_live"] = json!(day.strftime("%Y-%m-%dT%H:%M:%S[UTC]").to_string());
        let (ports, api) = (self.shop.ports, self.shop.api.url());
        let zone = self.shop.zone.address().to_string();
        let secure = |host: &str| format!("https://{host}:{}", ports.secure);
        merge(
            &mut launch["vars"],
            json!({
                "site": secure("shop.example"),
                "asset": secure("static.shop.example") + "/app.3f2a1c.js",
                "load_balancer": HOSTS[0],
                "api_load_balancer": HOSTS[0],
                "resolvers": [zone],
                "prometheus": self.prometheus.url(),
                "ci": format!("{api}/ci"),
                "status_api": format!("{api}/status"),
            }),
        );
        let nowhere = format!("http://127.0.0.1:{}", ports.closed);
        launch["vantages"] = json!({
            "europe": { "proxy": nowhere }, "america": { "proxy": nowhere },
            "rig": { "resolvers": [zone] },
        });
        let places = self.places();
        for (list, check, value) in checks(&mut launch) {
            let kind = value["probe"].as_str().unwrap_or_default().to_owned();
            // Names are those of the shop's zone, and of nobody else's.
            if !["sign_off", "rehearsal"].contains(&&*kind) && value.get("from").is_none() {
                value["from"] = json!("rig");
            }
            let usual = match &*kind {
                "dns" | "dns_snapshot" => json!({ "name_servers": [zone] }),
                "dns_propagation" => {
                    json!({ "name_servers": [zone], "resolvers": { "core": [zone] } })
                }
                "http" | "cdn" => json!({ "ca_file": self.shop.root }),
                "backup" => {
                    let config = self.backups.config();
                    let wal = &value["with"]["pgbackrest"]["wal"];
                    json!({ "pgbackrest": { "stanza": STANZA, "config": config, "wal": wal == true } })
                }
                "mail_auth" => json!({ "resolvers": [zone] }),
                _ => json!({}),
            };
            merge(&mut value["with"], usual);
            if let Some(place) = places.get(&*format!("{list}/{check}")) {
                merge(&mut value["with"], place.clone());
            }
        }
        launch
    }

    /// Settings that say where, by check.
    fn places(&self) -> BTreeMap<&'static str, Value> {
        let ports = self.shop.ports;
        let (api, root) = (self.shop.api.url(), &self.shop.root);
        let tls = json!({ "address": HOSTS[0], "port": ports.secure, "ca_file": root });
        let healthz = json!({
            "url": format!("http://shop.example:{}/healthz", ports.instance), "addresses": HOSTS,
        });
        let flags = json!({ "flagd": { "file": "flags.json" } });
        let password = self.haproxy.password("right");
        BTreeMap::from([
            ("infrastructure/provisioned", json!({ "command": ["./no-such-tool"] })),
            (
                "infrastructure/load-balancer",
                json!({ "haproxy": {
                    "url": self.haproxy.url(), "backend": "shop",
                    "basic": { "user": "ops", "password": { "file": password } },
                } }),
            ),
            ("infrastructure/instances", healthz.clone()),
            ("cutover/new-version", healthz),
            ("dns/www", json!({ "url": format!("https://www.shop.example:{}/", ports.secure) })),
            ("certificates/certificate", tls.clone()),
            ("certificates/certificate-api", tls.clone()),
            ("certificates/grade", tls),
            (
                "certificates/plain-http",
                json!({
                    "url": format!("http://shop.example:{}/cart?id=7", ports.plain),
                    "https_port": ports.secure, "ca_file": root,
                }),
            ),
            (
                "certificates/hsts",
                json!({ "port": ports.secure, "http_port": ports.plain, "ca_file": root }),
            ),
            ("cdn/cached", json!({ "origin": format!("{}:{}", HOSTS[0], ports.closed) })),
            ("flags/off", flags.clone()),
            ("flags/kill-switches", flags),
            ("integrations/webhooks", json!({ "url": format!("{api}/hooks") })),
            (
                "monitoring/alert-routes",
                json!({ "source": { "kind": "alertmanager", "url": self.alertmanager.url() } }),
            ),
            (
                "monitoring/drill",
                json!({
                    "source": { "kind": "alertmanager", "url": self.alertmanager.url() },
                    "listen": format!("127.0.0.1:{}", self.drills),
                }),
            ),
            ("monitoring/dashboard", json!({ "url": format!("{api}/dashboard") })),
            ("monitoring/logs", json!({ "url": format!("{api}/logs") })),
            ("monitoring/traces", json!({ "url": format!("{api}/traces") })),
            ("backups/disks", json!({ "paths": ["."] })),
        ])
    }

    /// `launchgate check`: what each check that has an answer says, and what each without one says.
    fn check(&self) -> BTreeMap<String, (String, String)> {
        let file = self.folder.write("go-live.yaml", &self.launch().to_string());
        let output = Command::new(env!("CARGO_BIN_EXE_launchgate"))
            .args(["check", "--format", "json"])
            .arg(file)
            .env("PRIMARY_DATABASE_URL", self.pair.url(Role::Primary))
            .env("STANDBY_DATABASE_URL", self.pair.url(Role::Standby))
            .env("PAYMENTS_AUTHORIZATION", "Bearer y")
            .env("GRAFANA_AUTHORIZATION", "Bearer x")
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let lists = report["checklists"].as_array().into_iter().flatten();
        let all = lists.flat_map(|list| list["checks"].as_array().into_iter().flatten());
        let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
        all.map(|c| (text(c, "id"), (text(c, "outcome"), text(c, "because")))).collect()
    }
}

/// Flags as flagd has them: all off but one.
fn flags(on: Option<&str>) -> String {
    let definition = |flag: &str| {
        let default = if on == Some(flag) { "on" } else { "off" };
        let (on, off) = if flag == "price-test" {
            (json!("half"), json!("control"))
        } else {
            (json!(true), json!(false))
        };
        json!({ "state": "ENABLED", "variants": { "on": on, "off": off }, "defaultVariant": default })
    };
    let all: serde_json::Map<_, _> =
        FLAGS.iter().map(|flag| ((*flag).to_owned(), definition(flag))).collect();
    json!({ "flags": all }).to_string()
}

/// Sets entries of an object; `null` takes one away.
fn merge(into: &mut Value, what: Value) {
    let (Some(into), Value::Object(what)) = (into.as_object_mut(), what) else { return };
    for (key, value) in what {
        if value.is_null() {
            into.remove(&key);
        } else {
            into.insert(key, value);
        }
    }
}

/// Every check of a launch file, by checklist and name.
fn checks(launch: &mut Value) -> impl Iterator<Item = (String, String, &mut Value)> {
    let lists = launch["checklists"].as_object_mut().into_iter().flatten();
    lists.flat_map(|(list, value)| {
        let checks = value["checks"].as_object_mut().into_iter().flatten();
        checks.map(move |(check, value)| (list.clone(), check.clone(), value))
    })
}

/// What passes while everything is whole, by checklist.
const GOOD: [(&str, &str); 12] = [
    ("backups", "archive restored"),
    ("cdn", "cached distribution firewall for-a-year origin"),
    ("certificates", "certificate certificate-api grade hsts plain-http"),
    ("cutover", "data integrity new-version propagated"),
    ("dns", "apex api failover old-records regions www"),
    ("final", "fresh-backup maintenance-announced pipeline smoke-staging"),
    ("flags", "kill-switches off"),
    ("health", "database-connections database-cpu error-rate p99"),
    ("infrastructure", "assets instances load-balancer standby"),
    ("integrations", "live-keys mail smoke webhooks"),
    ("migration", "data-before down-migration idempotent integrity-script"),
    ("watch", "cache-hits error-rate memory p99 pool"),
];
const GOOD_PAGES: [(&str, &str); 3] = [
    ("legal", "linked privacy terms"),
    ("monitoring", "dashboard data drill logs synthetic traces"),
    ("smoke", "checkout tests"),
];
/// What fails, since the rig is not as the launch file wants it.
const BAD: [(&str, &str); 4] = [
    ("backups/point-in-time", "pitr_from"),
    ("dns/low-ttl", "low_ttl_in_force is false"),
    ("monitoring/alert-routes", "alertmanagers 0 >= 1 is false"),
    ("monitoring/alert-rules", "missing 2 == 0 is false"),
];
/// What fails once things are broken, and why.
const BROKEN: [(&str, &str); 10] = [
    ("cutover/data", "orphans 1 == 0 is false"),
    ("final/maintenance-announced", "coming 0 >= 1 is false"),
    ("flags/kill-switches", "all_off is false"),
    ("health/error-rate", "< 1% is false"),
    ("infrastructure/load-balancer", "all_healthy is false"),
    ("infrastructure/standby", "caught_up 0% == 100% is false"),
    ("integrations/live-keys", "missing 1 == 0 is false"),
    ("migration/data-before", "orphans 1 == 0 is false"),
    ("smoke/tests", "failed 1 == 0 is false"),
    ("watch/error-rate", "< 1% is false"),
];

/// What still has an answer when no name leads anywhere, and Prometheus and the primary are gone: it asks addresses, files
/// and scripts.
const STILL: [(&str, &str); 10] = [
    ("backups", "point-in-time restored"),
    ("certificates", "certificate certificate-api grade hsts plain-http"),
    ("cutover", "integrity new-version"),
    ("final", "fresh-backup maintenance-announced pipeline smoke-staging"),
    ("flags", "kill-switches off"),
    ("infrastructure", "instances load-balancer"),
    ("integrations", "live-keys smoke webhooks"),
    ("migration", "down-migration idempotent integrity-script"),
    ("monitoring", "dashboard drill logs traces"),
    ("smoke", "tests"),
];

type Told = BTreeMap<String, (String, String)>;

fn good() -> Vec<String> {
    let lists = GOOD.iter().chain(&GOOD_PAGES);
    lists
        .flat_map(|(list, checks)| checks.split(' ').map(move |check| format!("{list}/{check}")))
        .collect()
}

/// Whether the good ones pass but for those that `fail`, the bad ones fail, and the rest is unknown for a reason.
fn wrong(told: &Told, fail: &[(&str, &str)]) -> Vec<String> {
    let good = good();
    let expected = |id: &str| {
        let bad = fail.iter().chain(&BAD).find(|(bad, _)| *bad == id);
        match bad {
            Some((_, why)) => ("fail", *why),
            None if good.iter().any(|good| good == id) => ("pass", ""),
            None => ("unknown", ""),
        }
    };
    let is = |(id, (outcome, because)): &(&String, &(String, String))| {
        let (wanted, why) = expected(id);
        outcome == wanted && because.contains(why) && !because.is_empty()
    };
    let not = told.iter().filter(|one| !is(one));
    not.map(|(id, (outcome, because))| format!("{id}: {outcome}: {because}")).collect()
}

impl World {
    /// Looks again until everything is as it should be.
    fn is_told(&self, when: &str, fail: &[(&str, &str)]) -> Told {
        let mut left = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let told = self.check();
            left = wrong(&told, fail);
            if left.is_empty() {
                return told;
            }
        }
        panic!("{when}:\n{}", left.join("\n"))
    }

    fn break_things(&self) {
        self.pair.execute(Role::Primary, "insert into order_lines values (404)");
        self.pair.pause_replay();
        self.service.set_errors(0.5);
        self.shop.announced.store(false, Ordering::Release);
        self.haproxy.command("disable server shop/web2");
        self.folder.write("flags.json", &flags(Some("stop-gift-cards")));
        self.folder.write("broken", "");
        let keys = "echo '{\"present\": [\"payments\", \"mail\"], \"missing\": [\"tax\"]}'\n";
        self.folder.write("scripts/live-keys.sh", keys);
    }
}

#[test]
fn what_rigs_stand_behind_is_judged_and_the_rest_is_unknown() {
    let servers = [
        "nsd",
        "nginx",
        "postgres",
        "prometheus",
        "prometheus-alertmanager",
        "haproxy",
        "pgbackrest",
        "openssl",
        "curl",
    ];
    if !servers.iter().all(|server| need(server)) {
        return;
    }
    let mut world = World::start();
    let whole = world.is_told("whole", &[]);
    let count = |told: &Told, outcome: &str| told.values().filter(|(o, _)| o == outcome).count();
    assert_eq!(count(&whole, "pass"), good().len(), "each of the good ones is there");
    assert_eq!(count(&whole, "fail"), BAD.len());

    world.break_things();
    let broken = world.is_told("broken", &BROKEN);
    assert_eq!(count(&broken, "fail"), BAD.len() + BROKEN.len());

    // Names lead nowhere, and nobody has numbers any more.
    world.shop.zone.freeze();
    world.prometheus.stop();
    world.pair.stop(Role::Primary);
    let gone = world.check();
    let judged = gone.iter().filter(|(_, (outcome, _))| outcome != "unknown");
    let judged: Vec<&str> = judged.map(|(id, _)| id.as_str()).collect();
    let still = STILL
        .iter()
        .flat_map(|(list, checks)| checks.split(' ').map(move |check| format!("{list}/{check}")));
    assert_eq!(judged, still.collect::<Vec<_>>());
    println!(
        "of {} checks {} pass on rigs and {} fail; {} fail once broken; {} still have an answer when names and numbers are gone",
        whole.len(),
        count(&whole, "pass"),
        count(&whole, "fail"),
        count(&broken, "fail"),
        judged.len()
    );
}
