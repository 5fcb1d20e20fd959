//! `/metrics` and its table in the docs are one, and Prometheus' own linter finds no fault with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use super::{Metric, Setting, read, settled};
use crate::rig::process::{need, program};

/// The table: a metric with its type and labels.
fn documented() -> BTreeMap<String, Metric> {
    let page = read("docs/operating.md");
    let mut all = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> =
            line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let [name, kind, labels, meaning] = cells[..] else { continue };
        if !["gauge", "counter", "histogram", "info"].contains(&kind) {
            continue;
        }
        assert!(!meaning.is_empty(), "{name} means nothing");
        let labels: BTreeSet<String> =
            labels.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let metric = Metric { kind: kind.to_owned(), labels, samples: 0 };
        assert!(all.insert(name.trim_matches('`').to_owned(), metric).is_none(), "{name} twice");
    }
    all
}

/// The exposition in Prometheus' older text format, which is what its linter reads.
fn as_text(openmetrics: &str) -> String {
    let mut text = String::new();
    for line in openmetrics.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT")) {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        let renamed = match words[..] {
            ["#", "TYPE", name, "counter"] => format!("# TYPE {name}_total counter"),
            ["#", "TYPE", name, "info"] => format!("# TYPE {name}_info gauge"),
            ["#", "HELP", name, help] => {
                let suffix = ["counter", "info"]
                    .into_iter()
                    .find(|kind| openmetrics.contains(&format!("# TYPE {name} {kind}\n")));
                let suffix =
                    suffix.map_or("", |kind| if kind == "info" { "_info" } else { "_total" });
                format!("# HELP {name}{suffix} {help}")
            }
            _ => line.to_owned(),
        };
        writeln!(text, "{renamed}").unwrap();
    }
    text
}

#[test]
fn every_metric_is_documented_and_passes_the_linter() {
    if !need("curl") || !need("promtool") {
        return;
    }
    let setting = Setting::new();
    let told = documented();
    let (text, exposed) = settled(&setting, &told.keys().cloned().collect());
    let is_so = |(name, metric): &(&String, &Metric)| {
        told.get(*name).is_some_and(|t| (&t.kind, &t.labels) == (&metric.kind, &metric.labels))
    };
    let untold: Vec<String> = exposed
        .iter()
        .filter(|metric| !is_so(metric))
        .map(|(name, metric)| {
            let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
            format!("| `{name}` | {} | {} | ... |", metric.kind, labels.join(", "))
        })
        .collect();
    assert!(untold.is_empty(), "docs/operating.md does not say:\n{}", untold.join("\n"));

    let mut linter = program("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    linter.stdin.take().unwrap().write_all(as_text(&text).as_bytes()).unwrap();
    let said = linter.wait_with_output().unwrap();
    let words = [said.stdout, said.stderr].concat();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&words));
}
