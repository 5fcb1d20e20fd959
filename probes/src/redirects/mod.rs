//! `redirects`: the way from plain HTTP to the page, hop by hop, as a client walks it that was never here before.
//!
//! It judges neither what is served at the end nor certificates beyond trusting them, follows nothing that a page does
//! by itself, and remembers no HSTS. Every address of a name is the business of `hsts`.

mod verdict;
mod walk;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, Readings};
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::client;
use crate::probe::{Context, Probe};

/// The most hosts that can be pinned.
const MAX_HOSTS: usize = 32;

/// Settings of the `redirects` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the way begins: an `http:` URL, best with a path and a query, so that it shows whether they are kept.
    pub url: String,
    /// The port for HTTPS that the first redirect should lead to; 443 if not given.
    #[serde(default = "https")]
    pub https_port: u16,
    /// What a closed port for plain HTTP counts as, for `guarded`; `closed_ok` if not given.
    #[serde(default)]
    pub port80: Port80,
    /// Where hosts are found instead of where their names point, by name: `{ shop.example: 203.0.113.10 }`. For the new
    /// load balancer before the names point there.
    #[serde(default)]
    pub addresses: BTreeMap<String, IpAddr>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// What is right for the port for plain HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Port80 {
    /// It redirects, or is closed.
    #[default]
    ClosedOk,
    /// It redirects.
    MustRedirect,
}

fn https() -> u16 {
    443
}

/// The `redirects` probe; see the module's documentation.
#[derive(Debug)]
pub struct Redirects {
    url: Url,
    https_port: u16,
    port80: Port80,
    addresses: BTreeMap<String, IpAddr>,
    ca_file: Option<PathBuf>,
}

impl Probe for Redirects {
    const KIND: &'static str = "redirects";
    const EXAMPLE: &'static str = "\
url: http://shop.example/cart?id=7
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let url = url(&settings.url);
        if let Err(problem) = &url {
            problems.push(problem.clone());
        }
        if settings.addresses.len() > MAX_HOSTS {
            problems.push(Problem::at("addresses", format!("more than {MAX_HOSTS} hosts")));
        }
        for name in settings.addresses.keys().filter(|name| !is_host(name)) {
            let path = KeyPath::root().entry("addresses").entry(name);
            problems.push(Problem::new(path, format!("`{name}` is no name of a host")));
        }
        match url {
            Ok(url) if problems.is_empty() => Ok(Self {
                url,
                https_port: settings.https_port,
                port80: settings.port80,
                addresses: settings.addresses,
                ca_file: settings.ca_file,
            }),
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        verdict::specs()
    }

    fn hosts(&self) -> Vec<String> {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or_default();
        vec![format!("{host}:{port}"), format!("{host}:{}", self.https_port)]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let tls = client::trust(self.ca_file.as_deref(), cx).await?;
        let hops = walk::walk(&self.url, &self.addresses, &tls, cx).await?;
        cx.trail
            .untested("what a page does by itself: `refresh` headers, `meta` elements, scripts");
        cx.trail.untested("the other addresses of a host that has several");
        verdict::read(&hops, self.https_port, self.port80)
    }
}

fn is_host(name: &str) -> bool {
    let url = Url::parse(&format!("http://{name}/"));
    url.is_ok_and(|url| url.host_str().is_some_and(|h| h.eq_ignore_ascii_case(name)))
}

fn url(text: &str) -> Result<Url, Problem> {
    let mut url: Url =
        text.parse().map_err(|e| Problem::at("url", format!("it is no URL: {e}")))?;
    if url.scheme() != "http" {
        return Err(Problem::at("url", "the way begins with plain HTTP")
            .hint("write it like `http://shop.example/path?query`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Problem::at("url", "a user or a password has no place in it"));
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
        let rows = [
            ("no URL", json!({"url": "x"}), "url: it is no URL: relative URL without a base"),
            (
                "no plain HTTP",
                json!({"url": "https://x.example/"}),
                "url: the way begins with plain HTTP (write it like `http://shop.example/path?query`)",
            ),
            (
                "a password",
                json!({"url": "http://a:b@x.example/"}),
                "url: a user or a password has no place in it",
            ),
            (
                "no host",
                json!({"url": "http://x.example/", "addresses": {"a/b": "127.0.0.1"}}),
                "addresses.a/b: `a/b` is no name of a host",
            ),
        ];
        for (row, settings, said) in rows {
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Redirects::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
    }
}
