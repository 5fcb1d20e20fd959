//! What a trigger watches.

use launchgate_core::check::{Check, Question};
use launchgate_core::expectation::Expectation;
use launchgate_core::gate::Checklist;
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use launchgate_core::trigger::{Child, Condition, Rule};
use serde_json::Value;

use super::compiler::Compiler;
use super::raw;

/// How fast a launch's error budget may be spent, after the first pair of Google's SRE Workbook (chapter 5).
const BURN_FACTOR: f64 = 14.4;
/// The most conditions of one trigger.
const MOST: usize = 20;

impl Compiler<'_> {
    /// The condition, and the check that looks least often.
    pub(super) fn watch<'l>(
        &mut self,
        raw: &raw::Watch,
        path: &KeyPath,
        lists: &'l [Checklist],
    ) -> Option<(Condition, &'l Check)> {
        let forms = [
            raw.check.is_some() || raw.breach.is_some(),
            !raw.any.is_empty(),
            !raw.all.is_empty(),
            raw.at_least.is_some(),
            raw.burn_rate.is_some(),
        ];
        if forms.iter().filter(|given| **given).count() != 1 {
            let problem = Problem::new(path.clone(), "say what is watched, in one way");
            self.problem(problem.hint(
                "write `{ check: ..., breach: ... }`, or one of `any`, `all`, `at_least`, `burn_rate`",
            ));
            return None;
        }
        let (rule, children) = if let Some(burn) = &raw.burn_rate {
            (Rule::All, self.burn_rate(burn, &path.entry("burn_rate"), lists)?)
        } else if let Some(at_least) = &raw.at_least {
            let path = path.entry("at_least");
            if at_least.count == 0 || at_least.count > at_least.of.len() {
                let message = format!("{} of {} cannot be", at_least.count, at_least.of.len());
                self.problem(Problem::new(path.entry("count"), message));
            }
            (Rule::AtLeast(at_least.count), self.several(&at_least.of, &path.entry("of"), lists)?)
        } else if !raw.all.is_empty() {
            (Rule::All, self.several(&raw.all, &path.entry("all"), lists)?)
        } else if !raw.any.is_empty() {
            (Rule::Any, self.several(&raw.any, &path.entry("any"), lists)?)
        } else {
            let one = raw::Condition {
                check: self.given(raw.check.as_ref(), "check", path)?,
                breach: self.given(raw.breach.as_ref(), "breach", path)?,
            };
            (Rule::Any, vec![self.child(&one, path, lists)?])
        };
        slowest_first(rule, children)
    }

    fn given(&mut self, text: Option<&String>, key: &str, path: &KeyPath) -> Option<String> {
        if text.is_none() {
            self.problem(Problem::new(path.clone(), format!("`{key}` is missing")));
        }
        text.cloned()
    }

    fn several<'l>(
        &mut self,
        list: &[Value],
        path: &KeyPath,
        lists: &'l [Checklist],
    ) -> Option<Vec<(Child, &'l Check)>> {
        if list.len() > MOST {
            let message = format!("{} conditions are more than anybody can follow", list.len());
            self.problem(Problem::new(path.clone(), message).hint(format!("at most {MOST}")));
            return None;
        }
        let children: Vec<Option<(Child, &'l Check)>> = list
            .iter()
            .enumerate()
            .map(|(i, value)| {
                let path = path.index(i);
                let raw = self.read::<raw::Condition>(value.clone(), &path)?;
                self.child(&raw, &path, lists)
            })
            .collect();
        children.into_iter().collect()
    }

    fn child<'l>(
        &mut self,
        raw: &raw::Condition,
        path: &KeyPath,
        lists: &'l [Checklist],
    ) -> Option<(Child, &'l Check)> {
        let check = self.find_check(&raw.check, &path.entry("check"), lists)?;
        let breach = self.breach(check, &raw.breach, path)?;
        Some((Child { check: check.path.clone(), breach }, check))
    }

    /// Both shares of errors beyond `factor` times what the objective allows.
    fn burn_rate<'l>(
        &mut self,
        raw: &raw::BurnRate,
        path: &KeyPath,
        lists: &'l [Checklist],
    ) -> Option<Vec<(Child, &'l Check)>> {
        let factor = raw.factor.unwrap_or(BURN_FACTOR);
        let share = factor * (100.0 - raw.objective);
        let sound = (50.0..100.0).contains(&raw.objective) && factor >= 1.0 && share <= 100.0;
        if !sound {
            let message = format!(
                "{factor} times the {} % of errors that the objective allows is no share of events",
                100.0 - raw.objective
            );
            let hint = "an objective is like `99.9`, in percent, and the factor at least 1";
            self.problem(Problem::new(path.entry("objective"), message).hint(hint));
            return None;
        }
        let breach = format!("value > {share:.6}%");
        let both = [("long", &raw.long), ("short", &raw.short)].map(|(key, name)| {
            let check = self.find_check(name, &path.entry(key), lists)?;
            let breach = self.breach_at(check, &breach, &path.entry(key))?;
            Some((Child { check: check.path.clone(), breach }, check))
        });
        both.into_iter().collect()
    }

    fn breach(&mut self, check: &Check, text: &str, path: &KeyPath) -> Option<Expectation> {
        if !matches!(check.question, Question::Probe { .. }) {
            return self.no_readings(check, &path.entry("check"));
        }
        self.breach_at(check, text, &path.entry("breach"))
    }

    fn breach_at(&mut self, check: &Check, text: &str, path: &KeyPath) -> Option<Expectation> {
        if !matches!(check.question, Question::Probe { .. }) {
            return self.no_readings(check, path);
        }
        let specs = self.probes.get(&check.path)?.readings();
        match Expectation::compile(text, &specs) {
            Ok(breach) => Some(breach),
            Err(problem) => {
                self.problem(problem.under(path));
                None
            }
        }
    }

    fn no_readings(&mut self, check: &Check, path: &KeyPath) -> Option<Expectation> {
        let message =
            format!("`{}` is answered by people and has no readings to watch", check.path);
        self.problem(Problem::new(path.clone(), message));
        None
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
}

/// The condition, with the check that looks least often in front.
fn slowest_first(rule: Rule, mut children: Vec<(Child, &Check)>) -> Option<(Condition, &Check)> {
    children.sort_by_key(|(_, check)| std::cmp::Reverse(check.every));
    let slowest = children.first()?.1;
    let children = children.into_iter().map(|(child, _)| child).collect();
    Some((Condition { rule, children }, slowest))
}
