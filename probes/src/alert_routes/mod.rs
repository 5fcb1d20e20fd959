//! `alert_routes`: whom an alert with given labels would reach, and whether anything would keep it from arriving.
//!
//! It walks the routes of the configuration that runs, as Alertmanager does, and sends nothing (see `alert_drill`).

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod tree;
mod verdict;

use std::collections::BTreeMap;

use launchgate_core::observation::Failure;
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::alerts::server::{MAX_ANSWER, data, json};
use crate::alerts::{Server, ServerKind};
use crate::probe::{Context, Probe};
use crate::prometheus::access::Access;
use crate::prometheus::api::Session;
use verdict::{Silence, Status, Targets};

/// The most labels of an alert.
const MAX_LABELS: usize = 64;

/// Settings of the `alert_routes` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Alertmanager that is asked: the name of a source, or the source itself.
    pub source: Server,
    /// The alert's labels, `alertname` among them, as they arrive there: with the external labels of who sends it.
    pub labels: BTreeMap<String, String>,
    /// The Prometheus that sends it; brings the reading `alertmanagers`.
    #[serde(default)]
    pub prometheus: Option<Server>,
}

/// The `alert_routes` probe; see the module's documentation.
#[derive(Debug)]
pub struct AlertRoutes {
    alertmanager: Access,
    prometheus: Option<Access>,
    labels: BTreeMap<String, String>,
}

impl Probe for AlertRoutes {
    const KIND: &'static str = "alert_routes";
    const EXAMPLE: &'static str = "\
source: { kind: alertmanager, url: \"http://127.0.0.1:9093\" }
prometheus: { kind: prometheus, url: \"http://127.0.0.1:9090\" }
labels: { alertname: CheckoutErrors, severity: critical, team: shop }
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let Settings { source, labels, prometheus } = settings;
        let mut problems = Vec::new();
        if labels.get("alertname").is_none_or(String::is_empty) {
            problems.push(Problem::at("labels", "an alert has a name: `alertname` is missing"));
        }
        if labels.len() > MAX_LABELS {
            problems.push(Problem::at("labels", format!("more than {MAX_LABELS} labels")));
        }
        let alertmanager = source.check_kind(ServerKind::Alertmanager, "source", &mut problems);
        let prometheus = prometheus
            .and_then(|p| p.check_kind(ServerKind::Prometheus, "prometheus", &mut problems));
        match alertmanager {
            Some(alertmanager) if problems.is_empty() => {
                Ok(Self { alertmanager, prometheus, labels })
            }
            _ => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Texts};
        let spec = ReadingSpec::new;
        let mut specs = vec![
            spec("receivers", Texts, "the receivers that the alert reaches"),
            spec("mute_receivers", Texts, "those among them that tell nobody"),
            spec("ways", Number(Unit::One), "in how many ways somebody is told"),
            spec("timed", Flag, "whether a route that it takes is quiet at certain times"),
            spec("silences", Number(Unit::One), "the active silences that cover it"),
        ];
        let doc = "the Alertmanagers that Prometheus sends to";
        specs.extend(
            self.prometheus.is_some().then(|| spec("alertmanagers", Number(Unit::One), doc)),
        );
        specs
    }

    fn hosts(&self) -> Vec<String> {
        [Some(&self.alertmanager), self.prometheus.as_ref()]
            .into_iter()
            .flatten()
            .map(Access::host)
            .collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let session = Session::open(&self.alertmanager, cx).await?;
        let (status, silences) = tokio::try_join!(
            session.get_below("/api/v2/status", &[], MAX_ANSWER),
            session.get_below("/api/v2/silences", &[], MAX_ANSWER),
        )?;
        let (status, silences) = (json::<Status>(&status)?, json::<Vec<Silence>>(&silences)?);
        let targets = match &self.prometheus {
            None => None,
            Some(prometheus) => {
                let session = Session::open(prometheus, cx).await?;
                let answer = session.get_below("/api/v1/alertmanagers", &[], MAX_ANSWER).await?;
                Some(data::<Targets>(&answer)?)
            }
        };
        verdict::read(&status, &silences, targets.as_ref(), &self.labels)
    }
}
