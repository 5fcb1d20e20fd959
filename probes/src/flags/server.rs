//! HTTP to a service: one client per look, one attempt per request, nothing followed, every body bounded.

use std::collections::BTreeMap;
use std::path::PathBuf;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use reqwest::header::{ACCEPT, ETAG, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::client::{self, Client};
use crate::probe::Context;
use crate::prometheus::access::{Basic, Given};
use crate::secret::{Credential, TextOrCredential, shown_url};

/// The longest answer that is read, in bytes.
pub(crate) const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What a launch file says of a service, not yet checked.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) bearer: Option<Credential>,
    pub(crate) basic: Option<Basic>,
    pub(crate) headers: BTreeMap<String, TextOrCredential>,
    pub(crate) ca_file: Option<PathBuf>,
}

/// Checked access to a service.
#[derive(Debug)]
pub(crate) struct Server {
    url: Url,
    host: String,
    bearer: Option<Credential>,
    basic: Option<Basic>,
    headers: Vec<(HeaderName, TextOrCredential)>,
    ca_file: Option<PathBuf>,
}

impl Place {
    /// Checks everything; problems are told under `at`.
    pub(crate) fn check(self, at: &KeyPath, problems: &mut Vec<Problem>) -> Option<Server> {
        let Self { url, bearer, basic, headers, ca_file } = self;
        let parsed = url.parse().ok();
        let named = headers.iter().filter_map(|(name, value)| {
            Some((HeaderName::try_from(name.as_str()).ok()?, value.clone()))
        });
        let named = named.collect();
        let given = Given {
            url,
            bearer: bearer.clone(),
            basic: basic.clone(),
            headers,
            ca_file: ca_file.clone(),
        };
        let host = given.check(at, problems)?.host();
        Some(Server { url: parsed?, host, bearer, basic, headers: named, ca_file })
    }
}

impl Server {
    /// The host and port that are connected to.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The address itself.
    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    /// The address below this one with these parts of a path, each of which may hold any character.
    pub(crate) fn below(&self, parts: &[&str]) -> Url {
        let mut url = self.url.clone();
        // Only an address that cannot have a path refuses, and no such one is taken.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }
}

/// An answer that is no refusal; its status may still say that something is not there.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) from: String,
    pub(crate) status: StatusCode,
    pub(crate) etag: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// One look at a service, with its secrets read.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    bearer: Option<SecretString>,
    basic: Option<(String, SecretString)>,
    headers: HeaderMap,
}

impl Session {
    /// Reads the secrets and makes the client.
    ///
    /// # Errors
    /// What keeps it from being made, by its class.
    pub(crate) async fn open(server: &Server, cx: &Context) -> Result<Self, Failure> {
        let tls = client::trust(server.ca_file.as_deref(), cx).await?;
        let bearer = server.bearer.as_ref().map(|b| b.resolve(cx)).transpose()?;
        let basic = server.basic.as_ref();
        let basic =
            basic.map(|b| b.password.resolve(cx).map(|p| (b.user.clone(), p))).transpose()?;
        let mut headers = HeaderMap::new();
        for (name, value) in &server.headers {
            headers.insert(name.clone(), header(name, &value.resolve(cx)?)?);
        }
        Ok(Self { client: Client::new(&tls, None, cx)?, bearer, basic, headers })
    }

    /// Adds a header whose value is secret.
    ///
    /// # Errors
    /// [`Cause::Auth`] for a value that no header can have.
    pub(crate) fn with(mut self, name: &HeaderName, value: &SecretString) -> Result<Self, Failure> {
        self.headers.insert(name.clone(), header(name, value)?);
        Ok(self)
    }

    /// Gets an address.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub(crate) async fn get(&self, url: Url) -> Result<Answer, Failure> {
        self.send(self.client.request(Method::GET, url.clone()), &url).await
    }

    /// Posts JSON to an address.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub(crate) async fn post(&self, url: Url, body: &Value) -> Result<Answer, Failure> {
        let request = self.client.request(Method::POST, url.clone());
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string()), &url).await
    }

    /// Sends once.
    ///
    /// # Errors
    /// The fault of the transport by its class, or a refusal; see [`refusal`].
    async fn send(&self, mut request: RequestBuilder, url: &Url) -> Result<Answer, Failure> {
        let from = shown_url(url);
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer.expose_secret());
        }
        if let Some((user, password)) = &self.basic {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        let request = request.header(ACCEPT, "application/json").headers(self.headers.clone());
        let mut response = self.client.send(request).await?;
        let status = response.status();
        let text = |name: HeaderName| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.chars().take(200).collect::<String>())
        };
        let (etag, wait) = (text(ETAG), text(RETRY_AFTER));
        if let Some(failure) = refusal(&from, status, wait.as_deref()) {
            return Err(failure);
        }
        let body = client::body(&mut response, MAX_ANSWER).await?;
        Ok(Answer { from, status, etag, body })
    }
}

fn header(name: &HeaderName, value: &SecretString) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
        let message = format!("the value for the header `{name}` holds control characters");
        Failure::new(Cause::Auth, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a status means by which a service does not answer at all.
fn refusal(from: &str, status: StatusCode, wait: Option<&str>) -> Option<Failure> {
    let cause = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Cause::Auth,
        StatusCode::TOO_MANY_REQUESTS => Cause::Unreachable,
        _ if status.is_server_error() => Cause::Unreachable,
        _ => return None,
    };
    let mut message = format!("{from} answers {status}");
    match wait {
        Some(wait) if wait.bytes().all(|b| b.is_ascii_digit()) => {
            message.push_str(&format!(" and asks to wait {wait} s"));
        }
        Some(wait) => message.push_str(&format!(" and asks to wait until {wait}")),
        None => {}
    }
    Some(Failure::new(cause, message))
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// [`Cause::BadResponse`] for another status.
    pub(crate) fn good(&self) -> Result<&[u8], Failure> {
        if self.status == StatusCode::OK {
            return Ok(&self.body);
        }
        let message = format!("{} answers {}", self.from, self.status);
        Err(Failure::new(Cause::BadResponse, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_their_cause_and_say_when_to_come_again() {
        let rows = [
            ("good", 200, None, None),
            ("not there", 404, None, None),
            ("who are you", 401, None, Some((Cause::Auth, "http://x answers 401 Unauthorized"))),
            ("not you", 403, None, Some((Cause::Auth, "http://x answers 403 Forbidden"))),
            (
                "too often",
                429,
                Some("30"),
                Some((
                    Cause::Unreachable,
                    "http://x answers 429 Too Many Requests and asks to wait 30 s",
                )),
            ),
            (
                "too often, with a date",
                429,
                Some("2026-12-01T09:00:00Z"),
                Some((
                    Cause::Unreachable,
                    "http://x answers 429 Too Many Requests and asks to wait until 2026-12-01T09:00:00Z",
                )),
            ),
            ("down", 502, None, Some((Cause::Unreachable, "http://x answers 502 Bad Gateway"))),
        ];
        for (row, status, wait, expected) in rows {
            let status = StatusCode::from_u16(status).expect("a status");
            let failure = refusal("http://x", status, wait);
            let told = failure.as_ref().map(|f| (f.cause, f.message.as_str()));
            assert_eq!(told, expected, "{row}");
        }
    }

    #[test]
    fn keys_with_any_character_stay_one_part_of_the_path() {
        let server = |url: &str| {
            let headers = BTreeMap::new();
            let place =
                Place { url: url.to_owned(), bearer: None, basic: None, headers, ca_file: None };
            place.check(&KeyPath::root(), &mut Vec::new()).expect("an address")
        };
        let rows = [
            ("plain", "http://x", "new-checkout", "http://x/flags/new-checkout"),
            ("below a prefix", "http://x/p/", "a", "http://x/p/flags/a"),
            ("a slash and a question", "http://x", "a/b?c", "http://x/flags/a%2Fb%3Fc"),
            ("a way up", "http://x", "a/../b", "http://x/flags/a%2F..%2Fb"),
        ];
        for (row, url, key, full) in rows {
            assert_eq!(server(url).below(&["flags", key]).as_str(), full, "{row}");
        }
    }
}
