//! The alerting rules of a rule file, as Prometheus loads it or as the Prometheus operator's `PrometheusRule` holds it.

use std::collections::BTreeMap;
use std::time::Duration;

use launchgate_core::time::parse_duration;
use serde_json::{Map, Value};

use crate::alerts::yaml;
use crate::metrics::selector::Labels;

/// A rule that must be there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expected {
    pub(super) name: String,
    /// What a file says of it; only the name is known of one that is asked for by name.
    pub(super) written: Option<Written>,
}

/// A rule as it stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    pub(super) group: String,
    pub(super) expression: String,
    pub(super) lasts: Duration,
    pub(super) keeps_firing: Duration,
    pub(super) labels: Labels,
}

/// The alerting rules of a file, in its order; recording rules are left out.
///
/// # Errors
/// Why the text is no rule file.
pub(super) fn rules(text: &str) -> Result<Vec<Expected>, String> {
    let tree = yaml::parse(text)?;
    let groups = tree.get("groups").or_else(|| tree.get("spec")?.get("groups"));
    let Some(Value::Array(groups)) = groups else {
        return Err("it has no `groups`, neither at the top nor below `spec`".to_owned());
    };
    let mut found = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        let Some(name) = group.get("name").and_then(Value::as_str) else {
            return Err(format!("group {} has no name", i + 1));
        };
        let rules = match group.get("rules") {
            Some(Value::Array(rules)) => rules.as_slice(),
            Some(Value::Null) | None => &[],
            Some(_) => return Err(format!("the rules of group {name} are no list")),
        };
        for rule in rules {
            found.extend(read(name, rule).map_err(|why| format!("group {name}: {why}"))?);
        }
    }
    Ok(found)
}

fn read(group: &str, rule: &Value) -> Result<Option<Expected>, String> {
    let Value::Object(rule) = rule else { return Err("a rule is no mapping".to_owned()) };
    let text = |key: &str| rule.get(key).and_then(Value::as_str);
    let Some(name) = text("alert") else {
        let recording = rule.contains_key("record");
        return if recording {
            Ok(None)
        } else {
            Err("a rule has neither `alert` nor `record`".to_owned())
        };
    };
    let Some(expression) = text("expr") else { return Err(format!("{name} has no `expr`")) };
    let written = Written {
        group: group.to_owned(),
        expression: expression.trim().to_owned(),
        lasts: duration(rule, "for", name)?,
        keeps_firing: duration(rule, "keep_firing_for", name)?,
        labels: labels(rule, name)?,
    };
    Ok(Some(Expected { name: name.to_owned(), written: Some(written) }))
}

fn duration(rule: &Map<String, Value>, key: &str, name: &str) -> Result<Duration, String> {
    match rule.get(key) {
        None | Some(Value::Null) => Ok(Duration::ZERO),
        Some(value) => {
            let text = value.as_str().unwrap_or("what is no text");
            parse_duration(text).map_err(|e| format!("{name}: `{key}: {text}`: {e}"))
        }
    }
}

fn labels(rule: &Map<String, Value>, name: &str) -> Result<Labels, String> {
    let Some(Value::Object(labels)) = rule.get("labels").filter(|l| !l.is_null()) else {
        return Ok(BTreeMap::new());
    };
    let label = |(key, value): (&String, &Value)| match value {
        Value::String(value) => Ok((key.clone(), value.clone())),
        Value::Null => Ok((key.clone(), String::new())),
        _ => Err(format!("{name}: the label `{key}` is no text")),
    };
    labels.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
groups:
- name: shop
  rules:
  - record: x:rate
    expr: rate(x[5m])
  - alert: Slow
    expr: |
      histogram_quantile(0.99, x) > 1
    for: 5m
    keep_firing_for: 1m30s
    labels: { severity: page, team: shop }
  - { alert: Down, expr: up == 0 }
- name: empty
";

    #[test]
    fn a_rule_file_is_read_in_both_of_its_forms() {
        let indented: String = FILE.lines().flat_map(|line| ["  ", line, "\n"]).collect();
        for text in [FILE.to_owned(), format!("kind: PrometheusRule\nspec:\n{indented}")] {
            let rules = rules(&text).expect("a rule file");
            let names: Vec<&str> = rules.iter().map(|r| r.name.as_str()).collect();
            assert_eq!(names, ["Slow", "Down"]);
            let slow = rules[0].written.as_ref().expect("it is written");
            assert_eq!((slow.lasts.as_secs(), slow.keeps_firing.as_secs()), (300, 90));
            assert_eq!((slow.group.as_str(), slow.labels["severity"].as_str()), ("shop", "page"));
            assert_eq!(slow.expression, "histogram_quantile(0.99, x) > 1");
        }
    }

    #[test]
    fn what_is_no_rule_file_is_refused_with_the_reason() {
        let rows = [
            ("no yaml", "{", "it is no YAML"),
            ("another file", "route: {}", "no `groups`"),
            ("no name", "groups: [{rules: []}]", "group 1 has no name"),
            ("no list", "groups: [{name: a, rules: x}]", "no list"),
            ("neither", "groups: [{name: a, rules: [{expr: x}]}]", "neither `alert` nor `record`"),
            ("no expression", "groups: [{name: a, rules: [{alert: B}]}]", "B has no `expr`"),
            (
                "a bad time",
                "groups: [{name: a, rules: [{alert: B, expr: x, for: soon}]}]",
                "`for: soon`",
            ),
            (
                "a bad label",
                "groups: [{name: a, rules: [{alert: B, expr: x, labels: {c: []}}]}]",
                "the label `c`",
            ),
        ];
        for (row, text, reason) in rows {
            let why = rules(text).expect_err(row);
            assert!(why.contains(reason), "{row}: {why}");
        }
    }
}
