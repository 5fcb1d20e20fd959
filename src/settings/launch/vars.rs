//! `${name}` in texts stands for an entry of `vars:`.

use std::collections::HashMap;

use launchgate_core::announcement::VARIABLES;
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use serde_json::{Map, Value};

/// What a step's texts may name beside `vars:`; it is filled in when the step runs.
const AT_RUN_TIME: [&str; 5] =
    ["trigger.because", "launch", "version", "previous_version", "run.id"];

/// What the texts of a section may name beside `vars:`.
fn at_run_time(root: &Value, section: &str) -> Vec<String> {
    let keys = |section: &str, prefix: &'static str| {
        let map = root.get(section).and_then(Value::as_object);
        map.into_iter().flatten().map(move |(key, _)| format!("{prefix}{key}"))
    };
    match section {
        "procedures" => AT_RUN_TIME.map(str::to_owned).into(),
        "announcements" => {
            let own = VARIABLES.into_iter().map(str::to_owned);
            own.chain(keys("people", "owner.")).chain(keys("links", "links.")).collect()
        }
        _ => Vec::new(),
    }
}

/// What filling in left behind.
#[derive(Default)]
pub(super) struct Filled {
    /// The references that lead nowhere.
    pub(super) problems: Vec<Problem>,
    /// The texts as they were written, where something was filled in.
    written: HashMap<KeyPath, Vec<Reference>>,
}

/// A reference that was filled in, in characters.
struct Reference {
    /// Where it begins in the text as written.
    at: usize,
    /// How long it is as written.
    written: usize,
    /// How long what it stands for is.
    filled: usize,
}

impl Filled {
    /// A problem that points into a filled text, pointing into the text as written.
    pub(super) fn as_written(&self, problem: Problem) -> Problem {
        let (Some(mut offset), Some(references)) =
            (problem.offset, self.written.get(&problem.path))
        else {
            return problem;
        };
        for reference in references {
            if offset >= reference.at + reference.filled {
                offset = offset - reference.filled + reference.written;
            } else if offset >= reference.at {
                offset = reference.at;
            }
        }
        problem.offset(offset)
    }
}

/// Fills the texts of a launch file in place, and says what is wrong with their references.
pub(super) fn fill(root: &mut Value) -> Filled {
    let vars = root.get("vars").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut filled = Filled::default();
    let later: HashMap<&str, Vec<String>> =
        ["procedures", "announcements"].map(|name| (name, at_run_time(root, name))).into();
    let Some(sections) = root.as_object_mut() else { return filled };
    for (name, section) in sections.iter_mut().filter(|(name, _)| *name != "vars") {
        let path = KeyPath::root().entry(name);
        let later = later.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        fill_below(section, &path, &vars, later, &mut filled);
    }
    filled
}

fn fill_below(
    value: &mut Value,
    path: &KeyPath,
    vars: &Map<String, Value>,
    later: &[String],
    filled: &mut Filled,
) {
    match value {
        Value::String(text) if text.contains("${") => match fill_text(text, vars, later) {
            Ok((new, references)) => {
                *value = new;
                filled.written.insert(path.clone(), references);
            }
            Err((offset, message, hint)) => {
                let problem = Problem::new(path.clone(), message).offset(offset).hint(hint);
                filled.problems.push(problem);
            }
        },
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                fill_below(item, &path.index(i), vars, later, filled);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                fill_below(item, &path.entry(key), vars, later, filled);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text with its references filled in. One that is a reference and nothing else takes the type of what it names.
fn fill_text(
    text: &str,
    vars: &Map<String, Value>,
    later: &[String],
) -> Result<(Value, Vec<Reference>), (usize, String, String)> {
    let mut out = String::new();
    let mut references = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        let offset = text[..text.len() - rest.len() + start].chars().count();
        let Some(end) = rest[start..].find('}') else {
            let message = "`${` without its `}`".to_owned();
            return Err((offset, message, "write `${name}`".to_owned()));
        };
        let name = &rest[start + 2..start + end];
        let whole = start == 0 && end + 1 == rest.len() && out.is_empty();
        let before = out.chars().count();
        match vars.get(name) {
            Some(value) if whole => return Ok((value.clone(), references)),
            Some(Value::String(value)) => out.push_str(value),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => out.push_str(&value.to_string()),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
                let message = format!("`{name}` is no text and cannot stand inside one");
                return Err((offset, message, "use it as the whole value".to_owned()));
            }
            None if later.iter().any(|known| known == name) => {
                out.push_str(&rest[start..=start + end]);
            }
            None => return Err((offset, unknown(name), hint(name, vars, later))),
        }
        let written = rest[start..=start + end].chars().count();
        references.push(Reference { at: offset, written, filled: out.chars().count() - before });
        rest = &rest[start + end + 1..];
    }
    out.push_str(rest);
    Ok((Value::String(out), references))
}

fn unknown(name: &str) -> String {
    format!("there is no `{name}` under `vars:`")
}

fn hint(name: &str, vars: &Map<String, Value>, later: &[String]) -> String {
    let known: Vec<&str> =
        vars.keys().map(String::as_str).chain(later.iter().map(String::as_str)).collect();
    did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match known.as_slice() {
        [] => "add `vars:` at the top of the file".to_owned(),
        known => format!("known are {}", known.join(", ")),
    })
}
