//! What is told to people: queued with what it tells, sent by others, and noted when it has arrived.

use std::time::Duration;

use super::{Effect, Record, State};
use crate::matter::{Matter, Status, Turn};
use crate::message::{Delivery, Message};
use crate::name::Name;
use crate::procedure::{Step, fill};
use crate::run::{Run, RunId};
use crate::time::{Moment, elapsed};

/// How often people are called to a run that waits for them.
const CALL_AGAIN: Duration = Duration::from_secs(60);
/// How often they are called to a step that they do by plan.
const REMIND: Duration = Duration::from_secs(15 * 60);

impl State {
    /// The messages of this launch.
    pub fn outbox(&self) -> &crate::message::Outbox {
        &self.outbox
    }

    /// Calls for people over the launch's paging channels, unless the last call about it still waits to be delivered.
    pub(super) fn page(
        &mut self,
        subject: &str,
        text: &str,
        run: Option<&RunId>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let matter = self.call(subject, Turn::Trigger);
        for channel in self.plan.page.clone() {
            let subject = format!("{subject}/{channel}");
            if self.outbox.about(&subject).is_some_and(|(_, waits)| waits) {
                continue;
            }
            let id = format!("{subject}/{}", now.wall.as_millisecond());
            let text = format!("[{}] {text}", self.plan.launch);
            let (run, matter) = (run.cloned(), Some(matter.clone()));
            let message = Message::new(id, channel, text, now.wall);
            self.send(Message { subject, run, matter, is_call: true, ..message }, effects);
        }
    }

    /// Queues the messages of a `notify` step. Each has the name of its step, so that it is sent once.
    pub(super) fn announce(
        &mut self,
        run: &Run,
        step: &Step,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> String {
        let text = step.settings.get("message").and_then(serde_json::Value::as_str);
        let text = self.filled(run, text.unwrap_or_default());
        let title = step.settings.get("title").and_then(serde_json::Value::as_str);
        let title = title.map(|title| self.filled(run, title));
        let matter = self.matter_of_step(run, step);
        let channels = step.settings.get("to").and_then(serde_json::Value::as_array);
        let channels: Vec<Name> = channels
            .into_iter()
            .flatten()
            .filter_map(|to| Name::try_new(to.as_str()?).ok())
            .collect();
        let mut told = Vec::new();
        for channel in channels {
            let id = format!("{}/{}/{channel}", run.id, step.id);
            told.push(channel.to_string());
            if self.outbox.knows(&id) {
                continue;
            }
            let title = title.clone();
            let (matter, run) = (Some(matter.clone()), Some(run.id.clone()));
            let message = Message::new(id, channel, text.clone(), now.wall);
            self.send(Message { run, title, matter, ..message }, effects);
        }
        format!("queued for {}", told.join(", "))
    }

    /// What a step's messages do to what pagers and status pages keep: by its settings, which were read when the file
    /// was compiled.
    fn matter_of_step(&self, run: &Run, step: &Step) -> Matter {
        let text = |key: &str| step.settings.get(key).and_then(serde_json::Value::as_str);
        let status: Option<Status> = text("status").and_then(|text| text.parse().ok());
        let pager = text("pager").and_then(|text| text.parse().ok()).unwrap_or_default();
        let usual = status.map(Status::usual_matter);
        let key = match text("matter").or(usual) {
            Some(name) => format!("{}/{}/{name}", self.plan.launch, self.plan.version),
            None => format!("{}/{}", run.id, step.id),
        };
        Matter { key, pager, status }
    }

    /// A text with what is known of a run filled in.
    pub(super) fn filled(&self, run: &Run, text: &str) -> String {
        let id = run.id.to_string();
        let values = [
            ("trigger.because", run.cause.as_str()),
            ("launch", self.plan.launch.as_str()),
            ("version", self.plan.version.as_str()),
            ("previous_version", self.plan.previous_version.as_deref().unwrap_or("unknown")),
            ("run.id", id.as_str()),
        ];
        fill(text, &values)
    }

    pub(super) fn send(&mut self, message: Message, effects: &mut Vec<Effect>) {
        self.outbox.add(message.clone());
        effects.push(Effect::Persist(Record::Message(Box::new(message.clone()))));
        effects.push(Effect::Send(Box::new(message)));
    }

    /// Notes what became of a message.
    pub(super) fn delivered(&mut self, id: String, delivery: Delivery, effects: &mut Vec<Effect>) {
        if self.outbox.end(&id, delivery.clone()) {
            effects.push(Effect::Persist(Record::Delivered { id, delivery }));
        }
    }

    /// Sends again what the last process had not delivered.
    pub(super) fn resend(&self, effects: &mut Vec<Effect>) {
        effects.extend(self.outbox.waiting().map(|m| Effect::Send(Box::new(m.clone()))));
    }

    /// Calls for people to runs that wait for a decision, once a minute.
    pub(super) fn call_for_decisions(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let waiting: Vec<(RunId, String, String, Duration)> =
            self.runs.iter().filter_map(|run| self.waits(run)).collect();
        for (run, step, text, again) in waiting {
            let subject = format!("decision/{run}/{step}");
            let first = self.plan.page.first().map(|channel| format!("{subject}/{channel}"));
            let last = first.and_then(|first| self.outbox.about(&first)).map(|(at, _)| at);
            if last.is_some_and(|at| elapsed(at, now.wall) < again) {
                continue;
            }
            self.page(&subject, &text, Some(&run), now, effects);
        }
    }

    /// What a run waits for: the step, what is told, and how soon it is told again.
    fn waits(&self, run: &Run) -> Option<(RunId, String, String, Duration)> {
        let step = run.procedure.steps.get(run.asking()?)?;
        let id = &run.id;
        if run.is_rollback() || !step.is_manual() {
            let text = format!(
                "run {id} waits for a person at the step `{}`: `launchgate run status` shows it, \
                 `launchgate run retry|mark-succeeded|abort {id} --reason WHY` decides",
                step.id
            );
            return Some((id.clone(), step.id.to_string(), text, CALL_AGAIN));
        }
        let people = step.owner.as_ref().and_then(|role| self.plan.people.get(role));
        let people: Vec<&str> = people.into_iter().flatten().map(Name::as_str).collect();
        let task = step.settings.get("instructions").and_then(serde_json::Value::as_str);
        let text = format!(
            "{}: {} Then `launchgate run mark-succeeded {id} --reason WHY`",
            if people.is_empty() { step.id.to_string() } else { people.join(", ") },
            task.unwrap_or(step.id.as_str())
        );
        Some((id.clone(), step.id.to_string(), text, REMIND))
    }
}
