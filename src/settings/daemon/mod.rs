//! The daemon's settings: `config/default.yaml`, a file over it, the environment over that, the command line last.
//!
//! The `config` crate merges; then everything passes one strict neck as JSON, since its own typed reads quietly turn 21.9
//! into 22 and "yes" into true.

mod layer;
mod problems;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use launchgate_core::problem::{KeyPath, Problem};
use launchgate_probes::strict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::diagnostic::Diagnostics;
use super::document::Document;
use super::file;
use crate::web::auth::Token;
use crate::web::certificates::{self, Listed};
use crate::web::oidc::{Provider, is_safe};
use crate::web::rate::Rate;
use crate::web::tls::Files;
use layer::{Layer, Merged};
use problems::Findings;
pub use problems::SettingsError;

/// The defaults, and the reference of every setting.
const DEFAULTS: &str = include_str!("../../../config/default.yaml");
/// What the compiled-in layer is called.
const BUILT_IN: &str = "config/default.yaml";
/// A file of settings may not be larger.
const MAX_FILE: u64 = 1 << 20;
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
    /// By what the daemon speaks TLS itself; without it, it speaks plain HTTP.
    #[serde(default)]
    pub tls: Option<Files>,
    /// Whether a proxy in front terminates TLS.
    pub tls_terminated: bool,
    /// Names by which the daemon is addressed, beside loopback.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Sites whose pages may read the API in a browser, such as `https://status.example.com`.
    #[serde(default)]
    pub origins: Vec<String>,
    /// How often each client may ask.
    #[serde(default)]
    pub rate: Rate,
    /// Who may do what.
    #[serde(default)]
    pub tokens: Vec<Token>,
    /// The identity provider whose tokens count as well.
    #[serde(default)]
    pub oidc: Option<Provider>,
    /// Whose client certificates count as well.
    #[serde(default)]
    pub certificates: Vec<Listed>,
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

/// Reads the settings: defaults, then `file`, then `environment`.
///
/// # Errors
/// Everything that is wrong with them, and where it comes from.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    let written = match file {
        Some(path) => {
            let text = file::read(path, MAX_FILE)?;
            Some(Written::parse(&path.display().to_string(), text)?)
        }
        None => None,
    };
    read(written, environment)
}

fn read(
    file: Option<Written>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    let defaults = Written::parse(BUILT_IN, DEFAULTS.to_owned())?;
    let mut layers = vec![defaults.layer()];
    layers.extend(file.as_ref().map(Written::layer));
    let mut findings = Findings::of(file);
    let variables = environment.into_iter().filter_map(|(variable, text)| {
        let path = variable.strip_prefix(PREFIX)?.to_lowercase();
        Some((variable, path, text))
    });
    for (variable, path, text) in variables {
        match super::document::value(&text) {
            Ok(value) => {
                let value = path.rsplit("__").fold(value, |value, key| {
                    Value::Object(Map::from_iter([(key.to_owned(), value)]))
                });
                layers.push(Layer { origin: variable, value });
            }
            Err(flaw) => findings.note_variable(variable, flaw),
        }
    }
    let merged = Merged::of(layers).map_err(|error| SettingsError::of_merge(&error))?;
    match strict::read::<Settings>(merged.value()) {
        Ok(settings) => {
            for problem in misfits(&settings) {
                findings.note(problem, &merged);
            }
            if findings.is_empty() { Ok(settings) } else { Err(findings.placed()) }
        }
        Err(problems) => {
            for problem in problems {
                findings.note(problem, &merged);
            }
            Err(findings.placed())
        }
    }
}

/// A text of settings that could be read as YAML.
struct Written {
    name: String,
    text: String,
    document: Document,
}

impl Written {
    fn parse(name: &str, text: String) -> Result<Self, SettingsError> {
        // A file that holds comments alone says nothing, which is allowed here.
        let said = |line: &str| !matches!(line.trim().chars().next(), None | Some('#'));
        let document = Document::parse(if text.lines().any(said) { &text } else { "{}" })
            .map_err(|flaws| Diagnostics::of_flaws(name, &text, flaws))?;
        if !document.value().is_object() {
            let problem = Problem::new(KeyPath::root(), "settings are a mapping")
                .hint("begin with a section, such as `web:`");
            return Err(Diagnostics::of_problems(name, &text, &document, [(problem, false)]).into());
        }
        Ok(Self { name: name.to_owned(), text, document })
    }

    fn layer(&self) -> Layer {
        Layer { origin: self.name.clone(), value: self.document.value() }
    }
}

/// What each setting allows and all of them together do not.
fn misfits(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let web = &settings.web;
    let at = |key: &str| KeyPath::root().entry("web").entry(key);
    if !web.listen.ip().to_canonical().is_loopback() {
        if web.dev {
            problems
                .push(Problem::new(at("dev"), "orders without tokens are taken on loopback only"));
        }
        let certified = web.tls.as_ref().is_some_and(|tls| tls.clients.is_some());
        let known = !web.tokens.is_empty()
            || web.oidc.is_some()
            || (certified && !web.certificates.is_empty());
        if !(web.tls_terminated || web.tls.is_some()) || !known {
            let message = format!(
                "{} is open to others: that takes TLS, and something to know people by",
                web.listen
            );
            let hint = "listen on loopback; or name a certificate in `web.tls`, or put a proxy with TLS in front and say `tls_terminated: true`, and add tokens";
            problems.push(Problem::new(at("listen"), message).hint(hint));
        }
    }
    problems.extend(of_certificates(web));
    if let Some(provider) = &web.oidc {
        let path = at("oidc");
        for (key, place) in [("issuer", Some(&provider.issuer)), ("keys", provider.keys.as_ref())] {
            if place.is_some_and(|place| !reqwest::Url::parse(place).is_ok_and(|url| is_safe(&url)))
            {
                let message = "keys are taken over https alone, or from loopback";
                problems.push(Problem::new(path.entry(key), message));
            }
        }
        if provider.audience.trim().is_empty() {
            let message =
                "without an audience every token of the issuer would count, whoever it is for";
            problems.push(Problem::new(path.entry("audience"), message));
        }
    }
    for (i, origin) in web.origins.iter().enumerate() {
        // As a browser writes it: nothing after the host and its port.
        let written = reqwest::Url::parse(origin).map(|url| url.origin().ascii_serialization());
        if written.as_ref() != Ok(origin) || origin == "null" {
            let hint = "write it like `https://status.example.com`, each site by itself";
            let message = format!("`{origin}` is no site of the web");
            problems.push(Problem::new(at("origins").index(i), message).hint(hint));
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

/// What is wrong with the files of TLS, and with the list of client certificates.
fn of_certificates(web: &Web) -> Vec<Problem> {
    let root = KeyPath::root().entry("web");
    let below = |at: &str, problem: Problem| {
        let path = root.entry(at).join(&problem.path);
        Problem { path, ..problem }
    };
    let files = web.tls.as_ref().map_or_else(Vec::new, Files::problems);
    let mut problems: Vec<Problem> = files.into_iter().map(|p| below("tls", p)).collect();
    let listed = certificates::misfits(&web.certificates);
    problems.extend(listed.into_iter().map(|p| below("certificates", p)));
    if !web.certificates.is_empty() && web.tls.as_ref().is_none_or(|tls| tls.clients.is_none()) {
        let message = "nobody is asked for a certificate, so that none of these counts";
        let hint = "name the authority that signs them: `web.tls.clients.ca`";
        problems.push(Problem::new(root.entry("certificates"), message).hint(hint));
    }
    problems
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
                "LAUNCHGATE__LIMITS__LOOKS: error: limits.looks: invalid type: floating point `21.9`, expected u32",
            ),
            (
                "a yes",
                "LAUNCHGATE__WEB__DEV",
                "yes",
                "LAUNCHGATE__WEB__DEV: error: web.dev: invalid type: string \"yes\", expected a boolean",
            ),
            (
                "a slip",
                "LAUNCHGATE__WEB__LISTN",
                "x",
                "LAUNCHGATE__WEB__LISTN: error: web.listn: unknown key `listn`\n  = hint: did you mean `listen`?",
            ),
            (
                "open to others",
                "LAUNCHGATE__WEB__LISTEN",
                "0.0.0.0:80",
                "LAUNCHGATE__WEB__LISTEN: error: web.listen: 0.0.0.0:80 is open to others: that takes TLS, and something to know people by\n  = hint: listen on loopback; or name a certificate in `web.tls`, or put a proxy with TLS in front and say `tls_terminated: true`, and add tokens",
            ),
            (
                "every site",
                "LAUNCHGATE__WEB__ORIGINS",
                "['*']",
                "LAUNCHGATE__WEB__ORIGINS: error: web.origins[0]: `*` is no site of the web\n  = hint: write it like `https://status.example.com`, each site by itself",
            ),
            (
                "a page",
                "LAUNCHGATE__WEB__ORIGINS",
                "['https://status.example.com/']",
                "LAUNCHGATE__WEB__ORIGINS: error: web.origins[0]: `https://status.example.com/` is no site of the web\n  = hint: write it like `https://status.example.com`, each site by itself",
            ),
            (
                "certificates that nobody asks for",
                "LAUNCHGATE__WEB__CERTIFICATES",
                "[{identity: alice, roles: [admin], known_by: {email: alice@example.com}}]",
                "LAUNCHGATE__WEB__CERTIFICATES: error: web.certificates: nobody is asked for a certificate, so that none of these counts\n  = hint: name the authority that signs them: `web.tls.clients.ca`",
            ),
            (
                "a certificate's subject",
                "LAUNCHGATE__WEB__CERTIFICATES",
                "[{identity: alice, roles: [admin], known_by: {cn: alice}}]",
                "LAUNCHGATE__WEB__CERTIFICATES: error: web.certificates[0].known_by: unknown variant `cn`, expected one of `email`, `dns`, `uri`, `sha256`",
            ),
            (
                "a token in plain",
                "LAUNCHGATE__WEB__TOKENS",
                "[{identity: alice, roles: [admin], sha256: hunter2}]",
                "LAUNCHGATE__WEB__TOKENS: error: web.tokens[0].sha256: this is no SHA-256 in hexadecimal\n  = hint: `printf %s \"$TOKEN\" | sha256sum` gives it",
            ),
        ];
        for (row, variable, value, message) in rows {
            assert_eq!(with(&[(variable, value)]).unwrap_err(), message, "{row}");
        }
    }

    fn told(file: &str) -> String {
        let read = Written::parse("my.yaml", file.to_owned()).and_then(|w| read(Some(w), []));
        read.map_or_else(|e| e.to_string(), |_| String::new())
    }

    #[test]
    fn mistakes_in_a_file_are_told_with_their_place() {
        let rows: [(&str, &str, &[&str]); 9] = [
            (
                "files of TLS that are not there",
                "web:\n  tls:\n    certificate: no.crt\n    key: no.key\n    clients: { ca: no.ca }",
                &[
                    "my.yaml:3:18: error: no.crt: No such file or directory",
                    "my.yaml:4:10: error: no.key: No such file or directory",
                    "my.yaml:5:20: error: no.ca: No such file or directory",
                ],
            ),
            (
                "a slip in TLS",
                "web: { tls: { certificate: a, key: b, client: { ca: c } } }",
                &["my.yaml:1:39: error: unknown key `client`", "did you mean `clients`?"],
            ),
            (
                "certificates that are known by nothing, or by the same",
                "web:\n  certificates:\n    - { identity: a, roles: [], known_by: { email: a } }\n    - { identity: a, roles: [], known_by: { dns: '*.example.com' } }\n    - { identity: a, roles: [], known_by: { uri: a } }\n    - { identity: a, roles: [], known_by: { sha256: a } }\n    - { identity: a, roles: [], known_by: { email: a@b.example } }\n    - { identity: b, roles: [], known_by: { email: a@B.example } }",
                &[
                    "my.yaml:3:43: error: `a` is no e-mail address",
                    "my.yaml:4:43: error: `*.example.com` is no DNS name",
                    "my.yaml:5:43: error: `a` is no URI",
                    "my.yaml:6:43: error: this is no SHA-256 in hexadecimal",
                    "my.yaml:8:43: error: another entry is known by the same",
                    "nobody is asked for a certificate",
                ],
            ),
            ("nothing said", "# nothing\n", &[]),
            (
                "a fraction",
                "limits: { looks: 21.9 }",
                &["my.yaml:1:18: error: invalid type: floating point"],
            ),
            ("a list", "- web", &["my.yaml:1:1: error: settings are a mapping"]),
            (
                "slips",
                "limtis: {}\nweb: { lisen: x }",
                &[
                    "my.yaml:1:1: error: unknown key `limtis`",
                    "did you mean `limits`?",
                    "my.yaml:2:8: error: unknown key `lisen`",
                ],
            ),
            (
                "twice",
                "limits: {}\nlimits: {}",
                &["my.yaml:2:1: error: the key `limits` stands here for the second time"],
            ),
            (
                "open to others",
                "web:\n  listen: 0.0.0.0:80",
                &["my.yaml:2:11: error: 0.0.0.0:80 is open to others"],
            ),
        ];
        for (row, file, expected) in rows {
            let told = told(file);
            assert_eq!(told.is_empty(), expected.is_empty(), "{row}: {told}");
            for part in expected {
                assert!(told.contains(part), "{row}: {part} in\n{told}");
            }
        }
    }

    #[test]
    fn a_token_in_the_wrong_place_is_not_repeated() {
        let rows = [
            "web: { tokens: [{ identity: a, token: hunter2 }] }",
            "token: hunter2",
            "token: hunter2\ntoken: hunter2",
            "web: { tokens: [{ identity: a, roles: [admin], sha256: hunter2 }] }",
            "web: { tokens: [hunter2] }",
        ];
        for file in rows {
            let told = told(file);
            assert!(!told.is_empty() && !told.contains("hunter2"), "{told}");
        }
    }
}
