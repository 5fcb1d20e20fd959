//! A launch as a whole: its answer, its phase, its times, what blocks it, its checklists and milestones.

use jiff::Zoned;
use launchgate_core::gate::{Verdict, Why};
use launchgate_core::milestone::Phase;
use launchgate_core::report::{ChecklistReport, DueState, Report};
use prometheus_client::registry::Registry;

use super::series::{Labels, Series};

pub(super) const VERDICTS: [Verdict; 3] = [Verdict::Go, Verdict::Hold, Verdict::NoGo];
const PHASES: [Phase; 6] = [
    Phase::Preparing,
    Phase::Launching,
    Phase::Watching,
    Phase::RollingBack,
    Phase::RolledBack,
    Phase::Closed,
];
const WHYS: [Why; 7] = [
    Why::Failed,
    Why::Unsigned,
    Why::Expired,
    Why::Unknown,
    Why::Stale,
    Why::NotYetRun,
    Why::Empty,
];

pub(super) struct Launches {
    info: Series,
    verdict: Series,
    phase: Series,
    on_schedule: Series,
    alarms: Series,
    blockers: Series,
    to_go_live: Series,
    go_live: Series,
    window_end: Series,
    published: Series,
    milestone: Series,
    checklist: Series,
    due: Series,
    overdue: Series,
    warnings: Series,
}

impl Launches {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let mut series = |name: &str, help: &str| Series::register(registry, name, help);
        Self {
            info: series("launch_info", "The launch, its version and its type"),
            verdict: series("verdict", "Whether this is the launch's answer"),
            phase: series("phase", "Whether the launch is in this phase"),
            on_schedule: series("on_schedule", "Whether every checklist that is due is GO"),
            alarms: series("alarms", "How many things are wrong with launchgate itself"),
            blockers: series("blockers", "How many things keep the answer from GO"),
            to_go_live: series(
                "to_go_live_seconds",
                "Until the planned go-live; negative after it",
            ),
            go_live: series("go_live_timestamp_seconds", "When the launch is planned to go live"),
            window_end: series("window_end_timestamp_seconds", "When the launch window ends"),
            published: series("report_timestamp_seconds", "When the report was made"),
            milestone: series("milestone_timestamp_seconds", "When the milestone was last reached"),
            checklist: series("checklist_verdict", "Whether this is the checklist's answer"),
            due: series("checklist_due_timestamp_seconds", "When the checklist is due"),
            overdue: series("checklist_overdue", "Whether the checklist is due and not GO"),
            warnings: series("checklist_warnings", "How many of the checklist's checks warn"),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^52")]
    pub(super) fn fill(&self, of: &Labels, report: &Report) {
        let kind = report.kind.as_deref().unwrap_or_default();
        self.info.set(&of.and("version", report.version.as_str()).and("type", kind), 1.0);
        self.verdict
            .each(of, "verdict", VERDICTS.map(Verdict::name), |word| word == report.verdict.name());
        self.phase.each(of, "phase", PHASES.map(Phase::name), |word| word == report.phase.name());
        self.on_schedule.is(of, report.on_schedule);
        self.alarms.count(of, report.alarms.len());
        for why in WHYS {
            let many = report.blockers.iter().filter(|blocker| blocker.why == why).count();
            self.blockers.count(&of.and("why", why.name()), many);
        }
        self.to_go_live.set(of, report.seconds_to_go_live as f64);
        let instant = |text: &str| text.parse::<Zoned>().ok().map(|at| at.timestamp());
        self.go_live.at(of, instant(&report.go_live));
        self.window_end.at(of, report.window_ends.as_deref().and_then(instant));
        self.published.at(of, Some(report.as_of));
        for reached in &report.milestones {
            let labels = of.and("milestone", reached.milestone.name());
            self.milestone.at(&labels, Some(reached.at));
        }
        for list in &report.checklists {
            self.checklist(&of.and("checklist", list.id.as_str()), list);
        }
    }

    fn checklist(&self, of: &Labels, list: &ChecklistReport) {
        self.checklist
            .each(of, "verdict", VERDICTS.map(Verdict::name), |word| word == list.verdict.name());
        self.due.at(of, Some(list.due_at));
        self.overdue.is(of, list.state == DueState::Overdue);
        self.warnings.count(of, list.warnings);
    }
}
