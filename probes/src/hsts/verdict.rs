//! From what every name said at every address to readings: the worst decides, and who is silent leaves it open.

use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;

use super::look::{Look, Plain, Redirect, Seen};
use super::preload;

/// Reads all looks together; `host` is the name whose place on the preload lists is asked about.
///
/// # Errors
/// The first failure, when nobody answered over HTTPS.
pub(super) fn read(looks: Vec<Look>, host: &str) -> Result<Readings, Failure> {
    let (looks, unrouted): (Vec<_>, Vec<_>) = split_unrouted(looks);
    let count = looks.len();
    let seen: Vec<&Seen> = looks.iter().filter_map(|l| l.secure.as_ref().ok()).collect();
    if seen.is_empty() {
        let first = looks.into_iter().find_map(|l| l.secure.err());
        return Err(first.unwrap_or_else(|| Failure::new(Cause::NoData, "nothing was looked at")));
    }
    let all = |holds: &dyn Fn(&Seen) -> bool| {
        every(looks.iter().map(|l| l.secure.as_ref().ok().map(holds)))
    };
    let kept = |holds: fn(&super::header::Policy) -> bool| {
        all(&move |s| matches!(s, Seen::Kept(policy) if holds(policy)))
    };
    let mut readings = Readings::new();
    let flags = [
        ("trusted", all(&|s| !matches!(s, Seen::Untrusted(_)))),
        ("present", all(&|s| matches!(s, Seen::Kept(_) | Seen::Malformed(_)))),
        ("valid", kept(|_| true)),
        ("include_subdomains", kept(|p| p.include_subdomains)),
        ("preload", kept(|p| p.preload)),
        ("redirects_to_https", plain(&looks, &redirects)),
        ("redirect_keeps_path", plain(&looks, &keeps_path)),
        ("http_closed", plain(&looks, &|p| *p == Plain::Closed)),
        ("http_guarded", plain(&looks, &|p| *p == Plain::Closed || redirects(p))),
    ];
    for (name, flag) in flags {
        if let Some(flag) = flag {
            readings = readings.flag(name, flag);
        }
    }
    // What is kept nowhere is kept for no time at all; a silent server could only do better than zero.
    let shortest = seen.iter().map(|s| max_age(s)).min().unwrap_or_default();
    if seen.len() == count || shortest.is_zero() {
        readings = readings.time("max_age", shortest);
    }
    let why = seen.iter().find(|s| !matches!(s, Seen::Kept(_)));
    readings = readings
        .text("reason", why.map(ToString::to_string).unwrap_or_default())
        .number("looks", number(count))
        .number("reachable", 100.0 * number(seen.len()) / number(count))
        .note("a header over plain HTTP counts for nothing, and was not looked at");
    readings = preload::add(readings, looks.iter().filter(|l| l.name == host));
    for look in &looks {
        let (says, odd) = says(look);
        readings = readings.part(&look.subject, says, odd);
    }
    for look in unrouted {
        readings = readings.note(format!("{} was left out: no route from here", look.subject));
    }
    Ok(readings)
}

/// Sets aside the addresses that this machine has no route to, where the same name answered at another.
fn split_unrouted(looks: Vec<Look>) -> (Vec<Look>, Vec<Look>) {
    let answered: Vec<String> =
        looks.iter().filter(|l| l.secure.is_ok()).map(|l| l.name.clone()).collect();
    let unrouted = |l: &Look| matches!(&l.secure, Err(f) if f.cause == Cause::LocalFault);
    looks.into_iter().partition(|l| !(unrouted(l) && answered.contains(&l.name)))
}

/// False if one is, else open if one is, else true.
fn every(mut claims: impl Iterator<Item = Option<bool>> + Clone) -> Option<bool> {
    if claims.clone().any(|claim| claim == Some(false)) {
        return Some(false);
    }
    claims.all(|claim| claim.is_some()).then_some(true)
}

fn plain(looks: &[Look], holds: &dyn Fn(&Plain) -> bool) -> Option<bool> {
    every(looks.iter().map(|l| l.plain.as_ref().ok().map(holds)))
}

fn redirects(plain: &Plain) -> bool {
    matches!(plain, Plain::Redirect(r) if r.same_host && r.is_permanent())
}

fn keeps_path(plain: &Plain) -> bool {
    matches!(plain, Plain::Redirect(Redirect { keeps_path: true, .. }))
}

fn max_age(seen: &Seen) -> Duration {
    match seen {
        Seen::Kept(policy) => policy.max_age,
        Seen::Malformed(_) | Seen::Absent | Seen::Untrusted(_) => Duration::ZERO,
    }
}

/// What one look says, and whether it stands out.
fn says(look: &Look) -> (String, bool) {
    let (secure, lacks) = match &look.secure {
        Ok(seen) => (seen.to_string(), max_age(seen).is_zero()),
        Err(failure) => (failure.to_string(), true),
    };
    let (plain, served) = match &look.plain {
        Ok(plain) => (plain.to_string(), !(*plain == Plain::Closed || redirects(plain))),
        Err(failure) => (format!("plain HTTP: {failure}"), true),
    };
    (format!("{secure}; {plain}"), lacks || served)
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value;
    use reqwest::StatusCode;

    use super::super::header::Policy;
    use super::*;

    fn kept(seconds: u64) -> Result<Seen, Failure> {
        let max_age = Duration::from_secs(seconds);
        Ok(Seen::Kept(Policy { max_age, include_subdomains: true, preload: false }))
    }

    fn failed<T>(cause: Cause) -> Result<T, Failure> {
        Err(Failure::new(cause, "no"))
    }

    fn redirect(status: u16) -> Result<Plain, Failure> {
        let status = StatusCode::from_u16(status).expect("a status");
        let to = "https://x.example/".to_owned();
        Ok(Plain::Redirect(Redirect { status, to, same_host: true, keeps_path: true }))
    }

    fn look(name: &str, secure: Result<Seen, Failure>, plain: Result<Plain, Failure>) -> Look {
        Look { name: name.to_owned(), subject: name.to_owned(), secure, plain }
    }

    #[test]
    fn over_https_the_worst_decides_and_silence_leaves_it_open() {
        let malformed = || Ok(Seen::Malformed("no".into()));
        let untrusted = || Ok(Seen::Untrusted("no".into()));
        // Of all looks: present, valid, include_subdomains, max_age.
        let rows = [
            ("kept", vec![kept(9)], Some(true), Some(true), Some(true), Some(9.0)),
            ("the shortest", vec![kept(9), kept(5)], Some(true), Some(true), Some(true), Some(5.0)),
            ("absent", vec![Ok(Seen::Absent)], Some(false), Some(false), Some(false), Some(0.0)),
            ("malformed", vec![malformed()], Some(true), Some(false), Some(false), Some(0.0)),
            ("untrusted", vec![untrusted()], Some(false), Some(false), Some(false), Some(0.0)),
            ("one silent", vec![kept(9), failed(Cause::Timeout)], None, None, None, None),
            (
                "one silent and one absent",
                vec![failed(Cause::Timeout), Ok(Seen::Absent)],
                Some(false),
                Some(false),
                Some(false),
                Some(0.0),
            ),
        ];
        for (row, secure, present, valid, subdomains, age) in rows {
            let looks = secure.into_iter().enumerate();
            let looks = looks.map(|(i, s)| look(&format!("n{i}"), s, redirect(301)));
            let r = read(looks.collect(), "n0").expect(row);
            assert_eq!(r.get("present"), present.map(Value::Flag).as_ref(), "{row}");
            assert_eq!(r.get("valid"), valid.map(Value::Flag).as_ref(), "{row}");
            let found = r.get("include_subdomains");
            assert_eq!(found, subdomains.map(Value::Flag).as_ref(), "{row}");
            assert_eq!(r.get("max_age"), age.map(Value::Number).as_ref(), "{row}");
        }
    }

    #[test]
    fn plain_http_redirects_is_closed_or_is_served() {
        let served = || Ok(Plain::Served(StatusCode::OK));
        // Of all looks: redirects_to_https, http_closed, http_guarded.
        let rows = [
            ("for good", vec![redirect(308)], Some(true), Some(false), Some(true)),
            ("for now", vec![redirect(302)], Some(false), Some(false), Some(false)),
            ("closed", vec![Ok(Plain::Closed)], Some(false), Some(true), Some(true)),
            ("served", vec![served()], Some(false), Some(false), Some(false)),
            (
                "one each",
                vec![redirect(301), Ok(Plain::Closed)],
                Some(false),
                Some(false),
                Some(true),
            ),
            ("silent", vec![failed(Cause::Timeout)], None, None, None),
            ("one silent", vec![redirect(301), failed(Cause::Timeout)], None, Some(false), None),
        ];
        for (row, plain, redirects, closed, guarded) in rows {
            let looks = plain.into_iter().map(|p| look("x", kept(1), p)).collect();
            let r = read(looks, "x").expect(row);
            assert_eq!(r.get("redirects_to_https"), redirects.map(Value::Flag).as_ref(), "{row}");
            assert_eq!(r.get("http_closed"), closed.map(Value::Flag).as_ref(), "{row}");
            assert_eq!(r.get("http_guarded"), guarded.map(Value::Flag).as_ref(), "{row}");
        }
    }

    #[test]
    fn an_address_without_a_route_is_left_out_where_the_name_answers_elsewhere() {
        let looks = |other: &str| {
            vec![
                look("a", kept(1), redirect(301)),
                look(other, failed(Cause::LocalFault), failed(Cause::LocalFault)),
            ]
        };
        let r = read(looks("a"), "a").expect("readings");
        assert_eq!(r.get("reachable"), Some(&Value::Number(100.0)));
        assert_eq!(r.get("redirects_to_https"), Some(&Value::Flag(true)));
        let r = read(looks("b"), "a").expect("readings");
        assert_eq!(r.get("reachable"), Some(&Value::Number(50.0)));
        assert_eq!(r.get("present"), None);
        let failure = read(looks("b").split_off(1), "a").expect_err("nobody answered");
        assert_eq!(failure.cause, Cause::LocalFault);
    }
}
