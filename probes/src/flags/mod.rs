//! `flags`: whether feature flags are off for everybody, as far as where they are kept can say.
//!
//! It reads definitions where there are any, since one evaluation proves nothing about the next user. A flag that is not
//! found is unknown and not off: it may be misspelt.

mod digest;
mod document;
mod flag;
mod flagd;
mod ofrep;
mod pointer;
pub(crate) mod server;
mod strategy;
mod unleash;
mod verdict;

use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub use document::DocumentSettings;
pub use flag::Flag;
pub use ofrep::OfrepSettings;
pub use unleash::{UnleashApi, UnleashSettings};

use crate::probe::{Context, Probe};
use document::Document;
use flag::Found;
use flagd::Definitions;
use ofrep::Ofrep;
use unleash::Unleash;

/// The most flags of one probe.
const MAX_FLAGS: usize = 100;

/// Settings of the `flags` probe: exactly one place where flags are kept, and which of them have to be off.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The flags that have to be off.
    pub flags: Vec<Flag>,
    /// Definitions as flagd reads them, in JSON.
    #[serde(default)]
    pub flagd: Option<DocumentSettings>,
    /// A service that evaluates flags by OFREP.
    #[serde(default)]
    pub ofrep: Option<OfrepSettings>,
    /// An Unleash.
    #[serde(default)]
    pub unleash: Option<UnleashSettings>,
    /// Any JSON, with a `pointer` for each flag.
    #[serde(default)]
    pub json: Option<DocumentSettings>,
}

/// The `flags` probe; see the module's documentation.
#[derive(Debug)]
pub struct Flags {
    source: Source,
    flags: Vec<Flag>,
}

#[derive(Debug)]
enum Source {
    Flagd(Document),
    Ofrep(Ofrep),
    Unleash(Unleash),
    Json(Document),
}

impl Settings {
    fn source(&mut self, problems: &mut Vec<Problem>) -> Option<Source> {
        let given = [
            self.flagd.is_some(),
            self.ofrep.is_some(),
            self.unleash.is_some(),
            self.json.is_some(),
        ];
        if given.iter().filter(|g| **g).count() != 1 {
            let problem = Problem::new(KeyPath::root(), "exactly one place is asked for flags");
            problems.push(problem.hint("give `flagd`, `ofrep`, `unleash` or `json`"));
            return None;
        }
        let at = |key: &str| KeyPath::root().entry(key);
        if let Some(settings) = self.flagd.take() {
            return settings.check(&at("flagd"), problems).map(Source::Flagd);
        }
        if let Some(settings) = self.ofrep.take() {
            let flags = self.flags.len();
            return settings.check(flags, &at("ofrep"), problems).map(Source::Ofrep);
        }
        if let Some(settings) = self.unleash.take() {
            return settings.check(&at("unleash"), problems).map(Source::Unleash);
        }
        self.json.take()?.check(&at("json"), problems).map(Source::Json)
    }

    /// Whether the flags are some, each once, and with what their place needs.
    fn check(&self, problems: &mut Vec<Problem>) {
        if self.flags.is_empty() {
            problems.push(Problem::at("flags", "without a flag none could be on"));
        }
        if self.flags.len() > MAX_FLAGS {
            problems.push(Problem::at("flags", format!("more than {MAX_FLAGS} flags")));
        }
        for (i, flag) in self.flags.iter().enumerate() {
            let path = KeyPath::root().entry("flags").index(i);
            if matches!(flag.name.as_str(), "" | "." | "..") {
                problems.push(Problem::new(path.entry("name"), "a flag has a name"));
            } else if self.flags[..i].iter().any(|other| other.name == flag.name) {
                let message = format!("`{}` is listed already", flag.name);
                problems.push(Problem::new(path.entry("name"), message));
            }
            if flag.off.is_null() {
                problems.push(Problem::new(path.entry("off"), "null is no value of a flag"));
            }
            self.check_pointer(flag, &path, problems);
            if self.unleash.is_some() {
                let odd = [
                    ("off", flag.off != Value::Bool(false)),
                    ("code_default", flag.code_default.is_some()),
                ];
                for (key, _) in odd.into_iter().filter(|(_, odd)| *odd) {
                    let message = "a flag of Unleash is enabled or not";
                    problems.push(Problem::new(path.entry(key), message).at_key());
                }
            }
        }
    }

    fn check_pointer(&self, flag: &Flag, path: &KeyPath, problems: &mut Vec<Problem>) {
        let path = path.entry("pointer");
        match (&flag.pointer, self.json.is_some()) {
            (None, true) => problems.push(Problem::new(path, "where does its value stand?")),
            (Some(_), false) => {
                problems.push(Problem::new(path, "it belongs to `json`").at_key());
            }
            (Some(pointer), true) if !(pointer.is_empty() || pointer.starts_with('/')) => {
                let message = format!("`{pointer}` is no JSON pointer: write it like `/a/0/b`");
                problems.push(Problem::new(path, message));
            }
            (Some(_), true) | (None, false) => {}
        }
    }
}

impl Probe for Flags {
    const KIND: &'static str = "flags";
    const EXAMPLE: &'static str = "\
flagd: { file: flags.json }
flags:
  - { name: new-checkout }
  - { name: price-test, off: control, code_default: control }
";
    type Settings = Settings;

    fn new(mut settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        settings.check(&mut problems);
        match settings.source(&mut problems) {
            Some(source) if problems.is_empty() => Ok(Self { source, flags: settings.flags }),
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Text, Texts};
        let spec = ReadingSpec::new;
        vec![
            spec("all_off", Flag, "whether every flag is off for everybody"),
            spec("on", Texts, "the flags that are on for everybody"),
            spec("rollout", Texts, "the flags that are on for some, or under a rule"),
            spec("unknown", Texts, "the flags of which there is no telling"),
            spec("version", Text, "what their place calls this version of them, if anything"),
            spec("digest", Text, "differs when a definition does"),
            spec("changed", Flag, "whether a definition differs from the last look's"),
            spec("unchanged_for", Number(Unit::Time), "since a definition was first seen as it is"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        let host = match &self.source {
            Source::Flagd(document) | Source::Json(document) => document.host(),
            Source::Ofrep(ofrep) => Some(ofrep.host()),
            Source::Unleash(unleash) => Some(unleash.host()),
        };
        host.map(str::to_owned).into_iter().collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let (found, version): (Vec<Found>, Option<String>) = match &self.source {
            Source::Flagd(document) => {
                let page = document.read(cx).await?;
                let definitions = Definitions::read(page.json)?;
                let found = self.flags.iter().map(|flag| definitions.judge(flag)).collect();
                (found, page.version.or(definitions.version))
            }
            Source::Ofrep(ofrep) => (ofrep.look(&self.flags, cx).await?, None),
            Source::Unleash(unleash) => unleash.look(&self.flags, cx).await?,
            Source::Json(document) => {
                let page = document.read(cx).await?;
                cx.trail.untested("rules behind the values: the values alone were read");
                let of = |flag: &Flag| pointer::judge(flag, &page.json);
                (self.flags.iter().map(of).collect(), page.version)
            }
        };
        cx.trail.untested(
            "whether the code asks for these flags, and what it does when it is not answered",
        );
        let names = self.flags.iter().map(|flag| flag.name.as_str());
        let found: Vec<(&str, Found)> = names.zip(found).collect();
        Ok(verdict::read(&found, version, cx.memory.as_deref(), cx.now))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn many_flags() -> Vec<Value> {
        (0..100).map(|n| json!({"name": format!("f{n}")})).collect()
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_place() {
        let (one, many, token) = (json!([{"name": "f"}]), many_flags(), json!({"env": "TOKEN"}));
        let rows = [
            ("no place", json!({"flags": one}), "exactly one place is asked for flags"),
            (
                "two places",
                json!({"flags": one, "flagd": {"file": "x"}, "json": {"file": "x"}}),
                "exactly one place is asked for flags",
            ),
            (
                "no flag",
                json!({"flags": [], "flagd": {"file": "x"}}),
                "flags: without a flag none could be on",
            ),
            (
                "a flag twice",
                json!({"flags": [{"name": "f"}, {"name": "f"}], "flagd": {"file": "x"}}),
                "flags[1].name: `f` is listed already",
            ),
            ("no document", json!({"flags": one, "flagd": {}}), "flagd: give `file` or `url`"),
            (
                "two documents",
                json!({"flags": one, "flagd": {"file": "x", "url": "http://x/"}}),
                "flagd.url: give `file` or `url`, not both",
            ),
            (
                "a password in the address",
                json!({"flags": one, "ofrep": {"url": "http://a:hunter2@x/"}}),
                "ofrep.url: a password has no place here",
            ),
            (
                "too few contexts",
                json!({"flags": one, "ofrep": {"url": "http://x/", "contexts": 1}}),
                "ofrep.contexts: there are 20 to 500 contexts",
            ),
            (
                "too many evaluations",
                json!({"flags": many, "ofrep": {"url": "http://x/", "contexts": 21}}),
                "ofrep.contexts: 100 flags in 21 contexts are more than 2000",
            ),
            (
                "no pointer",
                json!({"flags": one, "json": {"file": "x"}}),
                "flags[0].pointer: where does its value stand?",
            ),
            (
                "a pointer for nothing",
                json!({"flags": [{"name": "f", "pointer": "/f"}], "flagd": {"file": "x"}}),
                "flags[0].pointer: it belongs to `json`",
            ),
            (
                "no environment",
                json!({"flags": one, "unleash": {"url": "http://x/", "token": token, "api": "admin"}}),
                "unleash.environment: which one is meant?",
            ),
            (
                "an environment too many",
                json!({"flags": one, "unleash": {"url": "http://x/", "token": token, "environment": "p"}}),
                "unleash.environment: a client's token says which environment",
            ),
            (
                "a value for Unleash",
                json!({"flags": [{"name": "f", "off": "no"}], "unleash": {"url": "http://x/", "token": token}}),
                "flags[0].off: a flag of Unleash is enabled or not",
            ),
        ];
        for (row, settings, said) in rows {
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Flags::new(settings).expect_err(row);
            assert!(problems.iter().any(|p| p.to_string().contains(said)), "{row}: {problems:?}");
        }
    }
}
