//! One HTTP request of launchgate's own doing: steps and messages. Probes have a client of their own.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use rustls::RootCertStore;

/// How much of an answer is read; the rest is of no interest.
const MAX_BODY: usize = 64 << 10;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// There was an answer.
    Answered {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
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
    let mut read = Vec::new();
    while read.len() < MAX_BODY {
        match response.chunk().await {
            Ok(Some(part)) => read.extend_from_slice(&part),
            Ok(None) | Err(_) => break,
        }
    }
    read.truncate(MAX_BODY);
    let body = String::from_utf8_lossy(&read).into_owned();
    Sent::Answered { status: response.status().as_u16(), body }
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
