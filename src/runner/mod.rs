//! The runner: looks when it is time, and turns whatever a probe does into an observation.
//!
//! A look that hangs, panics or floods harms no other: each has its own task, its own deadline and at most one at a time
//! per check. The runner judges nothing.

mod canary;
mod limits;
mod look;
mod memories;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use launchgate_core::name::CheckPath;
use launchgate_core::observation::{Cause, Failure, Observation};
use launchgate_core::schedule::Schedule;
use launchgate_probes::DynProbe;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::canary::Canaries;
pub use self::limits::{Lane, Limits};
pub use self::look::{Surroundings, look, look_back};
pub use self::memories::Memories;
pub use self::wanted::Wanted;
use crate::clock::Clock;

/// A check's probe with its rhythm.
#[derive(Clone)]
pub struct Looking {
    /// The check.
    pub check: CheckPath,
    /// What looks.
    pub probe: Arc<dyn DynProbe>,
    /// How often.
    pub every: Duration,
    /// How long one look may take.
    pub timeout: Duration,
}

/// What was seen, for whom.
pub type Seen = (CheckPath, Observation);

/// A runner at work; dropping it stops it.
#[derive(Debug)]
pub struct Runner {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Runner {
    /// Starts to look, by the rhythm and whenever looks are wanted. What is seen goes to `seen`, which is bounded: a full one makes
    /// the runner wait, not grow.
    pub fn start(
        looks: Vec<Looking>,
        wanted: Arc<Wanted>,
        around: Surroundings,
        limits: Arc<Limits>,
        clock: Arc<dyn Clock>,
        seen: mpsc::Sender<Seen>,
        seed: u64,
    ) -> Self {
        let stop = CancellationToken::new();
        let work = Work { looks, wanted, around, limits, clock, seen, stop: stop.clone() };
        Self { stop, task: tokio::spawn(work.run(seed)) }
    }

    /// Stops: nothing is observed after this has returned.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the runner ended badly");
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Work {
    looks: Vec<Looking>,
    wanted: Arc<Wanted>,
    around: Surroundings,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
    seen: mpsc::Sender<Seen>,
    stop: CancellationToken,
}

/// The looks under way.
#[derive(Default)]
struct UnderWay<'w> {
    tasks: JoinSet<(CheckPath, Lane)>,
    checks: HashSet<&'w CheckPath>,
    /// Those that were asked for while they were under way: what had begun before is not what was asked for.
    again: HashSet<&'w CheckPath>,
    /// Those that had no answer last time.
    slow: HashSet<&'w CheckPath>,
}

impl Work {
    async fn run(self, seed: u64) {
        let start = Instant::now();
        let rhythm = self.looks.iter().map(|l| (l.check.clone(), l.every));
        let mut schedule = Schedule::new(rhythm, Duration::ZERO, seed);
        let by_path: HashMap<&CheckPath, &Looking> =
            self.looks.iter().map(|l| (&l.check, l)).collect();
        let mut under_way = UnderWay::default();
        loop {
            let next = schedule.next_at().map(|at| start + at);
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(ended) = under_way.tasks.join_next() => match ended {
                    Ok((check, lane)) => {
                        let Some(looking) = by_path.get(&check) else { continue };
                        if under_way.ended(looking, lane) {
                            self.begin(looking, Instant::now(), &mut under_way);
                        }
                    }
                    Err(error) => tracing::error!(%error, "a look ended badly"),
                },
                wanted = self.wanted.taken() => {
                    for looking in wanted.iter().filter_map(|check| by_path.get(check)) {
                        if !self.begin(looking, Instant::now(), &mut under_way) {
                            under_way.again.insert(&looking.check);
                        }
                    }
                }
                () = at(next) => {
                    while let Some(due) = schedule.next_at().map(|at| start + at)
                        && let Some(check) = schedule.pop_due(start.elapsed())
                    {
                        let Some(looking) = by_path.get(&check) else { continue };
                        if !self.begin(looking, due, &mut under_way) {
                            tracing::debug!(%check, "still looking; this turn is skipped");
                        }
                    }
                }
            }
        }
        under_way.tasks.shutdown().await;
    }

    /// Begins a look, unless one for the same check is under way.
    fn begin<'w>(&self, looking: &'w Looking, due: Instant, under_way: &mut UnderWay<'w>) -> bool {
        if !under_way.checks.insert(&looking.check) {
            return false;
        }
        let slow = under_way.slow.contains(&looking.check);
        let lane = if slow { Lane::Slow } else { Lane::Quick };
        under_way.tasks.spawn(self.one(looking.clone(), lane, due));
        true
    }

    /// One look, from the wait for permits to the observation's delivery.
    fn one(
        &self,
        looking: Looking,
        lane: Lane,
        due: Instant,
    ) -> impl Future<Output = (CheckPath, Lane)> + Send + 'static {
        let (around, limits) = (self.around.clone(), Arc::clone(&self.limits));
        let (clock, seen) = (Arc::clone(&self.clock), self.seen.clone());
        async move {
            let permits = limits.acquire(&*looking.probe, lane).await;
            limits.began(lane, due.elapsed());
            let observation = look(&looking, &around, &*clock).await;
            drop(permits);
            limits.ended(looking.probe.kind(), &observation);
            let silent = |f: &Failure| f.cause == Cause::Timeout;
            let silent = observation.outcome.as_ref().is_err_and(silent);
            let lane = if silent { Lane::Slow } else { Lane::Quick };
            if seen.send((looking.check.clone(), observation)).await.is_err() {
                tracing::debug!(check = %looking.check, "nobody listens any more");
            }
            (looking.check, lane)
        }
    }
}

impl<'w> UnderWay<'w> {
    /// Takes note that a look has ended, and says whether another is to follow at once.
    fn ended(&mut self, looking: &'w Looking, lane: Lane) -> bool {
        let check = &looking.check;
        self.checks.remove(check);
        match lane {
            Lane::Quick => self.slow.remove(check),
            Lane::Slow => self.slow.insert(check),
        };
        self.again.remove(check)
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Looks once for every check, all at the same time as far as the limits allow, and calls `progress` as each ends.
pub async fn look_once(
    looks: Vec<Looking>,
    around: Surroundings,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
    mut progress: impl FnMut(&Seen, usize, usize),
) -> Vec<Seen> {
    let total = looks.len();
    let mut tasks: JoinSet<Seen> = JoinSet::new();
    for looking in looks {
        let (around, limits, clock) = (around.clone(), Arc::clone(&limits), Arc::clone(&clock));
        tasks.spawn(async move {
            let permits = limits.acquire(&*looking.probe, Lane::Quick).await;
            let observation = look(&looking, &around, &*clock).await;
            drop(permits);
            (looking.check, observation)
        });
    }
    let mut all = Vec::with_capacity(total);
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(seen) => {
                all.push(seen);
                if let Some(newest) = all.last() {
                    progress(newest, all.len(), total);
                }
            }
            Err(error) => tracing::error!(%error, "a look ended badly"),
        }
    }
    all
}
