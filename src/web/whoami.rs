//! Whose a token is, so that a page can show its reader what they may do.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::App;
use super::api::Answer;
use super::auth::Deed;

/// The person behind a request and what their token allows; refused for one that allows nothing but reading.
pub(super) async fn whoami(State(app): State<App>, headers: HeaderMap) -> Answer<Json<Value>> {
    let person = app.tokens.may(&headers, Deed::Sign)?;
    let commands = app.tokens.may(&headers, Deed::Command).is_ok();
    let deeds: &[&str] = if commands { &["sign", "command"] } else { &["sign"] };
    Ok(Json(json!({ "identity": person, "deeds": deeds })))
}
