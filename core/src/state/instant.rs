//! The report of another instant: of one to come, as if nothing else were seen until then; of one that is past, from what
//! was kept by then.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Saved, State};
use crate::instant::At;
use crate::name::CheckPath;
use crate::observation::Observation;
use crate::plan::Plan;
use crate::report::{Basis, Report};
use crate::time::{Moment, add};

impl State {
    /// The instant that somebody asks for.
    pub fn at(&self, asked: At, now: Moment) -> Timestamp {
        match asked {
            At::Clock(at) => at,
            At::Due(due) => self.instant(due),
            At::FromNow(lasts) => add(now.wall, lasts),
        }
    }

    /// The report of an instant to come: what was seen stays as fresh as it is now, and what ends by the clock has ended
    /// by then: signatures, waivers, due times.
    pub fn projected(&self, at: Timestamp, now: Moment) -> Report {
        let ahead = at.duration_since(now.wall);
        let mut then = self.clone();
        for check in &mut then.checks {
            check.reported = None;
            if let Some(last) = &mut check.memory.last {
                last.at = moved(last.at, ahead);
            }
        }
        let mut report = then.report(moved(now, ahead));
        // What will be told until then is not known to have been told.
        report.announcements = self.announcement_reports(now);
        report.basis = Some(Basis::Projected { seen_at: now.wall });
        report
    }

    /// The report of an instant that is past, from what was kept by then, judged by the plan of today. `seen` is what each
    /// check's probe had seen by then, oldest first. How triggers stood and what was told by then is not kept, and is left
    /// out.
    pub fn recorded(
        plan: &Arc<Plan>,
        saved: Saved,
        seen: &HashMap<CheckPath, Vec<Observation>>,
        at: Timestamp,
    ) -> Report {
        let mut state = Self::restore(Arc::clone(plan), saved);
        for (_, check) in plan.checks() {
            let Some(place) = state.index.get(&check.path) else { continue };
            let memory = &mut state.checks[place.at].memory;
            for observation in seen.get(&check.path).into_iter().flatten() {
                let mut observation = observation.clone();
                observation.at = Moment::at(observation.at.wall);
                memory.take(check, observation);
            }
        }
        let mut report = state.report(Moment::at(at));
        report.triggers.clear();
        report.announcements.clear();
        report.basis = Some(Basis::Recorded);
        report
    }
}

fn moved(moment: Moment, by: SignedDuration) -> Moment {
    let ahead = by.unsigned_abs();
    let uptime = if by.is_negative() {
        moment.uptime.saturating_sub(ahead)
    } else {
        moment.uptime.saturating_add(ahead)
    };
    let wall = moment.wall.checked_add(by).unwrap_or(moment.wall);
    Moment { wall, uptime, ..moment }
}
