//! Whose a token or a certificate is, so that a page can show its reader what they may do.

use axum::Json;

use super::answers::Whoami;
use super::auth::{Deed, Known};

/// The person behind a request and what they may; refused for one that may nothing but read.
pub(super) async fn whoami(known: Known) -> Json<Whoami> {
    let deeds = [Deed::Sign, Deed::Command].into_iter().filter(|deed| known.may(*deed)).collect();
    Json(Whoami { identity: known.person, deeds })
}
