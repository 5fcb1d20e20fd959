//! `gate`: until the verdict is GO, or the checklists that are named are, and, if asked for, until the incident commander has
//! decided GO on facts that still hold.

use std::sync::Arc;

use launchgate_core::decision::Word;
use launchgate_core::gate::{Gates, Verdict};
use launchgate_core::milestone::Phase;
use launchgate_core::report::Report;
use launchgate_core::run::Ended;
use launchgate_core::time::elapsed;
use tokio::time::{Instant, timeout_at};

use super::settings::GateSettings;
use super::{Attempt, Done};

impl Attempt {
    pub(super) async fn gate(&self) -> Done {
        let settings: GateSettings = match self.settings() {
            Ok(settings) => settings,
            Err(done) => return done,
        };
        let mut reports = self.around.handle.reports();
        let gone = elapsed(self.perform.since, reports.borrow().as_of);
        let deadline = Instant::now() + self.perform.step.timeout.saturating_sub(gone);
        loop {
            let report = Arc::clone(&reports.borrow_and_update());
            let missing = match standing(&settings, &report) {
                Ok(says) => return (Ended::Succeeded, says),
                Err(missing) => missing,
            };
            match timeout_at(deadline, reports.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return (Ended::InDoubt, "the daemon is shutting down".to_owned()),
                Err(_) => return (Ended::TimedOut, missing),
            }
        }
    }
}

/// What opens the gate, or what keeps it shut.
fn standing(settings: &GateSettings, report: &Report) -> Result<String, String> {
    let mut shut = Vec::new();
    if settings.checklists.is_empty() && report.phase == Phase::RolledBack {
        // The verdict is NO-GO until a deployment begins, which this gate may stand before.
        let asked = report.checklists.iter().filter(|list| list.gates == Gates::Launch);
        let open = asked.filter(|list| list.verdict != Verdict::Go);
        shut.extend(open.map(|list| format!("{} is {}", list.id, list.verdict.name())));
    } else if settings.checklists.is_empty() {
        if report.verdict != Verdict::Go {
            let what: Vec<&str> =
                report.blockers.iter().take(5).map(|blocker| blocker.title.as_str()).collect();
            shut.push(format!("the verdict is {}: {}", report.verdict.name(), what.join("; ")));
        }
    } else {
        for id in &settings.checklists {
            match report.checklists.iter().find(|list| list.id == *id) {
                Some(list) if list.verdict == Verdict::Go => {}
                Some(list) => shut.push(format!("{id} is {}", list.verdict.name())),
                None => shut.push(format!("{id} is not in the plan any more")),
            }
        }
    }
    let decided = report.decisions.first();
    if settings.decision {
        match decided {
            Some(made) if made.decision == Word::NoGo => {
                shut.push(format!("{} decided NO-GO", made.person));
            }
            Some(made) if made.stale => shut.push(format!(
                "the decision of {} is stale: {}",
                made.person,
                made.changes.join("; ")
            )),
            Some(_) => {}
            None => shut.push("nobody has decided: `launchgate decide go`".to_owned()),
        }
    }
    if !shut.is_empty() {
        return Err(shut.join("; "));
    }
    let by =
        decided.filter(|_| settings.decision).map(|made| format!(", decided by {}", made.person));
    Ok(format!("GO{}", by.unwrap_or_default()))
}
