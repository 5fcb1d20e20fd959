//! The war-room board: rendered here, readable without JavaScript, kept up to date by a small script that asks for the
//! board again whenever a newer report is announced.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Redirect, Response};
use launchgate_core::check::Level;
use launchgate_core::gate::Blocker;
use launchgate_core::report::{CheckReport, ChecklistReport, Report, TriggerReport};
use launchgate_core::run::Run;
use launchgate_core::time::format_duration;
use maud::{DOCTYPE, Markup, html};

use super::App;
use super::api::find;
use super::error::ApiError;
use crate::render::words::{self, Tone, countdown, tame};

const CSS: &str = include_str!("board.css");
const JS: &str = include_str!("board.js");

pub(super) async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], CSS)
}

pub(super) async fn js() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], JS)
}

pub(super) async fn index(State(app): State<App>) -> Response {
    if let (1, Some(name)) = (app.launches.len(), app.launches.keys().next()) {
        return Redirect::temporary(&format!("/launches/{name}")).into_response();
    }
    let body = html! {
        main {
            h1 { "Launches" }
            @for handle in app.launches.values() {
                @let report = handle.report();
                p.row {
                    (badge(report.verdict.name(), words::verdict(report.verdict)))
                    " " a href={ "/launches/" (report.launch) } { (tame(&report.title)) }
                    " · " (countdown(report.seconds_to_go_live)) " · " (report.phase.name())
                }
            }
        }
    };
    Html(frame("launchgate", None, &body).into_string()).into_response()
}

pub(super) async fn board_page(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Result<Response, ApiError> {
    let report = find(&app, &launch)?.report();
    Ok(Html(document(&report, Some(&launch)).into_string()).into_response())
}

pub(super) async fn board_fragment(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Result<Response, ApiError> {
    Ok(Html(board(&find(&app, &launch)?.report()).into_string()).into_response())
}

/// The whole page; `live` names the launch whose reports it follows.
pub fn document(report: &Report, live: Option<&str>) -> Markup {
    let title = format!("{} · {}", report.verdict.name(), tame(&report.title));
    let body = html! {
        p #lost role="alert" hidden { }
        main #board { (board(report)) }
    };
    frame(&title, live, &body)
}

fn frame(title: &str, live: Option<&str>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                // A page that is saved or sent carries its style; the live one is served it.
                @if live.is_some() || title == "launchgate" {
                    link rel="stylesheet" href="/assets/board.css";
                } @else {
                    style { (maud::PreEscaped(CSS)) }
                }
            }
            body data-launch=[live] {
                (body)
                @if live.is_some() { script src="/assets/board.js" defer { } }
            }
        }
    }
}

fn badge(text: &str, tone: Tone) -> Markup {
    html! { span.badge.(tone.class()) { (text) } }
}

/// What changes with every report.
pub fn board(report: &Report) -> Markup {
    html! {
        header.headline.(words::verdict(report.verdict).class()) {
            p.question { (report.question) }
            h1 aria-live="polite" { (report.verdict.name()) }
            p.countdown {
                span data-seconds=(report.seconds_to_go_live) { (countdown(report.seconds_to_go_live)) }
            }
            p.what {
                strong { (tame(&report.title)) }
                " · version " (tame(&report.version)) " · " (report.phase.name())
            }
            p.fine {
                "Go-live " (report.go_live) " · as of "
                time datetime=(report.as_of) { (format!("{:.0}", report.as_of)) }
                @for (name, url) in &report.links { @if is_web(url) { " · " a href=(url) rel="noreferrer" { (tame(name)) } } }
            }
            @if !report.on_schedule {
                p.fine { "Overdue: " (report.overdue.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")) }
            }
        }
        @for alarm in &report.alarms { p.alarm role="alert" { strong { "Alarm " } (tame(alarm)) } }
        @for run in &report.runs { (run_card(run)) }
        (blockers(&report.blockers))
        (triggers(&report.triggers))
        section aria-labelledby="checklists" {
            h2 #checklists { "Checklists" }
            @for list in &report.checklists { (checklist(list, report)) }
        }
        @if !report.milestones.is_empty() {
            section aria-labelledby="milestones" {
                h2 #milestones { "Milestones" }
                ol.milestones {
                    @for reached in &report.milestones {
                        li { time { (format!("{:.0}", reached.at)) } " " strong { (reached.milestone) } " by " (tame(&reached.by)) }
                    }
                }
            }
        }
    }
}

/// Links of the launch file lead to the web and nowhere else.
fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn blockers(blockers: &[Blocker]) -> Markup {
    html! {
        @if !blockers.is_empty() {
            section aria-labelledby="blockers" {
                h2 #blockers { "Blockers" }
                ul.cards {
                    @for blocker in blockers {
                        @let bad = blocker.why == launchgate_core::gate::Why::Failed;
                        li {
                            (badge(blocker.why.name(), if bad { Tone::Bad } else { Tone::Open }))
                            " " strong { (tame(&blocker.title)) }
                            @if let Some(check) = &blocker.check { " " code { (check) } }
                            @if let Some(owner) = &blocker.owner { span.owner { (owner) } }
                            p { (tame(&blocker.because)) }
                        }
                    }
                }
            }
        }
    }
}

fn triggers(triggers: &[TriggerReport]) -> Markup {
    html! {
        @if !triggers.is_empty() {
            section aria-labelledby="triggers" {
                h2 #triggers { "Rollback triggers" }
                ul.cards {
                    @for trigger in triggers {
                        li {
                            (badge(trigger.state.name(), words::trigger(trigger.state)))
                            " " strong { (trigger.id) } " "
                            span.fine { (format!("{:?}", trigger.mode).to_lowercase()) " → " (trigger.procedure) ", watches " code { (trigger.check) } }
                            p { (tame(&trigger.because)) }
                            label {
                                span.fine { "breach credited: " (seconds(trigger.credit)) " of " (seconds(trigger.lasts)) }
                                progress max=(trigger.lasts) value=(trigger.credit.min(trigger.lasts)) { }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn seconds(seconds: f64) -> String {
    format_duration(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn run_card(run: &Run) -> Markup {
    html! {
        section.run aria-label={ "Run " (run.id.0) } {
            h2 { "Run " code { (run.id) } " " (badge(run.status.name(), words::run(run.status))) }
            p { (tame(&run.cause)) }
            ol.steps {
                @for (step, state) in run.procedure.steps.iter().zip(&run.steps) {
                    @let (word, tone, evidence) = words::step(state);
                    li {
                        (badge(word, tone)) " " strong { (step.id) } " " span.fine { (step.action) }
                        @if !evidence.is_empty() { pre { (evidence.lines().map(tame).collect::<Vec<_>>().join("\n")) } }
                    }
                }
            }
            @if let Some(step) = run.asking() {
                p.alarm {
                    "Step " strong { (run.procedure.steps[step].id) } " waits for a person: "
                    code { "launchgate run retry|mark-succeeded|abort " (run.id) " --reason …" }
                }
            }
        }
    }
}

fn checklist(list: &ChecklistReport, report: &Report) -> Markup {
    let (state, tone) = words::due(list.state);
    let open = list.verdict != launchgate_core::gate::Verdict::Go;
    html! {
        details open[open] id={ "list-" (list.id) } {
            summary {
                (badge(list.verdict.name(), words::verdict(list.verdict)))
                " " strong { (tame(&list.title)) }
                span.fine {
                    " due " (list.due) ", " span.(tone.class()) { (state) }
                    @if let Some(owner) = &list.owner {
                        " · " (owner)
                        @if !list.people.is_empty() { " (" (list.people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")) ")" }
                    }
                    @if list.warnings > 0 { " · " (list.warnings) " to look at" }
                }
            }
            ul.checks { @for check in &list.checks { (check_row(check, report)) } }
        }
    }
}

fn check_row(check: &CheckReport, report: &Report) -> Markup {
    let (mark, tone) = words::outcome(check.outcome);
    html! {
        li {
            span.mark.(tone.class()) aria-hidden="true" { (mark) }
            div {
                span.(tone.class()) { (check.outcome.name()) } " "
                strong { (tame(&check.title)) } " " code { (check.id.check) }
                @if check.level == Level::Advisory { span.fine { " advisory" } }
                p {
                    (tame(&check.because))
                    @if let Some(at) = check.observed_at {
                        span.fine { " · " (words::ago(at, report.as_of)) }
                    }
                }
                @let parts: Vec<_> = check.readings.iter().flat_map(|r| &r.parts).filter(|p| p.odd).take(8).collect();
                @if !parts.is_empty() {
                    ul.parts { @for part in parts { li { code { (tame(&part.subject)) } " " (tame(&part.says)) } } }
                }
            }
        }
    }
}
