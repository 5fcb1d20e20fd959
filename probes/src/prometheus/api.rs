//! HTTP to a source of metrics: one client per look, one attempt per request, nothing followed, every body bounded.

use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use secrecy::ExposeSecret;

use super::access::Access;
use crate::client::{self, Client};
use crate::probe::Context;
use crate::secret::shown_url;

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Who answered, for messages.
    pub(crate) from: String,
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// A client for one look at one address.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    access: &'a Access,
    client: Client,
    cx: &'a Context,
}

impl<'a> Session<'a> {
    /// Makes the client: reads the secrets, resolves the host, and refuses addresses that are never probed.
    ///
    /// # Errors
    /// What keeps it from being made, by its class.
    pub(crate) async fn open(access: &'a Access, cx: &'a Context) -> Result<Self, Failure> {
        let tls = client::trust(access.ca_file.as_deref(), cx).await?;
        Ok(Self { access, client: Client::new(&tls, None, cx)?, cx })
    }

    /// Gets the address itself, with at most `limit` bytes.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub(crate) async fn get(&self, accept: &'static str, limit: usize) -> Result<Answer, Failure> {
        let request =
            self.client.request(Method::GET, self.access.url.clone()).header(ACCEPT, accept);
        self.send(request, &self.access.url, limit).await
    }

    /// Posts a form to `path` below the address, and takes at most `limit` bytes.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub(super) async fn post(
        &self,
        path: &str,
        form: &[(&str, String)],
        limit: usize,
    ) -> Result<Answer, Failure> {
        let url = self.access.below(path);
        self.send(self.client.request(Method::POST, url.clone()).form(form), &url, limit).await
    }

    /// Posts JSON to `path` below the address, and takes at most `limit` bytes.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub(crate) async fn post_json(
        &self,
        path: &str,
        body: &serde_json::Value,
        limit: usize,
    ) -> Result<Answer, Failure> {
        let url = self.access.below(path);
        self.send(self.client.request(Method::POST, url.clone()).json(body), &url, limit).await
    }

    /// Gets `path` below the address with this query, and takes at most `limit` bytes.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub(crate) async fn get_below(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Answer, Failure> {
        let mut url = self.access.below(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request =
            self.client.request(Method::GET, url.clone()).header(ACCEPT, "application/json");
        self.send(request, &url, limit).await
    }

    /// Sends once.
    ///
    /// # Errors
    /// The fault of the transport by its class, credentials that are refused, or a body beyond the limit.
    async fn send(
        &self,
        mut request: RequestBuilder,
        url: &Url,
        limit: usize,
    ) -> Result<Answer, Failure> {
        let from = shown_url(url);
        if let Some(bearer) = &self.access.bearer {
            request = request.bearer_auth(bearer.resolve(self.cx)?.expose_secret());
        }
        if let Some(basic) = &self.access.basic {
            let password = basic.password.resolve(self.cx)?;
            request = request.basic_auth(&basic.user, Some(password.expose_secret()));
        }
        let mut response =
            self.client.send(request.headers(headers(self.access, self.cx)?)).await?;
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Failure::new(Cause::Auth, format!("{from} answers {status}")));
        }
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
        let body = client::body(&mut response, limit).await?;
        Ok(Answer { from, status, content_type, body })
    }

    /// What is left of the look, less what is needed to tell how it went.
    pub(super) fn within(&self) -> Duration {
        self.cx.remaining().mul_f64(0.95)
    }
}

fn headers(access: &Access, cx: &Context) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in &access.headers {
        let secret = value.resolve(cx)?;
        let Ok(mut value) = HeaderValue::from_str(secret.expose_secret()) else {
            let message = format!("the value for the header `{name}` holds control characters");
            return Err(Failure::new(Cause::Auth, message));
        };
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
    Ok(headers)
}
