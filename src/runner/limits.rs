//! How many looks may happen at a time: in all, per kind of probe, and per host looked at.
//!
//! Checks whose last look ended without an answer in time share a lane of their own, so that targets which swallow every
//! connection hold up nobody but each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use launchgate_core::observation::Observation;
use launchgate_probes::DynProbe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry::Looks;

/// The permits, shared by every launch of a daemon so that one host is not asked by all of them at once.
pub struct Limits {
    all: Arc<Semaphore>,
    per_kind: usize,
    per_host: usize,
    kinds: Mutex<HashMap<String, Arc<Semaphore>>>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    looks: Looks,
}

/// Whether a check's last look was answered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// It was, or there is none yet.
    Quick,
    /// It was not.
    Slow,
}

/// The right to look, given back when dropped.
#[derive(Debug)]
#[must_use]
pub struct Permits {
    _held: Vec<OwnedSemaphorePermit>,
}

impl Limits {
    /// At most `all` looks, `per_kind` of one kind, `per_host` at one host.
    pub fn new(all: usize, per_kind: usize, per_host: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.max(1))),
            per_kind: per_kind.max(1),
            per_host: per_host.max(1),
            kinds: Mutex::default(),
            hosts: Mutex::default(),
            looks: Looks::default(),
        }
    }

    /// The limits, which note the looks here.
    pub fn noting(self, looks: Looks) -> Self {
        Self { looks, ..self }
    }

    /// Waits until a probe may look. Permits are taken in one order (hosts by name, kind, all), so that two looks never
    /// wait for each other, and a look that waits for its host holds nothing that others need.
    pub async fn acquire(&self, probe: &dyn DynProbe, lane: Lane) -> Permits {
        let mut hosts = probe.hosts();
        hosts.sort_unstable();
        hosts.dedup();
        let mut queue: Vec<Arc<Semaphore>> =
            hosts.iter().map(|host| named(&self.hosts, host, self.per_host)).collect();
        match lane {
            Lane::Quick => {
                queue.push(named(&self.kinds, probe.kind(), self.per_kind));
                queue.push(Arc::clone(&self.all));
            }
            // Beside the others, and counted for itself: whoever waits here waits for nobody else.
            Lane::Slow => {
                let slow = format!("{} without an answer", probe.kind());
                queue.push(named(&self.kinds, &slow, (self.per_kind / 2).max(1)));
            }
        }
        let mut held = Vec::with_capacity(queue.len());
        for semaphore in queue {
            held.push(semaphore.acquire_owned().await.expect("these semaphores are never closed"));
        }
        Permits { _held: held }
    }
}

impl Limits {
    /// Notes how late a look began.
    pub fn began(&self, lane: Lane, after: Duration) {
        let lane = match lane {
            Lane::Quick => "quick",
            Lane::Slow => "slow",
        };
        self.looks.began(lane, after);
    }

    /// Notes how a look ended.
    pub fn ended(&self, kind: &'static str, observation: &Observation) {
        self.looks.ended(kind, observation);
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(256, 64, 8)
    }
}

/// The semaphore of that name. Names come from launch files alone, so there are not many.
fn named(
    map: &Mutex<HashMap<String, Arc<Semaphore>>>,
    name: &str,
    permits: usize,
) -> Arc<Semaphore> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(map.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(permits))))
}
