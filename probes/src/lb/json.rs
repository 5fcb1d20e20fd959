//! A list of backends in any JSON: pointers say where it is, and what each of its entries is called and says.
//!
//! A value that is neither among the healthy nor among the unhealthy ones says nothing.

use launchgate_core::observation::{Cause, Failure};
use serde_json::Value;

use super::pool::{Entry, State};

/// Where things stand, and what they mean.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) list: String,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) healthy: Vec<Value>,
    pub(super) unhealthy: Vec<Value>,
    pub(super) next: Option<String>,
}

/// Reads the entries.
///
/// # Errors
/// [`Cause::NoData`] for an empty list, [`Cause::Partial`] for one that goes on elsewhere, [`Cause::BadResponse`] for
/// what has no list, or an entry in it that has no name.
pub(super) fn parse(body: &[u8], shape: &Shape) -> Result<Vec<Entry>, Failure> {
    let bad = |why: String| Failure::new(Cause::BadResponse, format!("the list: {why}"));
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::new(Cause::NoData, "the answer is empty"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|e| bad(e.to_string()))?;
    if let Some(next) = &shape.next {
        let more = body.pointer(next).is_some_and(|mark| match mark {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            _ => true,
        });
        if more {
            let message = format!("the list goes on elsewhere, as `{next}` says");
            return Err(Failure::new(Cause::Partial, message));
        }
    }
    let Some(list) = body.pointer(&shape.list).and_then(Value::as_array) else {
        return Err(bad(format!("there is none at `{}`", shape.list)));
    };
    if list.is_empty() {
        // A page without entries may be one that this token may see nothing of.
        return Err(Failure::new(Cause::NoData, format!("the list at `{}` is empty", shape.list)));
    }
    let entries = list.iter().map(|entry| {
        let name = match entry.pointer(&shape.name) {
            Some(Value::String(name)) => name.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err(bad(format!("an entry has no name at `{}`", shape.name))),
        };
        let (state, says) = shape.state(entry.pointer(&shape.status));
        Ok(Entry { name, alias: None, state, says, since: None })
    });
    entries.collect()
}

impl Shape {
    fn state(&self, status: Option<&Value>) -> (State, String) {
        let Some(status) = status else {
            return (State::Unchecked, "it does not say how it is".to_owned());
        };
        let says = status.as_str().map_or_else(|| status.to_string(), str::to_owned);
        if self.healthy.contains(status) {
            (State::Healthy, says)
        } else if self.unhealthy.contains(status) {
            (State::Down, says)
        } else {
            (State::Unchecked, format!("{says}: a value that is not known here"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape() -> Shape {
        Shape {
            list: "/targets".into(),
            name: "/id".into(),
            status: "/health/state".into(),
            healthy: vec![json!("healthy"), json!(true)],
            unhealthy: vec![json!("unhealthy"), json!("draining")],
            next: Some("/next".into()),
        }
    }

    #[test]
    fn only_known_values_say_anything() {
        let rows = [
            ("healthy", json!({"state": "healthy"}), State::Healthy),
            ("true", json!({"state": true}), State::Healthy),
            ("unhealthy", json!({"state": "draining"}), State::Down),
            ("another word", json!({"state": "Healthy"}), State::Unchecked),
            ("null", json!({"state": null}), State::Unchecked),
            ("none", json!({}), State::Unchecked),
        ];
        for (row, health, state) in rows {
            let body = json!({"targets": [{"id": "a", "health": health}]}).to_string();
            let entries = parse(body.as_bytes(), &shape()).expect(row);
            assert_eq!(entries[0].state, state, "{row}: {}", entries[0].says);
        }
    }

    #[test]
    fn an_empty_page_and_a_first_page_say_nothing() {
        let rows = [
            ("empty", json!({"targets": []}), Some(Cause::NoData)),
            ("more elsewhere", json!({"targets": [{"id": 1}], "next": "x"}), Some(Cause::Partial)),
            ("no more", json!({"targets": [{"id": 1}], "next": null}), None),
            ("no more, in a text", json!({"targets": [{"id": 1}], "next": ""}), None),
            ("no list", json!({"targets": {}}), Some(Cause::BadResponse)),
            ("no name", json!({"targets": [{}]}), Some(Cause::BadResponse)),
        ];
        for (row, body, cause) in rows {
            let got = parse(body.to_string().as_bytes(), &shape());
            assert_eq!(got.err().map(|f| f.cause), cause, "{row}");
        }
        for (row, body, cause) in
            [("nothing", " ", Cause::NoData), ("a page", "<", Cause::BadResponse)]
        {
            assert_eq!(parse(body.as_bytes(), &shape()).expect_err(row).cause, cause, "{row}");
        }
    }
}
