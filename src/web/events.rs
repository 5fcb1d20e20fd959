//! The live stream of a launch: server-sent events that say *that* there is a newer report, not what is in it.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};

use super::App;
use super::answers::Summary;
use super::api::find;
use super::error::ApiError;

/// Between two events of one stream: what is published meanwhile is one event.
const CALM: Duration = Duration::from_millis(500);
/// After this long without a report the stream says that it lives, so that a reader can tell silence from loss.
const ALIVE: Duration = Duration::from_secs(15);

/// How soon a reader that lost the stream should come back.
const COME_BACK: Duration = Duration::from_secs(2);

/// A `report` event when the stream opens and one whenever a newer report is published, with the report's time as its id.
/// Events say that there is news and not what they are, so that a reader who comes back with the id of the last one
/// (`Last-Event-ID`) has missed nothing if it is still the newest, and is told at once if it is not. The stream ends with its
/// launch's engine.
///
/// # Errors
/// There is no such launch, or too many streams are open.
pub(super) async fn events(
    State(app): State<App>,
    Path(launch): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let mut reports = find(&app, &launch)?.reports();
    let room = app.streams.clone().try_acquire_owned().map_err(|_| {
        let message = "as many live streams are open as the daemon serves";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", message)
            .hint("close some pages, or ask for the report every now and then")
    })?;
    // The report at hand is the first event, unless the reader has heard of it.
    let heard = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let newest = reports.borrow_and_update().as_of.to_string();
    if heard != Some(newest.as_str()) {
        reports.mark_changed();
    }
    let stream =
        stream::unfold((reports, room, Duration::ZERO), |(mut reports, room, pause)| async move {
            tokio::time::sleep(pause).await;
            reports.changed().await.ok()?;
            let report = reports.borrow_and_update().clone();
            let event =
                Event::default().event("report").id(report.as_of.to_string()).retry(COME_BACK);
            let event = event.json_data(Summary::from(&*report)).unwrap_or_default();
            Some((Ok(event), (reports, room, CALM)))
        });
    let alive = Event::default().event("alive").data("");
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE).event(alive)))
}
