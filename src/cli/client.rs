//! The daemon's API, as the command line uses it.

use std::path::Path;
use std::time::Duration;

use launchgate_core::name::Name;
use reqwest::header::{self, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::args::Daemon;
use super::exit::Failed;
use super::tls;

/// An answer may not be longer: a report of 10,000 checks has about 10 MiB.
const MAX_ANSWER: usize = 64 << 20;
/// No line of a stream is longer.
const MAX_LINE: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to a daemon.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<SecretString>,
    person: Option<Name>,
    launch: Option<Name>,
}

impl Client {
    pub(super) fn new(daemon: &Daemon) -> Result<Self, Failed> {
        let base: Url = daemon.url.parse().map_err(|e| {
            Failed::usage(format!("`{}` is no address of a daemon: {e}", daemon.url))
        })?;
        Ok(Self {
            http: http(daemon)?,
            base,
            token: token(daemon.token_file.as_deref())?,
            person: daemon.person.clone(),
            launch: daemon.launch.clone(),
        })
    }

    /// The launch that is meant: the one named, or the only one there is.
    pub(super) async fn launch(&self) -> Result<Name, Failed> {
        if let Some(launch) = &self.launch {
            return Ok(launch.clone());
        }
        match self.launches().await?.as_slice() {
            [one] => Ok(one.clone()),
            many => Err(Failed::usage(format!(
                "the daemon serves several launches: choose one by --launch: {}",
                many.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// The launches that are meant: the one named, or all that there are, one at least.
    pub(super) async fn launches(&self) -> Result<Vec<Name>, Failed> {
        if let Some(launch) = &self.launch {
            return Ok(vec![launch.clone()]);
        }
        let answer = self.get("/api/v1/launches").await?;
        let launches = answer["launches"].as_array().into_iter().flatten();
        let names = launches.filter_map(|launch| launch["launch"].as_str());
        let names: Result<Vec<Name>, _> = names.map(str::parse).collect();
        let names = names.map_err(|e| Failed::internal(format!("the daemon's answer: {e}")))?;
        if names.is_empty() { Err(Failed::usage("the daemon serves no launch")) } else { Ok(names) }
    }

    /// Reads JSON.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failed> {
        let text = self.text(path).await?;
        serde_json::from_str(&text)
            .map_err(|e| Failed::internal(format!("the daemon's answer is no JSON: {e}")))
    }

    /// Reads a text.
    pub(super) async fn text(&self, path: &str) -> Result<String, Failed> {
        self.ask(Method::GET, path, None).await
    }

    /// Follows a stream of events, and tells of each by its name until the stream ends or is silent for too long.
    pub(super) async fn follow(
        &self,
        path: &str,
        silence: Duration,
        mut heard: impl AsyncFnMut(&str),
    ) -> Result<(), Failed> {
        let url = self.base.join(path).map_err(|e| Failed::usage(e.to_string()))?;
        // It lasts as long as it is followed.
        let mut request = self.http.get(url).timeout(Duration::from_secs(u32::MAX.into()));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let mut response = request.send().await.map_err(|e| self.unreachable(&e))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(status, ""));
        }
        let mut rest = String::new();
        loop {
            let part = tokio::time::timeout(silence, response.chunk()).await;
            let part = part.map_err(|_| Failed::unreachable("the daemon has fallen silent"))?;
            let Some(part) = part.map_err(|e| self.unreachable(&e))? else {
                return Err(Failed::unreachable("the daemon has ended the stream"));
            };
            rest.push_str(&String::from_utf8_lossy(&part));
            while let Some((line, after)) = rest.split_once('\n') {
                if let Some(event) = line.strip_prefix("event: ") {
                    heard(event.trim()).await;
                }
                rest = after.to_owned();
            }
            if rest.len() > MAX_LINE {
                return Err(Failed::internal("the daemon's stream is none"));
            }
        }
    }

    /// Gives an order.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<String, Failed> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Reads a text, if it is another than the one with this tag, and keeps its tag.
    pub(super) async fn newer(
        &self,
        path: &str,
        tag: &mut Option<HeaderValue>,
    ) -> Result<Option<String>, Failed> {
        let mut request = self.request(Method::GET, path)?;
        if let Some(tag) = &*tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let newest = response.headers().get(header::ETAG).cloned();
        let text = self.read(response).await?;
        *tag = newest;
        Ok(Some(text))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<String, Failed> {
        let mut request = self.request(method, path)?;
        if let Some(body) = body {
            request = request.json(body);
        }
        self.read(request.send().await.map_err(|e| self.unreachable(&e))?).await
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failed> {
        let url = self
            .base
            .join(path)
            .map_err(|e| Failed::usage(format!("`{}{path}` is no address: {e}", self.base)))?;
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(person) = &self.person {
            request = request.header("x-launchgate-person", person.as_str());
        }
        Ok(request)
    }

    async fn read(&self, mut response: Response) -> Result<String, Failed> {
        let status = response.status();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|e| self.unreachable(&e))? {
            if body.len() + part.len() > MAX_ANSWER {
                return Err(Failed::internal(format!(
                    "the daemon's answer is over {MAX_ANSWER} bytes"
                )));
            }
            body.extend_from_slice(&part);
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() { Ok(text) } else { Err(refused(status, &text)) }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failed {
        let mut source: &dyn std::error::Error = error;
        while let Some(deeper) = source.source() {
            source = deeper;
        }
        let hint =
            tls::hint(error).unwrap_or("start one by `launchgate serve`, or name it by --url");
        Failed::unreachable(format!(
            "no daemon answers at {}: {source}\n  = hint: {hint}",
            self.base
        ))
    }
}

/// What the daemon says when it does not do what was asked.
fn refused(status: StatusCode, text: &str) -> Failed {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let message = answer["message"]
        .as_str()
        .map_or_else(|| format!("the daemon answers {status}"), str::to_owned);
    let hint = answer["hint"].as_str().map_or_else(String::new, |h| format!("\n  = hint: {h}"));
    let message = format!("{message}{hint}");
    // Both pass: the one who asks again later is heard.
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        return Failed::unreachable(message);
    }
    if status.is_server_error() { Failed::internal(message) } else { Failed::usage(message) }
}

fn token(file: Option<&Path>) -> Result<Option<SecretString>, Failed> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failed::usage(format!("the token in {}: {e}", path.display())))?;
        return Ok(Some(text.trim().to_owned().into()));
    }
    Ok(std::env::var("LAUNCHGATE_TOKEN").ok().map(|text| text.trim().to_owned().into()))
}

fn http(daemon: &Daemon) -> Result<reqwest::Client, Failed> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(daemon)?)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|e| Failed::internal(format!("no client for HTTP can be made: {e}")))
}
