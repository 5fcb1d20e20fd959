//! Runs over the API: what there is, rehearsals, the launch day, and what people decide.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use launchgate_core::name::Name;
use launchgate_core::run::{Choice, Run, RunId};
use launchgate_core::state::Event;
use schemars::JsonSchema;
use serde::Deserialize;

use super::App;
use super::answers::{Runs, Summary};
use super::api::{Answer, body, find, order, reason};
use super::auth::{Acting, Deed, Known};
use super::error::ApiError;

pub(super) async fn runs(State(app): State<App>, Path(launch): Path<String>) -> Answer<Json<Runs>> {
    Ok(Json(Runs { runs: find(&app, &launch)?.report().runs.clone() }))
}

pub(super) async fn run(
    State(app): State<App>,
    Path((launch, run)): Path<(String, String)>,
) -> Answer<Json<Run>> {
    let report = find(&app, &launch)?.report();
    let found = report.runs.iter().find(|r| r.id.0 == run);
    Ok(Json(found.cloned().ok_or_else(|| ApiError::not_found(format!("run `{run}`")))?))
}

/// Walks a procedure through. The report has it when it is done.
pub(super) async fn rehearse(
    State(app): State<App>,
    Path((launch, procedure)): Path<(String, String)>,
    Acting(person): Acting,
) -> Answer<Json<Summary>> {
    let handle = find(&app, &launch)?;
    let procedure = named(&procedure)?;
    order(handle, Event::Rehearse { procedure, person }).await
}

/// The procedure that a path names.
fn named(procedure: &str) -> Answer<Name> {
    Name::try_new(procedure).map_err(|_| ApiError::not_found(format!("procedure `{procedure}`")))
}

/// Begins a launch procedure.
pub(super) async fn begin(
    State(app): State<App>,
    Path((launch, procedure)): Path<(String, String)>,
    Acting(person): Acting,
) -> Answer<Json<Summary>> {
    let handle = find(&app, &launch)?;
    let procedure = named(&procedure)?;
    order(handle, Event::LaunchBegun { procedure, person }).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Holding {
    reason: String,
}

/// Keeps a launch's run from going on.
pub(super) async fn hold(
    State(app): State<App>,
    Path((launch, run)): Path<(String, String)>,
    Acting(person): Acting,
    given: Result<Json<Holding>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let reason = Some(reason(body(given)?.reason)?);
    order(find(&app, &launch)?, Event::RunHeld { run: RunId(run), person, reason }).await
}

/// Lets a held run go on.
pub(super) async fn resume(
    State(app): State<App>,
    Path((launch, run)): Path<(String, String)>,
    Acting(person): Acting,
) -> Answer<Json<Summary>> {
    order(find(&app, &launch)?, Event::RunHeld { run: RunId(run), person, reason: None }).await
}

#[derive(Deserialize, JsonSchema)]
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
    known: Known,
    given: Result<Json<Deciding>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let Deciding { choice, reason: given, step } = body(given)?;
    let reason = reason(given)?;
    let handle = find(&app, &launch)?;
    let report = handle.report();
    let found = report.runs.iter().find(|r| r.id.0 == run);
    let found = found.ok_or_else(|| ApiError::not_found(format!("run `{run}`")))?;
    let step = step.or_else(|| found.asking()).ok_or_else(|| {
        ApiError::new(StatusCode::CONFLICT, "conflict", format!("run {run} asks for no decision"))
    })?;
    // Whose step it is to do is the launch's to say; everything else is an order.
    if choice != Choice::MarkSucceeded || !found.has_owner_at_work(step) {
        known.must(Deed::Command)?;
    }
    order(handle, Event::Decided { run: RunId(run), step, choice, person: known.person, reason })
        .await
}
