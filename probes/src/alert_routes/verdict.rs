//! From a tree of routes, silences and senders to readings.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use serde::Deserialize;

use super::tree::Tree;
use crate::alerts::matcher::Matcher;
use crate::alerts::verdict::count;
use crate::metrics::selector::Labels;

/// What `/api/v2/status` holds.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) config: Config,
}

/// The configuration that runs.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    pub(super) original: String,
}

/// A silence.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Silence {
    id: String,
    status: SilenceStatus,
    matchers: Vec<SilenceMatcher>,
    #[serde(default)]
    ends_at: String,
    #[serde(default)]
    comment: String,
}

#[derive(Debug, Deserialize)]
struct SilenceStatus {
    state: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SilenceMatcher {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Silence {
    fn holds(&self, labels: &Labels) -> Result<bool, Failure> {
        if self.status.state != "active" {
            return Ok(false);
        }
        for m in &self.matchers {
            let matcher = Matcher::new(&m.name, &m.value, m.is_regex, m.is_equal);
            let matcher = matcher.map_err(|why| {
                Failure::new(Cause::BadResponse, format!("the silence {}: {why}", self.id))
            })?;
            if !matcher.matches(labels) {
                return Ok(false);
            }
        }
        Ok(!self.matchers.is_empty())
    }
}

/// What `/api/v1/alertmanagers` holds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Targets {
    active_alertmanagers: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    url: String,
}

/// Reads all answers together; `targets` is there if a Prometheus was asked.
///
/// # Errors
/// A configuration or a silence that cannot be read.
pub(super) fn read(
    status: &Status,
    silences: &[Silence],
    targets: Option<&Targets>,
    labels: &Labels,
) -> Result<Readings, Failure> {
    let tree = Tree::parse(&status.config.original).map_err(|why| {
        Failure::new(Cause::BadResponse, format!("Alertmanager's configuration: {why}"))
    })?;
    let reached = tree.reached(labels);
    let ways = |name: &String| tree.receivers.get(name).copied().unwrap_or_default();
    let silent: Vec<&String> = reached.receivers.iter().filter(|r| ways(r) == 0).collect();
    let mut readings = Readings::new()
        .texts("receivers", reached.receivers.iter())
        .texts("mute_receivers", silent)
        .number("ways", count(reached.receivers.iter().map(ways).sum()))
        .flag("timed", reached.timed);
    for name in &reached.receivers {
        let ways = ways(name);
        let says = format!("{ways} ways of telling somebody");
        readings = readings.part(format!("receiver {name}"), says, ways == 0);
    }
    let mut held = 0;
    for silence in silences {
        if silence.holds(labels)? {
            held += 1;
            let says = format!("until {}: {}", silence.ends_at, silence.comment);
            readings = readings.part(format!("silence {}", silence.id), says, true);
        }
    }
    readings = readings.number("silences", count(held));
    if let Some(targets) = targets {
        let active = &targets.active_alertmanagers;
        readings = readings.number("alertmanagers", count(active.len()));
        for target in active {
            readings = readings.part(&target.url, "Prometheus sends there", false);
        }
    }
    Ok(readings
        .note("inhibition, and whether a receiver's address takes messages, were not tested"))
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value;
    use serde_json::{Value as Json, json};

    use super::*;

    const CONFIG: &str =
        "route: {receiver: pager}\nreceivers: [{name: pager, webhook_configs: [{}]}]";

    fn silence(state: &str, value: &str, is_equal: bool) -> Json {
        json!({"id": "s", "status": {"state": state}, "endsAt": "", "comment": "", "matchers":
            [{"name": "team", "value": value, "isRegex": true, "isEqual": is_equal}]})
    }

    #[test]
    fn silences_and_senders_are_counted() {
        let labels: Labels = [("team".to_owned(), "shop".to_owned())].into();
        let everything = json!({"id": "s", "status": {"state": "active"}, "matchers": []});
        let rows = [
            ("none", vec![], Ok(0.0)),
            ("active", vec![silence("active", "shop|x", true)], Ok(1.0)),
            ("of others", vec![silence("active", "mail", true)], Ok(0.0)),
            ("of all others", vec![silence("active", "shop", false)], Ok(0.0)),
            ("of all but others", vec![silence("active", "mail", false)], Ok(1.0)),
            ("over", vec![silence("expired", "shop", true)], Ok(0.0)),
            ("without matchers", vec![everything], Ok(0.0)),
            ("no pattern", vec![silence("active", "(", true)], Err(Cause::BadResponse)),
        ];
        let status = |original: &str| Status { config: Config { original: original.to_owned() } };
        for (row, silences, expected) in rows {
            let silences: Vec<Silence> = serde_json::from_value(json!(silences)).expect(row);
            let got = read(&status(CONFIG), &silences, None, &labels);
            let got = got.map(|r| r.get("silences").cloned()).map_err(|f| f.cause);
            assert_eq!(got, expected.map(|n| Some(Value::Number(n))), "{row}");
        }
        let targets = Targets { active_alertmanagers: vec![] };
        let r = read(&status(CONFIG), &[], Some(&targets), &labels).expect("readings");
        assert_eq!(r.get("alertmanagers"), Some(&Value::Number(0.0)));
        let failure = read(&status("x"), &[], None, &labels).expect_err("no configuration");
        assert_eq!(failure.cause, Cause::BadResponse);
    }
}
