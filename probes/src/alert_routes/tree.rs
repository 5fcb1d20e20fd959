//! The tree of routes in an Alertmanager's configuration, and which receivers an alert reaches through it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::alerts::matcher::Matcher;
use crate::alerts::yaml;
use crate::metrics::selector::Labels;

/// How deep routes may be nested.
const MAX_DEPTH: usize = 64;

/// A configuration's routes and receivers.
#[derive(Debug)]
pub(super) struct Tree {
    root: Route,
    /// How many ways of telling somebody each receiver has.
    pub(super) receivers: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Route {
    /// Its own, or that of the route above.
    receiver: String,
    matchers: Vec<Matcher>,
    goes_on: bool,
    timed: bool,
    routes: Vec<Route>,
}

/// Where an alert goes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) receivers: BTreeSet<String>,
    /// Whether a route on the way is quiet at certain times.
    pub(super) timed: bool,
}

impl Tree {
    /// Reads a configuration.
    ///
    /// # Errors
    /// What is missing or cannot be read in it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let config = yaml::parse(text)?;
        let mut receivers = BTreeMap::new();
        for receiver in list(config.get("receivers"), "receivers")? {
            let name = text_of(receiver, "name").ok_or("a receiver has no name")?;
            let ways = receiver
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(key, _)| key.ends_with("_configs"))
                .filter_map(|(_, value)| value.as_array().map(Vec::len))
                .sum();
            receivers.insert(name.to_owned(), ways);
        }
        let root = config.get("route").ok_or("it has no `route`")?;
        let receiver = text_of(root, "receiver").ok_or("its `route` has no receiver")?;
        Ok(Self { root: Route::read(root, receiver, 0)?, receivers })
    }

    /// The receivers that an alert with these labels reaches.
    pub(super) fn reached(&self, labels: &Labels) -> Reached {
        let mut reached = Reached::default();
        self.root.walk(labels, &mut reached);
        reached
    }
}

impl Route {
    fn read(route: &Value, above: &str, depth: usize) -> Result<Self, String> {
        if depth > MAX_DEPTH {
            return Err(format!("routes are nested more than {MAX_DEPTH} deep"));
        }
        let receiver = text_of(route, "receiver").unwrap_or(above).to_owned();
        let mut matchers = Vec::new();
        for (key, pattern) in [("match", false), ("match_re", true)] {
            for (label, value) in route.get(key).and_then(Value::as_object).into_iter().flatten() {
                let value = value.as_str().unwrap_or_default();
                matchers.push(Matcher::new(label, value, pattern, true)?);
            }
        }
        for text in list(route.get("matchers"), "matchers")? {
            let text = text.as_str().ok_or("a matcher is no text")?;
            matchers.extend(Matcher::parse_list(text)?);
        }
        let goes_on = match text_of(route, "continue") {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(format!("`continue: {other}` is neither true nor false")),
        };
        let below = list(route.get("routes"), "routes")?;
        let routes = below.iter().map(|r| Self::read(r, &receiver, depth + 1));
        let routes = routes.collect::<Result<_, _>>()?;
        let timed = ["mute_time_intervals", "active_time_intervals"]
            .iter()
            .any(|key| route.get(key).and_then(Value::as_array).is_some_and(|l| !l.is_empty()));
        Ok(Self { receiver, matchers, goes_on, timed, routes })
    }

    /// Adds whom the alert reaches here and below; whether it belongs here at all.
    fn walk(&self, labels: &Labels, reached: &mut Reached) -> bool {
        if !self.matchers.iter().all(|m| m.matches(labels)) {
            return false;
        }
        let mut below = false;
        for route in &self.routes {
            if route.walk(labels, reached) {
                below = true;
                if !route.goes_on {
                    break;
                }
            }
        }
        if !below {
            reached.receivers.insert(self.receiver.clone());
            reached.timed |= self.timed;
        }
        true
    }
}

fn text_of<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn list<'v>(value: Option<&'v Value>, what: &str) -> Result<&'v [Value], String> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("`{what}` is no list")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
route:
  receiver: "nobody"
  routes:
  - receiver: audit
    matchers: ['severity=~"critical|page"']
    continue: true
  - match: {team: shop}
    receiver: shop
    routes:
    - matchers:
      - severity="critical"
      - region!="test"
      receiver: pager
      mute_time_intervals: [nights]
    - match_re: {severity: "warn.*"}
  - match_re: {team: "mail|dns"}
    receiver: infra
receivers:
- name: nobody
- {name: audit, webhook_configs: [{url: <secret>}]}
- {name: shop, email_configs: [{to: a@b.example}], webhook_configs: [{url: x}]}
- {name: pager, pagerduty_configs: [{}]}
- {name: infra, slack_configs: []}
"#;

    /// A row's name, the labels of an alert, and the receivers that it reaches.
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

    #[test]
    fn alerts_go_where_alertmanager_sends_them() {
        let tree = Tree::parse(CONFIG).expect("a configuration");
        let rows: [Row<'_>; 7] = [
            ("nothing fits", &[("team", "x")], &["nobody"]),
            ("the first and on", &[("severity", "page")], &["audit"]),
            ("both", &[("severity", "critical"), ("team", "shop")], &["audit", "pager"]),
            (
                "not in the test region",
                &[("severity", "critical"), ("team", "shop"), ("region", "test")],
                &["audit", "shop"],
            ),
            ("the receiver of above", &[("severity", "warning"), ("team", "shop")], &["shop"]),
            ("a pattern of the whole", &[("team", "mailer")], &["nobody"]),
            ("a pattern", &[("team", "dns")], &["infra"]),
        ];
        for (row, labels, expected) in rows {
            let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let reached = tree.reached(&labels);
            assert!(reached.receivers.iter().eq(expected), "{row}: {reached:?}");
            assert_eq!(reached.timed, expected.contains(&"pager"), "{row}");
        }
        let ways: Vec<usize> = tree.receivers.values().copied().collect();
        assert_eq!(ways, [1, 0, 0, 1, 2], "audit, infra, nobody, pager, shop");
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        let rows = [
            ("nothing", ""),
            ("no route", "receivers: []"),
            ("no receiver", "route: {}"),
            ("a bad matcher", "route: {receiver: a, matchers: ['x']}"),
            ("a bad pattern", "route: {receiver: a, match_re: {a: '('}}"),
            ("no list", "route: {receiver: a, routes: x}"),
            ("an odd flag", "route: {receiver: a, continue: perhaps}"),
        ];
        for (row, text) in rows {
            assert!(Tree::parse(text).is_err(), "{row}");
        }
    }
}
