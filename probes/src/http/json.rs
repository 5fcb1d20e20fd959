//! Values out of a JSON body: where they stand, and as what they are read.
//!
//! A value of another type than declared is no value; nothing is converted.

use jiff::Timestamp;
use launchgate_core::reading::{MAX_ENTRIES, MAX_TEXT, ReadingType, Unit, Value, number, texts};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::prometheus::settings::UnitSetting;

/// How far a time may lie in the future, in seconds: clocks differ a little.
const MAX_AHEAD: f64 = 60.0;

/// A value in a JSON body that becomes a reading.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonReading {
    /// Where it stands: a JSON pointer (RFC 6901) such as `/checks/0/status`; empty for the whole body.
    pub pointer: String,
    /// As what it is read.
    #[serde(rename = "as")]
    pub form: JsonForm,
    /// What a number counts: `one` (the default), `percent`, `time` (in seconds), `bytes` or `per_second`.
    #[serde(default)]
    pub unit: Option<UnitSetting>,
}

/// As what a value in a JSON body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JsonForm {
    /// A number.
    Number,
    /// A text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A list of texts, numbers or flags, all as texts.
    Texts,
    /// How many entries a list or an object has.
    Count,
    /// How long ago a time was: RFC 3339 (`2026-12-01T09:00:00Z`) or seconds since 1970.
    Age,
}

impl JsonReading {
    /// What is wrong with the declaration, if anything: at which key, and why.
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        let escaped = self.pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !(self.pointer.is_empty() || self.pointer.starts_with('/')) || !escaped {
            let message = format!("`{}` is no JSON pointer: write it like `/a/0/b`", self.pointer);
            return Some(("pointer", message));
        }
        if self.unit.is_some() && self.form != JsonForm::Number {
            return Some(("unit", "it belongs to `as: number`".to_owned()));
        }
        None
    }

    /// The type of the reading.
    pub(crate) fn kind(&self) -> ReadingType {
        match self.form {
            JsonForm::Number => ReadingType::Number(self.unit.map_or(Unit::One, UnitSetting::unit)),
            JsonForm::Text => ReadingType::Text,
            JsonForm::Flag => ReadingType::Flag,
            JsonForm::Texts => ReadingType::Texts,
            JsonForm::Count => ReadingType::Number(Unit::One),
            JsonForm::Age => ReadingType::Number(Unit::Time),
        }
    }

    /// Reads the value, at `now`.
    ///
    /// # Errors
    /// Why there is none, as a fragment about it.
    pub(crate) fn read(&self, body: &Json, now: Timestamp) -> Result<Value, String> {
        let found = body.pointer(&self.pointer).ok_or("is not there")?;
        let value = match (self.form, found) {
            (JsonForm::Number, Json::Number(n)) => n.as_f64().map(number),
            (JsonForm::Text, Json::String(text)) => Some(Value::Text(text.clone())),
            (JsonForm::Flag, Json::Bool(flag)) => Some(Value::Flag(*flag)),
            (JsonForm::Texts, Json::Array(list)) if list.len() > MAX_ENTRIES => {
                return Err(format!("has more than {MAX_ENTRIES} entries"));
            }
            (JsonForm::Texts, Json::Array(list)) => {
                let list: Option<Vec<String>> = list.iter().map(plain).collect();
                list.map(texts)
            }
            (JsonForm::Count, Json::Array(list)) => Some(count(list.len())),
            (JsonForm::Count, Json::Object(map)) => Some(count(map.len())),
            (JsonForm::Age, found) => {
                seconds(found).map(|at| now.as_duration().as_secs_f64() - at).map(number)
            }
            _ => None,
        };
        match value {
            Some(Value::Number(age)) if self.form == JsonForm::Age && age < -MAX_AHEAD => {
                Err("is a time in the future".to_owned())
            }
            Some(value) => Ok(value),
            None => Err(format!("is {}, not {}", shape(found), self.wanted())),
        }
    }

    fn wanted(&self) -> &'static str {
        match self.form {
            JsonForm::Number => "a number",
            JsonForm::Text => "a text",
            JsonForm::Flag => "true or false",
            JsonForm::Texts => "a list of short plain values",
            JsonForm::Count => "a list or an object",
            JsonForm::Age => "a time",
        }
    }
}

fn count(entries: usize) -> Value {
    number(f64::from(u32::try_from(entries).unwrap_or(u32::MAX)))
}

/// A value that is no list and no object, as text, if a reading holds it whole.
fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => text.chars().nth(MAX_TEXT).is_none().then(|| text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A time as seconds since 1970.
fn seconds(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => {
            text.parse::<Timestamp>().ok().map(|at| at.as_duration().as_secs_f64())
        }
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn shape(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_as_declared_or_not_at_all() {
        let body = json!({
            "n": 1.5, "t": "1.5", "f": true, "l": ["b", 2, true], "deep": [[1]], "o": {"a": null},
            "a/b": "slash", "at": "2026-12-01T09:00:00+01:00", "unix": 1_796_112_000, "late": "2027-01-01T00:00:00Z",
        });
        let now = "2026-12-01T09:00:00Z".parse().expect("a time");
        let list = ["2", "b", "true"].map(str::to_owned).to_vec();
        let rows = [
            ("a number", "/n", JsonForm::Number, Ok(Value::Number(1.5))),
            ("a text that looks like one", "/t", JsonForm::Number, Err("is a text, not a number")),
            ("a text", "/t", JsonForm::Text, Ok(Value::Text("1.5".into()))),
            ("a flag", "/f", JsonForm::Flag, Ok(Value::Flag(true))),
            ("no flag", "/n", JsonForm::Flag, Err("is a number, not true or false")),
            ("a list", "/l", JsonForm::Texts, Ok(Value::Texts(list))),
            (
                "a list of lists",
                "/deep",
                JsonForm::Texts,
                Err("is a list, not a list of short plain values"),
            ),
            ("how many", "/l", JsonForm::Count, Ok(Value::Number(3.0))),
            ("how many keys", "/o", JsonForm::Count, Ok(Value::Number(1.0))),
            ("an element", "/l/0", JsonForm::Text, Ok(Value::Text("b".into()))),
            ("an escaped key", "/a~1b", JsonForm::Text, Ok(Value::Text("slash".into()))),
            ("null", "/o/a", JsonForm::Text, Err("is null, not a text")),
            ("nothing", "/x", JsonForm::Text, Err("is not there")),
            ("an age", "/at", JsonForm::Age, Ok(Value::Number(3600.0))),
            ("an age by number", "/unix", JsonForm::Age, Ok(Value::Number(3600.0))),
            ("no time", "/t", JsonForm::Age, Err("is a text, not a time")),
            ("a time to come", "/late", JsonForm::Age, Err("is a time in the future")),
        ];
        for (row, pointer, form, expected) in rows {
            let reading = JsonReading { pointer: pointer.into(), form, unit: None };
            assert_eq!(reading.problem(), None, "{row}");
            assert_eq!(reading.read(&body, now), expected.map_err(str::to_owned), "{row}");
        }
    }
}
