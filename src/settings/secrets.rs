//! Secrets that stand in a file that everybody reads: finding them, and not repeating them.
//!
//! A guess by names and addresses. It finds what slips in; who wants to hide a secret from it can.

use launchgate_core::problem::{KeyPath, Problem};
use serde_json::Value;

/// The ends of keys whose values are secrets.
const SECRET_KEYS: [&str; 9] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "authorization",
    "private_key",
    "routing_key",
];

/// A secret that is written out.
pub(super) struct Secret {
    /// What to say about it; the message does not repeat it.
    pub(super) problem: Problem,
    /// What stands there.
    text: String,
}

impl Secret {
    /// Whether another problem is about the same value or repeats it.
    pub(super) fn is_told_by(&self, other: &Problem) -> bool {
        // A text of three characters stands in many a sentence that has nothing to do with it.
        let repeats = |text: &str| self.text.len() > 3 && text.contains(&self.text);
        other.path.0.starts_with(&self.problem.path.0)
            || repeats(&other.message)
            || other.hint.as_deref().is_some_and(repeats)
    }
}

/// Every secret that is written out.
pub(super) fn find(root: &Value) -> Vec<Secret> {
    let mut secrets = Vec::new();
    look(root, &KeyPath::root(), "", &mut secrets);
    secrets
}

/// Whether a line of a file that could not be read as a whole seems to hold a secret.
pub(super) fn in_line(line: &str) -> bool {
    let edge = |c: char| c.is_whitespace() || "'\"[]{},".contains(c);
    let written = |(i, _): (usize, &str)| {
        let value = line[i + 1..].trim_start();
        let literal = !value.is_empty() && !value.starts_with(['{', '#', '&', '*']);
        let before = line[..i].trim_end_matches(['"', '\'', ' ']);
        literal && is_secret(before.rsplit(edge).next().unwrap_or_default())
    };
    line.match_indices(':').any(written) || line.split(edge).any(has_password)
}

/// Whether a key says that its value is a secret.
pub(super) fn is_secret(key: &str) -> bool {
    let named = key.to_lowercase().replace('-', "_");
    SECRET_KEYS.iter().any(|end| named.ends_with(end))
}

fn look(value: &Value, path: &KeyPath, key: &str, secrets: &mut Vec<Secret>) {
    let mut written_out = |text: String, message: String| {
        let hint = "name where it is kept: `{ env: VARIABLE }` or `{ file: PATH }`";
        secrets.push(Secret { problem: Problem::new(path.clone(), message).hint(hint), text });
    };
    let named = || format!("the value of `{key}` is a secret and is written out");
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) if is_secret(key) => written_out(text.clone(), named()),
        Value::Number(number) if is_secret(key) => written_out(number.to_string(), named()),
        Value::String(text) if has_password(text) => {
            written_out(text.clone(), "this address holds a password".to_owned());
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                look(item, &path.index(i), key, secrets);
            }
        }
        Value::Object(map) => {
            // A reference: what stands there names the secret and is none.
            if map.len() == 1
                && ["env", "file"].iter().any(|k| map.get(*k).is_some_and(Value::is_string))
            {
                return;
            }
            for (key, item) in map {
                look(item, &path.entry(key), key, secrets);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a text is an address with a password: `scheme://user:password@host`, `…?password=…`, or the words of a
/// PostgreSQL connection, `host=db password=…`.
fn has_password(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        let lower = text.to_lowercase();
        let mut words = lower.split_whitespace();
        return lower.contains("host=")
            && words.any(|w| w.strip_prefix("password=").is_some_and(|v| !v.is_empty()));
    };
    if !scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) {
        return false;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    user.and_then(|u| u.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
        || query.split(['&', '#']).any(|pair| {
            pair.split_once('=').is_some_and(|(key, value)| !value.is_empty() && is_secret(key))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_found_and_references_are_not() {
        let rows = [
            ("by its key", json!({ "api-key": "x" }), true),
            ("a number", json!({ "db_password": 12345 }), true),
            ("in a list", json!({ "tokens_token": ["x"] }), true),
            ("a variable of the environment", json!({ "env": { "DEPLOY_TOKEN": "x" } }), true),
            ("in an address", json!({ "url": "postgres://u:p@h/db" }), true),
            ("in a query", json!({ "url": "https://h/x?a=1&access_token=x" }), true),
            ("in the words of a connection", json!({ "dsn": "host=h password=x" }), true),
            ("by reference", json!({ "token": { "env": "TOKEN" } }), false),
            ("by reference to a file", json!({ "token": { "file": "token" } }), false),
            ("a user alone", json!({ "url": "postgres://u@h/db" }), false),
            ("a port", json!({ "url": "http://h:9090/a@b" }), false),
            ("a query of metrics", json!({ "query": "sum(x{password=\"y\"})" }), false),
            ("empty", json!({ "password": "" }), false),
        ];
        for (row, value, found) in rows {
            assert_eq!(!find(&value).is_empty(), found, "{row}");
        }
    }

    #[test]
    fn lines_that_seem_to_hold_a_secret_are_known() {
        let rows = [
            ("a key", "  password: hunter2", true),
            ("a quoted key", "  \"db-password\" : hunter2", true),
            ("in braces", "with: { a: 1, token: hunter2 }", true),
            ("an address", "url: \"postgres://u:hunter2@h/db\"", true),
            ("a reference", "  password: { env: PASSWORD }", false),
            ("nothing yet", "  password:", false),
            ("something else", "  title: the token: who has it?", true),
            ("a plain line", "  due: T-5d", false),
        ];
        for (row, line, found) in rows {
            assert_eq!(in_line(line), found, "{row}");
        }
    }
}
