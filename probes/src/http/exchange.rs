//! One target asked: the request, the redirects that may be followed, and the answer at their end.
//!
//! Secrets go to the target's own origin only. Every hop passes the same guards as the first request.

use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use reqwest::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, PROXY_AUTHORIZATION,
};
use reqwest::{Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::settings::Plan;
use crate::client::{self, Client};
use crate::probe::Context;
use crate::secret::TextOrCredential;

/// What is asked, with its secrets at hand.
#[derive(Debug)]
pub(super) struct Request {
    method: Method,
    headers: Vec<Header>,
    body: Option<SecretString>,
    redirects: u8,
    max_body: usize,
}

#[derive(Debug)]
struct Header {
    name: HeaderName,
    value: HeaderValue,
    /// Whether no other origin gets to see it.
    private: bool,
}

impl Request {
    /// Reads the secrets.
    ///
    /// # Errors
    /// One that cannot be had, or is no value of a header.
    pub(super) fn new(plan: &Plan, cx: &Context) -> Result<Self, Failure> {
        let mut headers = Vec::new();
        for (name, value) in &plan.headers {
            let secret = value.resolve(cx)?;
            let Ok(mut content) = HeaderValue::from_str(secret.expose_secret()) else {
                let message = format!("the value for the header `{name}` holds control characters");
                return Err(Failure::new(Cause::Auth, message));
            };
            content.set_sensitive(true);
            let private = matches!(value, TextOrCredential::Credential(_))
                || [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name);
            headers.push(Header { name: name.clone(), value: content, private });
        }
        let body = plan.body.as_ref().map(|body| body.resolve(cx)).transpose()?;
        let method = plan.method.clone();
        Ok(Self { method, headers, body, redirects: plan.redirects, max_body: plan.max_body })
    }

    /// The headers that the target itself is sent.
    pub(super) fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        self.headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect()
    }
}

/// The answer at the end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// From the first request to the last byte, redirects included.
    pub(super) latency: Duration,
    /// How many redirects were followed.
    pub(super) redirects: u8,
    /// Who gave it.
    pub(super) url: Url,
    /// Where it sends us, if it does.
    pub(super) location: Option<Url>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Asks, and follows as many redirects as the request allows. One more is the answer itself.
///
/// # Errors
/// The fault of the transport at any hop, or a body beyond the limit.
pub(super) async fn exchange(
    client: &Client,
    target: &Url,
    request: &Request,
) -> Result<Answer, Failure> {
    let begun = Instant::now();
    let mut url = target.clone();
    let mut method = request.method.clone();
    let mut body = request.body.as_ref();
    let mut redirects = 0;
    loop {
        let mut response = send(client, &url, &method, body, target, request).await?;
        let location = location(&url, &response);
        let next = location.as_ref().filter(|_| redirects < request.redirects);
        if let Some(next) = next {
            let drops = drops_body(response.status(), &method);
            // A body may hold what another origin has no business with.
            if drops || body.is_none() || next.origin() == target.origin() {
                if drops {
                    method = Method::GET;
                    body = None;
                }
                url = next.clone();
                redirects += 1;
                continue;
            }
        }
        let body = client::body(&mut response, request.max_body).await?;
        return Ok(Answer {
            status: response.status(),
            latency: begun.elapsed(),
            redirects,
            url,
            location,
            headers: response.headers().clone(),
            body,
        });
    }
}

async fn send(
    client: &Client,
    url: &Url,
    method: &Method,
    body: Option<&SecretString>,
    target: &Url,
    request: &Request,
) -> Result<Response, Failure> {
    let home = url.origin() == target.origin();
    let mut sent = client.request(method.clone(), url.clone());
    for header in request.headers.iter().filter(|h| home || !h.private) {
        sent = sent.header(&header.name, &header.value);
    }
    if let Some(body) = body {
        sent = sent.body(body.expose_secret().to_owned());
    }
    Ok(client.send(sent).await?)
}

/// Where a redirect leads, if the answer is one that leads anywhere by HTTP.
fn location(url: &Url, response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = std::str::from_utf8(response.headers().get(LOCATION)?.as_bytes()).ok()?;
    let to = url.join(location).ok()?;
    matches!(to.scheme(), "http" | "https").then_some(to)
}

/// Whether the next request is a GET without a body, whatever this one was (RFC 9110, section 15.4).
fn drops_body(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => method != Method::HEAD,
        301 | 302 => method == Method::POST,
        _ => false,
    }
}
