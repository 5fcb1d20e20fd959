//! Settings of the `http` probe, and the plan that they become when nothing is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use launchgate_core::name::Name;
use launchgate_core::problem::{KeyPath, Problem};
use regex::Regex;
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use reqwest::{StatusCode, Url};
use schemars::JsonSchema;
use serde::Deserialize;

use super::MAX_LOOKS;
use super::facts::Facts;
use super::json::JsonReading;
use super::samples::RANGE;
use super::verdict;
use crate::client;
use crate::secret::TextOrCredential;

/// The most headers that are sent, and the most readings of one sort that are declared.
const MAX_ENTRIES: usize = 32;
/// The most redirects that can be asked for.
const MAX_REDIRECTS: u8 = 10;
/// The largest body that is read if nothing is said, in bytes.
const DEFAULT_BODY: u32 = 1024 * 1024;
/// The most that the bodies of all targets may have together, in bytes.
const MAX_BODIES: usize = 64 * 1024 * 1024;

/// Settings of the `http` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address that is asked. Give this or `urls`.
    #[serde(default)]
    pub url: Option<String>,
    /// Several addresses that are asked the same. Give this or `url`.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Where to connect instead of where the hosts' names point: IP addresses, each of which is asked. For every
    /// instance behind a load balancer, or for a new one before the name points there.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Whether every address that a name has is asked, rather than the first that answers.
    #[serde(default)]
    pub every_address: bool,
    /// `get` if not given.
    #[serde(default)]
    pub method: Method,
    /// Headers to send, written out or by reference.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A body to send with `post`, written out or by reference.
    #[serde(default)]
    pub body: Option<TextOrCredential>,
    /// The statuses that are as they should be; all from 200 to 299 if not given.
    #[serde(default)]
    pub ok: Vec<u16>,
    /// How many redirects are followed; none if not given, 10 at most.
    #[serde(default)]
    pub redirects: u8,
    /// Readings out of a JSON body, by name.
    #[serde(default)]
    pub json: BTreeMap<String, JsonReading>,
    /// Readings that say whether the body matches a regular expression, by name.
    #[serde(default)]
    pub matches: BTreeMap<String, String>,
    /// Readings that are headers of the answer, by name: `{ cache: x-cache }`.
    #[serde(default)]
    pub header_readings: BTreeMap<String, String>,
    /// The largest body that is read, in bytes after unpacking; 1048576 (1 MiB) if not given.
    #[serde(default = "default_body")]
    pub max_body: u32,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether each phase of a request is timed: by one more request to each target, over HTTP/1.1 and a connection of
    /// its own. Not with `post`.
    #[serde(default)]
    pub timings: bool,
    /// How many requests each target is sent in one look, one after another, each over new connections: from 2 to 200, for
    /// percentiles of the latency. Not with `post`.
    #[serde(default)]
    pub samples: Option<u16>,
}

fn default_body() -> u32 {
    DEFAULT_BODY
}

/// How is asked. A look changes nothing, so that methods that do are not among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// HEAD: without the body.
    Head,
    /// OPTIONS.
    Options,
    /// POST, for questions that need a body.
    Post,
}

/// Checked settings.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) urls: Vec<Url>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) every_address: bool,
    pub(super) method: reqwest::Method,
    pub(super) headers: Vec<(HeaderName, TextOrCredential)>,
    pub(super) body: Option<TextOrCredential>,
    pub(super) redirects: u8,
    pub(super) max_body: usize,
    pub(super) facts: Facts,
    pub(super) ca_file: Option<PathBuf>,
    ok: Vec<u16>,
    is_list: bool,
}

impl Plan {
    /// Whether readings speak of several targets; known beforehand, since types depend on it.
    pub(super) fn is_several(&self) -> bool {
        self.is_list || self.every_address || !self.addresses.is_empty()
    }

    /// Whether a status is as it should be.
    pub(super) fn is_ok(&self, status: StatusCode) -> bool {
        if self.ok.is_empty() { status.is_success() } else { self.ok.contains(&status.as_u16()) }
    }
}

impl Settings {
    /// Checks everything.
    ///
    /// # Errors
    /// Every problem, with its place.
    pub(super) fn check(self) -> Result<Plan, Vec<Problem>> {
        let mut problems = Vec::new();
        let urls = self.targets(&mut problems);
        self.check_answers(&mut problems);
        self.check_amounts(urls.len(), &mut problems);
        let facts = self.facts(&mut problems);
        let headers = headers(self.headers, &mut problems);
        let method = match self.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Options => reqwest::Method::OPTIONS,
            Method::Post => reqwest::Method::POST,
        };
        let plan = Plan {
            urls,
            addresses: self.addresses,
            every_address: self.every_address,
            method,
            headers,
            body: self.body,
            redirects: self.redirects,
            max_body: usize::try_from(self.max_body).unwrap_or(MAX_BODIES),
            facts,
            ca_file: self.ca_file,
            ok: self.ok,
            is_list: self.url.is_none(),
        };
        unique(&plan, &mut problems);
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    fn targets(&self, problems: &mut Vec<Problem>) -> Vec<Url> {
        let root = KeyPath::root();
        let mut given: Vec<(KeyPath, &String)> =
            self.url.iter().map(|url| (root.entry("url"), url)).collect();
        let list = self.urls.iter().enumerate();
        given.extend(list.map(|(i, url)| (root.entry("urls").index(i), url)));
        if self.url.is_some() != self.urls.is_empty() {
            problems.push(Problem::at("url", "give one of `url` and `urls`"));
        }
        let by_name = self.every_address || !self.addresses.is_empty();
        let mut urls = Vec::new();
        for (path, text) in given {
            match target(text, by_name) {
                Ok(url) => urls.push(url),
                Err(why) => problems.push(Problem::new(path, why)),
            }
        }
        urls
    }

    fn check_answers(&self, problems: &mut Vec<Problem>) {
        if self.every_address && !self.addresses.is_empty() {
            problems.push(Problem::at("every_address", "give this or `addresses`, not both"));
        }
        if self.body.is_some() && self.method != Method::Post {
            problems.push(Problem::at("body", "a body is sent with `method: post` only"));
        }
        if self.timings && self.method == Method::Post {
            problems.push(Problem::at("timings", "a second request would be a second post"));
        }
        if let Some(samples) = self.samples {
            if !RANGE.contains(&samples) {
                let (least, most) = RANGE.into_inner();
                let message = format!("{samples} is not from {least} to {most}");
                problems.push(Problem::at("samples", message));
            }
            if self.method == Method::Post {
                problems.push(Problem::at("samples", "each sample would be another post"));
            }
        }
        if self.redirects > MAX_REDIRECTS {
            let message = format!("{} redirects are more than {MAX_REDIRECTS}", self.redirects);
            problems.push(Problem::at("redirects", message));
        }
        for (i, status) in self.ok.iter().enumerate() {
            if !(200..=599).contains(status) {
                let path = KeyPath::root().entry("ok").index(i);
                problems.push(Problem::new(path, format!("`{status}` is no status of an answer")));
            }
        }
    }

    fn check_amounts(&self, urls: usize, problems: &mut Vec<Problem>) {
        let looks = urls.max(1).saturating_mul(self.addresses.len().max(1));
        if looks > MAX_LOOKS {
            let at = if self.urls.is_empty() { "addresses" } else { "urls" };
            let message = format!("{looks} addresses to ask are more than {MAX_LOOKS}");
            problems.push(Problem::at(at, message));
        } else {
            let looks = if self.every_address { MAX_LOOKS } else { looks };
            let most = MAX_BODIES / looks;
            if usize::try_from(self.max_body).map_or(true, |size| size > most) {
                let message = format!("with so many targets a body can have {most} bytes at most");
                problems.push(Problem::at("max_body", message));
            }
        }
        let sorts = [
            ("headers", self.headers.len()),
            ("json", self.json.len()),
            ("matches", self.matches.len()),
            ("header_readings", self.header_readings.len()),
        ];
        for (key, count) in sorts {
            if count > MAX_ENTRIES {
                problems.push(Problem::at(key, format!("{count} are more than {MAX_ENTRIES}")));
            }
        }
    }

    fn facts(&self, problems: &mut Vec<Problem>) -> Facts {
        let (json, matches, headers) = (Vec::new(), Vec::new(), Vec::new());
        let (timings, samples) = (self.timings, self.samples);
        let mut facts = Facts { json, matches, headers, timings, samples };
        for (text, json) in &self.json {
            let path = KeyPath::root().entry("json").entry(text);
            if let Some((key, why)) = json.problem() {
                problems.push(Problem::new(path.entry(key), why));
            }
            facts.json.extend(name(text, path, problems).map(|name| (name, json.clone())));
        }
        for (text, pattern) in &self.matches {
            let path = KeyPath::root().entry("matches").entry(text);
            if let Ok(regex) = Regex::new(pattern) {
                facts.matches.extend(name(text, path, problems).map(|name| (name, regex)));
            } else {
                let message = format!("`{pattern}` is no regular expression");
                problems.push(Problem::new(path, message));
            }
        }
        for (text, header) in &self.header_readings {
            let path = KeyPath::root().entry("header_readings").entry(text);
            if let Ok(header) = HeaderName::try_from(header.as_str()) {
                facts.headers.extend(name(text, path, problems).map(|name| (name, header)));
            } else {
                problems.push(Problem::new(path, format!("`{header}` is no header's name")));
            }
        }
        facts
    }
}

fn name(text: &str, path: KeyPath, problems: &mut Vec<Problem>) -> Option<Name> {
    let name = Name::try_new(text);
    name.map_err(|why| problems.push(Problem::new(path, why.to_string()).at_key())).ok()
}

/// Refuses two readings of one name.
fn unique(plan: &Plan, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for spec in verdict::specs(&plan.facts, plan.is_several()) {
        if !seen.insert(spec.name.clone()) {
            let message = format!("two readings would be called `{}`", spec.name);
            let declared = |key: &'static str, names: Vec<&Name>| {
                names.iter().any(|n| spec.name.as_str().starts_with(n.as_str())).then_some(key)
            };
            let Facts { json, matches, headers, .. } = &plan.facts;
            let key = declared("header_readings", headers.iter().map(|(n, _)| n).collect())
                .or_else(|| declared("matches", matches.iter().map(|(n, _)| n).collect()))
                .or_else(|| declared("json", json.iter().map(|(n, _)| n).collect()));
            problems.push(Problem::at(key.unwrap_or("json"), message));
        }
    }
}

/// Reads an address that holds no secret; `by_name` where addresses for its name are given or looked up.
fn target(text: &str, by_name: bool) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|e| format!("it is no URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is not `http` or `https`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a password has no place here: give it by reference in `headers`".to_owned());
    }
    if by_name && client::literal(&url).is_some() {
        return Err("it names an address already, so that there are no others to ask".to_owned());
    }
    Ok(url)
}

fn headers(
    given: BTreeMap<String, TextOrCredential>,
    problems: &mut Vec<Problem>,
) -> Vec<(HeaderName, TextOrCredential)> {
    let mut headers = Vec::new();
    for (text, value) in given {
        let path = KeyPath::root().entry("headers").entry(&text);
        let Ok(header) = HeaderName::try_from(text.as_str()) else {
            problems.push(Problem::new(path, format!("`{text}` is no header's name")).at_key());
            continue;
        };
        if [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&header) {
            let message = format!("`{text}` follows from the request and cannot be given");
            problems.push(Problem::new(path, message).at_key());
        } else if matches!(&value, TextOrCredential::Text(t) if HeaderValue::from_str(t).is_err()) {
            problems.push(Problem::new(path, "a header's value has no control characters"));
        } else {
            headers.push((header, value));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URL: &str = "http://x.example/";

    fn refused(rows: &[(&str, serde_json::Value, &str)]) {
        for (row, settings, said) in rows {
            let settings: Settings =
                crate::strict::read(settings.clone()).expect("it has the right shape");
            let problems = settings.check().expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [*said], "{row}");
        }
    }

    #[test]
    fn requests_that_cannot_be_made_are_refused_with_their_place() {
        let many: Vec<String> = (0..65).map(|i| format!("http://h{i}.example/")).collect();
        let rows = [
            ("no target", json!({}), "url: give one of `url` and `urls`"),
            ("both", json!({"url": URL, "urls": [URL]}), "url: give one of `url` and `urls`"),
            (
                "no URL",
                json!({"urls": [URL, "x"]}),
                "urls[1]: it is no URL: relative URL without a base",
            ),
            ("no HTTP", json!({"url": "ftp://x.example"}), "url: `ftp` is not `http` or `https`"),
            (
                "a password",
                json!({"url": "http://a:hunter2@x.example"}),
                "url: a password has no place here: give it by reference in `headers`",
            ),
            ("too many", json!({"urls": many}), "urls: 65 addresses to ask are more than 64"),
            (
                "the addresses of an address",
                json!({"url": "http://10.0.0.1/", "every_address": true}),
                "url: it names an address already, so that there are no others to ask",
            ),
            (
                "large bodies",
                json!({"urls": [URL, "http://y.example/"], "max_body": 33_554_433}),
                "max_body: with so many targets a body can have 33554432 bytes at most",
            ),
            (
                "a body",
                json!({"url": URL, "body": "x"}),
                "body: a body is sent with `method: post` only",
            ),
            ("one sample", json!({"url": URL, "samples": 1}), "samples: 1 is not from 2 to 200"),
            (
                "too many samples",
                json!({"url": URL, "samples": 201}),
                "samples: 201 is not from 2 to 200",
            ),
            (
                "samples of a post",
                json!({"url": URL, "samples": 20, "method": "post"}),
                "samples: each sample would be another post",
            ),
            (
                "redirects",
                json!({"url": URL, "redirects": 11}),
                "redirects: 11 redirects are more than 10",
            ),
            (
                "a status",
                json!({"url": URL, "ok": [200, 20]}),
                "ok[1]: `20` is no status of an answer",
            ),
            (
                "a header",
                json!({"url": URL, "headers": {"a b": "x"}}),
                "headers.a b: `a b` is no header's name",
            ),
            (
                "the host",
                json!({"url": URL, "headers": {"Host": "x"}}),
                "headers.Host: `Host` follows from the request and cannot be given",
            ),
            (
                "a header's value",
                json!({"url": URL, "headers": {"x-a": "a\r\nb: c"}}),
                "headers.x-a: a header's value has no control characters",
            ),
        ];
        refused(&rows);
    }

    #[test]
    fn readings_that_cannot_be_had_are_refused_with_their_place() {
        let rows = [
            (
                "a pointer",
                json!({"url": URL, "json": {"v": {"pointer": "version", "as": "text"}}}),
                "json.v.pointer: `version` is no JSON pointer: write it like `/a/0/b`",
            ),
            (
                "a unit of a text",
                json!({"url": URL, "json": {"v": {"pointer": "/v", "as": "text", "unit": "bytes"}}}),
                "json.v.unit: it belongs to `as: number`",
            ),
            (
                "a pattern",
                json!({"url": URL, "matches": {"m": "("}}),
                "matches.m: `(` is no regular expression",
            ),
            (
                "a reading's header",
                json!({"url": URL, "header_readings": {"m": "a b"}}),
                "header_readings.m: `a b` is no header's name",
            ),
            (
                "a taken name",
                json!({"url": URL, "matches": {"status": "x"}}),
                "matches: two readings would be called `status`",
            ),
            (
                "a name taken by samples",
                json!({"url": URL, "samples": 20, "matches": {"latency_p95": "x"}}),
                "matches: two readings would be called `latency_p95`",
            ),
            (
                "a taken name of several",
                json!({"urls": [URL], "json": {
                    "n": {"pointer": "/n", "as": "number"}, "n_lowest": {"pointer": "/n", "as": "text"},
                }}),
                "json: two readings would be called `n_lowest`",
            ),
        ];
        refused(&rows);
    }
}
