//! Calls that are over: a pager is told when what it was called for has ended, so that its alert does not stay open.

use std::collections::BTreeMap;

use super::{Effect, State};
use crate::matter::{Matter, Turn};
use crate::message::{Delivery, Message, Outgoing};
use crate::name::Name;
use crate::time::Moment;
use crate::trigger::Status;

/// The kind of channel that keeps an alert for each matter.
const PAGER: &str = "pagerduty";

impl State {
    /// What a call is about, for a pager.
    pub(super) fn call(&self, subject: &str, pager: Turn) -> Matter {
        Matter { key: format!("{}/{subject}", self.plan.launch), pager, status: None }
    }

    /// Tells the pagers what is over of what they were called for.
    pub(super) fn end_calls(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let pagers = self.plan.page.iter().filter(|name| {
            self.plan.channels.get(*name).is_some_and(|channel| channel.kind.as_str() == PAGER)
        });
        let pagers: Vec<Name> = pagers.cloned().collect();
        for channel in pagers {
            let over: Vec<Matter> = self.over(&channel, now);
            for matter in over {
                let millis = now.wall.as_millisecond();
                let id = format!("{}/{channel}/over/{millis}", matter.key);
                let message = Message::new(id, channel.clone(), "It is over.".to_owned(), now.wall);
                let message = Message { matter: Some(matter), is_call: true, ..message };
                self.send(message, effects);
            }
        }
    }

    /// The matters that a channel was called for and that have ended since. What still waits to be delivered is not told
    /// to be over: that would arrive first.
    fn over(&self, channel: &Name, now: Moment) -> Vec<Matter> {
        let mut last: BTreeMap<&str, bool> = BTreeMap::new();
        let calls = self.outbox.messages().iter();
        for Outgoing { message, delivery } in calls.filter(|m| m.message.channel == *channel) {
            if let Some(matter) = message.matter.as_ref().filter(|_| message.is_call) {
                let open = matter.pager == Turn::Trigger && *delivery != Delivery::Waiting;
                last.insert(&matter.key, open);
            }
        }
        let begun = format!("{}/", self.plan.launch);
        let ended = last.into_iter().filter(|(key, open)| {
            let subject = key.strip_prefix(&begun).unwrap_or(key);
            *open && !self.goes_on(subject, now)
        });
        ended
            .map(|(key, _)| Matter { key: key.to_owned(), pager: Turn::Resolve, status: None })
            .collect()
    }

    /// Whether what a call was about still is.
    fn goes_on(&self, subject: &str, now: Moment) -> bool {
        let Some((what, of)) = subject.split_once('/') else { return false };
        let triggers = || self.plan.triggers.iter().zip(&self.triggers);
        match what {
            "decision" => self.runs.iter().any(|run| {
                let step = run.asking().and_then(|step| run.procedure.steps.get(step));
                step.is_some_and(|step| format!("{}/{}", run.id, step.id) == of)
            }),
            "late" => self.late_step(now).is_some_and(|(late, _)| late == of),
            "run" => self.runs.iter().any(|run| run.id.to_string() == of && !run.status.is_final()),
            "blind" => triggers().any(|(trigger, memory)| {
                trigger.watch.clock().to_string() == of
                    && matches!(memory.status, Status::Blind | Status::Suspended)
            }),
            "blocked" => triggers()
                .any(|(trigger, memory)| trigger.id.as_str() == of && memory.blocked.is_some()),
            "flapping" => {
                triggers().any(|(trigger, memory)| trigger.id.as_str() == of && memory.flapping)
            }
            "suggestion" => triggers()
                .any(|(trigger, memory)| trigger.id.as_str() == of && memory.is_asking(trigger)),
            _ => false,
        }
    }
}
