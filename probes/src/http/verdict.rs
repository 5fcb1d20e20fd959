//! From what every target answered to readings: the worst decides, and who cannot be asked leaves it open.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use launchgate_core::name::Name;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{
    ReadingSpec, ReadingType, Readings, Unit, Value, number as finite, texts,
};
use reqwest::{StatusCode, Url};

use super::facts::{Fact, Facts, Found, Several};
use super::samples::{self, Samples};
use crate::secret::shown_url;

/// What one target answered.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Whether its status is as it should be.
    pub(super) ok: bool,
    pub(super) facts: Found,
    /// Every request, where a look is made of several; the facts are of the worst answer.
    pub(super) samples: Option<Samples>,
}

impl Seen {
    /// Why a request was not answered, if one was not.
    fn silence(&self) -> Option<&Failure> {
        self.samples.as_ref().and_then(Samples::silence)
    }
}

/// One target.
#[derive(Debug)]
pub(super) struct Look {
    /// The URL, which several looks share where it has several addresses.
    pub(super) url: String,
    pub(super) subject: String,
    pub(super) outcome: Result<Seen, Failure>,
}

impl Look {
    /// A look at a URL, at an address if one was chosen.
    pub(super) fn new(url: &Url, address: Option<IpAddr>, outcome: Result<Seen, Failure>) -> Self {
        let shown = shown_url(url);
        let subject = address.map_or_else(|| shown.clone(), |ip| format!("{shown} at {ip}"));
        Self { url: url.to_string(), subject, outcome }
    }
}

/// The readings that looks can bring.
pub(super) fn specs(facts: &Facts, several: bool) -> Vec<ReadingSpec> {
    use ReadingType::{Number, Texts};
    let one = Number(Unit::One);
    let percent = Number(Unit::Percent);
    let mut specs = vec![
        ReadingSpec::new("status", one, "the status of the answer; of several, the worst"),
        ReadingSpec::new("statuses", Texts, "all statuses"),
        ReadingSpec::new("ok_share", percent, "the targets whose status is as it should be"),
        ReadingSpec::new("targets", one, "the targets that were asked"),
        ReadingSpec::new("reachable", percent, "those that answered"),
    ];
    specs.extend(facts.samples.into_iter().flat_map(|n| samples::specs(usize::from(n))));
    for Fact { mut spec, several: rule } in facts.all() {
        if several {
            spec.kind = kind_of_several(rule, spec.kind);
            if rule == Several::Both
                && let Some(name) = lowest(&spec.name)
            {
                let doc = format!("the lowest of: {}", spec.doc);
                specs.push(ReadingSpec { name, kind: spec.kind, doc });
            }
        }
        specs.push(spec);
    }
    specs
}

fn kind_of_several(rule: Several, kind: ReadingType) -> ReadingType {
    match rule {
        Several::Share => ReadingType::Number(Unit::Percent),
        Several::Set => ReadingType::Texts,
        Several::Highest | Several::Lowest | Several::Both | Several::Same => kind,
    }
}

/// The name of the lowest of a number; nothing if it would be too long.
fn lowest(name: &Name) -> Option<Name> {
    Name::try_new(&format!("{name}_lowest")).ok()
}

/// Whether a failure is ours and not the target's.
pub(super) fn is_ours(failure: &Failure) -> bool {
    matches!(failure.cause, Cause::LocalFault | Cause::ProbeError | Cause::Auth)
}

/// Reads all looks together.
///
/// # Errors
/// The first failure when nobody answered, or a failure that is ours and not the targets'.
pub(super) fn read(looks: Vec<Look>, facts: &Facts, several: bool) -> Result<Readings, Failure> {
    let (looks, unrouted) = split_unrouted(looks);
    let failures = || looks.iter().filter_map(|l| l.outcome.as_ref().err());
    if let Some(failure) = failures().find(|f| is_ours(f)) {
        return Err(failure.clone());
    }
    let seen: Vec<&Seen> = looks.iter().filter_map(|l| l.outcome.as_ref().ok()).collect();
    let worst = seen.iter().min_by_key(|s| (s.ok, std::cmp::Reverse(s.facts.status)));
    let Some(worst) = worst else {
        let none = || Failure::new(Cause::NoData, "nothing was asked");
        return Err(failures().next().cloned().unwrap_or_else(none));
    };
    let all = seen.len() == looks.len() && seen.iter().all(|s| s.silence().is_none());
    let ok = seen.iter().filter(|s| s.ok && s.silence().is_none()).count();
    let mut readings = Readings::new()
        .number("ok_share", percent(ok, looks.len()))
        .number("targets", count(looks.len()))
        .number("reachable", percent(seen.len(), looks.len()));
    if let Some(planned) = facts.samples {
        readings = sampled(readings, &looks, usize::from(planned));
    }
    // A silent target could only make a bad status worse; a good one has to be everybody's.
    if all || !worst.ok {
        readings = readings.number("status", f64::from(worst.facts.status.as_u16()));
    }
    if all {
        readings = readings.texts("statuses", seen.iter().map(|s| s.facts.status.as_str()));
        let found: Vec<&Found> = seen.iter().map(|s| &s.facts).collect();
        for fact in facts.all() {
            merge(&fact, &found, several, &mut readings);
        }
    }
    Ok(explain(readings, &looks, &unrouted))
}

/// Adds what the samples of all targets say: of each reading the worst, unless a target leaves it open.
fn sampled(readings: Readings, looks: &[Look], planned: usize) -> Readings {
    let samples = |look: &Look| look.outcome.as_ref().ok().and_then(|s| s.samples.clone());
    let each: Vec<Option<Samples>> = looks.iter().map(samples).collect();
    let failed = each.iter().map(|s| s.as_ref().map_or(planned, Samples::failed)).max();
    let mut readings = readings
        .number("samples", count(planned))
        .number("failed_samples", count(failed.unwrap_or(planned)));
    let known: Option<Vec<BTreeMap<&str, Duration>>> =
        each.iter().map(|s| s.as_ref().map(|s| s.latencies().collect())).collect();
    let known = known.unwrap_or_default();
    for name in known.first().into_iter().flat_map(BTreeMap::keys) {
        let times: Option<Vec<Duration>> = known.iter().map(|k| k.get(name).copied()).collect();
        if let Some(slowest) = times.and_then(|times| times.into_iter().max()) {
            readings.set(Name::of(name), finite(slowest.as_secs_f64()));
        }
    }
    readings
}

/// Sets one fact of all targets, where every one of them has it.
fn merge(fact: &Fact, found: &[&Found], several: bool, readings: &mut Readings) {
    let name = &fact.spec.name;
    let values: Option<Vec<&Value>> = found.iter().map(|f| f.values.get(name)).collect();
    let Some(values) = values else { return };
    let Some(first) = values.first() else { return };
    if !several {
        readings.set(name.clone(), tame((*first).clone()));
        return;
    }
    let numbers =
        || values.iter().filter_map(|v| if let Value::Number(n) = v { Some(*n) } else { None });
    let merged = match fact.several {
        Several::Highest => numbers().reduce(f64::max).map(finite),
        Several::Lowest => numbers().reduce(f64::min).map(finite),
        Several::Both => {
            if let (Some(name), Some(least)) = (lowest(name), numbers().reduce(f64::min)) {
                readings.set(name, finite(least));
            }
            numbers().reduce(f64::max).map(finite)
        }
        Several::Share => {
            let holds = values.iter().filter(|v| matches!(v, Value::Flag(true))).count();
            Some(finite(percent(holds, values.len())))
        }
        Several::Set => {
            let all =
                values.iter().filter_map(|v| if let Value::Text(t) = v { Some(t) } else { None });
            Some(texts(all))
        }
        Several::Same if values.iter().all(|v| v == first) => Some((*first).clone()),
        Several::Same => None,
    };
    match merged {
        Some(value) => readings.set(name.clone(), value),
        None => {
            *readings = std::mem::take(readings).note(format!("the targets differ in `{name}`"));
        }
    }
}

/// A value with the text of readings, which has no control characters.
fn tame(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(launchgate_core::reading::cut(text)),
        Value::Number(_) | Value::NotFinite(_) | Value::Flag(_) | Value::Texts(_) => value,
    }
}

/// Adds the parts and the notes.
fn explain(mut readings: Readings, looks: &[Look], unrouted: &[Look]) -> Readings {
    for look in looks {
        let (says, odd) = match &look.outcome {
            Err(failure) => (failure.to_string(), true),
            Ok(seen) => (says(&seen.facts), !seen.ok || !seen.facts.remarks.is_empty()),
        };
        readings = readings.part(&look.subject, says, odd);
    }
    if looks.iter().any(|l| l.outcome.is_err()) {
        readings = readings
            .note("what all targets have to tell is left open by those that did not answer");
    }
    if looks.iter().any(|l| l.outcome.as_ref().is_ok_and(|s| s.silence().is_some())) {
        readings = readings
            .note("what every answer has to tell is left open by samples that were not answered");
    }
    for look in unrouted {
        readings = readings.note(format!("{} was left out: no route from here", look.subject));
    }
    readings
}

fn says(found: &Found) -> String {
    let status = named(found.status);
    let latency = match found.values.get("latency") {
        Some(Value::Number(seconds)) => format!(" in {}", Unit::Time.format(*seconds)),
        _ => String::new(),
    };
    let location = match found.values.get("location") {
        Some(Value::Text(to)) if !to.is_empty() => format!(", to {to}"),
        _ => String::new(),
    };
    let mut says = vec![format!("{status}{latency}{location}")];
    says.extend(found.remarks.iter().cloned());
    says.join("; ")
}

/// A status with its usual words.
fn named(status: StatusCode) -> String {
    let words = status.canonical_reason().map(|words| format!(" {words}")).unwrap_or_default();
    format!("{}{words}", status.as_str())
}

/// Sets aside the addresses that this machine has no route to, where the same URL was answered at another.
fn split_unrouted(looks: Vec<Look>) -> (Vec<Look>, Vec<Look>) {
    let answered: Vec<String> =
        looks.iter().filter(|l| l.outcome.is_ok()).map(|l| l.url.clone()).collect();
    let unrouted = |l: &Look| matches!(&l.outcome, Err(f) if f.cause == Cause::LocalFault);
    looks.into_iter().partition(|l| !(unrouted(l) && answered.contains(&l.url)))
}

fn percent(of: usize, all: usize) -> f64 {
    100.0 * count(of) / count(all)
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}
