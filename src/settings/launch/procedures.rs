//! Procedures and their steps.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use launchgate_core::gate::Checklist;
use launchgate_core::name::Name;
use launchgate_core::plan::Channel;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::procedure::{Effect, OnInDoubt, Procedure, Purpose, Step};
use serde_json::{Value, json};

use super::compiler::Compiler;
use super::raw::{self, Action};
use crate::actions::settings::{
    ExecSettings, HttpSettings, ManualSettings, NotifySettings, VerifySettings, WaitSettings,
};

/// The longest that a `verify` may take: a run waits for it.
const MAX_VERIFY: Duration = Duration::from_secs(10 * 60);
const TIMEOUT: Duration = Duration::from_secs(5 * 60);
const MANUAL_TIMEOUT: Duration = Duration::from_secs(60 * 60);
const GATE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// What steps may refer to.
struct Known<'a> {
    channels: &'a BTreeMap<Name, Channel>,
    lists: &'a [Checklist],
}

impl Compiler<'_> {
    pub(super) fn procedures(
        &mut self,
        channels: &BTreeMap<Name, Channel>,
        lists: &[Checklist],
    ) -> BTreeMap<Name, Procedure> {
        let known = Known { channels, lists };
        let mut procedures = BTreeMap::new();
        for (name, value, path) in self.entries(&KeyPath::root(), "procedures") {
            let id = self.name(&name, &path, true);
            let Some(raw) = self.read::<raw::Procedure>(value, &path) else { continue };
            if raw.steps.is_empty() {
                let message = "a procedure without a step does nothing";
                self.problem(Problem::new(path.entry("steps"), message));
            }
            let mut seen = HashSet::new();
            let mut steps = Vec::new();
            for (i, step) in raw.steps.into_iter().enumerate() {
                let path = path.entry("steps").index(i);
                if let Some(step) = self.step(step, &path, &known) {
                    if !seen.insert(step.id.clone()) {
                        let message = format!("there is a step `{}` already", step.id);
                        self.problem(Problem::new(path.entry("step"), message));
                    }
                    steps.push(step);
                }
            }
            let purpose = match raw.purpose {
                raw::Purpose::Rollback => Purpose::Rollback,
                raw::Purpose::Launch => Purpose::Launch,
            };
            if let Some(id) = id {
                let procedure = Procedure { id: id.clone(), purpose, steps };
                self.fits_its_purpose(&procedure, &path);
                procedures.insert(id, procedure);
            }
        }
        self.ways_back(&procedures);
        procedures
    }

    fn step(&mut self, value: Value, path: &KeyPath, known: &Known<'_>) -> Option<Step> {
        let raw = self.read::<raw::Step>(value, path)?;
        let id = self.name(&raw.id, &path.entry("step"), false);
        let (usual, effect, critical) = match raw.action {
            Action::Exec | Action::Http => (TIMEOUT, Effect::Once, true),
            Action::Notify => (TIMEOUT, Effect::Idempotent, false),
            Action::Wait => (TIMEOUT, Effect::Read, true),
            Action::Manual => (MANUAL_TIMEOUT, Effect::Once, true),
            Action::Gate => (GATE_TIMEOUT, Effect::Read, true),
            Action::Milestone => (TIMEOUT, Effect::Idempotent, true),
        };
        let timeout =
            self.duration(raw.timeout.as_deref(), &path.entry("timeout")).unwrap_or(usual);
        let when = match raw.when.as_deref() {
            Some(text) => Some(self.milestone(text, &path.entry("when"))?),
            None => None,
        };
        let owner = raw.owner.as_deref().and_then(|role| self.role(role, &path.entry("owner")));
        let effect = match raw.effect {
            Some(raw::Effect::Read) => Effect::Read,
            Some(raw::Effect::Idempotent) => Effect::Idempotent,
            Some(raw::Effect::Once) => Effect::Once,
            None => effect,
        };
        let at = raw.at.as_deref().and_then(|text| self.parse(text, &path.entry("at"), None));
        let earliest = raw.not_before.as_deref();
        let not_before =
            earliest.and_then(|text| self.parse(text, &path.entry("not_before"), None));
        let back = raw.on_failure.as_deref();
        let on_failure = back.and_then(|text| self.name(text, &path.entry("on_failure"), false));
        let settings = self.action(&raw, path, timeout, known);
        let (on_in_doubt, verify) = self.doubt(&raw, path, effect);
        Some(Step {
            id: id?,
            action: Name::of(match raw.action {
                Action::Exec => "exec",
                Action::Http => "http",
                Action::Notify => "notify",
                Action::Wait => "wait",
                Action::Manual => "manual",
                Action::Gate => "gate",
                Action::Milestone => "milestone",
            }),
            settings: settings?,
            timeout,
            effect,
            critical: raw.critical.unwrap_or(critical),
            when,
            owner,
            on_in_doubt,
            verify,
            at,
            not_before,
            on_failure,
        })
    }

    /// What becomes of the step when it is in doubt, and by which look.
    fn doubt(
        &mut self,
        raw: &raw::Step,
        path: &KeyPath,
        effect: Effect,
    ) -> (OnInDoubt, Option<Value>) {
        let [chosen_at, verify_at] = ["on_in_doubt", "verify"].map(|key| path.entry(key));
        let usual = if effect == Effect::Once { OnInDoubt::Ask } else { OnInDoubt::Retry };
        if !matches!(raw.action, Action::Exec | Action::Http) {
            let given = [(raw.on_in_doubt.is_some(), chosen_at), (raw.verify.is_some(), verify_at)];
            for (_, at) in given.into_iter().filter(|(given, _)| *given) {
                let message = "only an `exec` or `http` step is ever in doubt";
                self.problem(Problem::new(at, message).hint("leave it out"));
            }
            return (usual, None);
        }
        if let Some(verify) = &raw.verify {
            self.verify(verify, &verify_at);
        }
        let chosen = match (raw.on_in_doubt, &raw.verify) {
            (None, None) => usual,
            (None | Some(raw::OnInDoubt::Verify), Some(_)) => OnInDoubt::Verify,
            (Some(raw::OnInDoubt::Verify), None) => {
                let problem = Problem::new(chosen_at, "the step has no `verify`");
                self.problem(
                    problem.hint("add `verify: { command: [sh, scripts/is-it-done.sh] }`"),
                );
                usual
            }
            (Some(raw::OnInDoubt::Retry), _) if effect == Effect::Once => {
                let message = "a step that acts `once` is not begun again by guess";
                let hint =
                    "write `effect: idempotent` if it may be done twice, or give it a `verify`";
                self.problem(Problem::new(chosen_at, message).hint(hint));
                usual
            }
            (Some(raw::OnInDoubt::Ask | raw::OnInDoubt::Retry), Some(_)) => {
                let problem = Problem::new(chosen_at, "the step's `verify` would never be used");
                self.problem(problem.hint("write `on_in_doubt: verify`, or leave one of both out"));
                usual
            }
            (Some(raw::OnInDoubt::Ask), None) => OnInDoubt::Ask,
            (Some(raw::OnInDoubt::Retry), None) => OnInDoubt::Retry,
        };
        (chosen, raw.verify.clone().map(Value::Object))
    }

    fn verify(&mut self, verify: &serde_json::Map<String, Value>, path: &KeyPath) {
        let Some(read) = self.read::<VerifySettings>(Value::Object(verify.clone()), path) else {
            return;
        };
        if read.command.first().is_none_or(String::is_empty) {
            let problem = Problem::new(path.entry("command"), "there is no program to run");
            self.problem(problem.hint("write `command: [sh, scripts/is-it-done.sh]`"));
        }
        if read.timeout.is_zero() || read.timeout > MAX_VERIFY {
            let message = "`verify` may take between 1ms and 10m";
            self.problem(Problem::new(path.entry("timeout"), message));
        }
    }

    /// The action's settings, checked and complete.
    fn action(
        &mut self,
        raw: &raw::Step,
        path: &KeyPath,
        timeout: Duration,
        known: &Known<'_>,
    ) -> Option<Value> {
        let with = path.entry("with");
        // What is missing from a `with` that is not there is shown at the step.
        let shown = if raw.with.is_empty() { path } else { &with };
        let settings = Value::Object(raw.with.clone());
        match raw.action {
            Action::Exec => {
                let exec: ExecSettings = self.read(settings.clone(), shown)?;
                if exec.command.first().is_none_or(String::is_empty) {
                    let problem = Problem::new(with.entry("command"), "there is no program to run");
                    self.problem(problem.hint("write `command: [bash, scripts/rollback.sh]`"));
                }
                Some(settings)
            }
            Action::Http => self.read::<HttpSettings>(settings.clone(), shown).map(|_| settings),
            Action::Manual => {
                self.read::<ManualSettings>(settings.clone(), shown).map(|_| settings)
            }
            Action::Notify => {
                let notify: NotifySettings = self.read(settings.clone(), shown)?;
                let names = notify.to.iter().map(Name::as_str);
                let to = self.channels_named(names, &with.entry("to"), known.channels);
                let (status, pager) = (notify.status.as_deref(), notify.pager.as_deref());
                self.matter(status, pager, &to, shown, known.channels);
                if let Some(matter) = &notify.matter {
                    self.name(matter, &with.entry("matter"), false);
                }
                Some(settings)
            }
            Action::Wait => self.wait(settings, shown, &with, timeout, known),
            Action::Gate => self.gate_step(settings, shown, &with, known.lists),
            Action::Milestone => self.milestone_step(settings, shown, &with),
        }
    }

    fn wait(
        &mut self,
        settings: Value,
        shown: &KeyPath,
        with: &KeyPath,
        timeout: Duration,
        known: &Known<'_>,
    ) -> Option<Value> {
        let texts = settings.get("checks").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut full = settings;
        let mut paths = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            let at = with.entry("checks").index(i);
            let Some(text) = text.as_str() else { continue };
            paths.push(self.find_check(text, &at, known.lists)?.path.to_string());
        }
        if paths.len() == texts.len() && !paths.is_empty() {
            full["checks"] = json!(paths);
        }
        let wait: WaitSettings = self.read(full.clone(), shown)?;
        if wait.checks.is_empty() {
            let problem = Problem::new(with.entry("checks"), "there is no check to wait for");
            self.problem(problem);
        }
        if wait.lasts >= timeout {
            let message = "the step would time out before the checks have passed for that long";
            self.problem(
                Problem::new(with.entry("for"), message).hint("raise the step's `timeout`"),
            );
        }
        Some(full)
    }
}
