//! Secrets that stand in a launch file, where everybody reads them.

use launchgate_core::problem::{KeyPath, Problem};
use serde_json::Value;

/// The ends of keys whose values are secrets.
const SECRET_KEYS: [&str; 8] =
    ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "private_key"];

/// Every secret that is written out. The messages do not repeat it.
pub(super) fn find(root: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    look(root, &KeyPath::root(), "", &mut problems);
    problems
}

fn look(value: &Value, path: &KeyPath, key: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::String(text) if !text.is_empty() => {
            let named = key.to_lowercase().replace('-', "_");
            let message = if SECRET_KEYS.iter().any(|end| named.ends_with(end)) {
                format!("the value of `{key}` is a secret and is written out")
            } else if has_password(text) {
                "this address holds a password".to_owned()
            } else {
                return;
            };
            let hint = "name where it is kept: `{ env: VARIABLE }` or `{ file: PATH }`";
            problems.push(Problem::new(path.clone(), message).hint(hint));
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                look(item, &path.index(i), key, problems);
            }
        }
        Value::Object(map) => {
            // A reference: what stands there names the secret and is none.
            if map.len() == 1 && (map.contains_key("env") || map.contains_key("file")) {
                return;
            }
            for (key, item) in map {
                look(item, &path.entry(key), key, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a text is an address with a password: `scheme://user:password@host`.
fn has_password(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let plain = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    plain && user.and_then(|u| u.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
}
