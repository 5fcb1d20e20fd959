//! Range queries: one request per ten thousand instants, every body bounded, nothing followed and nothing repeated.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use launchgate_core::time::{add, elapsed, format_duration, parse_duration};
use launchgate_probes::Context;
use launchgate_probes::client::{self, Client};
use launchgate_probes::prometheus::Settings;
use launchgate_probes::secret::shown_url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use rustls::ClientConfig;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::Span;

/// The most instants of one request; Prometheus takes 11,000.
const AT_ONCE: usize = 10_000;
/// The most series of one answer.
const MAX_SERIES: usize = 100;
/// The largest answer, in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A source and the instants that it is asked for.
pub(super) struct Range {
    settings: Settings,
    url: Url,
    tls: ClientConfig,
    span: Span,
    slots: usize,
    max_age: Duration,
    folder: std::path::PathBuf,
    now: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Debug, Deserialize)]
struct Series {
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl Range {
    /// Makes ready to ask.
    ///
    /// # Errors
    /// An address or a file of roots that cannot be used.
    pub(super) async fn open(
        settings: Settings,
        span: Span,
        slots: usize,
        folder: &Path,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let bad = |why: String| Failure::new(Cause::BadResponse, why);
        let mut url: Url = settings.source.url.parse().map_err(|e| bad(format!("{e}")))?;
        url.set_path(&format!("{}/api/v1/query_range", url.path().trim_end_matches('/')));
        let max_age = settings.max_age.as_deref().unwrap_or("2m");
        let max_age = parse_duration(max_age).map_err(|e| bad(e.to_string()))?;
        let cx = Context::new(TIMEOUT, now, None, folder.to_owned());
        let tls = client::trust(settings.source.ca_file.as_deref(), &cx).await?;
        let folder = folder.to_owned();
        Ok(Self { settings, url, tls, span, slots, max_age, folder, now })
    }

    /// The values of every series, by slot.
    ///
    /// # Errors
    /// What keeps the source from answering, and an answer that cannot be relied on.
    pub(super) async fn ask(&self, query: &str) -> Result<Vec<Vec<f64>>, Failure> {
        let mut slots = vec![Vec::new(); self.slots];
        for first in (0..self.slots).step_by(AT_ONCE) {
            let part = &mut slots[first..self.slots.min(first + AT_ONCE)];
            let (start, end) = (self.instant(first), self.instant(first + part.len() - 1));
            let body = self.post(query, start, end).await?;
            sort(&body, start, self.span.step, part).map_err(|failure| {
                let message = format!("{}: {}", shown_url(&self.url), failure.message);
                Failure::new(failure.cause, message)
            })?;
        }
        Ok(slots)
    }

    /// The instant of a slot.
    fn instant(&self, slot: usize) -> Timestamp {
        let times = u32::try_from(slot).unwrap_or(u32::MAX);
        add(self.span.from, self.span.step * times)
    }

    /// Says when a slot's readings were true, by the newest sample behind them, in seconds since 1970.
    ///
    /// # Errors
    /// There is no such sample, or it is too old.
    pub(super) fn dated(
        &self,
        slot: usize,
        readings: Readings,
        newest: Option<f64>,
    ) -> Result<Readings, Failure> {
        let nothing = || Failure::new(Cause::NoData, "there are no samples behind the value");
        let newest = newest.and_then(timestamp).ok_or_else(nothing)?;
        let age = elapsed(newest, self.instant(slot));
        if age > self.max_age {
            let (age, most) = (format_duration(age), format_duration(self.max_age));
            let message = format!("the newest sample is {age} old, more than {most}");
            return Err(Failure::new(Cause::Stale, message));
        }
        Ok(readings.time("age", age).sampled_at(newest))
    }

    async fn post(
        &self,
        query: &str,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<u8>, Failure> {
        let cx = Context::new(TIMEOUT, self.now, None, self.folder.clone());
        let client = Client::new(&self.tls, None, &cx)?;
        let form = [
            ("query", query.to_owned()),
            ("start", seconds(start)),
            ("end", seconds(end)),
            ("step", format!("{:.3}", self.span.step.as_secs_f64())),
            ("lookback_delta", format!("{:.3}", self.max_age.as_secs_f64())),
        ];
        let source = &self.settings.source;
        let mut request = client.request(Method::POST, self.url.clone()).form(&form);
        if let Some(bearer) = &source.bearer {
            request = request.bearer_auth(bearer.resolve(&cx)?.expose_secret());
        }
        if let Some(basic) = &source.basic {
            let password = basic.password.resolve(&cx)?;
            request = request.basic_auth(&basic.user, Some(password.expose_secret()));
        }
        let mut response = client.send(request.headers(self.headers(&cx)?)).await?;
        let (status, from) = (response.status(), shown_url(&self.url));
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Failure::new(Cause::Auth, format!("{from} answers {status}")));
        }
        let body = client::body(&mut response, MAX_ANSWER).await?;
        // A query that is refused is told in the body.
        if status.is_success() || body.starts_with(b"{") {
            return Ok(body);
        }
        let cause = if status.is_server_error() { Cause::Unreachable } else { Cause::BadResponse };
        Err(Failure::new(cause, format!("{from} answers {status}")))
    }

    fn headers(&self, cx: &Context) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.settings.source.headers {
            let bad = || Failure::new(Cause::Auth, format!("the header `{name}` cannot be sent"));
            let secret = value.resolve(cx)?;
            let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::try_from(name.as_str()).map_err(|_| bad())?, value);
        }
        Ok(headers)
    }
}

/// An instant as Prometheus takes it.
fn seconds(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

/// An instant as Prometheus tells it.
fn timestamp(seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "what is out of range is no instant")]
    let millis = (seconds * 1000.0).round() as i64;
    Timestamp::from_millisecond(millis).ok().filter(|_| seconds.is_finite())
}

/// Puts the values of an answer into their slots.
pub(crate) fn sort(
    body: &[u8],
    start: Timestamp,
    step: Duration,
    slots: &mut [Vec<f64>],
) -> Result<(), Failure> {
    let bad = |why: &str| Failure::new(Cause::BadResponse, why.to_owned());
    let envelope: Envelope = serde_json::from_slice(body)
        .map_err(|_| bad("it is no answer of Prometheus to a range"))?;
    if envelope.status != "success" {
        return Err(bad(&envelope.error));
    }
    if !envelope.warnings.is_empty() {
        let warnings = envelope.warnings.join("; ");
        return Err(Failure::new(
            Cause::Partial,
            format!("it warns of its own answer: {warnings}"),
        ));
    }
    let result = envelope.data.ok_or_else(|| bad("an answer without data"))?.result;
    if result.len() > MAX_SERIES {
        let message = format!("more than {MAX_SERIES} series");
        return Err(Failure::new(Cause::TooManySeries, message));
    }
    let step_ms = i128::try_from(step.as_millis()).unwrap_or(i128::MAX).max(1);
    for (at, text) in result.into_iter().flat_map(|series| series.values) {
        let value = text.parse().map_err(|_| bad("a sample that is no number"))?;
        let at = timestamp(at).ok_or_else(|| bad("a sample of no instant"))?;
        let since = i128::from(at.as_millisecond()) - i128::from(start.as_millisecond());
        let slot = usize::try_from((since + step_ms / 2).div_euclid(step_ms)).ok();
        if let Some(slot) = slot.and_then(|slot| slots.get_mut(slot)) {
            slot.push(value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_find_their_slots() {
        let start = "2026-12-01T09:00:00Z".parse().expect("an instant");
        let body = br#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"i":"a"},"values":[[1796115600,"1"],[1796115720,"3"],[1796119200,"9"]]},
            {"metric":{"i":"b"},"values":[[1796115660.001,"NaN"],[1796115720,"4"]]}]}}"#;
        let mut slots = vec![Vec::new(); 3];
        sort(body, start, Duration::from_secs(60), &mut slots).expect("it can be read");
        assert_eq!(slots[0], [1.0]);
        assert!(slots[1].len() == 1 && slots[1][0].is_nan(), "{slots:?}");
        assert_eq!(slots[2], [3.0, 4.0]);
    }

    #[test]
    fn answers_that_cannot_be_relied_on_are_refused() {
        let rows: [(&str, &str, Cause); 5] = [
            ("a login page", "<html>", Cause::BadResponse),
            ("a wrong query", r#"{"status":"error","error":"parse error"}"#, Cause::BadResponse),
            ("no data", r#"{"status":"success"}"#, Cause::BadResponse),
            (
                "partial",
                r#"{"status":"success","warnings":["store down"],"data":{"result":[]}}"#,
                Cause::Partial,
            ),
            (
                "no number",
                r#"{"status":"success","data":{"result":[{"values":[[1,"x"]]}]}}"#,
                Cause::BadResponse,
            ),
        ];
        let start = Timestamp::UNIX_EPOCH;
        for (row, body, cause) in rows {
            let sorted = sort(body.as_bytes(), start, Duration::from_secs(60), &mut []);
            assert_eq!(sorted.map_err(|f| f.cause), Err(cause), "{row}");
        }
    }
}
