//! From the alerts that are there to readings, or to why nothing follows from there being none.

use std::collections::BTreeSet;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use serde::Deserialize;

use super::matcher::Matcher;
use super::rules::Group;
use crate::metrics::selector::Labels;

/// An alert as a Prometheus knows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Evaluated {
    pub(super) labels: Labels,
    pub(super) state: String,
}

/// What `/api/v1/alerts` holds.
#[derive(Debug, Deserialize)]
pub(super) struct AlertList {
    pub(super) alerts: Vec<Evaluated>,
}

/// An alert as an Alertmanager knows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Managed {
    pub(super) labels: Labels,
    pub(super) status: Status,
}

/// What Alertmanager does with an alert.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) state: String,
    #[serde(default)]
    pub(super) silenced_by: Vec<String>,
    #[serde(default)]
    pub(super) inhibited_by: Vec<String>,
}

/// Which alerts matter.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) select: Vec<Matcher>,
    pub(super) ignore: BTreeSet<String>,
    pub(super) watchdog: Option<String>,
}

fn name(labels: &Labels) -> &str {
    labels.get("alertname").map_or("", String::as_str)
}

impl Scope {
    fn holds(&self, labels: &Labels) -> bool {
        !self.ignore.contains(name(labels))
            && self.watchdog.as_deref() != Some(name(labels))
            && self.select.iter().all(|m| m.matches(labels))
    }

    fn awake<'a>(&self, mut firing: impl Iterator<Item = &'a Labels>) -> Result<(), Failure> {
        let Some(watchdog) = &self.watchdog else { return Ok(()) };
        if firing.any(|labels| name(labels) == watchdog) {
            return Ok(());
        }
        let message = format!("the alert {watchdog}, which always fires, does not arrive");
        Err(Failure::new(Cause::NoData, message))
    }
}

/// Reads a Prometheus.
///
/// # Errors
/// [`Cause::NoData`] when it is blind, [`Cause::Partial`] when nothing fires but rules that matter do not work, and
/// [`Cause::BadResponse`] for a state that nobody knows.
pub(super) fn evaluated(
    alerts: &[Evaluated],
    groups: &[Group],
    scope: &Scope,
) -> Result<Readings, Failure> {
    let rules: Vec<_> = groups.iter().flat_map(|g| &g.rules).collect();
    if rules.is_empty() {
        return Err(Failure::new(Cause::NoData, "no alerting rule is loaded"));
    }
    if let Some(odd) = alerts.iter().find(|a| !matches!(a.state.as_str(), "firing" | "pending")) {
        return Err(unknown_state(&odd.state));
    }
    let of = |state: &'static str| alerts.iter().filter(move |a| a.state == state);
    scope.awake(of("firing").map(|a| &a.labels))?;
    let matter = |state| of(state).filter(|a| scope.holds(&a.labels)).map(|a| &a.labels);
    let firing: Vec<&Labels> = matter("firing").collect();
    let broken: Vec<_> = rules
        .iter()
        .filter(|rule| {
            let mut labels = rule.labels.clone();
            labels.insert("alertname".to_owned(), rule.name.clone());
            let left_out = scope.ignore.contains(&rule.name)
                || scope.select.iter().any(|m| m.excludes(&labels));
            rule.health != "ok" && !left_out
        })
        .collect();
    if let Some(first) = broken.first().filter(|_| firing.is_empty()) {
        let (name, health, why) = (&first.name, &first.health, &first.last_error);
        let message = format!(
            "{} of the rules that matter cannot fire; the first is {name}: {health} {why}",
            broken.len()
        );
        return Err(Failure::new(Cause::Partial, message));
    }
    let mut readings = told(&firing)
        .number("pending", count(matter("pending").count()))
        .number("rules", count(rules.len()))
        .number("broken_rules", count(broken.len()));
    for rule in broken {
        let says = format!("{}: {}", rule.health, rule.last_error);
        readings = readings.part(format!("rule {}", rule.name), says, true);
    }
    Ok(readings.note("silences and inhibition are Alertmanager's, and were not looked at"))
}

/// Reads an Alertmanager.
///
/// # Errors
/// [`Cause::NoData`] when the watchdog's alert is not there, [`Cause::BadResponse`] for a state that nobody knows.
pub(super) fn managed(alerts: &[Managed], scope: &Scope) -> Result<Readings, Failure> {
    let known = ["active", "suppressed", "unprocessed"];
    if let Some(odd) = alerts.iter().find(|a| !known.contains(&a.status.state.as_str())) {
        return Err(unknown_state(&odd.status.state));
    }
    scope.awake(alerts.iter().map(|a| &a.labels))?;
    let matter: Vec<&Managed> = alerts.iter().filter(|a| scope.holds(&a.labels)).collect();
    let firing: Vec<&Labels> =
        matter.iter().filter(|a| a.status.state != "suppressed").map(|a| &a.labels).collect();
    let by = |list: fn(&Status) -> &Vec<String>| {
        count(matter.iter().filter(|a| !list(&a.status).is_empty()).count())
    };
    Ok(told(&firing)
        .number("silenced", by(|s| &s.silenced_by))
        .number("inhibited", by(|s| &s.inhibited_by)))
}

fn unknown_state(state: &str) -> Failure {
    Failure::new(Cause::BadResponse, format!("an alert is in a state that is not known: `{state}`"))
}

fn told(firing: &[&Labels]) -> Readings {
    let names: BTreeSet<&str> = firing.iter().map(|labels| name(labels)).collect();
    let mut readings = Readings::new().number("firing", count(firing.len())).texts("names", names);
    for labels in firing {
        let inside: Vec<String> = labels
            .iter()
            .filter(|(k, _)| *k != "alertname")
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        readings = readings.part(name(labels), format!("fires: {}", inside.join(", ")), true);
    }
    readings
}

/// A count as a number.
pub(crate) fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value;
    use serde_json::{Value as Json, json};

    use super::*;

    fn scope(watchdog: bool) -> Scope {
        Scope {
            select: Matcher::parse_list("severity=critical").expect("a matcher"),
            ignore: ["InfoInhibitor".to_owned()].into(),
            watchdog: watchdog.then(|| "Watchdog".to_owned()),
        }
    }

    fn labels(name: &str, severity: &str) -> Json {
        json!({"alertname": name, "severity": severity})
    }

    fn read<T: serde::de::DeserializeOwned>(value: Json) -> T {
        serde_json::from_value(value).expect("the documented shape")
    }

    #[test]
    fn a_prometheus_says_what_fires_unless_it_is_blind() {
        let rule = |name: &str, severity: &str, health: &str| json!({"name": name, "labels": {"severity": severity}, "health": health});
        let ok = rule("Slow", "critical", "ok");
        let down = |state: &str| json!({"labels": labels("Down", "critical"), "state": state});
        let minor = json!({"labels": labels("Minor", "info"), "state": "firing"});
        let dog = json!({"labels": labels("Watchdog", "none"), "state": "firing"});
        let rows = [
            ("quiet", false, vec![], vec![ok.clone()], Ok((0.0, 0.0))),
            ("one fires", false, vec![down("firing")], vec![ok.clone()], Ok((1.0, 0.0))),
            ("one pends", false, vec![down("pending")], vec![ok.clone()], Ok((0.0, 1.0))),
            ("one that does not matter", false, vec![minor], vec![ok.clone()], Ok((0.0, 0.0))),
            ("the watchdog is awake", true, vec![dog], vec![ok.clone()], Ok((0.0, 0.0))),
            ("the watchdog is not", true, vec![], vec![ok.clone()], Err(Cause::NoData)),
            ("no rules", false, vec![], vec![], Err(Cause::NoData)),
            (
                "a broken rule",
                false,
                vec![],
                vec![rule("A", "critical", "err")],
                Err(Cause::Partial),
            ),
            (
                "one not yet evaluated",
                false,
                vec![],
                vec![rule("A", "critical", "unknown")],
                Err(Cause::Partial),
            ),
            (
                "a broken one that does not matter",
                false,
                vec![],
                vec![rule("A", "info", "err")],
                Ok((0.0, 0.0)),
            ),
            (
                "broken, and one fires",
                false,
                vec![down("firing")],
                vec![rule("A", "critical", "err")],
                Ok((1.0, 0.0)),
            ),
            (
                "an odd state",
                false,
                vec![down("dozing")],
                vec![ok.clone()],
                Err(Cause::BadResponse),
            ),
        ];
        for (row, watchdog, alerts, rules, expected) in rows {
            let groups: Vec<Group> = read(json!([{"name": "g", "rules": rules}]));
            let alerts: Vec<Evaluated> = read(json!(alerts));
            let got = evaluated(&alerts, &groups, &scope(watchdog));
            let expected = expected.map(|(f, p)| (Some(Value::Number(f)), Some(Value::Number(p))));
            let got = got.map(|r| (r.get("firing").cloned(), r.get("pending").cloned()));
            assert_eq!(got.map_err(|f| f.cause), expected, "{row}");
        }
    }

    #[test]
    fn an_alertmanager_tells_the_silenced_from_the_quiet() {
        let alert = |name: &str, state: &str, silenced: &[&str], inhibited: &[&str]| {
            json!({"labels": labels(name, "critical"), "status":
                {"state": state, "silencedBy": silenced, "inhibitedBy": inhibited}})
        };
        let dog = || alert("Watchdog", "active", &[], &[]);
        let rows = [
            ("quiet", vec![dog()], Ok([0.0, 0.0, 0.0])),
            ("active", vec![dog(), alert("A", "active", &[], &[])], Ok([1.0, 0.0, 0.0])),
            (
                "not yet processed",
                vec![dog(), alert("A", "unprocessed", &[], &[])],
                Ok([1.0, 0.0, 0.0]),
            ),
            ("silenced", vec![dog(), alert("A", "suppressed", &["s"], &[])], Ok([0.0, 1.0, 0.0])),
            ("inhibited", vec![dog(), alert("A", "suppressed", &[], &["i"])], Ok([0.0, 0.0, 1.0])),
            ("nobody sends", vec![], Err(Cause::NoData)),
            ("an odd state", vec![dog(), alert("A", "x", &[], &[])], Err(Cause::BadResponse)),
        ];
        for (row, alerts, expected) in rows {
            let alerts: Vec<Managed> = read(json!(alerts));
            let got = managed(&alerts, &scope(true))
                .map(|r| ["firing", "silenced", "inhibited"].map(|name| r.get(name).cloned()));
            let expected = expected.map(|all| all.map(|n| Some(Value::Number(n))));
            assert_eq!(got.map_err(|f| f.cause), expected, "{row}");
        }
    }
}
