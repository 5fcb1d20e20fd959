//! Crash points: named places at which a test has the process killed (SIGKILL), as the kernel or an operator may at any
//! time.
//!
//! They are there where `debug_assertions` are on. Elsewhere every function here is empty, and the variable is not read.

use launchgate_core::run::{Run, RunEvent, RunId};
use launchgate_core::state::{Effect, Record};
use rustix::process::{Signal, getpid, kill_process};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Names the point and the pass at which the process dies: `committed:started:revert:1`.
const VARIABLE: &str = "LAUNCHGATE_CRASH_AT";

/// Where the process is to die.
struct Wanted {
    point: String,
    /// How many passes are left, this one included.
    passes: AtomicU32,
}

static WANTED: LazyLock<Option<Wanted>> = LazyLock::new(|| {
    let text = std::env::var(VARIABLE).ok()?;
    let (point, pass) = text.rsplit_once(':')?;
    Some(Wanted { point: point.to_owned(), passes: AtomicU32::new(pass.parse().ok()?) })
});

/// The point `place:of`.
pub(crate) fn point(place: &str, of: &str) {
    if !cfg!(debug_assertions) {
        return;
    }
    let Some(wanted) = &*WANTED else { return };
    let rest = wanted.point.strip_prefix(place).and_then(|rest| rest.strip_prefix(':'));
    if rest == Some(of) && wanted.passes.fetch_sub(1, Ordering::Relaxed) == 1 {
        die();
    }
}

/// A point for every record of a commit: `place:fire`, `place:started:STEP`, `place:ended:STEP`, `place:finished`, ….
pub(crate) fn records(place: &str, runs: &[Run], records: &[Record]) {
    if !cfg!(debug_assertions) || WANTED.is_none() {
        return;
    }
    for name in records.iter().filter_map(|record| name(runs, record)) {
        point(place, &name);
    }
}

/// A point for every step that is about to begin or to be looked at, and every message that is about to be sent.
pub(crate) fn effects(place: &str, effects: &[Effect]) {
    if !cfg!(debug_assertions) || WANTED.is_none() {
        return;
    }
    for effect in effects {
        match effect {
            Effect::Perform(perform) | Effect::LookAt(perform) => {
                point(place, perform.step.id.as_str());
            }
            Effect::Send(_) => point(place, "message"),
            _ => {}
        }
    }
}

fn name(runs: &[Run], record: &Record) -> Option<String> {
    let of_step = |word: &str, run: &RunId, step: usize| {
        let run = runs.iter().find(|known| known.id == *run)?;
        Some(format!("{word}:{}", run.procedure.steps.get(step)?.id))
    };
    match record {
        Record::RunCreated(_) => Some("fire".to_owned()),
        Record::Message(_) => Some("message".to_owned()),
        Record::Delivered { .. } => Some("delivered".to_owned()),
        Record::Run { run, event } => match event {
            RunEvent::StepStarted { step, .. } => of_step("started", run, *step),
            RunEvent::StepEnded { step, .. } => of_step("ended", run, *step),
            RunEvent::StepSkipped { step, .. } => of_step("skipped", run, *step),
            RunEvent::Decided { step, .. } => of_step("decided", run, *step),
            RunEvent::Held { .. } => Some("held".to_owned()),
            RunEvent::Resumed { .. } => Some("resumed".to_owned()),
            RunEvent::Finished { .. } => Some("finished".to_owned()),
        },
        _ => None,
    }
}

/// Ends the process with no chance to tidy up.
fn die() -> ! {
    if let Err(error) = kill_process(getpid(), Signal::KILL) {
        tracing::error!(%error, "the process cannot be killed at a crash point");
    }
    loop {
        std::thread::park();
    }
}
