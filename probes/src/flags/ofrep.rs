//! OFREP (OpenFeature's protocol for remote evaluation, 0.3): every flag is evaluated for many made-up contexts.
//!
//! Evaluations show values and not definitions: a rollout to few can be missed, and what no context matches is not seen.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::flag::{Flag, Found, State};
use super::server::{Place, Server, Session};
use crate::probe::Context;
use crate::secret::{Credential, TextOrCredential};

/// How many contexts there are unless the settings say otherwise, and at the least.
const CONTEXTS: u16 = 20;
/// The most contexts, and the most evaluations of one look.
const MAX_CONTEXTS: u16 = 500;
const MAX_EVALUATIONS: usize = 2_000;
/// How many evaluations are asked for at a time.
const AT_ONCE: usize = 8;

/// A service that evaluates flags.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfrepSettings {
    /// The address of the service, without `/ofrep/v1`.
    pub url: String,
    /// For how many contexts each flag is evaluated; 20 if not given, and at the least.
    #[serde(default)]
    pub contexts: Option<u16>,
    /// What every context has besides its `targetingKey`.
    #[serde(default)]
    pub attributes: BTreeMap<String, Value>,
    /// Where the bearer token is kept.
    #[serde(default)]
    pub bearer: Option<Credential>,
    /// Further headers, written out or by reference, such as `x-api-key`.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// Checked settings.
#[derive(Debug)]
pub(super) struct Ofrep {
    server: Server,
    contexts: u16,
    attributes: BTreeMap<String, Value>,
}

impl OfrepSettings {
    /// Checks everything for so many flags; problems are told under `at`.
    pub(super) fn check(
        self,
        flags: usize,
        at: &KeyPath,
        problems: &mut Vec<Problem>,
    ) -> Option<Ofrep> {
        let before = problems.len();
        let contexts = self.contexts.unwrap_or(CONTEXTS);
        if !(CONTEXTS..=MAX_CONTEXTS).contains(&contexts) {
            let message = format!("there are {CONTEXTS} to {MAX_CONTEXTS} contexts");
            problems.push(Problem::new(at.entry("contexts"), message));
        } else if flags * usize::from(contexts) > MAX_EVALUATIONS {
            let message =
                format!("{flags} flags in {contexts} contexts are more than {MAX_EVALUATIONS}");
            problems.push(Problem::new(at.entry("contexts"), message));
        }
        let Self { url, bearer, headers, ca_file, attributes, .. } = self;
        let server = Place { url, bearer, basic: None, headers, ca_file }.check(at, problems);
        let server = server.filter(|_| problems.len() == before)?;
        Some(Ofrep { server, contexts, attributes })
    }
}

impl Ofrep {
    /// The host that is asked.
    pub(super) fn host(&self) -> &str {
        self.server.host()
    }

    /// Evaluates every flag for every context.
    ///
    /// # Errors
    /// The first fault of the way there or of an answer; see [`parse`].
    pub(super) async fn look(&self, flags: &[Flag], cx: &Context) -> Result<Vec<Found>, Failure> {
        let session = Session::open(&self.server, cx).await?;
        let mut asked = Vec::with_capacity(flags.len() * usize::from(self.contexts));
        for flag in flags {
            asked.extend((0..self.contexts).map(|n| self.evaluate(&session, flag, n)));
        }
        let answers: Vec<Evaluation> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        cx.trail.untested(format!(
            "contexts but {} made-up ones: a rollout to few may have missed them",
            self.contexts
        ));
        let each = answers.chunks(usize::from(self.contexts));
        Ok(flags.iter().zip(each).map(|(flag, answers)| judge(flag, answers)).collect())
    }

    async fn evaluate(
        &self,
        session: &Session,
        flag: &Flag,
        n: u16,
    ) -> Result<Evaluation, Failure> {
        let mut context = json!(self.attributes);
        // The same ones at every look, so that two looks can be compared.
        context["targetingKey"] = json!(format!("launchgate-{n}"));
        let url = self.server.below(&["ofrep", "v1", "evaluate", "flags", &flag.name]);
        let answer = session.post(url, &json!({"context": context})).await?;
        parse(answer.status.as_u16(), &answer.body, &flag.name).map_err(|failure| {
            Failure::new(failure.cause, format!("{}: {}", answer.from, failure.message))
        })
    }
}

/// What came of one evaluation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Evaluation {
    /// A value; whether a rule chose it, if that was said; and its variant.
    Value { value: Value, by_rule: Option<bool>, variant: Value },
    /// No value: the code's default counts.
    CodeDefault,
    /// No such flag.
    NotFound,
    /// An error of this evaluation.
    Error(String),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    variant: Value,
    #[serde(default)]
    error_code: Option<String>,
}

/// Reads one answer about the flag `key`.
///
/// # Errors
/// [`Cause::BadResponse`] for what the protocol does not have.
pub(super) fn parse(status: u16, body: &[u8], key: &str) -> Result<Evaluation, Failure> {
    let bad = |why: String| Failure::new(Cause::BadResponse, why);
    if !matches!(status, 200 | 400 | 404) {
        return Err(bad(format!("it answers with status {status}")));
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|e| bad(format!("status {status}, and no answer of OFREP: {e}")))?;
    if let Some(other) = body.key.as_deref().filter(|k| *k != key) {
        return Err(bad(format!("it answers about `{other}`")));
    }
    match (status, body.error_code.as_deref()) {
        (_, Some("FLAG_NOT_FOUND")) => return Ok(Evaluation::NotFound),
        (_, Some(code)) => return Ok(Evaluation::Error(code.to_owned())),
        (200, None) => {}
        (_, None) => return Err(bad(format!("status {status} without an `errorCode`"))),
    }
    // Without either it is some other JSON.
    if body.key.is_none() && body.reason.is_none() && body.value.is_null() {
        return Err(bad("it is no answer of OFREP".to_owned()));
    }
    let by_rule = match body.reason.as_deref() {
        Some("STATIC" | "DEFAULT" | "DISABLED") => Some(false),
        Some("TARGETING_MATCH" | "SPLIT") => Some(true),
        Some("ERROR") => return Ok(Evaluation::Error("ERROR".to_owned())),
        // From a cache, out of date, or not said: the value is known, and where it came from is not.
        _ => None,
    };
    Ok(match body.value {
        Value::Null => Evaluation::CodeDefault,
        value => Evaluation::Value { value, by_rule, variant: body.variant },
    })
}

/// What a flag is by all evaluations of it.
pub(super) fn judge(flag: &Flag, answers: &[Evaluation]) -> Found {
    if answers.contains(&Evaluation::NotFound) {
        return Found::missing("it is not known there");
    }
    let (mut on, mut ruled, mut unknown) = (0, false, None);
    for answer in answers {
        match answer {
            Evaluation::Value { value, by_rule, .. } if !flag.is_off(value) => {
                on += 1;
                ruled |= *by_rule == Some(true);
            }
            Evaluation::Value { by_rule: None, .. } => {
                unknown = Some("it is off, but not said by what reason".to_owned());
            }
            Evaluation::Value { by_rule, .. } => ruled |= *by_rule == Some(true),
            Evaluation::CodeDefault => match flag.by_code("no value") {
                (State::Off, _) => {}
                (State::Unknown, says) => unknown = Some(says),
                _ => on += 1,
            },
            Evaluation::Error(code) => unknown = Some(format!("its evaluation fails: {code}")),
            Evaluation::NotFound => {}
        }
    }
    let all = answers.len();
    let (state, says) = match unknown {
        None if on == all && !ruled && all > 0 => (State::On, format!("on in all {all} contexts")),
        _ if on > 0 => (State::Rollout, format!("on in {on} of {all} contexts")),
        Some(why) => (State::Unknown, why),
        None if ruled => (State::Rollout, format!("off in all {all} contexts, but by a rule")),
        None => (State::Off, format!("off in all {all} contexts")),
    };
    let failed = answers.iter().any(|a| matches!(a, Evaluation::Error(_)));
    let seen = answers.iter().map(|answer| match answer {
        Evaluation::Value { value, by_rule, variant } => json!([value, by_rule, variant]),
        _ => Value::Null,
    });
    let definition = (!failed).then(|| Value::Array(seen.collect()));
    Found { state, says, definition }
}

#[cfg(test)]
mod tests {
    use super::super::flag::tests::flag;
    use super::*;

    fn parsed(body: &str) -> Evaluation {
        parse(200, body.as_bytes(), "f").expect(body)
    }

    #[test]
    fn answers_are_read_as_the_protocol_has_them() {
        let value =
            |value: Value, by_rule| Evaluation::Value { value, by_rule, variant: Value::Null };
        let error = |code: &str| Evaluation::Error(code.to_owned());
        let rows = [
            (
                "static",
                200,
                r#"{"key":"f","value":false,"reason":"STATIC"}"#,
                value(json!(false), Some(false)),
            ),
            (
                "default",
                200,
                r#"{"key":"f","value":"x","reason":"DEFAULT"}"#,
                value(json!("x"), Some(false)),
            ),
            (
                "matched",
                200,
                r#"{"key":"f","value":true,"reason":"TARGETING_MATCH"}"#,
                value(json!(true), Some(true)),
            ),
            (
                "split",
                200,
                r#"{"key":"f","value":1,"reason":"SPLIT"}"#,
                value(json!(1), Some(true)),
            ),
            (
                "cached",
                200,
                r#"{"key":"f","value":false,"reason":"CACHED"}"#,
                value(json!(false), None),
            ),
            ("no reason", 200, r#"{"value":false}"#, value(json!(false), None)),
            ("no value", 200, r#"{"key":"f","reason":"DISABLED"}"#, Evaluation::CodeDefault),
            (
                "an error for a reason",
                200,
                r#"{"key":"f","value":false,"reason":"ERROR"}"#,
                error("ERROR"),
            ),
            ("not found", 404, r#"{"key":"f","errorCode":"FLAG_NOT_FOUND"}"#, Evaluation::NotFound),
            (
                "bad context",
                400,
                r#"{"key":"f","errorCode":"INVALID_CONTEXT"}"#,
                error("INVALID_CONTEXT"),
            ),
        ];
        for (row, status, body, expected) in rows {
            assert_eq!(parse(status, body.as_bytes(), "f"), Ok(expected), "{row}");
        }
        for (row, status, body) in [
            ("a page", 200, "<html>"),
            ("some other JSON", 200, r#"{"status":"ok"}"#),
            ("a list", 200, "[]"),
            ("about another flag", 200, r#"{"key":"g","value":false,"reason":"STATIC"}"#),
            ("no such path", 404, "404 page not found"),
            ("no such path, in JSON", 404, r#"{"error":"not found"}"#),
            ("sent elsewhere", 302, ""),
        ] {
            let failure = parse(status, body.as_bytes(), "f").expect_err(row);
            assert_eq!(failure.cause, Cause::BadResponse, "{row}");
        }
    }

    #[test]
    fn many_contexts_say_what_one_does_not() {
        let off = || parsed(r#"{"key":"f","value":false,"reason":"STATIC"}"#);
        let on = || parsed(r#"{"key":"f","value":true,"reason":"STATIC"}"#);
        let off_by_rule = || parsed(r#"{"key":"f","value":false,"reason":"SPLIT"}"#);
        let on_by_rule = || parsed(r#"{"key":"f","value":true,"reason":"TARGETING_MATCH"}"#);
        let unsaid = || parsed(r#"{"key":"f","value":false,"reason":"UNKNOWN"}"#);
        let nothing = || parsed(r#"{"key":"f","reason":"DISABLED"}"#);
        let failed = || Evaluation::Error("GENERAL".to_owned());
        let plain = json!({"name": "f"});
        let coded = |default: bool| json!({"name": "f", "code_default": default});
        let rows = [
            ("off everywhere", vec![off(), off()], plain.clone(), State::Off),
            ("on everywhere", vec![on(), on()], plain.clone(), State::On),
            ("on somewhere", vec![off(), on()], plain.clone(), State::Rollout),
            (
                "on everywhere by a rule",
                vec![on_by_rule(), on_by_rule()],
                plain.clone(),
                State::Rollout,
            ),
            ("off everywhere by a rule", vec![off_by_rule(), off()], plain.clone(), State::Rollout),
            ("off, and no reason", vec![off(), unsaid()], plain.clone(), State::Unknown),
            ("on, and an error", vec![on(), failed()], plain.clone(), State::Rollout),
            ("off, and an error", vec![off(), failed()], plain.clone(), State::Unknown),
            ("not found", vec![Evaluation::NotFound, off()], coded(false), State::Unknown),
            ("no value", vec![nothing(), nothing()], plain.clone(), State::Unknown),
            ("no value, the code is off", vec![nothing(), off()], coded(false), State::Off),
            ("no value, the code is on", vec![nothing(), nothing()], coded(true), State::On),
            (
                "no value, the code is on for some",
                vec![nothing(), off()],
                coded(true),
                State::Rollout,
            ),
        ];
        for (row, answers, settings, state) in rows {
            let found = judge(&flag(settings), &answers);
            assert_eq!(found.state, state, "{row}: {}", found.says);
        }
    }
}
