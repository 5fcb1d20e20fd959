//! The API under `/api/v1`.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use launchgate_core::instant::{At, AtError};
use launchgate_core::milestone::Milestone;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::observation::Observation;
use launchgate_core::reading::cut;
use launchgate_core::report::{ChecklistReport, Report};
use launchgate_core::state::Event;
use launchgate_core::time::parse_duration;
use launchgate_core::trigger::Order;
use schemars::JsonSchema;
use serde::Deserialize;

use super::App;
use super::answers::{CheckAnswer, Launches, Summary, Triggers};
use super::auth::Acting;
use super::error::ApiError;
use super::gatekeeper::POLICY_OF_REPORTS;
use crate::engine::Handle;
use crate::render::{Format, FormatError, Options, render};

pub(super) type Answer<T> = Result<T, ApiError>;

/// How much history a check's answer has unless more is asked for.
const HISTORY: usize = 200;
/// The most that can be asked for; a store keeps no more.
const MOST_HISTORY: usize = 1_000;

pub(super) fn find<'a>(app: &'a App, launch: &str) -> Answer<&'a Handle> {
    app.launches.get(launch).ok_or_else(|| ApiError::not_found(format!("launch `{launch}`")))
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready when every launch's engine is at work and can keep what it decides.
pub(super) async fn readyz(State(app): State<App>) -> Answer<&'static str> {
    for handle in app.launches.values() {
        let report = handle.report();
        let stuck = report.alarms.iter().find(|alarm| alarm.starts_with("the store"));
        let ended = handle.reports().has_changed().is_err();
        let trouble = if ended { Some("its engine has ended") } else { stuck.map(String::as_str) };
        if let Some(trouble) = trouble {
            let message = format!("{}: {trouble}", handle.launch());
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message));
        }
    }
    Ok("ready\n")
}

pub(super) async fn launches(State(app): State<App>) -> Json<Launches> {
    let launches = app.launches.values().map(|h| Summary::from(&*h.report())).collect();
    Json(Launches { launches })
}

pub(super) async fn launch(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Answer<Json<Summary>> {
    Ok(Json(Summary::from(&*find(&app, &launch)?.report())))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Asked {
    format: Option<String>,
    color: Option<String>,
    /// Another instant: `2026-12-01T09:00:00Z`, `T-1d`, or how long from now.
    at: Option<String>,
}

pub(super) async fn report(
    State(app): State<App>,
    Path(launch): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer<Response> {
    let handle = find(&app, &launch)?;
    let report = match &asked.at {
        Some(at) => Arc::new(of_another_instant(handle, at).await?),
        None => handle.report(),
    };
    let format = match asked.format.as_deref() {
        Some(name) => name.parse().map_err(|e: FormatError| {
            ApiError::new(StatusCode::BAD_REQUEST, "bad_format", e.to_string())
        })?,
        None => accepted(&headers),
    };
    let colour = asked.color.as_deref() == Some("always");
    if format == Format::Json && asked.at.is_none() {
        let page = app.written.json(&report);
        let known = headers.get_all(header::IF_NONE_MATCH).iter();
        let same = known.filter_map(|tags| tags.to_str().ok()).any(|tags| {
            tags.trim() == "*" || tags.split(',').any(|tag| weakly(tag) == weakly(&page.tag))
        });
        let tag = [(header::ETAG, page.tag.clone()), (header::CACHE_CONTROL, "no-cache".into())];
        if same {
            return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
        }
        let kind = [(header::CONTENT_TYPE, format.media_type())];
        return Ok((kind, tag, page.json).into_response());
    }
    let body = render(&report, format, Options { colour });
    let mut response = ([(header::CONTENT_TYPE, format.media_type())], body).into_response();
    if format == Format::Html {
        let policy = HeaderValue::from_static(POLICY_OF_REPORTS);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

async fn of_another_instant(handle: &Handle, text: &str) -> Answer<Report> {
    let at: At = text.parse().map_err(|e: AtError| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_instant", e.to_string())
    })?;
    handle.report_at(at).await.map_err(|message| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_such_report", message)
    })
}

/// An entity tag for a weak comparison.
fn weakly(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The form that `Accept` likes best, the first of equals; JSON if it names none that there is.
fn accepted(headers: &HeaderMap) -> Format {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let formats = [Format::Json, Format::Text, Format::Markdown, Format::Html];
    let mut best = (Format::Json, 0.0);
    for range in accept.unwrap_or_default().split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let liking = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        let is_asked = |format: &Format| {
            format.media_type().split(';').next().is_some_and(|own| own.eq_ignore_ascii_case(media))
        };
        if let Some(format) = formats.into_iter().find(is_asked)
            && liking > best.1
        {
            best = (format, liking);
        }
    }
    best.0
}

pub(super) async fn checklist(
    State(app): State<App>,
    Path((launch, list)): Path<(String, String)>,
) -> Answer<Json<ChecklistReport>> {
    let report = find(&app, &launch)?.report();
    let found = report.checklists.iter().find(|l| l.id.as_str() == list);
    Ok(Json(found.cloned().ok_or_else(|| ApiError::not_found(format!("checklist `{list}`")))?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// How many looks, from 1 to 1000; 200 if not given.
    limit: Option<usize>,
    /// Only looks that ended before this instant: what `next` said.
    #[schemars(with = "Option<Timestamp>")]
    before: Option<String>,
}

impl Page {
    /// The bounds; everything that is wrong with them at once.
    fn read(&self) -> Answer<(usize, Option<Timestamp>)> {
        let limit = self.limit.unwrap_or(HISTORY);
        let before = self.before.as_deref().map(str::parse::<Timestamp>).transpose();
        let mut wrong = Vec::new();
        if !(1..=MOST_HISTORY).contains(&limit) {
            wrong.push(format!("`limit` is {limit}, and can be from 1 to {MOST_HISTORY}"));
        }
        match before {
            Ok(before) if wrong.is_empty() => return Ok((limit, before)),
            Ok(_) => {}
            Err(e) => wrong.push(format!("`before` is no instant: {e}")),
        }
        Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_page", wrong.join("; ")))
    }
}

/// A check and its looks, newest first, a page at a time.
pub(super) async fn check(
    State(app): State<App>,
    Path((launch, list, check)): Path<(String, String, String)>,
    Query(page): Query<Page>,
) -> Answer<Response> {
    let handle = find(&app, &launch)?;
    let report = handle.report();
    let missing = || ApiError::not_found(format!("check `{list}/{check}`"));
    let path: CheckPath = format!("{list}/{check}").parse().map_err(|_| missing())?;
    let mut checks = report.checklists.iter().flat_map(|l| &l.checks);
    let found = checks.find(|c| c.id == path).ok_or_else(missing)?;
    let (limit, before) = page.read()?;
    let earlier = |look: &Observation| before.is_none_or(|before| look.at.wall < before);
    // One more than is asked for tells whether there are others; a later page is cut from all that a store keeps.
    let wanted = if before.is_none() { limit + 1 } else { MOST_HISTORY };
    let kept = history(&app, handle, &path, wanted).await?;
    let mut history: Vec<_> = kept.into_iter().filter(earlier).collect();
    let next = history.get(limit).and_then(|_| history.get(limit - 1)).map(|last| last.at.wall);
    history.truncate(limit);
    let mut headers = HeaderMap::new();
    if let Some(next) = next {
        let here = format!("/api/v1/launches/{launch}/checks/{list}/{check}");
        let link = format!("<{here}?limit={limit}&before={next}>; rel=\"next\"");
        headers.extend(HeaderValue::try_from(link).ok().map(|link| (header::LINK, link)));
    }
    let answer = CheckAnswer { check: Arc::clone(found), history, next };
    Ok((headers, Json(answer)).into_response())
}

/// The newest looks of a check, newest first.
pub(super) async fn history(
    app: &App,
    handle: &Handle,
    check: &CheckPath,
    limit: usize,
) -> Answer<Vec<Observation>> {
    let (store, name, path) = (app.store.clone(), handle.launch().clone(), check.clone());
    let history = tokio::task::spawn_blocking(move || {
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        store.history(&name, &path, limit)
    });
    let history =
        history.await.map_err(|e| e.to_string()).and_then(|r| r.map_err(|e| e.to_string()));
    history.map_err(|e| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", e))
}

pub(super) async fn triggers(
    State(app): State<App>,
    Path(launch): Path<String>,
) -> Answer<Json<Triggers>> {
    Ok(Json(Triggers { triggers: find(&app, &launch)?.report().triggers.clone() }))
}

/// A body that must be JSON of a shape.
pub(super) fn body<T>(body: Result<Json<T>, JsonRejection>) -> Answer<T> {
    body.map(|Json(body)| body).map_err(|rejection| {
        let (status, code) = match &rejection {
            JsonRejection::MissingJsonContentType(_) => (rejection.status(), "not_json"),
            JsonRejection::BytesRejection(_) => (rejection.status(), "bad_body"),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "bad_body"),
        };
        ApiError::new(status, code, rejection.body_text())
    })
}

/// A reason, which says something and is cut if long.
pub(super) fn reason(given: String) -> Answer<String> {
    if given.trim().is_empty() {
        let message = "this takes a reason";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "reason_missing", message)
            .hint("it stays on record beside the name"));
    }
    Ok(cut(given))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reaching {
    milestone: Milestone,
}

pub(super) async fn milestone(
    State(app): State<App>,
    Path(launch): Path<String>,
    Acting(person): Acting,
    given: Result<Json<Reaching>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let by = person.to_string();
    let milestone = body(given)?.milestone;
    order(find(&app, &launch)?, Event::Milestone { milestone, by }).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Firing {
    reason: String,
}

pub(super) async fn fire(
    State(app): State<App>,
    Path((launch, trigger)): Path<(String, String)>,
    Acting(person): Acting,
    given: Result<Json<Firing>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let reason = reason(body(given)?.reason)?;
    let handle = find(&app, &launch)?;
    let missing = || ApiError::not_found(format!("trigger `{trigger}`"));
    let trigger = Name::try_new(&trigger).map_err(|_| missing())?;
    order(handle, Event::Fire { trigger, person, reason }).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ordering {
    #[serde(default)]
    reason: Option<String>,
    /// For how long, as `30m`; a hold alone takes it.
    #[serde(default, rename = "for")]
    lasts: Option<String>,
}

/// What a person orders of a trigger: `hold`, `release`, `ack`, `decline`, `rearm`.
pub(super) async fn order_trigger(
    State(app): State<App>,
    Path((launch, trigger, order_name)): Path<(String, String, String)>,
    Acting(person): Acting,
    given: Result<Json<Ordering>, JsonRejection>,
) -> Answer<Json<Summary>> {
    let Ordering { reason: said, lasts } = body(given)?;
    let said = || reason(said.unwrap_or_default());
    let what = match order_name.as_str() {
        "hold" => {
            let refused = |message: String| {
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_duration", message)
                    .hint("say for how long, such as `30m`")
            };
            let lasts = lasts.ok_or_else(|| refused("a hold has an end".to_owned()))?;
            let lasts = parse_duration(&lasts).map_err(|e| refused(e.to_string()))?;
            Order::Hold { lasts, reason: said()? }
        }
        "release" => Order::Release,
        "ack" => Order::Ack,
        "decline" => Order::Decline { reason: said()? },
        "rearm" => Order::Rearm { reason: said()? },
        other => return Err(ApiError::not_found(format!("order `{other}`"))),
    };
    let handle = find(&app, &launch)?;
    let missing = || ApiError::not_found(format!("trigger `{trigger}`"));
    let trigger = Name::try_new(&trigger).map_err(|_| missing())?;
    order(handle, Event::Ordered { trigger, person, order: what }).await
}

pub(super) async fn order(handle: &Handle, event: Event) -> Answer<Json<Summary>> {
    handle.submit(event).await?;
    Ok(Json(Summary::from(&*handle.report())))
}
