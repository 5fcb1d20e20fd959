//! Reading settings strictly: every unknown key at once with a "did you mean", then the first value that does not fit.
//!
//! The unknown keys come from walking the settings beside their JSON Schema, since a deserialiser stops at the first.

use launchgate_core::problem::{Key, KeyPath, Problem, did_you_mean};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads `value` as `T`, refusing what `T` does not know.
///
/// # Errors
/// All unknown keys, and the first value that is missing or of the wrong type.
pub fn read<T: DeserializeOwned + JsonSchema>(mut value: Value) -> Result<T, Vec<Problem>> {
    let schema = schemars::schema_for!(T).to_value();
    let mut problems = Vec::new();
    strip_unknown(&mut value, &schema, &schema, &KeyPath::root(), &mut problems);
    match serde_path_to_error::deserialize::<_, T>(value) {
        Ok(read) if problems.is_empty() => Ok(read),
        Ok(_) => Err(problems),
        Err(error) => {
            problems.push(from_serde(&error));
            Err(problems)
        }
    }
}

/// Removes the keys that `schema` does not know from `value`, and notes each as a problem.
fn strip_unknown(
    value: &mut Value,
    schema: &Value,
    root: &Value,
    path: &KeyPath,
    out: &mut Vec<Problem>,
) {
    let Some(schema) = resolve(schema, root, value) else { return };
    match value {
        Value::Object(map) => strip_object(map, schema, root, path, out),
        Value::Array(items) => {
            if let Some(item_schema) = schema.get("items") {
                for (i, item) in items.iter_mut().enumerate() {
                    strip_unknown(item, item_schema, root, &path.index(i), out);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn strip_object(
    map: &mut Map<String, Value>,
    schema: &Value,
    root: &Value,
    path: &KeyPath,
    out: &mut Vec<Problem>,
) {
    let none = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let rest = schema.get("additionalProperties");
    if rest == Some(&Value::Bool(false)) {
        let unknown: Vec<String> =
            map.keys().filter(|k| !known.contains_key(*k)).cloned().collect();
        for key in unknown {
            let names = known.keys().map(String::as_str);
            let hint = did_you_mean(&key, names.clone())
                .unwrap_or_else(|| format!("known keys are {}", list(names)));
            out.push(
                Problem::new(path.entry(&key), format!("unknown key `{key}`")).hint(hint).at_key(),
            );
            map.shift_remove(&key);
        }
    }
    for (key, item) in map.iter_mut() {
        if let Some(below) = known.get(key).or(rest.filter(|r| r.is_object())) {
            strip_unknown(item, below, root, &path.entry(key), out);
        }
    }
}

/// Follows references, and picks the alternative of an `anyOf`/`oneOf` that has the value's shape.
fn resolve<'s>(schema: &'s Value, root: &'s Value, value: &Value) -> Option<&'s Value> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return resolve(root.pointer(reference.strip_prefix('#')?)?, root, value);
    }
    let alternatives =
        schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    let Some(alternatives) = alternatives else { return Some(schema) };
    let fits = |s: &&Value| s.get("type").and_then(Value::as_str) == Some(shape(value));
    let mut resolved = alternatives.iter().filter_map(|s| resolve(s, root, value)).filter(fits);
    let first = resolved.next();
    // With several alternatives of one shape there is no telling which was meant: the deserialiser says.
    if resolved.next().is_some() { None } else { first }
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

/// Turns a deserialiser's error into a problem at the value that it stopped at.
pub fn from_serde(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    use serde_path_to_error::Segment;
    let mut path = KeyPath::root();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => path.0.push(Key::Index(*index)),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                path.0.push(Key::Entry(key.clone()));
            }
            Segment::Unknown => {}
        }
    }
    let message = error.inner().to_string();
    // serde_json appends a position in a text that the user never saw.
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    Problem::new(path, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its reading is tested")]
        name: String,
        #[expect(dead_code, reason = "only its reading is tested")]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its reading is tested")]
        port: u16,
    }

    #[test]
    fn every_unknown_key_is_named_at_once() {
        let value =
            json!({"nmae": "x", "name": "y", "inner": [{"port": 1}, {"prt": 2, "port": 3}]});
        let problems = read::<Outer>(value).expect_err("two keys are unknown");
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "nmae: unknown key `nmae` (did you mean `name`?)",
                "inner[1].prt: unknown key `prt` (did you mean `port`?)"
            ]
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_path() {
        let problems =
            read::<Outer>(json!({"name": "y", "inner": [{"port": "x"}]})).expect_err("no number");
        assert_eq!(problems[0].path.to_string(), "inner[0].port");
    }
}
