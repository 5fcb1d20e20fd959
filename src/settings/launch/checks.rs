//! Checklists and their checks.

use std::time::Duration;

use launchgate_core::check::{Check, Level, Question};
use launchgate_core::expectation::Expectation;
use launchgate_core::gate::{Checklist, Gates};
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::problem::{Key, KeyPath, Problem, did_you_mean};
use launchgate_core::reading::ReadingSpec;
use launchgate_core::rehearsal::RehearsalRule;
use launchgate_core::time::{Due, format_duration};
use serde_json::{Map, Value};

use super::compiler::{Compiler, hash};
use super::contacts::without_escalation;
use super::raw;

/// How often a check looks when nothing is said.
const EVERY: Duration = Duration::from_secs(60);
/// How long a rehearsal counts when nothing is said.
const REHEARSED_FOR: Duration = Duration::from_secs(7 * 86_400);
/// No check looks more often.
const MIN_EVERY: Duration = Duration::from_secs(1);
/// How long a look may take when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Compiler<'_> {
    pub(super) fn checklists(&mut self) -> Vec<Checklist> {
        let entries = self.entries(&KeyPath::root(), "checklists");
        if entries.is_empty() && self.root.get("checklists").is_some_and(Value::is_object) {
            let problem = Problem::at("checklists", "there is nothing to judge: no checklist");
            self.problem(problem.at_key());
        }
        entries
            .into_iter()
            .filter_map(|(name, value, path)| self.checklist(&name, value, &path))
            .collect()
    }

    fn checklist(&mut self, name: &str, value: Value, path: &KeyPath) -> Option<Checklist> {
        let hash = hash(without_escalation(value.clone()).to_string().as_bytes());
        let id = self.name(name, path, true);
        let raw = self.read::<raw::Checklist>(value, path);
        let entries = self.entries(path, "checks");
        let written = entries.len();
        let checks: Vec<Check> = entries
            .into_iter()
            .filter_map(|(check, value, at)| self.check(id.as_ref(), &check, value, &at))
            .collect();
        let raw = raw?;
        let owner = raw.owner.as_deref().and_then(|role| self.role(role, &path.entry("owner")));
        let due: Due = self.parse(&raw.due, &path.entry("due"), None)?;
        let gates = match raw.gates {
            Some(raw::Gates::Launch) => Gates::Launch,
            Some(raw::Gates::Live) => Gates::Live,
            Some(raw::Gates::Watch) => Gates::Watch,
            None if due.is_before_launch() => Gates::Launch,
            None if raw.due.starts_with('H') => Gates::Live,
            None => Gates::Watch,
        };
        let checklist = Checklist { id: id?, title: raw.title, owner, due, gates, checks, hash };
        self.gate(&checklist, path, written);
        Some(checklist)
    }

    fn check(
        &mut self,
        list: Option<&Name>,
        name: &str,
        value: Value,
        path: &KeyPath,
    ) -> Option<Check> {
        let id = self.name(name, path, true);
        let raw = self.read::<raw::Check>(value, path)?;
        let check = CheckPath::new(list?.clone(), id?);
        let every = self.duration(raw.every.as_deref(), &path.entry("every")).unwrap_or(EVERY);
        let timeout = self
            .duration(raw.timeout.as_deref(), &path.entry("timeout"))
            .unwrap_or(TIMEOUT.min(every));
        let fresh_for =
            self.duration(raw.fresh_for.as_deref(), &path.entry("fresh_for")).unwrap_or(every * 3);
        self.rhythm(&raw, every, timeout, fresh_for, path);
        let from = raw.from.as_deref().and_then(|text| self.from(text, &path.entry("from")));
        let (question, specs) = if raw.probe == "sign_off" {
            self.sign_off(&raw, path)
        } else if raw.probe == "rehearsal" {
            self.rehearsal(&raw, path)
        } else {
            self.probe(&check, &raw, timeout, from.as_ref(), path)
        }?;
        let expect = self.expectations(&raw.expect, &specs, &path.entry("expect"));
        let warn = self.expectations(&raw.warn, &specs, &path.entry("warn"));
        Some(Check {
            path: check,
            title: raw.title,
            level: match raw.level {
                raw::Level::Required => Level::Required,
                raw::Level::Advisory => Level::Advisory,
            },
            question,
            from,
            expect,
            warn,
            every,
            timeout,
            fresh_for,
            fail_after: raw.fail_after.unwrap_or(1).max(1),
            pass_after: raw.pass_after.unwrap_or(1).max(1),
        })
    }

    /// Whether the check's times fit each other.
    fn rhythm(
        &mut self,
        raw: &raw::Check,
        every: Duration,
        timeout: Duration,
        fresh_for: Duration,
        path: &KeyPath,
    ) {
        let [every_text, timeout_text, fresh_text] =
            [every, timeout, fresh_for].map(format_duration);
        if every < MIN_EVERY {
            let message = format!("every {every_text} is too often: once per second is the most");
            self.problem(Problem::new(path.entry("every"), message));
        }
        if timeout.is_zero() {
            self.problem(Problem::new(path.entry("timeout"), "a look needs some time"));
        }
        if raw.fresh_for.is_some() && fresh_for < every {
            let message = format!(
                "what is seen counts for {fresh_text} and is looked at every {every_text}: between looks it would \
                 always be stale"
            );
            let hint = format!("make `fresh_for` at least {every_text}, better three times that");
            self.problem(Problem::new(path.entry("fresh_for"), message).hint(hint));
        } else if raw.timeout.is_some() && timeout > fresh_for {
            let message = format!(
                "a look may take {timeout_text}, longer than what it sees counts ({fresh_text})"
            );
            self.problem(Problem::new(path.entry("timeout"), message));
        }
        for (key, count) in [("fail_after", raw.fail_after), ("pass_after", raw.pass_after)] {
            if count == Some(0) {
                self.problem(Problem::new(path.entry(key), "it must be at least 1"));
            }
        }
    }

    fn probe(
        &mut self,
        check: &CheckPath,
        raw: &raw::Check,
        timeout: Duration,
        from: Option<&Name>,
        path: &KeyPath,
    ) -> Option<(Question, Vec<ReadingSpec>)> {
        if !self.registry.kinds().any(|kind| kind == raw.probe) {
            let kinds: Vec<&str> = self.registry.kinds().chain(["sign_off", "rehearsal"]).collect();
            let hint = did_you_mean(&raw.probe, kinds.iter().copied())
                .unwrap_or_else(|| format!("probes are {}", kinds.join(", ")));
            let message = format!("no probe is called `{}`", raw.probe);
            self.problem(Problem::new(path.entry("probe"), message).hint(hint));
            return None;
        }
        if raw.expect.is_empty() {
            let message = "this check cannot fail: it expects nothing";
            let hint =
                "say under `expect:` what must hold, such as `expect: [\"days_left > 90d\"]`";
            self.problem(Problem::new(path.clone(), message).at_key().hint(hint));
        }
        let with = path.entry("with");
        let settings = self.with_source(Value::Object(raw.with.clone()), &with)?;
        match self.registry.build(&raw.probe, settings.clone()) {
            Ok(probe) => {
                if let Some(problem) = probe.too_short(timeout) {
                    self.problem(problem.under(path));
                }
                let specs = probe.readings();
                let kind = Name::of(probe.kind());
                self.probes.insert(check.clone(), self.placed(probe, from));
                Some((Question::Probe { kind, settings }, specs))
            }
            Err(problems) => {
                for problem in problems {
                    if let Some(problem) = in_source(&raw.with, &problem) {
                        // Told once, where the source is written, however many checks use it.
                        if !self.problems.iter().any(|(told, _)| *told == problem) {
                            self.problem(problem);
                        }
                        continue;
                    }
                    let top = problem.path.0.is_empty() && raw.with.is_empty();
                    let above = if top { path } else { &with };
                    self.problem(problem.under(above));
                }
                None
            }
        }
    }

    /// Puts the connection that `source` names in its place.
    fn with_source(&mut self, mut settings: Value, with: &KeyPath) -> Option<Value> {
        let Some(Value::String(name)) = settings.get("source") else { return Some(settings) };
        let sources = self.root.get("sources").and_then(Value::as_object);
        if let Some(source) = sources.and_then(|sources| sources.get(name)) {
            settings["source"] = source.clone();
            return Some(settings);
        }
        let known: Vec<&str> =
            sources.map(|s| s.keys().map(String::as_str).collect()).unwrap_or_default();
        let hint =
            did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match known.as_slice() {
                [] => "add it under `sources:`".to_owned(),
                known => format!("sources are {}", known.join(", ")),
            });
        let message = format!("there is no `{name}` under `sources:`");
        self.problem(Problem::new(with.entry("source"), message).hint(hint));
        None
    }

    /// What people do has no readings.
    fn without_readings(&mut self, raw: &raw::Check, path: &KeyPath, what: &str) {
        for (key, list) in [("expect", &raw.expect), ("warn", &raw.warn)] {
            if !list.is_empty() {
                let message = format!("a {what} has no readings to expect something of");
                self.problem(Problem::new(path.entry(key), message).at_key());
            }
        }
    }

    fn rehearsal(
        &mut self,
        raw: &raw::Check,
        path: &KeyPath,
    ) -> Option<(Question, Vec<ReadingSpec>)> {
        self.without_readings(raw, path, "rehearsal");
        let with = path.entry("with");
        let rehearsal = self.read::<raw::Rehearsal>(Value::Object(raw.with.clone()), &with)?;
        let at = with.entry("procedure");
        let procedure = self.name(&rehearsal.procedure, &at, false)?;
        let written = self.root.get("procedures").and_then(Value::as_object);
        let names: Vec<&str> =
            written.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        if !names.contains(&rehearsal.procedure.as_str()) {
            let hint = did_you_mean(&rehearsal.procedure, names.iter().copied())
                .unwrap_or_else(|| "write it under `procedures:`".to_owned());
            let message = format!("there is no procedure `{procedure}`");
            self.problem(Problem::new(at, message).hint(hint));
        }
        let valid_for = self.duration(rehearsal.valid_for.as_deref(), &with.entry("valid_for"));
        let valid_for = valid_for.unwrap_or(REHEARSED_FOR);
        Some((Question::Rehearsal(RehearsalRule { procedure, valid_for }), Vec::new()))
    }

    fn sign_off(
        &mut self,
        raw: &raw::Check,
        path: &KeyPath,
    ) -> Option<(Question, Vec<ReadingSpec>)> {
        self.without_readings(raw, path, "sign-off");
        let rule = self.sign_off_rule(raw, path)?;
        Some((Question::SignOff(rule), Vec::new()))
    }

    pub(super) fn expectations(
        &mut self,
        texts: &[String],
        specs: &[ReadingSpec],
        path: &KeyPath,
    ) -> Vec<Expectation> {
        if specs.is_empty() {
            return Vec::new();
        }
        let compiled = texts.iter().enumerate().map(|(i, text)| {
            Expectation::compile(text, specs).map_err(|problem| problem.under(&path.index(i)))
        });
        let (mut expectations, mut problems) = (Vec::new(), Vec::new());
        for result in compiled {
            match result {
                Ok(expectation) => expectations.push(expectation),
                Err(problem) => problems.push(problem),
            }
        }
        for problem in problems {
            self.problem(problem);
        }
        expectations
    }
}

/// A problem with what stands in a named source, at the place where the source is written.
fn in_source(with: &Map<String, Value>, problem: &Problem) -> Option<Problem> {
    let Value::String(name) = with.get("source")? else { return None };
    let (first, below) = problem.path.0.split_first()?;
    if *first != Key::Entry("source".to_owned()) {
        return None;
    }
    let path = KeyPath::root().entry("sources").entry(name).join(&KeyPath(below.to_vec()));
    Some(Problem { path, ..problem.clone() })
}
