//! What probes asked to be told at their next look, by check. The store keeps it with the check; this is what the runner
//! hands out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use launchgate_core::name::CheckPath;
use launchgate_core::observation::Observation;
use serde_json::Value;

/// The largest memory of one check, in bytes as JSON.
const MAX_MEMORY: usize = 64 * 1024;

/// The memories of a launch's checks.
#[derive(Debug, Clone, Default)]
pub struct Memories(Arc<Mutex<HashMap<CheckPath, Arc<Value>>>>);

impl Memories {
    /// What is known from before.
    pub fn of(known: impl IntoIterator<Item = (CheckPath, Value)>) -> Self {
        let known = known.into_iter().map(|(check, memory)| (check, Arc::new(memory)));
        Self(Arc::new(Mutex::new(known.collect())))
    }

    /// What a check's probe asked to be told.
    pub fn of_check(&self, check: &CheckPath) -> Option<Arc<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(check).cloned()
    }

    /// Takes up what a look wants remembered. What is too large is dropped, here and from the observation.
    pub fn keep(&self, check: &CheckPath, seen: &mut Observation) {
        let Ok(readings) = &mut seen.outcome else { return };
        let Some(memory) = &readings.memory else { return };
        let size = memory.to_string().len();
        if size > MAX_MEMORY {
            tracing::warn!(%check, size, "a probe wants too much remembered; it is dropped");
            readings.memory = None;
            return;
        }
        let mut memories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memories.insert(check.clone(), Arc::new(memory.clone()));
    }

    /// Forgets what belongs to checks that are others now.
    pub fn retain(&self, stays: impl Fn(&CheckPath) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|check, _| stays(check));
    }
}
