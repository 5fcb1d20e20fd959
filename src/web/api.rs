//! The API under `/api/v1`.

use std::convert::Infallible;
use std::sync::PoisonError;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _};
use launchgate_core::attestation::Decision;
use launchgate_core::milestone::Milestone;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::report::Report;
use launchgate_core::run::{Choice, RunId};
use launchgate_core::state::Event;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::wrappers::WatchStream;

use super::App;
use super::auth::Deed;
use super::error::ApiError;
use crate::engine::Handle;
use crate::render::{Format, Options, render};

type Answer<T> = Result<T, ApiError>;

/// Between two live events of one stream.
const CALM: Duration = Duration::from_millis(500);
/// How much history a check's answer has.
const HISTORY: usize = 200;

pub(super) fn find<'a>(app: &'a App, launch: &str) -> Answer<&'a Handle> {
    app.launches.get(launch).ok_or_else(|| ApiError::not_found(format!("launch `{launch}`")))
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready when every launch's engine takes orders and can keep them.
pub(super) async fn readyz(State(app): State<App>) -> Response {
    let alarmed: Vec<String> = app
        .launches
        .values()
        .filter(|handle| handle.report().alarms.iter().any(|a| a.starts_with("the store")))
        .map(|handle| handle.launch().to_string())
        .collect();
    if alarmed.is_empty() {
        return "ready\n".into_response();
    }
    let message = format!("the store cannot be written for {}\n", alarmed.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, message).into_response()
}

pub(super) async fn launches(State(app): State<App>) -> Json<Value> {
    let launches: Vec<Value> = app.launches.values().map(|h| summary(&h.report())).collect();
    Json(json!({ "launches": launches }))
}

pub(super) async fn launch(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Answer<Json<Value>> {
    Ok(Json(summary(&find(&app, &launch)?.report())))
}

fn summary(report: &Report) -> Value {
    json!({
        "launch": report.launch,
        "title": report.title,
        "version": report.version,
        "phase": report.phase,
        "question": report.question,
        "verdict": report.verdict,
        "on_schedule": report.on_schedule,
        "go_live": report.go_live,
        "as_of": report.as_of,
    })
}

#[derive(Deserialize)]
pub(super) struct Asked {
    format: Option<String>,
    color: Option<String>,
}

pub(super) async fn report(
    State(app): State<App>,
    Path(launch): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer<Response> {
    let report = find(&app, &launch)?.report();
    let format = match asked.format.as_deref() {
        Some(name) => <Format as clap::ValueEnum>::from_str(name, true).map_err(|_| {
            ApiError::new(StatusCode::BAD_REQUEST, "bad_format", format!("`{name}` is no format"))
                .hint("formats are text, json, markdown, html, junit")
        })?,
        None => accepted(&headers),
    };
    let colour = asked.color.as_deref() == Some("always");
    let body = render(&report, format, Options { colour });
    Ok(([(header::CONTENT_TYPE, format.media_type())], body).into_response())
}

/// The form that `Accept` asks for first, of those that there are; JSON otherwise.
fn accepted(headers: &HeaderMap) -> Format {
    let accept =
        headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let formats = [Format::Json, Format::Text, Format::Markdown, Format::Html];
    accept
        .split(',')
        .filter_map(|part| part.split(';').next())
        .find_map(|media| {
            formats.into_iter().find(|f| f.media_type().split(';').next() == Some(media.trim()))
        })
        .unwrap_or(Format::Json)
}

pub(super) async fn checklist(
    State(app): State<App>,
    Path((launch, list)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    let report = find(&app, &launch)?.report();
    let found = report.checklists.iter().find(|l| l.id.as_str() == list);
    Ok(Json(json!(found.ok_or_else(|| ApiError::not_found(format!("checklist `{list}`")))?)))
}

pub(super) async fn check(
    State(app): State<App>,
    Path((launch, list, check)): Path<(String, String, String)>,
) -> Answer<Json<Value>> {
    let handle = find(&app, &launch)?;
    let report = handle.report();
    let missing = || ApiError::not_found(format!("check `{list}/{check}`"));
    let path: CheckPath = format!("{list}/{check}").parse().map_err(|_| missing())?;
    let found = report
        .checklists
        .iter()
        .flat_map(|l| &l.checks)
        .find(|c| c.id == path)
        .ok_or_else(missing)?;
    let (store, name) = (app.store.clone(), handle.launch().clone());
    let history = tokio::task::spawn_blocking(move || {
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        store.history(&name, &path, HISTORY)
    });
    let history =
        history.await.map_err(|e| e.to_string()).and_then(|r| r.map_err(|e| e.to_string()));
    let history = history
        .map_err(|e| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", e))?;
    Ok(Json(json!({ "check": found, "history": history })))
}

pub(super) async fn triggers(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Answer<Json<Value>> {
    Ok(Json(json!({ "triggers": find(&app, &launch)?.report().triggers })))
}

pub(super) async fn runs(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Answer<Json<Value>> {
    Ok(Json(json!({ "runs": find(&app, &launch)?.report().runs })))
}

pub(super) async fn run(
    State(app): State<App>,
    Path((launch, run)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    let report = find(&app, &launch)?.report();
    let found = report.runs.iter().find(|r| r.id.0 == run);
    Ok(Json(json!(found.ok_or_else(|| ApiError::not_found(format!("run `{run}`")))?)))
}

/// A live stream: one event when it opens and one whenever a newer report is published, with its time.
pub(super) async fn events(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Answer<Sse<impl Stream<Item = Result<Sent, Infallible>>>> {
    let reports = find(&app, &launch)?.reports();
    let room = app.streams.clone().try_acquire_owned().map_err(|_| {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            "too many live streams are open",
        )
    })?;
    let stream = WatchStream::new(reports).then(move |report| {
        // The room is given back when the stream ends.
        let _held = &room;
        let at = report.as_of;
        async move {
            tokio::time::sleep(CALM).await;
            Ok(Sent::default().event("report").data(at.to_string()))
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// A body that must be JSON of a shape.
fn body<T>(body: Result<Json<T>, JsonRejection>) -> Answer<T> {
    body.map(|Json(body)| body).map_err(|rejection| {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_body", rejection.body_text())
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signing {
    check: CheckPath,
    decision: Decision,
    evidence: Option<String>,
    note: Option<String>,
}

pub(super) async fn sign(
    State(app): State<App>,
    Path(launch): Path<String>,
    headers: HeaderMap,
    given: Result<Json<Signing>, JsonRejection>,
) -> Answer<Json<Value>> {
    let person = app.tokens.may(&headers, Deed::Sign)?;
    let Signing { check, decision, evidence, note } = body(given)?;
    let event = Event::SignedOff { check, person, decision, evidence, note };
    order(find(&app, &launch)?, event).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reaching {
    milestone: Milestone,
}

pub(super) async fn milestone(
    State(app): State<App>,
    Path(launch): Path<String>,
    headers: HeaderMap,
    given: Result<Json<Reaching>, JsonRejection>,
) -> Answer<Json<Value>> {
    let by = app.tokens.may(&headers, Deed::Command)?.to_string();
    let milestone = body(given)?.milestone;
    order(find(&app, &launch)?, Event::Milestone { milestone, by }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Firing {
    reason: String,
}

pub(super) async fn fire(
    State(app): State<App>,
    Path((launch, trigger)): Path<(String, String)>,
    headers: HeaderMap,
    given: Result<Json<Firing>, JsonRejection>,
) -> Answer<Json<Value>> {
    let person = app.tokens.may(&headers, Deed::Command)?;
    let reason = body(given)?.reason;
    let handle = find(&app, &launch)?;
    let missing = || ApiError::not_found(format!("trigger `{trigger}`"));
    let trigger = Name::try_new(&trigger).map_err(|_| missing())?;
    order(handle, Event::Fire { trigger, person, reason }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deciding {
    choice: Choice,
    reason: String,
    /// The step; without it, the one that waits for a decision.
    step: Option<usize>,
}

pub(super) async fn decide(
    State(app): State<App>,
    Path((launch, run)): Path<(String, String)>,
    headers: HeaderMap,
    given: Result<Json<Deciding>, JsonRejection>,
) -> Answer<Json<Value>> {
    let person = app.tokens.may(&headers, Deed::Command)?;
    let Deciding { choice, reason, step } = body(given)?;
    let handle = find(&app, &launch)?;
    let report = handle.report();
    let found = report.runs.iter().find(|r| r.id.0 == run);
    let found = found.ok_or_else(|| ApiError::not_found(format!("run `{run}`")))?;
    let step = step.or_else(|| found.asking()).ok_or_else(|| {
        ApiError::new(StatusCode::CONFLICT, "conflict", format!("run {run} asks for no decision"))
    })?;
    order(handle, Event::Decided { run: RunId(run), step, choice, person, reason }).await
}

async fn order(handle: &Handle, event: Event) -> Answer<Json<Value>> {
    handle.submit(event).await?;
    Ok(Json(summary(&handle.report())))
}
