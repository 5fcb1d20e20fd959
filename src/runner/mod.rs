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

use std::collections::HashSet;
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
    /// Starts to look. What is seen goes to `seen`, which is bounded: a full one makes the runner wait, not grow.
    pub fn start(
        looks: Vec<Looking>,
        around: Surroundings,
        limits: Arc<Limits>,
        clock: Arc<dyn Clock>,
        seen: mpsc::Sender<Seen>,
        seed: u64,
    ) -> Self {
        let stop = CancellationToken::new();
        let work = Work { looks, around, limits, clock, seen, stop: stop.clone() };
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
    around: Surroundings,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
    seen: mpsc::Sender<Seen>,
    stop: CancellationToken,
}

impl Work {
    async fn run(self, seed: u64) {
        let start = Instant::now();
        let rhythm = self.looks.iter().map(|l| (l.check.clone(), l.every));
        let mut schedule = Schedule::new(rhythm, Duration::ZERO, seed);
        let by_path: std::collections::HashMap<&CheckPath, &Looking> =
            self.looks.iter().map(|l| (&l.check, l)).collect();
        let mut in_flight: HashSet<CheckPath> = HashSet::new();
        let mut tasks: JoinSet<(CheckPath, Lane)> = JoinSet::new();
        let mut slow: HashSet<CheckPath> = HashSet::new();
        loop {
            let next = schedule.next_at().map(|at| start + at);
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(ended) = tasks.join_next() => match ended {
                    Ok((check, lane)) => {
                        in_flight.remove(&check);
                        match lane {
                            Lane::Quick => slow.remove(&check),
                            Lane::Slow => slow.insert(check),
                        };
                    }
                    Err(error) => tracing::error!(%error, "a look ended badly"),
                },
                () = at(next) => {
                    while let Some(due) = schedule.next_at().map(|at| start + at)
                        && let Some(check) = schedule.pop_due(start.elapsed())
                    {
                        if !in_flight.insert(check.clone()) {
                            tracing::debug!(%check, "still looking; this turn is skipped");
                            continue;
                        }
                        let Some(looking) = by_path.get(&check) else { continue };
                        let lane = if slow.contains(&check) { Lane::Slow } else { Lane::Quick };
                        tasks.spawn(self.one((*looking).clone(), lane, due));
                    }
                }
            }
        }
        tasks.shutdown().await;
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
