//! Where alerts are asked for: a Prometheus or an Alertmanager, and reading the JSON that it answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use reqwest::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::prometheus::access::{Access, Basic, Given};
use crate::prometheus::api::Answer;
use crate::secret::{Credential, TextOrCredential};

/// The largest answer that is read, in bytes.
pub(crate) const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// How much of a refusal is told, in characters.
const MAX_WORDS: usize = 200;

/// A server that knows of alerts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `prometheus` or `alertmanager`.
    pub kind: ServerKind,
    /// Its address, with the prefix if it has one, and without `/api/v1` or `/api/v2`.
    pub url: String,
    /// Where the bearer token is kept.
    #[serde(default)]
    pub bearer: Option<Credential>,
    /// A user and where the password is kept.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// Further headers, written out or by reference, such as the one that names a tenant.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerKind {
    /// It evaluates rules.
    Prometheus,
    /// It groups alerts and tells people.
    Alertmanager,
}

impl Server {
    /// Checks everything; problems are told under `key`.
    pub(crate) fn check(self, key: &str, problems: &mut Vec<Problem>) -> Option<Access> {
        let Self { url, bearer, basic, headers, ca_file, .. } = self;
        let given = Given { url, bearer, basic, headers, ca_file };
        given.check(&KeyPath::root().entry(key), problems)
    }

    /// The same, of a server that must be of one kind.
    pub(crate) fn check_kind(
        self,
        kind: ServerKind,
        key: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Access> {
        if self.kind != kind {
            let wanted = match kind {
                ServerKind::Prometheus => "a `prometheus`",
                ServerKind::Alertmanager => "an `alertmanager`",
            };
            let path = KeyPath::root().entry(key).entry("kind");
            problems.push(Problem::new(path, format!("only {wanted} knows this")));
        }
        self.check(key, problems)
    }
}

/// Reads an answer's JSON.
///
/// # Errors
/// A server that cannot answer now, or an answer that is not what it should be.
pub(crate) fn json<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    let Answer { from, status, body, .. } = answer;
    if status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Failure::new(Cause::Unreachable, format!("{from} answers {status}")));
    }
    if !status.is_success() {
        return Err(Failure::new(Cause::BadResponse, format!("{from} answers {status}")));
    }
    serde_json::from_slice(body).map_err(|e| {
        let message = format!("{from}: the answer cannot be read: {e}");
        Failure::new(Cause::BadResponse, message)
    })
}

/// Takes an answer for its status alone.
///
/// # Errors
/// A server that cannot answer now, or one that refuses, in its words.
pub(crate) fn accepted(answer: &Answer) -> Result<(), Failure> {
    let Answer { from, status, body, .. } = answer;
    if status.is_success() {
        return Ok(());
    }
    let away = status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS;
    let cause = if away { Cause::Unreachable } else { Cause::BadResponse };
    let words: String = String::from_utf8_lossy(body).chars().take(MAX_WORDS).collect();
    Err(Failure::new(cause, format!("{from} answers {status}: {}", words.trim())))
}

#[derive(Debug, Deserialize)]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    #[serde(default)]
    warnings: Vec<String>,
}

/// Reads what a Prometheus wraps its data in.
///
/// # Errors
/// As [`json`]; [`Cause::Partial`] when it warns of its own answer.
pub(crate) fn data<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    let envelope: Envelope<T> = json(answer)?;
    if !envelope.warnings.is_empty() {
        let message =
            format!("{} warns of its own answer: {}", answer.from, envelope.warnings.join("; "));
        return Err(Failure::new(Cause::Partial, message));
    }
    envelope.data.filter(|_| envelope.status == "success").ok_or_else(|| {
        let message = format!("{}: it is no answer of Prometheus", answer.from);
        Failure::new(Cause::BadResponse, message)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An answer with this status and body.
    pub(crate) fn answer(status: u16, body: &str) -> Answer {
        Answer {
            from: "http://x.example".into(),
            status: StatusCode::from_u16(status).expect("a status"),
            content_type: "application/json".into(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn what_is_no_whole_answer_is_a_failure() {
        let rows = [
            ("good", 200, r#"{"status":"success","data":[1]}"#, Ok(vec![1])),
            (
                "warned",
                200,
                r#"{"status":"success","data":[],"warnings":["x"]}"#,
                Err(Cause::Partial),
            ),
            ("an error", 200, r#"{"status":"error","data":[]}"#, Err(Cause::BadResponse)),
            ("no data", 200, r#"{"status":"success"}"#, Err(Cause::BadResponse)),
            ("a login page", 200, "<html>", Err(Cause::BadResponse)),
            ("overloaded", 503, "", Err(Cause::Unreachable)),
            ("too often", 429, "", Err(Cause::Unreachable)),
            ("not there", 404, "", Err(Cause::BadResponse)),
        ];
        for (row, status, body, expected) in rows {
            let got: Result<Vec<i32>, _> = data(&answer(status, body));
            assert_eq!(got.map_err(|f| f.cause), expected, "{row}");
        }
    }
}
