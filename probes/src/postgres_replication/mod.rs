//! `postgres_replication`: whether every standby that is expected follows its primary, and how far behind it is.
//!
//! The primary is given a mark to write, and each standby is watched until it has applied it: lag is the time that took.
//! No clocks are compared, and an idle primary is not mistaken for lag. What standbys say of themselves is not trusted
//! alone: a receiver that hangs goes on to say that it has applied all that it received.

mod chase;
mod primary;
mod verdict;

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::time::parse_duration;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Config, NoTls};

use crate::secret::TextOrCredential;
use crate::{Context, Probe, dial, guard};

/// `with:` of a `postgres_replication` check.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The primary: the name of a source of the launch file, or the source itself.
    pub source: Source,
    /// The standbys that must be there. Without the list, none at all would look like no lag.
    pub standbys: Vec<Standby>,
    /// How long a standby may take to apply the mark; `5s` if not given. It is also the lag that can at most be told.
    #[serde(default)]
    pub patience: Option<String>,
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
                "how long the slowest standby took to apply the mark; at least `patience` where one did not",
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
        // The chase must end within the look, and leave time to tell of it.
        let patience = self.patience.min(cx.remaining().mul_f64(0.7));
        let primary = connect("the primary", &self.settings.source.url, cx).await?;
        let view = primary::view(&primary).await?;
        let mark = primary::mark(&primary).await?;
        let chases = self.settings.standbys.iter().map(|standby| async {
            let subject = format!("standby {}", standby.name);
            let seen = match connect(&subject, &standby.url, cx).await {
                Ok(client) => chase::run(&client, mark.lsn, mark.at, patience).await,
                Err(failure) => Err(failure),
            };
            (standby.name.as_str(), seen)
        });
        let chased = join_all(chases).await;
        Ok(verdict::read(&view, &mark, &chased, patience))
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

/// A connection that ends with the look.
async fn connect(subject: &str, url: &TextOrCredential, cx: &Context) -> Result<Client, Failure> {
    let url: SecretString = url.resolve(cx)?;
    let mut config: Config = url.expose_secret().parse().map_err(|e| {
        Failure::new(Cause::ProbeError, format!("the address of {subject} cannot be read: {e}"))
    })?;
    guarded(&mut config, cx).await?;
    config.application_name("launchgate").connect_timeout(cx.remaining().mul_f64(0.5));
    let connecting = tokio::time::timeout(cx.remaining().mul_f64(0.6), config.connect(NoTls));
    match connecting.await {
        Ok(Ok((client, connection))) => {
            // Its error reaches whoever asks next.
            tokio::spawn(connection);
            Ok(client)
        }
        Ok(Err(error)) => Err(failure(subject, &error)),
        Err(_) => Err(Failure::new(Cause::Timeout, format!("{subject} did not answer in time"))),
    }
}

/// Resolves the hosts here, so that no name leads to an address that is never probed.
async fn guarded(config: &mut Config, cx: &Context) -> Result<(), Failure> {
    use tokio_postgres::config::Host;
    if !config.get_hostaddrs().is_empty() {
        return config.get_hostaddrs().iter().try_for_each(|address| guard::permit(*address));
    }
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .filter_map(|host| match host {
            Host::Tcp(name) => Some(name.clone()),
            Host::Unix(_) => None,
        })
        .collect();
    // A socket of this machine has no address to resolve, and an address stands for each host or for none.
    if hosts.len() != config.get_hosts().len() {
        return Ok(());
    }
    for host in hosts {
        let found = dial::resolve(&host, 0, cx.remaining().mul_f64(0.4)).await?;
        let Some(first) = found.first() else { continue };
        guard::permit(first.ip())?;
        config.hostaddr(first.ip());
    }
    Ok(())
}

/// What an error of the server or of the way to it says.
fn failure(subject: &str, error: &tokio_postgres::Error) -> Failure {
    use tokio_postgres::error::SqlState;
    let source = std::error::Error::source(error);
    let why = source.map_or_else(|| error.to_string(), ToString::to_string);
    let refused = source
        .and_then(|s| s.downcast_ref::<std::io::Error>())
        .is_some_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused);
    let auth = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    let cause = match error.code() {
        Some(code) if auth.contains(code) => Cause::Auth,
        Some(_) => Cause::BadResponse,
        None if refused => Cause::Refused,
        None => Cause::Unreachable,
    };
    Failure::new(cause, format!("{subject}: {why}"))
}
