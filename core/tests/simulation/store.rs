//! A store: what is durable, and the ways in which a commit ends. It enforces nothing, so that a breach of the rules is
//! the kernel's own and shows.

use std::collections::{BTreeMap, BTreeSet};

use launchgate_core::run::{Choice, RunEvent, RunId};
use launchgate_core::state::{Record, Saved};

use crate::violation::{Violation, broken};

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) saved: Saved,
    /// Whether nothing can be written.
    pub(crate) full: bool,
    /// Attempts on record: run, step, attempt.
    pub(crate) started: BTreeSet<(RunId, usize, u32)>,
    /// How often a person ordered another attempt at a step.
    pub(crate) retries: BTreeMap<(RunId, usize), u32>,
    messages: BTreeSet<String>,
}

impl Store {
    pub(crate) fn holds_message(&self, id: &str) -> bool {
        self.messages.contains(id)
    }

    /// Makes records durable, all of them, and checks what they add up to.
    pub(crate) fn commit(&mut self, records: Vec<Record>) -> Result<(), Violation> {
        for record in records {
            match &record {
                Record::RunCreated(run) => {
                    let known = self.saved.runs.iter().any(|r| r.generation == run.generation);
                    if known {
                        return broken(
                            "S1",
                            format!("a second run of deployment {}", run.generation),
                        );
                    }
                }
                Record::Run { run, event: RunEvent::StepStarted { step, attempt, .. } }
                    if !self.started.insert((run.clone(), *step, *attempt)) =>
                {
                    return broken("S3", format!("{run} step {step}.{attempt} started twice"));
                }
                Record::Run {
                    run,
                    event: RunEvent::Decided { step, decision: Choice::Retry, .. },
                } => *self.retries.entry((run.clone(), *step)).or_default() += 1,
                Record::Message(message) => {
                    self.messages.insert(message.id.clone());
                }
                _ => {}
            }
            if let Err(illegal) = self.saved.keep(record) {
                return broken("S2", format!("the records make no state: {illegal}"));
            }
        }
        let open = self.saved.runs.iter().filter(|run| !run.status.is_final()).count();
        if open > 1 {
            return broken("S8", format!("{open} runs are in flight"));
        }
        Ok(())
    }
}
