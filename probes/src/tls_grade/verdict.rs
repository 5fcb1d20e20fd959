//! From what every address is worth to readings: the worst decides, and who is silent leaves it open.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{MAX_ENTRIES, ReadingSpec, ReadingType, Readings, Unit};

use super::facts::{Answered, Facts, Fallback, Hsts, Trust};
use super::grade::{Grade, Range};
use super::rating::Rating;
use super::rules::{Holds, Ruling};
use super::score::group;
use super::suite::{Exchange, Suite};
use super::version::Version;

/// What one address is worth.
#[derive(Debug)]
pub(super) struct Graded {
    pub(super) facts: Facts,
    /// Whether every group was answered for.
    pub(super) groups_known: bool,
    pub(super) rating: Rating,
    /// How many connections that took.
    pub(super) connections: u32,
}

/// One address.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) address: SocketAddr,
    pub(super) outcome: Result<Graded, Failure>,
}

const NUMBER: ReadingType = ReadingType::Number(Unit::One);

/// What a look can bring.
const READINGS: [(&str, ReadingType, &str); 36] = {
    use ReadingType::{Flag, Number, Text, Texts};
    [
        ("grade", Text, "the grade, where what was not tested cannot change it"),
        ("grade_lower", Text, "the worst grade that is possible"),
        ("grade_upper", Text, "the best grade that is possible"),
        ("grade_rank", NUMBER, "the grade as a number, from 0 (T) to 9 (A+)"),
        ("grade_rank_lower", NUMBER, "the worst grade that is possible, as a number"),
        ("grade_rank_upper", NUMBER, "the best grade that is possible, as a number"),
        ("grade_trust_ignored", Text, "the grade if the certificate were trusted"),
        ("criteria", Text, "the criteria of the grade"),
        ("score", NUMBER, "the numeric score, of 100"),
        ("score_protocols", NUMBER, "its part for protocols, of 100"),
        ("score_key_exchange", NUMBER, "its part for keys, of 100"),
        ("score_ciphers", NUMBER, "its part for ciphers, of 100"),
        ("protocols", Texts, "the versions that are offered"),
        ("suites", Texts, "the suites that are offered, each behind its version"),
        ("groups", Texts, "the groups for key exchange that are offered"),
        ("reasons", Texts, "the rules that cap the grade"),
        ("untested", Texts, "the rules for which it is open whether they hold"),
        ("ruled_out", Texts, "the rules that were not tested since they cannot hold"),
        ("clients", Texts, "what each reference client comes to use"),
        ("forward_secrecy", Flag, "whether every reference client has forward secrecy"),
        ("aead", Flag, "whether every reference client uses an AEAD"),
        ("key_bits", NUMBER, "the weakest key, as the bits of an RSA key that is as strong"),
        ("exchange_bits", NUMBER, "the weakest key exchange, likewise"),
        ("prime_bits", NUMBER, "the shortest prime for Diffie-Hellman, if there is one"),
        ("trusted", Flag, "whether clients trust every certificate for the name"),
        ("trust_error", Text, "why they do not; empty when they do"),
        ("chain_complete", Flag, "whether no chain lacks an intermediate"),
        ("hsts_max_age", Number(Unit::Time), "for how long clients keep to HTTPS; zero if not"),
        ("fallback_scsv", Flag, "whether clients that were made to fall back are told"),
        ("secure_renegotiation", Flag, "whether renegotiation is bound to its connection"),
        ("compression", Flag, "whether compression is chosen somewhere"),
        ("heartbeat", Flag, "whether heartbeats are offered somewhere"),
        ("session_tickets", Flag, "whether tickets are given somewhere, up to TLS 1.2"),
        ("connections", NUMBER, "how many connections the look took"),
        ("addresses", NUMBER, "the addresses that were looked at"),
        ("reachable", Number(Unit::Percent), "those that could be graded"),
    ]
};

/// The readings that are declared.
pub(super) fn specs() -> Vec<ReadingSpec> {
    READINGS.iter().map(|(name, kind, doc)| ReadingSpec::new(name, *kind, doc)).collect()
}

/// Reads all addresses together.
///
/// # Errors
/// The first failure, when no address could be graded.
pub(super) fn read(looks: Vec<Looked>, criteria: &str) -> Result<Readings, Failure> {
    let (looks, unrouted) = split_unrouted(looks);
    let graded: Vec<&Graded> = looks.iter().filter_map(|l| l.outcome.as_ref().ok()).collect();
    let worst = graded.iter().min_by_key(|g| (g.rating.grade.lower, g.rating.grade.upper));
    let Some(worst) = worst else {
        let first = looks.iter().find_map(|l| l.outcome.as_ref().err());
        let none = || Failure::new(Cause::NoData, "nothing was looked at");
        return Err(first.cloned().unwrap_or_else(none));
    };
    let silent = graded.len() < looks.len();
    let asked: u32 = graded.iter().map(|g| g.connections).sum();
    let mut readings = Readings::new()
        .text("criteria", criteria)
        .number("addresses", count(looks.len()))
        .number("reachable", 100.0 * count(graded.len()) / count(looks.len()))
        .number("connections", f64::from(asked));
    readings = grades(readings, &graded, silent);
    readings = flags(readings, &graded, silent);
    if !silent {
        readings = numbers(readings, &graded);
        readings = lists(readings, &graded);
    }
    readings = readings
        .note(format!("the criteria are SSL Labs' {criteria}"))
        .note("revocation, keys from weak random numbers and STARTTLS were not looked at");
    for open in worst.rating.rulings.iter().filter(|r| matches!(r.holds, Holds::Open(_))) {
        readings = readings.note(format!("not tested: {open}"));
    }
    for look in &looks {
        let (says, odd) = match &look.outcome {
            Ok(graded) => says(graded, worst, graded_best(&looks)),
            Err(failure) => (failure.to_string(), true),
        };
        readings = readings.part(look.address.to_string(), says, odd);
    }
    for look in unrouted {
        let address = look.address;
        readings = readings.note(format!("{address} was left out: this machine has no route"));
    }
    Ok(readings)
}

/// The looks, and those that this machine could not even begin while another address answered.
fn split_unrouted(looks: Vec<Looked>) -> (Vec<Looked>, Vec<Looked>) {
    let answered = looks.iter().any(|look| look.outcome.is_ok());
    let unrouted = |l: &Looked| matches!(&l.outcome, Err(f) if f.cause == Cause::LocalFault);
    looks.into_iter().partition(|look| !(answered && unrouted(look)))
}

fn graded_best(looks: &[Looked]) -> Option<Grade> {
    looks.iter().filter_map(|l| l.outcome.as_ref().ok()).map(|g| g.rating.grade.lower).max()
}

/// What one address says, and whether it stands out as worse than another.
fn says(graded: &Graded, worst: &Graded, best: Option<Grade>) -> (String, bool) {
    let rating = &graded.rating;
    let mut says = format!("{}, score {}", rating.grade, rating.score);
    let caps = rating.rulings.iter().filter(|r| matches!(r.holds, Holds::Yes(_)));
    let lowest = caps.min_by_key(|r| r.cap);
    if let Some(reason) = trust_error(&graded.facts) {
        says = format!("{says}; not trusted: {reason}");
    } else if let Some(ruling) = lowest {
        says = format!("{says}; {ruling}");
    }
    let lower = rating.grade.lower;
    (says, lower == worst.rating.grade.lower && best.is_some_and(|best| lower < best))
}

fn range(graded: &[&Graded], of: fn(&Rating) -> Range<Grade>) -> Range<Grade> {
    let ends = graded.iter().map(|g| of(&g.rating));
    let best = Range { lower: Grade::APlus, upper: Grade::APlus };
    ends.fold(best, |a, b| Range { lower: a.lower.min(b.lower), upper: a.upper.min(b.upper) })
}

fn grades(mut readings: Readings, graded: &[&Graded], silent: bool) -> Readings {
    let grade = range(graded, |rating| rating.grade);
    let rank = |grade: Grade| f64::from(grade.rank());
    // An address that is silent can only make it worse.
    readings = readings
        .text("grade_upper", grade.upper.name())
        .number("grade_rank_upper", rank(grade.upper));
    if silent {
        return readings;
    }
    readings = readings
        .text("grade_lower", grade.lower.name())
        .number("grade_rank_lower", rank(grade.lower));
    if let Some(point) = grade.point() {
        readings = readings.text("grade", point.name()).number("grade_rank", rank(point));
    }
    if let Some(point) = range(graded, |rating| rating.trust_ignored).point() {
        readings = readings.text("grade_trust_ignored", point.name());
    }
    readings
}

/// False if one is, else open if one is, else true.
fn every(graded: &[&Graded], silent: bool, of: fn(&Graded) -> Option<bool>) -> Option<bool> {
    if graded.iter().any(|g| of(g) == Some(false)) {
        return Some(false);
    }
    (!silent && graded.iter().all(|g| of(g).is_some())).then_some(true)
}

fn chosen(graded: &Graded, kind: fn(Suite) -> bool) -> Option<bool> {
    let choices = &graded.rating.choices;
    (!choices.is_empty()).then(|| choices.iter().all(|choice| kind(choice.suite)))
}

fn flags(mut readings: Readings, graded: &[&Graded], silent: bool) -> Readings {
    type Claim = fn(&Graded) -> Option<bool>;
    type Finding = fn(&Facts) -> bool;
    let claims: [(&'static str, Claim); 5] = [
        ("forward_secrecy", |g| chosen(g, Suite::is_forward_secret)),
        ("aead", |g| chosen(g, Suite::is_aead)),
        ("trusted", |g| trusted(&g.facts)),
        ("chain_complete", |g| {
            let certificates = &g.facts.certificates;
            (!certificates.is_empty()).then(|| !certificates.iter().any(|c| c.incomplete))
        }),
        ("secure_renegotiation", |g| g.facts.renegotiation),
    ];
    for (name, claim) in claims {
        if let Some(flag) = every(graded, silent, claim) {
            readings = readings.flag(name, flag);
        }
    }
    let fallback = every(graded, silent, |g| match g.facts.fallback {
        Fallback::Refused => Some(true),
        Fallback::Accepted => Some(false),
        Fallback::Nowhere | Fallback::Open => None,
    });
    if let Some(flag) = fallback {
        readings = readings.flag("fallback_scsv", flag);
    }
    // Of these the presence is the finding: absent everywhere is known only if everybody answered.
    let findings: [(&'static str, Finding); 3] = [
        ("compression", |f| f.compression),
        ("heartbeat", |f| f.heartbeat),
        ("session_tickets", |f| f.tickets),
    ];
    for (name, of) in findings {
        let found = graded.iter().any(|g| of(&g.facts));
        if found || !silent {
            readings = readings.flag(name, found);
        }
    }
    readings
}

fn trusted(facts: &Facts) -> Option<bool> {
    let of = |trust: &Trust| match trust {
        Trust::Trusted => Some(true),
        Trust::Refused(_) => Some(false),
        Trust::Open(_) => None,
    };
    let all = &facts.certificates;
    if all.iter().any(|c| c.mismatch || of(&c.trust) == Some(false)) {
        return Some(false);
    }
    (!all.is_empty() && all.iter().all(|c| of(&c.trust).is_some())).then_some(true)
}

fn trust_error(facts: &Facts) -> Option<String> {
    facts.certificates.iter().find_map(|c| match &c.trust {
        Trust::Refused(why) | Trust::Open(why) => Some(why.clone()),
        Trust::Trusted if c.mismatch => Some("it is for another name".to_owned()),
        Trust::Trusted => None,
    })
}

fn numbers(mut readings: Readings, graded: &[&Graded]) -> Readings {
    let scores: Option<Vec<_>> = graded.iter().map(|g| g.rating.score.point()).collect();
    if let Some(score) = scores.and_then(|scores| scores.into_iter().min()) {
        let [protocols, keys, ciphers] = score.parts();
        readings = readings
            .number("score", score.value())
            .number("score_protocols", protocols)
            .number("score_key_exchange", keys)
            .number("score_ciphers", ciphers);
    }
    let keys = graded.iter().flat_map(|g| &g.facts.certificates).map(|c| c.key.strength());
    let keys: Option<Vec<u32>> = keys.collect();
    let picks = || graded.iter().flat_map(|g| g.facts.picks());
    let primes = picks().filter_map(|pick| match pick.exchange {
        Some(Exchange::Prime(bits)) => Some(bits),
        Some(Exchange::Group(_) | Exchange::Rsa(_)) | None => None,
    });
    let known = graded.iter().all(|g| g.facts.open().next().is_none());
    let exchanges = picks().filter_map(|pick| pick.exchange?.strength());
    let numbers = [
        ("key_bits", keys.and_then(|keys| keys.into_iter().min())),
        ("prime_bits", primes.min().filter(|_| known)),
        ("exchange_bits", exchanges.min().filter(|_| known)),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            readings = readings.number(name, f64::from(number));
        }
    }
    let ages: Option<Vec<_>> = graded
        .iter()
        .map(|g| match &g.facts.hsts {
            Hsts::Kept(age) => Some(*age),
            Hsts::Nothing(_) => Some(std::time::Duration::ZERO),
            Hsts::Open(_) => None,
        })
        .collect();
    if let Some(age) = ages.and_then(|ages| ages.into_iter().min()) {
        readings = readings.time("hsts_max_age", age);
    }
    let error = graded.iter().find_map(|g| trust_error(&g.facts));
    readings.text("trust_error", error.unwrap_or_default())
}

/// The lists, each only where it is whole.
fn lists(mut readings: Readings, graded: &[&Graded]) -> Readings {
    let answered = |g: &&Graded| g.facts.versions(Answered::Open).next().is_none();
    let enumerated = |g: &&Graded| g.facts.open().next().is_none();
    if graded.iter().all(answered) {
        let versions = graded.iter().flat_map(|g| g.facts.versions(Answered::Offered));
        readings = readings.texts("protocols", versions.map(Version::name));
        if graded.iter().all(enumerated) {
            readings = suites(readings, graded);
        }
    }
    if graded.iter().all(|g| g.groups_known) {
        let groups = graded.iter().flat_map(|g| &g.facts.groups);
        let named = groups.map(|n| group(*n).map_or_else(|| n.to_string(), |(n, _)| n.to_owned()));
        readings = readings.texts("groups", named);
    }
    let rulings = |kind: fn(&Holds) -> bool| {
        let all = graded.iter().flat_map(|g| &g.rating.rulings);
        all.filter(move |r| kind(&r.holds)).map(Ruling::to_string).collect::<Vec<_>>()
    };
    readings
        .texts("reasons", rulings(|h| matches!(h, Holds::Yes(_))))
        .texts("untested", rulings(|h| matches!(h, Holds::Open(_))))
        .texts("ruled_out", rulings(|h| matches!(h, Holds::Never(_))))
        .texts("clients", graded.iter().flat_map(|g| &g.rating.choices).map(ToString::to_string))
}

/// The suites behind their versions, unless they are more than a reading can hold.
fn suites(readings: Readings, graded: &[&Graded]) -> Readings {
    let tables = graded.iter().flat_map(|g| &g.facts.tables);
    let suites: BTreeSet<String> = tables
        .flat_map(|t| t.picks.iter().map(|pick| format!("{} {}", t.version, pick.suite)))
        .collect();
    if suites.len() > MAX_ENTRIES {
        return readings.note(format!("{} suites are too many for a reading", suites.len()));
    }
    readings.texts("suites", suites)
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
