//! Whether a host meets the rules of the browsers' preload lists: the header that they ask for, and the first redirect.
//!
//! It speaks of the host alone, which must be the one that its owner registered: subdomains get on no list. Whether they
//! all speak HTTPS, and whether the host is on a list, is not looked at.

use std::time::Duration;

use launchgate_core::reading::Readings;

use super::look::{Look, Plain, Seen};

/// The shortest `max-age` that the lists accept: a year.
const YEAR: Duration = Duration::from_secs(31_536_000);

/// Adds what holds of all looks at the host.
pub(super) fn add<'l>(mut readings: Readings, looks: impl Iterator<Item = &'l Look>) -> Readings {
    let (mut faults, mut open, mut asked) = (Vec::new(), false, false);
    for look in looks {
        asked = true;
        match &look.secure {
            Ok(seen) => faults.extend(header_faults(seen)),
            Err(_) => open = true,
        }
        match &look.plain {
            Ok(plain) => faults.extend(plain_fault(plain)),
            Err(_) => open = true,
        }
    }
    let eligible = asked && faults.is_empty();
    // A fault that was seen is one; none seen says nothing while an address is silent.
    if asked && !(eligible && open) {
        readings = readings.flag("preload_eligible", eligible).texts("preload_faults", faults);
    }
    readings
}

fn header_faults(seen: &Seen) -> Vec<&'static str> {
    match seen {
        Seen::Kept(policy) => [
            (policy.max_age < YEAR, "max-age is less than 31536000"),
            (!policy.include_subdomains, "includeSubDomains is missing"),
            (!policy.preload, "preload is missing"),
        ]
        .into_iter()
        .filter_map(|(lacks, fault)| lacks.then_some(fault))
        .collect(),
        Seen::Malformed(_) => vec!["the header is malformed"],
        Seen::Absent => vec!["there is no header over HTTPS"],
        Seen::Untrusted(_) => vec!["the certificate is not trusted"],
    }
}

fn plain_fault(plain: &Plain) -> Option<&'static str> {
    match plain {
        Plain::Closed => None,
        Plain::Redirect(redirect) if redirect.same_host => None,
        Plain::Redirect(_) => Some("plain HTTP redirects elsewhere than to HTTPS on the same host"),
        Plain::Served(_) => Some("plain HTTP does not redirect to HTTPS"),
    }
}

#[cfg(test)]
mod tests {
    use launchgate_core::observation::{Cause, Failure};
    use launchgate_core::reading::Value;
    use reqwest::StatusCode;

    use super::super::header::Policy;
    use super::super::look::Redirect;
    use super::*;

    fn kept(days: u64, include_subdomains: bool, preload: bool) -> Result<Seen, Failure> {
        let max_age = Duration::from_secs(days * 86_400);
        Ok(Seen::Kept(Policy { max_age, include_subdomains, preload }))
    }

    fn to(same_host: bool) -> Result<Plain, Failure> {
        let status = StatusCode::MOVED_PERMANENTLY;
        let to = "https://x.example/".to_owned();
        Ok(Plain::Redirect(Redirect { status, to, same_host, keeps_path: true }))
    }

    #[test]
    fn the_rules_of_the_lists_are_held() {
        let served = || Ok(Plain::Served(StatusCode::OK));
        let gone = || Failure::new(Cause::Timeout, "no");
        // A look, whether the host is eligible, and how many rules it breaks.
        let rows = [
            ("good", kept(365, true, true), to(true), Some(true), 0),
            ("closed", kept(730, true, true), Ok(Plain::Closed), Some(true), 0),
            ("too short", kept(364, true, true), to(true), Some(false), 1),
            ("not for subdomains", kept(365, false, true), to(true), Some(false), 1),
            ("not agreed to", kept(365, true, false), to(true), Some(false), 1),
            ("www first", kept(365, true, true), to(false), Some(false), 1),
            ("served", kept(1, false, false), served(), Some(false), 4),
            ("untrusted", Ok(Seen::Untrusted("no".into())), to(true), Some(false), 1),
            ("silent", kept(365, true, true), Err(gone()), None, 0),
            ("silent and bad", Err(gone()), served(), Some(false), 1),
        ];
        for (row, secure, plain, eligible, faults) in rows {
            let look = Look { name: "x".into(), subject: "x".into(), secure, plain };
            let r = add(Readings::new(), std::iter::once(&look));
            assert_eq!(r.get("preload_eligible"), eligible.map(Value::Flag).as_ref(), "{row}");
            let found = match r.get("preload_faults") {
                Some(Value::Texts(list)) => list.len(),
                _ => 0,
            };
            assert_eq!(found, faults, "{row}: {r:?}");
        }
        assert_eq!(add(Readings::new(), std::iter::empty()), Readings::new());
    }
}
