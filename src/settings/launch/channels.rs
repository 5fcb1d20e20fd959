//! Channels, and what may go to which.

use std::collections::BTreeMap;

use launchgate_core::matter::{Status, Turn};
use launchgate_core::name::Name;
use launchgate_core::plan::Channel;
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use serde_json::Value;

use super::compiler::Compiler;
use crate::postman::Carrier;

/// The kind of channel that shows incidents to everybody.
const STATUS_PAGE: &str = "status_page";

impl Compiler<'_> {
    pub(super) fn channels(&mut self) -> BTreeMap<Name, Channel> {
        let mut channels = BTreeMap::new();
        for (name, value, path) in self.entries(&KeyPath::root(), "channels") {
            let id = self.name(&name, &path, true);
            let read = self.channel(value, &path);
            if let (Some(id), Some((kind, settings))) = (id, read) {
                channels.insert(id.clone(), Channel { id, kind, settings });
            }
        }
        channels
    }

    /// The kind of a channel and its settings, checked.
    fn channel(&mut self, mut value: Value, path: &KeyPath) -> Option<(Name, Value)> {
        let kind = value.as_object_mut().map(|map| map.shift_remove("kind"));
        let kinds = || format!("channels are of kind {}", Carrier::KINDS.join(", "));
        let kind = match kind {
            Some(Some(Value::String(kind))) => kind,
            Some(Some(_)) => {
                let problem = Problem::new(path.entry("kind"), "a kind is a word");
                self.problem(problem.hint(kinds()));
                return None;
            }
            Some(None) => {
                let problem = Problem::new(path.clone(), "missing field `kind`").at_key();
                self.problem(problem.hint(kinds()));
                return None;
            }
            None => {
                let problem = Problem::new(path.clone(), "a channel is a mapping");
                self.problem(problem.hint("write `{ kind: webhook, url: { env: VARIABLE } }`"));
                return None;
            }
        };
        let Some(known) = Carrier::KINDS.into_iter().find(|known| *known == kind) else {
            let hint = did_you_mean(&kind, Carrier::KINDS).unwrap_or_else(kinds);
            let message = format!("there is no channel of kind `{kind}`");
            self.problem(Problem::new(path.entry("kind"), message).hint(hint));
            return None;
        };
        match Carrier::read(known, value.clone()) {
            Ok(carrier) => {
                for problem in carrier.problems() {
                    self.problem(problem.under(path));
                }
                Some((Name::of(known), value))
            }
            Err(problems) => {
                for problem in problems {
                    let missing = problem.message.starts_with("missing field");
                    let problem = problem.under(path);
                    self.problem(if missing { problem.at_key() } else { problem });
                }
                None
            }
        }
    }

    /// Channels by their names; one that is not there is a problem.
    pub(super) fn channels_named<'t>(
        &mut self,
        names: impl IntoIterator<Item = &'t str>,
        path: &KeyPath,
        channels: &BTreeMap<Name, Channel>,
    ) -> Vec<Name> {
        let mut found = Vec::new();
        for (i, text) in names.into_iter().enumerate() {
            let path = path.index(i);
            let Some(name) = self.name(text, &path, false) else { continue };
            if !channels.contains_key(&name) && !self.is_written_channel(text) {
                let hint = did_you_mean(text, channels.keys().map(Name::as_str))
                    .unwrap_or_else(|| "add it under `channels:`".to_owned());
                let problem = Problem::new(path, format!("there is no channel `{text}`"));
                self.problem(problem.hint(hint));
            } else if found.contains(&name) {
                self.problem(Problem::new(path, format!("`{text}` stands here already")));
            } else {
                found.push(name);
            }
        }
        found
    }

    /// Whether the file has a channel of that name, with problems of its own or not.
    fn is_written_channel(&self, text: &str) -> bool {
        let written = self.root.get("channels").and_then(Value::as_object);
        written.is_some_and(|channels| channels.contains_key(text))
    }

    /// A status page calls nobody.
    pub(super) fn no_status_page(
        &mut self,
        page: &[Name],
        path: &KeyPath,
        channels: &BTreeMap<Name, Channel>,
    ) {
        for (i, name) in page.iter().enumerate() {
            if channels.get(name).is_some_and(is_status_page) {
                let problem = Problem::new(path.index(i), format!("`{name}` is a status page"));
                self.problem(problem.hint("call people by a channel that they alone read"));
            }
        }
    }

    /// What a message does to what pagers and status pages keep: whether it says so where it must, and only there.
    pub(super) fn matter(
        &mut self,
        status: Option<&str>,
        pager: Option<&str>,
        to: &[Name],
        path: &KeyPath,
        channels: &BTreeMap<Name, Channel>,
    ) -> (Option<Status>, Turn) {
        let pages = |is: &dyn Fn(&Channel) -> bool| {
            to.iter().any(|name| channels.get(name).is_some_and(is))
        };
        let known = to.iter().all(|name| channels.contains_key(name));
        let all = Status::ALL.map(Status::name);
        let statuses = format!("a status is one of {}", all.join(", "));
        let read = status.and_then(|text| {
            let hint = did_you_mean(text, all).unwrap_or_else(|| statuses.clone());
            self.parse(text, &path.entry("status"), Some(hint))
        });
        if status.is_none() && pages(&is_status_page) {
            let problem =
                Problem::new(path.clone(), "`status` is missing: it goes to a status page");
            self.problem(problem.hint(statuses));
        } else if status.is_some() && known && !pages(&is_status_page) {
            let problem =
                Problem::new(path.entry("status"), "none of its channels is a status page");
            self.problem(problem.hint("leave it out"));
        }
        if read == Some(Status::Scheduled) && self.root.get("window").is_none() {
            let problem = Problem::new(path.entry("status"), "a scheduled maintenance has an end");
            self.problem(problem.hint("say how long the launch takes, such as `window: 4h`"));
        }
        let is_pager = |channel: &Channel| channel.kind.as_str() == "pagerduty";
        let turn = pager.and_then(|text| {
            let all = Turn::ALL.map(Turn::name);
            let hint = did_you_mean(text, all);
            let hint = hint.unwrap_or_else(|| format!("it is one of {}", all.join(", ")));
            self.parse(text, &path.entry("pager"), Some(hint))
        });
        if pager.is_some() && known && !pages(&is_pager) {
            let problem = Problem::new(path.entry("pager"), "none of its channels is a pager");
            self.problem(problem.hint("leave it out"));
        }
        (read, turn.unwrap_or_default())
    }
}

fn is_status_page(channel: &Channel) -> bool {
    channel.kind.as_str() == STATUS_PAGE
}
