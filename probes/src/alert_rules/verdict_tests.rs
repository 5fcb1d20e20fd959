//! How rules that must be there and rules that are come together.

use launchgate_core::reading::Value;

use super::expected;
use super::verdict::{Asked, Pair, read};
use crate::alerts::rules::{Group, page};
use crate::alerts::server::tests::answer;

const FILE: &str = "
groups:
- name: shop
  rules:
  - { alert: Slow, expr: 'latency > 1', for: 5m, labels: { severity: page } }
";

/// A server's rules: one of these fields, in a group of 30 s, asked at noon.
fn loaded(rule: &str) -> Vec<Group> {
    let rule = format!(
        r#"{{"name":"Slow","query":"latency > 1","duration":300,"labels":{{"severity":"page"}},"health":"ok",
        "state":"inactive","type":"alerting","lastEvaluation":"2026-12-01T11:59:50Z"{rule}}}"#
    );
    let page_of = format!(
        r#"{{"status":"success","data":{{"groups":[{{"name":"shop","interval":30,"rules":[{rule}]}}]}}}}"#
    );
    // A field that stands twice counts as it stands last.
    let value: serde_json::Value = serde_json::from_str(&page_of).expect("JSON");
    page(&answer(200, &value.to_string())).expect("a page").0
}

fn asked() -> Asked {
    let form = |text: &str| {
        (text.to_owned(), Ok(text.replace(' ', "").replace("sum(x)by(a)", "sumby(a)(x)")))
    };
    Asked {
        formatted: ["latency > 1", "latency  >  1", "latency > 2"].map(form).into(),
        alive: [("latency".to_owned(), true)].into(),
        now: Some("2026-12-01T12:00:00Z".parse().expect("an instant")),
    }
}

/// What the server has otherwise; how many are missing, different, unhealthy, late, dead, firing; what is told.
const ROWS: [(&str, &str, &str, &str); 13] = [
    ("as written", "", "0 0 0 0 0 0", "loaded in shop, inactive"),
    ("firing", r#","state":"firing""#, "0 0 0 0 0 1", "loaded in shop, firing"),
    ("blanks", r#","query":"latency  >  1""#, "0 0 0 0 0 0", "loaded in shop"),
    ("another limit", r#","query":"latency > 2""#, "0 1 0 0 0 0", "is loaded as latency > 2"),
    ("a shorter time", r#","duration":60"#, "0 1 0 0 0 0", "`for` is 1m, not 5m"),
    ("goes on firing", r#","keepFiringFor":60"#, "0 1 0 0 0 0", "`keep_firing_for` is 1m, not 0s"),
    (
        "another label",
        r#","labels":{"severity":"info"}"#,
        "0 1 0 0 0 0",
        "severity is `info`, not `page`",
    ),
    (
        "one more label",
        r#","labels":{"severity":"page","a":"b"}"#,
        "0 1 0 0 0 0",
        "a is `b`, not missing",
    ),
    ("broken", r#","health":"err","lastError":"boom""#, "0 0 1 0 0 0", "cannot be evaluated: boom"),
    (
        "late",
        r#","lastEvaluation":"2026-12-01T11:58:59Z""#,
        "0 0 0 1 0 0",
        "1m1s ago, and should be every 30s",
    ),
    (
        "two intervals",
        r#","lastEvaluation":"2026-12-01T11:59:00Z""#,
        "0 0 0 0 0 0",
        "loaded in shop",
    ),
    ("never", r#","lastEvaluation":"0001-01-01T00:00:00Z""#, "0 0 0 1 0 0", "was never evaluated"),
    ("another name", r#","name":"Slower""#, "1 0 0 0 0 0", "is not loaded"),
];

#[test]
fn each_difference_is_counted_where_it_belongs_and_told() {
    let names = ["missing", "different", "unhealthy", "late", "dead", "firing"];
    let expected = expected::rules(FILE).expect("a rule file");
    for (row, rule, counts, says) in ROWS {
        let groups = loaded(rule);
        let readings = read(&Pair::all(&expected, &groups), &asked(), true);
        let got = names.map(|name| match readings.get(name) {
            Some(Value::Number(n)) => n.to_string(),
            other => panic!("{row}: {name} is {other:?}"),
        });
        assert_eq!(got.join(" "), counts, "{row}: {:?}", readings.parts);
        assert!(readings.parts[0].says.contains(says), "{row}: {}", readings.parts[0].says);
        let wrong = counts[..9].contains('1');
        assert_eq!(readings.parts[0].odd, wrong, "{row}");
    }
}

#[test]
fn a_selector_without_series_is_a_rule_that_cannot_fire() {
    let groups = loaded("");
    let expected = expected::rules(FILE).expect("a rule file");
    let asked = Asked { alive: [("latency".to_owned(), false)].into(), ..asked() };
    let readings = read(&Pair::all(&expected, &groups), &asked, true);
    assert_eq!(readings.get("dead"), Some(&Value::Number(1.0)));
    assert!(readings.parts[0].says.contains("no series of latency: it cannot fire"));
}

#[test]
fn of_rules_with_one_name_the_likest_is_compared() {
    let text = FILE.replace("severity: page } }", "severity: page } }\n  - { alert: Slow, expr: 'latency > 2', for: 5m, labels: { severity: info } }");
    let expected = expected::rules(&text).expect("a rule file");
    let mut groups = loaded("");
    let info =
        loaded(r#","query":"latency > 2","labels":{"severity":"info"}"#).remove(0).rules.remove(0);
    groups[0].rules.insert(0, info);
    let readings = read(&Pair::all(&expected, &groups), &asked(), true);
    assert_eq!(readings.get("different"), Some(&Value::Number(0.0)), "{:?}", readings.parts);
}
