//! The `alert_rules` probe, and `alerts`, against a real Prometheus with rules: as they were written, changed, broken, dead.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_probes::Context;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::rig::process::{TempDir, need, poll_until};
use crate::rig::prometheus::Prometheus;
use crate::rig::service::Service;

/// What runs: every rule of the files below, each in its way.
const LOADED: &str = "
groups:
- name: shop
  rules:
  - { alert: AsWritten, expr: 'sum by (job) (rate(scrape_duration_seconds[1m])) > 1e6', for: 5m, labels: { severity: page } }
  - { alert: OtherLimit, expr: up == 2, for: 5m }
  - { alert: Impatient, expr: up == 0, for: 10s }
  - { alert: Dead, expr: 'no_such_metric_total > 1' }
  - { alert: Missed, expr: 'absent(no_such_metric_total)', labels: { severity: info } }
  - { alert: Broken, expr: 'up * on (instance) group_left () {__name__=~\"up|scrape_duration_seconds\"} > 9e9' }
  - { alert: Watchdog, expr: vector(1) }
- name: rare
  interval: 3s
  rules:
  - { alert: Rare, expr: up == 0 }
";

/// As `LOADED` has it, written by hand in another way.
const SAME: &str = "
spec:
  groups:
  - name: shop
    rules:
    - alert: AsWritten
      expr: |
        sum(rate(scrape_duration_seconds[60s]))
          by (job) > 1000000
      for: 300s
      labels: { severity: page }
";

const OTHER: &str = "
groups:
- name: shop
  rules:
  - { alert: OtherLimit, expr: up == 0, for: 5m }
  - { alert: Impatient, expr: up == 0, for: 5m }
  - { alert: Watchdog, expr: vector(1), labels: { severity: none } }
- name: elsewhere
  rules:
  - { alert: Rare, expr: up == 0 }
  - { alert: Forgotten, expr: up == 0 }
";

const NONE: &str = "groups: [{ name: shop, rules: [{ alert: AsWritten, expr: 'sum(' }] }]";

struct World {
    prometheus: Prometheus,
    _service: Service,
    folder: TempDir,
}

impl World {
    fn start() -> Self {
        let service = Service::start();
        let prometheus = Prometheus::with_rules(&[("shop", service.address())], LOADED);
        let folder = TempDir::new("rules");
        for (name, text) in
            [("same.yaml", SAME), ("other.yaml", OTHER), ("none.yaml", NONE), ("no.yaml", "a: b")]
        {
            folder.write(name, text);
        }
        Self { prometheus, _service: service, folder }
    }

    async fn look(&self, kind: &str, settings: Value) -> Result<Readings, Failure> {
        let mut settings = settings;
        settings["source"] = json!({ "kind": "prometheus", "url": self.prometheus.url() });
        let probe = launchgate_probes::builtin().build(kind, settings).expect("settings");
        let folder = self.folder.path().to_owned();
        probe.observe(&Context::new(Duration::from_secs(5), Timestamp::now(), None, folder)).await
    }
}

impl World {
    /// The first look that brings readings, of which this holds.
    fn until(
        &self,
        what: &str,
        kind: &str,
        settings: &Value,
        wanted: impl Fn(&Value) -> bool,
    ) -> Readings {
        poll_until(Duration::from_secs(30), what, || {
            let asked = self.look(kind, settings.clone());
            let seen = block_in_place(|| Handle::current().block_on(asked)).ok()?;
            wanted(&shown(&seen)).then_some(seen)
        })
    }
}

/// The readings as JSON, each number, flag and text as it is.
fn shown(readings: &Readings) -> Value {
    let values = serde_json::to_value(&readings.values).expect("readings are JSON");
    let plain = |value: &Value| value.as_object().and_then(|typed| typed.values().next()).cloned();
    let values = values.as_object().expect("an object").iter();
    values.map(|(name, value)| (name.clone(), plain(value).unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_as_written_changed_broken_dead_or_not_there() {
    if !(need("prometheus") && need("curl")) {
        return;
    }
    let mut world = World::start();
    // The first scrape and the first evaluations take some seconds.
    world.until(
        "evaluated rules",
        "alert_rules",
        &json!({ "alerts": ["AsWritten", "Watchdog"] }),
        |seen| seen["late"] == 0.0 && seen["dead"] == 0.0 && seen["firing"] == 1.0,
    );

    let good =
        world.look("alert_rules", json!({ "files": ["same.yaml"], "alerts": ["Watchdog"] })).await;
    let good = shown(&good.expect("it answers"));
    let expected = json!({ "rules": 2.0, "missing": 0.0, "different": 0.0, "unhealthy": 0.0, "late": 0.0, "dead": 0.0, "names": [] });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&good[name], value, "{name}: {good}");
    }
    assert!(good["evaluated_ago"].as_f64().is_some_and(|ago| ago < 5.0), "{good}");

    let bad =
        world.look("alert_rules", json!({ "files": ["other.yaml"] })).await.expect("it answers");
    let told: Vec<(String, String)> =
        bad.parts.iter().map(|p| (p.subject.clone(), p.says.clone())).collect();
    let said = |subject: &str| {
        &told.iter().find(|(s, _)| s == subject).unwrap_or_else(|| panic!("{told:?}")).1
    };
    assert!(said("shop/OtherLimit").contains("is loaded as up == 2"), "{told:?}");
    assert!(said("shop/Impatient").contains("`for` is 10s, not 5m"), "{told:?}");
    assert!(
        said("shop/Watchdog").contains("the label severity is missing, not `none`"),
        "{told:?}"
    );
    assert!(said("elsewhere/Rare").contains("stands in the group rare"), "{told:?}");
    assert_eq!(said("elsewhere/Forgotten"), "is not loaded");
    let bad = shown(&bad);
    assert_eq!((&bad["missing"], &bad["different"]), (&json!(1.0), &json!(4.0)), "{bad}");

    let three = json!({ "alerts": ["Dead", "Missed", "Broken"] });
    let dead = world.until("a broken rule", "alert_rules", &three, |seen| seen["unhealthy"] == 1.0);
    assert!(dead.parts[0].says.contains("no series of no_such_metric_total"), "{:?}", dead.parts);
    assert!(dead.parts[2].says.contains("cannot be evaluated"), "{:?}", dead.parts);
    let dead = shown(&dead);
    assert_eq!(
        (&dead["dead"], &dead["unhealthy"], &dead["firing"]),
        (&json!(1.0), &json!(1.0), &json!(1.0)),
        "{dead}"
    );

    let refused =
        world.look("alert_rules", json!({ "files": ["none.yaml"] })).await.expect("it answers");
    assert!(refused.parts[0].says.contains("its expression is none"), "{:?}", refused.parts);

    for file in ["no.yaml", "absent.yaml"] {
        let unknown = world.look("alert_rules", json!({ "files": [file] })).await.expect_err(file);
        assert_eq!(unknown.cause, Cause::ProbeError, "{unknown}");
    }
    world.prometheus.stop();
    let gone =
        world.look("alert_rules", json!({ "files": ["same.yaml"] })).await.expect_err("it is gone");
    assert_eq!(gone.cause, Cause::Refused, "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_with_rules_says_what_fires_and_what_soon_will() {
    if !(need("prometheus") && need("curl")) {
        return;
    }
    let world = World::start();
    let alerts = |select: &str| json!({ "select": [select], "watchdog": "Watchdog" });
    let all = alerts("severity=~\".+\"");
    let fires = shown(&world.until("an alert", "alerts", &all, |seen| seen["firing"] == 1.0));
    assert_eq!(fires["names"], json!(["Missed"]), "{fires}");
    let quiet =
        shown(&world.until("all rules at work", "alerts", &alerts("severity=page"), |_| true));
    assert_eq!((&quiet["firing"], &quiet["broken_rules"]), (&json!(0.0), &json!(0.0)), "{quiet}");
    // Nothing fires among these, but one that matters cannot.
    let partial = poll_until(Duration::from_secs(10), "a broken rule", || {
        let asked =
            world.look("alerts", json!({ "select": ["severity!=info"], "watchdog": "Watchdog" }));
        block_in_place(|| Handle::current().block_on(asked)).err()
    });
    assert_eq!(partial.cause, Cause::Partial, "{partial}");
    let blind =
        world.look("alerts", json!({ "watchdog": "Deadman" })).await.expect_err("no watchdog");
    assert_eq!(blind.cause, Cause::NoData, "{blind}");
}
