//! One history: some two hours of a launch, thing by thing, from a seed.

use std::sync::Arc;

use jiff::Timestamp;
use launchgate_core::name::CheckPath;
use launchgate_core::plan::Plan;
use launchgate_core::run::{Ended, RunStatus};
use launchgate_core::state::{Event, Perform};

use crate::clock::Second;
use crate::executor::Executor;
use crate::launch::{CHECKS, EVERY};
use crate::violation::{Halt, Violation, broken};
use crate::world::World;

/// How long a history lasts, in seconds.
const LASTS: Second = 7_200;
/// How long a run may take to its end once nothing goes wrong any more.
const PATIENCE: Second = 7_200;
const TICK: Second = 30;

/// Something that is about to happen.
pub(crate) enum Thing {
    Boot,
    Look(usize),
    Tick,
    /// A source's weather turns.
    Turn(usize),
    /// Something may go wrong.
    Fault,
    /// The store can be written again.
    Heal,
    Person,
    Begin {
        process: u32,
        perform: Box<Perform>,
    },
    End {
        process: u32,
        perform: Box<Perform>,
        how: Ended,
    },
    Arrive {
        process: u32,
        id: String,
    },
    History {
        process: u32,
        check: CheckPath,
        from: Timestamp,
        to: Timestamp,
    },
}

/// How a history went.
pub(crate) struct Told {
    pub(crate) violation: Option<Violation>,
    pub(crate) story: Vec<String>,
    pub(crate) digest: u64,
    pub(crate) runs: u32,
    pub(crate) fired: u32,
    pub(crate) acts: u32,
    pub(crate) boots: u32,
}

/// Plays a seed's history; with `told` it is written down.
pub(crate) fn play(plan: &Arc<Plan>, seed: u64, told: bool) -> Told {
    let mut world = World::new(plan, seed, told);
    let violation = world.run().err();
    Told {
        violation,
        digest: world.story.digest(),
        runs: u32::try_from(world.store.saved.runs.len()).expect("few runs"),
        fired: world.judge.fired,
        acts: world.executor.side_effects(),
        boots: world.process,
        story: world.story.lines,
    }
}

impl World {
    fn run(&mut self) -> Result<(), Violation> {
        self.schedule(0, Thing::Boot);
        for (check, every) in EVERY.into_iter().enumerate() {
            let offset = self.dice.between(0, every - 1);
            self.schedule(offset, Thing::Look(check));
            let first = self.dice.between(60, 600);
            self.schedule(first, Thing::Turn(check));
        }
        for thing in [Thing::Tick, Thing::Fault, Thing::Person] {
            self.schedule(5, thing);
        }
        while let Some(thing) = self.next() {
            if self.clock.true_time > LASTS {
                self.schedule(self.clock.true_time, thing);
                break;
            }
            self.happen(thing)?;
        }
        self.come_to_rest()
    }

    /// Lets a thing happen; a crash is one of the things that may come of it.
    fn happen(&mut self, thing: Thing) -> Result<(), Violation> {
        match self.try_happen(thing) {
            Ok(()) => Ok(()),
            Err(Halt::Broken(violation)) => Err(violation),
            Err(Halt::Crash) => {
                self.daemon = None;
                self.judge.lose(&self.store.saved);
                let down = self.dice.pick(&[1, 10, 39, 41, 90, 300, 900, 3_660]);
                self.schedule(self.clock.true_time + down, Thing::Boot);
                Ok(())
            }
        }
    }

    fn try_happen(&mut self, thing: Thing) -> Result<(), Halt> {
        let at = self.clock.true_time;
        match thing {
            Thing::Boot => {
                if self.process > 0 && self.dice.chance(3_000) {
                    self.clock.reboot();
                    self.judge.timeless |= self.set_back;
                }
                self.boot()
            }
            Thing::Look(check) => {
                self.schedule(at + EVERY[check], Thing::Look(check));
                self.look(check)
            }
            Thing::Tick => {
                self.schedule(at + TICK, Thing::Tick);
                self.tick()
            }
            Thing::Turn(check) => {
                let lasts = self.sources[check].turn(&mut self.dice);
                self.schedule(at + lasts, Thing::Turn(check));
                Ok(())
            }
            Thing::Fault => {
                self.schedule(at + 60, Thing::Fault);
                self.fault();
                Ok(())
            }
            Thing::Heal => {
                self.store.full = false;
                Ok(())
            }
            Thing::Person => {
                let next = at + self.dice.between(30, 240);
                self.schedule(next, Thing::Person);
                self.person()
            }
            Thing::Begin { process, perform } => {
                if process != self.process || self.daemon.is_none() {
                    return Ok(());
                }
                self.story.tell(at, || format!("{} acts", perform.idempotency_key()));
                self.executor.begin(&perform, &self.store)?;
                let (lasts, how) = Executor::fate(&perform, &mut self.dice);
                self.schedule(at + lasts, Thing::End { process, perform, how });
                Ok(())
            }
            Thing::End { process, perform, how } if self.hears(process) => {
                let (run, step, attempt) = (perform.run, perform.index, perform.attempt);
                let evidence = String::new();
                self.tell(Event::StepEnded { run, step, attempt, how, evidence })
            }
            Thing::Arrive { process, id } if self.hears(process) => {
                let delivery =
                    launchgate_core::message::Delivery::Sent { at: self.clock.now().wall };
                self.tell(Event::Delivered { id, delivery })
            }
            Thing::History { process, check, from, to } if self.hears(process) => {
                let place = CHECKS.iter().position(|known| check.to_string() == *known);
                let place = place.expect("the kernel asks of checks in the plan");
                let history = self.sources[place].between(from, to, self.clock.now());
                self.tell(Event::LookedBack { check, history })
            }
            // Nobody is there to hear of it.
            Thing::End { .. } | Thing::Arrive { .. } | Thing::History { .. } => Ok(()),
        }
    }

    fn hears(&self, process: u32) -> bool {
        self.daemon.is_some() && process == self.process
    }

    fn look(&mut self, check: usize) -> Result<(), Halt> {
        let at = self.clock.true_time;
        self.sources[check].note(at);
        if self.daemon.is_none() || self.dice.chance(self.temper.skipped) {
            self.judge.clean[check] = None;
            return Ok(());
        }
        let odd = self.dice.chance(self.temper.odd);
        let look = self.sources[check].look(at, self.clock.now(), odd, &mut self.dice);
        let clean = self.judge.clean[check].unwrap_or(at);
        self.judge.clean[check] = look.clean.then_some(clean);
        let path = CHECKS[check].parse().expect("a path");
        self.tell(Event::Observed { check: path, observation: look.observation })
    }

    fn tick(&mut self) -> Result<(), Halt> {
        let at = self.clock.true_time;
        self.tell(Event::Tick)?;
        if at % (4 * TICK) < TICK
            && let Some(daemon) = &mut self.daemon
        {
            let report = daemon.state.report(self.clock.now());
            self.judge.report(&report, at)?;
        }
        Ok(())
    }

    fn fault(&mut self) {
        let at = self.clock.true_time;
        if !self.store.full && self.dice.chance(self.temper.full) {
            self.story.tell(at, || "the disk is full".to_owned());
            self.store.full = true;
            let lasts = self.dice.between(5, 400);
            self.schedule(at + lasts, Thing::Heal);
        }
        if !self.dice.chance(self.temper.clock) {
            return;
        }
        self.judge.disturbed = at;
        self.judge.clocks_set = true;
        if self.dice.chance(4_000) {
            let before = self.clock.wall_off;
            self.clock.wall_off = self.dice.pick(&[0, 3_600, -3_600, 90, -90, 600]);
            self.set_back |= self.clock.wall_off < before;
            let off = self.clock.wall_off;
            self.story.tell(at, || format!("the wall clock is set to {off:+}s"));
        } else {
            let source = &mut self.sources[0];
            source.off = self.dice.pick(&[0, 0, 3, -30, -3_600, 3_600]);
            (source.fast, source.fast_since) = (self.dice.pick(&[0, 0, 13, -13]), at);
            let (off, fast) = (source.off, source.fast);
            self.story.tell(at, || format!("the source's clock is set to {off:+}s, {fast:+}%"));
        }
    }

    /// Nothing goes wrong any more: every run must come to its end, or ask, and call for people.
    fn come_to_rest(&mut self) -> Result<(), Violation> {
        self.calm = true;
        self.store.full = false;
        if self.daemon.is_none() {
            self.schedule(self.clock.true_time, Thing::Boot);
        }
        let until = self.clock.true_time + PATIENCE;
        self.schedule(self.clock.true_time, Thing::Tick);
        let mut ticks = 0;
        while let Some(thing) = self.next() {
            let ticked = matches!(thing, Thing::Tick);
            if !matches!(thing, Thing::Look(_) | Thing::Turn(_) | Thing::Fault | Thing::Person) {
                self.happen(thing)?;
            }
            let rests = |status: RunStatus| status.is_final() || status == RunStatus::NeedsDecision;
            let at_rest = self.store.saved.runs.iter().all(|run| rests(run.status));
            // People are called at a tick, and a tick may wait for the next to be kept.
            ticks = if at_rest { ticks + u32::from(ticked) } else { 0 };
            if ticks > 4 {
                break;
            }
            if self.clock.true_time > until {
                return broken("L2", "a run neither ends nor asks".to_owned());
            }
        }
        let called = |run: &str| {
            let subject = format!("decision/{run}/");
            self.store.saved.messages.iter().any(|m| m.message.subject.starts_with(&subject))
        };
        for run in &self.store.saved.runs {
            if run.status == RunStatus::NeedsDecision && !called(&run.id.to_string()) {
                return broken("L2", format!("{} asks and calls for nobody", run.id));
            }
        }
        Ok(())
    }
}
