//! Where a source of metrics is and with what it lets us in: the address, credentials, further headers, roots.

use std::collections::BTreeMap;
use std::path::PathBuf;

use launchgate_core::problem::{KeyPath, Problem};
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::secret::{Credential, TextOrCredential};

/// The most headers that can be given.
const MAX_HEADERS: usize = 32;

/// A user and a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user's name.
    pub user: String,
    /// Where the password is kept.
    pub password: Credential,
}

/// Checked access to one HTTP address.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// The address, without a password.
    pub(super) url: Url,
    pub(super) bearer: Option<Credential>,
    pub(super) basic: Option<Basic>,
    pub(super) headers: Vec<(HeaderName, TextOrCredential)>,
    pub(super) ca_file: Option<PathBuf>,
}

/// What a launch file says of access, not yet checked.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) url: String,
    pub(crate) bearer: Option<Credential>,
    pub(crate) basic: Option<Basic>,
    pub(crate) headers: BTreeMap<String, TextOrCredential>,
    pub(crate) ca_file: Option<PathBuf>,
}

impl Given {
    /// Checks everything; problems are told under `at`.
    pub(crate) fn check(self, at: &KeyPath, problems: &mut Vec<Problem>) -> Option<Access> {
        let before = problems.len();
        let url = address(&self.url)
            .map_err(|why| problems.push(Problem::new(at.entry("url"), why)))
            .ok();
        if self.bearer.is_some() && self.basic.is_some() {
            let message = "give `bearer` or `basic`, not both";
            problems.push(Problem::new(at.entry("basic"), message).at_key());
        }
        if self.headers.len() > MAX_HEADERS {
            let message = format!("more than {MAX_HEADERS} headers");
            problems.push(Problem::new(at.entry("headers"), message));
        }
        let mut headers = Vec::new();
        for (name, value) in self.headers {
            let path = at.entry("headers").entry(&name);
            let Ok(header) = HeaderName::try_from(name.as_str()) else {
                let message = format!("`{name}` is no header's name");
                problems.push(Problem::new(path, message).at_key());
                continue;
            };
            if matches!(&value, TextOrCredential::Text(t) if HeaderValue::from_str(t).is_err()) {
                problems.push(Problem::new(path, "a header's value has no control characters"));
                continue;
            }
            headers.push((header, value));
        }
        let url = url.filter(|_| problems.len() == before)?;
        let Self { bearer, basic, ca_file, .. } = self;
        Some(Access { url, bearer, basic, headers, ca_file })
    }
}

/// Reads an address over HTTP that holds no secret.
fn address(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|e| format!("it is no URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is not `http` or `https`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a password has no place here: give it by reference in `basic`".to_owned());
    }
    Ok(url)
}

impl Access {
    /// The host and port that are connected to.
    pub(crate) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        format!("{host}:{}", self.url.port_or_known_default().unwrap_or_default())
    }

    /// The address, without a password.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The address of `path` below this one.
    pub(super) fn below(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(url: &str) -> Given {
        Given {
            url: url.into(),
            bearer: None,
            basic: None,
            headers: BTreeMap::new(),
            ca_file: None,
        }
    }

    #[test]
    fn addresses_hold_no_password() {
        let rows = [
            ("plain", "http://127.0.0.1:9090", None),
            ("no address", "127.0.0.1", Some("url: it is no URL: relative URL without a base")),
            ("no HTTP", "ftp://x.example", Some("url: `ftp` is not `http` or `https`")),
            (
                "a password",
                "http://a:hunter2@x.example",
                Some("url: a password has no place here: give it by reference in `basic`"),
            ),
        ];
        for (row, url, problem) in rows {
            let mut problems = Vec::new();
            let access = given(url).check(&KeyPath::root(), &mut problems);
            assert_eq!(access.is_none(), problem.is_some(), "{row}");
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(said, problem.into_iter().collect::<Vec<_>>(), "{row}");
        }
    }

    #[test]
    fn the_interface_is_found_below_a_prefix() {
        let rows = [
            ("none", "http://x.example", "http://x.example/api/v1/query"),
            ("one", "http://x.example/prom/", "http://x.example/prom/api/v1/query"),
            ("a tenant", "http://x.example/p?t=1", "http://x.example/p/api/v1/query?t=1"),
        ];
        for (row, url, full) in rows {
            let access = given(url).check(&KeyPath::root(), &mut Vec::new()).expect(row);
            assert_eq!(access.below("/api/v1/query").as_str(), full, "{row}");
        }
    }
}
