//! `alerts`: whether an alert that matters fires, as a Prometheus or an Alertmanager knows it.
//!
//! Silence is believed only of a source that could speak: rules are loaded and work, or an alert that always fires is
//! there. It neither silences nor acknowledges anything.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod matcher;
pub(crate) mod rules;
pub(crate) mod server;
pub(crate) mod verdict;
pub(crate) mod yaml;

use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::probe::{Context, Probe};
use crate::prometheus::access::Access;
use crate::prometheus::api::Session;
use matcher::Matcher;
use server::{MAX_ANSWER, data, json};
pub use server::{Server, ServerKind};
use verdict::{AlertList, Managed, Scope};

/// The most names that can be left out.
const MAX_IGNORED: usize = 200;

/// Settings of the `alerts` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who is asked: the name of a source, or the source itself.
    pub source: Server,
    /// Which alerts matter, by their labels, such as `severity=~"critical|page"`; all must hold. All alerts if not given.
    #[serde(default)]
    pub select: Vec<String>,
    /// Names of alerts that do not matter; `Watchdog` and `InfoInhibitor` if not given.
    #[serde(default)]
    pub ignore: Option<Vec<String>>,
    /// The name of an alert that always fires, without which the source counts as blind. An Alertmanager needs one.
    #[serde(default)]
    pub watchdog: Option<String>,
}

/// The `alerts` probe; see the module's documentation.
#[derive(Debug)]
pub struct Alerts {
    access: Access,
    kind: ServerKind,
    scope: Scope,
}

impl Probe for Alerts {
    const KIND: &'static str = "alerts";
    const EXAMPLE: &'static str = "\
source: { kind: prometheus, url: \"http://127.0.0.1:9090\" }
select: ['severity=~\"critical|page\"', 'team=\"shop\"']
watchdog: Watchdog
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let kind = settings.source.kind;
        let mut select = Vec::new();
        for (i, text) in settings.select.iter().enumerate() {
            match Matcher::parse_list(text) {
                Ok(matchers) => select.extend(matchers),
                Err(why) => {
                    problems.push(Problem::new(KeyPath::root().entry("select").index(i), why));
                }
            }
        }
        let ignore = settings
            .ignore
            .unwrap_or_else(|| ["Watchdog", "InfoInhibitor"].map(str::to_owned).into());
        if ignore.len() > MAX_IGNORED {
            problems.push(Problem::at("ignore", format!("more than {MAX_IGNORED} names")));
        }
        match settings.watchdog.as_deref() {
            Some("") => problems.push(Problem::at("watchdog", "an alert has a name")),
            None if kind == ServerKind::Alertmanager => problems.push(
                Problem::at("watchdog", "an Alertmanager that nobody sends to looks quiet")
                    .hint("give the name of an alert that always fires"),
            ),
            _ => {}
        }
        let access = settings.source.check("source", &mut problems);
        let scope =
            Scope { select, ignore: ignore.into_iter().collect(), watchdog: settings.watchdog };
        match access {
            Some(access) if problems.is_empty() => Ok(Self { access, kind, scope }),
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        let spec = ReadingSpec::new;
        let number = ReadingType::Number(Unit::One);
        let mut specs = vec![
            spec("firing", number, "the alerts that matter and fire, silenced ones not among them"),
            spec("names", ReadingType::Texts, "their names"),
        ];
        specs.extend(match self.kind {
            ServerKind::Prometheus => vec![
                spec("pending", number, "those that will fire if it goes on"),
                spec("rules", number, "the alerting rules that are loaded"),
                spec("broken_rules", number, "those that matter and cannot be evaluated"),
            ],
            ServerKind::Alertmanager => vec![
                spec("silenced", number, "the alerts that matter and are silenced"),
                spec("inhibited", number, "those that another alert holds back"),
            ],
        });
        specs
    }

    fn hosts(&self) -> Vec<String> {
        vec![self.access.host()]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let session = Session::open(&self.access, cx).await?;
        match self.kind {
            ServerKind::Prometheus => {
                let alerts = session.get_below("/api/v1/alerts", &[], MAX_ANSWER);
                let (alerts, groups) = tokio::try_join!(alerts, rules::all(&session))?;
                let AlertList { alerts } = data(&alerts)?;
                verdict::evaluated(&alerts, &groups, &self.scope)
            }
            ServerKind::Alertmanager => {
                let answer = session.get_below("/api/v2/alerts", &[], MAX_ANSWER).await?;
                verdict::managed(&json::<Vec<Managed>>(&answer)?, &self.scope)
            }
        }
    }
}
