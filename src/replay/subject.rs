//! What is replayed against: one trigger of a launch file, its rule in words, and the checks that it watches.

use std::time::Duration;

use launchgate_core::check::Question;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::reading::{ReadingSpec, Unit};
use launchgate_core::replay::watches;
use launchgate_core::time::format_duration;
use launchgate_core::trigger::Window;
use serde_json::Value;

use crate::settings::launch::Compiled;

/// A trigger and what it watches.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The launch.
    pub launch: Name,
    /// The trigger.
    pub trigger: Name,
    /// What it watches, in words.
    pub rule: String,
    /// Its `for`.
    pub lasts: Duration,
    /// The breaches among the last looks that it fires at in place of a `for`.
    pub window: Option<Window>,
    /// How often it is looked.
    pub every: Duration,
    /// The longest time between two breach samples that still counts.
    pub max_gap: Duration,
    /// The limit, where the breach is nothing but one number beyond one.
    pub limit: Option<Limit>,
    /// The checks that it watches; the one at whose looks it is judged is the last.
    pub watched: Vec<Watched>,
}

/// The number that a reading is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The reading.
    pub reading: Name,
    /// In what it counts.
    pub unit: Unit,
    /// The number, in the base of the unit.
    pub value: f64,
    /// Whether the breach lies above it.
    pub above: bool,
}

/// A check that a trigger watches.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The check.
    pub check: CheckPath,
    /// How often it looks.
    pub every: Duration,
    /// What its probe can report.
    pub specs: Vec<ReadingSpec>,
    /// The kind of its probe.
    pub kind: Name,
    /// The settings of its probe.
    pub settings: Value,
    /// Whether its source can be asked for what was.
    pub keeps_history: bool,
}

impl Subject {
    /// A trigger of a launch file; nothing if there is none of that name.
    pub fn of(compiled: &Compiled, id: &Name) -> Option<Self> {
        let plan = &compiled.plan;
        let trigger = plan.trigger(id)?;
        let checks = plan.checks().map(|(_, check)| check);
        let watched = checks.filter(|check| watches(trigger, &check.path)).filter_map(|check| {
            let Question::Probe { kind, settings } = &check.question else { return None };
            let probe = compiled.probes.get(&check.path)?;
            Some(Watched {
                check: check.path.clone(),
                every: check.every,
                specs: probe.readings(),
                keeps_history: probe.keeps_history(),
                kind: kind.clone(),
                settings: settings.clone(),
            })
        });
        let mut watched: Vec<Watched> = watched.collect();
        watched.sort_by_key(|watched| watched.check == *trigger.watch.clock());
        let (limit, rule) = match trigger.watch.children.as_slice() {
            [only] => (only.breach.limit(), format!("`{}` of {}", only.breach, only.check)),
            _ => (None, format!("`{}`", trigger.watch)),
        };
        let limit = limit.map(|limit| Limit {
            reading: limit.reading.name.clone(),
            unit: limit.reading.kind.unit(),
            value: limit.value,
            above: limit.above,
        });
        Some(Self {
            launch: plan.launch.clone(),
            trigger: id.clone(),
            rule,
            lasts: trigger.lasts,
            window: trigger.window,
            every: trigger.every,
            max_gap: trigger.max_gap,
            limit,
            watched,
        })
    }

    /// The checks by name, for people.
    pub fn checks(&self) -> String {
        let names: Vec<String> = self.watched.iter().map(|w| w.check.to_string()).collect();
        names.join(", ")
    }

    /// The rule without its duration, in a line.
    pub fn told(&self) -> String {
        let every = format_duration(self.every);
        let gap = format_duration(self.max_gap);
        let Self { trigger, rule, .. } = self;
        format!("{trigger}: {rule}, looked at every {every}, gaps of up to {gap} count")
    }

    /// What it takes to fire.
    pub fn fires(&self) -> String {
        match self.window {
            None => format!("fires after {}", format_duration(self.lasts)),
            Some(Window { breaches, of }) => {
                format!("fires at {breaches} breaches among {of} looks")
            }
        }
    }
}
