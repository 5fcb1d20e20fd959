//! `tls_grade`: what every address of a host would be graded by the published rules of SSL Labs, and why.
//!
//! It asks for versions, suites and groups with hellos of its own, completes one handshake for certificate and HSTS, and
//! grades what it saw. It sends no forged message: a flaw that only such a one would show is ruled out by what the server
//! offers, or leaves the grade a range. It does not look at revocation.

mod answer;
mod chain;
mod clients;
mod exchange;
mod facts;
mod flaws;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod grade;
mod hello;
#[cfg(test)]
mod live;
mod pem;
mod rating;
mod rules;
mod scan;
mod score;
mod session;
mod suite;
mod suite_table;
mod verdict;
mod version;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::join;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, Readings};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::timeout;

use crate::dial;
use crate::probe::{Context, Probe};
use crate::tls::{self, OneOrMany};
use exchange::Line;
use facts::{Certificate, Facts, Hsts};
pub use flaws::Flaw;
use rules::Holds;
use scan::{Found, Scan};
use verdict::{Graded, Looked};
use version::Version;

/// The addresses that are asked at a time.
const ADDRESSES_AT_A_TIME: usize = 4;
/// The most different leaves of one address.
const MAX_LEAVES: usize = 8;
/// The most connections that may begin each second.
const MAX_PER_SECOND: u32 = 200;

/// Settings of the `tls_grade` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The host that is graded: a name or an address. International names are written in their ASCII form (`xn--…`).
    pub host: String,
    /// The port; 443 if not given.
    #[serde(default = "https")]
    pub port: u16,
    /// Where to connect instead of the addresses of the host: `ip` or `ip:port`, one or a list.
    #[serde(default)]
    pub address: Option<OneOrMany>,
    /// The path whose answer is asked for HSTS; `/` if not given.
    #[serde(default = "root")]
    pub path: String,
    /// The edition of the rules: `2009r`, which is the default, or `2009q`, which does not ask for TLS 1.3.
    #[serde(default)]
    pub criteria: Criteria,
    /// Whether an `A+` needs `TLS_FALLBACK_SCSV` even where TLS 1.3 or a lone version makes it idle.
    #[serde(default)]
    pub strict_ssllabs: bool,
    /// The flaws that another test has ruled out. They count as absent.
    #[serde(default)]
    pub excluded: Vec<Flaw>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A PEM file of intermediates that clients come by even if the server does not send them.
    #[serde(default)]
    pub intermediates_file: Option<PathBuf>,
    /// How many connections to one address may begin each second; 20 if not given, 200 at most.
    #[serde(default = "pace")]
    pub per_second: u32,
}

/// An edition of the rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Criteria {
    /// Of January 2020.
    #[serde(rename = "2009q")]
    Q,
    /// Of May 2025: without TLS 1.3 no better than `A-`.
    #[default]
    #[serde(rename = "2009r")]
    R,
}

impl Criteria {
    fn name(self) -> &'static str {
        match self {
            Self::Q => "2009q",
            Self::R => "2009r",
        }
    }
}

/// How the rules are read.
#[derive(Debug, Clone, Copy)]
struct Reading {
    criteria: Criteria,
    strict: bool,
}

fn https() -> u16 {
    443
}

fn root() -> String {
    "/".to_owned()
}

fn pace() -> u32 {
    20
}

/// The `tls_grade` probe; see the module's documentation.
#[derive(Debug)]
pub struct TlsGrade {
    settings: Settings,
    addresses: Vec<SocketAddr>,
    server_name: ServerName<'static>,
    provider: Arc<CryptoProvider>,
}

/// What chains are judged by.
struct Trusted {
    roots: RootCertStore,
    known: Vec<CertificateDer<'static>>,
}

impl Probe for TlsGrade {
    const KIND: &'static str = "tls_grade";
    const EXAMPLE: &'static str = "host: shop.example\n";
    type Settings = Settings;

    fn new(mut settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let given = settings.address.take();
        let addresses = tls::addresses(given, settings.port, &mut problems);
        let server_name = ServerName::try_from(settings.host.clone()).ok();
        if server_name.is_none() {
            let message = format!("`{}` is neither a name nor an address", settings.host);
            problems.push(Problem::at("host", message));
        }
        let plain = settings.path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !settings.path.starts_with('/') || !plain || settings.path.len() > 2_000 {
            problems.push(Problem::at("path", "a path begins with `/` and has no blanks"));
        }
        if !(1..=MAX_PER_SECOND).contains(&settings.per_second) {
            let message = format!("give between 1 and {MAX_PER_SECOND} connections a second");
            problems.push(Problem::at("per_second", message));
        }
        match server_name {
            Some(server_name) if problems.is_empty() => {
                let provider = Arc::new(aws_lc_rs::default_provider());
                Ok(Self { settings, addresses, server_name, provider })
            }
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        verdict::specs()
    }

    fn hosts(&self) -> Vec<String> {
        vec![format!("{}:{}", self.settings.host, self.settings.port)]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let trusted = self.trusted(cx).await?;
        let addresses = if self.addresses.is_empty() {
            let within = cx.remaining().mul_f64(0.3);
            dial::resolve(cx, &self.settings.host, self.settings.port, within).await?
        } else {
            self.addresses.clone()
        };
        cx.trail.untested("revocation of certificates");
        let looks = addresses.into_iter().map(|address| self.look(address, &trusted, cx));
        let looks: Vec<Looked> =
            futures_util::stream::iter(looks).buffered(ADDRESSES_AT_A_TIME).collect().await;
        verdict::read(looks, self.settings.criteria.name())
    }
}

impl TlsGrade {
    async fn trusted(&self, cx: &Context) -> Result<Trusted, Failure> {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        if let Some(file) = &self.settings.ca_file {
            for root in pem::read(file, cx).await? {
                let added = roots.add(root);
                added.map_err(|e| Failure::new(Cause::LocalFault, format!("`ca_file`: {e}")))?;
            }
        }
        let known = match &self.settings.intermediates_file {
            Some(file) => pem::read(file, cx).await?,
            None => Vec::new(),
        };
        Ok(Trusted { roots, known })
    }

    async fn look(&self, address: SocketAddr, trusted: &Trusted, cx: &Context) -> Looked {
        let line = Line::new(cx, address, self.settings.per_second);
        // The rest of the time is for telling how far it came.
        let outcome = match timeout(cx.remaining().mul_f64(0.95), self.grade(&line, trusted)).await
        {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(
                Cause::Timeout,
                format!("{address}: not done in time, after {} connections", line.asked()),
            )),
        };
        Looked { address, outcome }
    }

    async fn grade(&self, line: &Line<'_>, trusted: &Trusted) -> Result<Graded, Failure> {
        let name = match &self.server_name {
            ServerName::DnsName(name) => Some(name.as_ref().trim_end_matches('.')),
            _ => None,
        };
        let scan = Scan { line, name, provider: &self.provider };
        let host = match self.settings.port {
            443 => self.settings.host.clone(),
            port => format!("{}:{port}", self.settings.host),
        };
        let provider = self.provider.clone();
        let session = session::open(line, &self.server_name, &host, &self.settings.path, provider);
        let (found, session) = join(scan.run(), session).await;
        let found = found?;
        let (chain, hsts) = match session {
            Ok(session) => (session.chain, session.hsts),
            Err(failure) => (Vec::new(), Hsts::Open(failure.to_string())),
        };
        let certificates = self.certificates(&found, &chain, trusted, line.cx);
        let groups_known = found.groups_known;
        let facts = facts(found, certificates, hsts, self.settings.excluded.clone());
        let Settings { criteria, strict_ssllabs: strict, .. } = self.settings;
        let rating = rating::rate(&facts, Reading { criteria, strict });
        for open in rating.rulings.iter().filter(|r| matches!(r.holds, Holds::Open(_))) {
            line.cx.trail.untested(open.to_string());
        }
        Ok(Graded { facts, groups_known, rating, connections: line.asked() })
    }

    /// Every chain with a leaf of its own, of all the flights and of the handshake.
    fn certificates(
        &self,
        found: &Found,
        chain: &[Vec<u8>],
        trusted: &Trusted,
        cx: &Context,
    ) -> Vec<Certificate> {
        let judge = chain::Judge {
            roots: &trusted.roots,
            known: &trusted.known,
            algorithms: self.provider.signature_verification_algorithms,
            now: cx.now,
            name: &self.settings.host,
        };
        let mut chains: Vec<&[Vec<u8>]> = Vec::new();
        let flights = found.flights.iter().map(|flight| flight.chain.as_slice());
        for chain in flights.chain([chain]) {
            let known = chains.iter().any(|other| other.first() == chain.first());
            if !chain.is_empty() && !known && chains.len() < MAX_LEAVES {
                chains.push(chain);
            }
        }
        chains.into_iter().map(|chain| chain::read(chain, &judge)).collect()
    }
}

fn facts(found: Found, certificates: Vec<Certificate>, hsts: Hsts, excluded: Vec<Flaw>) -> Facts {
    let older = || found.flights.iter().filter(|flight| flight.version < Version::Tls13);
    Facts {
        renegotiation: older().next().is_some().then(|| older().all(|f| f.renegotiation)),
        compression: older().any(|f| f.compression),
        heartbeat: found.flights.iter().any(|f| f.heartbeat),
        tickets: older().any(|f| f.ticket),
        extended_master_secret: older().any(|f| f.extended_master_secret),
        versions: found.versions,
        tables: found.tables,
        groups: found.groups,
        fallback: found.fallback,
        certificates,
        hsts,
        excluded,
    }
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
                "a path",
                json!({"host": "x.example", "path": "a b"}),
                "path: a path begins with `/` and has no blanks",
            ),
            (
                "a pace",
                json!({"host": "x.example", "per_second": 0}),
                "per_second: give between 1 and 200 connections a second",
            ),
        ];
        for (row, settings, said) in rows {
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = TlsGrade::new(settings).expect_err(row);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [said], "{row}");
        }
        let unknown = json!({"host": "x.example", "criteria": "2009z"});
        assert!(crate::strict::read::<Settings>(unknown).is_err());
    }
}
