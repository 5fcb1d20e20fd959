//! Looks that are asked for over the API. What they saw is in the report once it no longer names the checks as waited for.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use launchgate_core::name::CheckPath;
use launchgate_core::state::Event;
use schemars::JsonSchema;
use serde::Deserialize;

use super::App;
use super::answers::Summary;
use super::api::{Answer, body, find, order};
use super::auth::Acting;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refreshing {
    /// The checks, such as `dns/apex`; without any, all that a probe looks at.
    #[serde(default)]
    checks: Vec<CheckPath>,
}

/// Has checks looked at at once.
pub(super) async fn refresh(
    State(app): State<App>,
    Path(launch): Path<String>,
    Acting(person): Acting,
    given: Result<Json<Refreshing>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let checks = body(given)?.checks;
    tracing::info!(%launch, %person, named = checks.len(), "looks are asked for");
    order(find(&app, &launch)?, Event::LookAgain { checks }).await
}
