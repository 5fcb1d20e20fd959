//! From the hops of a way to readings: what is known of a way that broke off is said, and the rest stays open.

use launchgate_core::observation::Failure;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use reqwest::{StatusCode, Url};

use super::Port80;
use super::walk::{Came, Hop, MAX_HOPS};
use crate::secret::shown_url;

/// The readings that a way can bring.
pub(super) fn specs() -> Vec<ReadingSpec> {
    use ReadingType::{Flag, Number, Text, Texts};
    let (spec, one) = (ReadingSpec::new, Number(Unit::One));
    vec![
        spec("port80", Text, "what plain HTTP does: `redirects`, `serves`, `refuses` or `closed`"),
        spec("guarded", Flag, "whether plain HTTP leads to HTTPS as it should, or may be closed"),
        spec("hops", Texts, "every request and what came of it, numbered"),
        spec("redirects", one, "how many redirects the way has, 10 at most"),
        spec("first_status", one, "the status of the first answer"),
        spec("permanent", Flag, "whether the first redirect is one for good: 301 or 308"),
        spec("same_host_first", Flag, "whether it leads to HTTPS on the same host"),
        spec("https_only_after", Flag, "whether everything after it is HTTPS"),
        spec("path_kept", Flag, "whether the first request over HTTPS has the path of the first"),
        spec("query_kept", Flag, "whether it has its query"),
        spec("loops", Flag, "whether the way turns back on itself, or is longer than 10 redirects"),
        spec("hsts_on_first_https", Flag, "whether the first answer over HTTPS sets HSTS"),
        spec("trusted", Flag, "whether clients trust every certificate on the way"),
        spec("final_status", one, "the status at the end of the way"),
        spec("final_url", Text, "where the way ends; without its query"),
    ]
}

/// How a way ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With an answer that leads nowhere else.
    Answered(StatusCode),
    /// It did not.
    Loops,
    /// At a certificate that clients do not trust.
    Untrusted,
    /// Without an answer.
    Silent,
}

/// Reads a way.
///
/// # Errors
/// The first request's failure, unless its connection was refused.
pub(super) fn read(hops: &[Hop], https_port: u16, policy: Port80) -> Result<Readings, Failure> {
    let Some((first, later)) = hops.split_first() else { return Ok(Readings::new()) };
    let (status, to) = match &first.came {
        Came::Answer { status, to, .. } => (*status, to.as_ref()),
        Came::Failed(failure) => return Err(failure.clone()),
        Came::Refused(_) | Came::Untrusted(_) => {
            return Ok(show(Readings::new(), hops)
                .text("port80", "closed")
                .flag("guarded", policy == Port80::ClosedOk)
                .number("redirects", 0.0));
        }
    };
    let end = end(hops);
    let port80 = match to {
        Some(_) => "redirects",
        None if status.is_client_error() || status.is_server_error() => "refuses",
        None => "serves",
    };
    let permanent = to.is_some() && matches!(status.as_u16(), 301 | 308);
    let same_host = to.is_some_and(|to| is_same_host(&first.url, to, https_port));
    // Every URL after the first, the one that a loop would lead to again among them.
    let seen = later.iter().map(|hop| &hop.url).chain(to).chain(ahead(hops));
    let plain_again = seen.clone().any(|url| url.scheme() != "https");
    let whole = end != End::Silent && end != End::Untrusted;
    // What is seen to be false stays so; what is true has to hold to the end.
    let https_only = known(to.is_some() && !plain_again, whole);
    let secure = later.iter().find(|hop| hop.url.scheme() == "https");
    let kept = |of: fn(&Url) -> Option<&str>| match secure {
        Some(hop) => Some(of(&hop.url) == of(&first.url)),
        None => known(false, whole),
    };
    let loops = if end == End::Loops { Some(true) } else { whole.then_some(false) };
    let hsts = match secure.map(|hop| &hop.came) {
        Some(Came::Answer { hsts, .. }) => Some(*hsts),
        Some(Came::Untrusted(_)) => Some(false),
        Some(Came::Refused(_) | Came::Failed(_)) => None,
        None => whole.then_some(false),
    };
    let trusted = if end == End::Untrusted { Some(false) } else { whole.then_some(true) };
    let guarded = all([Some(permanent), Some(same_host), https_only, loops.map(|l| !l), trusted]);
    let mut readings = show(Readings::new(), hops)
        .text("port80", port80)
        .number("first_status", f64::from(status.as_u16()))
        .flag("permanent", permanent)
        .flag("same_host_first", same_host);
    let flags = [
        ("guarded", guarded),
        ("https_only_after", https_only),
        ("path_kept", kept(|url| Some(url.path()))),
        ("query_kept", kept(Url::query)),
        ("loops", loops),
        ("hsts_on_first_https", hsts),
        ("trusted", trusted),
    ];
    for (name, flag) in flags {
        if let Some(flag) = flag {
            readings = readings.flag(name, flag);
        }
    }
    if whole {
        let redirects = later.len() + usize::from(end == End::Loops);
        readings = readings.number("redirects", number(redirects.min(MAX_HOPS)));
    }
    if let (End::Answered(status), Some(last)) = (end, hops.last()) {
        readings = readings
            .number("final_status", f64::from(status.as_u16()))
            .text("final_url", shown_url(&last.url));
    }
    Ok(readings)
}

fn end(hops: &[Hop]) -> End {
    match hops.last().map(|hop| &hop.came) {
        Some(Came::Answer { to: Some(_), .. }) => End::Loops,
        Some(Came::Answer { status, to: None, .. }) => End::Answered(*status),
        Some(Came::Untrusted(_)) => End::Untrusted,
        Some(Came::Refused(_) | Came::Failed(_)) | None => End::Silent,
    }
}

/// Where the last hop would lead.
fn ahead(hops: &[Hop]) -> Option<&Url> {
    match &hops.last()?.came {
        Came::Answer { to, .. } => to.as_ref(),
        Came::Untrusted(_) | Came::Refused(_) | Came::Failed(_) => None,
    }
}

/// A claim that must hold of the whole way: false as soon as it is, true only of a way seen to its end.
fn known(claim: bool, whole: bool) -> Option<bool> {
    (!claim || whole).then_some(claim)
}

/// Whether all claims hold: no if one does not, open if one is open.
fn all<const N: usize>(claims: [Option<bool>; N]) -> Option<bool> {
    if claims.contains(&Some(false)) {
        Some(false)
    } else if claims.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn is_same_host(from: &Url, to: &Url, https_port: u16) -> bool {
    to.scheme() == "https"
        && to.host_str() == from.host_str()
        && to.port_or_known_default() == Some(https_port)
}

/// Adds every hop, as a numbered text and as a part.
fn show(mut readings: Readings, hops: &[Hop]) -> Readings {
    let mut texts = Vec::new();
    for (i, hop) in (1..).zip(hops) {
        let (says, odd) = match &hop.came {
            Came::Answer { status, to: Some(to), .. } => {
                let plain = i > 1 && hop.url.scheme() == "http";
                (format!("{} to {}", status.as_u16(), shown_url(to)), plain)
            }
            Came::Answer { status, to: None, .. } => {
                (status.as_u16().to_string(), hop.url.scheme() == "http" || !status.is_success())
            }
            Came::Untrusted(why) => (why.clone(), true),
            Came::Refused(failure) | Came::Failed(failure) => (failure.to_string(), i > 1),
        };
        let url = shown_url(&hop.url);
        texts.push(format!("{i:02} {url}: {says}"));
        readings = readings.part(format!("{i} {url}"), says, odd);
    }
    readings.texts("hops", texts)
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use launchgate_core::observation::Cause;
    use launchgate_core::reading::Value;

    use super::*;

    const HOME: &str = "http://x.example/a?q";

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    /// A hop from `from`, which redirects to `to`, or serves where that is empty.
    fn hop(from: &str, status: u16, to: &str) -> Hop {
        let status = StatusCode::from_u16(status).expect("a status");
        let to = (!to.is_empty()).then(|| url(to));
        let hsts = from.starts_with("https");
        Hop { url: url(from), came: Came::Answer { status, to, hsts } }
    }

    fn broken(from: &str, came: Came) -> Hop {
        Hop { url: url(from), came }
    }

    /// Asserts `guarded`, `same_host_first`, `https_only_after`, `path_kept`, `query_kept`, `loops`.
    fn check(row: &str, hops: &[Hop], expected: [Option<bool>; 6]) -> Readings {
        let r = read(hops, 443, Port80::ClosedOk).expect(row);
        let names =
            ["guarded", "same_host_first", "https_only_after", "path_kept", "query_kept", "loops"];
        for (name, value) in names.into_iter().zip(expected) {
            assert_eq!(r.get(name), value.map(Value::Flag).as_ref(), "{row}: {name} of {r:?}");
        }
        r
    }

    const YES: Option<bool> = Some(true);
    const NO: Option<bool> = Some(false);

    #[test]
    fn a_way_is_judged_hop_by_hop() {
        let (s, www) = ("https://x.example/a?q", "https://www.x.example/a?q");
        let good = [hop(HOME, 301, s), hop(s, 200, "")];
        let r = check("good", &good, [YES, YES, YES, YES, YES, NO]);
        assert_eq!(r.get("final_status"), Some(&Value::Number(200.0)));
        assert_eq!(r.get("hsts_on_first_https"), Some(&Value::Flag(true)));
        let then = [hop(HOME, 308, s), hop(s, 302, www), hop(www, 200, "")];
        let r = check("then elsewhere", &then, [YES, YES, YES, YES, YES, NO]);
        assert_eq!(r.get("redirects"), Some(&Value::Number(2.0)));
        let temporary = [hop(HOME, 302, s), hop(s, 200, "")];
        check("for now", &temporary, [NO, YES, YES, YES, YES, NO]);
        let www_first = [hop(HOME, 301, www), hop(www, 200, "")];
        check("another host first", &www_first, [NO, NO, YES, YES, YES, NO]);
        let bare = "https://x.example/";
        let lost = [hop(HOME, 301, bare), hop(bare, 200, "")];
        check("path and query lost", &lost, [YES, YES, YES, NO, NO, NO]);
        let plain = "http://www.x.example/a?q";
        let again = [hop(HOME, 301, s), hop(s, 301, plain), hop(plain, 200, "")];
        check("plain again", &again, [NO, YES, NO, YES, YES, NO]);
        check("served", &[hop(HOME, 200, "")], [NO, NO, NO, NO, NO, NO]);
        let circle = [hop(HOME, 301, s), hop(s, 301, HOME)];
        check("a circle", &circle, [NO, YES, NO, YES, YES, YES]);
        let itself = [hop(HOME, 301, s), hop(s, 302, s)];
        check("to itself", &itself, [NO, YES, YES, YES, YES, YES]);
    }

    #[test]
    fn what_broke_off_stays_open() {
        let s = "https://x.example/a?q";
        let gone = Failure::new(Cause::Timeout, "no");
        let silent = [hop(HOME, 301, s), broken(s, Came::Failed(gone.clone()))];
        let r = check("silent", &silent, [None, YES, None, YES, YES, None]);
        assert_eq!(r.get("final_status"), None);
        let untrusted = [hop(HOME, 301, s), broken(s, Came::Untrusted("no".into()))];
        let r = check("untrusted", &untrusted, [NO, YES, None, YES, YES, None]);
        assert_eq!(r.get("hsts_on_first_https"), Some(&Value::Flag(false)));
        let refused = [broken(HOME, Came::Refused(Failure::new(Cause::Refused, "no")))];
        check("closed", &refused, [YES, None, None, None, None, None]);
        let r = read(&refused, 443, Port80::MustRedirect).expect("readings");
        assert_eq!(r.get("guarded"), Some(&Value::Flag(false)));
        let failure = read(&[broken(HOME, Came::Failed(gone))], 443, Port80::ClosedOk);
        assert_eq!(failure.expect_err("nobody answered").cause, Cause::Timeout);
    }
}
