//! The daemon's settings: `config/default.yaml`, a file over it, the environment over that, the command line last.
//!
//! The `config` crate merges; then everything passes one strict neck as JSON, since its own typed reads quietly turn 21.9
//! into 22 and "yes" into true.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::Config;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_probes::strict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::Document;
use crate::web::auth::Token;

/// The defaults, and the reference of every setting.
const DEFAULTS: &str = include_str!("../../config/default.yaml");
/// The environment variables that are settings begin so.
const PREFIX: &str = "LAUNCHGATE__";

/// The settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Launch files, or folders of them.
    #[serde(default)]
    pub launches: Vec<PathBuf>,
    /// The page and the API.
    pub web: Web,
    /// What outlives the daemon.
    pub store: Store,
    /// How much may happen at a time.
    pub limits: Limits,
    /// What is logged.
    pub log: Log,
}

/// `web:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Where to listen.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Whether a proxy in front terminates TLS.
    pub tls_terminated: bool,
    /// Names by which the daemon is addressed, beside loopback.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Who may do what.
    #[serde(default)]
    pub tokens: Vec<Token>,
    /// Whether orders are taken without tokens.
    pub dev: bool,
}

/// `store:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The SQLite file.
    pub path: PathBuf,
}

/// `limits:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// In all.
    pub looks: u32,
    /// Of one kind of probe.
    pub per_kind: u32,
    /// At one host.
    pub per_host: u32,
}

/// `log:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// What, as `tracing` filters say it.
    pub filter: String,
    /// How.
    pub format: LogFormat,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs, one object a line.
    Json,
}

/// Why there are no settings: every problem, a line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub String);

/// Reads the settings: defaults, then `file`, then `environment`.
///
/// # Errors
/// Everything that is wrong with them, and where it comes from.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    let fail = |e: &dyn std::fmt::Display| SettingsError(e.to_string());
    let mut builder = Config::builder().add_source(layer(&yaml("config/default.yaml", DEFAULTS)?)?);
    if let Some(path) = file {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|e| SettingsError(format!("{name}: {e}")))?;
        builder = builder.add_source(layer(&yaml(&name, &text)?)?);
    }
    builder = builder.add_source(layer(&from_environment(environment)?)?);
    let merged: Value =
        builder.build().map_err(|e| fail(&e))?.try_deserialize().map_err(|e| fail(&e))?;
    let settings: Settings = strict::read(merged).map_err(|problems| told(&problems))?;
    let problems = misfits(&settings);
    if problems.is_empty() { Ok(settings) } else { Err(told(&problems)) }
}

fn layer(value: &Value) -> Result<Config, SettingsError> {
    Config::try_from(value).map_err(|e| SettingsError(e.to_string()))
}

/// A YAML text as JSON. An empty one changes nothing.
fn yaml(name: &str, text: &str) -> Result<Value, SettingsError> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Value::Object(Map::new()));
    }
    Document::parse(text).map(|document| document.value()).map_err(|flaws| {
        let lines: Vec<String> = flaws
            .iter()
            .map(|f| format!("{name}:{}:{}: error: {f}", f.place.line, f.place.column))
            .collect();
        SettingsError(lines.join("\n"))
    })
}

/// `LAUNCHGATE__WEB__LISTEN=…` is `web.listen`. A value is YAML, so that numbers, booleans and lists can be given.
fn from_environment(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Value, SettingsError> {
    let mut settings = Value::Object(Map::new());
    for (variable, text) in environment {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        let mut place = &mut settings;
        for part in path.split("__") {
            if !place.is_object() {
                return Err(SettingsError(format!("{variable}: `{part}` lies below a value")));
            }
            place = &mut place[part.to_lowercase()];
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
        }
        *place = super::document::value(&text)
            .map_err(|flaw| SettingsError(format!("{variable}: {flaw}")))?;
    }
    Ok(settings)
}

/// What each setting allows and all of them together do not.
fn misfits(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let web = &settings.web;
    let at = |key: &str| KeyPath::root().entry("web").entry(key);
    if !web.listen.ip().is_loopback() {
        if web.dev {
            problems
                .push(Problem::new(at("dev"), "orders without tokens are taken on loopback only"));
        }
        if !web.tls_terminated || web.tokens.is_empty() {
            let message =
                format!("{} is open to others, without TLS or without tokens", web.listen);
            let hint = "listen on loopback, or put a proxy with TLS in front, say `tls_terminated: true`, and add tokens";
            problems.push(Problem::new(at("listen"), message).hint(hint));
        }
    }
    for (i, token) in web.tokens.iter().enumerate() {
        let hex = token.sha256.len() == 64 && token.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if !hex {
            let path = at("tokens").index(i).entry("sha256");
            let hint = "`printf %s \"$TOKEN\" | sha256sum` gives it";
            problems.push(Problem::new(path, "this is no SHA-256 in hexadecimal").hint(hint));
        }
    }
    problems
}

fn told(problems: &[Problem]) -> SettingsError {
    let lines: Vec<String> = problems.iter().map(|p| format!("settings: error: {p}")).collect();
    SettingsError(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let pairs = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        load(None, pairs).map_err(|e| e.to_string())
    }

    #[test]
    fn the_environment_wins_over_the_defaults() {
        let settings = with(&[("LAUNCHGATE__LIMITS__LOOKS", "7"), ("HOME", "/root")]).unwrap();
        assert_eq!((settings.limits.looks, settings.limits.per_kind), (7, 64));
        assert_eq!(settings.web.listen, "127.0.0.1:7420".parse().unwrap());
    }

    #[test]
    fn what_is_wrong_is_told_and_nothing_is_bent() {
        let rows = [
            (
                "a fraction",
                "LAUNCHGATE__LIMITS__LOOKS",
                "21.9",
                "settings: error: limits.looks: invalid type: floating point `21.9`, expected u32",
            ),
            (
                "a yes",
                "LAUNCHGATE__WEB__DEV",
                "yes",
                "settings: error: web.dev: invalid type: string \"yes\", expected a boolean",
            ),
            (
                "a slip",
                "LAUNCHGATE__WEB__LISTN",
                "x",
                "settings: error: web.listn: unknown key `listn` (did you mean `listen`?)",
            ),
            (
                "open to others",
                "LAUNCHGATE__WEB__LISTEN",
                "0.0.0.0:80",
                "settings: error: web.listen: 0.0.0.0:80 is open to others, without TLS or without tokens (listen on loopback, or put a proxy with TLS in front, say `tls_terminated: true`, and add tokens)",
            ),
            (
                "a token in plain",
                "LAUNCHGATE__WEB__TOKENS",
                "[{identity: alice, roles: [admin], sha256: hunter2}]",
                "settings: error: web.tokens[0].sha256: this is no SHA-256 in hexadecimal (`printf %s \"$TOKEN\" | sha256sum` gives it)",
            ),
        ];
        for (row, variable, value, message) in rows {
            assert_eq!(with(&[(variable, value)]).unwrap_err(), message, "{row}");
        }
    }
}
