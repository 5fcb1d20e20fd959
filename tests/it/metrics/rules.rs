//! The alert rules: Prometheus reads them, their own tests hold, and each says what it means and where to read on.

use std::path::Path;
use std::process::Command;

use launchgate::settings::document;
use serde_json::Value;

use super::read;
use crate::rig::process::{need, program};

const RULES: &str = "deploy/prometheus/launchgate.rules.yaml";
const TESTS: &str = "deploy/prometheus/launchgate.rules.test.yaml";
const PAGE: &str = "docs/alerting.md";

/// Every rule of the file.
pub(super) fn rules() -> Vec<Value> {
    let file = document::value(&read(RULES)).unwrap_or_else(|flaw| panic!("{RULES}: {flaw:?}"));
    let groups = file["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn promtool(what: &str, file: &str) {
    let mut command: Command = program("promtool");
    command.args([what, "rules"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn prometheus_reads_the_rules_and_their_tests_hold() {
    if !need("promtool") {
        return;
    }
    promtool("check", RULES);
    promtool("test", TESTS);
}

#[test]
fn every_alert_says_what_it_means_and_is_tested() {
    let (page, tests) = (read(PAGE), read(TESTS));
    let mut named = Vec::new();
    for rule in rules() {
        let Some(name) = rule["alert"].as_str() else { continue };
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "warning")), "{name}: {severity:?}");
        for text in ["summary", "description"] {
            let text = rule["annotations"][text].as_str().unwrap_or_default();
            assert!(text.len() > 20, "{name}: {text}");
        }
        let link = rule["annotations"]["runbook_url"].as_str().unwrap_or_default();
        let anchor = format!("/{PAGE}#{}", name.to_lowercase());
        assert!(link.ends_with(&anchor), "{name}: {link}");
        assert!(page.contains(&format!("\n### {name}\n")), "{PAGE} has no section {name}");
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} is not tested");
        named.push(name.to_owned());
    }
    assert!(named.len() > 20, "{named:?}");
    for section in page.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(named.iter().any(|name| name == section), "{PAGE}: there is no alert {section}");
    }
}
