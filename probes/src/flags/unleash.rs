//! Unleash: what a flag's environment says, by the administration or by what clients are given.
//!
//! An enabled flag without any strategy is on for everybody. One that depends on another is what that one lets it be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::document;
use super::flag::{Flag, Found};
use super::server::{Place, Server, Session};
use super::strategy::judge;
use crate::probe::Context;
use crate::secret::{Credential, TextOrCredential};

/// The most parents that are asked for.
const MAX_PARENTS: usize = 100;
/// How many flags are asked for at a time.
const AT_ONCE: usize = 8;

/// An Unleash.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnleashSettings {
    /// The address, without `/api`.
    pub url: String,
    /// Where the token is kept.
    pub token: Credential,
    /// Which interface is asked: `admin`, or `client` if not given.
    #[serde(default)]
    pub api: UnleashApi,
    /// The environment that is meant; for `admin` alone, since a client's token is for one.
    #[serde(default)]
    pub environment: Option<String>,
    /// The project that the flags are in; for `admin` alone, `default` if not given.
    #[serde(default)]
    pub project: Option<String>,
    /// Further headers, written out or by reference.
    #[serde(default)]
    pub headers: BTreeMap<String, TextOrCredential>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// An interface of Unleash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnleashApi {
    /// What people see: every environment of a flag.
    Admin,
    /// What backend clients are given: all flags of one environment.
    #[default]
    Client,
}

/// Checked settings.
#[derive(Debug)]
pub(super) struct Unleash {
    server: Server,
    token: Credential,
    scope: Scope,
}

#[derive(Debug)]
enum Scope {
    Admin { project: String, environment: String },
    Client,
}

/// Flags by name, as clients know them.
pub(super) type Features = BTreeMap<String, Value>;

impl UnleashSettings {
    /// Checks everything; problems are told under `at`.
    pub(super) fn check(self, at: &KeyPath, problems: &mut Vec<Problem>) -> Option<Unleash> {
        let before = problems.len();
        let scope = match (self.api, self.environment, self.project) {
            (UnleashApi::Client, None, None) => Scope::Client,
            (UnleashApi::Client, environment, _) => {
                let key = if environment.is_some() { "environment" } else { "project" };
                let message = format!("a client's token says which {key}");
                problems.push(Problem::new(at.entry(key), message));
                Scope::Client
            }
            (UnleashApi::Admin, Some(environment), project) => {
                Scope::Admin { project: project.unwrap_or_else(|| "default".into()), environment }
            }
            (UnleashApi::Admin, None, _) => {
                problems.push(Problem::new(at.entry("environment"), "which one is meant?"));
                Scope::Client
            }
        };
        let Self { url, token, headers, ca_file, .. } = self;
        let server = Place { url, bearer: None, basic: None, headers, ca_file }.check(at, problems);
        let server = server.filter(|_| problems.len() == before)?;
        Some(Unleash { server, token, scope })
    }
}

impl Unleash {
    /// The host that is asked.
    pub(super) fn host(&self) -> &str {
        self.server.host()
    }

    /// Asks once for every flag, and for those that they depend on; with what Unleash calls this version of them.
    ///
    /// # Errors
    /// The fault of the way there or of an answer; [`Cause::BadResponse`] for what is no answer of Unleash.
    pub(super) async fn look(
        &self,
        flags: &[Flag],
        cx: &Context,
    ) -> Result<(Vec<Found>, Option<String>), Failure> {
        let session = Session::open(&self.server, cx).await?;
        let session = session.with(&AUTHORIZATION, &self.token.resolve(cx)?)?;
        let (features, version) = match &self.scope {
            Scope::Client => {
                let answer = session.get(self.server.below(&["api", "client", "features"])).await?;
                let features = parse_client(answer.good()?)?;
                (features, answer.etag)
            }
            Scope::Admin { project, environment } => {
                let of = Of { server: &self.server, project, environment };
                let names = flags.iter().map(|f| f.name.clone()).collect();
                let mut features = of.each(&session, names).await?;
                let parents = parents(&features);
                let parents = parents.filter(|p| !features.contains_key(*p)).map(str::to_owned);
                let parents: BTreeSet<String> = parents.take(MAX_PARENTS).collect();
                features.extend(of.each(&session, parents).await?);
                (features, None)
            }
        };
        Ok((flags.iter().map(|flag| judge(&flag.name, &features)).collect(), version))
    }
}

fn parents(features: &Features) -> impl Iterator<Item = &str> {
    let lists = features.values().filter_map(|f| f.get("dependencies")?.as_array());
    lists.flatten().filter_map(|d| d.get("feature")?.as_str())
}

/// Where the administration has its flags.
struct Of<'a> {
    server: &'a Server,
    project: &'a str,
    environment: &'a str,
}

impl Of<'_> {
    /// Those of these flags that there are.
    async fn each(&self, session: &Session, names: BTreeSet<String>) -> Result<Features, Failure> {
        let asked = names.into_iter().map(|name| async move {
            let parts = ["api", "admin", "projects", self.project, "features", &name];
            let answer = session.get(self.server.below(&parts)).await?;
            if answer.status == StatusCode::NOT_FOUND {
                // Unleash says so in JSON; anybody else may say it for want of such a path.
                document::json(&answer.body)?;
                return Ok(None);
            }
            let feature = parse_admin(answer.good()?, self.environment)?;
            Ok::<_, Failure>(Some((name, feature)))
        });
        let found: Vec<_> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}

/// Reads what clients are given.
///
/// # Errors
/// [`Cause::BadResponse`] for what has no list of named flags.
pub(super) fn parse_client(body: &[u8]) -> Result<Features, Failure> {
    let bad = |why: &str| Failure::new(Cause::BadResponse, format!("the features: {why}"));
    let mut body = document::json(body)?;
    let Some(Value::Array(list)) = body.get_mut("features").map(Value::take) else {
        return Err(bad("there is no list of them"));
    };
    let named = list.into_iter().map(|feature| {
        let name = feature.get("name").and_then(Value::as_str).map(str::to_owned);
        Ok((name.ok_or_else(|| bad("one has no name"))?, feature))
    });
    named.collect()
}

/// Reads one flag of the administration, and makes of it what clients of one environment are given.
///
/// # Errors
/// [`Cause::BadResponse`] for what has no name or no environments.
pub(super) fn parse_admin(body: &[u8], environment: &str) -> Result<Value, Failure> {
    let feature = document::json(body)?;
    let environments = feature.get("environments").and_then(Value::as_array);
    let (Some(name), Some(environments)) = (feature.get("name"), environments) else {
        let message = "a feature has a name and environments, and this has not";
        return Err(Failure::new(Cause::BadResponse, message));
    };
    let meant = environments.iter().find(|e| e["name"] == environment);
    let of = |key: &str| meant.and_then(|e| e.get(key)).cloned().unwrap_or_default();
    let whole = |key: &str| feature.get(key).cloned().unwrap_or_default();
    Ok(json!({
        "name": name,
        "enabled": of("enabled"),
        "strategies": of("strategies"),
        "variants": of("variants"),
        "dependencies": whole("dependencies"),
        "archived": whole("archived"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_that_is_meant_is_read() {
        let body = json!({
            "name": "f", "project": "default", "archived": false, "dependencies": [],
            "environments": [
                {"name": "development", "enabled": true, "strategies": []},
                {"name": "production", "enabled": false, "strategies": [{"name": "default"}]},
            ],
        });
        let read = |environment| {
            parse_admin(body.to_string().as_bytes(), environment).expect("a feature")["enabled"]
                .clone()
        };
        assert_eq!(read("production"), json!(false));
        assert_eq!(read("development"), json!(true));
        assert_eq!(read("staging"), Value::Null, "there is no telling");
    }

    #[test]
    fn what_is_no_answer_of_unleash_is_none() {
        for (row, body, cause) in [
            ("nothing", "", Cause::NoData),
            ("a page", "<html>", Cause::BadResponse),
            ("other JSON", "{}", Cause::BadResponse),
            ("no list", r#"{"features":{}}"#, Cause::BadResponse),
            ("no name", r#"{"features":[{"enabled":true}]}"#, Cause::BadResponse),
        ] {
            assert_eq!(parse_client(body.as_bytes()).expect_err(row).cause, cause, "{row}");
            assert_eq!(parse_admin(body.as_bytes(), "x").expect_err(row).cause, cause, "{row}");
        }
    }
}
