//! The pages: the list of launches and the war-room board of each. They are readable without a script; a small one asks
//! for the board again whenever a newer report is announced.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Redirect, Response};
use launchgate_core::report::Report;
use maud::{Markup, html};

use super::App;
use super::api::find;
use super::error::ApiError;
use crate::render::html::{CSS, badge, board, page, title};
use crate::render::words::{self, countdown, tame};

const JS: &str = include_str!("board.js");
/// How often a page without a script comes anew, in seconds.
const RELOAD: u8 = 15;

pub(super) async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], CSS)
}

pub(super) async fn js() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], JS)
}

/// The launches; the board itself if there is but one.
pub(super) async fn index(State(app): State<App>) -> Response {
    if let (1, Some(name)) = (app.launches.len(), app.launches.keys().next()) {
        return Redirect::temporary(&format!("/launches/{name}")).into_response();
    }
    let reports: Vec<_> = app.launches.values().map(crate::engine::Handle::report).collect();
    let body = html! {
        body {
            main {
                h1 { "Launches" }
                ul.cards { @for report in &reports { (row(report)) } }
                @if reports.is_empty() { p { "This daemon serves no launch." } }
            }
        }
    };
    Html(page("launchgate", &served(), &body).into_string()).into_response()
}

fn row(report: &Report) -> Markup {
    html! {
        li {
            (badge(report.verdict.name(), words::verdict(report.verdict))) " "
            a href={ "/launches/" (report.launch) } { (tame(&report.title)) }
            span.fine {
                " " (report.question) " · version " (tame(&report.version)) " · "
                (countdown(report.seconds_to_go_live)) " · " (report.phase.name())
                @if !report.on_schedule { " · overdue: " (words::names(&report.overdue)) }
            }
        }
    }
}

/// The head of a page that the daemon serves.
fn served() -> Markup {
    html! {
        link rel="stylesheet" href="/assets/board.css";
        noscript { meta http-equiv="refresh" content=(RELOAD); }
    }
}

pub(super) async fn board_page(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Result<Response, NoPage> {
    let report = find(&app, &launch)?.report();
    let body = html! {
        body data-launch=(report.launch) {
            a.skip href="#board" { "Skip to the answer" }
            p #lost role="alert" hidden { }
            main #board { (board(&report)) }
            footer.fine {
                @if app.launches.len() > 1 { a href="/" { "All launches" } " · " }
                a href={ "/api/v1/launches/" (report.launch) "/report?format=html" } { "Report to keep" } " · "
                a href={ "/api/v1/launches/" (report.launch) "/report?format=json" } { "JSON" }
                noscript { " · comes anew every " (RELOAD) " seconds" }
            }
            script src="/assets/board.js" { }
        }
    };
    Ok(Html(page(&title(&report), &served(), &body).into_string()).into_response())
}

pub(super) async fn board_fragment(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Result<Response, ApiError> {
    Ok(Html(board(&find(&app, &launch)?.report()).into_string()).into_response())
}

/// What a person sees instead of a page.
#[derive(Debug)]
pub(super) struct NoPage(ApiError);

impl From<ApiError> for NoPage {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for NoPage {
    fn into_response(self) -> Response {
        let body = html! {
            body { main { h1 { "Not here" } p { (tame(&self.0.message)) } p { a href="/" { "All launches" } } } }
        };
        let style = html! { link rel="stylesheet" href="/assets/board.css"; };
        (self.0.status, Html(page("launchgate", &style, &body).into_string())).into_response()
    }
}
