//! Answers over HTTP, for `fuzz/`: their heads, their chunks, and what is read out of their bodies.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::name::Name;
use regex::Regex;
use reqwest::header::SERVER;
use reqwest::{StatusCode, Url};

use super::exchange::Answer;
use super::facts::Facts;
use super::verdict::{self, Look, Seen};
use super::wire::{Chunks, parse_head};
use crate::fuzzing::{Parser, halves, headers, said};

/// Every form, of the whole body and of something in it.
const JSON: &str = r#"[
    {"pointer": "", "as": "number", "unit": "bytes"}, {"pointer": "/a", "as": "number"},
    {"pointer": "", "as": "text"}, {"pointer": "/b/0", "as": "text"}, {"pointer": "/c", "as": "flag"},
    {"pointer": "/b", "as": "texts"}, {"pointer": "", "as": "texts"}, {"pointer": "", "as": "count"},
    {"pointer": "/d", "as": "age"}, {"pointer": "", "as": "age"}]"#;

pub(crate) const PARSERS: &[Parser] = &[
    ("http_answer", |bytes| {
        let (head, body) = halves(bytes);
        let url = Url::parse("https://shop.example/").expect("the URL is one");
        let answer = Answer {
            status: StatusCode::OK,
            latency: Duration::from_millis(5),
            redirects: 1,
            location: url.join(&String::from_utf8_lossy(head)).ok(),
            url: url.clone(),
            headers: headers(head),
            body: body.to_vec(),
        };
        let facts = facts();
        let read = || facts.read(&answer, Timestamp::UNIX_EPOCH);
        let seen = || Seen { ok: true, facts: read(), samples: None };
        let looks = || (0..2).map(|_| Look::new(&url, None, Ok(seen()))).collect();
        said(verdict::read(looks(), &facts, true));
        said(verdict::read(vec![Look::new(&url, None, Ok(seen()))], &facts, false));
    }),
    ("http_chunks", |bytes| {
        let mut chunks = Chunks::default();
        for end in [bytes.len() / 2, bytes.len()] {
            said(chunks.ended(&bytes[..end]));
        }
    }),
    ("http_head", |bytes| said(parse_head(bytes))),
];

fn facts() -> Facts {
    let json: Vec<super::json::JsonReading> =
        serde_json::from_str(JSON).expect("they are readings");
    let named = (b'a'..=b'z').map(|letter| {
        let name = format!("json_{}", char::from(letter));
        name.parse::<Name>().expect("it is a name")
    });
    let regex = Regex::new("(?i)ok|up").expect("it is a pattern");
    Facts {
        json: named.zip(json).collect(),
        matches: vec![(Name::of("fine"), regex)],
        headers: vec![(Name::of("server"), SERVER)],
        timings: false,
        samples: None,
    }
}
