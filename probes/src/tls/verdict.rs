//! From what every address presented to readings: the worst address decides.

use std::net::SocketAddr;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Unit};

use super::certificate::Facts;

/// What one address said.
pub(super) struct Looked {
    /// The address.
    pub(super) address: SocketAddr,
    /// The protocol agreed on and the facts of the chain, or why there are none.
    pub(super) outcome: Result<(&'static str, Facts), Failure>,
}

/// Reads all addresses together.
///
/// # Errors
/// When no address completed a handshake: an unreadable answer if one was given, else the first address's failure.
pub(super) fn read(
    looks: &[Looked],
    now: Timestamp,
    go_live: Option<Timestamp>,
) -> Result<Readings, Failure> {
    let seen: Vec<&(&str, Facts)> = looks.iter().filter_map(|l| l.outcome.as_ref().ok()).collect();
    // The worst first: one that is not trusted, then the one that ends first.
    let worst = seen.iter().min_by_key(|(_, f)| (f.trust_error.is_none(), f.expires));
    let Some((_, worst)) = worst else { return Err(nobody(looks)) };
    let ends = seen.iter().map(|(_, f)| f.expires).min().unwrap_or(worst.expires);
    let latest = seen.iter().map(|(_, f)| f.expires).max().unwrap_or(worst.expires);
    let missing: Vec<&String> = seen.iter().flat_map(|(_, f)| &f.missing).collect();
    let protocol = seen.iter().map(|(p, _)| *p).min().unwrap_or_default();
    let mut readings = Readings::new()
        .number("days_left", seconds(now, ends))
        .flag("trusted", worst.trust_error.is_none())
        .text("trust_error", worst.trust_error.clone().unwrap_or_default())
        .flag("covers_names", missing.is_empty())
        .texts("missing_names", missing)
        .text("issuer", &worst.issuer)
        .text("subject", &worst.subject)
        .text("key", &worst.key)
        .flag("key_strong", seen.iter().all(|(_, f)| f.key_strong))
        .text("signature", &worst.signature)
        .flag("signature_strong", seen.iter().all(|(_, f)| f.signature_strong))
        .text("protocol", protocol)
        .number("addresses", count(looks.len()))
        .number("reachable", 100.0 * count(seen.len()) / count(looks.len()))
        .note("revocation was not looked at");
    if let Some(go_live) = go_live {
        readings = readings.number("days_left_at_go_live", seconds(go_live, ends));
    }
    for look in looks {
        let (says, odd) = match &look.outcome {
            Err(failure) => (failure.to_string(), true),
            Ok((protocol, facts)) => says(protocol, facts, now, latest),
        };
        readings = readings.part(look.address.to_string(), says, odd);
    }
    Ok(readings)
}

/// What one address says, and whether it stands out.
fn says(protocol: &str, facts: &Facts, now: Timestamp, latest: Timestamp) -> (String, bool) {
    let left = Unit::Time.format(seconds(now, facts.expires));
    let mut says = format!("{left} left, {protocol}, {}", facts.subject);
    if let Some(error) = &facts.trust_error {
        says = format!("{says}; not trusted: {error}");
    }
    if !facts.missing.is_empty() {
        says = format!("{says}; lacks {}", facts.missing.join(", "));
    }
    let odd = facts.trust_error.is_some() || !facts.missing.is_empty() || facts.expires < latest;
    (says, odd)
}

fn nobody(looks: &[Looked]) -> Failure {
    let failures: Vec<&Failure> = looks.iter().filter_map(|l| l.outcome.as_ref().err()).collect();
    let answered = failures.iter().find(|f| f.cause == Cause::BadResponse);
    match answered.or(failures.first()) {
        Some(first) if failures.len() == 1 => (*first).clone(),
        Some(first) => Failure::new(
            first.cause,
            format!("none of {} addresses: {}", failures.len(), first.message),
        ),
        None => Failure::new(Cause::Unreachable, "there is no address to look at"),
    }
}

/// The seconds from `from` to `to`, negative when `to` is earlier.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "there are few addresses")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use launchgate_core::reading::Value;

    fn facts(expires: &str, trust_error: Option<&str>, missing: &[&str]) -> Facts {
        Facts {
            expires: expires.parse().expect("a timestamp"),
            trust_error: trust_error.map(str::to_owned),
            missing: missing.iter().map(|&s| s.to_owned()).collect(),
            issuer: "CN=issuer".into(),
            subject: "CN=subject".into(),
            key: "EC 256".into(),
            key_strong: true,
            signature: "ecdsa-with-SHA256".into(),
            signature_strong: true,
        }
    }

    fn looked(last: u8, outcome: Result<(&'static str, Facts), Failure>) -> Looked {
        Looked { address: SocketAddr::from(([127, 0, 0, last], 443)), outcome }
    }

    #[test]
    fn the_worst_address_decides() {
        let good = || Ok(("TLS 1.3", facts("2026-12-31T00:00:00Z", None, &[])));
        let soon = || Ok(("TLS 1.2", facts("2026-12-11T00:00:00Z", None, &["api.example"])));
        let bad = || Ok(("TLS 1.3", facts("2026-12-31T00:00:00Z", Some("unknown issuer"), &[])));
        let gone = || Err(Failure::new(Cause::Refused, "refused"));
        let rows = [
            ("one", vec![good()], 30.0, true, 100.0, 0),
            ("one ends sooner", vec![good(), soon()], 10.0, true, 100.0, 1),
            ("one is not trusted", vec![good(), bad()], 30.0, false, 100.0, 1),
            ("one is gone", vec![good(), gone()], 30.0, true, 50.0, 1),
        ];
        let now = "2026-12-01T00:00:00Z".parse().expect("a timestamp");
        for (row, outcomes, days, trusted, reachable, odd) in rows {
            let looks: Vec<_> = (1..).zip(outcomes).map(|(i, o)| looked(i, o)).collect();
            let r = read(&looks, now, Some(now)).expect("one answered");
            assert_eq!(r.get("days_left"), Some(&Value::Number(days * 86_400.0)), "{row}");
            assert_eq!(r.get("days_left_at_go_live"), r.get("days_left"), "{row}");
            assert_eq!(r.get("trusted"), Some(&Value::Flag(trusted)), "{row}");
            assert_eq!(r.get("reachable"), Some(&Value::Number(reachable)), "{row}");
            assert_eq!(r.parts.iter().filter(|p| p.odd).count(), odd, "{row}");
        }
    }

    #[test]
    fn nobody_there_is_a_failure_and_an_answer_outranks_silence() {
        let alert = || Err(Failure::new(Cause::BadResponse, "an alert"));
        let gone = || Err(Failure::new(Cause::Refused, "refused"));
        let rows = [
            ("all refused", vec![gone(), gone()], Cause::Refused),
            ("one answered with an alert", vec![gone(), alert()], Cause::BadResponse),
            ("no address", vec![], Cause::Unreachable),
        ];
        for (row, outcomes, cause) in rows {
            let looks: Vec<_> = (1..).zip(outcomes).map(|(i, o)| looked(i, o)).collect();
            let failure = read(&looks, Timestamp::UNIX_EPOCH, None).expect_err("nobody is there");
            assert_eq!(failure.cause, cause, "{row}");
        }
    }
}
