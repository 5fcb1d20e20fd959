//! flagd: the definitions of flags (OpenFeature), read instead of evaluated.
//!
//! A flag is off when its default variant is and no rule can change that. One that is disabled, or has no default
//! variant, is what the code says.

use launchgate_core::observation::{Cause, Failure};
use serde_json::{Map, Value, json};

use super::flag::{Flag, Found, State};

/// Definitions by name, and what they share.
#[derive(Debug)]
pub(super) struct Definitions {
    flags: Map<String, Value>,
    evaluators: Value,
    /// What the document calls itself.
    pub(super) version: Option<String>,
}

impl Definitions {
    /// Takes a document apart.
    ///
    /// # Errors
    /// [`Cause::BadResponse`] for one without flags, or with one that has no name.
    pub(super) fn read(mut document: Value) -> Result<Self, Failure> {
        let bad = |why: &str| Failure::new(Cause::BadResponse, format!("the definitions: {why}"));
        let version = document.pointer("/metadata/version").and_then(|v| match v {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let evaluators = document.get("$evaluators").cloned().unwrap_or_default();
        let flags = match document.get_mut("flags").map(Value::take) {
            Some(Value::Object(flags)) => flags,
            Some(Value::Array(list)) => {
                let named = list.into_iter().map(|flag| {
                    let key = flag.get("key").and_then(Value::as_str).map(str::to_owned);
                    Ok((key.ok_or_else(|| bad("a flag has no `key`"))?, flag))
                });
                named.collect::<Result<_, Failure>>()?
            }
            _ => return Err(bad("there is no `flags` in them")),
        };
        Ok(Self { flags, evaluators, version })
    }

    /// What a flag is by its definition.
    pub(super) fn judge(&self, flag: &Flag) -> Found {
        let Some(definition) = self.flags.get(&flag.name) else {
            return Found::missing("it is not defined");
        };
        let targeting = definition.get("targeting").filter(|t| !is_empty(t));
        let (state, says) = judge(flag, definition, targeting.is_some());
        let key = |name: &str| definition.get(name).cloned().unwrap_or_default();
        let shared = if targeting.is_some() { self.evaluators.clone() } else { Value::Null };
        let seen =
            json!([key("state"), key("variants"), key("defaultVariant"), key("targeting"), shared]);
        Found::new(state, says, seen)
    }
}

/// Whether rules are none.
fn is_empty(targeting: &Value) -> bool {
    match targeting {
        Value::Null => true,
        Value::Object(rules) => rules.is_empty(),
        _ => false,
    }
}

fn judge(flag: &Flag, definition: &Value, targeted: bool) -> (State, String) {
    match definition.get("state").and_then(Value::as_str) {
        Some("ENABLED") => {}
        Some("DISABLED") => return flag.by_code("disabled"),
        _ => return (State::Unknown, "its state is neither ENABLED nor DISABLED".to_owned()),
    }
    if targeted {
        return (State::Rollout, "a rule says who gets what (`targeting`)".to_owned());
    }
    let variant = match definition.get("defaultVariant") {
        None | Some(Value::Null) => return flag.by_code("no default variant"),
        Some(Value::String(variant)) => variant.clone(),
        // The definition of a flag may name a variant by what JSON has for it.
        Some(other) => other.to_string(),
    };
    let Some(value) = definition.get("variants").and_then(|v| v.get(&variant)) else {
        return (State::Unknown, format!("its default variant `{variant}` is not defined"));
    };
    (flag.by_value(value), format!("the default variant is `{variant}`"))
}

#[cfg(test)]
mod tests {
    use super::super::flag::tests::flag;
    use super::*;

    fn definition(state: &str, default: &Value, targeting: &Value) -> Value {
        json!({"flags": {"f": {
            "state": state, "variants": {"on": true, "off": false, "x": null},
            "defaultVariant": default, "targeting": targeting,
        }}})
    }

    #[test]
    fn a_flag_is_off_by_its_definition_alone() {
        let (none, rule) =
            (json!({}), json!({"if": [{"in": ["@x", {"var": "email"}]}, "on", "off"]}));
        let plain = json!({"name": "f"});
        let safe = json!({"name": "f", "code_default": false});
        let unsafe_ = json!({"name": "f", "code_default": true});
        let rows = [
            ("off", definition("ENABLED", &json!("off"), &none), &plain, State::Off),
            (
                "no rule is null",
                definition("ENABLED", &json!("off"), &Value::Null),
                &plain,
                State::Off,
            ),
            ("on", definition("ENABLED", &json!("on"), &none), &plain, State::On),
            ("a rule", definition("ENABLED", &json!("off"), &rule), &plain, State::Rollout),
            ("disabled", definition("DISABLED", &json!("off"), &none), &plain, State::Unknown),
            ("disabled, on", definition("DISABLED", &json!("on"), &none), &safe, State::Off),
            ("the code is on", definition("DISABLED", &json!("off"), &none), &unsafe_, State::On),
            (
                "disabled with a rule",
                definition("DISABLED", &json!("on"), &rule),
                &safe,
                State::Off,
            ),
            ("no default", definition("ENABLED", &Value::Null, &none), &plain, State::Unknown),
            ("the code's", definition("ENABLED", &Value::Null, &none), &safe, State::Off),
            ("no such variant", definition("ENABLED", &json!("of"), &none), &plain, State::Unknown),
            ("no value", definition("ENABLED", &json!("x"), &none), &plain, State::Unknown),
            ("another state", definition("enabled", &json!("off"), &none), &plain, State::Unknown),
            ("not defined", json!({"flags": {}}), &safe, State::Unknown),
            (
                "a list of flags",
                json!({"flags": [{"key": "f", "state": "ENABLED", "variants": {"no": false},
                                  "defaultVariant": "no"}]}),
                &plain,
                State::Off,
            ),
        ];
        for (row, document, settings, state) in rows {
            let definitions = Definitions::read(document).expect(row);
            let found = definitions.judge(&flag(settings.clone()));
            assert_eq!(found.state, state, "{row}: {}", found.says);
            assert!(found.definition.is_some(), "{row}");
        }
    }

    #[test]
    fn what_has_no_flags_is_no_definition() {
        for (row, document) in [
            ("a list", json!([])),
            ("a text", json!("flags")),
            ("none", json!({})),
            ("no list", json!({"flags": true})),
            ("no name", json!({"flags": [{"state": "ENABLED"}]})),
        ] {
            let failure = Definitions::read(document).expect_err(row);
            assert_eq!(failure.cause, Cause::BadResponse, "{row}");
        }
    }

    #[test]
    fn a_shared_rule_is_part_of_the_definitions_that_may_use_it() {
        let with = |rule: &Value, shared: &str| {
            let mut document = definition("ENABLED", &json!("off"), rule);
            document["$evaluators"] = json!({"staff": {"in": [shared, {"var": "email"}]}});
            Definitions::read(document).expect("definitions").judge(&flag(json!({"name": "f"})))
        };
        let rule = json!({"if": [{"$ref": "staff"}, "on", "off"]});
        assert_ne!(with(&rule, "a").definition, with(&rule, "b").definition);
        assert_eq!(with(&json!({}), "a").definition, with(&json!({}), "b").definition);
    }
}
