//! One flag: what is asked of it, and what was found.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A flag that has to be off.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// Its name (key) where flags are kept.
    pub name: String,
    /// The value that means off; `false` if not given.
    #[serde(default = "off")]
    pub off: Value,
    /// What the code takes when it is told nothing: for flags that are disabled or have no default where they are kept.
    #[serde(default)]
    pub code_default: Option<Value>,
    /// Where its value stands, as a JSON pointer (RFC 6901) such as `/flags/new-checkout`; for `json` alone.
    #[serde(default)]
    pub pointer: Option<String>,
}

fn off() -> Value {
    Value::Bool(false)
}

/// What a flag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Off for everybody, as far as was asked.
    Off,
    /// On for some, or a rule is in force that may make it so.
    Rollout,
    /// On for everybody, as far as was asked.
    On,
    /// There is no telling.
    Unknown,
}

/// What was found of a flag.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) state: State,
    /// Why, for people.
    pub(super) says: String,
    /// What its state follows from, to be held against the next look; null when it is not there, none when it could not
    /// be had.
    pub(super) definition: Option<Value>,
}

impl Found {
    /// What was found of a flag that has this definition.
    pub(super) fn new(state: State, says: impl Into<String>, definition: Value) -> Self {
        Self { state, says: says.into(), definition: Some(definition) }
    }

    /// A flag that is not where it should be: perhaps off, perhaps misspelt.
    pub(super) fn missing(says: &str) -> Self {
        Self::new(State::Unknown, says, Value::Null)
    }

    /// A flag of which nothing could be had.
    pub(super) fn unread(says: impl Into<String>) -> Self {
        Self { state: State::Unknown, says: says.into(), definition: None }
    }
}

impl Flag {
    /// Whether a value means off. Numbers are compared as such: `0` is `0.0`.
    pub(super) fn is_off(&self, value: &Value) -> bool {
        match (self.off.as_f64(), value.as_f64()) {
            (Some(off), Some(value)) => off.total_cmp(&value).is_eq(),
            _ => self.off == *value,
        }
    }

    /// What it is by a value that everybody gets.
    pub(super) fn by_value(&self, value: &Value) -> State {
        match value {
            Value::Null => State::Unknown,
            value if self.is_off(value) => State::Off,
            _ => State::On,
        }
    }

    /// What it is where the code's own default counts, and why that does.
    pub(super) fn by_code(&self, why: &str) -> (State, String) {
        match &self.code_default {
            None => {
                let says = format!("{why}: the code's default counts, which is not declared");
                (State::Unknown, says)
            }
            Some(value) if self.is_off(value) => {
                (State::Off, format!("{why}: the code's default is off"))
            }
            Some(_) => (State::On, format!("{why}: the code's default is not off")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// A flag by the settings for it.
    pub(in super::super) fn flag(settings: Value) -> Flag {
        serde_json::from_value(settings).expect("a flag")
    }

    #[test]
    fn off_is_what_is_declared_as_off() {
        let rows = [
            ("false by itself", json!({"name": "a"}), json!(false), State::Off),
            ("true", json!({"name": "a"}), json!(true), State::On),
            ("a word", json!({"name": "a", "off": "control"}), json!("control"), State::Off),
            ("another", json!({"name": "a", "off": "control"}), json!("treatment"), State::On),
            ("zero is zero", json!({"name": "a", "off": 0}), json!(0.0), State::Off),
            ("no text for a flag", json!({"name": "a"}), json!("false"), State::On),
            ("nothing", json!({"name": "a"}), Value::Null, State::Unknown),
        ];
        for (row, settings, value, state) in rows {
            assert_eq!(flag(settings).by_value(&value), state, "{row}");
        }
    }

    #[test]
    fn the_codes_default_counts_once_it_is_declared() {
        let rows = [
            ("not declared", json!({"name": "a"}), State::Unknown),
            ("off", json!({"name": "a", "code_default": false}), State::Off),
            ("on", json!({"name": "a", "code_default": true}), State::On),
            ("a word", json!({"name": "a", "off": "x", "code_default": "x"}), State::Off),
        ];
        for (row, settings, state) in rows {
            assert_eq!(flag(settings).by_code("disabled").0, state, "{row}");
        }
    }
}
