//! The executor: makes attempts at steps, and finds out about those of a process before, each in a fence of time and panic;
//! and tells the engine how they ended.
//!
//! It decides nothing. That an attempt began is on record before it is handed over.

use std::sync::Arc;
use std::time::Duration;

use launchgate_core::procedure::OnInDoubt;
use launchgate_core::run::Ended;
use launchgate_core::state::{Event, Perform};

use crate::actions::{Around, Attempt, Done};
use crate::crash;

/// How much longer than its timeout an action may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Begins an attempt. How it ends reaches the engine through its handle.
pub fn begin(around: Around, perform: Perform) {
    take_on(around, perform, false);
}

/// Finds out what became of an attempt that a process before this one had under way. How it ended, or ends, reaches the
/// engine through its handle.
pub fn look_at(around: Around, perform: Perform) {
    take_on(around, perform, true);
}

fn take_on(around: Around, perform: Perform, found: bool) {
    let handle = around.handle.clone();
    let attempt = Arc::new(Attempt::new(around, perform.clone()));
    tokio::spawn(async move {
        crash::point("begin", perform.step.id.as_str());
        let limit = perform.step.timeout.saturating_add(GRACE);
        let made = Arc::clone(&attempt);
        let action = async move { if found { made.look().await } else { made.make().await } };
        let (mut how, mut evidence) = fenced(limit, action).await;
        if how == Ended::InDoubt && perform.step.on_in_doubt == OnInDoubt::Verify {
            let limit = attempt.verify_takes().saturating_add(GRACE);
            let doubt = std::mem::take(&mut evidence);
            let told = doubt.clone();
            (how, evidence) = match fenced(limit, async move { attempt.verify(&told).await }).await
            {
                (Ended::TimedOut, why) => (Ended::InDoubt, format!("verify: {why}. {doubt}")),
                verified => verified,
            };
        }
        crash::point("done", perform.step.id.as_str());
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
