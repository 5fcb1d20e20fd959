//! One name at one address: what a client learns from the answer over HTTPS, and where plain HTTP sends it.
//!
//! Nothing is followed and no body is read: the head of the first answer is all that counts.

use std::fmt;

use launchgate_core::observation::{Cause, Failure};
use reqwest::header::{LOCATION, STRICT_TRANSPORT_SECURITY};
use reqwest::{Method, StatusCode, Url};

use super::header::{self, Policy};
use crate::client::{Client, Fault};

/// What clients learn over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// A policy that they keep.
    Kept(Policy),
    /// A header that they have to ignore, and why.
    Malformed(String),
    /// No header.
    Absent,
    /// Nothing, since they do not trust the connection: why.
    Untrusted(String),
}

/// What plain HTTP does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plain {
    /// Its port refuses connections.
    Closed,
    /// It sends clients on.
    Redirect(Redirect),
    /// It serves something.
    Served(StatusCode),
}

/// A redirect by plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) status: StatusCode,
    /// Scheme, host and path of where to; its query may hold secrets.
    pub(super) to: String,
    /// Whether it leads to HTTPS on the same host and the port that was asked about.
    pub(super) same_host: bool,
    /// Whether path and query stay as they were.
    pub(super) keeps_path: bool,
}

impl Redirect {
    /// Whether it may be remembered for good.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(self.status.as_u16(), 301 | 308)
    }
}

/// One name at one address.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) name: String,
    /// The address, or nothing where the name has none.
    pub(super) subject: String,
    pub(super) secure: Result<Seen, Failure>,
    pub(super) plain: Result<Plain, Failure>,
}

/// Asks over HTTPS.
///
/// # Errors
/// No answer at all; a certificate that is not trusted is one.
pub(super) async fn secure(client: &Client, url: &Url) -> Result<Seen, Failure> {
    match client.send(client.request(Method::GET, url.clone())).await {
        // Of several fields the first counts, whatever the rest says (RFC 6797, section 8.1).
        Ok(response) => Ok(match response.headers().get(STRICT_TRANSPORT_SECURITY) {
            None => Seen::Absent,
            Some(value) => match header::read(value.as_bytes()) {
                Ok(policy) => Seen::Kept(policy),
                Err(why) => Seen::Malformed(why.to_string()),
            },
        }),
        Err(Fault::Certificate(why)) => Ok(Seen::Untrusted(why)),
        Err(Fault::Failure(failure)) => Err(failure),
    }
}

/// Asks over plain HTTP, where `secure` says what the redirect should lead to.
///
/// # Errors
/// No answer, other than a refused connection.
pub(super) async fn plain(client: &Client, url: &Url, secure: &Url) -> Result<Plain, Failure> {
    match client.send(client.request(Method::GET, url.clone())).await.map_err(Failure::from) {
        Ok(response) => {
            let location = response.headers().get(LOCATION).map(|v| v.as_bytes().to_vec());
            Ok(classify(response.status(), location.as_deref(), url, secure))
        }
        Err(failure) if failure.cause == Cause::Refused => Ok(Plain::Closed),
        Err(failure) => Err(failure),
    }
}

fn classify(status: StatusCode, location: Option<&[u8]>, url: &Url, secure: &Url) -> Plain {
    let location = location.and_then(|l| std::str::from_utf8(l).ok());
    let to = location.and_then(|l| url.join(l).ok());
    let (Some(to), 301 | 302 | 303 | 307 | 308) = (to, status.as_u16()) else {
        return Plain::Served(status);
    };
    Plain::Redirect(Redirect {
        status,
        same_host: to.scheme() == "https"
            && to.host_str() == secure.host_str()
            && to.port_or_known_default() == secure.port_or_known_default(),
        keeps_path: to.path() == url.path() && to.query() == url.query(),
        to: crate::secret::shown_url(&to),
    })
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(policy) => {
                write!(f, "max-age={}", policy.max_age.as_secs())?;
                let also = [
                    (policy.include_subdomains, "; includeSubDomains"),
                    (policy.preload, "; preload"),
                ];
                also.iter().filter(|(set, _)| *set).try_for_each(|(_, text)| f.write_str(text))
            }
            Self::Malformed(why) => write!(f, "clients ignore the header: {why}"),
            Self::Absent => f.write_str("no header"),
            Self::Untrusted(why) => write!(f, "clients would ignore a header: {why}"),
        }
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("plain HTTP is closed"),
            Self::Redirect(r) => write!(f, "plain HTTP: {} to {}", r.status.as_u16(), r.to),
            Self::Served(status) => write!(f, "plain HTTP answers {}", status.as_u16()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_to_the_same_host_or_elsewhere() {
        let rows = [
            ("same host", 301, "https://shop.example/a?b=1", Some((true, true))),
            ("any case", 308, "https://SHOP.example:443/a?b=1", Some((true, true))),
            ("without the path", 301, "https://shop.example/", Some((true, false))),
            ("www first", 301, "https://www.shop.example/a?b=1", Some((false, true))),
            ("another port", 301, "https://shop.example:8443/a?b=1", Some((false, true))),
            ("still plain", 301, "http://shop.example/b", Some((false, false))),
            ("relative", 302, "/b", Some((false, false))),
            ("no address", 301, "https://", None),
            ("no redirect", 200, "https://shop.example/a?b=1", None),
            ("not modified", 304, "https://shop.example/a?b=1", None),
        ];
        let url: Url = "http://shop.example/a?b=1".parse().expect("a url");
        let secure: Url = "https://shop.example/a?b=1".parse().expect("a url");
        for (row, status, location, expected) in rows {
            let status = StatusCode::from_u16(status).expect("a status");
            let plain = classify(status, Some(location.as_bytes()), &url, &secure);
            let found = match plain {
                Plain::Redirect(r) => Some((r.same_host, r.keeps_path)),
                Plain::Closed | Plain::Served(_) => None,
            };
            assert_eq!(found, expected, "{row}");
        }
    }
}
