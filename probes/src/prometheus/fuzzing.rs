//! What a Prometheus answers, for `fuzz/`.

use jiff::Timestamp;
use reqwest::StatusCode;

use super::answer;
use super::api::Answer;
use crate::fuzzing::{Parser, said};

pub(crate) const PARSERS: &[Parser] = &[("prometheus_answer", |bytes| {
    if let Ok(samples) = answer::read(&answer(bytes), "up") {
        said(samples.one("`up`"));
        let at = |sample: &answer::Sample| answer::timestamp(sample.at, Timestamp::UNIX_EPOCH);
        samples.list.iter().for_each(|sample| said(at(sample)));
    }
})];

/// An answer with this body, of the status that its length says: most are good.
pub(crate) fn answer(bytes: &[u8]) -> Answer {
    let status = if bytes.len() % 8 == 7 { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Answer {
        from: "https://prometheus.example/".to_owned(),
        status,
        content_type: "application/json".to_owned(),
        body: bytes.to_vec(),
    }
}
