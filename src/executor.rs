//! The executor: makes attempts at steps, each in a fence of time and panic, and tells the engine how they ended.
//!
//! It decides nothing. That an attempt began is on record before it is handed over.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use launchgate_core::plan::Plan;
use launchgate_core::run::Ended;
use launchgate_core::state::{Event, Perform};

use crate::actions::{Attempt, Done};
use crate::engine::Handle;

/// How much longer than its timeout an action may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// Begins an attempt. How it ends reaches the engine through `handle`.
pub fn begin(plan: &Arc<Plan>, folder: PathBuf, handle: Handle, perform: Perform) {
    let attempt = Attempt::new(Arc::clone(plan), folder, handle.clone(), perform.clone());
    tokio::spawn(async move {
        let limit = perform.step.timeout.saturating_add(GRACE);
        let (how, evidence) = fenced(limit, async move { attempt.make().await }).await;
        tracing::warn!(run = %perform.run, step = %perform.step.id, ?how, "a step ended");
        let (run, step, attempt) = (perform.run, perform.index, perform.attempt);
        handle.tell(Event::StepEnded { run, step, attempt, how, evidence }).await;
    });
}

/// Lets an action run in a task of its own, so that its panic ends nothing else, and stops it at the limit.
async fn fenced(limit: Duration, action: impl Future<Output = Done> + Send + 'static) -> Done {
    let mut task = tokio::spawn(action);
    tokio::select! {
        ended = &mut task => ended.unwrap_or_else(|error| {
            (Ended::InDoubt, format!("the action broke: {error}"))
        }),
        () = tokio::time::sleep(limit) => {
            task.abort();
            (Ended::TimedOut, "it did not end in time".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_action_that_breaks_or_hangs_ends_all_the_same() {
        let limit = Duration::from_secs(60);
        let (how, evidence) = fenced(limit, async { panic!("no such luck") }).await;
        assert_eq!(how, Ended::InDoubt);
        assert!(evidence.contains("no such luck"), "{evidence}");
        let held = Arc::new(());
        let seen = Arc::downgrade(&held);
        let hangs = async move {
            std::future::pending::<()>().await;
            drop(held);
            (Ended::Succeeded, String::new())
        };
        assert_eq!(fenced(limit, hangs).await.0, Ended::TimedOut);
        tokio::task::yield_now().await;
        assert_eq!(seen.strong_count(), 0, "what hung is let go of");
    }
}
