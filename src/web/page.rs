//! The pages: the list of launches and the war-room board of each. They are readable without a script; a small one asks
//! for the board again whenever a newer report is announced.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Redirect, Response};
use launchgate_core::name::CheckPath;
use launchgate_core::report::Report;
use maud::{Markup, html};

use super::App;
use super::api::{Answer, find, history};
use super::auth::Certified;
use super::error::ApiError;
use crate::render::html::{CSS, badge, board, glance, look, page, title};
use crate::render::words::{self, countdown, tame};

const JS: &str = include_str!("board.js");
const ORDERS_JS: &str = include_str!("orders.js");
/// How many looks the page of a check is drawn from.
const HISTORY: usize = 300;
/// How often a page without a script comes anew, in seconds.
const RELOAD: u8 = 15;

pub(super) async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], CSS)
}

pub(super) async fn js() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], JS)
}

pub(super) async fn orders_js() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], ORDERS_JS)
}

/// The launches; the board itself if there is but one.
pub(super) async fn index(State(app): State<App>) -> Response {
    if let (1, Some(name)) = (app.launches.len(), app.launches.keys().next()) {
        return Redirect::temporary(&format!("/launches/{name}")).into_response();
    }
    let body = html! {
        body data-fragment="/launches" {
            p #lost role="alert" hidden { }
            main #board { (cards(&app)) }
            script src="/assets/board.js" { }
        }
    };
    Html(page("launchgate", &served(), &body).into_string()).into_response()
}

pub(super) async fn index_fragment(State(app): State<App>) -> Html<String> {
    Html(cards(&app).into_string())
}

fn cards(app: &App) -> Markup {
    let reports: Vec<_> = app.launches.values().map(crate::engine::Handle::report).collect();
    html! {
        h1 { "Launches" }
        ul.cards { @for report in &reports { (card(report)) } }
        @if reports.is_empty() { p { "This daemon serves no launch." } }
    }
}

fn card(report: &Report) -> Markup {
    html! {
        li {
            (badge(report.verdict.name(), words::verdict(report.verdict))) " "
            a href={ "/launches/" (report.launch) } { strong { (tame(&report.title)) } }
            span.fine {
                " " (tame(&report.question)) " · version " (tame(&report.version)) " · "
                (countdown(report.seconds_to_go_live)) " · " (report.phase.name())
            }
            @if !report.on_schedule { p.late { "✗ Overdue: " (words::names(&report.overdue)) } }
            (glance(report, &format!("/launches/{}", report.launch)))
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

/// Whether the connection's certificate names somebody, who need not say again who they are.
type Shown = Option<Extension<Certified>>;

/// A page that stays up to date, and on which those who may give orders.
fn live(app: &App, shown: &Shown, report: &Report, fragment: &str, board: &Markup) -> Markup {
    let known = !app.tokens.dev && shown.as_ref().is_some_and(|shown| shown.0.0.is_ok());
    html! {
        body data-launch=(report.launch) data-fragment=(fragment) data-dev[app.tokens.dev] data-known[known] {
            a.skip href="#board" { "Skip to the answer" }
            p #lost role="alert" hidden { }
            (who(app))
            main #board tabindex="-1" { (board) }
            dialog #ask aria-labelledby="ask-title" {
                form {
                    h2 #ask-title { }
                    p #ask-says { }
                    div #ask-fields { }
                    p #ask-refused.alarm role="alert" hidden { }
                    div.answer { button type="submit" { "Confirm" } " " button #ask-cancel type="button" { "Cancel" } }
                }
            }
            footer.fine {
                @if app.launches.len() > 1 { a href="/" { "All launches" } " · " }
                a href={ "/api/v1/launches/" (report.launch) "/report?format=html" } { "Report to keep" } " · "
                a href={ "/api/v1/launches/" (report.launch) "/report?format=json" } { "JSON" }
                noscript { " · comes anew every " (RELOAD) " seconds" }
            }
            script src="/assets/board.js" { }
            script src="/assets/orders.js" { }
        }
    }
}

/// Where people say who they are; without a script there is nothing that it could do.
fn who(app: &App) -> Markup {
    html! {
        form #who hidden aria-label="Who you are" {
            label for="token" { @if app.tokens.dev { "Act as" } @else { "Token" } }
            input #token name="token" type=(if app.tokens.dev { "text" } else { "password" }) autocomplete="current-password" required;
            button type="submit" { "Show what I may do" }
            span #acting role="status" tabindex="-1" { }
            button #leave type="button" hidden { "Sign out" }
        }
    }
}

pub(super) async fn board_page(
    State(app): State<App>,
    shown: Shown,
    Path(launch): Path<String>,
) -> Result<Response, NoPage> {
    let report = find(&app, &launch)?.report();
    let fragment = format!("/launches/{}/board", report.launch);
    let body = live(&app, &shown, &report, &fragment, &board(&report, true));
    Ok(Html(page(&title(&report), &served(), &body).into_string()).into_response())
}

pub(super) async fn board_fragment(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Result<Response, ApiError> {
    Ok(Html(board(&find(&app, &launch)?.report(), true).into_string()).into_response())
}

/// A check on a page of its own, with its numbers over time.
pub(super) async fn check_page(
    State(app): State<App>,
    shown: Shown,
    Path((launch, list, check)): Path<(String, String, String)>,
) -> Result<Response, NoPage> {
    let (report, drawn) = drawn(&app, &launch, &list, &check).await?;
    let fragment = format!("/launches/{}/checks/{list}/{check}/board", report.launch);
    let body = live(&app, &shown, &report, &fragment, &drawn);
    let called = format!("{} · {list}/{check}", report.verdict.name());
    Ok(Html(page(&called, &served(), &body).into_string()).into_response())
}

pub(super) async fn check_fragment(
    State(app): State<App>,
    Path((launch, list, check)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let (_, drawn) = drawn(&app, &launch, &list, &check).await?;
    Ok(Html(drawn.into_string()).into_response())
}

async fn drawn(app: &App, launch: &str, list: &str, check: &str) -> Answer<(Arc<Report>, Markup)> {
    let handle = find(app, launch)?;
    let report = handle.report();
    let missing = || ApiError::not_found(format!("check `{list}/{check}`"));
    let path: CheckPath = format!("{list}/{check}").parse().map_err(|_| missing())?;
    let mut checks = report.checklists.iter().flat_map(|list| &list.checks);
    let found = checks.find(|check| check.id == path).ok_or_else(missing)?;
    let history = history(app, handle, &path, HISTORY).await?;
    let drawn = look(found, &history, &report, true);
    Ok((report, drawn))
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
