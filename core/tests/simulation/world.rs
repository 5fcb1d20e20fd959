//! The simulated world: clocks, sources, a store, an executor, people, and the daemon among them.

use std::collections::BTreeMap;
use std::sync::Arc;

use launchgate_core::plan::Plan;

use crate::clock::{Clock, Second};
use crate::dice::Dice;
use crate::engine::Daemon;
use crate::executor::Executor;
use crate::history::Thing;
use crate::judge::Judge;
use crate::launch::CHECKS;
use crate::source::Source;
use crate::store::Store;
use crate::story::Story;

pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    pub(crate) dice: Dice,
    pub(crate) temper: Temper,
    pub(crate) clock: Clock,
    pub(crate) sources: Vec<Source>,
    pub(crate) store: Store,
    pub(crate) executor: Executor,
    pub(crate) daemon: Option<Daemon>,
    /// Which process is alive, counted from 1.
    pub(crate) process: u32,
    pub(crate) judge: Judge,
    pub(crate) story: Story,
    /// Whether nothing goes wrong any more.
    pub(crate) calm: bool,
    /// Whether the wall clock was ever set back.
    pub(crate) set_back: bool,
    queue: BTreeMap<(Second, u64), Thing>,
    scheduled: u64,
}

/// How often things go wrong in this history, in 10,000.
#[derive(Debug, Clone)]
pub(crate) struct Temper {
    /// A look brings an odd sample.
    pub(crate) odd: u64,
    /// A look is left out.
    pub(crate) skipped: u64,
    /// The daemon dies at a given point.
    pub(crate) crash: u64,
    /// The store fills up, in a given minute.
    pub(crate) full: u64,
    /// A clock is set, in a given minute.
    pub(crate) clock: u64,
    /// A person meddles, at a given look.
    pub(crate) people: u64,
}

impl World {
    pub(crate) fn new(plan: &Arc<Plan>, seed: u64, told: bool) -> Self {
        let mut dice = Dice::new(seed);
        let temper = Temper {
            odd: dice.pick(&[0, 100, 500, 2_000]),
            skipped: dice.pick(&[0, 100, 1_000]),
            crash: dice.pick(&[0, 3, 10, 60]),
            full: dice.pick(&[0, 50, 300]),
            clock: dice.pick(&[0, 0, 100, 400]),
            people: dice.pick(&[50, 500, 2_000]),
        };
        Self {
            plan: Arc::clone(plan),
            dice,
            temper,
            clock: Clock::default(),
            sources: CHECKS.iter().map(|check| Source::new(*check != CHECKS[1])).collect(),
            store: Store::default(),
            executor: Executor::default(),
            daemon: None,
            process: 0,
            judge: Judge::new(),
            story: Story { told, ..Story::default() },
            calm: false,
            set_back: false,
            queue: BTreeMap::new(),
            scheduled: 0,
        }
    }

    pub(crate) fn schedule(&mut self, at: Second, thing: Thing) {
        self.scheduled += 1;
        self.queue.insert((at, self.scheduled), thing);
    }

    /// The next thing; the clock moves on to it.
    pub(crate) fn next(&mut self) -> Option<Thing> {
        let ((at, _), thing) = self.queue.pop_first()?;
        self.clock.true_time = self.clock.true_time.max(at);
        Some(thing)
    }
}
