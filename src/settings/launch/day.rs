//! What a launch procedure has that a rollback has not: planned times, gates, milestones, and a way back when a step fails.

use std::collections::BTreeMap;

use launchgate_core::gate::Checklist;
use launchgate_core::milestone::Milestone;
use launchgate_core::name::Name;
use launchgate_core::problem::{KeyPath, Problem, did_you_mean};
use launchgate_core::procedure::{Procedure, Purpose};
use serde_json::Value;

use super::compiler::{Compiler, at};
use crate::actions::settings::{GateSettings, MilestoneSettings};

impl Compiler<'_> {
    pub(super) fn gate_step(
        &mut self,
        settings: Value,
        shown: &KeyPath,
        with: &KeyPath,
        lists: &[Checklist],
    ) -> Option<Value> {
        let gate: GateSettings = self.read(settings.clone(), shown)?;
        for (i, id) in gate.checklists.iter().enumerate() {
            if !lists.iter().any(|list| list.id == *id) {
                let hint = did_you_mean(id.as_str(), lists.iter().map(|list| list.id.as_str()));
                let message = format!("there is no checklist `{id}`");
                let place = with.entry("checklists").index(i);
                self.problem(Problem::new(place, message).hint_if(hint));
            }
        }
        Some(settings)
    }

    pub(super) fn milestone_step(
        &mut self,
        settings: Value,
        shown: &KeyPath,
        with: &KeyPath,
    ) -> Option<Value> {
        let read: MilestoneSettings = self.read(settings.clone(), shown)?;
        if matches!(read.milestone, Milestone::RollbackStarted | Milestone::RolledBack) {
            let message = format!("`{}` is recorded by a rollback alone", read.milestone);
            self.problem(Problem::new(with.entry("milestone"), message));
        }
        Some(settings)
    }

    /// Whether each step may stand in a procedure of this purpose, and whether planned times go forward.
    pub(super) fn fits_its_purpose(&mut self, procedure: &Procedure, path: &KeyPath) {
        let mut last = None;
        for (i, step) in procedure.steps.iter().enumerate() {
            let place = path.entry("steps").index(i);
            if procedure.purpose == Purpose::Rollback {
                let of_launches = [
                    ("at", step.at.is_some()),
                    ("not_before", step.not_before.is_some()),
                    ("on_failure", step.on_failure.is_some()),
                    ("do", matches!(step.action.as_str(), "gate" | "milestone")),
                ];
                for (key, _) in of_launches.into_iter().filter(|(_, given)| *given) {
                    let message = "only a launch procedure has this: a rollback waits for nobody";
                    let problem = Problem::new(place.entry(key), message);
                    self.problem(problem.hint("write `purpose: launch` if this is how to launch"));
                }
                continue;
            }
            let Some(due) = step.at else { continue };
            let order = (due.anchor == launchgate_core::time::Anchor::DeployStarted)
                .then_some((i64::from(due.days), due.rest))
                .filter(|_| !due.before);
            if let (Some(now), Some(before)) = (order, last)
                && now < before
            {
                let message = "a step is planned before the one that it follows";
                self.problem(Problem::new(place.entry("at"), message));
            }
            last = order.or(last);
        }
    }

    /// Whether each way back is there and goes back.
    pub(super) fn ways_back(&mut self, procedures: &BTreeMap<Name, Procedure>) {
        for procedure in procedures.values() {
            for (i, step) in procedure.steps.iter().enumerate() {
                let Some(back) = &step.on_failure else { continue };
                let place = at("procedures")
                    .entry(procedure.id.as_str())
                    .entry("steps")
                    .index(i)
                    .entry("on_failure");
                match procedures.get(back) {
                    Some(found) if found.purpose == Purpose::Rollback => {}
                    Some(_) => {
                        let message = format!("`{back}` does not roll back, it launches");
                        self.problem(Problem::new(place, message));
                    }
                    None => {
                        let hint = did_you_mean(back.as_str(), procedures.keys().map(Name::as_str))
                            .unwrap_or_else(|| "add it under `procedures:`".to_owned());
                        let message = format!("there is no procedure `{back}`");
                        self.problem(Problem::new(place, message).hint(hint));
                    }
                }
            }
        }
    }
}
