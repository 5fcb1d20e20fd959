//! The reference page of launch files: the JSON Schema as tables, for people.
//!
//! It knows no key by name: a new one in the schema is a new row here, and a new mapping a new section. What probes take
//! is listed, and told on their own pages.

use std::collections::HashMap;
use std::fmt::Write as _;

use launchgate_probes::Registry;
use serde_json::{Map, Value};

use super::schema::filled;

/// What no schema can say: how times, texts, secrets and expectations are written.
const INTRODUCTION: &str = include_str!("reference.md");

/// The reference page of launch files, in Markdown.
pub fn reference(registry: &Registry) -> String {
    let schema = filled(registry);
    let empty = Map::new();
    let mut page = Page {
        defs: schema["$defs"].as_object().unwrap_or(&empty),
        probes: registry.kinds().collect(),
        titles: HashMap::new(),
        open: Vec::new(),
        text: INTRODUCTION.to_owned(),
    };
    page.section("Top level", "", &schema);
    page.text
}

struct Page<'s> {
    defs: &'s Map<String, Value>,
    probes: Vec<&'s str>,
    /// The path under which each definition is told.
    titles: HashMap<&'s str, String>,
    /// What was named since the section began, and is told next.
    open: Vec<(String, &'s Value)>,
    text: String,
}

impl<'s> Page<'s> {
    /// Tells a mapping, and then the mappings in it.
    fn section(&mut self, title: &str, path: &str, def: &'s Value) {
        let about = description(def);
        self.say(&format!("\n## {title}\n\n{about}{}", if about.is_empty() { "" } else { "\n\n" }));
        self.table(path, def);
        self.choices(path, def);
        for (path, def) in std::mem::take(&mut self.open) {
            self.section(&format!("`{path}`"), &path, def);
        }
    }

    fn say(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A row for every key of a mapping.
    fn table(&mut self, path: &str, def: &'s Value) {
        let Some(properties) = def["properties"].as_object() else { return };
        self.say("| key | value | if left out | meaning |\n|---|---|---|---|\n");
        for (key, value) in properties {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let shape = self.shape(value, &below);
            let absent = if required(def).any(|name| name == key) {
                "**required**".to_owned()
            } else {
                default(value)
            };
            let meaning = [description(value), self.meanings(value)].join(" ");
            let row = [format!("`{key}`"), shape, absent, meaning.trim().to_owned()];
            let row = row.map(|cell| cell.replace('|', "\\|")).join(" | ");
            self.say(&format!("| {row} |\n"));
        }
    }

    /// What `with` takes, by the value of the key that chooses it.
    fn choices(&mut self, path: &str, def: &'s Value) {
        let mut probes = String::new();
        for choice in def["allOf"].as_array().into_iter().flatten() {
            let chosen = choice["if"]["properties"].as_object().and_then(|keys| keys.iter().next());
            let Some((key, kind)) = chosen.and_then(|(k, v)| Some((k, v["const"].as_str()?)))
            else {
                continue;
            };
            let settings = &choice["then"]["properties"]["with"];
            if key == "probe" && self.probes.contains(&kind) {
                let link = format!("[`{kind}`](probes/{kind}.md)");
                writeln!(probes, "| {link} | {} |", keys(settings)).expect("a String takes all");
                continue;
            }
            let about = description(settings);
            self.say(&format!("\n### `{key}: {kind}`\n\n{about}\n\n"));
            self.table(&format!("{path}.with"), settings);
        }
        if !probes.is_empty() {
            let intro = "What each kind takes under `with`; what is bold is required. The pages tell what it reads.";
            self.say(&format!(
                "\n### Kinds of probe\n\n{intro}\n\n| probe | settings |\n|---|---|\n{probes}"
            ));
        }
    }

    /// What may stand as a value, in words.
    fn shape(&mut self, value: &'s Value, path: &str) -> String {
        if let Some(name) = value["$ref"].as_str() {
            return self.named(name.trim_start_matches("#/$defs/"), path);
        }
        if let Some(text) = value["const"].as_str() {
            return format!("`{text}`");
        }
        if let Some(among) = value["enum"].as_array() {
            let among: Vec<String> = among.iter().filter_map(Value::as_str).map(code).collect();
            // The kinds of probe have a table of their own.
            return if among.len() > 12 { "text".to_owned() } else { among.join(", ") };
        }
        if let Some(among) = value["anyOf"].as_array().or_else(|| value["oneOf"].as_array()) {
            let among: Vec<String> = among
                .iter()
                .filter(|one| one["type"] != "null")
                .map(|one| self.shape(one, path))
                .collect();
            return among.join(", ");
        }
        match kind(value) {
            "string" => "text".to_owned(),
            "integer" | "number" => "number".to_owned(),
            "boolean" => "`true`, `false`".to_owned(),
            "array" => format!("list: {}", self.shape(&value["items"], &format!("{path}[]"))),
            "object" if value["additionalProperties"].is_object() => {
                let below = self.shape(&value["additionalProperties"], &format!("{path}.NAME"));
                format!("NAME: {below}")
            }
            "object" if value["properties"].is_object() => {
                let keys: Vec<String> = required(value).map(|key| format!("{key}: …")).collect();
                format!("`{{ {} }}`", keys.join(", "))
            }
            "object" => "mapping".to_owned(),
            _ => "anything".to_owned(),
        }
    }

    /// A mapping gets a section of its own; what is smaller is told in place.
    fn named(&mut self, name: &'s str, path: &str) -> String {
        let def = &self.defs[name];
        if !def["properties"].is_object() {
            return self.shape(def, path);
        }
        let title = self.titles.entry(name).or_insert_with(|| {
            self.open.push((path.to_owned(), def));
            path.to_owned()
        });
        format!("[{title}](#{})", anchor(title))
    }

    /// What each of several words means.
    fn meanings(&self, value: &Value) -> String {
        if let Some(name) = value["$ref"].as_str() {
            return self.meanings(&self.defs[name.trim_start_matches("#/$defs/")]);
        }
        if let Some(among) = value["anyOf"].as_array() {
            return among.iter().map(|one| self.meanings(one)).collect();
        }
        let words = value["oneOf"].as_array().into_iter().flatten();
        let told = words.filter_map(|one| Some((one["const"].as_str()?, description(one))));
        let told: Vec<String> =
            told.map(|(word, meaning)| format!("`{word}`: {meaning}")).collect();
        told.join(" ")
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn description(value: &Value) -> String {
    value["description"].as_str().unwrap_or_default().replace('\n', " ")
}

fn required(def: &Value) -> impl Iterator<Item = &str> {
    def["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The type, where `null` beside it only says that the key may be left out.
fn kind(value: &Value) -> &str {
    let mut types = value["type"].as_array().into_iter().flatten().filter_map(Value::as_str);
    value["type"].as_str().or_else(|| types.find(|kind| *kind != "null")).unwrap_or("any")
}

fn default(value: &Value) -> String {
    match &value["default"] {
        Value::Null => String::new(),
        Value::Array(list) if list.is_empty() => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        Value::String(text) => code(text),
        other => code(&other.to_string()),
    }
}

/// The keys of a mapping in one line, those in bold that it must have.
fn keys(def: &Value) -> String {
    let keys = def["properties"].as_object().into_iter().flat_map(Map::keys);
    let keys = keys.map(|key| {
        let must = required(def).any(|name| name == key);
        if must { format!("**`{key}`**") } else { code(key) }
    });
    keys.collect::<Vec<_>>().join(", ")
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
