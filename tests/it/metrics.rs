//! What the daemon measures, from a real one that serves a launch with something of everything: that it stands in the
//! docs, that the docs tell of nothing else, and that what is shipped for Prometheus and Grafana can be had from it.

mod dashboard;
mod documented;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::{Timestamp, ToSpan as _};

use crate::rig::daemon::Daemon;
use crate::rig::process::{free_port, poll_until, program, run};
use crate::rig::service::Service;

const PATIENCE: Duration = Duration::from_secs(60);

/// A file of the repository.
fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A launch two hours before its go-live, in which something passes, fails, is waived, unsigned and unknown, and whose
/// channel takes no messages.
fn launch(service: &str, closed: u16) -> String {
    let go_live = Timestamp::now().checked_add(2.hours()).expect("it is not the end of time");
    format!(
        r#"
launch: shop
title: Shop
type: release
version: "2.4"
previous_version: "2.3"
go_live: {go_live:.0}[UTC]
window: 4h
people: {{ incident_commander: [alice], technical_lead: [alice] }}
channels: {{ room: {{ kind: webhook, url: "http://127.0.0.1:{closed}/" }} }}
announcements:
  - {{ on: deploy_started, to: [room], message: "It begins" }}
checklists:
  front:
    title: The front door
    due: T-0
    checks:
      answers:
        title: The site answers
        probe: http
        with: {{ url: "{service}/healthz" }}
        expect: ["status == 200"]
        every: 1s
      gone:
        title: A site that is not there
        probe: http
        with: {{ url: "http://127.0.0.1:{closed}/" }}
        expect: ["status == 200"]
        every: 1s
      missing:
        title: A page that is not there
        probe: http
        with: {{ url: "{service}/nope" }}
        expect: ["status == 200"]
        every: 1s
      agreed: {{ title: We want this, probe: sign_off, with: {{ by: incident_commander }} }}
  after:
    title: The days after
    due: T+7d
    checks:
      answers:
        title: The site answers
        probe: http
        with: {{ url: "{service}/healthz" }}
        expect: ["status == 200"]
        every: 1s
triggers:
  broken: {{ watch: {{ check: front/answers, breach: "status >= 500" }}, for: 30s, mode: act, run: rollback, arm_delay: 0s }}
  breached: {{ watch: {{ check: front/missing, breach: "status >= 400" }}, for: 10m, mode: suggest, run: rollback, arm_delay: 0s, preexisting: fire }}
watch:
  - {{ until: H+4h, every: 30m, to: [room] }}
  - {{ until: T+7d }}
procedures:
  launch-day:
    purpose: launch
    steps:
      - {{ step: started, do: milestone, at: "H+0:00", with: {{ milestone: deploy_started }} }}
      - {{ step: live, do: milestone, with: {{ milestone: live }} }}
      - {{ step: look, do: manual, owner: technical_lead, with: {{ instructions: "Look at it" }}, timeout: 30d }}
  rollback:
    steps:
      - {{ step: revert, do: manual, with: {{ instructions: "Bring it back" }} }}
"#
    )
}

/// A daemon under way with that launch.
struct Setting {
    daemon: Daemon,
    _service: Service,
}

impl Setting {
    fn new() -> Self {
        let service = Service::start();
        let mut daemon = Daemon::of(&launch(&service.url(), free_port()));
        daemon.secure();
        daemon.start();
        let setting = Self { daemon, _service: service };
        for order in [
            &["waive", "front/missing", "--until", "40m", "--reason", "not today"][..],
            &["decide", "no-go", "--note", "not yet"],
            &["run", "start", "launch-day"],
            &["trigger", "hold", "broken", "--for", "1h", "--reason", "we look"],
        ] {
            setting.daemon.order(&[order, &["--as", "alice"]].concat());
        }
        setting
    }

    /// Where it listens, as it says itself.
    fn address(&self) -> String {
        let log = self.daemon.log();
        let (_, rest) = log.rsplit_once("https://").expect("it says where it listens");
        rest.split('/').next().unwrap_or_default().to_owned()
    }

    fn metrics(&self) -> String {
        let url = format!("https://{}/metrics", self.address());
        run(program("curl")
            .args(["--silent", "--show-error", "--fail", "--max-time", "10", "--cacert"])
            .arg(self.daemon.file("ca.pem"))
            .arg(url))
    }
}

/// A metric as it is exposed: under the name that one asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Metric {
    kind: String,
    labels: BTreeSet<String>,
    samples: usize,
}

/// The metrics of an exposition, by name.
fn metrics(text: &str) -> BTreeMap<String, Metric> {
    let mut all: BTreeMap<String, Metric> = BTreeMap::new();
    let mut at = (String::new(), String::new());
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').expect("a name and a type");
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            at = (name.to_owned(), format!("{name}{suffix}"));
            kind.clone_into(&mut all.entry(at.1.clone()).or_default().kind);
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&at.0), "{line} under {}", at.0);
            let metric = all.get_mut(&at.1).expect("it has its type");
            metric.samples += 1;
            let labels = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
            let names = labels.into_iter().flat_map(|(labels, _)| labels.split("\","));
            let names = names.filter_map(|label| label.split('=').next());
            metric.labels.extend(names.filter(|name| *name != "le").map(str::to_owned));
        }
    }
    all
}

/// Waits until each of these metrics has a series, and gives all that there are.
fn settled(setting: &Setting, wanted: &BTreeSet<String>) -> (String, BTreeMap<String, Metric>) {
    let mut empty: Vec<String> = Vec::new();
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        poll_until(PATIENCE, "a series of every metric", || {
            let text = setting.metrics();
            let all = metrics(&text);
            let is_there = |name: &&String| all.get(*name).is_some_and(|m| m.samples > 0);
            empty = wanted.iter().filter(|name| !is_there(name)).cloned().collect();
            empty.is_empty().then_some((text, all))
        })
    }));
    found.unwrap_or_else(|_| panic!("no series of {empty:?}:\n{:#}", setting.daemon.report()))
}
