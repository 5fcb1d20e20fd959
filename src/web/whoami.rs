//! Whose a token is, so that a page can show its reader what they may do.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;

use super::App;
use super::answers::Whoami;
use super::api::Answer;
use super::auth::{Acting, Deed};

/// The person behind a request and what their token allows; refused for one that allows nothing but reading.
pub(super) async fn whoami(
    State(app): State<App>,
    Acting(person): Acting,
    headers: HeaderMap,
) -> Answer<Json<Whoami>> {
    let commands = app.tokens.may(&headers, Deed::Command).is_ok();
    let deeds = if commands { vec![Deed::Sign, Deed::Command] } else { vec![Deed::Sign] };
    Ok(Json(Whoami { identity: person, deeds }))
}
