//! `cdn`: whether an answer comes from a cache, for how long it may, and whether anybody gets past the cache.
//!
//! It asks two or three times, a second apart, and compares. It does not purge, warms no other edge than those it asks,
//! and judges neither the page nor the certificate beyond trusting it.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod headers;
mod verdict;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, Readings};
use reqwest::header::{ACCEPT_ENCODING, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use rustls::ClientConfig;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use crate::client::{self, Fault};
use crate::dial;
use crate::http::wire::{self, Ask, Heard};
use crate::probe::{Context, Probe};
use verdict::{Beyond, Edge, Origin, Said};

/// How long lies between two requests: ages are counted in whole seconds.
const GAP: Duration = Duration::from_millis(1_100);
/// By which request a cache must have the answer.
const REQUESTS: usize = 3;
/// The most edges that are asked.
const MAX_EDGES: usize = 32;
/// The largest body that is waited for, in bytes.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Settings of the `cdn` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address that is asked for, by its public name.
    pub url: String,
    /// The edges that are asked, by IP address, instead of the first that the name leads to.
    #[serde(default)]
    pub edges: Vec<IpAddr>,
    /// The origin behind the cache, `ip` or `ip:port`, which must not answer everybody: it is asked for the same.
    #[serde(default)]
    pub origin: Option<String>,
    /// A query that the firewall must refuse, such as `q=%3Cscript%3E`: the same path is asked for with it.
    #[serde(default)]
    pub waf_query: Option<String>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// The `cdn` probe; see the module's documentation.
#[derive(Debug)]
pub struct Cdn {
    url: Url,
    port: u16,
    edges: Vec<IpAddr>,
    origin: Option<SocketAddr>,
    attack: Option<Url>,
    ca_file: Option<PathBuf>,
}

impl Probe for Cdn {
    const KIND: &'static str = "cdn";
    const EXAMPLE: &'static str = "\
url: https://shop.example/assets/app.3f2a1c.js
origin: 203.0.113.20
waf_query: q=%3Cscript%3Ealert(1)%3C/script%3E
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let url = url(&settings.url).map_err(|why| problems.push(Problem::at("url", why))).ok();
        if settings.edges.len() > MAX_EDGES {
            problems.push(Problem::at("edges", format!("more than {MAX_EDGES} edges")));
        }
        for (i, edge) in settings.edges.iter().enumerate() {
            if settings.edges.iter().take(i).any(|other| other == edge) {
                let path = KeyPath::root().entry("edges").index(i);
                problems.push(Problem::new(path, format!("`{edge}` stands there twice")));
            }
        }
        let port = url.as_ref().and_then(Url::port_or_known_default).unwrap_or_default();
        let origin = settings.origin.as_ref().and_then(|text| {
            let address = dial::parse_address(text, port);
            if address.is_none() {
                problems.push(
                    Problem::at("origin", format!("`{text}` is no address"))
                        .hint("write it like `203.0.113.20` or `203.0.113.20:8443`"),
                );
            }
            address
        });
        if settings.waf_query.as_ref().is_some_and(|q| q.is_empty() || q.contains('#')) {
            problems.push(Problem::at("waf_query", "a query is not empty and has no fragment"));
        }
        match url {
            Some(url) if problems.is_empty() => {
                let attack = settings.waf_query.map(|query| {
                    let mut url = url.clone();
                    url.set_query(Some(&query));
                    url
                });
                let (edges, ca_file) = (settings.edges, settings.ca_file);
                Ok(Self { url, port, edges, origin, attack, ca_file })
            }
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        verdict::specs()
    }

    fn hosts(&self) -> Vec<String> {
        let edge = format!("{}:{}", self.url.host_str().unwrap_or_default(), self.port);
        std::iter::once(edge).chain(self.origin.map(|o| o.to_string())).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let tls = client::trust(self.ca_file.as_deref(), cx).await?;
        let edges: Vec<Option<SocketAddr>> = if self.edges.is_empty() {
            vec![None]
        } else {
            self.edges.iter().map(|ip| Some(SocketAddr::new(*ip, self.port))).collect()
        };
        let first = edges.first().copied().flatten();
        let asked = join_all(edges.into_iter().map(|edge| self.edge(edge, &tls, cx))).await;
        let origin = match self.origin {
            Some(origin) => Some(classify(get(&self.url, Some(origin), &tls, cx).await)),
            None => None,
        };
        let refusal = match &self.attack {
            Some(attack) => Some(get(attack, first, &tls, cx).await.map_err(Failure::from)),
            None => None,
        };
        if self.origin.is_none() {
            cx.trail.untested("whether the origin answers those who go past the cache: `origin`");
        }
        if self.attack.is_none() {
            cx.trail.untested("whether a firewall refuses anything: `waf_query`");
        }
        let waf = refusal.map(|asked| asked.map(|heard| heard.status));
        verdict::read(&asked, &Beyond { origin, waf })
    }
}

impl Cdn {
    /// Asks an edge until it proves that it has a copy, three times at most.
    async fn edge(&self, address: Option<SocketAddr>, tls: &ClientConfig, cx: &Context) -> Edge {
        let host = self.url.host_str().unwrap_or_default();
        let subject = address.map_or_else(|| host.to_owned(), |address| address.to_string());
        let mut answers: Vec<Said> = Vec::new();
        for _ in 0..REQUESTS {
            let next = Instant::now() + GAP;
            match get(&self.url, address, tls, cx).await {
                Ok(heard) => answers.push(Said {
                    status: heard.status,
                    headers: headers::read(&heard.headers, cx.now),
                }),
                Err(fault) => return Edge { subject, outcome: Err(fault.into()) },
            }
            // One copy may differ from the next, so that a single answer never is enough.
            let proven = answers.len() > 1 && verdict::hit(&answers) == Some(true);
            if proven || answers.len() == REQUESTS {
                break;
            }
            sleep_until(next.min(cx.deadline)).await;
        }
        Edge { subject, outcome: Ok(answers) }
    }
}

async fn get(
    url: &Url,
    address: Option<SocketAddr>,
    tls: &ClientConfig,
    cx: &Context,
) -> Result<Heard, Fault> {
    // As browsers ask, and never for a copy that is checked first.
    let headers: [(HeaderName, HeaderValue); 1] =
        [(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))];
    let ask = Ask { method: &Method::GET, url, address, headers: &headers, limit: MAX_BODY };
    wire::ask(cx, tls, &ask).await
}

/// What an origin does with somebody who goes past the cache.
fn classify(asked: Result<Heard, Fault>) -> Origin {
    match asked {
        Ok(heard) => Origin::Answers(heard.status),
        Err(Fault::Certificate(why)) => Origin::Untrusted(why),
        Err(Fault::Failure(failure)) => match failure.cause {
            Cause::Refused => Origin::Refuses,
            Cause::Timeout => Origin::Silent,
            _ => Origin::Unknown(failure),
        },
    }
}

fn url(text: &str) -> Result<Url, String> {
    let mut url: Url = text.parse().map_err(|e| format!("it is no URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is not `http` or `https`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user or a password has no place in it".to_owned());
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let url = "https://x.example/";
        let rows = [
            ("no URL", json!({"url": "x"}), "url: it is no URL: relative URL without a base"),
            ("no HTTP", json!({"url": "ftp://x/"}), "url: `ftp` is not `http` or `https`"),
            (
                "an edge twice",
                json!({"url": url, "edges": ["127.0.0.1", "127.0.0.1"]}),
                "edges[1]: `127.0.0.1` stands there twice",
            ),
            (
                "an origin by name",
                json!({"url": url, "origin": "o.example"}),
                "origin: `o.example` is no address (write it like `203.0.113.20` or `203.0.113.20:8443`)",
            ),
            (
                "an empty query",
                json!({"url": url, "waf_query": ""}),
                "waf_query: a query is not empty and has no fragment",
            ),
        ];
        for (row, settings, said) in rows {
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Cdn::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
    }
}
