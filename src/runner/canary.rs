//! Canaries: looks that tell this host's own fault from a target's.
//!
//! When every canary is silent too, nothing that was found wrong over the network says anything about its target. A
//! canary answers when its probe could look at all, whatever it saw.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::observation::{Cause, Failure, Observation};
use launchgate_probes::{Context, DynProbe};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long what the canaries said counts.
const COUNTS: Duration = Duration::from_secs(5);

/// When canaries were last asked from a vantage, and why all of them were silent if they were.
type Heard = HashMap<String, (Instant, Option<String>)>;

/// The canaries of a launch.
#[derive(Clone, Default)]
pub struct Canaries {
    probes: Vec<Arc<dyn DynProbe>>,
    heard: Arc<Mutex<Heard>>,
}

impl std::fmt::Debug for Canaries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canaries").field("probes", &self.probes.len()).finish_non_exhaustive()
    }
}

impl Canaries {
    /// How long they have.
    pub const PATIENCE: Duration = Duration::from_secs(3);

    /// These probes are the canaries.
    pub fn new(probes: Vec<Arc<dyn DynProbe>>) -> Self {
        Self { probes, heard: Arc::default() }
    }

    /// Takes back what a look over the network found wrong, if every canary is silent from the same place.
    pub async fn question(&self, probe: &dyn DynProbe, seen: &mut Observation, cx: &Context) {
        let doubtful = match &seen.outcome {
            Ok(readings) => readings.parts.iter().any(|part| part.odd),
            Err(failure) => {
                matches!(failure.cause, Cause::Timeout | Cause::Unreachable | Cause::Refused)
            }
        };
        if self.probes.is_empty() || probe.hosts().is_empty() || !doubtful {
            return;
        }
        if let Some(why) = self.silence(cx).await {
            let said = match &seen.outcome {
                Ok(readings) => {
                    let odd = readings.parts.iter().find(|part| part.odd);
                    odd.map_or_else(String::new, |part| format!("{}: {}", part.subject, part.says))
                }
                Err(failure) => failure.message.clone(),
            };
            let message = format!("no canary answers either ({why}); seen: {said}");
            seen.outcome = Err(Failure::new(Cause::LocalFault, message));
        }
    }

    /// Why all of them are silent, if they are. Whoever asks while they are being asked waits for the same answer.
    async fn silence(&self, cx: &Context) -> Option<String> {
        let mut heard = self.heard.lock().await;
        if let Some((at, silent)) = heard.get(&cx.vantage.name)
            && at.elapsed() < COUNTS
        {
            return silent.clone();
        }
        let context =
            Context { deadline: Instant::now() + Self::PATIENCE, memory: None, ..cx.clone() };
        let looks = self.probes.iter().map(|canary| async {
            match tokio::time::timeout(Self::PATIENCE, canary.observe(&context)).await {
                Ok(Ok(_)) => None,
                Ok(Err(failure)) => Some(format!("{}: {}", canary.kind(), failure.message)),
                Err(_) => Some(format!("{}: no answer in time", canary.kind())),
            }
        });
        let said: Option<Vec<String>> = join_all(looks).await.into_iter().collect();
        let silent = said.map(|all| all.join("; "));
        heard.insert(cx.vantage.name.clone(), (Instant::now(), silent.clone()));
        silent
    }
}
