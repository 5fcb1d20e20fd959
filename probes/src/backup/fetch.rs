//! One GET of a small body, for what tells of backups over HTTP.

use std::collections::BTreeMap;
use std::path::Path;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::Context;
use crate::client::{self, Client};
use crate::secret::{TextOrCredential, shown_url};

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 16 << 20;

/// An address to GET, with what goes along.
pub(super) struct Get<'a> {
    pub(super) url: &'a str,
    pub(super) headers: &'a BTreeMap<String, TextOrCredential>,
    pub(super) token: Option<SecretString>,
    pub(super) ca_file: Option<&'a Path>,
}

/// Reads an address in the settings.
pub(super) fn url(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some()).then_some(url)
}

/// Whether an address and headers can be asked at all.
pub(super) fn check(
    entry: &str,
    address: &str,
    headers: &BTreeMap<String, TextOrCredential>,
) -> Result<(), Vec<Problem>> {
    if url(address).is_none() {
        let problem = Problem::at(entry, "the address is no URL");
        return Err(vec![problem.hint("write it like `https://backup.example/last.json`")]);
    }
    let odd = |name: &&String| reqwest::header::HeaderName::try_from(name.as_str()).is_err();
    match headers.keys().find(odd) {
        Some(name) => Err(vec![Problem::at(entry, format!("`{name}` is no header's name"))]),
        None => Ok(()),
    }
}

/// The host and port that a look talks to.
pub(super) fn host(address: &str) -> Option<String> {
    let url = url(address)?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

impl Get<'_> {
    /// Asks once, and reads the body of a 200.
    ///
    /// # Errors
    /// The transport's fault; [`Cause::Auth`] for 401 and 403, [`Cause::Unreachable`] for 404, any other status as
    /// [`Cause::BadResponse`].
    pub(super) async fn body(&self, cx: &Context) -> Result<Vec<u8>, Failure> {
        let url = url(self.url)
            .ok_or_else(|| Failure::new(Cause::ProbeError, "the address is no URL"))?;
        let shown = shown_url(&url);
        let tls = client::trust(self.ca_file, cx).await?;
        let client = Client::new(&tls, None, cx)?;
        let mut request = client.request(Method::GET, url);
        for (name, value) in self.headers {
            request = request.header(name, value.resolve(cx)?.expose_secret());
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let mut response = client.send(request).await.map_err(Failure::from)?;
        if let Some(failure) = refusal(&shown, response.status().as_u16()) {
            return Err(failure);
        }
        client::body(&mut response, MAX_BODY).await
    }
}

/// What a status other than success means.
pub(super) fn refusal(from: &str, status: u16) -> Option<Failure> {
    let cause = match status {
        200 => return None,
        401 | 403 => Cause::Auth,
        404 => Cause::Unreachable,
        _ => Cause::BadResponse,
    };
    Some(Failure::new(cause, format!("{from} answers with status {status}")))
}
