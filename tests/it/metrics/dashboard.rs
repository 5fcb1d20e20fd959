//! The dashboard, and the rules beside it, against a real Prometheus that scrapes a real daemon: every expression parses,
//! and what it asks for is there.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{PATIENCE, Setting, read, rules};
use crate::rig::process::{Server, TempDir, free_port, need, poll_until, program};

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/launchgate.json")).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

/// The expressions of a dashboard with their panels' titles, as Grafana asks when everything is chosen.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for panel in panels(dashboard) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().unwrap();
            all.push((title.to_owned(), asked(target["expr"].as_str().unwrap())));
        }
    }
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        if let Some(expr) = annotation["expr"].as_str() {
            all.push((annotation["name"].to_string(), asked(expr)));
        }
    }
    all
}

fn asked(expr: &str) -> String {
    let asked = expr.replace("$launch", ".*").replace("$__rate_interval", "1m");
    assert!(!asked.contains('$'), "{asked}: a variable that nobody sets");
    asked
}

/// A Prometheus that scrapes the daemon and judges the rules, once a second each.
struct Scraper {
    _server: Server,
    _folder: TempDir,
    port: u16,
}

impl Scraper {
    fn of(setting: &Setting) -> Self {
        let (address, ca) = (setting.address(), setting.daemon.file("ca.pem"));
        let (folder, port) = (TempDir::new("scraper"), free_port());
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/launchgate.rules.yaml");
        let config = folder.write(
            "prometheus.yml",
            &format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
                 rule_files: ['{}']\n\
                 scrape_configs:\n  - {{job_name: launchgate, scheme: https, tls_config: {{ca_file: '{}'}}, \
                 static_configs: [{{targets: ['{address}']}}]}}\n",
                file.display(),
                ca.display()
            ),
        );
        let mut command = program("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let server = Server::spawn(command, "prometheus", folder.join("prometheus.log"));
        let scraper = Self { _server: server, _folder: folder, port };
        poll_until(PATIENCE, "a Prometheus", || scraper.ask("/api/v1/status/buildinfo", None));
        scraper
    }

    /// What it answers; nothing while it does not.
    fn ask(&self, path: &str, query: Option<&str>) -> Option<Value> {
        let mut curl = program("curl");
        curl.args(["--silent", "--max-time", "10"]);
        if let Some(query) = query {
            curl.args(["--get", "--data-urlencode", &format!("query={query}")]);
        }
        let output = curl.arg(format!("http://127.0.0.1:{}{path}", self.port)).output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    /// How many series an expression gives; it must parse.
    fn series(&self, expr: &str) -> usize {
        let Some(answer) = self.ask("/api/v1/query", Some(expr)) else { return 0 };
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        answer["data"]["result"].as_array().map_or(0, Vec::len)
    }

    /// Waits until every one of these gives a series.
    fn all_give(&self, expressions: &[(String, String)]) {
        let mut open: Vec<&(String, String)> = expressions.iter().collect();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            poll_until(PATIENCE, "a series for each", || {
                open.retain(|(_, expr)| self.series(expr) == 0);
                open.is_empty().then_some(())
            });
        }));
        assert!(found.is_ok(), "nothing for {open:#?}");
    }
}

/// The names of launchgate's metrics that an expression asks for.
fn names(expr: &str) -> BTreeSet<String> {
    let words = expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    words.filter(|w| w.starts_with("launchgate_")).map(str::to_owned).collect()
}

#[test]
fn what_the_dashboard_and_the_rules_ask_for_is_there() {
    if !need("prometheus") || !need("curl") {
        return;
    }
    let setting = Setting::new();
    let scraper = Scraper::of(&setting);
    let asked = expressions(&dashboard());
    assert!(asked.len() > 40, "{} expressions", asked.len());
    scraper.all_give(&asked);
    // Alerts give nothing while all is well; what they look at is there all the same.
    let mut looked_at = BTreeSet::new();
    for rule in rules::rules() {
        looked_at.extend(names(rule["expr"].as_str().unwrap()));
        if let Some(record) = rule["record"].as_str() {
            looked_at.insert(record.to_owned());
        }
    }
    let looked_at: Vec<(String, String)> =
        looked_at.into_iter().map(|name| ("rules".to_owned(), name)).collect();
    scraper.all_give(&looked_at);
    let answer = scraper.ask("/api/v1/rules", None).expect("it answers");
    let groups = answer["data"]["groups"].as_array().unwrap();
    let judged: Vec<&Value> = groups.iter().flat_map(|g| g["rules"].as_array().unwrap()).collect();
    assert_eq!(judged.len(), rules::rules().len());
    for rule in judged {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }
    poll_until(PATIENCE, "the alert of the waiver", || {
        (scraper.series("ALERTS{alertname=\"LaunchgateWaiverEnds\",alertstate=\"firing\"}") == 1)
            .then_some(())
    });
}

#[test]
fn the_dashboard_is_in_order() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64() >= Some(41));
    assert!(dashboard["id"].is_null(), "Grafana numbers what it loads");
    let variables: Vec<&str> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    assert_eq!(variables, ["datasource", "launch"]);
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap_or_default();
        assert!(!title.is_empty() && ids.insert(panel["id"].as_u64().unwrap()), "{panel:#}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{title} is too wide");
        for y in at("y")..at("y") + at("h") {
            for x in at("x")..at("x") + at("w") {
                assert!(cells.insert((x, y)), "{title} lies on another panel");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 10), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        for place in targets.iter().chain([panel]) {
            assert_eq!(place["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    let rows: Vec<&str> = panels(&dashboard)
        .iter()
        .filter(|panel| panel["type"] == "row")
        .filter_map(|panel| panel["title"].as_str())
        .collect();
    let expected = [
        "Answer and countdown",
        "Checklists",
        "Checks",
        "Triggers",
        "Runs and the launch day",
        "Messages and the watch",
        "The daemon",
    ];
    assert_eq!(rows, expected);
}
