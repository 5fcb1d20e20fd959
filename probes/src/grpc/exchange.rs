//! The exchange with one server: one HTTP/2 connection, one call per service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use h2::client::SendRequest;
use launchgate_core::observation::{Cause, Failure};
use reqwest::header::{CONTENT_TYPE, HeaderMap, TE};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::Answer;
use super::wire::{self, Status};
use crate::{Context, dial};

/// What is asked of every address.
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) tls: Option<&'a (ClientConfig, ServerName<'static>)>,
    pub(super) services: &'a [String],
}

/// A task that ends with whoever holds it.
struct Tied(JoinHandle<()>);

impl Drop for Tied {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks one address for each service.
///
/// # Errors
/// There is no connection, or the server does not speak HTTP/2.
pub(super) async fn ask(
    cx: &Context,
    address: SocketAddr,
    asked: &Asked<'_>,
    within: Duration,
) -> Result<Vec<Answer>, Failure> {
    let stream = dial::connect(cx, address, within).await?;
    match asked.tls {
        None => call(cx, address, asked, stream).await,
        Some((config, name)) => {
            let connector = TlsConnector::from(Arc::new(config.clone()));
            let stream = connector.connect(name.clone(), stream).await.map_err(|e| {
                let distrusted = e.get_ref().is_some_and(|e| {
                    matches!(e.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
                });
                let what = if distrusted { "its certificate is not trusted" } else { "TLS" };
                Failure::new(Cause::BadResponse, format!("{address}: {what}: {e}"))
            })?;
            if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                let message = format!("{address} does not agree on HTTP/2");
                return Err(Failure::new(Cause::BadResponse, message));
            }
            call(cx, address, asked, stream).await
        }
    }
}

async fn call<S>(
    cx: &Context,
    address: SocketAddr,
    asked: &Asked<'_>,
    stream: S,
) -> Result<Vec<Answer>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut client, connection) =
        h2::client::handshake(stream).await.map_err(|e| fault(address, &e))?;
    // What is wrong with the connection reaches every call on it.
    let _tied = Tied(tokio::spawn(async move { drop(connection.await) }));
    let scheme = if asked.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}:{}/grpc.health.v1.Health/Check", asked.host, asked.port);
    let mut answers = Vec::with_capacity(asked.services.len());
    for service in asked.services {
        let began = Instant::now();
        let answer = one(address, &mut client, &url, service).await;
        if cx.trail.is_kept() {
            let came = answer.as_ref().map_or_else(ToString::to_string, |s| s.name().to_owned());
            let about = if service.is_empty() { "the server as a whole" } else { service };
            cx.trail.note(address, format!("Health/Check of {about}"), came, began.elapsed());
        }
        answers.push(answer.map(|status| (status, began.elapsed())));
    }
    Ok(answers)
}

async fn one(
    address: SocketAddr,
    client: &mut SendRequest<bytes::Bytes>,
    url: &str,
    service: &str,
) -> Result<Status, Failure> {
    let broken = |e: h2::Error| fault(address, &e);
    let mut ready = client.clone().ready().await.map_err(broken)?;
    let request = http::Request::post(url)
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header("user-agent", concat!("launchgate/", env!("CARGO_PKG_VERSION")))
        .body(())
        .map_err(|e| Failure::new(Cause::ProbeError, format!("the request: {e}")))?;
    let (response, mut send) = ready.send_request(request, false).map_err(broken)?;
    send.send_data(wire::question(service).into(), true).map_err(broken)?;
    let response = response.await.map_err(broken)?;
    let status = response.status();
    if !status.is_success() {
        let cause =
            if matches!(status.as_u16(), 401 | 403) { Cause::Auth } else { Cause::BadResponse };
        return Err(Failure::new(cause, format!("{address} answers {status}, not as gRPC")));
    }
    let head = response.headers().clone();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(part) = body.data().await {
        let part = part.map_err(broken)?;
        drop(body.flow_control().release_capacity(part.len()));
        bytes.extend_from_slice(&part);
        if bytes.len() > wire::MAX_ANSWER {
            let message = format!("{address} answers with more than {} bytes", wire::MAX_ANSWER);
            return Err(Failure::new(Cause::BadResponse, message));
        }
    }
    let trailers = body.trailers().await.map_err(broken)?;
    // An answer without a body has its status in the head.
    let code = trailers.as_ref().and_then(code).or_else(|| code(&head));
    judged(address, code, &bytes)
}

/// What a call's end means. Source: gRPC's status codes (`grpc/doc/statuscodes.md`).
fn judged(address: SocketAddr, code: Option<u32>, bytes: &[u8]) -> Result<Status, Failure> {
    let fail = |cause, why: &str| Err(Failure::new(cause, format!("{address} {why}")));
    match code {
        Some(0) => wire::read_answer(bytes).map_err(|failure| {
            Failure::new(failure.cause, format!("{address}: {}", failure.message))
        }),
        // The protocol's way of saying that there is no such service.
        Some(5) => Ok(Status::ServiceUnknown),
        Some(12) => fail(Cause::NoData, "has no health service (UNIMPLEMENTED)"),
        Some(7) => fail(Cause::Auth, "does not permit the question (PERMISSION_DENIED)"),
        Some(16) => fail(Cause::Auth, "wants credentials (UNAUTHENTICATED)"),
        Some(4) => fail(Cause::Timeout, "was too slow by its own account (DEADLINE_EXCEEDED)"),
        Some(14) => fail(Cause::Unreachable, "passes the question on to nobody (UNAVAILABLE)"),
        Some(other) => fail(Cause::BadResponse, &format!("answers with gRPC status {other}")),
        None => fail(Cause::BadResponse, "ends its answer without a gRPC status"),
    }
}

fn code(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

fn fault(address: SocketAddr, error: &h2::Error) -> Failure {
    match error.get_io() {
        Some(io) => dial::io_failure(&format!("asking {address}"), io),
        None => Failure::new(Cause::BadResponse, format!("{address} does not speak gRPC: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_call_says_what_it_says() {
        let address = "127.0.0.1:1".parse().expect("an address");
        let good: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
        let rows = [
            ("serving", Some(0), good, Ok(Status::Serving)),
            ("no such service", Some(5), &[], Ok(Status::ServiceUnknown)),
            ("no health service", Some(12), &[], Err(Cause::NoData)),
            ("not permitted", Some(7), &[], Err(Cause::Auth)),
            ("no credentials", Some(16), &[], Err(Cause::Auth)),
            ("too slow", Some(4), &[], Err(Cause::Timeout)),
            ("nobody behind it", Some(14), &[], Err(Cause::Unreachable)),
            ("broken", Some(13), &[], Err(Cause::BadResponse)),
            ("no status", None, good, Err(Cause::BadResponse)),
            ("good, and no message", Some(0), &[], Err(Cause::BadResponse)),
        ];
        for (row, code, bytes, expected) in rows {
            let got = judged(address, code, bytes).map_err(|failure| failure.cause);
            assert_eq!(got, expected, "{row}");
        }
    }
}
