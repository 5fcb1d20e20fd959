//! `check_host()` of RFC 7208, section 4: what a domain says of an address, within the limits on questions.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use hickory_resolver::proto::rr::{RData, RecordType};
use launchgate_core::observation::Failure;

use super::macros::{Spec, Values};
use super::record::{self, Mechanism, Prefix, Qualifier, Record};
use crate::mail_auth::names::{Names, addresses, plain, reverse, texts};
use crate::mail_auth::question;

/// The most terms that ask questions.
pub(super) const MAX_LOOKUPS: usize = 10;
/// The most questions that may come to nothing.
const MAX_VOIDS: usize = 2;
/// The most names of one `mx` or `ptr`.
const MAX_NAMES: usize = 10;

/// What a domain says of an address, from best to worst for one that is meant to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// It may send.
    Pass,
    /// Nothing is said.
    Neutral,
    /// It should rather not send.
    SoftFail,
    /// It may not send.
    Fail,
    /// There is no record.
    None,
    /// The record is spoilt.
    PermError,
}

impl Verdict {
    /// Its name in the RFC.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Neutral => "neutral",
            Self::SoftFail => "softfail",
            Self::Fail => "fail",
            Self::None => "none",
            Self::PermError => "permerror",
        }
    }
}

impl From<Qualifier> for Verdict {
    fn from(qualifier: Qualifier) -> Self {
        match qualifier {
            Qualifier::Pass => Self::Pass,
            Qualifier::Fail => Self::Fail,
            Qualifier::SoftFail => Self::SoftFail,
            Qualifier::Neutral => Self::Neutral,
        }
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    /// From which address.
    pub(super) ip: IpAddr,
    /// In whose name, `local@domain`.
    pub(super) mailbox: &'a str,
    /// The name that it greets with.
    pub(super) helo: &'a str,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    /// The verdict.
    pub(super) verdict: Verdict,
    /// Why the record is spoilt; empty otherwise.
    pub(super) why: String,
    /// The terms that asked questions.
    pub(super) lookups: usize,
    /// The questions that came to nothing.
    pub(super) voids: usize,
    /// Whether `ptr` was used.
    pub(super) uses_ptr: bool,
}

/// Asks what `domain` says of a sender.
///
/// # Errors
/// The RFC's *temperror*: a question that nobody answered.
pub(super) async fn check_host(
    names: &impl Names,
    sender: Sender<'_>,
    domain: &str,
) -> Result<Checked, Failure> {
    let sender = Sender { ip: sender.ip.to_canonical(), ..sender };
    let mut checker =
        Checker { names, sender, lookups: 0, voids: 0, uses_ptr: false, proven: None };
    let (verdict, why) = match checker.check(domain.to_owned()).await {
        Ok(verdict) => (verdict, String::new()),
        Err(Stop::Spoilt(why)) => (Verdict::PermError, why),
        Err(Stop::Unknown(failure)) => return Err(failure),
    };
    let Checker { lookups, voids, uses_ptr, .. } = checker;
    Ok(Checked { verdict, why, lookups, voids, uses_ptr })
}

/// Why a check ended early.
enum Stop {
    /// *permerror*.
    Spoilt(String),
    /// *temperror*.
    Unknown(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Unknown(failure)
    }
}

type Walk<'w> = Pin<Box<dyn Future<Output = Result<Verdict, Stop>> + Send + 'w>>;

struct Checker<'c, N> {
    names: &'c N,
    sender: Sender<'c>,
    lookups: usize,
    voids: usize,
    uses_ptr: bool,
    proven: Option<Vec<String>>,
}

impl<N: Names> Checker<'_, N> {
    /// The check for one domain; those of others are reached through it, no deeper than the limit on look-ups.
    fn check(&mut self, domain: String) -> Walk<'_> {
        Box::pin(async move {
            let Some(record) = self.record(&domain).await? else { return Ok(Verdict::None) };
            for (qualifier, mechanism) in &record.directives {
                if self.matches(mechanism, &domain).await? {
                    return Ok((*qualifier).into());
                }
            }
            let Some(spec) = &record.redirect else { return Ok(Verdict::Neutral) };
            self.count()?;
            let target = self.expand(spec, &domain).await?;
            match self.check(target.clone()).await? {
                Verdict::None => Err(Stop::Spoilt(format!("`{target}` has no record"))),
                verdict => Ok(verdict),
            }
        })
    }

    async fn record(&self, domain: &str) -> Result<Option<Record>, Stop> {
        let labels = domain.trim_end_matches('.').split('.').count();
        if labels < 2 || question::name(domain).is_none() {
            return Ok(None);
        }
        let texts = texts(self.names, domain).await?;
        let mut records = texts.iter().filter(|text| record::is_record(text));
        match (records.next(), records.next()) {
            (None, _) => Ok(None),
            (Some(only), None) => match record::parse(only) {
                Ok(record) => Ok(Some(record)),
                Err(slip) => Err(Stop::Spoilt(format!("in the record of `{domain}`, {slip}"))),
            },
            (Some(_), Some(_)) => Err(Stop::Spoilt(format!("`{domain}` has several records"))),
        }
    }

    /// Counts a term that asks questions.
    fn count(&mut self) -> Result<(), Stop> {
        self.lookups += 1;
        if self.lookups > MAX_LOOKUPS {
            let why = format!("it takes more than {MAX_LOOKUPS} look-ups");
            return Err(Stop::Spoilt(why));
        }
        Ok(())
    }

    /// The records at a name, and counts it if there are none. What can be no name has none, and is not asked for.
    async fn ask(&mut self, name: &str, kind: RecordType) -> Result<Vec<RData>, Stop> {
        if question::name(name).is_none() {
            return Ok(Vec::new());
        }
        let answer = self.names.ask(name, kind).await?;
        if answer.records.is_empty() {
            self.voids += 1;
            if self.voids > MAX_VOIDS {
                let why = format!("more than {MAX_VOIDS} of its look-ups come to nothing");
                return Err(Stop::Spoilt(why));
            }
        }
        Ok(answer.records)
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, Stop> {
        let ip = self.sender.ip;
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, length) => {
                Ok(within(ip, IpAddr::V4(*network), Prefix { four: *length, six: 128 }))
            }
            Mechanism::Ip6(network, length) => {
                Ok(within(ip, IpAddr::V6(*network), Prefix { four: 32, six: *length }))
            }
            Mechanism::Include(spec) => {
                self.count()?;
                let target = self.expand(spec, domain).await?;
                match self.check(target.clone()).await? {
                    Verdict::Pass => Ok(true),
                    Verdict::None => {
                        Err(Stop::Spoilt(format!("the included `{target}` has no record")))
                    }
                    _ => Ok(false),
                }
            }
            Mechanism::A(spec, prefix) => {
                self.count()?;
                let target = self.target(spec.as_ref(), domain).await?;
                self.resolves_to(&target, *prefix).await
            }
            Mechanism::Mx(spec, prefix) => {
                self.count()?;
                let target = self.target(spec.as_ref(), domain).await?;
                self.exchanges_to(&target, *prefix).await
            }
            Mechanism::Exists(spec) => {
                self.count()?;
                let target = self.expand(spec, domain).await?;
                Ok(!self.ask(&target, RecordType::A).await?.is_empty())
            }
            Mechanism::Ptr(spec) => {
                self.count()?;
                self.uses_ptr = true;
                let target = self.target(spec.as_ref(), domain).await?;
                let proven = self.proven().await?;
                Ok(proven.iter().any(|name| is_within(name, &target)))
            }
        }
    }

    async fn target(&mut self, spec: Option<&Spec>, domain: &str) -> Result<String, Stop> {
        match spec {
            Some(spec) => self.expand(spec, domain).await,
            None => Ok(domain.to_owned()),
        }
    }

    async fn resolves_to(&mut self, name: &str, prefix: Prefix) -> Result<bool, Stop> {
        let ip = self.sender.ip;
        let kind = if ip.is_ipv4() { RecordType::A } else { RecordType::AAAA };
        let records = self.ask(name, kind).await?;
        Ok(addresses(&records).any(|network| within(ip, network, prefix)))
    }

    async fn exchanges_to(&mut self, name: &str, prefix: Prefix) -> Result<bool, Stop> {
        let records = self.ask(name, RecordType::MX).await?;
        let hosts: Vec<String> = records
            .iter()
            .filter_map(|data| match data {
                RData::MX(mx) => Some(plain(&mx.exchange)),
                _ => None,
            })
            .collect();
        if hosts.len() > MAX_NAMES {
            let why = format!("`{name}` has more than {MAX_NAMES} mail exchangers");
            return Err(Stop::Spoilt(why));
        }
        for host in hosts {
            if self.resolves_to(&host, prefix).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The names that the address proves to have: those of its reverse zone that lead back to it.
    async fn proven(&mut self) -> Result<Vec<String>, Stop> {
        if let Some(proven) = &self.proven {
            return Ok(proven.clone());
        }
        let ip = self.sender.ip;
        let records = match self.ask(&reverse(ip), RecordType::PTR).await {
            // Silence in the reverse zone proves nothing, and spoils nothing.
            Err(Stop::Unknown(_)) => Vec::new(),
            other => other?,
        };
        let mut proven = Vec::new();
        let names = records.iter().filter_map(|data| match data {
            RData::PTR(name) => Some(plain(&name.0)),
            _ => None,
        });
        for name in names.take(MAX_NAMES) {
            match self.resolves_to(&name, Prefix { four: 32, six: 128 }).await {
                Ok(true) => proven.push(name),
                Ok(false) | Err(Stop::Unknown(_)) => {}
                Err(spoilt @ Stop::Spoilt(_)) => return Err(spoilt),
            }
        }
        self.proven = Some(proven.clone());
        Ok(proven)
    }

    async fn expand(&mut self, spec: &Spec, domain: &str) -> Result<String, Stop> {
        let proven = if spec.needs_proof() { self.proven().await? } else { Vec::new() };
        let same = proven.iter().find(|name| name.eq_ignore_ascii_case(domain));
        let below = || proven.iter().find(|name| is_within(name, domain));
        let proven = same.or_else(below).or(proven.first()).map_or("unknown", String::as_str);
        let Sender { ip, mailbox, helo } = self.sender;
        Ok(spec.expand(&Values { sender: mailbox, domain, ip, helo, proven }))
    }
}

/// Whether a name is a domain or lies below it.
fn is_within(name: &str, domain: &str) -> bool {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    match name.to_ascii_lowercase().strip_suffix(&domain) {
        Some(rest) => rest.is_empty() || rest.ends_with('.'),
        None => false,
    }
}

/// Whether an address lies in a network of its own version.
fn within(ip: IpAddr, network: IpAddr, prefix: Prefix) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.four)).unwrap_or(0);
            (ip.to_bits() ^ network.to_bits()) & mask == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.six)).unwrap_or(0);
            (ip.to_bits() ^ network.to_bits()) & mask == 0
        }
        _ => false,
    }
}
