//! The engines: how late they come round to what is handed to them, what they could not keep yet, and for how long checks
//! stood as unknown.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use launchgate_core::check::Outcome;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::report::Report;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use super::{Seconds, seconds};

type Labels<const N: usize> = [(&'static str, String); N];
type Elapsed = Counter<f64, AtomicU64>;

/// What is measured of the engines of a daemon, by launch.
#[derive(Debug, Clone)]
pub struct Engines {
    ticks: Seconds<Labels<1>>,
    events: Seconds<Labels<1>>,
    held: Family<Labels<1>, Gauge>,
    unknown: Family<Labels<3>, Elapsed>,
}

/// What one engine notes.
#[derive(Debug)]
pub struct EngineMeasure {
    launch: String,
    ticks: Histogram,
    events: Histogram,
    held: Gauge,
    unknown: Family<Labels<3>, Elapsed>,
    /// The counters of the checks in the last report, and when they were last added to.
    counters: HashMap<CheckPath, Elapsed>,
    counted: Instant,
}

impl Engines {
    /// What the engine of this launch notes.
    pub fn of(&self, launch: &Name) -> EngineMeasure {
        let labels = [("launch", launch.to_string())];
        EngineMeasure {
            launch: launch.to_string(),
            ticks: self.ticks.get_or_create_owned(&labels),
            events: self.events.get_or_create_owned(&labels),
            held: self.held.get_or_create_owned(&labels),
            unknown: self.unknown.clone(),
            counters: HashMap::new(),
            counted: Instant::now(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "engine_tick_delay",
            "How long after its time the engine took the passing of time into account",
            Unit::Seconds,
            self.ticks.clone(),
        );
        registry.register_with_unit(
            "engine_event_delay",
            "How long events waited for the engine",
            Unit::Seconds,
            self.events.clone(),
        );
        registry.register("engine_held_records", "Records that wait to be kept", self.held.clone());
        registry.register_with_unit(
            "check_unknown",
            "How long the check stood as unknown",
            Unit::Seconds,
            self.unknown.clone(),
        );
    }
}

impl Default for Engines {
    fn default() -> Self {
        Self {
            ticks: Family::new_with_constructor(seconds),
            events: Family::new_with_constructor(seconds),
            held: Family::default(),
            unknown: Family::default(),
        }
    }
}

impl EngineMeasure {
    /// Notes by how much a tick was late.
    pub fn ticked(&self, late: Duration) {
        self.ticks.observe(late.as_secs_f64());
    }

    /// Notes how long an event had waited when it was taken, room in the inbox included.
    pub fn took(&self, waited: Duration) {
        self.events.observe(waited.as_secs_f64());
    }

    /// Notes how many records wait to be kept.
    pub fn holds(&self, records: usize) {
        self.held.set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// Adds the time since the last call to every check that the report shows as unknown. A check that is gone from the
    /// report is forgotten.
    pub fn passed(&mut self, report: &Report) {
        let now = Instant::now();
        let passed = now.duration_since(self.counted).as_secs_f64();
        self.counted = now;
        let mut shown = 0;
        for check in report.checklists.iter().flat_map(|list| &list.checks) {
            shown += 1;
            if !self.counters.contains_key(&check.id) {
                let counter = self.unknown.get_or_create_owned(&self.labels(&check.id));
                self.counters.insert(check.id.clone(), counter);
            }
            if matches!(check.outcome, Outcome::Unknown(_))
                && let Some(counter) = self.counters.get(&check.id)
            {
                counter.inc_by(passed);
            }
        }
        if self.counters.len() > shown {
            self.forget(report);
        }
    }

    fn forget(&mut self, report: &Report) {
        let shown: std::collections::HashSet<&CheckPath> =
            report.checklists.iter().flat_map(|list| &list.checks).map(|check| &check.id).collect();
        let gone: Vec<CheckPath> =
            self.counters.keys().filter(|check| !shown.contains(check)).cloned().collect();
        for check in gone {
            self.unknown.remove(&self.labels(&check));
            self.counters.remove(&check);
        }
    }

    fn labels(&self, check: &CheckPath) -> Labels<3> {
        let (checklist, check) = (check.checklist.to_string(), check.check.to_string());
        [("launch", self.launch.clone()), ("checklist", checklist), ("check", check)]
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::render::sample::Sample;

    fn shown(engines: &Engines) -> Vec<String> {
        let mut registry = Registry::default();
        engines.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).expect("a String takes all");
        let lines = text.lines().filter(|line| line.starts_with("check_unknown_seconds_total"));
        lines.map(str::to_owned).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_is_charged_while_it_is_unknown_and_forgotten_when_it_is_gone() {
        let engines = Engines::default();
        let mut report = Sample::pending().report();
        let mut measure = engines.of(&report.launch);
        tokio::time::advance(Duration::from_secs(3)).await;
        measure.passed(&report);
        let of = |check: &str, seconds: &str| {
            format!(
                "check_unknown_seconds_total{{launch=\"checkout-2-4\",checklist=\"health\",check=\"{check}\"}} {seconds}"
            )
        };
        let lines = shown(&engines);
        assert!(lines.contains(&of("p99-latency", "3.0")), "{lines:#?}");
        assert!(lines.contains(&of("error-rate", "0.0")), "{lines:#?}");
        let all: usize = report.checklists.iter().map(|list| list.checks.len()).sum();
        assert_eq!(lines.len(), all, "one for each check");
        report.checklists.retain(|list| list.id.as_str() != "health");
        measure.passed(&report);
        assert!(!shown(&engines).iter().any(|line| line.contains("\"health\"")));
    }
}
