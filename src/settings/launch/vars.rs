//! `${name}` in texts stands for an entry of `vars:`.

use std::collections::HashMap;

use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use serde_json::{Map, Value};

/// What a step's texts may name beside `vars:`; it is filled in when the step runs.
pub(crate) const AT_RUN_TIME: [&str; 5] =
    ["trigger.because", "launch", "version", "previous_version", "run.id"];

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
    let Some(sections) = root.as_object_mut() else { return filled };
    for (name, section) in sections.iter_mut().filter(|(name, _)| *name != "vars") {
        let path = KeyPath::root().entry(name);
        fill_below(section, &path, &vars, name == "procedures", &mut filled);
    }
    filled
}

fn fill_below(
    value: &mut Value,
    path: &KeyPath,
    vars: &Map<String, Value>,
    in_steps: bool,
    filled: &mut Filled,
) {
    match value {
        Value::String(text) if text.contains("${") => match fill_text(text, vars, in_steps) {
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
                fill_below(item, &path.index(i), vars, in_steps, filled);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                fill_below(item, &path.entry(key), vars, in_steps, filled);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text with its references filled in. One that is a reference and nothing else takes the type of what it names.
fn fill_text(
    text: &str,
    vars: &Map<String, Value>,
    in_steps: bool,
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
            None if in_steps && AT_RUN_TIME.contains(&name) => {
                out.push_str(&rest[start..=start + end]);
            }
            None => return Err((offset, unknown(name), hint(name, vars, in_steps))),
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

fn hint(name: &str, vars: &Map<String, Value>, in_steps: bool) -> String {
    let at_run_time = AT_RUN_TIME.iter().copied().filter(|_| in_steps);
    let known: Vec<&str> = vars.keys().map(String::as_str).chain(at_run_time).collect();
    did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match known.as_slice() {
        [] => "add `vars:` at the top of the file".to_owned(),
        known => format!("known are {}", known.join(", ")),
    })
}
