//! What an `exec` check runs, and how what it prints is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use launchgate_core::name::Name;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{MAX_ENTRIES, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::http::JsonReading;
use crate::secret::TextOrCredential;

/// What every program tells, so that no other reading has the name.
const TAKEN: [&str; 3] = ["exit_code", "state", "output"];

/// `with:` of an `exec` check.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The program and its arguments. A program with a slash counts from the launch file's folder.
    pub command: Vec<String>,
    /// Variables for its environment, which is empty but for `PATH`, `LANG`, `LC_ALL` and `TZ`.
    #[serde(default)]
    pub env: BTreeMap<String, TextOrCredential>,
    /// The numbers that it tells after `|`, as readings.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// It prints JSON, and these are the readings in it: each with its `pointer`, `as` and `unit`.
    #[serde(default)]
    pub json: BTreeMap<String, JsonReading>,
    /// It runs tests, and this is how their results are written: `tap`, `junit` or `goss`.
    #[serde(default)]
    pub tests: Option<TestFormat>,
    /// The file that it writes the results of its tests to, relative to the launch file; without it they are printed.
    #[serde(default)]
    pub report: Option<PathBuf>,
    /// What exit codes mean: `nagios` (the default; all but 0, 1 and 2 are unknown) or `any` (each is an answer).
    #[serde(default)]
    pub exit_codes: ExitCodes,
}

/// A number that the program tells.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The reading's name.
    pub name: String,
    /// The label in the program's output, where it is not the name.
    #[serde(default)]
    pub label: Option<String>,
    /// The unit: `one` (the default), `percent`, `time`, `bytes` or `per_second`.
    #[serde(default)]
    pub unit: MetricUnit,
}

/// The unit of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricUnit {
    /// A plain number or a counter.
    #[default]
    One,
    /// A share.
    Percent,
    /// A length of time.
    Time,
    /// An amount of data.
    Bytes,
    /// A rate.
    PerSecond,
}

impl MetricUnit {
    fn unit(self) -> Unit {
        match self {
            Self::One => Unit::One,
            Self::Percent => Unit::Percent,
            Self::Time => Unit::Time,
            Self::Bytes => Unit::Bytes,
            Self::PerSecond => Unit::PerSecond,
        }
    }
}

/// What exit codes mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitCodes {
    /// 0, 1 and 2 are answers; 3 and all others say that the program could not tell.
    #[default]
    Nagios,
    /// Every code is an answer.
    Any,
}

/// How the results of tests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestFormat {
    /// The Test Anything Protocol, as `prove`, `bats` and many others print it.
    Tap,
    /// The XML of `JUnit`.
    Junit,
    /// The JSON of `goss validate --format json`.
    Goss,
}

/// How what the program prints is read.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// As a plug-in's: the numbers after `|`, by name, with label and unit.
    Numbers(Vec<(Name, String, Unit)>),
    /// As JSON.
    Json(Vec<(Name, JsonReading)>),
    /// As the results of tests.
    Tests(TestFormat),
}

impl Settings {
    /// How the output is read.
    ///
    /// # Errors
    /// Everything that does not fit.
    pub(super) fn told(&self) -> Result<Told, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.command.first().is_none_or(String::is_empty) {
            problems.push(Problem::at("command", "there is no program to run"));
        }
        let ways = [
            ("metrics", !self.metrics.is_empty()),
            ("json", !self.json.is_empty()),
            ("tests", self.tests.is_some()),
        ];
        let ways: Vec<&str> =
            ways.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
        if let [first, second, ..] = ways.as_slice() {
            let message = format!("what it prints is read one way: `{first}` is given too");
            problems.push(Problem::at(second, message));
        }
        if self.report.is_some() && self.tests.is_none() {
            problems.push(Problem::at("report", "it belongs to `tests`"));
        }
        let told = if let Some(format) = self.tests {
            Told::Tests(format)
        } else if self.json.is_empty() {
            Told::Numbers(self.numbers(&mut problems))
        } else {
            Told::Json(self.values(&mut problems))
        };
        if problems.is_empty() { Ok(told) } else { Err(problems) }
    }

    fn numbers(&self, problems: &mut Vec<Problem>) -> Vec<(Name, String, Unit)> {
        let mut metrics: Vec<(Name, String, Unit)> = Vec::new();
        for (i, metric) in self.metrics.iter().enumerate() {
            let path = KeyPath::root().entry("metrics").index(i).entry("name");
            let Some(name) = free(&metric.name, &path, problems) else { continue };
            if metrics.iter().any(|(earlier, ..)| *earlier == name) {
                problems.push(Problem::new(path, format!("`{name}` is listed already")));
                continue;
            }
            let label = metric.label.clone().unwrap_or_else(|| metric.name.clone());
            metrics.push((name, label, metric.unit.unit()));
        }
        metrics
    }

    fn values(&self, problems: &mut Vec<Problem>) -> Vec<(Name, JsonReading)> {
        let mut values = Vec::new();
        for (text, value) in &self.json {
            let path = KeyPath::root().entry("json").entry(text);
            if let Some((key, why)) = value.problem() {
                problems.push(Problem::new(path.entry(key), why));
            }
            let name = free(text, &path, problems);
            values.extend(name.map(|name| (name, value.clone())));
        }
        if values.len() > MAX_ENTRIES {
            problems.push(Problem::at("json", format!("more than {MAX_ENTRIES} readings")));
        }
        values
    }
}

/// The name of a reading, if it can be one and is not taken.
fn free(text: &str, path: &KeyPath, problems: &mut Vec<Problem>) -> Option<Name> {
    match Name::try_new(text) {
        Ok(_) if TAKEN.contains(&text) => {
            let message = format!("`{text}` is a reading of every `exec`");
            problems.push(Problem::new(path.clone(), message).hint("choose another name"));
            None
        }
        Ok(name) => Some(name),
        Err(error) => {
            problems.push(Problem::new(path.clone(), error.to_string()));
            None
        }
    }
}
