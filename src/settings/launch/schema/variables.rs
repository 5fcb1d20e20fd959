//! Where `${name}` may stand in the schema of launch files: in place of every value but those under `vars:`.
//!
//! Variables are filled in before anything else is read, and a reference that is a whole value becomes what it names,
//! whatever that is. What a variable holds is told by the compiler alone.

use serde_json::{Map, Value, json};

use crate::settings::secrets::is_secret;

/// The deepest that references between definitions are followed to see what they take.
const MAX_DEPTH: usize = 16;
/// What is said about a place rather than about what stands there.
const ABOUT: [&str; 5] = ["title", "description", "default", "deprecated", "examples"];

/// The schema with references wherever the compiler fills them in.
pub(super) fn admit(mut root: Value) -> Value {
    let defs = root["$defs"].as_object().cloned().unwrap_or_default();
    let vars = root["properties"]["vars"].clone();
    let scope = Scope { defs };
    scope.below(&mut root);
    root["properties"]["vars"] = vars;
    root["$defs"]["variable"] = json!({
        "description": "An entry of `vars`, whatever it holds: `${name}`.",
        "type": "string",
        "pattern": r"^\$\{[^}]*\}$",
    });
    root["$defs"]["text_of_variables"] = json!({
        "description": "A text with an entry of `vars` in it, or made of one: `${name}`.",
        "type": "string",
        "pattern": r"\$\{[^}]*\}",
    });
    root
}

/// What a schema takes of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Texts {
    None,
    Some,
    All,
}

/// The definitions that a schema names.
struct Scope {
    defs: Map<String, Value>,
}

impl Scope {
    /// Admits references in the places below a schema.
    fn below(&self, schema: &mut Value) {
        let Some(map) = schema.as_object_mut() else { return };
        // A reference has the shape of every choice, so that one of them is as good as exactly one.
        if !map.contains_key("anyOf")
            && let Some(choices) = map.remove("oneOf")
        {
            map.insert("anyOf".to_owned(), choices);
        }
        for (key, value) in map.iter_mut() {
            match (key.as_str(), value) {
                ("properties" | "patternProperties", Value::Object(entries)) => {
                    for (name, entry) in entries {
                        self.below(entry);
                        // A secret is never written out, not even as a reference.
                        if !is_secret(name) {
                            self.place(entry);
                        }
                    }
                }
                ("$defs", Value::Object(defs)) => {
                    for def in defs.values_mut() {
                        self.below(def);
                    }
                }
                ("additionalProperties" | "items", entry) => {
                    self.below(entry);
                    self.place(entry);
                }
                ("prefixItems", Value::Array(entries)) => {
                    for entry in entries {
                        self.below(entry);
                        self.place(entry);
                    }
                }
                ("anyOf" | "oneOf" | "allOf", Value::Array(choices)) => {
                    for choice in choices {
                        self.below(choice);
                    }
                }
                ("then" | "else", choice) => self.below(choice),
                _ => {}
            }
        }
    }

    /// Admits a reference in one place.
    fn place(&self, schema: &mut Value) {
        let variable = match self.texts(schema, 0) {
            Texts::None => "variable",
            Texts::Some => "text_of_variables",
            Texts::All => return,
        };
        let Some(map) = schema.as_object_mut() else { return };
        let mut place = Map::new();
        for key in ABOUT {
            place.extend(map.shift_remove(key).map(|value| (key.to_owned(), value)));
        }
        let variable = json!({ "$ref": format!("#/$defs/{variable}") });
        let alone = map.len() == 1;
        let choices = match map.get_mut("anyOf") {
            Some(Value::Array(choices)) if alone => std::mem::take(choices),
            _ => vec![Value::Object(std::mem::take(map))],
        };
        place.insert("anyOf".to_owned(), choices.into_iter().chain([variable]).collect());
        *schema = Value::Object(place);
    }

    /// What a schema takes of texts. What is not understood takes all, so that it is left as it is.
    fn texts(&self, schema: &Value, depth: usize) -> Texts {
        let Some(map) = schema.as_object() else { return Texts::All };
        let within = |key: &str| {
            let choices = map.get(key).and_then(Value::as_array)?;
            Some(choices.iter().map(|choice| self.texts(choice, depth + 1)))
        };
        let own = match map.get("type") {
            None => Texts::All,
            Some(Value::String(one)) if one == "string" => Texts::All,
            Some(Value::Array(several)) if several.iter().any(|one| one == "string") => Texts::All,
            Some(_) => return Texts::None,
        };
        let listed = ["enum", "const"].iter().find_map(|key| map.get(*key)).map(|values| {
            let texts = match values {
                Value::Array(values) => values.iter().any(Value::is_string),
                value => value.is_string(),
            };
            if texts { Texts::Some } else { Texts::None }
        });
        let limited = ["pattern", "format", "minLength", "maxLength"];
        let limited = limited.iter().any(|key| map.contains_key(*key)).then_some(Texts::Some);
        let named = map.get("$ref").and_then(Value::as_str).map(|target| {
            let def = self.defs.get(target.trim_start_matches("#/$defs/"));
            def.filter(|_| depth < MAX_DEPTH).map_or(Texts::All, |def| self.texts(def, depth + 1))
        });
        let any = ["anyOf", "oneOf"].iter().find_map(|key| within(key)?.max());
        let all = within("allOf").and_then(Iterator::min);
        [listed, limited, named, any, all].into_iter().flatten().fold(own, Texts::min)
    }
}
