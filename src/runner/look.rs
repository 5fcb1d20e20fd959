//! One look: a probe in a fence of time and panic.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure, Observation};
use launchgate_core::time::{Moment, format_duration};
use launchgate_probes::trail::Trail;
use launchgate_probes::{Context, DynProbe};

use super::{Canaries, Looking, Memories};
use crate::clock::Clock;

/// How much later than its deadline a probe may say itself why it was too slow.
const GRACE: Duration = Duration::from_millis(500);

/// What is the same for every look of a launch.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The planned go-live.
    pub go_live: Option<Timestamp>,
    /// The launch file's folder.
    pub folder: PathBuf,
    /// What tells this host's own fault from a target's.
    pub canaries: Canaries,
    /// What probes asked to be told.
    pub memories: Memories,
    /// Where exchanges are noted.
    pub trail: Trail,
}

impl Surroundings {
    fn context(&self, timeout: Duration, clock: &dyn Clock) -> Context {
        let context = Context::new(timeout, clock.now().wall, self.go_live, self.folder.clone());
        Context { trail: self.trail.clone(), ..context }
    }
}

/// Looks at what was, at each of `times` that the source has an answer for. Ends at the first that cannot be had: half a
/// history is a history with a gap.
pub async fn look_back(
    probe: &Arc<dyn DynProbe>,
    timeout: Duration,
    around: &Surroundings,
    clock: &dyn Clock,
    times: impl IntoIterator<Item = Timestamp>,
) -> Vec<Observation> {
    let mut history = Vec::new();
    for at in times {
        let context = Context { as_of: Some(at), ..around.context(timeout, clock) };
        let looked = tokio::time::timeout(timeout, probe.observe(&context)).await;
        match looked {
            Ok(outcome) => {
                let at = Moment::at(at);
                history.push(Observation { at, took: Duration::ZERO, outcome });
            }
            Err(_) => break,
        }
    }
    history
}

/// Looks once. Whatever the probe does, an observation comes out soon after its time is up.
pub async fn look(looking: &Looking, around: &Surroundings, clock: &dyn Clock) -> Observation {
    let Looking { check, probe, timeout, .. } = looking;
    let mut context = around.context(*timeout, clock);
    context.memory = around.memories.of_check(check);
    let mut seen = fenced(probe, *timeout, context.clone(), clock).await;
    context.vantage = probe.vantage();
    around.canaries.question(&**probe, &mut seen, &context).await;
    around.memories.keep(check, &mut seen);
    seen
}

/// A look in a fence: what hangs or panics harms nobody else.
async fn fenced(
    probe: &Arc<dyn DynProbe>,
    timeout: Duration,
    context: Context,
    clock: &dyn Clock,
) -> Observation {
    let began = tokio::time::Instant::now();
    let probe = Arc::clone(probe);
    let kind = probe.kind();
    // A task of its own: a panic ends there, and one that never yields leaves this one running.
    let mut task = tokio::spawn(async move { probe.observe(&context).await });
    let outcome = tokio::select! {
        ended = &mut task => match ended {
            Ok(outcome) => outcome,
            Err(error) => Err(broken(kind, error)),
        },
        () = tokio::time::sleep(timeout + GRACE) => {
            task.abort();
            let said = format!("`{kind}` had no answer within {}", format_duration(timeout));
            Err(Failure::new(Cause::Timeout, said))
        }
    };
    // In this order: by the two it is told when the look began, and never too early.
    let took = began.elapsed();
    Observation { at: clock.now(), took, outcome }
}

fn broken(kind: &str, error: tokio::task::JoinError) -> Failure {
    let why = match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("without a word")
            .to_owned(),
        Err(error) => error.to_string(),
    };
    Failure::new(Cause::ProbeError, format!("the probe `{kind}` broke: {why}"))
}
