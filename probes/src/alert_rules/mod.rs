//! `alert_rules`: whether the alerting rules of a launch are loaded, are those that were written, work, and could ever fire.
//!
//! The rules come from rule files, compared as Prometheus itself understands them, or by name. It changes nothing.

mod expected;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod selectors;
mod verdict;
#[cfg(test)]
mod verdict_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use reqwest::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::alerts::rules;
use crate::alerts::server::{MAX_ANSWER, data};
use crate::alerts::{Server, ServerKind, yaml};
use crate::probe::{Context, Probe};
use crate::prometheus::access::Access;
use crate::prometheus::api::{Answer, Session};
use expected::Expected;
use verdict::{Asked, Pair};

/// The most files, and the most names.
const MAX_GIVEN: usize = 100;
/// The most rules that are compared.
const MAX_RULES: usize = 500;
/// How many questions are under way at once.
const AT_ONCE: usize = 8;

/// Settings of the `alert_rules` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Prometheus that is asked: the name of a source, or the source itself.
    pub source: Server,
    /// Rule files, relative to the launch file: as Prometheus loads them, or `PrometheusRule`s of its operator. Every alert in
    /// them must be loaded as it is written.
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// Names of alerts that must be loaded, whatever their expression.
    #[serde(default)]
    pub alerts: Vec<String>,
}

/// The `alert_rules` probe; see the module's documentation.
#[derive(Debug)]
pub struct AlertRules {
    access: Access,
    files: Vec<PathBuf>,
    named: Vec<Expected>,
}

impl Probe for AlertRules {
    const KIND: &'static str = "alert_rules";
    const EXAMPLE: &'static str = "\
source: { kind: prometheus, url: \"http://127.0.0.1:9090\" }
files: [alerts/shop.rules.yaml]
alerts: [Watchdog]
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let Settings { source, files, alerts } = settings;
        let mut problems = Vec::new();
        if files.is_empty() && alerts.is_empty() {
            problems.push(
                Problem::at("files", "no rule is named")
                    .hint("give rule files in `files`, or names of alerts in `alerts`"),
            );
        }
        for (key, count) in [("files", files.len()), ("alerts", alerts.len())] {
            if count > MAX_GIVEN {
                problems.push(Problem::at(key, format!("more than {MAX_GIVEN}")));
            }
        }
        let mut seen = BTreeSet::new();
        for (i, name) in alerts.iter().enumerate() {
            let path = KeyPath::root().entry("alerts").index(i);
            if name.is_empty() {
                problems.push(Problem::new(path, "an alert has a name"));
            } else if !seen.insert(name) {
                problems.push(Problem::new(path, format!("`{name}` stands here twice")));
            }
        }
        let access = source.check_kind(ServerKind::Prometheus, "source", &mut problems);
        let named = alerts.into_iter().map(|name| Expected { name, written: None }).collect();
        match access {
            Some(access) if problems.is_empty() => Ok(Self { access, files, named }),
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        let spec = ReadingSpec::new;
        let number = ReadingType::Number(Unit::One);
        let mut specs = vec![
            spec("rules", number, "the rules that must be there"),
            spec("missing", number, "those that are not loaded"),
            spec("unhealthy", number, "those that cannot be evaluated"),
            spec(
                "late",
                number,
                "those whose last evaluation is older than two intervals, or never was",
            ),
            spec("dead", number, "those with a selector that no series matches now"),
            spec("firing", number, "those that fire"),
            spec("names", ReadingType::Texts, "the names of all with which something is wrong"),
            spec(
                "evaluated_ago",
                ReadingType::Number(Unit::Time),
                "how long ago the one was evaluated that waited longest; absent when none was",
            ),
        ];
        let doc = "those that are loaded otherwise than they are written";
        specs.extend((!self.files.is_empty()).then(|| spec("different", number, doc)));
        specs
    }

    fn hosts(&self) -> Vec<String> {
        vec![self.access.host()]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let expected = self.expected(cx).await?;
        let session = Session::open(&self.access, cx).await?;
        let (groups, now) = tokio::try_join!(rules::all(&session), time(&session))?;
        let pairs = Pair::all(&expected, &groups);
        let asked = ask(&session, &pairs, now).await?;
        let readings = verdict::read(&pairs, &asked, !self.files.is_empty());
        Ok(readings.note(
            "annotations were not compared, and whether an alert reaches anybody was not tried",
        ))
    }
}

impl AlertRules {
    /// The rules of the files as they are now, and those that are named.
    async fn expected(&self, cx: &Context) -> Result<Vec<Expected>, Failure> {
        let mut expected = Vec::new();
        for file in &self.files {
            let fault =
                |why: String| Failure::new(Cause::ProbeError, format!("{}: {why}", file.display()));
            let path = cx.folder.join(file);
            let size = tokio::fs::metadata(&path).await.map_err(|e| fault(e.to_string()))?.len();
            if usize::try_from(size).is_ok_and(|size| size > yaml::MAX_TEXT) {
                return Err(fault(format!("it is larger than {} bytes", yaml::MAX_TEXT)));
            }
            let text = tokio::fs::read_to_string(&path).await.map_err(|e| fault(e.to_string()))?;
            expected.extend(expected::rules(&text).map_err(fault)?);
        }
        if !self.files.is_empty() && expected.is_empty() {
            return Err(Failure::new(Cause::ProbeError, "no file has an alerting rule"));
        }
        expected.extend(self.named.iter().cloned());
        if expected.len() > MAX_RULES {
            let message =
                format!("{} rules are more than the {MAX_RULES} that are compared", expected.len());
            return Err(Failure::new(Cause::ProbeError, message));
        }
        Ok(expected)
    }
}

/// A scalar of the API: an instant in seconds, and its value as a text.
#[derive(Debug, Deserialize)]
struct Scalar {
    result: (f64, String),
}

/// The server's own time, by which it says when it evaluated.
async fn time(session: &Session<'_>) -> Result<Timestamp, Failure> {
    let answer = session.get_below("/api/v1/query", &[("query", "time()")], MAX_ANSWER).await?;
    let Scalar { result: (at, _) } = data(&answer)?;
    SignedDuration::try_from_secs_f64(at)
        .and_then(|since| Timestamp::UNIX_EPOCH.checked_add(since))
        .map_err(|e| Failure::new(Cause::BadResponse, format!("the server's time: {e}")))
}

#[derive(Debug, Deserialize)]
struct Vector {
    result: Vec<serde_json::Value>,
}

/// Asks for what the list of rules does not say: both forms of expressions that differ, and whether selectors find series.
async fn ask(session: &Session<'_>, pairs: &[Pair<'_>], now: Timestamp) -> Result<Asked, Failure> {
    let owned = |text: &str| text.to_owned();
    let unlike: BTreeSet<String> =
        pairs.iter().filter_map(Pair::unlike).flatten().map(owned).collect();
    let selectors: BTreeSet<String> = pairs.iter().flat_map(Pair::selectors).map(owned).collect();
    let formatted = stream::iter(unlike).map(|text| async move {
        let answer = session
            .get_below("/api/v1/format_query", &[("query", text.as_str())], MAX_ANSWER)
            .await?;
        Ok(form(&answer)?.map(|form| (text, form)))
    });
    let formatted: BTreeMap<_, _> = formatted
        .buffer_unordered(AT_ONCE)
        .try_filter_map(async |form: Option<_>| Ok::<_, Failure>(form))
        .try_collect()
        .await?;
    let alive = stream::iter(selectors).map(|selector| async move {
        let query = format!("group({selector})");
        let answer = session.get_below("/api/v1/query", &[("query", &query)], MAX_ANSWER).await?;
        let Vector { result } = data(&answer)?;
        Ok::<_, Failure>((selector, !result.is_empty()))
    });
    let alive = alive.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(Asked { formatted, alive, now: Some(now) })
}

#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
}

/// An expression in the server's own form; nothing from a server that has no such form.
fn form(answer: &Answer) -> Result<Option<Result<String, String>>, Failure> {
    match answer.status {
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::BAD_REQUEST => {
            let refusal: Result<Refusal, _> = serde_json::from_slice(&answer.body);
            Ok(Some(Err(refusal.map_or_else(|_| "the server refuses it".to_owned(), |r| r.error))))
        }
        _ => Ok(Some(Ok(data(answer)?))),
    }
}
