//! YAML of somebody else's configuration as JSON, in which every scalar is a text or null.
//!
//! Aliases are refused, so that a small text stays a small tree; types of scalars are left to who reads them.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The largest text that is read, in bytes.
pub(crate) const MAX_TEXT: usize = 4 * 1024 * 1024;
/// How deep it may be nested.
const MAX_DEPTH: usize = 100;

enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

/// Reads the first document of a text.
///
/// # Errors
/// Why it is none that is read.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("it is larger than {MAX_TEXT} bytes"));
    }
    let mut stack: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|e| format!("it is no YAML: {}", e.info()))?;
        let done = match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(text.as_ref(), "" | "~" | "null");
                Some(if null { Value::Null } else { Value::String(text.into_owned()) })
            }
            Event::SequenceStart(..) => {
                stack.push(Open::List(Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                stack.push(Open::Map(Map::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => stack.pop().map(|open| match open {
                Open::List(list) => Value::Array(list),
                Open::Map(map, _) => Value::Object(map),
            }),
            Event::Alias(_) => return Err("it has an alias, and those are not followed".to_owned()),
            _ => None,
        };
        if stack.len() > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        let Some(value) = done else { continue };
        match stack.last_mut() {
            None => return Ok(value),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Map(map, key)) => match (key.take(), value) {
                (Some(key), value) => {
                    if map.insert(key.clone(), value).is_some() {
                        return Err(format!("the key `{key}` stands there twice"));
                    }
                }
                (None, Value::String(name)) => *key = Some(name),
                (None, _) => return Err("a key is no text".to_owned()),
            },
        }
    }
    Err("it is empty".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_read_and_a_bomb_is_not() {
        let rows = [
            ("a map", "a: b\nc: [1, 'null', ~]", Some(json!({"a": "b", "c": ["1", "null", null]}))),
            ("nested", "a:\n- b: {c: |\n  x\n", None),
            ("a block", "a: |\n  x\n  y\n", Some(json!({"a": "x\ny\n"}))),
            ("an alias", "a: &x [1]\nb: *x", None),
            ("a key twice", "a: 1\na: 2", None),
            ("a list as key", "[a]: b", None),
            ("nothing", "", None),
        ];
        for (row, text, expected) in rows {
            assert_eq!(parse(text).ok(), expected, "{row}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err(), "too deep");
    }
}
