//! `milestone`: records that a milestone was reached. One that this run's deployment has is not recorded twice.

use launchgate_core::run::Ended;
use launchgate_core::state::Event;

use super::settings::MilestoneSettings;
use super::{Attempt, Done};

impl Attempt {
    pub(super) async fn milestone(&self) -> Done {
        let settings: MilestoneSettings = match self.settings() {
            Ok(settings) => settings,
            Err(done) => return done,
        };
        let milestone = settings.milestone;
        let report = self.around.handle.report();
        let by = format!("run {}", self.perform.run);
        let known = report.milestones.iter().any(|r| r.milestone == milestone && r.by == by);
        if known {
            return (Ended::Succeeded, format!("{milestone} is on record"));
        }
        match self.around.handle.submit(Event::Milestone { milestone, by }).await {
            Ok(()) => (Ended::Succeeded, format!("{milestone} recorded")),
            Err(refused) => (Ended::Failed, refused.to_string()),
        }
    }
}
