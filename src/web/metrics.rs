//! `/metrics`: launchgate's own state in the `OpenMetrics` text format, so that dashboards and alerts can use it. What can
//! stand in one of several states has a series for each of them, 1 for the one it is in and 0 for the others.

use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use jiff::Timestamp;
use launchgate_core::check::{Outcome, Reason};
use launchgate_core::gate::Verdict;
use launchgate_core::report::{CheckReport, Report, TriggerReport};
use launchgate_core::run::RunStatus;
use launchgate_core::trigger::Status;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{App, process};

type Number = Gauge<f64, AtomicU64>;
/// A series per set of labels; the labels are few and their order is that of the exposition.
type Series = Family<Vec<(&'static str, String)>, Number>;

const VERDICTS: [Verdict; 3] = [Verdict::Go, Verdict::Hold, Verdict::NoGo];
const OUTCOMES: [Outcome; 5] =
    [Outcome::Pass, Outcome::Warn, Outcome::Fail, Outcome::Unknown(Reason::Stale), Outcome::Waived];
const RUNS: [RunStatus; 8] = [
    RunStatus::Running,
    RunStatus::NeedsDecision,
    RunStatus::Verified,
    RunStatus::Unverified,
    RunStatus::EndedWithFailures,
    RunStatus::Aborted,
    RunStatus::Completed,
    RunStatus::GaveWay,
];

pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let mut registry = Registry::default();
    process::register(&mut registry, app.started);
    let delay = "how late looks began after they were due";
    registry.register_with_unit(
        "launchgate_look_start_delay",
        delay,
        Unit::Seconds,
        app.delays.clone(),
    );
    let families = Families::register(registry.sub_registry_with_prefix("launchgate"));
    for handle in app.launches.values() {
        families.fill(&handle.report());
    }
    let mut text = String::new();
    encode(&mut text, &registry).expect("a String takes all");
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, media)], text)
}

/// The metrics of launches.
struct Families {
    verdict: Series,
    on_schedule: Series,
    alarms: Series,
    to_go_live: Series,
    published: Series,
    checklist: Series,
    outcome: Series,
    observed: Series,
    fresh_for: Series,
    trigger: Series,
    credit: Series,
    lasts: Series,
    run: Series,
}

impl Families {
    fn register(registry: &mut Registry) -> Self {
        let mut series = |name: &str, help: &str| {
            let series = Series::default();
            registry.register(name, help, series.clone());
            series
        };
        Self {
            verdict: series("verdict", "Whether this is the launch's answer"),
            on_schedule: series("on_schedule", "Whether every checklist that is due is GO"),
            alarms: series("alarms", "How many things are wrong with launchgate itself"),
            to_go_live: series(
                "to_go_live_seconds",
                "Until the planned go-live; negative after it",
            ),
            published: series("report_timestamp_seconds", "When the report was made"),
            checklist: series("checklist_verdict", "Whether this is the checklist's answer"),
            outcome: series("check_outcome", "Whether this is how the check stands"),
            observed: series("check_observed_timestamp_seconds", "When the check last looked"),
            fresh_for: series("check_fresh_for_seconds", "How long what a check saw counts"),
            trigger: series("trigger_state", "Whether this is where the trigger stands"),
            credit: series("trigger_credit_seconds", "Breach time credited so far"),
            lasts: series("trigger_for_seconds", "Breach time needed to fire"),
            run: series("run_status", "Whether this is how the run stands"),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts and seconds are far below 2^52")]
    fn fill(&self, report: &Report) {
        let of = vec![("launch", report.launch.to_string())];
        for verdict in VERDICTS {
            set(&self.verdict, &of, [("verdict", verdict.name())], is(verdict == report.verdict));
        }
        set(&self.on_schedule, &of, [], is(report.on_schedule));
        set(&self.alarms, &of, [], report.alarms.len() as f64);
        set(&self.to_go_live, &of, [], report.seconds_to_go_live as f64);
        set(&self.published, &of, [], seconds(report.as_of));
        for list in &report.checklists {
            for verdict in VERDICTS {
                let labels = [("checklist", list.id.as_str()), ("verdict", verdict.name())];
                set(&self.checklist, &of, labels, is(verdict == list.verdict));
            }
            for check in &list.checks {
                self.check(&of, check);
            }
        }
        for trigger in &report.triggers {
            self.trigger(&of, trigger);
        }
        for run in &report.runs {
            for status in RUNS {
                let labels = [("run", run.id.0.as_str()), ("status", status.name())];
                set(&self.run, &of, labels, is(status == run.status));
            }
        }
    }

    fn check(&self, of: &[(&'static str, String)], check: &CheckReport) {
        let (list, name) = (check.id.checklist.as_str(), check.id.check.as_str());
        let labels = [("checklist", list), ("check", name)];
        for outcome in OUTCOMES {
            let labels = [labels[0], labels[1], ("outcome", outcome.name())];
            set(&self.outcome, of, labels, is(outcome.name() == check.outcome.name()));
        }
        if let Some(at) = check.observed_at {
            set(&self.observed, of, labels, seconds(at));
        }
        if let Some(fresh_for) = check.fresh_for {
            set(&self.fresh_for, of, labels, fresh_for);
        }
    }

    fn trigger(&self, of: &[(&'static str, String)], trigger: &TriggerReport) {
        let label = ("trigger", trigger.id.as_str());
        for state in Status::ALL {
            set(&self.trigger, of, [label, ("state", state.name())], is(state == trigger.state));
        }
        set(&self.credit, of, [label], trigger.credit);
        set(&self.lasts, of, [label], trigger.lasts);
    }
}

fn set<const N: usize>(
    series: &Series,
    of: &[(&'static str, String)],
    labels: [(&'static str, &str); N],
    value: f64,
) {
    let mut all = of.to_vec();
    all.extend(labels.map(|(name, value)| (name, value.to_owned())));
    series.get_or_create(&all).set(value);
}

fn is(so: bool) -> f64 {
    f64::from(u8::from(so))
}

fn seconds(at: Timestamp) -> f64 {
    at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}
