//! `redis_replication`: whether every replica that is expected follows its master, and how far behind it is.
//!
//! A replica goes on to say that its link is up, and that it has all it received, until a timeout of a minute. So the
//! master is given an empty message to publish, which moves its replication stream and no data, and each replica is
//! watched until it has read that far: lag is the time that took. `WAIT` asks the master the same from the other side.

mod chase;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod info;
mod server;
mod verdict;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{join, join_all};
use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::replication::{check_names, in_time, patience};
use crate::secret::TextOrCredential;
use crate::{Context, Probe};
use chase::Hunt;
use server::{Access, Reached, place};
use verdict::Expected;

/// `with:` of a `redis_replication` check.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The master: the name of a source of the launch file, or the source itself.
    pub source: Source,
    /// The replicas that must be there. Without the list, none at all would look like no lag.
    pub replicas: Vec<Replica>,
    /// How long a replica may take to read the mark; `5s` if not given. It is also the lag that can at most be told,
    /// so it has to be longer than the lag that is allowed.
    #[serde(default)]
    pub patience: Option<String>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// A Redis or Valkey server.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The kind of source.
    pub kind: SourceKind,
    /// The address, `redis://user@host:port` or `rediss://…` for TLS. One with a password is given by reference.
    pub url: TextOrCredential,
}

/// The kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A Redis or Valkey server.
    Redis,
}

/// A replica that must be there.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replica {
    /// Its name in reports.
    pub name: String,
    /// The address.
    pub url: TextOrCredential,
    /// Under which `ip:port` the master knows it, where that is not its address (`replica-announce-ip`).
    #[serde(default)]
    pub announced: Option<String>,
}

/// The probe.
#[derive(Debug)]
pub struct RedisReplication {
    settings: Settings,
    patience: Duration,
}

impl Probe for RedisReplication {
    const KIND: &'static str = "redis_replication";
    const EXAMPLE: &'static str = "\
source: { kind: redis, url: { env: REDIS_URL } }
replicas:
  - { name: replica1, url: { env: REDIS_REPLICA1_URL } }
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        check_names("replicas", settings.replicas.iter().map(|r| r.name.as_str()), &mut problems);
        for (i, replica) in settings.replicas.iter().enumerate() {
            let path = KeyPath::root().entry("replicas").index(i).entry("announced");
            if let Some(text) = replica.announced.as_ref().filter(|text| !text.contains(':')) {
                problems.push(Problem::new(path, format!("`{text}` is not of the form `ip:port`")));
            }
        }
        let patience = patience(settings.patience.as_deref(), &mut problems);
        if problems.is_empty() { Ok(Self { settings, patience }) } else { Err(problems) }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Texts};
        let (time, percent) = (Number(Unit::Time), Number(Unit::Percent));
        [
            ("lag", time, "how long the slowest replica took to read the mark; absent where one did not, or nothing was proven"),
            ("caught_up", percent, "the replicas that read the mark in time"),
            ("online", percent, "the replicas that the master knows and calls online"),
            ("missing", Texts, "the expected replicas that the master does not know"),
            ("connected", Number(Unit::One), "how many replicas the master knows, expected or not"),
            ("acknowledged", Number(Unit::One), "how many replicas, expected or not, acknowledged the mark to the master (`WAIT`)"),
            ("ack_age", time, "how long ago the most silent of the expected replicas acknowledged anything, as the master counts"),
            ("lag_bytes", Number(Unit::Bytes), "how much the expected replica furthest behind has not acknowledged, as the master sees it"),
            ("link_up", percent, "the replicas that say that their link is up; for comparison, as it stays so while one hangs"),
            ("last_io_age", time, "how long ago the most silent of the replicas heard of its master, by what it says"),
            ("syncing", Flag, "whether a replica is being given a whole copy"),
            ("roles_ok", Flag, "whether the master is one, and every replica follows its history"),
            ("writable", Texts, "the replicas that take writes"),
        ]
        .map(|(name, kind, doc)| ReadingSpec::new(name, kind, doc))
        .to_vec()
    }

    fn hosts(&self) -> Vec<String> {
        let urls = self.settings.replicas.iter().map(|r| &r.url).chain([&self.settings.source.url]);
        urls.filter_map(|url| match url {
            TextOrCredential::Text(text) => {
                place(text).map(|(host, port)| format!("{host}:{port}"))
            }
            TextOrCredential::Credential(_) => None,
        })
        .collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        // The chase must end within the look, and leave time to tell of it.
        let end = Instant::now() + cx.remaining().mul_f64(0.9);
        let until = Instant::now() + cx.remaining().mul_f64(0.4);
        let access = Access::new(self.settings.ca_file.as_deref(), cx, until).await?;
        // Replicas are connected to before the mark is written: that takes time which is no lag.
        let replicas = join_all(self.settings.replicas.iter().map(|replica| {
            let (subject, access) = (format!("replica {}", replica.name), &access);
            async move { server::reach(&subject, &replica.url, access).await }
        }));
        let source = server::reach("the master", &self.settings.source.url, &access);
        let (source, replicas) = join(source, replicas).await;
        let mut source = source.server?;
        let origin = in_time(end, "the master", chase::mark(&mut source)).await?;
        let told = format!("{origin:?}");
        cx.trail.note(
            "the master",
            "its role, its replicas, and to publish",
            told,
            origin.at.elapsed(),
        );
        let until = (origin.at + self.patience).min(end);
        let hunt = Hunt {
            replid: origin.info.replid.clone(),
            offset: origin.info.offset,
            began: origin.at,
            until,
        };
        let count = self.settings.replicas.len();
        let acknowledged = async {
            let waiting = chase::wait(&mut source, &origin, count, until);
            in_time(end, "the master", waiting).await
        };
        let chases = self.settings.replicas.iter().zip(replicas).map(|(replica, reached)| {
            let hunt = &hunt;
            async move {
                let Reached { addresses, server } = reached;
                let seen = chase_one(&replica.name, server, hunt, end, cx).await;
                Expected { replica, addresses, seen }
            }
        });
        let (acknowledged, seen) = join(acknowledged, join_all(chases)).await;
        cx.trail.untested("whether what a replica holds is what its master holds");
        Ok(verdict::read(&origin, acknowledged, cx.memory.as_deref(), &seen))
    }
}

async fn chase_one(
    name: &str,
    server: Result<server::Server, Failure>,
    hunt: &Hunt,
    end: Instant,
    cx: &Context,
) -> Result<chase::Chased, Failure> {
    let subject = format!("replica {name}");
    let mut server = server?;
    let began = Instant::now();
    let seen = in_time(end, &subject, chase::run(&subject, &mut server, hunt)).await;
    let came = match &seen {
        Ok(chased) => format!("{chased:?}"),
        Err(failure) => failure.to_string(),
    };
    cx.trail.note(subject, "whether it read the mark", came, began.elapsed());
    seen
}
