//! Which load balancer is asked, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json::Shape;
use super::pool::Entry;
use super::{envoy, haproxy, json, socket};
use crate::flags::server::{Place, Server, Session};
use crate::probe::Context;
use crate::prometheus::access::Basic;
use crate::secret::{Credential, TextOrCredential};

/// A HAProxy: give `url` or `socket`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HaproxySettings {
    /// The name of the backend, as in HAProxy's configuration.
    pub backend: String,
    /// The address of its statistics page; `;csv` is added.
    #[serde(default)]
    pub url: Option<String>,
    /// The path of its runtime socket, relative to the launch file.
    #[serde(default)]
    pub socket: Option<PathBuf>,
    /// A user and where the password is kept.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// Further headers, written out or by reference.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// An Envoy.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvoySettings {
    /// The name of the cluster.
    pub cluster: String,
    /// The address of the administration interface, without `/clusters`.
    pub url: String,
    /// Further headers, written out or by reference.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// Anything that answers with a list in JSON. Places are JSON pointers (RFC 6901).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonSettings {
    /// The address of the list.
    pub url: String,
    /// Where the list stands; the whole answer if empty.
    #[serde(default)]
    pub list: String,
    /// Where an entry has its name.
    pub name: String,
    /// Where an entry says how it is.
    pub status: String,
    /// The values that say healthy.
    pub healthy: Vec<Value>,
    /// The values that say not healthy; any other says nothing.
    pub unhealthy: Vec<Value>,
    /// Where a mark stands when the list goes on elsewhere.
    #[serde(default)]
    pub next: Option<String>,
    /// Where the bearer token is kept.
    #[serde(default)]
    pub bearer: Option<Credential>,
    /// A user and where the password is kept.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// Further headers, written out or by reference.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// Checked settings.
#[derive(Debug)]
pub(super) enum Source {
    Statistics { server: Box<Server>, backend: String },
    Socket { path: PathBuf, backend: String },
    Envoy { server: Box<Server>, cluster: String },
    Json { server: Box<Server>, shape: Shape },
}

impl HaproxySettings {
    /// Checks everything; problems are told under `at`.
    pub(super) fn check(self, at: &KeyPath, problems: &mut Vec<Problem>) -> Option<Source> {
        let Self { backend, url, socket, basic, headers, ca_file } = self;
        match (url, socket) {
            (Some(url), None) => {
                let place = Place { url, bearer: None, basic, headers, ca_file };
                let server = Box::new(place.check(at, problems)?);
                Some(Source::Statistics { server, backend })
            }
            (None, Some(path)) => {
                if basic.is_some() || !headers.is_empty() || ca_file.is_some() {
                    let message = "a socket takes no credentials: its file's mode says who may";
                    problems.push(Problem::new(at.entry("socket"), message));
                }
                Some(Source::Socket { path, backend })
            }
            (Some(_), Some(_)) => {
                problems.push(Problem::new(at.entry("socket"), "give `url` or `socket`, not both"));
                None
            }
            (None, None) => {
                problems.push(Problem::new(at.clone(), "give `url` or `socket`"));
                None
            }
        }
    }
}

impl EnvoySettings {
    /// Checks everything; problems are told under `at`.
    pub(super) fn check(self, at: &KeyPath, problems: &mut Vec<Problem>) -> Option<Source> {
        let Self { cluster, url, headers, ca_file } = self;
        let place = Place { url, bearer: None, basic: None, headers, ca_file };
        Some(Source::Envoy { server: Box::new(place.check(at, problems)?), cluster })
    }
}

impl JsonSettings {
    /// Checks everything; problems are told under `at`.
    pub(super) fn check(self, at: &KeyPath, problems: &mut Vec<Problem>) -> Option<Source> {
        let Self { url, list, name, status, healthy, unhealthy, next, .. } = self;
        let Self { bearer, basic, headers, ca_file, .. } = self;
        let places = [("list", Some(&list)), ("name", Some(&name)), ("status", Some(&status))];
        for (key, pointer) in places.into_iter().chain([("next", next.as_ref())]) {
            let Some(pointer) = pointer else { continue };
            if !(pointer.is_empty() || pointer.starts_with('/')) {
                let message = format!("`{pointer}` is no JSON pointer: write it like `/a/0/b`");
                problems.push(Problem::new(at.entry(key), message));
            }
        }
        for (key, values) in [("healthy", &healthy), ("unhealthy", &unhealthy)] {
            if values.is_empty() {
                problems.push(Problem::new(at.entry(key), "which values say so?"));
            }
        }
        for (i, _) in unhealthy.iter().enumerate().filter(|(_, v)| healthy.contains(v)) {
            let at = at.entry("unhealthy").index(i);
            problems.push(Problem::new(at, "it is among `healthy` too"));
        }
        let place = Place { url, bearer, basic, headers, ca_file };
        let server = Box::new(place.check(at, problems)?);
        Some(Source::Json { server, shape: Shape { list, name, status, healthy, unhealthy, next } })
    }
}

impl Source {
    /// The host that is asked; none for a socket.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::Statistics { server, .. }
            | Self::Envoy { server, .. }
            | Self::Json { server, .. } => Some(server.host()),
            Self::Socket { .. } => None,
        }
    }

    /// Whether it says since when its backends are as they are.
    pub(super) fn tells_times(&self) -> bool {
        match self {
            Self::Statistics { .. } | Self::Socket { .. } => true,
            Self::Envoy { .. } | Self::Json { .. } => false,
        }
    }

    /// Asks once for all backends.
    ///
    /// # Errors
    /// The fault of the way there, or of the answer: see `parse` of each kind.
    pub(super) async fn look(&self, cx: &Context) -> Result<Vec<Entry>, Failure> {
        match self {
            Self::Statistics { server, backend } => {
                let mut url = server.url();
                if !url.path().contains(";csv") {
                    url.set_path(&format!("{};csv", server.url().path()));
                }
                let answer = Session::open(server, cx).await?.get(url).await?;
                haproxy::parse(answer.good()?, backend)
            }
            Self::Socket { path, backend } => {
                let answer = socket::statistics(&cx.folder.join(path), cx).await?;
                haproxy::parse(&answer, backend)
            }
            Self::Envoy { server, cluster } => {
                let mut url = server.below(&["clusters"]);
                url.set_query(Some("format=json"));
                let answer = Session::open(server, cx).await?.get(url).await?;
                cx.trail
                    .untested("whether Envoy checks its hosts actively: without, all are healthy");
                envoy::parse(answer.good()?, cluster)
            }
            Self::Json { server, shape } => {
                let answer = Session::open(server, cx).await?.get(server.url()).await?;
                json::parse(answer.good()?, shape)
            }
        }
    }
}
