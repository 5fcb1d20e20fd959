//! The live stream of a launch: server-sent events that say *that* there is a newer report, not what is in it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use launchgate_core::gate::Verdict;
use launchgate_core::milestone::Phase;
use launchgate_core::report::Report;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::App;
use super::answers::Summary;
use super::api::find;
use super::error::ApiError;

/// Between two events of one stream: what is published meanwhile is one event, unless the answer itself is another.
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
    let stream = stream::unfold((reports, room, None), |(mut reports, room, told)| async move {
        let report = news(&mut reports, told).await?;
        let event = Event::default().event("report").id(report.as_of.to_string()).retry(COME_BACK);
        let event = event.json_data(Summary::from(&*report)).unwrap_or_default();
        Some((Ok(event), (reports, room, Some(answer(&report)))))
    });
    let alive = Event::default().event("alive").data("");
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE).event(alive)))
}

/// What a reader must hear of at once.
fn answer(report: &Report) -> (Verdict, Phase) {
    (report.verdict, report.phase)
}

/// The next report that is worth an event, when this answer was told last: at once if the answer is another, and otherwise not
/// before some time has passed. Nothing when there will be none.
async fn news(
    reports: &mut watch::Receiver<Arc<Report>>,
    told: Option<(Verdict, Phase)>,
) -> Option<Arc<Report>> {
    let until = Instant::now() + CALM;
    let mut newest = None;
    loop {
        tokio::select! {
            changed = reports.changed() => {
                changed.ok()?;
                let report = reports.borrow_and_update().clone();
                if told != Some(answer(&report)) {
                    return Some(report);
                }
                newest = Some(report);
            }
            () = sleep_until(until), if newest.is_some() => return newest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::Sample;

    #[tokio::test(start_paused = true)]
    async fn another_answer_is_told_at_once_and_the_same_one_after_a_while() {
        let [before, after] = [Sample::preparing(), Sample::pending()];
        let [before, after] = [before, after].map(|mut sample| Arc::new(sample.report()));
        let told = Some(answer(&before));
        let (publish, mut reports) = watch::channel(Arc::clone(&before));
        let rows = [
            ("the first", None, &before, Duration::ZERO),
            ("the same answer", told, &before, CALM),
            ("another phase", told, &after, Duration::ZERO),
        ];
        for (row, told, report, expected) in rows {
            publish.send_replace(Arc::clone(report));
            let began = Instant::now();
            let heard = news(&mut reports, told).await.expect("there is news");
            assert_eq!((answer(&heard), began.elapsed()), (answer(report), expected), "{row}");
        }
        drop(publish);
        assert!(news(&mut reports, told).await.is_none(), "the launch has ended");
    }
}
