//! Walking: one request per hop, until something is served, nothing answers, or the way turns back or is too long.
//!
//! No body is read. Every hop passes the same guards as the first.

use std::collections::BTreeMap;
use std::net::IpAddr;

use launchgate_core::observation::{Cause, Failure};
use reqwest::header::{HeaderValue, LOCATION, STRICT_TRANSPORT_SECURITY};
use reqwest::{Method, StatusCode, Url};
use rustls::ClientConfig;

use crate::client::{Client, Fault, Pin};
use crate::hsts::header;
use crate::probe::Context;

/// The most redirects that are followed.
pub(super) const MAX_HOPS: usize = 10;

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer.
    Answer {
        status: StatusCode,
        /// Where it redirects to, if it does.
        to: Option<Url>,
        /// Whether a client that trusts the connection would keep its HSTS header for any time.
        hsts: bool,
    },
    /// A certificate that clients do not trust, and why.
    Untrusted(String),
    /// A refused connection.
    Refused(Failure),
    /// No answer for another reason.
    Failed(Failure),
}

/// One request on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) came: Came,
}

/// Walks from `start`, with hosts found at `addresses` where those name them.
///
/// # Errors
/// When no client can be made.
pub(super) async fn walk(
    start: &Url,
    addresses: &BTreeMap<String, IpAddr>,
    tls: &ClientConfig,
    cx: &Context,
) -> Result<Vec<Hop>, Failure> {
    let mut hops: Vec<Hop> = Vec::new();
    let mut next = Some(start.clone());
    while let Some(url) = next.take() {
        let host = url.host_str().unwrap_or_default();
        let pin = addresses.iter().find(|(name, _)| name.eq_ignore_ascii_case(host));
        let pin = pin.map(|(_, address)| Pin { host: host.to_owned(), address: *address });
        let came = ask(&Client::new(tls, pin, cx)?, &url).await;
        let to = match &came {
            Came::Answer { to, .. } => to.clone(),
            Came::Untrusted(_) | Came::Refused(_) | Came::Failed(_) => None,
        };
        hops.push(Hop { url, came });
        next = to.filter(|to| hops.len() <= MAX_HOPS && !hops.iter().any(|hop| hop.url == *to));
    }
    Ok(hops)
}

async fn ask(client: &Client, url: &Url) -> Came {
    match client.send(client.request(Method::GET, url.clone())).await {
        Ok(response) => {
            let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
            let first = response.headers().get(STRICT_TRANSPORT_SECURITY);
            let policy = first.and_then(|value| header::read(value.as_bytes()).ok());
            Came::Answer {
                status: response.status(),
                to: location.and_then(|l| target(response.status(), l, url)),
                hsts: policy.is_some_and(|policy| !policy.max_age.is_zero()),
            }
        }
        Err(Fault::Certificate(why)) => Came::Untrusted(why),
        Err(Fault::Failure(failure)) if failure.cause == Cause::Refused => Came::Refused(failure),
        Err(Fault::Failure(failure)) => Came::Failed(failure),
    }
}

/// Where a redirect leads, if it leads anywhere by HTTP; its fragment is the page's own business.
fn target(status: StatusCode, location: &[u8], from: &Url) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut to = from.join(std::str::from_utf8(location).ok()?).ok()?;
    to.set_fragment(None);
    matches!(to.scheme(), "http" | "https").then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_lead_where_browsers_would_go() {
        let from: Url = "http://shop.example/a/b?q=1".parse().expect("a URL");
        let rows: [(&str, u16, &[u8], Option<&str>); 9] = [
            ("whole", 301, b"https://shop.example/", Some("https://shop.example/")),
            ("without a scheme", 308, b"//www.shop.example/x", Some("http://www.shop.example/x")),
            ("a path", 302, b"/x?y", Some("http://shop.example/x?y")),
            ("beside it", 302, b"c", Some("http://shop.example/a/c")),
            ("a query", 307, b"?q=2", Some("http://shop.example/a/b?q=2")),
            ("with a fragment", 303, b"/x#y", Some("http://shop.example/x")),
            ("no HTTP", 301, b"mailto:a@shop.example", None),
            ("no redirect", 201, b"/x", None),
            ("no text", 301, b"/\xff", None),
        ];
        for (row, status, location, to) in rows {
            let status = StatusCode::from_u16(status).expect("a status");
            let found = target(status, location, &from).map(|url| url.to_string());
            assert_eq!(found.as_deref(), to, "{row}");
        }
    }
}
