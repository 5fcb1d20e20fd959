//! The audit log, as JSON lines, a page at a time.

use std::sync::PoisonError;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use super::App;
use super::api::find;
use super::error::ApiError;

/// How many entries a page has unless something else is asked for.
const ENTRIES: usize = 500;
/// How many it has at most; the store ends it sooner where entries are long.
const MAX_ENTRIES: usize = 1_000;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Asked {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

/// The entries after `after` with their signed heads, one a line; an empty answer when the log ends there.
pub(super) async fn audit(
    State(app): State<App>,
    Path(launch): Path<String>,
    Query(Asked { after, limit }): Query<Asked>,
) -> Result<Response, ApiError> {
    let launch = find(&app, &launch)?.launch().clone();
    let limit = limit.unwrap_or(ENTRIES).clamp(1, MAX_ENTRIES);
    let store = app.store.clone();
    let page = tokio::task::spawn_blocking(move || {
        let lines = {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            store.audit(&launch, after, limit).map_err(|e| e.to_string())?
        };
        let mut text = String::new();
        for line in &lines {
            text.push_str(&serde_json::to_string(line).map_err(|e| e.to_string())?);
            text.push('\n');
        }
        Ok(text)
    });
    let page = page.await.map_err(|e| e.to_string()).and_then(|page| page);
    let page =
        page.map_err(|e| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", e))?;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], page).into_response())
}
