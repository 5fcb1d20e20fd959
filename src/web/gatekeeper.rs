//! What every request passes: who may address the daemon, from where, and what browsers may do with the answer.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::error::ApiError;

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = match admitted(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn admitted(app: &App, request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let host = host(headers);
    if !host.is_some_and(|host| is_ours(app, host)) {
        let message = format!("this daemon is not called `{}`", host.unwrap_or_default());
        return Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", message)
            .hint("add the name to `web.hosts` in the settings"));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let foreign = headers.get(header::ORIGIN).is_some_and(|origin| {
        origin.to_str().ok().and_then(|o| o.split_once("://")).map(|o| o.1) != host
    });
    if !reads && foreign {
        let message = "an order from another site's page is not taken";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", message));
    }
    let open = matches!(request.uri().path(), "/healthz" | "/readyz");
    if reads && !open { app.tokens.may_read(headers) } else { Ok(()) }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// Whether a `Host` names this daemon: a page of another name that resolves here must not read.
fn is_ours(app: &App, host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let loopback = address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    loopback || name == "localhost" || app.hosts.iter().any(|known| known == name || known == host)
}
