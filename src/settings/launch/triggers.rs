//! Rollback triggers.

use std::collections::BTreeMap;
use std::time::Duration;

use launchgate_core::check::{Check, Question};
use launchgate_core::expectation::Expectation;
use launchgate_core::gate::Checklist;
use launchgate_core::milestone::Milestone;
use launchgate_core::name::Name;
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use launchgate_core::procedure::Procedure;
use launchgate_core::time::{format_duration, parse_duration};
use launchgate_core::trigger::{Mode, OnUnknown, Trigger};
use serde_json::Value;

use super::compiler::Compiler;
use super::raw;

impl Compiler<'_> {
    pub(super) fn triggers(
        &mut self,
        lists: &[Checklist],
        procedures: &BTreeMap<Name, Procedure>,
    ) -> Vec<Trigger> {
        let entries = self.entries(&KeyPath::root(), "triggers");
        entries
            .into_iter()
            .filter_map(|(name, value, path)| self.trigger(&name, value, &path, lists, procedures))
            .collect()
    }

    fn trigger(
        &mut self,
        name: &str,
        value: Value,
        path: &KeyPath,
        lists: &[Checklist],
        procedures: &BTreeMap<Name, Procedure>,
    ) -> Option<Trigger> {
        let id = self.name(name, path, true);
        let raw = self.read::<raw::Trigger>(value, path)?;
        let procedure = self.procedure_named(&raw.run, &path.entry("run"), procedures);
        let lasts = self.duration(Some(&raw.lasts), &path.entry("for"));
        let armed_from = self.armed_from(raw.armed.as_ref(), path);
        let armed_until = self.armed_until(raw.armed.as_ref(), path);
        let watch = path.entry("watch");
        let check = self.find_check(&raw.watch.check, &watch.entry("check"), lists)?;
        let breach = self.breach(check, &raw.watch.breach, &watch)?;
        let usual_gap = check.every * 2 + check.timeout;
        let max_gap =
            self.duration(raw.max_gap.as_deref(), &path.entry("max_gap")).unwrap_or(usual_gap);
        let lasts = lasts?;
        self.lasting(lasts, max_gap, check.every, path);
        Some(Trigger {
            id: id?,
            check: check.path.clone(),
            breach,
            lasts,
            on_unknown: match raw.on_unknown {
                raw::OnUnknown::Hold => OnUnknown::Hold,
                raw::OnUnknown::Reset => OnUnknown::Reset,
            },
            mode: match raw.mode {
                raw::Mode::Observe => Mode::Observe,
                raw::Mode::Suggest => Mode::Suggest,
                raw::Mode::Act => Mode::Act,
            },
            procedure: procedure?,
            armed_from: armed_from?,
            armed_until,
            every: check.every,
            max_gap,
        })
    }

    /// Whether `for` and `max_gap` leave samples to judge by.
    fn lasting(&mut self, lasts: Duration, max_gap: Duration, every: Duration, path: &KeyPath) {
        let looks = format_duration(every);
        if lasts < every * 2 {
            let message = format!(
                "{} is shorter than two samples: the check looks every {looks}",
                format_duration(lasts)
            );
            let hint = format!("make `for` at least {}", format_duration(every * 2));
            self.problem(Problem::new(path.entry("for"), message).hint(hint));
        }
        if max_gap < every {
            let message = format!(
                "{} is shorter than the time between two looks ({looks}): nothing would ever be credited",
                format_duration(max_gap)
            );
            self.problem(Problem::new(path.entry("max_gap"), message));
        }
    }

    fn breach(&mut self, check: &Check, text: &str, watch: &KeyPath) -> Option<Expectation> {
        if let Question::SignOff(_) = check.question {
            let message =
                format!("`{}` is signed off by people and has no readings to watch", check.path);
            self.problem(Problem::new(watch.entry("check"), message));
            return None;
        }
        let specs = self.probes.get(&check.path)?.readings();
        match Expectation::compile(text, &specs) {
            Ok(breach) => Some(breach),
            Err(problem) => {
                self.problem(problem.under(&watch.entry("breach")));
                None
            }
        }
    }

    /// A check by its full name, or by its own where only one has it.
    pub(super) fn find_check<'l>(
        &mut self,
        text: &str,
        path: &KeyPath,
        lists: &'l [Checklist],
    ) -> Option<&'l Check> {
        let all = || lists.iter().flat_map(|list| &list.checks);
        let matching: Vec<&Check> =
            all().filter(|c| c.path.to_string() == text || c.path.check.as_str() == text).collect();
        match matching.as_slice() {
            [one] => Some(one),
            // It is there and has problems of its own.
            [] if self.is_written(text) => None,
            [] => {
                let names: Vec<String> =
                    all().flat_map(|c| [c.path.to_string(), c.path.check.to_string()]).collect();
                let hint = did_you_mean(text, names.iter().map(String::as_str));
                let message = format!("there is no check `{text}`");
                self.problem(Problem::new(path.clone(), message).hint_if(hint));
                None
            }
            many => {
                let names: Vec<String> = many.iter().map(|c| format!("`{}`", c.path)).collect();
                let message = format!("`{text}` may be {}", names.join(" or "));
                self.problem(Problem::new(path.clone(), message).hint("write the full name"));
                None
            }
        }
    }

    /// Whether the file has a check of that name, compiled or not.
    fn is_written(&self, text: &str) -> bool {
        let lists = self.root.get("checklists").and_then(Value::as_object);
        let names = lists.into_iter().flatten().flat_map(|(list, value)| {
            let checks = value.get("checks").and_then(Value::as_object);
            checks.into_iter().flatten().map(move |(check, _)| (list, check))
        });
        names.into_iter().any(|(list, check)| check == text || format!("{list}/{check}") == text)
    }

    fn procedure_named(
        &mut self,
        text: &str,
        path: &KeyPath,
        procedures: &BTreeMap<Name, Procedure>,
    ) -> Option<Name> {
        let name = self.name(text, path, false)?;
        let written = self.root.get("procedures").and_then(Value::as_object);
        if !procedures.contains_key(&name) && written.is_none_or(|map| !map.contains_key(text)) {
            let hint = did_you_mean(text, procedures.keys().map(Name::as_str))
                .unwrap_or_else(|| "write it under `procedures:`".to_owned());
            let message = format!("there is no procedure `{text}`");
            self.problem(Problem::new(path.clone(), message).hint(hint));
        }
        Some(name)
    }

    pub(super) fn milestone(&mut self, text: &str, path: &KeyPath) -> Option<Milestone> {
        let names = Milestone::ALL.map(Milestone::name);
        let hint = did_you_mean(text, names)
            .unwrap_or_else(|| format!("milestones are {}", names.join(", ")));
        self.parse(text, path, Some(hint))
    }

    fn armed_from(&mut self, armed: Option<&raw::Armed>, path: &KeyPath) -> Option<Milestone> {
        match armed.and_then(|armed| armed.from.as_deref()) {
            Some(text) => {
                let at = path.entry("armed").entry("from");
                let from = self.milestone(text, &at)?;
                if matches!(from, Milestone::RolledBack | Milestone::Closed) {
                    let message =
                        format!("this trigger cannot fire: nothing is watched after `{from}`");
                    self.problem(
                        Problem::new(at, message).hint("arm it from `deploy_started` or `live`"),
                    );
                }
                Some(from)
            }
            None => Some(Milestone::DeployStarted),
        }
    }

    fn armed_until(
        &mut self,
        armed: Option<&raw::Armed>,
        path: &KeyPath,
    ) -> Option<(Duration, Milestone)> {
        let text = armed?.until.as_deref()?;
        let path = path.entry("armed").entry("until");
        let Some((after, milestone)) = text.split_once(" after ") else {
            let problem = Problem::new(path, format!("`{text}` is no end"));
            self.problem(problem.hint("write it like `7d after live`"));
            return None;
        };
        let milestone = self.milestone(milestone.trim(), &path);
        match parse_duration(after.trim()) {
            Ok(after) => Some((after, milestone?)),
            Err(error) => {
                self.problem(Problem::new(path, error.to_string()));
                None
            }
        }
    }
}
