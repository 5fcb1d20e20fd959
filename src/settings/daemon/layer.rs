//! Layers of settings, merged by the `config` crate into one JSON value that still knows where each value came from.
//!
//! The crate's own typed reading is not used: it turns 21.9 into 22 and "yes" into true without a word.

use config::{Config, ConfigError, Map, Source, ValueKind};
use launchgate_core::problem::{Key, KeyPath};
use serde_json::{Number, Value};

/// A document of settings, and what people call the place that it came from.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) origin: String,
    pub(super) value: Value,
}

/// Layers, merged.
#[derive(Debug)]
pub(super) struct Merged(config::Value);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, config::Value>, ConfigError> {
        match kind(&self.value, &self.origin) {
            ValueKind::Table(table) => Ok(table),
            _ => Err(ConfigError::Message("settings are a mapping".to_owned())),
        }
    }
}

impl Merged {
    /// Merges layers; the later one wins. Each must be a mapping.
    pub(super) fn of(layers: Vec<Layer>) -> Result<Self, ConfigError> {
        let mut all = Config::builder();
        for layer in layers {
            all = all.add_source(layer);
        }
        Ok(Self(all.build()?.cache))
    }

    /// The settings as JSON.
    pub(super) fn value(&self) -> Value {
        json(&self.0)
    }

    /// Where a value came from; of what is missing, where its section came from.
    pub(super) fn origin(&self, path: &KeyPath) -> Option<&str> {
        let mut at = &self.0;
        for key in &path.0 {
            let below = match (key, &at.kind) {
                (Key::Entry(name), ValueKind::Table(table)) => table.get(name),
                (Key::Index(index), ValueKind::Array(items)) => items.get(*index),
                _ => None,
            };
            let Some(below) = below else { break };
            at = below;
        }
        origin(at)
    }
}

/// The origin of a value. A merged section has none of its own: then that of the last thing in it that has.
fn origin(value: &config::Value) -> Option<&str> {
    value.origin().or_else(|| match &value.kind {
        ValueKind::Table(table) => table.values().rev().find_map(origin),
        _ => None,
    })
}

fn kind(value: &Value, origin: &String) -> ValueKind {
    let below = |value: &Value| config::Value::new(Some(origin), kind(value, origin));
    match value {
        Value::Null => ValueKind::Nil,
        Value::Bool(flag) => ValueKind::Boolean(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => ValueKind::I64(number),
            (None, Some(number)) => ValueKind::U64(number),
            (None, None) => ValueKind::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => ValueKind::String(text.clone()),
        Value::Array(items) => ValueKind::Array(items.iter().map(below).collect()),
        Value::Object(map) => {
            ValueKind::Table(map.iter().map(|(key, value)| (key.clone(), below(value))).collect())
        }
    }
}

fn json(value: &config::Value) -> Value {
    match &value.kind {
        ValueKind::Nil => Value::Null,
        ValueKind::Boolean(flag) => Value::Bool(*flag),
        ValueKind::I64(number) => (*number).into(),
        ValueKind::U64(number) => (*number).into(),
        // No layer of ours holds such large ones; as texts they fit no setting and are told.
        ValueKind::I128(number) => number.to_string().into(),
        ValueKind::U128(number) => number.to_string().into(),
        ValueKind::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        ValueKind::String(text) => text.clone().into(),
        ValueKind::Array(items) => items.iter().map(json).collect(),
        ValueKind::Table(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.clone(), json(value))).collect())
        }
    }
}
