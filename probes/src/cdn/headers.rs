//! What an answer's headers say of caches: where it came from, for how long shared caches may keep it, for whom.
//!
//! Pure. It reads what stands there; what a cache does with it is seen by asking again.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{
    AGE, CACHE_CONTROL, CONTENT_ENCODING, DATE, ETAG, EXPIRES, HeaderMap, SET_COOKIE, VARY,
};

/// A year, in seconds: what `immutable` is worth something with.
const YEAR: f64 = 31_536_000.0;
/// Headers in which caches say where an answer came from, the most exact first.
const EVIDENCE: [&str; 4] = ["cache-status", "cf-cache-status", "x-cache-status", "x-cache"];

/// What one answer says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    /// The header that says whether it came from a cache, and whether it did.
    pub(super) hit: Option<(&'static str, bool)>,
    /// How old it is, in seconds.
    pub(super) age: Option<f64>,
    /// For how many more seconds shared caches may keep it, and which header says so.
    pub(super) fresh: Option<(f64, &'static str)>,
    /// Whether nothing forbids shared caches to keep it.
    pub(super) cacheable: bool,
    /// Whether browsers may keep it for a year and need not ask again.
    pub(super) immutable: bool,
    /// The headers of a request that it depends on, in lower case.
    pub(super) vary: Vec<String>,
    /// Whether it sets a cookie.
    pub(super) cookie: bool,
    /// Its entity tag.
    pub(super) etag: Option<String>,
    /// How its body is packed; empty if it is not.
    pub(super) encoding: String,
}

/// Reads the headers of an answer that came at `now`.
pub(super) fn read(headers: &HeaderMap, now: Timestamp) -> Said {
    let age = list(headers, AGE.as_str());
    let age = age.first().map(|text| seconds(text));
    let own = directives(headers, CACHE_CONTROL.as_str());
    let vary: Vec<String> =
        list(headers, VARY.as_str()).iter().map(|v| v.to_ascii_lowercase()).collect();
    Said {
        hit: EVIDENCE.into_iter().find_map(|name| Some((name, hit(headers, name)?))),
        age,
        fresh: freshness(headers, now).map(|(all, by)| (all - age.unwrap_or(0.0), by)),
        cacheable: !forbids(effective(headers).1.as_deref().unwrap_or_default()),
        immutable: has(&own, "immutable") && value(&own, "max-age").is_some_and(|age| age >= YEAR),
        vary,
        cookie: headers.contains_key(SET_COOKIE),
        etag: headers.get(ETAG).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()),
        encoding: list(headers, CONTENT_ENCODING.as_str()).join(", ").to_ascii_lowercase(),
    }
}

/// Whether a header says that the answer came from a cache; nothing if it is not there or says something else.
fn hit(headers: &HeaderMap, name: &str) -> Option<bool> {
    let members = list(headers, name);
    if members.is_empty() {
        return None;
    }
    if name == "cache-status" {
        return Some(members.iter().any(|member| {
            member.split(';').skip(1).map(str::trim).any(|parameter| {
                parameter.eq_ignore_ascii_case("hit") || parameter.eq_ignore_ascii_case("hit=?1")
            })
        }));
    }
    // Several caches on the way each say theirs, `MISS, HIT`; one hit is enough.
    let is = |words: &[&str]| {
        members.iter().any(|member| {
            let member = member.to_ascii_lowercase();
            words.iter().any(|word| member.contains(word))
        })
    };
    if is(&["hit", "stale", "updating", "revalidated"]) {
        Some(true)
    } else {
        is(&["miss", "expired", "bypass", "dynamic", "pass", "none", "error"]).then_some(false)
    }
}

/// For how long shared caches may keep an answer in all, by the first header that says so (RFC 9213, RFC 9111).
fn freshness(headers: &HeaderMap, now: Timestamp) -> Option<(f64, &'static str)> {
    let (name, said) = effective(headers);
    if let Some(said) = said {
        if forbids(&said) {
            return Some((0.0, name));
        }
        let shared = if name == "cache-control" { value(&said, "s-maxage") } else { None };
        if let Some(age) = shared {
            return Some((age, "s-maxage"));
        }
        if let Some(age) = value(&said, "max-age") {
            return Some((age, if name == "cache-control" { "max-age" } else { name }));
        }
    }
    let expires = headers.get(EXPIRES)?;
    // What is no date has expired (RFC 9111, section 5.3).
    let Some(expires) = date(expires.as_bytes()) else { return Some((0.0, "expires")) };
    let sent = headers.get(DATE).and_then(|d| date(d.as_bytes())).unwrap_or(now);
    Some((expires.duration_since(sent).as_secs_f64(), "expires"))
}

/// The directives that count for shared caches, and the header that they stand in: the most targeted one.
fn effective(headers: &HeaderMap) -> (&'static str, Option<Vec<Directive>>) {
    for name in ["cdn-cache-control", "surrogate-control", "cache-control"] {
        if headers.contains_key(name) {
            return (name, Some(directives(headers, name)));
        }
    }
    ("cache-control", None)
}

fn forbids(said: &[Directive]) -> bool {
    ["no-store", "private", "no-cache"].iter().any(|word| has(said, word))
}

/// A directive's name in lower case, and its value, empty if it has none.
type Directive = (String, String);

fn directives(headers: &HeaderMap, name: &str) -> Vec<Directive> {
    let split = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_owned())
    };
    list(headers, name).iter().map(split).collect()
}

fn has(said: &[Directive], word: &str) -> bool {
    said.iter().any(|(name, _)| name == word)
}

/// The seconds of a directive, the least if it stands there several times.
fn value(said: &[Directive], word: &str) -> Option<f64> {
    let values = said.iter().filter(|(name, _)| name == word).map(|(_, value)| seconds(value));
    values.reduce(f64::min)
}

/// A number of seconds; what is none is zero, which is the careful reading.
fn seconds(text: &str) -> f64 {
    text.parse::<u32>().map_or(0.0, f64::from)
}

/// The members of all fields of a name, split at commas outside of quotes.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let mut members = Vec::new();
    for field in headers.get_all(name) {
        let (mut member, mut quoted) = (String::new(), false);
        for c in String::from_utf8_lossy(field.as_bytes()).chars() {
            quoted ^= c == '"';
            if c == ',' && !quoted {
                members.push(std::mem::take(&mut member));
            } else {
                member.push(c);
            }
        }
        members.push(member);
    }
    members.iter().map(|m| m.trim().to_owned()).filter(|m| !m.is_empty()).collect()
}

fn date(text: &[u8]) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(std::str::from_utf8(text).ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    type Fields<'a> = &'a [(&'static str, &'static str)];
    type Hit = Option<(&'static str, bool)>;
    type Fresh = Option<(f64, &'static str)>;

    fn said(fields: Fields<'_>) -> Said {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        read(&headers, "2026-12-01T00:00:00Z".parse().expect("a timestamp"))
    }

    #[test]
    fn evidence_is_taken_from_the_most_exact_header() {
        let rows: [(&str, Fields<'_>, Hit); 13] = [
            ("a hit", &[("cache-status", "Edge; hit; ttl=30")], Some(("cache-status", true))),
            ("a miss", &[("cache-status", "Edge; fwd=miss")], Some(("cache-status", false))),
            (
                "one of two",
                &[("cache-status", "O; hit, \"E, x\"; fwd=miss")],
                Some(("cache-status", true)),
            ),
            (
                "a cache called so",
                &[("cache-status", "hit; fwd=miss")],
                Some(("cache-status", false)),
            ),
            ("not so", &[("cache-status", "E; hit=?0")], Some(("cache-status", false))),
            (
                "the exact one first",
                &[("x-cache", "HIT"), ("cache-status", "E; fwd=uri-miss")],
                Some(("cache-status", false)),
            ),
            ("by name", &[("cf-cache-status", "HIT")], Some(("cf-cache-status", true))),
            ("not kept", &[("cf-cache-status", "DYNAMIC")], Some(("cf-cache-status", false))),
            ("of nginx", &[("x-cache-status", "EXPIRED")], Some(("x-cache-status", false))),
            ("from somewhere", &[("x-cache", "Hit from cloudfront")], Some(("x-cache", true))),
            ("of two", &[("x-cache", "MISS, HIT")], Some(("x-cache", true))),
            ("something else", &[("x-cache", "configured")], None),
            ("nothing", &[], None),
        ];
        for (row, fields, hit) in rows {
            assert_eq!(said(fields).hit, hit, "{row}");
        }
    }

    #[test]
    fn freshness_is_that_of_the_most_targeted_header() {
        let all = ("cache-control", "max-age=60, s-maxage=120");
        let day = ("expires", "Wed, 02 Dec 2026 00:00:00 GMT");
        let rows: [(&str, Fields<'_>, Fresh); 11] = [
            (
                "targeted",
                &[all, ("cdn-cache-control", "max-age=600")],
                Some((600.0, "cdn-cache-control")),
            ),
            (
                "surrogates",
                &[all, ("surrogate-control", "max-age=300")],
                Some((300.0, "surrogate-control")),
            ),
            ("shared", &[all], Some((120.0, "s-maxage"))),
            ("for all", &[("cache-control", "max-age=60"), day], Some((60.0, "max-age"))),
            ("less its age", &[all, ("age", "100")], Some((20.0, "s-maxage"))),
            ("past", &[all, ("age", "130")], Some((-10.0, "s-maxage"))),
            (
                "a date",
                &[day, ("date", "Tue, 01 Dec 2026 12:00:00 GMT")],
                Some((43_200.0, "expires")),
            ),
            ("a date from now", &[day], Some((86_400.0, "expires"))),
            ("no date", &[("expires", "0")], Some((0.0, "expires"))),
            (
                "forbidden",
                &[("cache-control", "private, max-age=60")],
                Some((0.0, "cache-control")),
            ),
            ("nothing", &[], None),
        ];
        for (row, fields, fresh) in rows {
            assert_eq!(said(fields).fresh, fresh, "{row}");
        }
    }

    #[test]
    fn what_may_be_kept_and_for_whom() {
        // Cacheable, immutable.
        let rows: [(&str, Fields<'_>, bool, bool); 7] = [
            ("an asset", &[("cache-control", "public, max-age=31536000, immutable")], true, true),
            ("too short", &[("cache-control", "max-age=86400, immutable")], true, false),
            ("asked again", &[("cache-control", "max-age=31536000")], true, false),
            ("a page", &[("cache-control", "no-store")], false, false),
            ("for one", &[("cache-control", "Private")], false, false),
            (
                "kept by the edge alone",
                &[("cache-control", "no-store"), ("cdn-cache-control", "max-age=9")],
                true,
                false,
            ),
            ("nothing said", &[], true, false),
        ];
        for (row, fields, cacheable, immutable) in rows {
            let said = said(fields);
            assert_eq!((said.cacheable, said.immutable), (cacheable, immutable), "{row}");
        }
        let said =
            said(&[("vary", "Accept-Encoding, COOKIE"), ("set-cookie", "a=b"), ("etag", "\"1\"")]);
        assert_eq!(said.vary, ["accept-encoding", "cookie"]);
        assert!(said.cookie && said.etag.as_deref() == Some("\"1\""));
    }
}
