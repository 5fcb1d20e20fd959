//! `mysql_replication`: whether every replica that is expected follows its source, and how far behind it is.
//!
//! What replicas say of their lag is not trusted: `Seconds_Behind_Source` compares with what was received, and reads 0
//! while nothing arrives. So the source's set of transactions is taken, after a mark of ours where one may be written, and
//! each replica is watched until it has applied them: lag is the time that took. For MySQL and MariaDB.

mod channel;
mod chase;
mod origin;
mod verdict;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{join, join_all};
use launchgate_core::observation::Failure;
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::mysql::{Access, Server, Source, connect, host};
use crate::replication::{check_names, in_time, patience};
use crate::secret::TextOrCredential;
use crate::{Context, Probe};
use chase::{Chased, Hunt};
use origin::Table;

/// `with:` of a `mysql_replication` check.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The source: the name of a source of the launch file, or the source itself.
    pub source: Source,
    /// The replicas that must be there. Without the list, none at all would look like no lag.
    pub replicas: Vec<Replica>,
    /// A table on the source, `database.table`, that a mark may be written to. Give this or `heartbeat`.
    #[serde(default)]
    pub mark: Option<String>,
    /// A table that somebody else writes heartbeats to, where we may not write. Give this or `mark`.
    #[serde(default)]
    pub heartbeat: Option<Heartbeat>,
    /// How long a replica may take to apply what is chased; `5s` if not given. It is also the lag that can at most be
    /// told, so it has to be longer than the lag that is allowed.
    #[serde(default)]
    pub patience: Option<String>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// A replica that must be there.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replica {
    /// Its name in reports.
    pub name: String,
    /// The address.
    pub url: TextOrCredential,
}

/// A table of heartbeats with the columns `ts` and `server_id`, as pt-heartbeat writes it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// The table, `database.table`.
    pub table: String,
    /// Whether `ts` is in UTC; false, as the server's own time, if not given.
    #[serde(default)]
    pub utc: bool,
    /// How old a heartbeat on the source may be to count as alive; `10s` if not given.
    #[serde(default)]
    pub fresh_for: Option<String>,
}

/// What makes the source move, so that a replica that hangs is seen.
#[derive(Debug, Clone)]
enum Pulse {
    /// We write a mark.
    Mark(Table),
    /// Somebody else writes heartbeats.
    Heartbeat { table: Table, utc: bool, fresh_for: Duration },
    /// Whatever is written anyhow.
    Nothing,
}

/// The probe.
#[derive(Debug)]
pub struct MysqlReplication {
    settings: Settings,
    patience: Duration,
    pulse: Pulse,
}

impl Probe for MysqlReplication {
    const KIND: &'static str = "mysql_replication";
    const EXAMPLE: &'static str = "\
source: { kind: mysql, url: { env: SOURCE_URL } }
replicas:
  - { name: replica1, url: { env: REPLICA1_URL } }
mark: launchgate.mark
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        check_names("replicas", settings.replicas.iter().map(|r| r.name.as_str()), &mut problems);
        let patience = patience(settings.patience.as_deref(), &mut problems);
        let pulse = Pulse::read(&settings, &mut problems);
        if problems.is_empty() { Ok(Self { settings, patience, pulse }) } else { Err(problems) }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Texts};
        let (time, percent) = (Number(Unit::Time), Number(Unit::Percent));
        [
            ("lag", time, "how long the slowest replica took to apply what the source had; absent where one did not, or nothing was proven"),
            ("caught_up", percent, "the replicas that applied it in time"),
            ("running", percent, "the replicas whose threads all run without an error, in every channel"),
            ("missing", Texts, "the expected replicas that have no channel from this source"),
            ("broken", Texts, "the replicas one of whose threads has stopped or reports an error"),
            ("roles_ok", Flag, "whether the source takes writes and every replica follows it"),
            ("writable", Texts, "the replicas that take writes"),
            ("apply_delay", time, "how late on purpose a replica applies what it has; `lag` is counted without it"),
            ("heartbeat_age", time, "how old the newest heartbeat on the source is, where heartbeats are used"),
            ("usual_formula", time, "the worst `Seconds_Behind_Source`, which reads 0 when nothing arrives; for comparison"),
        ]
        .map(|(name, kind, doc)| ReadingSpec::new(name, kind, doc))
        .to_vec()
    }

    fn hosts(&self) -> Vec<String> {
        let urls = self.settings.replicas.iter().map(|r| &r.url).chain([&self.settings.source.url]);
        urls.filter_map(host).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        // The chase must end within the look, and leave time to tell of it.
        let end = Instant::now() + cx.remaining().mul_f64(0.9);
        let until = Instant::now() + cx.remaining().mul_f64(0.4);
        let access = Access::new(self.settings.ca_file.as_deref(), cx, until);
        // Replicas are connected to before the mark is written: that takes time which is no lag.
        let replicas = join_all(self.settings.replicas.iter().map(|replica| {
            let (subject, access) = (format!("replica {}", replica.name), &access);
            async move { connect(&subject, &replica.url, access).await }
        }));
        let source = connect("the source", &self.settings.source.url, &access);
        let (source, replicas) = join(source, replicas).await;
        let mut source = source?;
        let asked = origin::ask(&mut source, &self.pulse);
        let origin = in_time(end, "the source", asked).await?;
        let told = format!("{origin:?}");
        cx.trail.note("the source", "its role and its transactions", told, origin.at.elapsed());
        let hunt = Hunt {
            target: origin.target.clone(),
            began: origin.at,
            patience: self.patience,
            end: origin.at + end.saturating_duration_since(origin.at).mul_f64(0.9),
        };
        let chases = self.settings.replicas.iter().zip(replicas).map(|(replica, server)| {
            let hunt = &hunt;
            async move { (replica.name.as_str(), chase_one(replica, server, hunt, end, cx).await) }
        });
        let seen = join_all(chases).await;
        cx.trail.untested("whether source and replicas hold the same rows");
        Ok(verdict::read(&origin, cx.memory.as_deref(), &seen))
    }
}

async fn chase_one(
    replica: &Replica,
    server: Result<Server, Failure>,
    hunt: &Hunt,
    end: Instant,
    cx: &Context,
) -> Result<Chased, Failure> {
    let subject = format!("replica {}", replica.name);
    let mut server = server?;
    let began = Instant::now();
    let seen = in_time(end, &subject, chase::run(&subject, &mut server, hunt)).await;
    let came = match &seen {
        Ok(chased) => format!("{chased:?}"),
        Err(failure) => failure.to_string(),
    };
    cx.trail.note(subject, "its channels, and whether it caught up", came, began.elapsed());
    seen
}

impl Pulse {
    fn read(settings: &Settings, problems: &mut Vec<Problem>) -> Self {
        match (&settings.mark, &settings.heartbeat) {
            (None, None) => Self::Nothing,
            (Some(_), Some(_)) => {
                problems.push(Problem::at("heartbeat", "give this or `mark`, not both").at_key());
                Self::Nothing
            }
            (Some(text), None) => match Table::read(text) {
                Ok(table) => Self::Mark(table),
                Err(why) => {
                    problems.push(Problem::at("mark", why));
                    Self::Nothing
                }
            },
            (None, Some(heartbeat)) => {
                let under = launchgate_core::problem::KeyPath::root().entry("heartbeat");
                let fresh_for = heartbeat.fresh_for.as_deref().unwrap_or("10s");
                let fresh_for = launchgate_core::time::parse_duration(fresh_for)
                    .map_err(|e| Problem::new(under.entry("fresh_for"), e.to_string()));
                let table = Table::read(&heartbeat.table)
                    .map_err(|e| Problem::new(under.entry("table"), e));
                match (table, fresh_for) {
                    (Ok(table), Ok(fresh_for)) => {
                        Self::Heartbeat { table, utc: heartbeat.utc, fresh_for }
                    }
                    (table, fresh_for) => {
                        problems.extend(table.err());
                        problems.extend(fresh_for.err());
                        Self::Nothing
                    }
                }
            }
        }
    }
}
