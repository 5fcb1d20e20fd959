//! A procedure: the steps to take, as written. It never changes once a run of it has begun.

use schemars::JsonSchema;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::milestone::Milestone;
use crate::name::Name;
use crate::time::Due;

/// What a step does to the world, and so what may be done about it after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It changes nothing and may be repeated.
    Read,
    /// Doing it twice is the same as doing it once.
    Idempotent,
    /// It must not be done twice: where it may have acted and that cannot be verified, a person decides.
    Once,
}

/// What a procedure is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To go back. A trigger calls for it, or a person through one.
    #[default]
    Rollback,
    /// To launch, hour by hour. A person begins it.
    Launch,
}

/// What becomes of a step when there is no telling whether it acted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnInDoubt {
    /// A person decides.
    #[default]
    Ask,
    /// The step's own `verify` looks whether the desired state is reached; a person decides where that does not help.
    Verify,
    /// It is begun again. Never for a step that acts `once`.
    Retry,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The step's name within its procedure.
    pub id: Name,
    /// The kind of action: `exec`, `http`, `notify`, `wait`, `manual`, `gate`, `milestone`.
    pub action: Name,
    /// The action's settings, compiled and complete, secrets by reference.
    pub settings: Json,
    /// How long it may take.
    #[serde(with = "crate::time::duration_text")]
    #[schemars(with = "String")]
    pub timeout: Duration,
    /// What it does to the world.
    pub effect: Effect,
    /// Whether the procedure stops when it fails.
    pub critical: bool,
    /// The milestone without which the step is skipped.
    pub when: Option<Milestone>,
    /// The role that does it or watches it.
    pub owner: Option<Name>,
    /// What becomes of it when it is in doubt. A run that was made before there was a choice asks.
    #[serde(default)]
    pub on_in_doubt: OnInDoubt,
    /// The settings of the look whether the desired state is reached, compiled and complete, secrets by reference.
    #[serde(default)]
    pub verify: Option<Json>,
    /// When it is planned to begin. It begins when the one before it has ended, earlier or later, and is told as late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Due>,
    /// Before when it does not begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Due>,
    /// The rollback that begins when it fails, in place of asking a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Name>,
}

impl Step {
    /// Whether a person does it.
    pub fn is_manual(&self) -> bool {
        self.action.as_str() == "manual"
    }

    /// Whether it only tells people something.
    pub fn is_message(&self) -> bool {
        self.action.as_str() == "notify"
    }

    /// Whether it waits until checks pass.
    pub fn looks_at_checks(&self) -> bool {
        let checks = self.settings.get("checks").and_then(Json::as_array);
        self.action.as_str() == "wait" && checks.is_some_and(|checks| !checks.is_empty())
    }
}

/// A text in which `${name}` stands for a value. One pass: what is filled in is never read again, and a name that is not
/// known stays as it is.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let named = after.split_once('}');
        let known = named.and_then(|(name, rest)| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, rest))
        });
        let (value, behind) = known.unwrap_or(("${", after));
        out.push_str(value);
        rest = behind;
    }
    out + rest
}

/// Steps in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Procedure {
    /// The name.
    pub id: Name,
    /// What it is for.
    #[serde(default)]
    pub purpose: Purpose,
    /// The steps.
    pub steps: Vec<Step>,
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn texts_are_filled_once() {
        let values = [("version", "2.4"), ("because", "it said ${version}")];
        let rows = [
            ("nothing to fill", "as it is", "as it is"),
            ("two", "${version} and ${version}", "2.4 and 2.4"),
            ("what is filled in is not read again", "${because}", "it said ${version}"),
            ("unknown", "${nope} ${version}", "${nope} 2.4"),
            ("open", "${version", "${version"),
        ];
        for (row, text, expected) in rows {
            assert_eq!(fill(text, &values), expected, "{row}");
        }
    }
}
