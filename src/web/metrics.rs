//! `/metrics`: launchgate's own state in Prometheus' text format, so that dashboards and alerts can use it.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use launchgate_core::gate::Verdict;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

use super::App;

type Number = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLaunch {
    launch: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfChecklist {
    launch: String,
    checklist: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCheck {
    launch: String,
    check: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTrigger {
    launch: String,
    trigger: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRun {
    launch: String,
    run: String,
    status: &'static str,
}

/// 0 is GO, 1 HOLD, 2 NO-GO: `> 0` alerts on whatever is not GO.
fn rank(verdict: Verdict) -> f64 {
    match verdict {
        Verdict::Go => 0.0,
        Verdict::Hold => 1.0,
        Verdict::NoGo => 2.0,
    }
}

pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let mut text = String::new();
    encode(&mut text, &registry(&app)).expect("a String takes all");
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, media)], text)
}

fn registry(app: &App) -> Registry {
    let mut registry = Registry::with_prefix("launchgate");
    let verdicts = Family::<OfLaunch, Number>::default();
    let on_schedule = Family::<OfLaunch, Number>::default();
    let alarms = Family::<OfLaunch, Number>::default();
    let countdown = Family::<OfLaunch, Number>::default();
    let published = Family::<OfLaunch, Number>::default();
    let gates = Family::<OfChecklist, Number>::default();
    let checks = Family::<OfCheck, Number>::default();
    let credit = Family::<OfTrigger, Number>::default();
    let wanted = Family::<OfTrigger, Number>::default();
    let runs = Family::<OfRun, Number>::default();
    registry.register("verdict", "The launch's answer: 0 GO, 1 HOLD, 2 NO-GO", verdicts.clone());
    registry.register(
        "on_schedule",
        "Whether every checklist that is due is GO",
        on_schedule.clone(),
    );
    registry.register("alarms", "What is wrong with launchgate or its triggers", alarms.clone());
    registry.register("seconds_to_go_live", "Until the planned go-live", countdown.clone());
    registry.register("report_timestamp_seconds", "When the report was made", published.clone());
    registry.register("gate_verdict", "A checklist's answer: 0 GO, 1 HOLD, 2 NO-GO", gates.clone());
    registry.register("check", "1 for the outcome that a check has", checks.clone());
    registry.register("trigger_credit_seconds", "Breach time credited so far", credit.clone());
    registry.register("trigger_for_seconds", "Breach time needed to fire", wanted.clone());
    registry.register("run", "1 for the status that a run has", runs.clone());
    for handle in app.launches.values() {
        let report = handle.report();
        let launch = report.launch.to_string();
        let of = OfLaunch { launch: launch.clone() };
        verdicts.get_or_create(&of).set(rank(report.verdict));
        on_schedule.get_or_create(&of).set(f64::from(u8::from(report.on_schedule)));
        #[expect(clippy::cast_precision_loss, reason = "counts and seconds are far below 2^52")]
        {
            alarms.get_or_create(&of).set(report.alarms.len() as f64);
            countdown.get_or_create(&of).set(report.seconds_to_go_live as f64);
            published.get_or_create(&of).set(report.as_of.as_millisecond() as f64 / 1_000.0);
        }
        for list in &report.checklists {
            let checklist = list.id.to_string();
            gates
                .get_or_create(&OfChecklist { launch: launch.clone(), checklist })
                .set(rank(list.verdict));
            for check in &list.checks {
                let outcome = check.outcome.name();
                let of = OfCheck { launch: launch.clone(), check: check.id.to_string(), outcome };
                checks.get_or_create(&of).set(1.0);
            }
        }
        for trigger in &report.triggers {
            let (state, trigger_name) = (trigger.state.name(), trigger.id.to_string());
            let of = OfTrigger { launch: launch.clone(), trigger: trigger_name, state };
            credit.get_or_create(&of).set(trigger.credit);
            wanted.get_or_create(&of).set(trigger.lasts);
        }
        for run in &report.runs {
            let status = run.status.name();
            runs.get_or_create(&OfRun { launch: launch.clone(), run: run.id.0.clone(), status })
                .set(1.0);
        }
    }
    registry
}
