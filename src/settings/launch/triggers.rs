//! Rollback triggers.

use std::collections::BTreeMap;
use std::time::Duration;

use launchgate_core::gate::Checklist;
use launchgate_core::milestone::Milestone;
use launchgate_core::name::Name;
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use launchgate_core::procedure::{Procedure, Purpose};
use launchgate_core::time::{format_duration, parse_duration};
use launchgate_core::trigger::{ARM_DELAY, Ask, Mode, OnUnknown, Trigger, Window};
use serde_json::Value;

use super::compiler::Compiler;
use super::raw;

/// For how long after a rollback no other starts by itself.
const COOLDOWN: Duration = Duration::from_secs(30 * 60);
/// The longest window.
const MOST_LOOKS: u32 = 1_000;

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
        let lasts = self.duration(raw.lasts.as_deref(), &path.entry("for"));
        let armed_from = self.armed_from(raw.armed.as_ref(), path);
        let armed_until = self.armed_until(raw.armed.as_ref(), path);
        let mode = match raw.mode {
            raw::Mode::Observe => Mode::Observe,
            raw::Mode::Suggest => Mode::Suggest,
            raw::Mode::Act => Mode::Act,
        };
        let ask = self.ask(raw.ask.as_ref(), mode, path);
        let [clear_after, arm_delay, cooldown, max_gap] = [
            ("clear_after", &raw.clear_after),
            ("arm_delay", &raw.arm_delay),
            ("cooldown", &raw.cooldown),
            ("max_gap", &raw.max_gap),
        ]
        .map(|(key, text)| self.duration(text.as_deref(), &path.entry(key)));
        let (watch, slowest) = self.watch(&raw.watch, &path.entry("watch"), lists)?;
        let every = slowest.every;
        let max_gap = max_gap.unwrap_or(every * 2 + slowest.timeout);
        let window = self.window(raw.window.as_ref(), path);
        let lasts = match (lasts, window) {
            (Some(_), Some(_)) => {
                let problem =
                    Problem::new(path.entry("window"), "give `for` or `window`, not both");
                self.problem(problem);
                return None;
            }
            (Some(lasts), None) => {
                self.lasting(lasts, max_gap, every, path);
                lasts
            }
            (None, Some(window)) => every * window.breaches,
            (None, None) => {
                if raw.lasts.is_none() && raw.window.is_none() {
                    let problem = Problem::new(path.clone(), "`for` is missing");
                    self.problem(problem.hint("say how long the breach must last: `for: 5m`"));
                }
                return None;
            }
        };
        Some(Trigger {
            id: id?,
            watch,
            lasts,
            window,
            on_unknown: match raw.on_unknown {
                raw::OnUnknown::Hold => OnUnknown::Hold,
                raw::OnUnknown::Reset => OnUnknown::Reset,
            },
            clear_after: clear_after.unwrap_or_default(),
            mode,
            ask,
            procedure: procedure?,
            armed_from: armed_from?,
            armed_until,
            arm_delay: arm_delay.unwrap_or(ARM_DELAY),
            preexisting_may_fire: matches!(raw.preexisting, raw::Preexisting::Fire),
            protected: raw.protected,
            cooldown: cooldown.unwrap_or(COOLDOWN),
            every,
            max_gap,
        })
    }

    /// Whom it asks. A role must be held by somebody: what nobody is asked, nobody answers.
    fn ask(&mut self, raw: Option<&raw::Ask>, mode: Mode, path: &KeyPath) -> Ask {
        let named = raw.and_then(|raw| raw.role.as_deref());
        let path_of_ask = path.entry("ask");
        let role = match named {
            Some(role) => self.role(role, &path_of_ask.entry("role")),
            None => self.usual_role(mode, path),
        };
        let usual = Ask { role: role.unwrap_or(Ask::default().role), ..Ask::default() };
        let Some(raw) = raw else { return usual };
        let path = path_of_ask;
        let within = self.duration(raw.within.as_deref(), &path.entry("within"));
        let remind = self.duration(raw.remind.as_deref(), &path.entry("remind"));
        if remind.is_some_and(|remind| remind < Duration::from_secs(10)) {
            let problem = Problem::new(
                path.entry("remind"),
                "nobody answers faster for being reminded that often",
            );
            self.problem(problem.hint("remind every 10s at most"));
        }
        Ask {
            role: usual.role,
            within: within.unwrap_or(usual.within),
            remind: remind.unwrap_or(usual.remind),
        }
    }

    /// The first held role of those that may roll back.
    fn usual_role(&mut self, mode: Mode, path: &KeyPath) -> Option<Name> {
        let may = ["rollback_authority", "incident_commander"].map(Name::of);
        let held = may.into_iter().find(|role| self.people.contains_key(role));
        if held.is_none() && mode == Mode::Suggest {
            let message = "it suggests a rollback, and there is nobody to ask";
            let hint = "name who decides under `people:`, as `rollback_authority: [alice]`, or say `ask: { role: … }`";
            self.problem(Problem::new(path.clone(), message).hint(hint));
        }
        held
    }

    fn window(&mut self, raw: Option<&raw::Window>, path: &KeyPath) -> Option<Window> {
        let raw::Window { breaches, of } = *raw?;
        let path = path.entry("window");
        if breaches < 2 || breaches > of || of > MOST_LOOKS {
            let message = format!("{breaches} of {of} looks is no window");
            let hint = format!(
                "at least 2 breaches, of at most {MOST_LOOKS} looks: `{{ breaches: 12, of: 20 }}`"
            );
            self.problem(Problem::new(path, message).hint(hint));
            return None;
        }
        Some(Window { breaches, of })
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
        if procedures.get(&name).is_some_and(|found| found.purpose == Purpose::Launch) {
            let message = format!("`{text}` launches, and a trigger calls for a rollback");
            self.problem(Problem::new(path.clone(), message));
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
