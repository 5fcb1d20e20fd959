//! From the answers of every edge to readings: the worst edge decides, and a silent one leaves it open.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use reqwest::StatusCode;

use super::headers;

/// The statuses by which a firewall refuses.
const REFUSALS: [u16; 4] = [400, 403, 406, 429];

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) headers: headers::Said,
}

/// One edge, and what it answered each time.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) subject: String,
    pub(super) outcome: Result<Vec<Said>, Failure>,
}

/// What an origin does with somebody who goes past the cache.
#[derive(Debug)]
pub(super) enum Origin {
    /// It refuses connections.
    Refuses,
    /// It does not answer, while the edge did.
    Silent,
    /// It answers.
    Answers(StatusCode),
    /// It presents a certificate that is not trusted, so that it was asked for nothing.
    Untrusted(String),
    /// Something else, which says nothing.
    Unknown(Failure),
}

/// What lies beyond the cache, as far as it was asked for.
#[derive(Debug)]
pub(super) struct Beyond {
    pub(super) origin: Option<Origin>,
    pub(super) waf: Option<Result<StatusCode, Failure>>,
}

/// The readings that looks can bring.
pub(super) fn specs() -> Vec<ReadingSpec> {
    use ReadingType::{Flag, Number, Text, Texts};
    let (spec, one, time) = (ReadingSpec::new, Number(Unit::One), Number(Unit::Time));
    vec![
        spec("status", one, "the highest status of all answers"),
        spec("hit", Flag, "whether every edge answered from its cache in the end"),
        spec("hit_by", Text, "what says so: a header's name, or `age` where it grew"),
        spec("requests", one, "how many requests an edge needed; the most"),
        spec("age", time, "how old the last answers are; the oldest"),
        spec("age_spread", time, "how far the edges' ages lie apart"),
        spec("freshness", time, "for how much longer shared caches may keep it; the shortest"),
        spec("freshness_by", Text, "which header says so"),
        spec(
            "cacheable",
            Flag,
            "whether nothing forbids shared caches to keep it; one answer for all",
        ),
        spec("immutable", Flag, "whether browsers keep it for a year without asking again"),
        spec("vary", Texts, "the headers of a request that the answer depends on"),
        spec("vary_ok", Flag, "whether neither `*`, `cookie` nor `user-agent` is among them"),
        spec("hit_with_cookie", Flag, "whether an answer from a cache set a cookie"),
        spec("etag_stable", Flag, "whether all answers have the same entity tag"),
        spec("encodings", Texts, "how bodies are packed; `identity` if they are not"),
        spec("encoding_stable", Flag, "whether all are packed alike"),
        spec("origin", Text, "what the origin does with those who go past the cache"),
        spec("origin_closed", Flag, "whether it refuses, redirects or stays silent"),
        spec("waf_status", one, "the status of the answer to the query that must be refused"),
        spec("waf_refuses", Flag, "whether that status refuses: 400, 403, 406 or 429"),
        spec("edges", one, "the edges that were asked"),
        spec("reachable", Number(Unit::Percent), "those that answered"),
    ]
}

/// Whether an edge answered from its cache in the end; nothing where nothing says so.
pub(super) fn hit(answers: &[Said]) -> Option<bool> {
    evidence(answers).map(|(_, hit)| hit)
}

/// What says whether the last answer came from a cache: a header, or an age that grew over the requests.
fn evidence(answers: &[Said]) -> Option<(&'static str, bool)> {
    let last = answers.last()?;
    if last.headers.hit.is_some() {
        return last.headers.hit;
    }
    let ages: Vec<f64> = answers.iter().filter_map(|a| a.headers.age).collect();
    let grown = ages.len() == answers.len() && ages.len() > 1 && ages.is_sorted_by(|a, b| a < b);
    // An age that stays is no proof that there is no cache.
    grown.then_some(("age", true))
}

/// Reads all edges together, and what lies beyond.
///
/// # Errors
/// The first failure when no edge answered.
pub(super) fn read(edges: &[Edge], beyond: &Beyond) -> Result<Readings, Failure> {
    let heard: Vec<&Vec<Said>> = edges.iter().filter_map(|e| e.outcome.as_ref().ok()).collect();
    let answers: Vec<&Said> = heard.iter().flat_map(|a| a.iter()).collect();
    let last: Vec<&Said> = heard.iter().filter_map(|a| a.last()).collect();
    if last.is_empty() {
        let first = edges.iter().find_map(|e| e.outcome.as_ref().err()).cloned();
        return Err(first.unwrap_or_else(|| Failure::new(Cause::NoData, "nothing was asked")));
    }
    let whole = heard.len() == edges.len();
    let requests = heard.iter().map(|a| a.len()).max().unwrap_or_default();
    let mut readings = Readings::new()
        .number("requests", number(requests))
        .number("edges", number(edges.len()))
        .number("reachable", 100.0 * number(heard.len()) / number(edges.len()));
    if let (true, Some(status)) = (whole, answers.iter().map(|a| a.status.as_u16()).max()) {
        readings = readings.number("status", f64::from(status));
    }
    let evidence: Vec<_> = heard.iter().map(|a| evidence(a)).collect();
    if let Some(Some((by, _))) = evidence.iter().find(|e| e.is_some()) {
        readings = readings.text("hit_by", *by);
    } else {
        readings = readings.note("no header says whether an answer came from a cache");
    }
    let hits = evidence.iter().map(|e| e.map(|(_, hit)| hit));
    let vary_ok = |a: &&Said| {
        !a.headers.vary.iter().any(|v| matches!(v.as_str(), "*" | "cookie" | "user-agent"))
    };
    let cookie = answers.iter().any(|a| a.headers.cookie && a.headers.hit.is_some_and(|(_, h)| h));
    let immutable = answers.iter().all(|a| a.headers.immutable);
    let flags = [
        ("hit", all(hits, whole)),
        ("cacheable", same(answers.iter().map(|a| a.headers.cacheable), whole)),
        ("immutable", known(immutable, whole)),
        ("vary_ok", known(answers.iter().all(vary_ok), whole)),
        ("hit_with_cookie", (cookie || whole).then_some(cookie)),
        ("etag_stable", etag_stable(&answers, whole)),
        ("encoding_stable", known(alike(answers.iter().map(|a| &a.headers.encoding)), whole)),
    ];
    for (name, flag) in flags {
        if let Some(flag) = flag {
            readings = readings.flag(name, flag);
        }
    }
    readings = times(readings, &last, whole);
    readings = readings
        .texts("vary", answers.iter().flat_map(|a| &a.headers.vary))
        .texts("encodings", answers.iter().map(|a| shown(&a.headers.encoding)));
    for edge in edges {
        let (says, odd) = says(edge);
        readings = readings.part(&edge.subject, says, odd);
    }
    Ok(past(readings, beyond))
}

/// Ages and freshness of the last answers.
fn times(mut readings: Readings, last: &[&Said], whole: bool) -> Readings {
    if !whole {
        return readings;
    }
    let ages: Vec<f64> = last.iter().filter_map(|a| a.headers.age).collect();
    let most = ages.iter().copied().reduce(f64::max);
    let least = ages.iter().copied().reduce(f64::min);
    if let (Some(most), Some(least), true) = (most, least, ages.len() == last.len()) {
        readings = readings.number("age", most).number("age_spread", most - least);
    }
    // Who says nothing leaves it to the cache, which is no time that anybody could hold it to.
    let fresh: Option<Vec<_>> = last.iter().map(|a| a.headers.fresh).collect();
    let least = fresh.and_then(|f| f.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)));
    if let Some((least, by)) = least {
        readings = readings.number("freshness", least).text("freshness_by", by);
    }
    readings
}

/// What the origin and the firewall do.
fn past(mut readings: Readings, beyond: &Beyond) -> Readings {
    if let Some(origin) = &beyond.origin {
        let (text, closed) = match origin {
            Origin::Refuses => ("refuses connections".to_owned(), Some(true)),
            Origin::Silent => ("silent".to_owned(), Some(true)),
            Origin::Answers(status) => {
                let turns_away = status.is_redirection() || [401, 403].contains(&status.as_u16());
                (format!("answers {}", status.as_u16()), Some(turns_away))
            }
            Origin::Untrusted(why) => (why.clone(), None),
            Origin::Unknown(failure) => (failure.to_string(), None),
        };
        if matches!(origin, Origin::Silent) {
            readings =
                readings.note("the origin's silence counts as closed, since an edge answered");
        }
        readings = readings.text("origin", text);
        if let Some(closed) = closed {
            readings = readings.flag("origin_closed", closed);
        }
    }
    match &beyond.waf {
        None => readings,
        Some(Ok(status)) => readings
            .number("waf_status", f64::from(status.as_u16()))
            .flag("waf_refuses", REFUSALS.contains(&status.as_u16())),
        Some(Err(failure)) => {
            readings.note(format!("what the firewall must refuse was not answered: {failure}"))
        }
    }
}

/// What one edge says, and whether it stands out.
fn says(edge: &Edge) -> (String, bool) {
    let answers = match &edge.outcome {
        Ok(answers) => answers,
        Err(failure) => return (failure.to_string(), true),
    };
    let each = answers.iter().map(|a| {
        let hit = match a.headers.hit {
            Some((by, true)) => format!(" hit by {by}"),
            Some((by, false)) => format!(" no hit by {by}"),
            None => String::new(),
        };
        let age = a.headers.age.map(|age| format!(" age {age}s")).unwrap_or_default();
        format!("{}{hit}{age}", a.status.as_u16())
    });
    let each: Vec<String> = each.collect();
    let bad = answers.iter().any(|a| !a.status.is_success());
    (each.join(", then "), bad || hit(answers) == Some(false))
}

fn shown(encoding: &str) -> &str {
    if encoding.is_empty() { "identity" } else { encoding }
}

/// Whether all have the same tag; nothing where none has one.
fn etag_stable(answers: &[&Said], whole: bool) -> Option<bool> {
    let tags = answers.iter().map(|a| a.headers.etag.as_ref());
    if tags.clone().all(|tag| tag.is_none()) { None } else { known(alike(tags), whole) }
}

fn alike<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
    let Some(first) = values.next() else { return true };
    values.all(|value| value == first)
}

/// What all say alike; nothing where they differ or one is silent.
fn same(claims: impl Iterator<Item = bool> + Clone, whole: bool) -> Option<bool> {
    let first = claims.clone().next().filter(|_| whole)?;
    alike(claims).then_some(first)
}

/// A claim that must hold for every edge: false as soon as it is, true only when all were heard.
fn known(claim: bool, whole: bool) -> Option<bool> {
    (!claim || whole).then_some(claim)
}

/// False if one is, else open if one is or an edge was silent, else true.
fn all(mut claims: impl Iterator<Item = Option<bool>> + Clone, whole: bool) -> Option<bool> {
    if claims.clone().any(|claim| claim == Some(false)) {
        Some(false)
    } else {
        (whole && claims.all(|claim| claim == Some(true))).then_some(true)
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use launchgate_core::reading::Value;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn said(fields: &[(&'static str, &'static str)]) -> Said {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Said { status: StatusCode::OK, headers: headers::read(&headers, Timestamp::UNIX_EPOCH) }
    }

    fn edge(answers: &[&[(&'static str, &'static str)]]) -> Edge {
        let answers = answers.iter().map(|fields| said(fields)).collect();
        Edge { subject: "edge".to_owned(), outcome: Ok(answers) }
    }

    fn silent() -> Edge {
        let failure = Failure::new(Cause::Timeout, "no");
        Edge { subject: "edge".to_owned(), outcome: Err(failure) }
    }

    const NOTHING: Beyond = Beyond { origin: None, waf: None };
    const MISS: &[(&str, &str)] = &[("x-cache", "MISS"), ("etag", "\"1\"")];
    const HIT: &[(&str, &str)] = &[("x-cache", "HIT"), ("etag", "\"1\""), ("age", "2")];

    #[test]
    fn a_hit_is_proven_and_never_guessed() {
        let rows = [
            ("by the second", vec![edge(&[MISS, HIT])], Some(true)),
            ("never", vec![edge(&[MISS, MISS, MISS])], Some(false)),
            ("at one edge only", vec![edge(&[MISS, HIT]), edge(&[MISS, MISS, MISS])], Some(false)),
            ("by an age that grows", vec![edge(&[&[("age", "1")], &[("age", "2")]])], Some(true)),
            ("an age that stays", vec![edge(&[&[("age", "7")], &[("age", "7")]])], None),
            ("nothing said", vec![edge(&[&[], &[]])], None),
            ("one edge silent", vec![edge(&[MISS, HIT]), silent()], None),
            ("one silent, one without", vec![edge(&[MISS, MISS]), silent()], Some(false)),
        ];
        for (row, edges, hit) in rows {
            let r = read(&edges, &NOTHING).expect(row);
            assert_eq!(r.get("hit"), hit.map(Value::Flag).as_ref(), "{row}: {r:?}");
        }
        let failure = read(&[silent()], &NOTHING).expect_err("nobody answered");
        assert_eq!(failure.cause, Cause::Timeout);
    }

    #[test]
    fn what_differs_shows() {
        let other: &[(&str, &str)] =
            &[("x-cache", "HIT"), ("etag", "\"2\""), ("age", "90"), ("set-cookie", "a=b")];
        let flag = |r: &Readings, name: &str| match r.get(name) {
            Some(Value::Flag(flag)) => Some(*flag),
            _ => None,
        };
        let r = read(&[edge(&[MISS, HIT])], &NOTHING).expect("readings");
        assert_eq!(flag(&r, "etag_stable"), Some(true));
        assert_eq!(flag(&r, "hit_with_cookie"), Some(false));
        let r = read(&[edge(&[MISS, HIT]), edge(&[other])], &NOTHING).expect("readings");
        assert_eq!(flag(&r, "etag_stable"), Some(false));
        assert_eq!(flag(&r, "hit_with_cookie"), Some(true));
        assert_eq!(r.get("age_spread"), Some(&Value::Number(88.0)));
        let kept: &[(&str, &str)] = &[("cache-control", "max-age=60"), ("vary", "Cookie")];
        let r = read(&[edge(&[kept]), edge(&[&[("cache-control", "no-store")]])], &NOTHING);
        let r = r.expect("readings");
        assert_eq!(flag(&r, "cacheable"), None, "they differ");
        assert_eq!(flag(&r, "vary_ok"), Some(false));
    }

    #[test]
    fn origins_that_answer_are_open() {
        let answers = |status| Origin::Answers(StatusCode::from_u16(status).expect("a status"));
        let rows = [
            ("refuses", Origin::Refuses, Some(true)),
            ("silent", Origin::Silent, Some(true)),
            ("redirects", answers(301), Some(true)),
            ("forbids", answers(403), Some(true)),
            ("serves", answers(200), Some(false)),
            ("breaks", answers(503), Some(false)),
            ("untrusted", Origin::Untrusted("no".into()), None),
            ("odd", Origin::Unknown(Failure::new(Cause::Unreachable, "no")), None),
        ];
        for (row, origin, closed) in rows {
            let beyond = Beyond { origin: Some(origin), waf: None };
            let r = read(&[edge(&[HIT])], &beyond).expect(row);
            assert_eq!(r.get("origin_closed"), closed.map(Value::Flag).as_ref(), "{row}");
        }
        for (status, refuses) in [(403, true), (200, false), (500, false)] {
            let waf = Some(Ok(StatusCode::from_u16(status).expect("a status")));
            let r = read(&[edge(&[HIT])], &Beyond { origin: None, waf }).expect("readings");
            assert_eq!(r.get("waf_refuses"), Some(&Value::Flag(refuses)), "{status}");
        }
    }
}
