//! What every request passes: who may address the daemon, from where, for how long, and what browsers may do with the
//! answer. Whatever goes wrong on the way is told as an [`ApiError`].

use std::any::Any;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use tower_http::cors::CorsLayer;

use super::App;
use super::auth::{Known, Proof, Shown};
use super::error::ApiError;
use super::tls::Peer;

/// Pages load what the daemon itself serves and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A report to keep carries its style, and loads and runs nothing.
pub(super) const POLICY_OF_REPORTS: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; sandbox";
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];
/// How long a request may take until its answer begins; live streams go on after that.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of what a library says about a bad request is told on.
const MAX_REASON: usize = 1 << 10;

/// From what a page a browser sends a request, by its own word: `same-origin`, `same-site`, `cross-site` or `none`.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(super) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    app.tokens.certify(&mut request);
    let admitted = app.rates.admit(&app, &request).and_then(|()| admitted(&app, &request));
    let mut response = match admitted {
        Ok(()) => match tokio::time::timeout(TIMEOUT, next.run(request)).await {
            Ok(response) => told(response).await,
            Err(_) => too_late().into_response(),
        },
        Err(refused) => refused.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Lets pages of these sites read in a browser; without any it says nothing, and browsers refuse them. Orders of other
/// sites' pages are not taken in any case.
pub(super) fn sharing(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    if origins.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers([header::AUTHORIZATION, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG, header::LINK, header::RETRY_AFTER])
}

/// Makes the errors of the libraries beneath look like all others.
async fn told(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let ours = kind
        .is_some_and(|kind| kind.starts_with("application/json") || kind.starts_with("text/html"));
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (head, body) = response.into_parts();
    let said = to_bytes(body, MAX_REASON).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let reason = status.canonical_reason().unwrap_or("bad request").to_lowercase();
    let message = if said.is_empty() { reason } else { said };
    let code = if status.is_client_error() { "bad_request" } else { "internal" };
    let mut told = ApiError::new(status, code, message).into_response();
    if let Some(allowed) = head.headers.get(header::ALLOW) {
        told.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    told
}

fn too_late() -> ApiError {
    let message = format!("no answer within {} seconds", TIMEOUT.as_secs());
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message).hint(
        "an order may have been taken all the same: look at the report before giving it again",
    )
}

/// The answer when a handler panics.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
    tracing::error!(panic = said, "a request broke");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the daemon broke on this request")
        .hint("its log says where")
        .into_response()
}

fn admitted(app: &App, request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let host = host(headers);
    // Orchestrators ask by an address that nobody can list, and learn nothing that is worth guarding.
    let open = matches!(request.uri().path(), "/healthz" | "/readyz");
    if !open && !host.is_some_and(|host| is_ours(app, host)) {
        let message = format!("this daemon is not called `{}`", host.unwrap_or_default());
        return Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", message)
            .hint("add the name to `web.hosts` in the settings"));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && is_foreign(request, host) {
        let message = "an order from another site's page is not taken";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", message));
    }
    if reads && !open { app.tokens.may_read(Shown::of(request)) } else { Ok(()) }
}

/// Whether a browser says that another site's page asks. Where the daemon itself speaks TLS, its own name without TLS is
/// another site: whoever sits on the line can be that.
fn is_foreign(request: &Request, host: Option<&str>) -> bool {
    let (headers, peer) = (request.headers(), request.extensions().get::<ConnectInfo<Peer>>());
    let secure = peer.is_some_and(|peer| peer.0.secure);
    let origin = headers.get(header::ORIGIN).is_some_and(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        origin.is_none_or(|(scheme, named)| Some(named) != host || (secure && scheme != "https"))
    });
    origin || headers.get(SITE).is_some_and(|site| site != "same-origin" && site != "none")
}

/// Refuses an order that a page of another site could have had sent. A browser shows a certificate unasked, whoever's page
/// it is that asks: the order has to be what such a page may not send before it was allowed to, which it never is.
pub(super) fn meant(known: &Known, request: &Request) -> Result<(), ApiError> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if reads || known.by != Proof::Certificate || kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "an order by a certificate is JSON, also where it has no body";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message)
        .hint("send `Content-Type: application/json`, or a token in place of the certificate"))
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
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let loopback = address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let known =
        |known: &String| known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(host);
    loopback || name.eq_ignore_ascii_case("localhost") || app.door.hosts.iter().any(known)
}
