//! The frame of the compiler: the problems found, the sections of the file, and the head of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::plan::{Channel, Plan};
use launchgate_core::problem::{Key, KeyPath, Problem, did_you_mean};
use launchgate_core::time::parse_duration;
use launchgate_probes::vantage::Vantage;
use launchgate_probes::{DynProbe, Registry, strict};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{raw, vars};
use crate::settings::secrets;

/// A problem, and whether its line holds a secret.
pub(super) type Found = (Problem, bool);

/// A plan, what looks for its checks, and its canaries.
pub(super) type Whole = (Plan, Probes, Vec<Arc<dyn DynProbe>>);

/// What looks for each check.
pub(super) type Probes = HashMap<CheckPath, Arc<dyn DynProbe>>;

/// A launch file on its way to a plan. Every step reads what it can and notes what is wrong.
pub(super) struct Compiler<'a> {
    pub(super) root: Value,
    pub(super) registry: &'a Registry,
    pub(super) problems: Vec<Found>,
    pub(super) people: BTreeMap<Name, Vec<Name>>,
    pub(super) probes: Probes,
    pub(super) vantages: BTreeMap<Name, Arc<Vantage>>,
    hash: String,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(root: Value, text: &str, registry: &'a Registry) -> Self {
        Self {
            root,
            registry,
            problems: Vec::new(),
            people: BTreeMap::new(),
            probes: HashMap::new(),
            vantages: BTreeMap::new(),
            hash: hash(text.as_bytes()),
        }
    }

    pub(super) fn compile(mut self) -> Result<Whole, Vec<Found>> {
        if !self.root.is_object() {
            let problem = Problem::new(KeyPath::root(), "a launch file is a mapping")
                .hint("begin with `launch: NAME`");
            return Err(vec![(problem, false)]);
        }
        let written_out = secrets::find(&self.root);
        let mut root = std::mem::take(&mut self.root);
        let filled = vars::fill(&mut root);
        self.root = root;
        let head = self.read::<raw::Head>(self.root.clone(), &KeyPath::root());
        self.people = self.people();
        let go_live = head.as_ref().and_then(|head| self.go_live(&head.go_live));
        let channels = self.channels();
        self.vantages = self.vantages();
        let canaries = self.canaries(head.as_ref());
        let checklists = self.checklists();
        self.duties(&checklists);
        let stages = head.as_ref().map(|head| head.watch.as_slice()).unwrap_or_default();
        let watch = self.cadence(stages, &channels, go_live.as_ref());
        let waivers = self.waivers(head.as_ref().and_then(|head| head.waivers.as_ref()));
        let procedures = self.procedures(&channels, &checklists);
        let page = self.page(head.as_ref(), &channels);
        let announcements = self.announcements(head.as_ref(), &channels);
        let contacts = self.contacts();
        let escalations = self.escalations(&contacts);
        let triggers = self.triggers(&checklists, &procedures);
        let launch = head.as_ref().and_then(|h| self.name(&h.launch, &at("launch"), false));
        let named = head.as_ref().and_then(|h| h.target.as_ref());
        let target = named.map_or_else(|| launch.clone(), |t| self.name(t, &at("target"), false));
        let window = head.as_ref().and_then(|h| self.duration(h.window.as_deref(), &at("window")));
        // What else is said about a text whose reference is wrong would only repeat it.
        let nowhere: HashSet<&KeyPath> = filled.problems.iter().map(|p| &p.path).collect();
        self.problems.retain(|(problem, _)| !nowhere.contains(&problem.path));
        let found = std::mem::take(&mut self.problems).into_iter();
        self.problems = found.map(|(p, secret)| (filled.as_written(p), secret)).collect();
        self.problems.extend(filled.problems.into_iter().map(|p| (p, false)));
        self.problems.retain(|(p, _)| written_out.iter().all(|secret| !secret.is_told_by(p)));
        self.problems.extend(written_out.into_iter().map(|secret| (secret.problem, true)));
        match (head, launch.zip(target), go_live) {
            (Some(head), Some((launch, target)), Some(go_live)) if self.problems.is_empty() => {
                let plan = Plan {
                    launch,
                    target,
                    title: head.title,
                    kind: head.kind,
                    version: head.version,
                    previous_version: head.previous_version,
                    go_live,
                    window,
                    people: self.people,
                    links: head.links,
                    checklists,
                    triggers,
                    procedures,
                    channels,
                    page,
                    watch,
                    waivers,
                    announcements,
                    contacts,
                    escalations,
                    hash: self.hash,
                };
                Ok((plan, self.probes, canaries))
            }
            _ => Err(self.problems),
        }
    }

    /// The channels by which the daemon calls for people.
    fn page(&mut self, head: Option<&raw::Head>, channels: &BTreeMap<Name, Channel>) -> Vec<Name> {
        let names = head.into_iter().flat_map(|head| &head.page).map(String::as_str);
        let page = self.channels_named(names, &at("page"), channels);
        self.no_status_page(&page, &at("page"), channels);
        page
    }

    /// Notes a problem.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push((problem, false));
    }

    /// Reads a value strictly; what is wrong is noted under `path`.
    pub(super) fn read<T: DeserializeOwned + JsonSchema>(
        &mut self,
        value: Value,
        path: &KeyPath,
    ) -> Option<T> {
        match strict::read(value) {
            Ok(read) => Some(read),
            Err(problems) => {
                let placed = problems.into_iter().map(|p| (explained(p.under(path)), false));
                self.problems.extend(placed);
                None
            }
        }
    }

    /// The entries of a mapping, with their paths. What is no mapping has been noted by whoever read it.
    pub(super) fn entries(&self, path: &KeyPath, key: &str) -> Vec<(String, Value, KeyPath)> {
        let Some(map) = self.below(path).and_then(|v| v.get(key)).and_then(Value::as_object) else {
            return Vec::new();
        };
        let path = path.entry(key);
        map.iter().map(|(name, value)| (name.clone(), value.clone(), path.entry(name))).collect()
    }

    fn below(&self, path: &KeyPath) -> Option<&Value> {
        path.0.iter().try_fold(&self.root, |value, key| match key {
            Key::Entry(name) => value.get(name),
            Key::Index(index) => value.get(index),
        })
    }

    /// A name; `at_key` says that it stands as a key.
    pub(super) fn name(&mut self, text: &str, path: &KeyPath, at_key: bool) -> Option<Name> {
        match Name::try_new(text) {
            Ok(name) => Some(name),
            Err(error) => {
                let problem = Problem::new(path.clone(), error.to_string());
                self.problem(if at_key { problem.at_key() } else { problem });
                None
            }
        }
    }

    /// A duration, if one is given.
    pub(super) fn duration(&mut self, text: Option<&str>, path: &KeyPath) -> Option<Duration> {
        match parse_duration(text?) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.problem(Problem::new(path.clone(), error.to_string()));
                None
            }
        }
    }

    /// A text that `FromStr` reads.
    pub(super) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        text: &str,
        path: &KeyPath,
        hint: Option<String>,
    ) -> Option<T> {
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(Problem::new(path.clone(), error.to_string()).hint_if(hint));
                None
            }
        }
    }

    /// A role that somebody holds.
    pub(super) fn role(&mut self, text: &str, path: &KeyPath) -> Option<Name> {
        let role = self.name(text, path, false)?;
        if !self.people.contains_key(&role) {
            let known: Vec<String> = self.people.keys().map(ToString::to_string).collect();
            let hint = did_you_mean(text, known.iter().map(String::as_str))
                .unwrap_or_else(|| "list it under `people:` with who holds it".to_owned());
            let problem = Problem::new(path.clone(), format!("nobody holds the role `{text}`"));
            self.problem(problem.hint(hint));
        }
        Some(role)
    }

    fn people(&mut self) -> BTreeMap<Name, Vec<Name>> {
        let mut people = BTreeMap::new();
        for (role, holders, path) in self.entries(&KeyPath::root(), "people") {
            let name = self.name(&role, &path, true);
            let holders = holders.as_array().cloned().unwrap_or_default();
            if holders.is_empty() {
                let problem = Problem::new(path.clone(), format!("nobody holds the role `{role}`"));
                self.problem(problem.hint("name at least one person, the primary first"));
            }
            let mut people_of_role = Vec::new();
            for (i, person) in holders.iter().enumerate() {
                let at = path.index(i);
                let Some(person) = person.as_str().and_then(|p| self.name(p, &at, false)) else {
                    continue;
                };
                if people_of_role.contains(&person) {
                    let message = format!("`{person}` holds this role already");
                    let hint = "a person counts once, also where several must sign";
                    self.problem(Problem::new(at, message).hint(hint));
                } else {
                    people_of_role.push(person);
                }
            }
            if let Some(name) = name {
                people.insert(name, people_of_role);
            }
        }
        people
    }

    fn go_live(&mut self, text: &str) -> Option<Zoned> {
        match text.parse::<Zoned>() {
            Ok(zoned) => Some(zoned),
            Err(error) => {
                let why = error.to_string();
                let problem =
                    Problem::new(at("go_live"), format!("`{text}` is no time in a zone: {why}"));
                self.problem(problem.hint("write it like `2026-12-01T09:00:00[Europe/London]`"));
                None
            }
        }
    }
}

/// A deserialiser's problem with what to do about it.
fn explained(problem: Problem) -> Problem {
    const DURATIONS: [&str; 8] =
        ["every", "timeout", "fresh_for", "for", "max_gap", "window", "valid_for", "at_most"];
    let message = &problem.message;
    if message.starts_with("missing field") {
        return problem.at_key();
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        // unknown variant `x`, expected one of `a`, `b`
        let mut quoted = rest.split('`').step_by(2);
        let hint = quoted.next().and_then(|wrong| did_you_mean(wrong, quoted));
        return problem.hint_if(hint);
    }
    if !message.starts_with("invalid type") {
        return problem;
    }
    if message.ends_with("expected a sequence") {
        return problem
            .hint("a list is written in brackets, `[one, two]`, or with a `-` before each");
    }
    if message.contains(": sequence, ") && message.ends_with("expected a map") {
        return problem.hint("each entry has a name: write `name:` in place of the `-`");
    }
    let number = message.contains(": integer ") || message.contains(": floating point ");
    if !number || !message.ends_with("expected a string") {
        return problem;
    }
    let duration =
        matches!(problem.path.0.last(), Some(Key::Entry(key)) if DURATIONS.contains(&key.as_str()));
    problem.hint(if duration {
        "a duration carries its unit, such as `15s`"
    } else {
        "quote it: a bare number is no text"
    })
}

/// The path of an entry at the top.
pub(super) fn at(entry: &str) -> KeyPath {
    KeyPath::root().entry(entry)
}

/// SHA-256 in hexadecimal.
pub(super) fn hash(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}
