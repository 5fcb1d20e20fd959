//! `hsts`: whether clients learn to come back over HTTPS only, and whether plain HTTP sends them there.
//!
//! It reads what a browser would keep (RFC 6797) at every address of every name. It does not ask whether a name is on
//! the browsers' preload lists, and sends nothing to a server whose certificate is not trusted.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod header;
#[cfg(test)]
mod live;
mod look;
mod preload;
mod verdict;

use std::net::IpAddr;
use std::path::PathBuf;

use futures_util::future::{join, join_all};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use reqwest::Url;
use rustls::ClientConfig;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::client::{self, Client, Pin};
use crate::dial;
use crate::probe::{Context, Probe};
use look::Look;

/// The most names of one probe.
const MAX_NAMES: usize = 32;
/// The most pairs of name and address that one look asks.
const MAX_LOOKS: usize = 128;

/// Settings of the `hsts` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The host that is asked: a name, since the header counts for nothing on an address. International names are
    /// written in their ASCII form (`xn--…`).
    pub host: String,
    /// Further names that are asked the same; the worst decides.
    #[serde(default)]
    pub names: Vec<String>,
    /// The path that is asked for; `/` if not given.
    #[serde(default = "root")]
    pub path: String,
    /// The port for HTTPS; 443 if not given.
    #[serde(default = "https")]
    pub port: u16,
    /// The port for plain HTTP; 80 if not given.
    #[serde(default = "http")]
    pub http_port: u16,
    /// Where to connect instead of the addresses of the names. For looking at the new load balancer before they point
    /// there.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

fn root() -> String {
    "/".to_owned()
}

fn https() -> u16 {
    443
}

fn http() -> u16 {
    80
}

/// A name and what is asked of it.
#[derive(Debug)]
struct Target {
    name: String,
    secure: Url,
    plain: Url,
}

/// The `hsts` probe; see the module's documentation.
#[derive(Debug)]
pub struct Hsts {
    targets: Vec<Target>,
    address: Option<IpAddr>,
    ca_file: Option<PathBuf>,
}

impl Probe for Hsts {
    const KIND: &'static str = "hsts";
    const EXAMPLE: &'static str = "\
host: shop.example
names: [www.shop.example, api.shop.example]
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if !settings.path.starts_with('/') || settings.path.contains('#') {
            problems.push(Problem::at("path", "a path begins with `/` and has no fragment"));
        }
        if settings.names.len() >= MAX_NAMES {
            let message = format!("more than {MAX_NAMES} names, the host included");
            problems.push(Problem::at("names", message));
        }
        let mut targets: Vec<Target> = Vec::new();
        let host = std::iter::once((KeyPath::root().entry("host"), &settings.host));
        let names = settings.names.iter().enumerate();
        let names = names.map(|(i, name)| (KeyPath::root().entry("names").index(i), name));
        for (path, name) in host.chain(names) {
            match target(name, &settings) {
                Err(why) => problems.push(Problem::new(path, why)),
                Ok(target) if targets.iter().any(|t| t.name == target.name) => {}
                Ok(target) => targets.push(target),
            }
        }
        if problems.is_empty() {
            Ok(Self { targets, address: settings.address, ca_file: settings.ca_file })
        } else {
            Err(problems)
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Text, Texts};
        let spec = ReadingSpec::new;
        vec![
            spec("present", Flag, "whether every name sends the header over HTTPS"),
            spec("valid", Flag, "whether clients keep what every name sends"),
            spec(
                "max_age",
                Number(Unit::Time),
                "for how long, at the shortest; zero if not at all",
            ),
            spec("include_subdomains", Flag, "whether it holds for all subdomains, everywhere"),
            spec("preload", Flag, "whether every name agrees to be on the browsers' lists"),
            spec("preload_eligible", Flag, "whether the host meets the rules of those lists"),
            spec("preload_faults", Texts, "which of the rules it does not meet"),
            spec("trusted", Flag, "whether clients trust every certificate"),
            spec("reason", Text, "why clients keep nothing; empty when they do"),
            spec(
                "redirects_to_https",
                Flag,
                "whether plain HTTP sends on to the same host for good",
            ),
            spec("redirect_keeps_path", Flag, "whether it keeps path and query"),
            spec("http_closed", Flag, "whether every port for plain HTTP is closed"),
            spec("http_guarded", Flag, "whether each of them is closed or sends on for good"),
            spec("looks", Number(Unit::One), "the addresses of all names that were asked"),
            spec("reachable", Number(Unit::Percent), "those that answered over HTTPS"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        let of = |url: &Url| {
            let port = url.port_or_known_default().unwrap_or_default();
            format!("{}:{port}", url.host_str().unwrap_or_default())
        };
        self.targets.iter().flat_map(|t| [of(&t.secure), of(&t.plain)]).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let tls = client::trust(self.ca_file.as_deref(), cx).await?;
        let found = join_all(self.targets.iter().map(|t| self.addresses(t, cx))).await;
        let mut looks = Vec::new();
        let mut pairs = Vec::new();
        for (target, found) in self.targets.iter().zip(found) {
            match found {
                Ok(found) => pairs.extend(found.into_iter().map(|ip| (target, ip))),
                Err(failure) => looks.push(Look {
                    name: target.name.clone(),
                    subject: target.name.clone(),
                    secure: Err(failure.clone()),
                    plain: Err(failure),
                }),
            }
        }
        if pairs.len() > MAX_LOOKS {
            let message =
                format!("the names have {} addresses, the most is {MAX_LOOKS}", pairs.len());
            return Err(Failure::new(Cause::BadResponse, message));
        }
        looks.extend(join_all(pairs.into_iter().map(|(t, ip)| ask(t, ip, &tls, cx))).await);
        cx.trail
            .untested("whether the host is one that its owner registered, as preload lists ask");
        cx.trail.untested("whether all subdomains speak HTTPS");
        let host = self.targets.first().map(|t| t.name.clone()).unwrap_or_default();
        verdict::read(looks, &host)
    }
}

impl Hsts {
    async fn addresses(&self, target: &Target, cx: &Context) -> Result<Vec<IpAddr>, Failure> {
        if let Some(address) = self.address {
            return Ok(vec![address]);
        }
        let found = dial::resolve(cx, &target.name, 0, cx.remaining().mul_f64(0.5)).await?;
        Ok(found.iter().map(std::net::SocketAddr::ip).collect())
    }
}

/// Asks one name at one address, over HTTPS and over plain HTTP at once.
async fn ask(target: &Target, address: IpAddr, tls: &ClientConfig, cx: &Context) -> Look {
    let pin = Pin { host: target.name.clone(), address };
    let (secure, plain) = match Client::new(tls, Some(pin), cx) {
        Ok(client) => {
            let secure = look::secure(&client, &target.secure);
            let plain = look::plain(&client, &target.plain, &target.secure);
            join(secure, plain).await
        }
        Err(failure) => (Err(failure.clone()), Err(failure)),
    };
    let subject = format!("{} at {address}", target.name);
    Look { name: target.name.clone(), subject, secure, plain }
}

fn target(name: &str, settings: &Settings) -> Result<Target, String> {
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err(format!("`{name}` is an address, where clients ignore the header"));
    }
    let url = |scheme: &str, port: u16| {
        let url: Url = format!("{scheme}://{name}:{port}{}", settings.path).parse().ok()?;
        // What a URL reads differently is no plain name.
        let plain = url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(name));
        (plain && client::literal(&url).is_none()).then_some(url)
    };
    match (url("https", settings.port), url("http", settings.http_port)) {
        (Some(secure), Some(plain)) => {
            Ok(Target { name: name.to_ascii_lowercase(), secure, plain })
        }
        _ => Err(format!("`{name}` is no name of a host")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let ignored = "is an address, where clients ignore the header";
        let rows = [
            ("no host", json!({"host": ""}), "host: `` is no name of a host".to_owned()),
            ("an address", json!({"host": "127.0.0.1"}), format!("host: `127.0.0.1` {ignored}")),
            ("version 6", json!({"host": "[::1]"}), format!("host: `[::1]` {ignored}")),
            ("a number", json!({"host": "127.1"}), "host: `127.1` is no name of a host".to_owned()),
            ("a URL", json!({"host": "x/y"}), "host: `x/y` is no name of a host".to_owned()),
            (
                "a user",
                json!({"host": "x.example", "names": ["y.example", "a@x.example"]}),
                "names[1]: `a@x.example` is no name of a host".to_owned(),
            ),
            (
                "a path",
                json!({"host": "x.example", "path": "a"}),
                "path: a path begins with `/` and has no fragment".to_owned(),
            ),
        ];
        for (row, settings, said) in rows {
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Hsts::new(settings).expect_err(row);
            assert!(problems.iter().any(|p| p.to_string() == said), "{row}: {problems:?}");
        }
    }
}
