//! Whom Unleash turns a flag on for: its strategies, and the flags that it depends on.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::flag::{Found, State};
use super::unleash::Features;

#[derive(Debug, Deserialize)]
struct Feature {
    enabled: bool,
    #[serde(default)]
    strategies: Option<Vec<Strategy>>,
    #[serde(default)]
    dependencies: Option<Vec<Parent>>,
    #[serde(default)]
    archived: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Strategy {
    name: String,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
    #[serde(default)]
    constraints: Option<Vec<Value>>,
    #[serde(default)]
    segments: Option<Vec<Value>>,
    #[serde(default)]
    disabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Parent {
    feature: String,
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    variants: Option<Vec<String>>,
}

/// What a flag is among all that are known.
pub(super) fn judge(name: &str, features: &Features) -> Found {
    let Some(raw) = features.get(name) else {
        return Found::missing("Unleash does not know it, and clients take it for off");
    };
    let feature = match Feature::deserialize(raw) {
        Ok(feature) => feature,
        Err(_) if raw.get("enabled").is_none_or(Value::is_null) => {
            return Found::missing("it is not in this environment");
        }
        Err(e) => return Found::unread(format!("it cannot be read: {e}")),
    };
    let key = |name: &str| raw.get(name).cloned().unwrap_or_default();
    let seen = json!([
        key("enabled"),
        key("strategies"),
        key("variants"),
        key("dependencies"),
        key("archived")
    ]);
    let (state, says) = if feature.archived == Some(true) {
        (State::Unknown, "it is archived".to_owned())
    } else {
        feature.state(features)
    };
    Found::new(state, says, seen)
}

impl Feature {
    fn state(&self, features: &Features) -> (State, String) {
        let (mut state, mut says) = self.alone();
        if state == State::Off {
            return (state, says);
        }
        for parent in self.dependencies.iter().flatten() {
            match parent.lets(features) {
                State::On => {}
                State::Off => return (State::Off, format!("{} keeps it off", parent.feature)),
                State::Unknown => {
                    return (
                        State::Unknown,
                        format!("{}, its parent, is not known", parent.feature),
                    );
                }
                State::Rollout if state == State::Unknown => {}
                State::Rollout => {
                    state = State::Rollout;
                    says = format!("{} keeps it off for some", parent.feature);
                }
            }
        }
        (state, says)
    }

    /// What it would be without parents.
    fn alone(&self) -> (State, String) {
        if !self.enabled {
            return (State::Off, "not enabled".to_owned());
        }
        let strategies = self.strategies.as_deref().unwrap_or_default();
        if strategies.is_empty() {
            return (State::On, "enabled without a strategy, so for everybody".to_owned());
        }
        let active = || strategies.iter().filter(|s| s.disabled != Some(true));
        if active().next().is_none() {
            return (State::Unknown, "enabled, and every strategy of it is disabled".to_owned());
        }
        if let Some(strategy) = active().find(|s| s.is_for_everybody()) {
            return (State::On, format!("enabled for everybody by `{}`", strategy.name));
        }
        let names: Vec<&str> = active().map(|s| s.name.as_str()).take(10).collect();
        (State::Rollout, format!("enabled for some by `{}`", names.join("`, `")))
    }
}

impl Strategy {
    fn is_for_everybody(&self) -> bool {
        let is_none = |list: &Option<Vec<Value>>| list.as_ref().is_none_or(Vec::is_empty);
        let whole = match self.name.as_str() {
            "default" => true,
            "flexibleRollout" => {
                let share = self.parameters.as_ref().and_then(|p| p.get("rollout"));
                share.is_some_and(|s| s.as_str() == Some("100") || s.as_u64() == Some(100))
            }
            _ => false,
        };
        whole && is_none(&self.constraints) && is_none(&self.segments)
    }
}

impl Parent {
    /// Whether a child may be on: for everybody, for some, for nobody.
    fn lets(&self, features: &Features) -> State {
        let parent = features.get(&self.feature).and_then(|f| Feature::deserialize(f).ok());
        let Some(parent) = parent.filter(|p| p.archived != Some(true)) else {
            return State::Unknown;
        };
        let of_variant = self.variants.as_ref().is_some_and(|v| !v.is_empty());
        match (parent.alone().0, self.enabled == Some(false)) {
            (State::On, false) if of_variant => State::Rollout,
            (state, false) => state,
            (State::On, true) => State::Off,
            (State::Off, true) => State::On,
            (state, true) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The feature `f` with this much of it, and parents: `up`, `down` and `half`.
    fn features(feature: Value) -> Features {
        let half = json!([{"name": "flexibleRollout", "parameters": {"rollout": "50"}}]);
        [
            ("f", feature),
            ("up", json!({"name": "up", "enabled": true, "strategies": []})),
            ("down", json!({"name": "down", "enabled": false, "strategies": []})),
            ("half", json!({"name": "half", "enabled": true, "strategies": half})),
        ]
        .map(|(name, feature)| (name.to_owned(), feature))
        .into()
    }

    #[test]
    fn enabled_without_a_strategy_is_on_for_everybody() {
        let with = |strategies: Value| json!({"enabled": true, "strategies": strategies});
        let rows = [
            (
                "not enabled",
                json!({"enabled": false, "strategies": [{"name": "default"}]}),
                State::Off,
            ),
            ("no strategy", with(json!([])), State::On),
            ("none is null", with(Value::Null), State::On),
            ("the default one", with(json!([{"name": "default"}])), State::On),
            (
                "all of a rollout",
                with(json!([{"name": "flexibleRollout", "parameters": {"rollout": "100"}}])),
                State::On,
            ),
            (
                "half of it",
                with(json!([{"name": "flexibleRollout", "parameters": {"rollout": "50"}}])),
                State::Rollout,
            ),
            (
                "none of it",
                with(json!([{"name": "flexibleRollout", "parameters": {"rollout": "0"}}])),
                State::Rollout,
            ),
            (
                "some users",
                with(json!([{"name": "userWithId", "parameters": {"userIds": "7"}}])),
                State::Rollout,
            ),
            (
                "under a condition",
                with(json!([{"name": "default", "constraints": [{"contextName": "region"}]}])),
                State::Rollout,
            ),
            ("in a segment", with(json!([{"name": "default", "segments": [1]}])), State::Rollout),
            (
                "some, and everybody",
                with(json!([{"name": "userWithId"}, {"name": "default"}])),
                State::On,
            ),
            ("all disabled", with(json!([{"name": "default", "disabled": true}])), State::Unknown),
            ("archived", json!({"enabled": false, "archived": true}), State::Unknown),
            ("not in the environment", json!({"enabled": null}), State::Unknown),
            ("of another shape", json!({"enabled": "yes"}), State::Unknown),
        ];
        for (row, feature, state) in rows {
            let found = judge("f", &features(feature));
            assert_eq!(found.state, state, "{row}: {}", found.says);
        }
        assert_eq!(judge("g", &features(Value::Null)).state, State::Unknown, "not known");
    }

    #[test]
    fn a_flag_is_what_its_parent_lets_it_be() {
        let of = |dependencies: Value| json!({"enabled": true, "dependencies": dependencies});
        let rows = [
            ("on", of(json!([{"feature": "up"}])), State::On),
            ("off", of(json!([{"feature": "down"}])), State::Off),
            ("half", of(json!([{"feature": "half"}])), State::Rollout),
            ("wanted off, and is", of(json!([{"feature": "down", "enabled": false}])), State::On),
            (
                "wanted off, and is not",
                of(json!([{"feature": "up", "enabled": false}])),
                State::Off,
            ),
            (
                "wanted in a variant",
                of(json!([{"feature": "up", "variants": ["a"]}])),
                State::Rollout,
            ),
            ("not known", of(json!([{"feature": "gone"}])), State::Unknown),
            (
                "one of two is off",
                of(json!([{"feature": "half"}, {"feature": "down"}])),
                State::Off,
            ),
        ];
        for (row, feature, state) in rows {
            let found = judge("f", &features(feature));
            assert_eq!(found.state, state, "{row}: {}", found.says);
        }
        let off = json!({"enabled": false, "dependencies": [{"feature": "up"}]});
        assert_eq!(judge("f", &features(off)).state, State::Off, "a child can be off by itself");
    }
}
