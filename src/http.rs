//! One HTTP request of launchgate's own doing: steps and messages. Probes have a client of their own.

use std::sync::Arc;
use std::time::Duration;

use launchgate_core::time::elapsed;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, Url};
use rustls::RootCertStore;

/// How much of an answer is read; the rest is of no interest.
const MAX_BODY: usize = 64 << 10;
/// How much of an answer is read where it is of interest as a whole.
const MAX_DOCUMENT: usize = 4 << 20;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// There was an answer.
    Answered {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
        /// How long the other side wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// No connection came about, so that nothing can have been carried out.
    NotSent(String),
    /// The request left and no answer came: it may have been carried out.
    NoAnswer(String),
}

/// Sends a request once: no redirect, no retry, no proxy from the environment.
pub async fn send(
    method: Method,
    url: &Url,
    headers: HeaderMap,
    body: Vec<u8>,
    within: Duration,
) -> Sent {
    exchange(method, url, headers, body, within, MAX_BODY).await
}

/// Asks for a document, once; 4 MiB of it are read at most.
pub async fn get(url: &Url, headers: HeaderMap, within: Duration) -> Sent {
    exchange(Method::GET, url, headers, Vec::new(), within, MAX_DOCUMENT).await
}

async fn exchange(
    method: Method,
    url: &Url,
    headers: HeaderMap,
    body: Vec<u8>,
    within: Duration,
    most: usize,
) -> Sent {
    let client = match client(within) {
        Ok(client) => client,
        Err(why) => return Sent::NotSent(why),
    };
    let request = client.request(method, url.clone()).headers(headers).body(body);
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() || error.is_builder() => {
            return Sent::NotSent(deepest(&error));
        }
        Err(error) => return Sent::NoAnswer(deepest(&error)),
    };
    let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
    let mut read = Vec::new();
    while read.len() < most {
        match response.chunk().await {
            Ok(Some(part)) => read.extend_from_slice(&part),
            Ok(None) | Err(_) => break,
        }
    }
    read.truncate(most);
    let body = String::from_utf8_lossy(&read).into_owned();
    Sent::Answered { status, body, retry_after }
}

/// What `Retry-After` says: seconds, or a date, which counts from the date of the answer.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let said = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = said.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).map(|date| date.timestamp()).ok();
    Some(elapsed(date(text(DATE)?)?, date(said)?))
}

fn client(within: Duration) -> Result<reqwest::Client, String> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .user_agent(concat!("launchgate/", env!("CARGO_PKG_VERSION")))
        .timeout(within)
        .build()
        .map_err(|e| e.to_string())
}

/// The innermost reason: the outer ones repeat the address, which may hold a secret.
fn deepest(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(deeper) = source.source() {
        source = deeper;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { source.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_be_left_alone_is_understood() {
        let rows = [
            ("seconds", "Fri, 04 Dec 2026 09:00:00 GMT", "30", Some(30)),
            ("a date", "Fri, 04 Dec 2026 09:00:00 GMT", "Fri, 04 Dec 2026 09:02:00 GMT", Some(120)),
            (
                "a date that has passed",
                "Fri, 04 Dec 2026 09:00:00 GMT",
                "Fri, 04 Dec 2026 08:00:00 GMT",
                Some(0),
            ),
            ("no date to count from", "", "Fri, 04 Dec 2026 09:02:00 GMT", None),
            ("nonsense", "Fri, 04 Dec 2026 09:00:00 GMT", "soon", None),
            ("negative", "Fri, 04 Dec 2026 09:00:00 GMT", "-5", None),
        ];
        for (row, date, said, seconds) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, date.parse().unwrap());
            headers.insert(RETRY_AFTER, said.parse().unwrap());
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{row}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
