//! Flags in any JSON: a pointer for each says where its value stands. Rules behind the values are not seen.

use serde_json::Value;

use super::flag::{Flag, Found, State};

/// What a flag is by the value in its place.
pub(super) fn judge(flag: &Flag, document: &Value) -> Found {
    let pointer = flag.pointer.as_deref().unwrap_or_default();
    match document.pointer(pointer) {
        None => Found::missing("nothing stands in its place"),
        Some(Value::Null) => {
            let (state, says) = flag.by_code("null");
            Found::new(state, says, Value::String("null".to_owned()))
        }
        Some(value) => {
            let state = flag.by_value(value);
            let says = if state == State::Off { "it is off" } else { "it is not off" };
            Found::new(state, says, Value::Array(vec![value.clone()]))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::flag::tests::flag;
    use super::*;

    #[test]
    fn a_value_is_off_on_or_not_there() {
        let document = json!({"flags": [{"on": false}, {"on": true}, {"on": null}]});
        let rows = [
            ("off", "/flags/0/on", None, State::Off),
            ("on", "/flags/1/on", None, State::On),
            ("null", "/flags/2/on", None, State::Unknown),
            ("null, by the code", "/flags/2/on", Some(false), State::Off),
            ("not there", "/flags/3/on", Some(false), State::Unknown),
        ];
        for (row, pointer, default, state) in rows {
            let settings = json!({"name": "f", "pointer": pointer, "code_default": default});
            assert_eq!(judge(&flag(settings), &document).state, state, "{row}");
        }
    }
}
