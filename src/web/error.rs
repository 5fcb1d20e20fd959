//! Errors of the API: a code for programs, a sentence and a hint for people.

use super::answers::Problem;
use crate::engine::Refused;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use launchgate_core::attestation::SignOffError;
use launchgate_core::decision::DecisionError;
use launchgate_core::state::Rejected;
use launchgate_core::waiver::WaiverError;

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// After how many seconds to ask again, for who asks too often.
    pub(super) retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None, retry_after: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what}"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Problem { code: self.code, message: self.message, hint: self.hint };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            // Lets a browser ask for the token.
            let challenge =
                HeaderValue::from_static("Basic realm=\"launchgate\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::Rejected(rejected) => {
                let (status, code) = kind(&rejected);
                Self::new(status, code, message)
            }
            Refused::NotKept(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_kept", message)
                .hint("nothing was changed: mend the store and try again"),
            Refused::Gone => Self::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", message),
        }
    }
}

fn kind(rejected: &Rejected) -> (StatusCode, &'static str) {
    match rejected {
        Rejected::NoSuchCheck(_)
        | Rejected::NoSuchTrigger(_)
        | Rejected::NoSuchRun(_)
        | Rejected::NoSuchProcedure(_)
        | Rejected::SignOff(SignOffError::NoSuchCheck(_)) => (StatusCode::NOT_FOUND, "not_found"),
        Rejected::SignOff(SignOffError::NotInRole { .. })
        | Rejected::Waiver(WaiverError::NotInRole { .. })
        | Rejected::Decision(DecisionError::NotInRole(_))
        | Rejected::NoAuthority(_) => (StatusCode::FORBIDDEN, "not_in_role"),
        Rejected::SignOff(SignOffError::NotApart { .. }) => (StatusCode::FORBIDDEN, "not_apart"),
        Rejected::SignOff(SignOffError::ValueMissing { .. } | SignOffError::NoSuchValue { .. }) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "bad_values")
        }
        Rejected::Waiver(WaiverError::Over(_) | WaiverError::TooLong(_)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "bad_instant")
        }
        Rejected::Decision(DecisionError::NoteMissing(_)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "note_missing")
        }
        Rejected::SignOff(SignOffError::EvidenceMissing(_)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "evidence_missing")
        }
        Rejected::SignOff(SignOffError::NotASignOff(_))
        | Rejected::NothingToLookAt(_)
        | Rejected::Waiver(WaiverError::None(_))
        | Rejected::Decision(DecisionError::NothingToDecide(_))
        | Rejected::Run(_)
        | Rejected::NotALaunch(_)
        | Rejected::NothingToLaunch(_)
        | Rejected::LaunchUnderWay(_)
        | Rejected::Order(_)
        | Rejected::OutOfOrder { .. }
        | Rejected::NothingToRollBack(_)
        | Rejected::TargetBusy { .. }
        | Rejected::AlreadyRun(_) => (StatusCode::CONFLICT, "conflict"),
    }
}

pub(super) async fn no_such_page() -> ApiError {
    ApiError::not_found("such page").hint("the API is under /api/v1, the page at /")
}
