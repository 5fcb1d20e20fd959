//! What the channels over HTTP share: a letter is posted as JSON under the message's name.

use std::path::Path;
use std::time::Duration;

use launchgate_core::message::Message;
use launchgate_core::problem::Problem;
use launchgate_probes::secret::TextOrCredential;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::undelivered::Undelivered;
use crate::http::{self, Sent};

/// How long one try may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// A text or a secret, now.
pub(super) fn text(value: &TextOrCredential, folder: &Path) -> Result<SecretString, Undelivered> {
    match value {
        TextOrCredential::Text(text) => Ok(text.clone().into()),
        TextOrCredential::Credential(credential) => {
            credential.resolve_in(folder).map_err(Undelivered::without_secret)
        }
    }
}

/// An address, now.
pub(super) fn url(value: &TextOrCredential, folder: &Path) -> Result<Url, Undelivered> {
    let text = text(value, folder)?;
    let url: Url = text
        .expose_secret()
        .parse()
        .map_err(|e| Undelivered::ForGood(format!("its address cannot be read: {e}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(Undelivered::ForGood(format!("its address begins with `{other}:`"))),
    }
}

/// What is wrong with an address that is written out.
pub(super) fn problem(key: &str, value: &TextOrCredential) -> Option<Problem> {
    let TextOrCredential::Text(text) = value else { return None };
    let hint =
        "write it like `https://hooks.example/launch`, or `{ env: VARIABLE }` if it is secret";
    match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => None,
        Ok(url) => {
            let message = format!("`{}:` is no way to post a message", url.scheme());
            Some(Problem::at(key, message).hint(hint))
        }
        Err(error) => Some(Problem::at(key, format!("this is no address: {error}")).hint(hint)),
    }
}

/// The headers of every letter: that it is JSON, and the message's name, by which a receiver can tell a repetition.
pub(super) fn headers(message: &Message) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(key) = HeaderValue::from_str(&message.id) {
        headers.insert(HeaderName::from_static("idempotency-key"), key);
    }
    headers
}

/// Posts a letter once, and gives what was answered if it was taken.
pub(super) async fn post(
    method: Method,
    url: &Url,
    headers: HeaderMap,
    body: &Value,
) -> Result<String, Undelivered> {
    let body = body.to_string().into_bytes();
    let sent: Sent = http::send(method, url, headers, body, TIMEOUT).await;
    Undelivered::judged(sent)
}

/// SHA-256 of a text, in hexadecimal: a name of one length for a name of any.
pub(super) fn digest(text: &str) -> String {
    format!("{:x}", Sha256::digest(text.as_bytes()))
}

/// The first `most` characters of a text, with a sign that there were more.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept + "…"
}
