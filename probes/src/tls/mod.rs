//! `tls`: the certificate that every address of a host presents: how long it lasts, for whom it holds, who vouches.
//!
//! It completes one handshake per address and sends nothing over it. Of revocation it knows what the server staples;
//! it looks neither at weaker protocols that a server may offer beside the one agreed on, nor at what is served.

pub(crate) mod certificate;
mod chain;
mod der;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod handshake;
mod lifetime;
#[cfg(test)]
mod live;
mod ocsp;
mod verdict;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, Readings};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::dial;
use crate::probe::{Context, Probe};
use handshake::Hello;
use lifetime::When;
use verdict::{Looked, Nameless};

/// The largest file of extra roots, in bytes.
const MAX_CA_FILE: u64 = 1024 * 1024;
/// The most names that one certificate may be asked to cover.
const MAX_NAMES: usize = 200;
/// For how many days after the go-live a certificate must last if the settings do not say.
const DAYS: u16 = 90;
/// The most days that can be asked for.
const MAX_DAYS: u16 = 825;

/// Settings of the `tls` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The host whose certificate is looked at: a name or an address. International names are written in their ASCII
    /// form (`xn--…`).
    pub host: String,
    /// The port; 443 if not given.
    #[serde(default = "https")]
    pub port: u16,
    /// Where to connect instead of the addresses of the host: `ip` or `ip:port`, one or a list. For looking at the new
    /// load balancer before the name points there.
    #[serde(default)]
    pub address: Option<OneOrMany>,
    /// The names that the certificate must cover besides the server's own; a wildcard must be in it literally.
    #[serde(default)]
    pub names: Vec<String>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The name that is asked for and judged by (SNI), where it is not the host.
    #[serde(default)]
    pub server_name: Option<String>,
    /// How many days after the go-live (or after now, where none is planned) a path to a root must still be valid, for
    /// `valid_later`, `required` and `policy_unsatisfiable`; 90 if not given, 825 at most.
    #[serde(default = "days")]
    pub min_days: u16,
    /// Whether each address is also asked without a name, as clients without SNI ask: one more handshake for each.
    #[serde(default)]
    pub without_sni: bool,
}

/// One text or a list of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// A list.
    Many(Vec<String>),
}

fn https() -> u16 {
    443
}

fn days() -> u16 {
    DAYS
}

/// The `tls` probe; see the module's documentation.
#[derive(Debug)]
pub struct Tls {
    host: String,
    port: u16,
    addresses: Vec<SocketAddr>,
    server_name: ServerName<'static>,
    names: Vec<String>,
    ca_file: Option<PathBuf>,
    needed: Duration,
    without_sni: bool,
    provider: Arc<CryptoProvider>,
}

impl Probe for Tls {
    const KIND: &'static str = "tls";
    const EXAMPLE: &'static str = "\
host: shop.example
names: [shop.example, www.shop.example]
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let addresses = addresses(settings.address, settings.port, &mut problems);
        let asked = settings.server_name.as_ref().unwrap_or(&settings.host);
        let key = if settings.server_name.is_some() { "server_name" } else { "host" };
        let server_name = ServerName::try_from(asked.clone()).ok();
        if server_name.is_none() {
            problems.push(Problem::at(key, format!("`{asked}` is neither a name nor an address")));
        }
        if settings.min_days > MAX_DAYS {
            problems.push(Problem::at("min_days", format!("more than {MAX_DAYS} days")));
        }
        if settings.names.len() > MAX_NAMES {
            let message = format!("{} names are more than {MAX_NAMES}", settings.names.len());
            problems.push(Problem::at("names", message));
        }
        for (i, name) in settings.names.iter().enumerate() {
            if ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_err() {
                let path = KeyPath::root().entry("names").index(i);
                problems
                    .push(Problem::new(path, format!("`{name}` is neither a name nor an address")));
            }
        }
        let mut names = settings.names;
        if !names.iter().any(|name| name.eq_ignore_ascii_case(asked)) {
            names.push(asked.clone());
        }
        match server_name {
            Some(server_name) if problems.is_empty() => Ok(Self {
                host: settings.host,
                port: settings.port,
                addresses,
                server_name,
                names,
                ca_file: settings.ca_file,
                needed: Duration::from_secs(u64::from(settings.min_days) * 86_400),
                without_sni: settings.without_sni,
                provider: Arc::new(aws_lc_rs::default_provider()),
            }),
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        verdict::specs()
    }

    fn hosts(&self) -> Vec<String> {
        vec![format!("{}:{}", self.host, self.port)]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        // The rest of the time is for telling which addresses were silent.
        let within = cx.remaining().mul_f64(0.9);
        let roots = self.roots(cx).await?;
        let addresses = if self.addresses.is_empty() {
            dial::resolve(cx, &self.host, self.port, within / 2).await?
        } else {
            self.addresses.clone()
        };
        let left = cx.remaining().mul_f64(0.9);
        let looks = addresses.into_iter().map(|address| self.look(address, &roots, cx, left));
        if !self.without_sni {
            cx.trail.untested("what clients that tell no name (SNI) get: ask by `without_sni`");
        }
        cx.trail.untested("revocation, other than by what the server staples");
        verdict::read(&join_all(looks).await, self.when(cx))
    }
}

impl Tls {
    fn when(&self, cx: &Context) -> When {
        When { now: cx.now, go_live: cx.go_live, needed: self.needed }
    }

    async fn look(
        &self,
        address: SocketAddr,
        roots: &RootCertStore,
        cx: &Context,
        within: Duration,
    ) -> Looked {
        let hello = |tells_name| Hello {
            name: self.server_name.clone(),
            tells_name,
            provider: self.provider.clone(),
        };
        let server_name = self.server_name.to_str();
        let until = Instant::now() + within;
        let share = if self.without_sni { within / 2 } else { within };
        let outcome = handshake::shake(cx, address, hello(true), share).await;
        let judge = certificate::Judge {
            roots,
            algorithms: self.provider.signature_verification_algorithms,
            when: self.when(cx),
            server_name: &server_name,
            names: &self.names,
        };
        let outcome = outcome.and_then(|presented| {
            let facts = certificate::read(&presented.chain, &presented.staple, &judge)?;
            Ok((presented.protocol, facts))
        });
        let nameless = if self.without_sni && outcome.is_ok() {
            let left = until.saturating_duration_since(Instant::now());
            let presented = handshake::shake(cx, address, hello(false), left).await;
            let facts = presented.and_then(|p| certificate::read(&p.chain, &p.staple, &judge));
            Nameless::of(facts)
        } else {
            Nameless::NotAsked
        };
        Looked { address, outcome, nameless }
    }

    /// The public roots, and those of `ca_file`.
    async fn roots(&self, cx: &Context) -> Result<RootCertStore, Failure> {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let Some(file) = &self.ca_file else { return Ok(roots) };
        let path = cx.folder.join(file);
        let fail = |why: &dyn std::fmt::Display| {
            Failure::new(Cause::LocalFault, format!("the file of roots {}: {why}", path.display()))
        };
        let mut pem = Vec::new();
        let opened = tokio::fs::File::open(&path).await.map_err(|e| fail(&e))?;
        opened.take(MAX_CA_FILE + 1).read_to_end(&mut pem).await.map_err(|e| fail(&e))?;
        if pem.len() as u64 > MAX_CA_FILE {
            return Err(fail(&"it is larger than 1 MiB"));
        }
        let mut added = 0_usize;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|e| fail(&e))?;
            roots.add(certificate).map_err(|e| fail(&e))?;
            added += 1;
        }
        if added == 0 {
            return Err(fail(&"it holds no certificate"));
        }
        Ok(roots)
    }
}

pub(crate) fn addresses(
    given: Option<OneOrMany>,
    port: u16,
    problems: &mut Vec<Problem>,
) -> Vec<SocketAddr> {
    let texts = match given {
        None => return Vec::new(),
        Some(OneOrMany::One(one)) => vec![one],
        Some(OneOrMany::Many(many)) => many,
    };
    if texts.is_empty() || texts.len() > dial::MAX_ADDRESSES {
        let message = format!("give between 1 and {} addresses", dial::MAX_ADDRESSES);
        problems.push(Problem::at("address", message));
    }
    let mut read = Vec::new();
    for text in texts {
        match dial::parse_address(&text, port) {
            Some(address) => read.push(address),
            None => problems.push(
                Problem::at("address", format!("`{text}` is no address"))
                    .hint("write it like `203.0.113.10` or `203.0.113.10:8443`"),
            ),
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let rows = [
            ("no host", json!({"host": ""}), "host: `` is neither a name nor an address"),
            (
                "another name to ask for",
                json!({"host": "x.example", "server_name": "a b"}),
                "server_name: `a b` is neither a name nor an address",
            ),
            (
                "a name among many",
                json!({"host": "x.example", "names": ["*.x.example", "a b"]}),
                "names[1]: `a b` is neither a name nor an address",
            ),
            (
                "too many days",
                json!({"host": "x.example", "min_days": 826}),
                "min_days: more than 825 days",
            ),
            (
                "a name for an address",
                json!({"host": "x.example", "address": "y.example"}),
                "address: `y.example` is no address (write it like `203.0.113.10` or `203.0.113.10:8443`)",
            ),
        ];
        for (row, settings, said) in rows {
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Tls::new(settings).expect_err(row);
            assert_eq!(
                problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
                [said],
                "{row}"
            );
        }
    }
}
