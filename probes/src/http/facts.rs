//! From one answer to facts: those that every answer has, and those that the launch file asks for by name.
//!
//! Each fact says what becomes of it when several targets are asked, so that no one of them hides behind the others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launchgate_core::name::Name;
use launchgate_core::reading::{MAX_TEXT, ReadingSpec, ReadingType, Unit, Value, number};
use regex::Regex;
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName};

use super::exchange::Answer;
use super::json::JsonReading;
use super::timing::PHASES;
use crate::secret::shown_url;

/// What becomes of a fact of several targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Several {
    /// The highest number.
    Highest,
    /// The lowest number.
    Lowest,
    /// The highest number, and the lowest under a name with `_lowest` behind it.
    Both,
    /// The share of targets for which it is true.
    Share,
    /// The set of all texts.
    Set,
    /// It stands only if it is the same for all.
    Same,
}

/// A fact that answers have.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    /// Its name, its type for a single target, and its meaning.
    pub(super) spec: ReadingSpec,
    pub(super) several: Several,
}

/// What is read out of answers.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) json: Vec<(Name, JsonReading)>,
    pub(super) matches: Vec<(Name, Regex)>,
    pub(super) headers: Vec<(Name, HeaderName)>,
    /// Whether each phase is timed as well.
    pub(super) timings: bool,
    /// How many requests make a look, where they are more than one.
    pub(super) samples: Option<u16>,
}

/// The facts of one answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) status: StatusCode,
    pub(super) values: BTreeMap<Name, Value>,
    /// Why some are missing.
    pub(super) remarks: Vec<String>,
}

impl Facts {
    /// All facts that an answer may have, the status aside.
    pub(super) fn all(&self) -> Vec<Fact> {
        use ReadingType::{Flag, Number, Text};
        let own =
            |name, kind, several, doc| Fact { spec: ReadingSpec::new(name, kind, doc), several };
        let time = Number(Unit::Time);
        let mut facts = vec![
            own("latency", time, Several::Highest, "from the first request to the last byte"),
            own(
                "redirects",
                Number(Unit::One),
                Several::Highest,
                "how many redirects were followed",
            ),
            own("final_url", Text, Several::Set, "who answered in the end; without its query"),
            own("location", Text, Several::Set, "where that answer redirects to; empty if nowhere"),
            own("content_type", Text, Several::Set, "the type of the body; empty if not said"),
            own("cache_control", Text, Several::Set, "what it says of caching; empty if nothing"),
            own("cache_max_age", time, Several::Lowest, "for how long browsers may keep it"),
            own(
                "body_bytes",
                Number(Unit::Bytes),
                Several::Highest,
                "the size of the body, unpacked",
            ),
            own("body", Text, Several::Set, "the body, if it has at most 500 characters"),
        ];
        if self.timings {
            facts.extend(PHASES.map(|(name, doc)| own(name, time, Several::Highest, doc)));
        }
        let declared = |name: &Name, kind, doc: String| {
            let several = match kind {
                Number(_) => Several::Both,
                Flag => Several::Share,
                Text => Several::Set,
                ReadingType::Texts => Several::Same,
            };
            Fact { spec: ReadingSpec { name: name.clone(), kind, doc }, several }
        };
        let json = self.json.iter().map(|(name, json)| {
            declared(name, json.kind(), format!("what stands in the JSON at `{}`", json.pointer))
        });
        let matches = self.matches.iter().map(|(name, regex)| {
            declared(name, Flag, format!("whether the body matches `{regex}`"))
        });
        let headers = self.headers.iter().map(|(name, header)| {
            declared(name, Text, format!("the header `{header}`; empty if there is none"))
        });
        facts.extend(json.chain(matches).chain(headers));
        facts
    }

    /// Reads an answer, at `now`.
    pub(super) fn read(&self, answer: &Answer, now: Timestamp) -> Found {
        let Answer { status, headers, body, .. } = answer;
        let mut found = Found { status: *status, values: BTreeMap::new(), remarks: Vec::new() };
        let text = |name| Value::Text(header(headers, name));
        let location = answer.location.as_ref().map(shown_url).unwrap_or_default();
        let bytes = f64::from(u32::try_from(body.len()).unwrap_or(u32::MAX));
        let mut values = vec![
            ("latency", number(answer.latency.as_secs_f64())),
            ("redirects", number(f64::from(answer.redirects))),
            ("final_url", Value::Text(shown_url(&answer.url))),
            ("location", Value::Text(location)),
            ("content_type", text(&CONTENT_TYPE)),
            ("cache_control", text(&CACHE_CONTROL)),
            ("cache_max_age", number(max_age(headers))),
            ("body_bytes", number(bytes)),
        ];
        let body_text = String::from_utf8_lossy(body);
        if is_short(body_text.trim_end()) {
            values.push(("body", Value::Text(body_text.trim_end().to_owned())));
        } else {
            found.remarks.push("the body is too long for `body`: use `matches`".to_owned());
        }
        for (name, value) in values {
            found.add(Name::of(name), value);
        }
        for (name, regex) in &self.matches {
            found.add(name.clone(), Value::Flag(regex.is_match(&body_text)));
        }
        for (name, wanted) in &self.headers {
            found.add(name.clone(), Value::Text(header(headers, wanted)));
        }
        self.read_json(body, now, &mut found);
        found
    }

    fn read_json(&self, body: &[u8], now: Timestamp, found: &mut Found) {
        if self.json.is_empty() {
            return;
        }
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else {
            found.remarks.push("the body is no JSON".to_owned());
            return;
        };
        for (name, json) in &self.json {
            match json.read(&body, now) {
                Ok(value) => found.add(name.clone(), value),
                Err(why) => found.remarks.push(format!("`{name}` {why}")),
            }
        }
    }
}

impl Found {
    /// Adds a value, unless it is a text that a reading would cut: what is cut off could be what matters.
    fn add(&mut self, name: Name, value: Value) {
        match &value {
            Value::Text(text) if !is_short(text) => {
                self.remarks.push(format!("`{name}` has more than {MAX_TEXT} characters"));
            }
            _ => {
                self.values.insert(name, value);
            }
        }
    }
}

fn is_short(text: &str) -> bool {
    text.chars().nth(MAX_TEXT).is_none()
}

/// The fields of a name as one text.
fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    let fields = headers.get_all(name).iter();
    fields
        .map(|f| String::from_utf8_lossy(f.as_bytes()).into_owned())
        .collect::<Vec<_>>()
        .join(", ")
}

/// For how many seconds browsers may keep an answer without asking again: the least that it says, zero if it says none.
fn max_age(headers: &HeaderMap) -> f64 {
    let said = header(headers, &CACHE_CONTROL).to_ascii_lowercase();
    let directives: Vec<(&str, &str)> = said
        .split(',')
        .map(|d| d.split_once('=').unwrap_or((d, "")))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
        .collect();
    if directives.iter().any(|(name, _)| matches!(*name, "no-store" | "no-cache")) {
        return 0.0;
    }
    let ages = directives.iter().filter(|(name, _)| *name == "max-age");
    // What is no number of seconds makes an answer stale (RFC 9111, section 4.2.1).
    ages.map(|(_, value)| value.parse::<u32>().map_or(0.0, f64::from))
        .reduce(f64::min)
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn browsers_keep_an_answer_for_as_long_as_it_says() {
        let rows: [(&str, &[&str], f64); 10] = [
            ("nothing said", &[], 0.0),
            ("a year", &["public, max-age=31536000, immutable"], 31_536_000.0),
            ("in two fields", &["public", "Max-Age=60"], 60.0),
            ("quoted", &["max-age=\"60\""], 60.0),
            ("not stored", &["max-age=60, no-store"], 0.0),
            ("asked again", &["no-cache, max-age=60"], 0.0),
            ("no number", &["max-age=soon"], 0.0),
            ("negative", &["max-age=-1"], 0.0),
            ("twice", &["max-age=60, max-age=5"], 5.0),
            ("for others only", &["s-maxage=60"], 0.0),
        ];
        for (row, fields, seconds) in rows {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(field));
            }
            assert!((max_age(&headers) - seconds).abs() < 1e-9, "{row}");
        }
    }
}
