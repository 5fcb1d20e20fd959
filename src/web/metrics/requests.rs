//! Requests are counted as they are answered, by what they ask for and not by whom or for which launch.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::super::App;

/// Answers a request, and notes how that went.
pub(in super::super) async fn count(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let route = class(request.method(), request.uri().path());
    let began = Instant::now();
    let response = next.run(request).await;
    app.measures.requests.answered(route, response.status().as_u16(), began.elapsed());
    response
}

/// Adds the live streams that are open.
pub(super) fn register(registry: &mut Registry, streams: usize) {
    let streams = i64::try_from(streams).unwrap_or(i64::MAX);
    registry.register("live_streams", "Live streams that are open", ConstGauge::new(streams));
}

/// What a request asks for, in a word out of few.
fn class(method: &Method, path: &str) -> &'static str {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match path {
        "/metrics" => "metrics",
        "/healthz" | "/readyz" => "health",
        _ if path.starts_with("/assets/") => "asset",
        _ if path.starts_with("/api/") && path.ends_with("/gate") => "gate",
        _ if path.starts_with("/api/") && path.ends_with("/events") => "live",
        _ if path.starts_with("/api/") && reads => "read",
        _ if path.starts_with("/api/") => "order",
        _ => "page",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_fall_into_few_classes() {
        let rows = [
            (Method::GET, "/metrics", "metrics"),
            (Method::GET, "/readyz", "health"),
            (Method::GET, "/assets/board.js", "asset"),
            (Method::GET, "/", "page"),
            (Method::GET, "/launches/shop/board", "page"),
            (Method::GET, "/wp-login.php", "page"),
            (Method::GET, "/api/v1/launches/shop/report", "read"),
            (Method::HEAD, "/api/v1/launches", "read"),
            (Method::POST, "/api/v1/launches/shop/waivers", "order"),
            (Method::POST, "/api/v1/launches/shop/gate", "gate"),
            (Method::GET, "/api/v1/launches/shop/gate", "gate"),
            (Method::GET, "/api/v1/launches/shop/events", "live"),
        ];
        for (method, path, expected) in rows {
            assert_eq!(class(&method, path), expected, "{method} {path}");
        }
    }
}
