//! The triggers: where each stands, how much of its duration is credited, and what stands beside its state.

use launchgate_core::report::{Report, TriggerReport};
use launchgate_core::trigger::{Flag, Mode, Status};
use prometheus_client::registry::Registry;

use super::series::{Labels, Series};

const FLAGS: [Flag; 8] = [
    Flag::Held,
    Flag::DryRun,
    Flag::Preexisting,
    Flag::Flapping,
    Flag::Unconfirmed,
    Flag::Blocked,
    Flag::Acked,
    Flag::Cleared,
];

pub(super) struct Triggers {
    info: Series,
    state: Series,
    armed: Series,
    flag: Series,
    credit: Series,
    lasts: Series,
    since: Series,
}

impl Triggers {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let mut series = |name: &str, help: &str| Series::register(registry, name, help);
        Self {
            info: series("trigger_info", "The trigger, what firing does, and its procedure"),
            state: series("trigger_state", "Whether this is where the trigger stands"),
            armed: series("trigger_armed", "Whether the trigger watches, with or without evidence"),
            flag: series("trigger_flag", "Whether this stands beside the trigger's state"),
            credit: series("trigger_credit_seconds", "Breach time credited so far"),
            lasts: series("trigger_for_seconds", "Breach time needed to fire"),
            since: series(
                "trigger_since_timestamp_seconds",
                "Since when the trigger is in breach or blind",
            ),
        }
    }

    pub(super) fn fill(&self, of: &Labels, report: &Report) {
        for trigger in &report.triggers {
            self.trigger(&of.and("trigger", trigger.id.as_str()), trigger);
        }
    }

    fn trigger(&self, of: &Labels, trigger: &TriggerReport) {
        let mode = match trigger.mode {
            Mode::Observe => "observe",
            Mode::Suggest => "suggest",
            Mode::Act => "act",
        };
        self.info.set(&of.and("mode", mode).and("procedure", trigger.procedure.as_str()), 1.0);
        self.state
            .each(of, "state", Status::ALL.map(Status::name), |word| word == trigger.state.name());
        self.armed.is(of, trigger.state.is_armed());
        self.flag.each(of, "flag", FLAGS.map(Flag::name), |word| {
            trigger.flags.iter().any(|flag| flag.name() == word)
        });
        self.credit.set(of, trigger.credit);
        self.lasts.set(of, trigger.lasts);
        self.since.at(of, trigger.since);
    }
}
