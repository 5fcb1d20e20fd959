//! The rules that cap a grade whatever the score, each with the criteria since when it counts.
//!
//! A rule holds, does not, cannot (something else that was seen rules it out), or is open since something got no answer.

use std::fmt;
use std::time::Duration;

use super::clients;
use super::facts::{Answered, Certificate, Digest, Facts, Fallback, Hsts, Key, Order, Trust};
use super::flaws::Flaw;
use super::grade::Grade;
use super::suite::{Exchange, Suite};
use super::version::Version;
use super::{Criteria, Reading};

/// How long clients have to keep to HTTPS for an `A+`.
const LONG: Duration = Duration::from_secs(180 * 86_400);

/// Whether a rule holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    /// It does: what was seen.
    Yes(String),
    /// It does not.
    No,
    /// It cannot, though it was not tested: why.
    Never(&'static str),
    /// It is not known: why.
    Open(String),
}

/// A rule and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ruling {
    /// The best grade where it holds.
    pub(super) cap: Grade,
    /// The edition since when it counts; the date or year where no edition is named for it.
    since: &'static str,
    says: &'static str,
    pub(super) holds: Holds,
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at best: {} (since {})", self.cap, self.says, self.since)?;
        match &self.holds {
            Holds::Yes(seen) | Holds::Open(seen) if !seen.is_empty() => write!(f, ": {seen}"),
            Holds::Never(why) => write!(f, ": {why}"),
            Holds::Yes(_) | Holds::Open(_) | Holds::No => Ok(()),
        }
    }
}

fn rule(cap: Grade, since: &'static str, says: &'static str, holds: Holds) -> Ruling {
    Ruling { cap, since, says, holds }
}

/// Every rule of the criteria, and whether it holds.
pub(super) fn rulings(facts: &Facts, reading: Reading) -> Vec<Ruling> {
    let mut all = protocols(facts, reading.criteria);
    all.extend(suites(facts));
    all.extend(negotiated(facts));
    all.extend(keys(facts));
    all.extend(Flaw::ALL.map(|flaw| {
        let (says, since) = flaw.says();
        rule(Grade::F, since, says, flaw.holds(facts))
    }));
    all.extend(exemplary(facts, reading.strict));
    all
}

fn offered(facts: &Facts, version: Version) -> Holds {
    answered(facts.version(version), version.name())
}

fn answered(answered: Answered, what: &str) -> Holds {
    match answered {
        Answered::Offered => Holds::Yes(what.to_owned()),
        Answered::Absent => Holds::No,
        Answered::Open => Holds::Open("no answer came".to_owned()),
    }
}

/// Either holds.
fn either(one: Holds, other: Holds) -> Holds {
    match (one, other) {
        (Holds::Yes(one), Holds::Yes(other)) => Holds::Yes(format!("{one}, {other}")),
        (yes @ Holds::Yes(_), _) | (_, yes @ Holds::Yes(_)) => yes,
        (open @ Holds::Open(_), _) | (_, open @ Holds::Open(_)) => open,
        (other, Holds::No | Holds::Never(_)) => other,
    }
}

/// Nothing as new as `first` is offered.
fn nothing_from(facts: &Facts, first: Version) -> Holds {
    let new = |known| facts.versions(known).any(|v| v >= first);
    if new(Answered::Offered) {
        Holds::No
    } else if new(Answered::Open) {
        Holds::Open("no answer came".to_owned())
    } else {
        Holds::Yes(String::new())
    }
}

fn protocols(facts: &Facts, criteria: Criteria) -> Vec<Ruling> {
    let old = either(offered(facts, Version::Tls10), offered(facts, Version::Tls11));
    let poodle = facts.tables.iter().find(|t| t.version == Version::Ssl3);
    let poodle = poodle.map_or_else(
        || offered(facts, Version::Ssl3),
        |table| match table.picks.iter().find(|pick| pick.suite.is_cbc()) {
            Some(pick) => Holds::Yes(pick.suite.name().to_owned()),
            None if table.open.iter().any(|s| s.is_cbc()) => Holds::Open("no answer came".into()),
            None => Holds::No,
        },
    );
    let renegotiation = match facts.renegotiation {
        None => Holds::Never("only TLS 1.3 is spoken"),
        Some(true) => Holds::No,
        Some(false) => Holds::Yes(String::new()),
    };
    let deflate = if facts.compression { Holds::Yes("DEFLATE".to_owned()) } else { Holds::No };
    let mut all = vec![
        rule(Grade::F, "2009c", "SSL 2 is offered", offered(facts, Version::Ssl2)),
        rule(Grade::F, "2009i", "nothing newer than SSL 3", nothing_from(facts, Version::Tls10)),
        rule(Grade::C, "2009j", "neither TLS 1.2 nor 1.3", nothing_from(facts, Version::Tls12)),
        rule(Grade::C, "2009g", "POODLE: CBC in SSL 3", poodle),
        rule(Grade::C, "2009j", "CRIME: compression", deflate),
        rule(Grade::B, "2009h", "SSL 3 is offered", offered(facts, Version::Ssl3)),
        rule(Grade::B, "2009q", "TLS 1.0 or 1.1 is offered", old),
        rule(Grade::AMinus, "2009", "no secure renegotiation", renegotiation),
    ];
    if criteria == Criteria::R {
        let none = nothing_from(facts, Version::Tls13);
        all.push(rule(Grade::AMinus, "2009r", "TLS 1.3 is not offered", none));
    }
    all
}

/// Which suites of a kind are offered.
fn having(facts: &Facts, kind: fn(Suite) -> bool) -> Holds {
    let mut names: Vec<&str> = facts.suites().filter(|s| kind(*s)).map(Suite::name).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(3);
    names.truncate(3);
    let also = if more > 0 { format!(" and {more} more") } else { String::new() };
    answered(facts.has(kind), &format!("{}{also}", names.join(", ")))
}

fn suites(facts: &Facts) -> Vec<Ruling> {
    let weak = |s: Suite| s.is_export() || s.is_anonymous() || s.bits() < 112;
    let only_rc4 = if facts.suites().next().is_none() || !facts.suites().all(Suite::is_rc4) {
        Holds::No
    } else if facts.open().all(Suite::is_rc4) {
        Holds::Yes(String::new())
    } else {
        Holds::Open("no answer came".to_owned())
    };
    let weak_says = "suites for export, anonymous, without encryption or under 112 bits";
    vec![
        rule(Grade::F, "2009", weak_says, having(facts, weak)),
        rule(Grade::F, "2009k", "nothing but RC4", only_rc4),
        rule(Grade::B, "2009i", "RC4 is offered", having(facts, Suite::is_rc4)),
        rule(Grade::F, "2015", "Diffie-Hellman under 1024 bits (Logjam)", prime(facts, 1024)),
        rule(Grade::B, "2009j", "Diffie-Hellman under 2048 bits", prime(facts, 2048)),
    ]
}

/// Whether the server chooses primes of fewer bits than this.
fn prime(facts: &Facts, bits: u32) -> Holds {
    let primes = facts.picks().filter(|p| p.suite.has_prime());
    let least = primes.clone().filter_map(|pick| match pick.exchange {
        Some(Exchange::Prime(bits)) => Some(bits),
        Some(Exchange::Group(_) | Exchange::Rsa(_)) | None => None,
    });
    let unseen = primes.clone().any(|pick| pick.exchange.is_none());
    match least.min() {
        Some(least) if least < bits => Holds::Yes(format!("{least} bits")),
        _ if unseen || facts.open().any(Suite::has_prime) => {
            Holds::Open("a prime was not seen".to_owned())
        }
        _ => Holds::No,
    }
}

/// What clients would come to use, and not merely what is offered.
fn negotiated(facts: &Facts) -> Vec<Ruling> {
    let both = |says: fn(&[clients::Choice]) -> bool, seen: &str| {
        let [worst, best] = [true, false].map(|worst| says(&clients::choices(facts, worst)));
        match (worst, best) {
            (true, true) => Holds::Yes(seen.to_owned()),
            (false, false) => Holds::No,
            _ => Holds::Open("it is not known whose order of suites decides".to_owned()),
        }
    };
    // Where no reference client connects, what is offered has to do.
    let met = !clients::choices(facts, true).is_empty();
    let without = |kind: fn(Suite) -> bool| match facts.has(kind) {
        Answered::Offered => Holds::No,
        Answered::Absent => Holds::Yes("with no suite".to_owned()),
        Answered::Open => Holds::Open("no answer came".to_owned()),
    };
    let no_secret = |all: &[clients::Choice]| !all.iter().any(|c| c.suite.is_forward_secret());
    let some_secret = |all: &[clients::Choice]| {
        let with = all.iter().filter(|c| c.suite.is_forward_secret()).count();
        with > 0 && with < all.len()
    };
    let no_aead = |all: &[clients::Choice]| !all.iter().any(|c| c.suite.is_aead());
    let seen = "with no reference client";
    let [secret, aead] = if met {
        [both(no_secret, seen), both(no_aead, seen)]
    } else {
        [without(Suite::is_forward_secret), without(Suite::is_aead)]
    };
    let some = if met { both(some_secret, "") } else { Holds::No };
    let rc4 = weak_choice(facts, Suite::is_rc4);
    let block64 = weak_choice(facts, Suite::is_block64);
    vec![
        rule(Grade::C, "2009j", "RC4 is used with TLS 1.1 or newer", rc4),
        rule(Grade::C, "April 2017", "blocks of 64 bits are used with TLS 1.1 or newer", block64),
        rule(Grade::B, "March 2018", "no forward secrecy", secret),
        rule(Grade::B, "March 2018", "no AEAD", aead),
        rule(Grade::AMinus, "2009", "no forward secrecy with some reference clients", some),
    ]
}

/// Whether a client with something better still ends with a suite of this kind, in TLS 1.1 or newer.
fn weak_choice(facts: &Facts, kind: fn(Suite) -> bool) -> Holds {
    let chosen = clients::choices(facts, true);
    let found = chosen.iter().find(|c| c.version >= Version::Tls11 && kind(c.suite));
    if let Some(choice) = found {
        return Holds::Yes(choice.to_string());
    }
    let modern = facts.tables.iter().filter(|table| table.version >= Version::Tls11);
    for table in modern {
        let Some(first) = table.picks.first() else { continue };
        let alone = table.picks.iter().all(|pick| kind(pick.suite)) && table.open.is_empty();
        if alone || (table.order == Order::Server && kind(first.suite)) {
            return Holds::Yes(format!("{} in {}", first.suite, table.version));
        }
    }
    Holds::No
}

/// Whether a certificate is like this; open where one is not known.
fn certificate(facts: &Facts, of: impl Fn(&Certificate) -> Option<bool>) -> Holds {
    if let Some(found) = facts.certificates.iter().find(|c| of(c) == Some(true)) {
        return Holds::Yes(found.subject.clone());
    }
    let unseen = facts.certificates.is_empty() && !facts.is_anonymous_only();
    if unseen || facts.certificates.iter().any(|c| of(c).is_none()) {
        return Holds::Open("a certificate could not be read".to_owned());
    }
    Holds::No
}

fn keys(facts: &Facts) -> Vec<Ruling> {
    let under = |least: u32| certificate(facts, |c| c.key.strength().map(|bits| bits < least));
    let exponent =
        certificate(facts, |c| Some(matches!(c.key, Key::Rsa { exponent_one: true, .. })));
    let md5 = certificate(facts, |c| Some(c.digest == Digest::Md5));
    let sha1 = certificate(facts, |c| Some(c.digest == Digest::Sha1));
    let incomplete = certificate(facts, |c| match c.trust {
        // What is not trusted for another reason is judged by that.
        Trust::Refused(_) => Some(false),
        Trust::Trusted | Trust::Open(_) => Some(c.incomplete),
    });
    vec![
        rule(Grade::F, "2009e", "a key weaker than RSA with 1024 bits", under(1024)),
        rule(Grade::B, "2009e", "a key weaker than RSA with 2048 bits", under(2048)),
        rule(Grade::F, "2009", "an RSA key with the exponent 1", exponent),
        rule(Grade::F, "2009", "a signature with MD2 or MD5", md5),
        rule(Grade::A, "2009f", "a signature with SHA-1", sha1),
        rule(Grade::B, "2009i", "an incomplete chain", incomplete),
    ]
}

/// What an `A+` asks for besides.
fn exemplary(facts: &Facts, strict: bool) -> [Ruling; 2] {
    let hsts = match &facts.hsts {
        Hsts::Kept(kept) if *kept >= LONG => Holds::No,
        Hsts::Kept(kept) => Holds::Yes(format!("{} s", kept.as_secs())),
        Hsts::Nothing(why) => Holds::Yes(why.clone()),
        Hsts::Open(why) => Holds::Open(why.clone()),
    };
    let modern = facts.version(Version::Tls13) == Answered::Offered;
    let fallback = match facts.fallback {
        Fallback::Refused => Holds::No,
        Fallback::Nowhere if strict => Holds::Yes("it cannot be shown".to_owned()),
        Fallback::Nowhere => Holds::Never("there is no older version to fall back to"),
        _ if modern && !strict => Holds::Never("TLS 1.3 guards against it by itself"),
        Fallback::Accepted => Holds::Yes(String::new()),
        Fallback::Open => Holds::Open("no answer came".to_owned()),
    };
    [
        rule(Grade::A, "2009e", "HSTS for less than 180 days", hsts),
        rule(Grade::A, "2009h", "no TLS_FALLBACK_SCSV", fallback),
    ]
}
