//! How people and teams are reached, and whom to turn to when a check fails.

use std::collections::BTreeMap;

use launchgate_core::contact::{Contact, Way};
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::compiler::Compiler;

/// The key that names whom to turn to.
pub(super) const ESCALATE: &str = "escalate";

/// How somebody, or a team, is reached.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawContact {
    /// The name for people.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// A telephone number.
    #[serde(default)]
    pub(super) phone: Option<String>,
    /// A name or a room in a chat.
    #[serde(default)]
    pub(super) chat: Option<String>,
    /// An address of mail.
    #[serde(default)]
    pub(super) email: Option<String>,
    /// An address on the web, such as the page of an on-call rota.
    #[serde(default)]
    pub(super) link: Option<String>,
    /// What else one should know, such as the hours.
    #[serde(default)]
    pub(super) note: Option<String>,
}

impl Compiler<'_> {
    pub(super) fn contacts(&mut self) -> BTreeMap<Name, Contact> {
        let mut contacts = BTreeMap::new();
        for (text, value, path) in self.entries(&KeyPath::root(), "contacts") {
            let id = self.name(&text, &path, true);
            let Some(raw) = self.read::<RawContact>(value, &path) else { continue };
            let ways: Vec<Way> = [
                ("phone", raw.phone),
                ("chat", raw.chat),
                ("email", raw.email),
                ("link", raw.link),
                ("note", raw.note),
            ]
            .into_iter()
            .filter_map(|(by, at)| Some(Way { by: by.to_owned(), at: at? }))
            .collect();
            if ways.is_empty() {
                let problem =
                    Problem::new(path.clone(), format!("there is no way to reach `{text}`"));
                self.problem(problem.at_key().hint("give a `phone`, `chat`, `email` or `link`"));
            }
            if let Some(id) = id {
                contacts.insert(id, Contact { name: raw.name, ways });
            }
        }
        contacts
    }

    /// Whom to turn to beside the owner, for each check: its own list, or that of its checklist.
    pub(super) fn escalations(
        &mut self,
        contacts: &BTreeMap<Name, Contact>,
    ) -> BTreeMap<CheckPath, Vec<Name>> {
        let mut escalations = BTreeMap::new();
        for (list, value, path) in self.entries(&KeyPath::root(), "checklists") {
            let usual = self.escalate(&value, &path, contacts);
            for (check, value, path) in self.entries(&path, "checks") {
                let own = self.escalate(&value, &path, contacts);
                let (Ok(list), Ok(check)) = (Name::try_new(&list), Name::try_new(&check)) else {
                    continue;
                };
                if let Some(named) = own.or_else(|| usual.clone()) {
                    escalations.insert(CheckPath::new(list, check), named);
                }
            }
        }
        escalations
    }

    fn escalate(
        &mut self,
        value: &Value,
        path: &KeyPath,
        contacts: &BTreeMap<Name, Contact>,
    ) -> Option<Vec<Name>> {
        let written = value.get(ESCALATE)?.as_array()?.clone();
        let path = path.entry(ESCALATE);
        let mut named = Vec::new();
        for (i, text) in written.iter().enumerate() {
            let path = path.index(i);
            let Some(text) = text.as_str() else { continue };
            let Some(name) = self.name(text, &path, false) else { continue };
            if !self.people.contains_key(&name) && !contacts.contains_key(&name) {
                let roles = self.people.keys().map(ToString::to_string);
                let known: Vec<String> =
                    roles.chain(contacts.keys().map(ToString::to_string)).collect();
                let hint = did_you_mean(text, known.iter().map(String::as_str))
                    .unwrap_or_else(|| "name a role, or add it under `contacts:`".to_owned());
                let message = format!("`{text}` is neither a role nor a contact");
                self.problem(Problem::new(path, message).hint(hint));
            }
            named.push(name);
        }
        Some(named)
    }
}

/// A checklist without whom to turn to: that may change and voids no signature.
pub(super) fn without_escalation(mut list: Value) -> Value {
    if let Some(map) = list.as_object_mut() {
        map.shift_remove(ESCALATE);
    }
    let checks = list.get_mut("checks").and_then(Value::as_object_mut);
    for check in checks.into_iter().flat_map(|checks| checks.values_mut()) {
        if let Some(map) = check.as_object_mut() {
            map.shift_remove(ESCALATE);
        }
    }
    list
}
