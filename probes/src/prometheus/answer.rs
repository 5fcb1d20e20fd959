//! From what Prometheus answers to samples, or to why there are none that can be used.

use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::api::Answer;
use super::native::{Native, Written};
use super::verdict;
use crate::metrics::selector::Labels;

/// The most series of one answer that are read.
const MAX_SERIES: usize = 10_000;
/// How far ahead of ours a source's clock may be.
const SKEW: Duration = Duration::from_mins(1);

/// One series' value at the asked instant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: Labels,
    /// The instant, in seconds since 1970 by the source's clock.
    pub(super) at: f64,
    /// The value; it may be NaN or infinite.
    pub(super) value: f64,
}

/// All that a query yields.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Samples {
    pub(super) list: Vec<Sample>,
    /// What the source remarks on the query without doubting the result.
    pub(super) remarks: Vec<String>,
}

impl Samples {
    /// The value of the single sample; nothing if there is none.
    ///
    /// # Errors
    /// More than one sample.
    pub(super) fn one(&self, what: &str) -> Result<Option<f64>, Failure> {
        match self.list.as_slice() {
            [] => Ok(None),
            [sample] => Ok(Some(sample.value)),
            many => {
                let message = format!("{what}: {} series where one is expected", many.len());
                Err(Failure::new(Cause::TooManySeries, message))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    result: Value,
}

#[derive(Debug, Deserialize)]
struct Series {
    #[serde(default)]
    metric: Labels,
    value: Option<(f64, String)>,
    histogram: Option<(f64, Written)>,
}

/// One series' values over a range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ranged {
    pub(super) labels: Labels,
    /// Instants, in seconds since 1970 by the source's clock, and values, which may be NaN or infinite.
    pub(super) values: Vec<(f64, f64)>,
}

#[derive(Debug, Deserialize)]
struct RangedSeries {
    #[serde(default)]
    metric: Labels,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<serde::de::IgnoredAny>,
}

/// Why an answer to `query` cannot be used.
fn bad(answer: &Answer, query: &str, why: &str) -> Failure {
    Failure::new(Cause::BadResponse, format!("{}: {why} (asked: {query})", answer.from))
}

/// Refuses more series than are read.
fn few(count: usize, answer: &Answer, query: &str) -> Result<(), Failure> {
    if count > MAX_SERIES {
        let message = format!("{}: more than {MAX_SERIES} series (asked: {query})", answer.from);
        return Err(Failure::new(Cause::TooManySeries, message));
    }
    Ok(())
}

/// Reads the answer to `query` at an instant.
///
/// # Errors
/// A query that is refused, a source that cannot answer now, an answer that is incomplete or none of Prometheus.
pub(super) fn read(answer: &Answer, query: &str) -> Result<Samples, Failure> {
    let bad = |why: &str| bad(answer, query, why);
    let (data, remarks) = opened(answer, query)?;
    let series = match data.result_type.as_str() {
        "vector" => serde_json::from_value::<Vec<Series>>(data.result),
        "scalar" => serde_json::from_value(data.result).map(|value| {
            vec![Series { metric: Labels::new(), value: Some(value), histogram: None }]
        }),
        other => return Err(bad(&format!("a {other} is no instant value"))),
    };
    let series = series.map_err(|_| bad("samples that cannot be read"))?;
    few(series.len(), answer, query)?;
    let mut list = Vec::with_capacity(series.len());
    for Series { metric, value, histogram } in series {
        let Some((at, text)) = value else {
            let name = verdict::name(&metric);
            return Err(bad(&match histogram {
                Some(_) => format!(
                    "{name} is a native histogram and no number: ask for `histogram_quantile` or `histogram_fraction` of \
                     it, or use `latency`"
                ),
                None => format!("{name} has no value"),
            }));
        };
        let value = text.parse().map_err(|_| bad("a sample that is no number"))?;
        list.push(Sample { labels: metric, at, value });
    }
    Ok(Samples { list, remarks })
}

/// Reads the answer to `query` over a range, and what the source remarks on it.
///
/// # Errors
/// See [`read`].
pub(super) fn read_range(
    answer: &Answer,
    query: &str,
) -> Result<(Vec<Ranged>, Vec<String>), Failure> {
    let bad = |why: &str| bad(answer, query, why);
    let (data, remarks) = opened(answer, query)?;
    if data.result_type != "matrix" {
        return Err(bad(&format!("a {} is no range of values", data.result_type)));
    }
    let series: Vec<RangedSeries> =
        serde_json::from_value(data.result).map_err(|_| bad("samples that cannot be read"))?;
    few(series.len(), answer, query)?;
    let mut list = Vec::with_capacity(series.len());
    for RangedSeries { metric, values, histograms } in series {
        if !histograms.is_empty() {
            return Err(bad("a native histogram is no number: ask for a quantile or a fraction"));
        }
        let number = |(at, text): (f64, String)| text.parse().map(|value| (at, value));
        let values: Result<Vec<_>, std::num::ParseFloatError> =
            values.into_iter().map(number).collect();
        let values = values.map_err(|_| bad("a sample that is no number"))?;
        list.push(Ranged { labels: metric, values });
    }
    Ok((list, remarks))
}

/// Reads the answer to `query`, which yields one native histogram, and what the source remarks on it. Nothing if there is
/// no series.
///
/// # Errors
/// See [`read`]; also a number where a histogram is expected, or several.
pub(super) fn read_native(
    answer: &Answer,
    query: &str,
) -> Result<Option<(Native, Vec<String>)>, Failure> {
    let bad = |why: &str| bad(answer, query, why);
    let (data, remarks) = opened(answer, query)?;
    if data.result_type != "vector" {
        return Err(bad(&format!("a {} is no native histogram", data.result_type)));
    }
    let series: Vec<Series> =
        serde_json::from_value(data.result).map_err(|_| bad("samples that cannot be read"))?;
    match series.as_slice() {
        [] => Ok(None),
        [Series { histogram: Some((_, written)), .. }] => {
            Ok(Some((Native::read(written)?, remarks)))
        }
        [_] => Err(bad("a number where a native histogram is expected")),
        many => {
            let message = format!("{} histograms where one is expected", many.len());
            Err(Failure::new(Cause::TooManySeries, message))
        }
    }
}

/// What lies within the envelope of an answer, and the source's remarks on it.
fn opened(answer: &Answer, query: &str) -> Result<(Data, Vec<String>), Failure> {
    let from = &answer.from;
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&answer.body) else {
        return Err(unreadable(answer));
    };
    if envelope.status != "success" {
        return Err(refused(answer, &envelope, query));
    }
    if !envelope.warnings.is_empty() {
        let warnings = envelope.warnings.join("; ");
        let message = format!("{from} warns of its own answer: {warnings} (asked: {query})");
        return Err(Failure::new(Cause::Partial, message));
    }
    let data = envelope.data.ok_or_else(|| bad(answer, query, "an answer without data"))?;
    Ok((data, envelope.infos))
}

/// An answer that is an error of Prometheus' own: it could not answer now, or the query is wrong and stays so.
fn refused(answer: &Answer, envelope: &Envelope, query: &str) -> Failure {
    let Answer { from, status, .. } = answer;
    let Envelope { error_type, error, .. } = envelope;
    let (cause, what) = match error_type.as_str() {
        "timeout" | "canceled" => (Cause::Timeout, "did not finish in time"),
        _ if busy(*status) => (Cause::Unreachable, "cannot answer now"),
        "bad_data" | "execution" => {
            (Cause::BadResponse, "refuses the query, which has to be corrected")
        }
        _ => (Cause::BadResponse, "does not answer the query"),
    };
    let kind = if error_type.is_empty() { status.to_string() } else { error_type.clone() };
    Failure::new(cause, format!("{from} {what}: {kind}: {error} (asked: {query})"))
}

fn busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn unreadable(answer: &Answer) -> Failure {
    let Answer { from, status, .. } = answer;
    if busy(*status) {
        return Failure::new(Cause::Unreachable, format!("{from} answers {status}"));
    }
    let why = if status.is_redirection() {
        "redirects are not followed; give the address that it leads to"
    } else {
        "it is no answer of Prometheus"
    };
    Failure::new(Cause::BadResponse, format!("{from} answers {status}: {why}"))
}

/// A source's instant as a timestamp.
///
/// # Errors
/// [`Cause::Stale`] when the source's clock is ahead of ours by more than a minute, [`Cause::BadResponse`] when it is no
/// instant at all.
pub(super) fn timestamp(seconds: f64, now: Timestamp) -> Result<Timestamp, Failure> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is out of range is saturated and refused"
    )]
    let millis = (seconds * 1000.0).round() as i64;
    let at = Timestamp::from_millisecond(millis)
        .ok()
        .filter(|_| seconds.is_finite())
        .ok_or_else(|| Failure::new(Cause::BadResponse, format!("{seconds} is no instant")))?;
    if launchgate_core::time::elapsed(now, at) > SKEW {
        let message = format!("a sample of {at} is ahead of this machine's clock, {now}");
        return Err(Failure::new(Cause::Stale, message));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            from: "http://x.example/api/v1/query".into(),
            status: StatusCode::from_u16(status).expect("a status"),
            content_type: "application/json".into(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn answers_are_samples_or_say_why_not() {
        let vector = |inside: &str| {
            format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{inside}]}}}}"#
            )
        };
        let rows = [
            ("one", 200, vector(r#"{"metric":{"a":"b"},"value":[1.5,"2"]}"#), Ok(vec![2.0])),
            ("none", 200, vector(""), Ok(vec![])),
            (
                "a scalar",
                200,
                r#"{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}"#.into(),
                Ok(vec![3.0]),
            ),
            ("infinite", 200, vector(r#"{"metric":{},"value":[1,"+Inf"]}"#), Ok(vec![f64::INFINITY])),
            ("a native histogram", 200, vector(r#"{"metric":{},"histogram":[1,{}]}"#), Err(Cause::BadResponse)),
            ("no number", 200, vector(r#"{"metric":{},"value":[1,"x"]}"#), Err(Cause::BadResponse)),
            (
                "a range",
                200,
                r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.into(),
                Err(Cause::BadResponse),
            ),
            (
                "partial",
                200,
                r#"{"status":"success","warnings":["store down"],"data":{"resultType":"vector","result":[]}}"#.into(),
                Err(Cause::Partial),
            ),
            (
                "a query that is wrong",
                400,
                r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.into(),
                Err(Cause::BadResponse),
            ),
            (
                "too slow",
                503,
                r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#.into(),
                Err(Cause::Timeout),
            ),
            ("overloaded", 503, "Service Unavailable".into(), Err(Cause::Unreachable)),
            ("too often", 429, String::new(), Err(Cause::Unreachable)),
            ("a login page", 200, "<html>".into(), Err(Cause::BadResponse)),
            ("a redirect", 302, String::new(), Err(Cause::BadResponse)),
            ("cut", 200, r#"{"status":"succ"#.into(), Err(Cause::BadResponse)),
        ];
        for (row, status, body, expected) in rows {
            let got = read(&answer(status, &body), "q");
            let got = got.map(|s| s.list.iter().map(|s| s.value).collect::<Vec<_>>());
            assert_eq!(got.map_err(|f| f.cause), expected, "{row}");
        }
    }

    #[test]
    fn ranges_are_values_or_say_why_not() {
        let matrix = |inside: &str| {
            format!(
                r#"{{"status":"success","data":{{"resultType":"matrix","result":[{inside}]}}}}"#
            )
        };
        let rows = [
            ("two", matrix(r#"{"metric":{"a":"b"},"values":[[1,"2"],[2.5,"3"]]}"#), Ok(2)),
            ("none", matrix(""), Ok(0)),
            ("no values", matrix(r#"{"metric":{}}"#), Ok(0)),
            ("no number", matrix(r#"{"values":[[1,"x"]]}"#), Err(Cause::BadResponse)),
            ("a native histogram", matrix(r#"{"histograms":[[1,{}]]}"#), Err(Cause::BadResponse)),
            (
                "an instant",
                r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#.into(),
                Err(Cause::BadResponse),
            ),
            ("no data", r#"{"status":"success"}"#.into(), Err(Cause::BadResponse)),
            ("partial", r#"{"status":"success","warnings":["w"]}"#.into(), Err(Cause::Partial)),
        ];
        for (row, body, expected) in rows {
            let got = read_range(&answer(200, &body), "q");
            let got = got.map(|(list, _)| list.iter().map(|series| series.values.len()).sum());
            assert_eq!(got.map_err(|f| f.cause), expected, "{row}");
        }
    }

    #[test]
    fn errors_are_told_in_the_words_of_prometheus() {
        let error = |kind: &str, said: &str| {
            format!(r#"{{"status":"error","errorType":"{kind}","error":"{said}"}}"#)
        };
        let corrected = "refuses the query, which has to be corrected";
        let rows = [
            (400, error("bad_data", "1:5: parse error"), "bad_response", corrected),
            (422, error("execution", "many-to-many matching"), "bad_response", corrected),
            (503, error("timeout", "query timed out"), "timeout", "did not finish in time"),
            (503, error("canceled", "query was canceled"), "timeout", "did not finish in time"),
            (500, error("internal", "disk"), "unreachable", "cannot answer now"),
            (429, error("too_many_requests", "slow down"), "unreachable", "cannot answer now"),
            (
                404,
                error("not_found", "no such tenant"),
                "bad_response",
                "does not answer the query",
            ),
        ];
        for (status, body, cause, said) in rows {
            let envelope: Envelope = serde_json::from_str(&body).expect("an envelope");
            let failure = read(&answer(status, &body), "q").expect_err(&body);
            let Envelope { error_type, error, .. } = envelope;
            let expected = format!(
                "{cause}: http://x.example/api/v1/query {said}: {error_type}: {error} (asked: q)"
            );
            assert_eq!(failure.to_string(), expected);
        }
    }

    #[test]
    fn a_native_histogram_is_told_from_numbers() {
        let vector = |inside: &str| {
            format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{inside}]}}}}"#
            )
        };
        let one = r#"{"metric":{"a":"b"},"histogram":[1,{"count":"4","sum":"3","buckets":[[0,"0.5","1","4"]]}]}"#;
        let rows = [
            ("one", vector(one), Ok(Some(4.0))),
            ("none", vector(""), Ok(None)),
            ("two", vector(&[one, one].join(",")), Err(Cause::TooManySeries)),
            ("a number", vector(r#"{"metric":{},"value":[1,"2"]}"#), Err(Cause::BadResponse)),
            ("odd", vector(r#"{"metric":{},"histogram":[1,{}]}"#), Err(Cause::BadResponse)),
            ("cut", vector(r#"{"metric":{},"histogram":[1]}"#), Err(Cause::BadResponse)),
        ];
        for (row, body, expected) in rows {
            let got = read_native(&answer(200, &body), "q");
            let got = got.map(|found| found.map(|(native, _)| native.total()));
            assert_eq!(got.map_err(|f| f.cause), expected, "{row}");
        }
        let failure = read(&answer(200, &vector(one)), "q").expect_err("it is no number");
        assert!(
            failure.message.contains("{a=\"b\"} is a native histogram and no number"),
            "{failure}"
        );
    }

    #[test]
    fn instants_ahead_of_our_clock_are_not_trusted() {
        let now = "2026-12-01T09:00:00Z".parse().expect("a timestamp");
        let rows = [
            ("before", 1_796_115_000.25, Ok("2026-12-01T08:50:00.25Z")),
            ("a little ahead", 1_796_115_659.0, Ok("2026-12-01T09:00:59Z")),
            ("far ahead", 1_796_115_700.0, Err(Cause::Stale)),
            ("no instant", f64::NAN, Err(Cause::BadResponse)),
            ("out of range", 1e300, Err(Cause::BadResponse)),
        ];
        for (row, seconds, expected) in rows {
            let got = timestamp(seconds, now).map(|t| t.to_string()).map_err(|f| f.cause);
            assert_eq!(got, expected.map(str::to_owned), "{row}");
        }
    }
}
