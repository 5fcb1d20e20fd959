//! The checks: how each stands, why it is unknown, when it last looked, and until when a failure is accepted.

use launchgate_core::check::{Level, Outcome, Reason};
use launchgate_core::report::{CheckReport, Report};
use prometheus_client::registry::Registry;

use super::series::{Labels, Series};

const OUTCOMES: [Outcome; 5] =
    [Outcome::Pass, Outcome::Warn, Outcome::Fail, Outcome::Unknown(Reason::Stale), Outcome::Waived];

pub(super) struct Checks {
    info: Series,
    outcome: Series,
    reason: Series,
    observed: Series,
    fresh_for: Series,
    waived_until: Series,
    waivers: Series,
    unsigned: Series,
}

impl Checks {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let mut series = |name: &str, help: &str| Series::register(registry, name, help);
        Self {
            info: series("check_info", "The check, its kind of probe and its level"),
            outcome: series("check_outcome", "Whether this is how the check stands"),
            reason: series("check_unknown_reason", "Why the check is unknown"),
            observed: series("check_observed_timestamp_seconds", "When the check last looked"),
            fresh_for: series("check_fresh_for_seconds", "How long what a check saw counts"),
            waived_until: series(
                "check_waived_until_timestamp_seconds",
                "Until when it is accepted that the check does not pass",
            ),
            waivers: series("waivers", "How many waivers are in force"),
            unsigned: series(
                "sign_offs_missing",
                "How many of the checklist's sign-offs are missing or have expired",
            ),
        }
    }

    pub(super) fn fill(&self, of: &Labels, report: &Report) {
        let checks = report.checklists.iter().flat_map(|list| &list.checks);
        self.waivers.count(of, checks.filter(|check| check.waiver.is_some()).count());
        for list in &report.checklists {
            let of = of.and("checklist", list.id.as_str());
            self.unsigned.count(&of, list.checks.iter().filter(|check| is_unsigned(check)).count());
            for check in &list.checks {
                self.check(&of.and("check", check.id.check.as_str()), check);
            }
        }
    }

    fn check(&self, of: &Labels, check: &CheckReport) {
        let level = match check.level {
            Level::Required => "required",
            Level::Advisory => "advisory",
        };
        self.info.set(&of.and("probe", check.probe.as_str()).and("level", level), 1.0);
        self.outcome
            .each(of, "outcome", OUTCOMES.map(Outcome::name), |word| word == check.outcome.name());
        if let Some(reason) = check.reason {
            self.reason.set(&of.and("reason", reason.name()), 1.0);
        }
        self.observed.at(of, check.observed_at);
        if let Some(fresh_for) = check.fresh_for {
            self.fresh_for.set(of, fresh_for);
        }
        self.waived_until.at(of, check.waiver.as_ref().map(|waiver| waiver.until));
    }
}

fn is_unsigned(check: &CheckReport) -> bool {
    matches!(check.outcome, Outcome::Unknown(Reason::Unsigned | Reason::Expired))
}
