//! The daemon in the simulated world: the kernel, and around it the engine's order of things. Persist, then act; a
//! person's order is kept or has not happened.

use std::sync::Arc;

use launchgate_core::run::Run;
use launchgate_core::state::{Effect, Event, Record, State};

use crate::history::Thing;
use crate::violation::{Halt, broken};
use crate::world::World;

/// One process.
pub(crate) struct Daemon {
    pub(crate) state: State,
    held: Vec<Record>,
    waiting: Vec<Effect>,
}

impl World {
    /// Starts a process on what is durable.
    pub(crate) fn boot(&mut self) -> Result<(), Halt> {
        self.process += 1;
        let state = State::restore(Arc::clone(&self.plan), self.store.saved.clone());
        self.daemon = Some(Daemon { state, held: Vec::new(), waiting: Vec::new() });
        self.judge.lose(&self.store.saved);
        self.judge.disturbed = self.clock.true_time;
        self.story.tell(self.clock.true_time, || "the daemon comes up".to_owned());
        self.take(Event::Restarted)?;
        self.settle()
    }

    /// What the daemon itself sees; sometimes more comes in before it settles.
    pub(crate) fn tell(&mut self, event: Event) -> Result<(), Halt> {
        self.take(event)?;
        if self.dice.chance(1_000) { Ok(()) } else { self.settle() }
    }

    fn take(&mut self, event: Event) -> Result<(), Halt> {
        if let Some(effects) = self.apply(event)? {
            self.collect(effects);
        }
        Ok(())
    }

    /// A person's order.
    pub(crate) fn order(&mut self, event: Event) -> Result<(), Halt> {
        if self.daemon.is_none() || !self.keep()? {
            return Ok(());
        }
        let Some(daemon) = &self.daemon else { return Ok(()) };
        let before = (daemon.state.clone(), self.judge.now.clone());
        let Some(effects) = self.apply(event)? else { return Ok(()) };
        self.collect(effects);
        if !self.keep()? {
            if let Some(daemon) = &mut self.daemon {
                *daemon = Daemon { state: before.0, held: Vec::new(), waiting: Vec::new() };
            }
            self.judge.now = before.1;
            return Ok(());
        }
        self.act()
    }

    /// Hands an event to the kernel and follows what it makes of it; none if it refuses.
    #[expect(clippy::needless_pass_by_value, reason = "what happened is handed over")]
    fn apply(&mut self, event: Event) -> Result<Option<Vec<Effect>>, Halt> {
        let (at, now) = (self.clock.true_time, self.clock.now());
        let Some(daemon) = &mut self.daemon else { return Ok(None) };
        let before = daemon.state.milestones().len();
        let Ok(effects) = daemon.state.apply(event.clone(), now) else { return Ok(None) };
        if !matches!(event, Event::Tick) {
            self.story.tell(at, || format!("{event:?}"));
        }
        for effect in &effects {
            let Effect::Persist(Record::Message(message)) = effect else { continue };
            let Some(about) = message.subject.strip_prefix("decision/") else { continue };
            let over = |run: &Run| run.status.is_final() && about.starts_with(&run.id.0);
            if daemon.state.runs().iter().any(over) {
                broken("L2", format!("people are called to decide about {about}, which is over"))?;
            }
        }
        let reached = &daemon.state.milestones()[before..];
        self.judge.follow(&event, reached, &effects, at, now)?;
        Ok(Some(effects))
    }

    fn collect(&mut self, effects: Vec<Effect>) {
        let Some(daemon) = &mut self.daemon else { return };
        for effect in effects {
            match effect {
                Effect::Persist(record) => daemon.held.push(record),
                outside => daemon.waiting.push(outside),
            }
        }
    }

    /// Persist, then act.
    pub(crate) fn settle(&mut self) -> Result<(), Halt> {
        if self.keep()? { self.act() } else { Ok(()) }
    }

    /// Keeps what is held. Says whether nothing is held any more.
    fn keep(&mut self) -> Result<bool, Halt> {
        let Some(daemon) = &mut self.daemon else { return Ok(false) };
        if daemon.held.is_empty() {
            return Ok(true);
        }
        self.may_crash("before a commit")?;
        if self.store.full {
            return Ok(false);
        }
        if let Some(daemon) = &mut self.daemon {
            self.store.commit(std::mem::take(&mut daemon.held))?;
        }
        self.judge.keep();
        self.may_crash("before it heard that a commit was durable")?;
        Ok(true)
    }

    fn act(&mut self) -> Result<(), Halt> {
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        let (process, at) = (self.process, self.clock.true_time);
        for effect in std::mem::take(&mut daemon.waiting) {
            self.may_crash("before it acted")?;
            match effect {
                Effect::Perform(perform) if perform.step.is_manual() => {}
                Effect::Perform(perform) => {
                    let soon = at + self.dice.between(0, 3);
                    self.schedule(soon, Thing::Begin { process, perform });
                }
                Effect::Send(message) => {
                    if !self.store.holds_message(&message.id) {
                        broken("S2", format!("{} is sent and not on record", message.id))?;
                    }
                    let later = at + self.dice.between(1, 60);
                    self.schedule(later, Thing::Arrive { process, id: message.id });
                }
                Effect::LookBack { check, from, to } => {
                    let later = at + self.dice.between(0, 20);
                    self.schedule(later, Thing::History { process, check, from, to });
                }
                Effect::LookAt(perform) if perform.step.is_manual() => {}
                Effect::LookAt(perform) => {
                    let (lasts, how) = self.executor.look_at(&perform, &mut self.dice);
                    self.schedule(at + lasts, Thing::End { process, perform, how });
                }
                Effect::Rehearse { .. } | Effect::LookAgain(_) | Effect::Persist(_) => {}
            }
        }
        Ok(())
    }

    fn may_crash(&mut self, when: &str) -> Result<(), Halt> {
        if !self.calm && self.dice.chance(self.temper.crash) {
            self.story.tell(self.clock.true_time, || format!("the daemon dies {when}"));
            return Err(Halt::Crash);
        }
        Ok(())
    }
}
