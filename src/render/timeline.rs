//! What happened, in one list: milestones, statements of people, runs and their steps, reports of the watch.

use jiff::Timestamp;
use launchgate_core::attestation::Decision;
use launchgate_core::report::Report;
use launchgate_core::run::StepState;

use super::words::{self, Tone, tame};

/// The newest this many are shown; the audit log has all of them.
const MOST: usize = 60;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When.
    pub(crate) at: Timestamp,
    /// How good it is.
    pub(crate) tone: Tone,
    /// What it was, in a word.
    pub(crate) what: &'static str,
    /// What it was, in a sentence.
    pub(crate) says: String,
}

/// What happened, newest first.
pub(crate) fn timeline(report: &Report) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut add = |at, tone, what, says: String| all.push(Entry { at, tone, what, says });
    for reached in &report.milestones {
        let says = format!("{}, by {}", reached.milestone, tame(&reached.by));
        add(reached.at, Tone::Calm, "milestone", says);
    }
    for made in &report.decisions {
        let says = format!("{} {}", made.decision.name(), words::decided(made, report));
        add(made.at, words::decision(made, report), "decision", says);
    }
    for check in report.checklists.iter().flat_map(|list| &list.checks) {
        for signed in &check.sign_offs {
            let (tone, did) = match signed.decision {
                Decision::Approved => (Tone::Good, "approved"),
                Decision::Rejected => (Tone::Bad, "rejected"),
            };
            add(signed.at, tone, "sign-off", format!("{} {did} {}", signed.person, check.id));
        }
        if let Some(waiver) = &check.waiver {
            let (by, why) = (&waiver.person, tame(&waiver.reason));
            let says = format!("{by} waived {} until {:.0}: {why}", check.id, waiver.until);
            add(waiver.at, Tone::Open, "waiver", says);
        }
    }
    for run in &report.runs {
        add(
            run.at,
            words::run(run.status),
            "run",
            format!("{} began: {}", run.id, tame(&run.cause)),
        );
        for (step, state) in run.procedure.steps.iter().zip(&run.steps) {
            if let StepState::Ended { at, .. } = state {
                let (word, tone, _) = words::step(state);
                add(*at, tone, "step", format!("{} of {} {word}", step.id, run.id));
            }
        }
    }
    for rehearsal in &report.rehearsals {
        let (tone, how) = if rehearsal.is_ready() {
            (Tone::Good, "ready".to_owned())
        } else {
            (Tone::Bad, tame(&rehearsal.missing()))
        };
        add(rehearsal.at, tone, "rehearsal", format!("{}: {how}", rehearsal.procedure));
    }
    for kept in report.watch.iter().flat_map(|watch| &watch.reports) {
        let says = format!("{}: {}", kept.verdict.name(), words::watched(kept));
        add(kept.at, words::verdict(kept.verdict), "watch", says);
    }
    // What happened at one instant stays in its order, the later first.
    all.reverse();
    all.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    all.truncate(MOST);
    all
}
