//! `/metrics`: launchgate's own state in the `OpenMetrics` text format, so that dashboards and alerts can use it. What can
//! stand in one of several states has a series for each of them, 1 for the one it is in and 0 for the others.
//!
//! Labels are names out of launch files and words out of short lists. The one label that is neither is a run's name, and
//! [`runs`] shows few of them.

mod checks;
mod engines;
mod launches;
mod people;
mod process;
mod requests;
mod runs;
mod series;
mod tls;
mod triggers;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use self::checks::Checks;
use self::engines::Inboxes;
use self::launches::Launches;
use self::people::{Messages, Statements};
pub(super) use self::requests::count;
use self::runs::Runs;
use self::series::Labels;
use self::triggers::Triggers;
use super::{App, MAX_STREAMS};

const MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    // A launch of ten thousand checks has many lines: they are written where nobody else waits.
    let text = tokio::task::spawn_blocking(move || exposition(&app)).await;
    ([(header::CONTENT_TYPE, MEDIA)], text.expect("what is measured can be written"))
}

fn exposition(app: &App) -> String {
    let mut registry = Registry::default();
    process::register(&mut registry, app.started);
    app.measures.register(&mut registry);
    let ours = registry.sub_registry_with_prefix("launchgate");
    if let Some(tls) = &app.door.tls {
        tls::register(ours, tls.ends());
    }
    requests::register(ours, MAX_STREAMS - app.streams.available_permits());
    let (launches, checks, triggers) =
        (Launches::register(ours), Checks::register(ours), Triggers::register(ours));
    let (runs, statements, messages, inboxes) = (
        Runs::register(ours),
        Statements::register(ours),
        Messages::register(ours),
        Inboxes::register(ours),
    );
    for handle in app.launches.values() {
        let report = handle.report();
        let of = Labels::of("launch", report.launch.as_str());
        launches.fill(&of, &report);
        checks.fill(&of, &report);
        triggers.fill(&of, &report);
        runs.fill(&of, &report);
        statements.fill(&of, &report);
        messages.fill(&of, &report);
        inboxes.fill(&of, handle);
    }
    let mut text = String::new();
    encode(&mut text, &registry).expect("a String takes all");
    text
}
