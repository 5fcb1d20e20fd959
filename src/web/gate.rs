//! The gate as other tools ask for it: one line and one status.
//!
//! 200 when the verdict is GO, 403 when it is not, 404 for what is not there. Tools that take any status but 2xx for a fault of
//! the transport ask with `always=true` and read `go`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use launchgate_core::gate::Verdict;
use launchgate_core::report::Report;
use schemars::JsonSchema;
use serde::Deserialize;

use super::App;
use super::answers::GateAnswer;
use super::api::find;
use super::error::ApiError;

/// How many blockers the line names.
const NAMED: usize = 3;

#[derive(Default, Deserialize, JsonSchema)]
pub(super) struct Asked {
    /// Ask one checklist's gate, not the launch's.
    checklist: Option<String>,
    /// Ask for what is due by now alone.
    #[serde(default)]
    due: bool,
    /// Answer 200 whatever the verdict.
    #[serde(default)]
    always: bool,
}

pub(super) async fn gate(
    State(app): State<App>,
    Path(launch): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let (status, body) = answer(&find(&app, &launch)?.report(), &asked)?;
    // What is true now may not be in a second.
    Ok((status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

fn answer(report: &Report, asked: &Asked) -> Result<(StatusCode, GateAnswer), ApiError> {
    let verdict = verdict(report, asked)?;
    let go = verdict == Verdict::Go;
    let status = if go || asked.always { StatusCode::OK } else { StatusCode::FORBIDDEN };
    let body = GateAnswer {
        go,
        verdict,
        because: because(report, verdict, asked.checklist.as_deref()),
        launch: report.launch.clone(),
        version: report.version.clone(),
        as_of: report.as_of,
    };
    Ok((status, body))
}

fn verdict(report: &Report, asked: &Asked) -> Result<Verdict, ApiError> {
    match &asked.checklist {
        None if asked.due => Ok(report.due_verdict()),
        None => Ok(report.verdict),
        Some(id) => {
            let found = report.checklists.iter().find(|list| list.id.as_str() == id);
            Ok(found.ok_or_else(|| ApiError::not_found(format!("checklist `{id}`")))?.verdict)
        }
    }
}

fn because(report: &Report, verdict: Verdict, checklist: Option<&str>) -> String {
    let blockers: Vec<&str> = report
        .blockers
        .iter()
        .filter(|b| {
            checklist.is_none_or(|id| b.checklist.as_ref().is_some_and(|c| c.as_str() == id))
        })
        .map(|blocker| blocker.title.as_str())
        .collect();
    let rest = blockers.len().saturating_sub(NAMED);
    let named = blockers[..blockers.len() - rest].join("; ");
    let word = verdict.name();
    match (verdict, blockers.len()) {
        (Verdict::Go, _) => match checklist {
            Some(id) => format!("{word}: every check of `{id}` holds"),
            None => format!("{} Yes.", report.question),
        },
        (_, 0) => format!("{word}: something is not due yet or not green"),
        (_, n) if rest > 0 => format!("{word}, {n} blockers: {named}; and {rest} more"),
        (_, n) => {
            format!("{word}, {n} {}: {named}", if n == 1 { "blocker" } else { "blockers" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::Sample;

    #[test]
    fn the_verdict_decides_the_status_and_go_has_no_blockers() {
        let mut report = Sample::preparing().report();
        let asked = Asked::default();
        assert_eq!(answer(&report, &asked).expect("an answer").0, StatusCode::FORBIDDEN);
        report.verdict = Verdict::Go;
        let (status, said) = answer(&report, &asked).expect("an answer");
        assert_eq!((status, said.go), (StatusCode::OK, true));
        assert_eq!(said.because, "May we launch? Yes.");
        let list = Asked { checklist: Some("database".into()), ..Asked::default() };
        let (status, said) = answer(&report, &list).expect("an answer");
        assert_eq!((status, said.go), (StatusCode::FORBIDDEN, false));
        let nowhere = Asked { checklist: Some("nope".into()), ..Asked::default() };
        assert!(answer(&report, &nowhere).is_err());
    }
}
