//! Records that wait to be kept.

use std::collections::HashMap;

use launchgate_core::name::{CheckPath, Name};
use launchgate_core::state::Record;

/// Records in their order. It cannot grow without bound: a check's or a trigger's memory replaces the one that still
/// waits, and nothing else is taken in while the store cannot be written, save what runs under way bring.
#[derive(Debug, Default)]
pub(super) struct Held {
    records: Vec<Record>,
    checks: HashMap<CheckPath, usize>,
    triggers: HashMap<Name, usize>,
    merged: usize,
}

impl Held {
    pub(super) fn push(&mut self, record: Record) {
        let place = match &record {
            Record::Observed { check, .. } => self.checks.get(check).copied(),
            Record::Trigger { trigger, .. } => self.triggers.get(trigger).copied(),
            Record::SignedOff(_)
            | Record::Waived(_)
            | Record::GoNoGo(_)
            | Record::Reached(_)
            | Record::RunCreated(_)
            | Record::Rehearsed(_)
            | Record::Watched(_)
            | Record::Message(_)
            | Record::Delivered { .. }
            | Record::Run { .. } => None,
        };
        if let Some(place) = place {
            self.merged += usize::from(matches!(record, Record::Observed { .. }));
            self.records[place] = record;
            return;
        }
        match &record {
            Record::Observed { check, .. } => {
                self.checks.insert(check.clone(), self.records.len());
            }
            Record::Trigger { trigger, .. } => {
                self.triggers.insert(trigger.clone(), self.records.len());
            }
            _ => {}
        }
        self.records.push(record);
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.records.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many observations gave way to newer ones of their check.
    pub(super) fn merged(&self) -> usize {
        self.merged
    }
}
