//! A job's own word: a document in JSON that says when its last backup ended.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fetch::{self, Get};
use super::listing::{Backup, Listing, State, moment, seconds};
use super::tool;
use crate::Context;
use crate::secret::{TextOrCredential, shown_url};

const NAME: &str = "http";
/// From here on a number counts milliseconds: as seconds it would be in the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

/// A document in JSON that tells of the last backup. Places in it are JSON pointers: `/jobs/0/last_success`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportSettings {
    /// Where it is.
    pub url: String,
    /// Headers, written out or by reference.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Where it says when the last good backup ended: RFC 3339, or seconds or milliseconds since 1970.
    pub end: String,
    /// Where it says whether that one is good: `true` or `false`. It is if not given.
    #[serde(default)]
    pub ok: Option<String>,
    /// Where it says how large it is, in bytes.
    #[serde(default)]
    pub size: Option<String>,
    /// Where it says when a backup was last restored and found to be whole, like `end`.
    #[serde(default)]
    pub verified: Option<String>,
}

pub(super) fn check(settings: &ReportSettings) -> Result<(), Vec<Problem>> {
    let pointers = [Some(&settings.end), settings.ok.as_ref(), settings.size.as_ref()];
    for pointer in pointers.into_iter().chain([settings.verified.as_ref()]).flatten() {
        if !pointer.starts_with('/') {
            let problem = Problem::at(NAME, format!("`{pointer}` is no JSON pointer"));
            return Err(vec![problem.hint("write it like `/jobs/0/last_success`")]);
        }
    }
    fetch::check(NAME, &settings.url, &settings.headers)
}

pub(super) async fn list(settings: &ReportSettings, cx: &Context) -> Result<Listing, Failure> {
    let (url, headers) = (settings.url.as_str(), &settings.headers);
    let get = Get { url, headers, token: None, ca_file: settings.ca_file.as_deref() };
    let body = get.body(cx).await?;
    cx.trail.untested("whether the backup that the document tells of is there at all");
    read(settings, &body)
}

/// Reads a document.
pub(super) fn read(settings: &ReportSettings, json: &[u8]) -> Result<Listing, Failure> {
    let document: Value = serde_json::from_slice(json).map_err(|e| tool::odd(NAME, e))?;
    let at = |pointer: &str| document.pointer(pointer).filter(|value| !value.is_null());
    let odd = |pointer: &str, what: &str| tool::odd(NAME, format!("`{pointer}` is no {what}"));
    let time = |pointer: &str| match at(pointer) {
        None => Ok(None),
        Some(value) => match instant(value) {
            Instant::At(at) => Ok(Some(at)),
            Instant::Never => Ok(None),
            Instant::Odd => Err(odd(pointer, "time")),
        },
    };
    let Some(end) = time(&settings.end)? else {
        let message = format!("the document tells of no time at `{}`", settings.end);
        return Err(Failure::new(Cause::NoData, message));
    };
    let ok = settings.ok.as_deref().map(|pointer| {
        at(pointer).and_then(Value::as_bool).ok_or_else(|| odd(pointer, "true or false"))
    });
    let state = if ok.transpose()?.unwrap_or(true) {
        State::Good
    } else {
        State::Bad("the document says that it is not good".to_owned())
    };
    let shown = fetch::url(&settings.url).map_or_else(String::new, |url| shown_url(&url));
    let mut backup = Backup::new(&shown, "the last backup", state);
    backup.end = Some(end);
    if let Some(pointer) = &settings.size {
        let size = at(pointer).map(|value| value.as_u64().ok_or_else(|| odd(pointer, "size")));
        backup.size = size.transpose()?;
    }
    if let Some(pointer) = &settings.verified {
        backup.verified_at = time(pointer)?;
    }
    Ok(Listing { expected: vec![shown], backups: vec![backup], ..Listing::default() })
}

enum Instant {
    At(Timestamp),
    /// Zero, or the year 1: how documents write that there is none.
    Never,
    Odd,
}

fn instant(value: &Value) -> Instant {
    let read = match value {
        Value::String(text) if text.is_empty() => return Instant::Never,
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(_) => moment(text),
            Err(_) => return Instant::Odd,
        },
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and is refused then")]
        Value::Number(number) => {
            let Some(number) = number.as_i64().or(number.as_f64().map(|n| n as i64)) else {
                return Instant::Odd;
            };
            let whole = if number >= MILLISECONDS { number / 1_000 } else { number };
            if whole > 0 && Timestamp::from_second(whole).is_err() {
                return Instant::Odd;
            }
            seconds(whole)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Instant::Odd,
    };
    read.map_or(Instant::Never, Instant::At)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_without_a_time_tells_of_no_backup() {
        let settings: ReportSettings = serde_json::from_value(serde_json::json!({
            "url": "https://backup.example/last.json", "end": "/last/end", "ok": "/last/ok", "size": "/last/size",
        }))
        .unwrap();
        let rows = [
            (
                "text",
                r#"{"last":{"end":"2026-11-23T02:00:00Z","ok":true,"size":7}}"#,
                Ok((State::Good, Some(7))),
            ),
            ("seconds", r#"{"last":{"end":1795399200,"ok":true}}"#, Ok((State::Good, None))),
            ("a fraction", r#"{"last":{"end":1795399200.75,"ok":true}}"#, Ok((State::Good, None))),
            (
                "milliseconds",
                r#"{"last":{"end":1795399200123,"ok":true}}"#,
                Ok((State::Good, None)),
            ),
            (
                "not good",
                r#"{"last":{"end":1795399200,"ok":false}}"#,
                Ok((State::Bad("the document says that it is not good".into()), None)),
            ),
            ("good or not is not said", r#"{"last":{"end":1795399200}}"#, Err(Cause::BadResponse)),
            ("zero", r#"{"last":{"end":0,"ok":true}}"#, Err(Cause::NoData)),
            ("null", r#"{"last":{"end":null,"ok":true}}"#, Err(Cause::NoData)),
            (
                "the year one",
                r#"{"last":{"end":"0001-01-01T00:00:00Z","ok":true}}"#,
                Err(Cause::NoData),
            ),
            ("elsewhere", r#"{"end":1795399200}"#, Err(Cause::NoData)),
            ("no time", r#"{"last":{"end":"yesterday","ok":true}}"#, Err(Cause::BadResponse)),
            ("beyond all time", r#"{"last":{"end":1e300,"ok":true}}"#, Err(Cause::BadResponse)),
            (
                "no size",
                r#"{"last":{"end":1795399200,"ok":true,"size":-1}}"#,
                Err(Cause::BadResponse),
            ),
            ("no JSON", "<html>", Err(Cause::BadResponse)),
        ];
        for (row, json, expected) in rows {
            let told = read(&settings, json.as_bytes());
            let told = told.map(|l| (l.backups[0].state.clone(), l.backups[0].size));
            assert_eq!(told.map_err(|e| e.cause), expected, "{row}");
        }
    }
}
