//! Where a drill arrives: a server of our own that Alertmanager calls, or somebody else's page that shows what came.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use launchgate_core::observation::{Cause, Failure};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::alerts::server::MAX_ANSWER;
use crate::prometheus::api::Session;

/// The largest call that is read.
const MAX_CALL: usize = 1024 * 1024;
/// How many callers are served at once.
const MAX_CALLERS: usize = 32;
/// How long a caller may take to say what it wants.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long answering takes at most, once the drill has arrived.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// How often a page is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Opens the address that Alertmanager calls.
///
/// # Errors
/// An address that cannot be opened: it says nothing about the alert.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|e| {
        let message = format!("{address} cannot be opened for the call: {e}");
        Failure::new(Cause::ProbeError, message)
    })
}

/// Answers whoever calls, until a call names the drill.
pub(super) async fn called(listener: &TcpListener, drill: &str) {
    let (arrived, callers) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(MAX_CALLERS)));
    let mut serving = JoinSet::new();
    let serve = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // No descriptor is free, or the caller has gone: neither is told by anything but time.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Ok(room) = Arc::clone(&callers).try_acquire_owned() else { continue };
            let (arrived, drill) = (Arc::clone(&arrived), drill.to_owned());
            serving.spawn(async move {
                let service =
                    service_fn(move |call| answer(call, drill.clone(), Arc::clone(&arrived)));
                let mut server = hyper::server::conn::http1::Builder::new();
                server.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).keep_alive(false);
                // Who breaks off has said nothing.
                drop(server.serve_connection(TokioIo::new(stream), service).await);
                drop(room);
            });
        }
    };
    tokio::select! {
        () = serve => {}
        () = arrived.notified() => {}
    }
    // Who called is answered, so that it does not call again.
    let answered = async { while serving.join_next().await.is_some() {} };
    drop(timeout(ANSWER_WITHIN, answered).await);
}

async fn answer(
    call: Request<Incoming>,
    drill: String,
    arrived: Arc<Notify>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let body = Limited::new(call.into_body(), MAX_CALL).collect().await;
    let mut response = Response::new(Full::default());
    match body {
        Ok(body) => {
            let text = body.to_bytes();
            if text.windows(drill.len()).any(|part| part == drill.as_bytes()) {
                arrived.notify_one();
            }
        }
        Err(_) => *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE,
    }
    Ok(response)
}

/// Looks at a page again and again, until it names the drill.
///
/// # Errors
/// A page that cannot be looked at.
pub(super) async fn shown(page: &Session<'_>, drill: &str) -> Result<(), Failure> {
    loop {
        let answer = page.get("*/*", MAX_ANSWER).await?;
        if !answer.status.is_success() {
            let message = format!("{} answers {}", answer.from, answer.status);
            return Err(Failure::new(Cause::BadResponse, message));
        }
        if answer.body.windows(drill.len()).any(|part| part == drill.as_bytes()) {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    async fn call(address: SocketAddr, body: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        // A server that has heard enough hangs up.
        drop(stream.write_all((head + body).as_bytes()).await);
        let mut said = Vec::new();
        drop(stream.read_to_end(&mut said).await);
        String::from_utf8_lossy(&said).into_owned()
    }

    #[tokio::test]
    async fn only_the_drill_that_was_sent_has_arrived() {
        let listener = listen("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let mut waiting = tokio::spawn(async move { called(&listener, "drill-17").await });
        assert!(call(address, "{\"alerts\":[\"drill-16\"]}").await.starts_with("HTTP/1.1 200"));
        assert!(!call(address, &"x".repeat(MAX_CALL + 1)).await.starts_with("HTTP/1.1 200"));
        let early = timeout(Duration::from_millis(50), &mut waiting).await;
        assert!(early.is_err(), "another drill is not this one");
        call(address, "{\"alerts\":[\"drill-17\"]}").await;
        waiting.await.expect("it has arrived");
    }

    #[tokio::test]
    async fn an_address_that_is_taken_says_nothing_of_the_alert() {
        let first = listen("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        let taken = listen(first.local_addr().expect("it is bound")).await.expect_err("taken");
        assert_eq!(taken.cause, Cause::ProbeError, "{taken}");
    }
}
