//! `postgres_replication`: whether every standby that is expected follows its primary, and how far behind it is.
//!
//! The primary is given a mark to write, and each standby is watched until it has applied it: lag is the time that took.
//! No clocks are compared, and an idle primary is not mistaken for lag. What standbys say of themselves is not trusted
//! alone: a receiver that hangs goes on to say that it has applied all that it received.

mod chase;
mod primary;
mod server;
mod verdict;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::time::parse_duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Config;

use crate::secret::TextOrCredential;
use crate::{Context, Probe, client};
use server::{Access, failure};

/// `with:` of a `postgres_replication` check.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The primary: the name of a source of the launch file, or the source itself.
    pub source: Source,
    /// The standbys that must be there. Without the list, none at all would look like no lag.
    pub standbys: Vec<Standby>,
    /// How long a standby may take to apply the mark; `5s` if not given. It is also the lag that can at most be told,
    /// so it has to be longer than the lag that is allowed.
    #[serde(default)]
    pub patience: Option<String>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// A PostgreSQL server.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The kind of source.
    pub kind: SourceKind,
    /// The address, `postgres://user@host:port/database`. One with a password is given by reference.
    pub url: TextOrCredential,
}

/// The kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A PostgreSQL server.
    Postgres,
}

/// A standby that must be there.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standby {
    /// Its `application_name`, by which the primary knows it.
    pub name: String,
    /// The address.
    pub url: TextOrCredential,
}

/// The probe.
#[derive(Debug)]
pub struct PostgresReplication {
    settings: Settings,
    patience: Duration,
}

impl Probe for PostgresReplication {
    const KIND: &'static str = "postgres_replication";
    const EXAMPLE: &'static str = "\
source: { kind: postgres, url: { env: PRIMARY_URL } }
standbys:
  - { name: standby1, url: { env: STANDBY1_URL } }
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if settings.standbys.is_empty() {
            let problem = Problem::at("standbys", "no standby is expected");
            problems.push(
                problem
                    .hint("list each by its application_name: none at all would look like no lag"),
            );
        }
        let mut seen = HashSet::new();
        for (i, standby) in settings.standbys.iter().enumerate() {
            if !seen.insert(&standby.name) {
                let path = KeyPath::root().entry("standbys").index(i).entry("name");
                problems.push(Problem::new(path, format!("`{}` is listed already", standby.name)));
            }
        }
        let patience = match settings.patience.as_deref().map(parse_duration) {
            None => Duration::from_secs(5),
            Some(Ok(patience)) if !patience.is_zero() => patience,
            Some(Ok(_)) => {
                problems.push(Problem::at("patience", "a standby needs some time"));
                Duration::ZERO
            }
            Some(Err(error)) => {
                problems.push(Problem::at("patience", error.to_string()));
                Duration::ZERO
            }
        };
        if problems.is_empty() { Ok(Self { settings, patience }) } else { Err(problems) }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Texts};
        let spec = ReadingSpec::new;
        vec![
            spec(
                "lag",
                Number(Unit::Time),
                "how long the slowest standby took to apply the mark; absent where one did not",
            ),
            spec("caught_up", Number(Unit::Percent), "the standbys that applied the mark in time"),
            spec(
                "streaming",
                Number(Unit::Percent),
                "the standbys that the primary streams to and has heard of lately",
            ),
            spec("missing", Texts, "the expected standbys that the primary does not know"),
            spec(
                "lag_bytes",
                Number(Unit::Bytes),
                "how much the standby furthest behind has not applied, as the primary sees it",
            ),
            spec("roles_ok", Flag, "whether the primary is one, and every standby is one"),
            spec(
                "slots_at_risk",
                Texts,
                "the replication slots whose log the primary gives up on, or has given up on",
            ),
            spec("replay_paused", Flag, "whether a standby was told to stop applying"),
            spec(
                "usual_formula",
                Number(Unit::Time),
                "the lag by the usual formula on the standbys, which reads 0 when a receiver hangs; for comparison",
            ),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        let urls = self.settings.standbys.iter().map(|s| &s.url).chain([&self.settings.source.url]);
        urls.filter_map(|url| match url {
            TextOrCredential::Text(text) => host(text),
            // Where it leads is known when it is looked at.
            TextOrCredential::Credential(_) => None,
        })
        .collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let mut tls = client::trust(self.settings.ca_file.as_deref(), cx).await?;
        // HTTP's protocols are none that a database speaks.
        tls.alpn_protocols.clear();
        let tls = Arc::new(tls);
        // The chase must end within the look, and leave time to tell of it.
        let end = Instant::now() + cx.remaining().mul_f64(0.9);
        let access = Access { cx, tls, until: Instant::now() + cx.remaining().mul_f64(0.4) };
        // Standbys are connected to before the mark is written: that takes time which is no lag.
        let standbys = join_all(self.settings.standbys.iter().map(|standby| {
            let subject = format!("standby {}", standby.name);
            let access = &access;
            async move { server::connect(&subject, &standby.url, access).await }
        }));
        let asked = async {
            let primary =
                server::connect("the primary", &self.settings.source.url, &access).await?;
            let view = in_time(access.until, "the primary", primary::view(&primary)).await?;
            Ok::<_, Failure>((primary, view))
        };
        let (asked, standbys) = join(asked, standbys).await;
        let (primary, view) = asked?;
        let mark = in_time(end, "the primary", primary::mark(&primary)).await?;
        let left = end.saturating_duration_since(Instant::now());
        let watched = self.patience.min(left.mul_f64(0.9));
        let silence = view.silence;
        let chases = self.settings.standbys.iter().zip(&standbys).map(|(standby, client)| async {
            let seen = match client {
                Ok(client) => {
                    let chase = chase::run(client, mark.lsn, mark.at, watched, silence);
                    in_time(end, &format!("standby {}", standby.name), chase).await
                }
                Err(failure) => Err(failure.clone()),
            };
            (standby.name.as_str(), seen)
        });
        let chased = join_all(chases).await;
        Ok(verdict::read(&view, &mark, &chased, watched))
    }
}

/// The outcome of asking, if it comes in time: a server that hangs answers nothing at all.
async fn in_time<T>(
    until: Instant,
    subject: &str,
    asking: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match timeout_at(until, asking).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::new(Cause::Timeout, format!("{subject} did not answer in time"))),
    }
}

fn host(url: &str) -> Option<String> {
    let config: Config = url.parse().ok()?;
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first()? {
        tokio_postgres::config::Host::Tcp(name) => Some(format!("{name}:{port}")),
        tokio_postgres::config::Host::Unix(_) => None,
    }
}
