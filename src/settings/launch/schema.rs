//! The JSON Schema of launch files, for editors and for whoever writes them by program.

mod variables;

use launchgate_probes::Registry;
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{announcements, contacts, raw};
use crate::actions::settings::{
    ExecSettings, GateSettings, HttpSettings, ManualSettings, MilestoneSettings, NotifySettings,
    WaitSettings,
};
use crate::postman::schemas;

/// The schema of launch files, with the settings of every probe and action.
pub fn schema(registry: &Registry) -> Value {
    variables::admit(filled(registry))
}

/// The schema of a launch file whose variables are filled in.
pub(super) fn filled(registry: &Registry) -> Value {
    let mut defs = serde_json::Map::new();
    let mut root = hoisted::<raw::Head>(&mut defs);
    let checklist = hoisted::<raw::Checklist>(&mut defs);
    let check = hoisted::<raw::Check>(&mut defs);
    let trigger = hoisted::<raw::Trigger>(&mut defs);
    let condition = hoisted::<raw::Condition>(&mut defs);
    let vantage = hoisted::<launchgate_probes::vantage::Settings>(&mut defs);
    let procedure = hoisted::<raw::Procedure>(&mut defs);
    let step = hoisted::<raw::Step>(&mut defs);
    let announcement = hoisted::<announcements::RawAnnouncement>(&mut defs);
    let contact = hoisted::<contacts::RawContact>(&mut defs);
    let channel = channel(&mut defs);
    let sign_off = hoisted::<raw::SignOff>(&mut defs);
    let actions = [
        ("exec", hoisted::<ExecSettings>(&mut defs)),
        ("http", hoisted::<HttpSettings>(&mut defs)),
        ("notify", hoisted::<NotifySettings>(&mut defs)),
        ("wait", hoisted::<WaitSettings>(&mut defs)),
        ("manual", hoisted::<ManualSettings>(&mut defs)),
        ("gate", hoisted::<GateSettings>(&mut defs)),
        ("milestone", hoisted::<MilestoneSettings>(&mut defs)),
    ];
    let rehearsal = hoisted::<raw::Rehearsal>(&mut defs);
    let mut kinds: Vec<(String, Value)> =
        vec![("sign_off".to_owned(), sign_off), ("rehearsal".to_owned(), rehearsal)];
    for kind in registry.kinds() {
        if let Some(settings) = registry.schema(kind) {
            kinds.push((kind.to_owned(), hoist(settings, &format!("{kind}_"), &mut defs)));
        }
    }
    let mut check = with_each(check, "probe", &kinds);
    check["properties"]["probe"]["enum"] = kinds.iter().map(|(kind, _)| json!(kind)).collect();
    let actions = actions.map(|(kind, settings)| (kind.to_owned(), settings));
    defs.insert("check".into(), check);
    defs.insert("step".into(), with_each(step, "do", &actions));
    defs.insert("checklist".into(), each(checklist, "checks", "check"));
    defs.insert("procedure".into(), items(procedure, "steps", "step"));
    defs.insert("trigger".into(), trigger);
    defs.insert("condition".into(), condition);
    defs.insert("vantage".into(), vantage);
    for (def, property) in [("Watch", "any"), ("Watch", "all"), ("AtLeast", "of")] {
        defs[def] = items(defs[def].take(), property, "condition");
    }
    defs.insert("channel".into(), channel);
    defs.insert("announcement".into(), announcement);
    defs.insert("contact".into(), contact);
    for (section, def) in [
        ("checklists", "checklist"),
        ("triggers", "trigger"),
        ("procedures", "procedure"),
        ("channels", "channel"),
        ("contacts", "contact"),
        ("vantages", "vantage"),
    ] {
        root = each(root, section, def);
    }
    root = items(root, "announcements", "announcement");
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("launchgate launch file");
    root["$defs"] = Value::Object(defs);
    root
}

/// A channel: its kind, and the settings of that kind.
fn channel(defs: &mut serde_json::Map<String, Value>) -> Value {
    let mut properties = serde_json::Map::new();
    let mut choices = Vec::new();
    let kinds = schemas().map(|(kind, settings)| {
        let mut settings = hoist(settings, &format!("{kind}_"), defs);
        settings["properties"]["kind"] = json!({ "const": kind });
        for (name, _) in settings["properties"].as_object().into_iter().flatten() {
            properties.insert(name.clone(), json!(true));
        }
        choices.push(json!({
            "if": { "properties": { "kind": { "const": kind } } },
            "then": settings,
        }));
        kind
    });
    properties.insert("kind".into(), json!({ "description": "The kind.", "enum": kinds }));
    json!({
        "description": "A channel.",
        "type": "object",
        "properties": properties,
        "required": ["kind"],
        "additionalProperties": false,
        "allOf": choices,
    })
}

fn hoisted<T: JsonSchema>(defs: &mut serde_json::Map<String, Value>) -> Value {
    hoist(schemars::schema_for!(T).to_value(), "", defs)
}

/// Moves a schema's own definitions to the shared ones, under a prefix.
fn hoist(mut schema: Value, prefix: &str, defs: &mut serde_json::Map<String, Value>) -> Value {
    rename(&mut schema, prefix);
    if let Some(map) = schema.as_object_mut() {
        map.shift_remove("$schema");
        if let Some(Value::Object(own)) = map.shift_remove("$defs") {
            defs.extend(own.into_iter().map(|(name, def)| (format!("{prefix}{name}"), def)));
        }
    }
    schema
}

fn rename(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(target) if key == "$ref" => {
                        *target = target.replace("#/$defs/", &format!("#/$defs/{prefix}"));
                    }
                    below => rename(below, prefix),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, prefix)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every entry of the mapping `property` is a `def`.
fn each(mut schema: Value, property: &str, def: &str) -> Value {
    schema["properties"][property]["additionalProperties"] = reference(def);
    schema
}

fn items(mut schema: Value, property: &str, def: &str) -> Value {
    schema["properties"][property]["items"] = reference(def);
    schema
}

fn reference(def: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{def}") })
}

/// `with` has the shape that the value of `chooser` asks for. A `source` may be a name or the connection itself.
fn with_each(mut schema: Value, chooser: &str, kinds: &[(String, Value)]) -> Value {
    let choices: Vec<Value> = kinds
        .iter()
        .map(|(kind, settings)| {
            let mut settings = settings.clone();
            if let Some(source) = settings["properties"].get_mut("source") {
                *source = json!({ "anyOf": [{ "type": "string" }, source.take()] });
            }
            json!({
                "if": { "properties": { chooser: { "const": kind } } },
                "then": { "properties": { "with": settings } },
            })
        })
        .collect();
    schema["allOf"] = Value::Array(choices);
    schema
}
