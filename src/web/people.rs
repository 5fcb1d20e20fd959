//! What people state over the API: sign-offs, waivers, decisions.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use launchgate_core::attestation::Decision;
use launchgate_core::decision::Word;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::state::Event;
use launchgate_core::time::{add, parse_duration};
use schemars::JsonSchema;
use serde::Deserialize;

use super::App;
use super::answers::{Decisions, Summary};
use super::api::{Answer, body, find, order, reason};
use super::auth::Acting;
use super::error::ApiError;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signing {
    check: CheckPath,
    decision: Decision,
    evidence: Option<String>,
    note: Option<String>,
    #[serde(default)]
    values: BTreeMap<Name, String>,
}

pub(super) async fn sign(
    State(app): State<App>,
    Path(launch): Path<String>,
    Acting(person): Acting,
    given: Result<Json<Signing>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let Signing { check, decision, evidence, note, values } = body(given)?;
    let event = Event::SignedOff { check, person, decision, evidence, note, values };
    order(find(&app, &launch)?, event).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Waiving {
    check: CheckPath,
    reason: String,
    /// An instant, or how long from now, as `2h`.
    until: String,
}

pub(super) async fn waive(
    State(app): State<App>,
    Path(launch): Path<String>,
    Acting(person): Acting,
    given: Result<Json<Waiving>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let Waiving { check, reason: why, until } = body(given)?;
    let handle = find(&app, &launch)?;
    let until = instant(&until, handle.report().as_of)?;
    let event = Event::Waived { check, person, reason: reason(why)?, until };
    order(handle, event).await
}

/// An instant, written out or as a time from now.
fn instant(text: &str, now: Timestamp) -> Answer<Timestamp> {
    if let Ok(lasts) = parse_duration(text) {
        return Ok(add(now, lasts));
    }
    text.parse().map_err(|e| {
        let message = format!("`{text}` is neither an instant nor a duration: {e}");
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_instant", message)
            .hint("write `2026-12-01T18:00:00Z`, or how long from now, such as `12h`")
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ending {
    check: CheckPath,
    reason: String,
}

pub(super) async fn end_waiver(
    State(app): State<App>,
    Path(launch): Path<String>,
    Acting(person): Acting,
    given: Result<Json<Ending>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let Ending { check, reason: why } = body(given)?;
    let event = Event::WaiverEnded { check, person, reason: reason(why)? };
    order(find(&app, &launch)?, event).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GoNoGo {
    decision: Word,
    note: Option<String>,
}

pub(super) async fn go_no_go(
    State(app): State<App>,
    Path(launch): Path<String>,
    Acting(person): Acting,
    given: Result<Json<GoNoGo>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let GoNoGo { decision, note } = body(given)?;
    order(find(&app, &launch)?, Event::GoNoGo { decision, person, note }).await
}

pub(super) async fn decisions(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Answer<Json<Decisions>> {
    Ok(Json(Decisions { decisions: find(&app, &launch)?.report().decisions.clone() }))
}

/// The report that a decision was made on, as it was.
pub(super) async fn decided_on(
    State(app): State<App>,
    Path((launch, number)): Path<(String, String)>,
) -> Answer<Response> {
    let report = find(&app, &launch)?.report();
    let found = report.decisions.iter().find(|made| made.number.to_string() == number);
    let kept = found.and_then(|made| made.kept.as_ref());
    let kept = kept.ok_or_else(|| ApiError::not_found(format!("decision `{number}`")))?;
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, kept.report.to_string()).into_response())
}
