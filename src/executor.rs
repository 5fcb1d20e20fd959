//! The executor: makes attempts at steps, each in a fence of time and panic, and tells the engine how they ended.
//!
//! It decides nothing. That an attempt began is on record before it is handed over.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use launchgate_core::plan::Plan;
use launchgate_core::run::Ended;
use launchgate_core::state::{Event, Perform};

use crate::actions::Attempt;
use crate::engine::Handle;

/// How much longer than its timeout an action may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// Begins an attempt. How it ends reaches the engine through `handle`.
pub fn begin(plan: &Arc<Plan>, folder: PathBuf, handle: Handle, perform: Perform) {
    let attempt = Attempt { plan: Arc::clone(plan), folder, handle, perform };
    tokio::spawn(async move {
        let (handle, perform) = (attempt.handle.clone(), attempt.perform.clone());
        let limit = perform.step.timeout + GRACE;
        let mut task = tokio::spawn(async move { attempt.make().await });
        let (how, evidence) = tokio::select! {
            ended = &mut task => ended.unwrap_or_else(|error| {
                (Ended::InDoubt, format!("the action broke: {error}"))
            }),
            () = tokio::time::sleep(limit) => {
                task.abort();
                (Ended::TimedOut, "it did not end in time".to_owned())
            }
        };
        tracing::warn!(run = %perform.run, step = %perform.step.id, ?how, "a step ended");
        let (run, step, attempt) = (perform.run, perform.index, perform.attempt);
        handle.tell(Event::StepEnded { run, step, attempt, how, evidence }).await;
    });
}
