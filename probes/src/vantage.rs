//! From where a probe looks: a local address to connect from, resolvers to ask, a proxy to go through.
//!
//! A launch file names its vantages; a check picks one by `from`. Without one a probe looks from this host as it is.

use std::net::{IpAddr, SocketAddr};

use launchgate_core::problem::{KeyPath, Problem};
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::dial;

/// The most resolvers of one vantage.
const MAX_RESOLVERS: usize = 16;

/// The settings of a vantage, as they stand in a launch file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address of this host that connections come from.
    #[serde(default)]
    pub local_address: Option<String>,
    /// The resolvers, `ip` or `ip:port`, that are asked for the addresses of names, in order.
    #[serde(default)]
    pub resolvers: Vec<String>,
    /// The HTTP proxy that requests go through, such as `http://proxy.eu.example:3128`. It resolves the names itself,
    /// and only what speaks HTTP goes through it.
    #[serde(default)]
    pub proxy: Option<String>,
}

/// A place to look from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vantage {
    /// Its name; empty for this host as it is.
    pub name: String,
    /// The local address that connections come from.
    pub local_address: Option<IpAddr>,
    /// Who resolves names; the system's own resolver if empty.
    pub resolvers: Vec<SocketAddr>,
    /// The proxy for HTTP.
    pub proxy: Option<Url>,
}

impl Vantage {
    /// Reads the settings of the vantage `name`.
    ///
    /// # Errors
    /// Every setting that cannot be, with its path relative to the vantage.
    pub fn read(name: &str, settings: &Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let local_address = settings.local_address.as_ref().and_then(|text| {
            let address = text.parse().ok();
            if address.is_none() {
                problems.push(Problem::at("local_address", format!("`{text}` is no address")));
            }
            address
        });
        let mut resolvers = Vec::new();
        for (i, text) in settings.resolvers.iter().enumerate() {
            if let Some(address) = dial::parse_address(text, 53) {
                resolvers.push(address);
                continue;
            }
            let path = KeyPath::root().entry("resolvers").index(i);
            let problem = Problem::new(path, format!("`{text}` is no address"));
            problems.push(problem.hint("write it like `192.0.2.53` or `192.0.2.53:5353`"));
        }
        if resolvers.len() > MAX_RESOLVERS {
            problems.push(Problem::at("resolvers", format!("more than {MAX_RESOLVERS} resolvers")));
        }
        let proxy = settings.proxy.as_ref().and_then(|text| {
            let url = Url::parse(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
            if url.is_none() {
                problems.push(
                    Problem::at("proxy", "it is no address of an HTTP proxy")
                        .hint("write it like `http://proxy.example:3128`"),
                );
            }
            url
        });
        if problems.is_empty() {
            Ok(Self { name: name.to_owned(), local_address, resolvers, proxy })
        } else {
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_are_refused_with_their_place() {
        let settings = Settings {
            local_address: Some("eth0".to_owned()),
            resolvers: vec!["192.0.2.53".to_owned(), "dns.example".to_owned()],
            proxy: Some("proxy.example".to_owned()),
        };
        let problems = Vantage::read("eu", &settings).expect_err("three are wrong");
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "local_address: `eth0` is no address",
                "resolvers[1]: `dns.example` is no address (write it like `192.0.2.53` or `192.0.2.53:5353`)",
                "proxy: it is no address of an HTTP proxy (write it like `http://proxy.example:3128`)",
            ]
        );
    }
}
