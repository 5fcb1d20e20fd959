//! People: they bring the launch on, fire by hand, hold, decide, and press a button more than once.

use std::time::Duration;

use launchgate_core::milestone::{Milestone, Phase};
use launchgate_core::name::Name;
use launchgate_core::run::{Choice, RunStatus};
use launchgate_core::state::Event;
use launchgate_core::trigger::Order;

use crate::violation::Halt;
use crate::world::World;

const TRIGGERS: [&str; 3] = ["errors", "spike", "latency"];

impl World {
    /// Somebody does something, one to three times over.
    pub(crate) fn person(&mut self) -> Result<(), Halt> {
        let Some(event) = self.wish() else { return Ok(()) };
        let presses = if self.dice.chance(1_500) { self.dice.between(2, 3) } else { 1 };
        for _ in 0..presses {
            self.order(event.clone())?;
        }
        Ok(())
    }

    fn wish(&mut self) -> Option<Event> {
        let alice = Name::of("alice");
        let trigger = Name::of(self.dice.pick(&TRIGGERS));
        if self.dice.chance(self.temper.people) {
            let reason = "by hand".to_owned();
            let lasts = Duration::from_secs(self.dice.between(60, 600));
            return Some(match self.dice.between(0, 5) {
                0 | 1 => Event::Fire { trigger, person: alice, reason },
                2 => {
                    let order = Order::Hold { lasts, reason };
                    Event::Ordered { trigger, person: alice, order }
                }
                3 => Event::Ordered { trigger, person: alice, order: Order::Release },
                _ => reach(self.dice.pick(&Milestone::ALL)),
            });
        }
        self.decision().or_else(|| self.next_milestone())
    }

    /// The answer to a run that asks.
    fn decision(&mut self) -> Option<Event> {
        let state = &self.daemon.as_ref()?.state;
        let (run, step) = state.runs().iter().find_map(|run| {
            (run.status == RunStatus::NeedsDecision)
                .then(|| Some((run.id.clone(), run.asking()?)))?
        })?;
        let choices = [Choice::MarkSucceeded, Choice::MarkSucceeded, Choice::Retry, Choice::Abort];
        let (choice, person) = (self.dice.pick(&choices), Name::of("alice"));
        Some(Event::Decided { run, step, choice, person, reason: "looked".to_owned() })
    }

    fn next_milestone(&mut self) -> Option<Event> {
        let state = &self.daemon.as_ref()?.state;
        let aborted = state.runs().last().is_some_and(|run| run.status == RunStatus::Aborted);
        let milestone = match Phase::after(state.milestones()) {
            Phase::Preparing | Phase::RolledBack => Milestone::DeployStarted,
            Phase::Launching => {
                self.dice.pick(&[Milestone::MigrationDone, Milestone::SmokePassed, Milestone::Live])
            }
            Phase::RollingBack if aborted => Milestone::RolledBack,
            Phase::RollingBack | Phase::Watching | Phase::Closed => return None,
        };
        Some(reach(milestone))
    }
}

fn reach(milestone: Milestone) -> Event {
    Event::Milestone { milestone, by: "alice".to_owned() }
}
