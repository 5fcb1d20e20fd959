//! From what every address presented to readings: the worst address decides.

use std::net::SocketAddr;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};

use super::certificate::Facts;
use super::lifetime::When;
use super::ocsp::Status;

/// What one address said.
pub(super) struct Looked {
    /// The address.
    pub(super) address: SocketAddr,
    /// The protocol agreed on and the facts of the chain, or why there are none.
    pub(super) outcome: Result<(&'static str, Facts), Failure>,
    /// What it said to a client that told no name.
    pub(super) nameless: Nameless,
}

/// What a client gets that tells no name (SNI).
pub(super) enum Nameless {
    /// Nobody asked.
    NotAsked,
    /// A certificate: its subject, and whether it covers every name.
    Presented(String, bool),
    /// An answer that is no certificate.
    Nothing,
    /// No answer.
    Silent,
}

impl Nameless {
    /// What a handshake without a name came to.
    pub(super) fn of(outcome: Result<Facts, Failure>) -> Self {
        match outcome {
            Ok(facts) => Self::Presented(facts.subject, facts.missing.is_empty()),
            Err(failure) if failure.cause == Cause::BadResponse => Self::Nothing,
            Err(_) => Self::Silent,
        }
    }
}

/// The readings that looks can bring.
pub(super) fn specs() -> Vec<ReadingSpec> {
    use ReadingType::{Flag, Number, Text, Texts};
    let spec = ReadingSpec::new;
    let (one, time, percent) = (Number(Unit::One), Number(Unit::Time), Number(Unit::Percent));
    vec![
        spec("days_left", time, "time until the best path of the first chain to end does so"),
        spec("days_left_at_go_live", time, "what is left of that at the planned go-live"),
        spec("trusted", Flag, "whether a client would accept every chain for the name, now"),
        spec("trust_error", Text, "why it would not; empty when it would"),
        spec("valid_now", Flag, "whether every chain has a path to a root now, whatever the names"),
        spec("valid_at_go_live", Flag, "whether it has one at the planned go-live"),
        spec("valid_later", Flag, "whether it has one `min_days` after the go-live"),
        spec("lifetime", time, "how long the worst certificate is valid in all"),
        spec("lifetime_share_left", percent, "what is left of a lifetime at go-live; the least"),
        spec("lifetime_allowed", Flag, "whether public authorities may issue for so long"),
        spec("required", time, "what must be left: `min_days`, or a third of a short lifetime"),
        spec("margin", time, "how much more than that is left at go-live; the least"),
        spec("policy_unsatisfiable", Flag, "whether such a certificate can never have `min_days`"),
        spec("chain_length", one, "the most certificates that an address presents"),
        spec("chain_faults", Texts, "what is wrong with the shape of the chains"),
        spec("missing_issuer", Text, "the issuer that is not sent, and where it can be had"),
        spec("ocsp", Text, "the worst that the staples say: `good`, `absent`, `revoked` …"),
        spec("ocsp_next_update", time, "time until the first of the staples ends"),
        spec("revoked", Flag, "whether a staple says so; absent where some address staples none"),
        spec("must_staple_kept", Flag, "whether each certificate that demands a staple has one"),
        spec("covers_names", Flag, "whether every certificate covers every required name"),
        spec("missing_names", Texts, "the required names that some certificate lacks"),
        spec("without_sni_covers_names", Flag, "the same of what clients without SNI get"),
        spec("without_sni_subjects", Texts, "whom the certificates name that those get"),
        spec("issuer", Text, "who issued the worst address's certificate"),
        spec("subject", Text, "whom the worst address's certificate names"),
        spec("key", Text, "the key of the worst address's certificate, such as `EC 256`"),
        spec("key_strong", Flag, "whether every key has 2048 bits (RSA) or 256 (EC), or more"),
        spec("signature", Text, "how the worst address's certificate is signed"),
        spec("signature_strong", Flag, "whether no certificate is signed with MD5 or SHA-1"),
        spec("protocol", Text, "the oldest protocol that an address agreed on"),
        spec("addresses", one, "the addresses that were looked at"),
        spec("reachable", percent, "those that completed a handshake"),
    ]
}

/// Reads all addresses together.
///
/// # Errors
/// When no address completed a handshake: an unreadable answer if one was given, else the first address's failure.
pub(super) fn read(looks: &[Looked], when: When) -> Result<Readings, Failure> {
    let answered = || looks.iter().filter_map(|l| l.outcome.as_ref().ok());
    let seen: Vec<&Facts> = answered().map(|(_, facts)| facts).collect();
    // The worst first: one that is not trusted, then the one that ends first.
    let worst = seen.iter().min_by_key(|f| (f.trust_error.is_none(), f.expires));
    let Some(worst) = worst else { return Err(nobody(looks)) };
    let ends = seen.iter().map(|f| f.expires).min().unwrap_or(worst.expires);
    let latest = seen.iter().map(|f| f.expires).max().unwrap_or(worst.expires);
    let missing: Vec<&String> = seen.iter().flat_map(|f| &f.missing).collect();
    let protocol = answered().map(|(p, _)| *p).min().unwrap_or_default();
    let mut readings = Readings::new()
        .number("days_left", seconds(when.now, ends))
        .flag("trusted", worst.trust_error.is_none())
        .text("trust_error", worst.trust_error.clone().unwrap_or_default())
        .flag("covers_names", missing.is_empty())
        .texts("missing_names", missing)
        .text("issuer", &worst.issuer)
        .text("subject", &worst.subject)
        .text("key", &worst.key)
        .flag("key_strong", seen.iter().all(|f| f.key_strong))
        .text("signature", &worst.signature)
        .flag("signature_strong", seen.iter().all(|f| f.signature_strong))
        .text("protocol", protocol)
        .number("addresses", count(looks.len()))
        .number("reachable", 100.0 * count(seen.len()) / count(looks.len()));
    if let Some(go_live) = when.go_live {
        readings = readings.number("days_left_at_go_live", seconds(go_live, ends));
    }
    readings = lifetimes(readings, &seen, when);
    readings = revocation(readings, &seen, when.now);
    readings = without_sni(readings, looks);
    let longest = seen.iter().map(|f| f.shape.length).max().unwrap_or_default();
    let lacking = seen.iter().map(|f| &f.shape.missing).find(|m| !m.is_empty());
    readings = readings
        .number("chain_length", count(longest))
        .text("missing_issuer", lacking.cloned().unwrap_or_default())
        .texts("chain_faults", seen.iter().flat_map(|f| &f.shape.faults));
    for look in looks {
        let (says, odd) = match &look.outcome {
            Err(failure) => (failure.to_string(), true),
            Ok((protocol, facts)) => says(protocol, facts, when.now, latest),
        };
        readings = readings.part(look.address.to_string(), says, odd);
    }
    Ok(readings)
}

/// Whether and how long the chains are valid, also by the measure of their lifetimes.
fn lifetimes(mut readings: Readings, seen: &[&Facts], when: When) -> Readings {
    let start = when.start();
    let margin =
        |f: &Facts| seconds(start, f.expires) - f.lifetime.required(when.needed).as_secs_f64();
    let least = |of: &dyn Fn(&Facts) -> f64| seen.iter().map(|f| of(f)).fold(f64::MAX, f64::min);
    // By whom the margin is least; of the same margin it makes no difference.
    let tight = seen.iter().min_by(|a, b| margin(a).total_cmp(&margin(b)));
    if let Some(tight) = tight {
        let days = when.needed.as_secs() / 86_400;
        let never = seen.iter().any(|f| f.lifetime.never_has(when.needed));
        let over = seen.iter().find(|f| f.lifetime.length() > f.lifetime.limit());
        readings = readings
            .time("lifetime", tight.lifetime.length())
            .time("required", tight.lifetime.required(when.needed))
            .number("margin", margin(tight))
            .number("lifetime_share_left", least(&|f| f.lifetime.share_left(start)))
            .flag("policy_unsatisfiable", never)
            .flag("lifetime_allowed", over.is_none());
        if never {
            readings = readings.note(format!(
                "a certificate of this lifetime never has more than {days} days left: expect `margin > 0s` instead"
            ));
        }
        if let Some(over) = over {
            let limit = Unit::Time.format(over.lifetime.limit().as_secs_f64());
            readings = readings.note(format!(
                "a certificate of a public authority that begins when this one does and lasts more than {limit} is \
                 rejected by clients; a private authority is not bound"
            ));
        }
    }
    readings = readings
        .flag("valid_now", seen.iter().all(|f| f.valid_now))
        .flag("valid_later", seen.iter().all(|f| f.valid_later));
    if when.go_live.is_some() {
        let all = seen.iter().all(|f| f.valid_at_go_live == Some(true));
        readings = readings.flag("valid_at_go_live", all);
    }
    readings
}

/// What the staples say, and what they leave open.
fn revocation(mut readings: Readings, seen: &[&Facts], now: Timestamp) -> Readings {
    let statuses = || seen.iter().map(|f| f.staple.status);
    let worst = statuses().max().unwrap_or(Status::Absent);
    let kept = |f: &&Facts| !f.must_staple || f.staple.status == Status::Good;
    readings = readings.text("ocsp", worst.name()).flag("must_staple_kept", seen.iter().all(kept));
    if let Some(next) = seen.iter().filter_map(|f| f.staple.next_update).min() {
        readings = readings.number("ocsp_next_update", seconds(now, next));
    }
    match worst {
        Status::Good => readings.flag("revoked", false),
        Status::Revoked => readings.flag("revoked", true),
        Status::Absent | Status::Unknown | Status::Stale | Status::Invalid => {
            readings.note("revocation is not known: not every address staples a good answer")
        }
    }
}

/// What clients get that tell no name; open where an address was silent.
fn without_sni(readings: Readings, looks: &[Looked]) -> Readings {
    let (mut covers, mut subjects, mut open, mut asked) = (true, Vec::new(), false, false);
    for look in looks {
        match &look.nameless {
            Nameless::NotAsked => continue,
            Nameless::Presented(subject, all) => {
                covers &= all;
                subjects.push(subject.as_str());
            }
            Nameless::Nothing => covers = false,
            Nameless::Silent => open = true,
        }
        asked = true;
    }
    match (asked, open && covers) {
        (false, _) => readings,
        (true, true) => readings.texts("without_sni_subjects", subjects),
        (true, false) => readings
            .texts("without_sni_subjects", subjects)
            .flag("without_sni_covers_names", covers),
    }
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
    for fault in &facts.shape.faults {
        says = format!("{says}; {fault}");
    }
    if facts.staple.status != Status::Absent || facts.must_staple {
        says = format!("{says}; OCSP {}", facts.staple.status.name());
    }
    let odd = facts.trust_error.is_some()
        || !facts.missing.is_empty()
        || facts.expires < latest
        || facts.staple.status > Status::Absent;
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
    use std::time::Duration;

    use super::super::chain::Shape;
    use super::super::lifetime::Lifetime;
    use super::super::ocsp::Staple;
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
            valid_now: trust_error.is_none(),
            valid_at_go_live: Some(trust_error.is_none()),
            valid_later: false,
            lifetime: Lifetime {
                from: "2026-11-01T00:00:00Z".parse().expect("a timestamp"),
                to: expires.parse().expect("a timestamp"),
            },
            shape: Shape { length: 2, ..Shape::default() },
            staple: Staple { status: Status::Absent, next_update: None },
            must_staple: false,
        }
    }

    fn when(now: Timestamp, go_live: Option<Timestamp>) -> When {
        When { now, go_live, needed: Duration::from_secs(90 * 86_400) }
    }

    fn looked(last: u8, outcome: Result<(&'static str, Facts), Failure>) -> Looked {
        let address = SocketAddr::from(([127, 0, 0, last], 443));
        Looked { address, outcome, nameless: Nameless::NotAsked }
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
            let r = read(&looks, when(now, Some(now))).expect("one answered");
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
            let failure =
                read(&looks, when(Timestamp::UNIX_EPOCH, None)).expect_err("nobody is there");
            assert_eq!(failure.cause, cause, "{row}");
        }
    }

    #[test]
    fn the_worst_staple_decides_and_a_missing_one_leaves_revocation_open() {
        // Staples by status, whether they are demanded; then `ocsp`, `revoked`, `must_staple_kept`.
        let rows = [
            ("good", vec![Status::Good], false, "good", Some(false), true),
            ("good as demanded", vec![Status::Good], true, "good", Some(false), true),
            ("none", vec![Status::Absent], false, "absent", None, true),
            ("none though demanded", vec![Status::Absent], true, "absent", None, false),
            ("one has none", vec![Status::Good, Status::Absent], false, "absent", None, true),
            ("not known", vec![Status::Unknown], false, "unknown", None, true),
            ("garbage", vec![Status::Invalid, Status::Good], true, "invalid", None, false),
            ("old", vec![Status::Stale], true, "stale", None, false),
            ("revoked", vec![Status::Revoked, Status::Absent], false, "revoked", Some(true), true),
        ];
        for (row, statuses, must_staple, ocsp, revoked, kept) in rows {
            let looks: Vec<_> = (1..)
                .zip(statuses)
                .map(|(i, status)| {
                    let staple = Staple { status, next_update: None };
                    let good = facts("2026-12-31T00:00:00Z", None, &[]);
                    looked(i, Ok(("TLS 1.3", Facts { staple, must_staple, ..good })))
                })
                .collect();
            let r = read(&looks, when(Timestamp::UNIX_EPOCH, None)).expect(row);
            assert_eq!(r.get("ocsp"), Some(&Value::Text(ocsp.to_owned())), "{row}");
            assert_eq!(r.get("revoked"), revoked.map(Value::Flag).as_ref(), "{row}");
            assert_eq!(r.get("must_staple_kept"), Some(&Value::Flag(kept)), "{row}");
        }
    }

    #[test]
    fn a_short_lifetime_is_measured_by_itself() {
        let now: Timestamp = "2026-12-01T00:00:00Z".parse().expect("a timestamp");
        // The last day of 60 or 151 from 1 November; then the margin in days, and whether 90 days can never be left.
        let rows = [
            ("60 days", "2026-12-30T23:59:59Z", 10.0, true),
            ("151 days", "2027-03-31T23:59:59Z", 70.666_66, false),
        ];
        for (row, last, margin, never) in rows {
            let looks = [looked(1, Ok(("TLS 1.3", facts(last, None, &[]))))];
            let r = read(&looks, when(now, None)).expect(row);
            let Some(Value::Number(found)) = r.get("margin") else { panic!("{row}: {r:?}") };
            assert!((found / 86_400.0 - margin).abs() < 0.001, "{row}: {found}");
            assert_eq!(r.get("policy_unsatisfiable"), Some(&Value::Flag(never)), "{row}");
            assert_eq!(r.notes.iter().any(|n| n.contains("margin > 0s")), never, "{row}");
            assert_eq!(r.get("valid_at_go_live"), None, "{row}");
        }
    }

    #[test]
    fn what_clients_without_a_name_get_is_open_where_one_was_silent() {
        let got = |all| Nameless::Presented("CN=default".to_owned(), all);
        let rows = [
            ("the same", vec![got(true)], Some(true)),
            ("another", vec![got(false), got(true)], Some(false)),
            ("an alert", vec![Nameless::Nothing], Some(false)),
            ("silence", vec![got(true), Nameless::Silent], None),
            ("silence and another", vec![got(false), Nameless::Silent], Some(false)),
            ("nobody asked", vec![Nameless::NotAsked], None),
        ];
        for (row, nameless, covers) in rows {
            let good = || Ok(("TLS 1.3", facts("2026-12-31T00:00:00Z", None, &[])));
            let looks: Vec<_> = (1..)
                .zip(nameless)
                .map(|(i, nameless)| Looked { nameless, ..looked(i, good()) })
                .collect();
            let r = read(&looks, when(Timestamp::UNIX_EPOCH, None)).expect(row);
            assert_eq!(
                r.get("without_sni_covers_names"),
                covers.map(Value::Flag).as_ref(),
                "{row}"
            );
        }
    }
}
