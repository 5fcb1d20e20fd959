//! `postgres_replication`: whether every standby that is expected follows its primary, and how far behind it is.
//!
//! The primary is given a mark to write, and each standby is watched until it has applied it: lag is the time that took.
//! No clocks are compared, and an idle primary is not mistaken for lag. What standbys say of themselves is not trusted
//! alone: a receiver that hangs goes on to say that it has applied all that it received.

mod chase;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod primary;
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
use tokio_postgres::Client;

use crate::postgres::{Access, Source, connect, host};
use crate::replication::{check_names, in_time, patience};
use crate::secret::TextOrCredential;
use crate::{Context, Probe};
use chase::{Chased, Hunt};
use primary::View;
use verdict::Seen;

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

/// A standby that must be there.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standby {
    /// Its `application_name`, by which the primary knows it.
    pub name: String,
    /// The address.
    pub url: TextOrCredential,
    /// How it is fed: `stream` (if not given), or `archive` for one that only restores what was archived.
    #[serde(default)]
    pub by: By,
}

/// How a standby is fed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// By a connection to its primary.
    #[default]
    Stream,
    /// From an archive alone: its primary does not know it.
    Archive,
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
        check_names("standbys", settings.standbys.iter().map(|s| s.name.as_str()), &mut problems);
        let patience = patience(settings.patience.as_deref(), &mut problems);
        if problems.is_empty() { Ok(Self { settings, patience }) } else { Err(problems) }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Texts};
        let (time, percent) = (Number(Unit::Time), Number(Unit::Percent));
        [
            ("lag", time, "how long the slowest standby took to apply the mark; absent where one did not"),
            ("caught_up", percent, "the standbys that applied the mark in time"),
            ("received", percent, "the standbys that have the mark, applied or not"),
            ("streaming", percent, "the standbys that the primary streams to and has heard of lately"),
            ("missing", Texts, "the expected standbys that the primary does not know"),
            ("reply_age", time, "how long ago the most silent of the expected standbys was heard of"),
            ("sync_standbys", Texts, "the expected standbys that a commit may have to wait for"),
            ("lag_bytes", Number(Unit::Bytes), "how much the standby furthest behind has not applied, as the primary sees it"),
            ("archive_lag", time, "how old the newest commit is that the slowest standby fed by an archive has applied"),
            ("apply_delay", time, "how late on purpose a standby applies what it has; `lag` is counted without it"),
            ("roles_ok", Flag, "whether the primary is one, and every standby is one of the same cluster"),
            ("slots_at_risk", Texts, "the replication slots whose log the primary gives up on, or has given up on"),
            ("slots_inactive", Texts, "the replication slots that nobody reads"),
            ("replay_paused", Flag, "whether a standby was told to stop applying"),
            ("usual_formula", time, "the lag by the usual formula on the standbys, which reads 0 when a receiver hangs; for comparison"),
        ]
        .map(|(name, kind, doc)| ReadingSpec::new(name, kind, doc))
        .to_vec()
    }

    fn hosts(&self) -> Vec<String> {
        let urls = self.settings.standbys.iter().map(|s| &s.url).chain([&self.settings.source.url]);
        urls.filter_map(host).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        // The chase must end within the look, and leave time to tell of it.
        let end = Instant::now() + cx.remaining().mul_f64(0.9);
        let until = Instant::now() + cx.remaining().mul_f64(0.4);
        let access = Access::new(self.settings.ca_file.as_deref(), cx, until).await?;
        // Standbys are connected to before the mark is written: that takes time which is no lag.
        let standbys = join_all(self.settings.standbys.iter().map(|standby| {
            let subject = format!("standby {}", standby.name);
            let access = &access;
            async move { connect(&subject, &standby.url, access).await }
        }));
        let asked = async {
            let primary = connect("the primary", &self.settings.source.url, &access).await?;
            let view = in_time(access.until, "the primary", primary::view(&primary)).await?;
            Ok::<_, Failure>((primary, view))
        };
        let (asked, standbys) = join(asked, standbys).await;
        let (primary, view) = asked?;
        let mark = in_time(end, "the primary", primary::mark(&primary)).await?;
        let hunt = Hunt {
            mark: mark.lsn,
            began: mark.at,
            patience: self.patience,
            end: mark.at + end.saturating_duration_since(mark.at).mul_f64(0.9),
            silence: view.silence,
        };
        let chases = self.settings.standbys.iter().zip(&standbys).map(|(standby, client)| {
            let hunt = &hunt;
            async move { Seen { standby, seen: chase_one(standby, client, hunt, end, cx).await } }
        });
        let seen = join_all(chases).await;
        tell(cx, &view, mark.unwritten.as_deref(), mark.at.elapsed());
        let now = view.clock + view.asked.elapsed().as_secs_f64();
        Ok(verdict::read(&view, &mark, &seen, now))
    }
}

async fn chase_one(
    standby: &Standby,
    client: &Result<Client, Failure>,
    hunt: &Hunt,
    end: Instant,
    cx: &Context,
) -> Result<Chased, Failure> {
    let subject = format!("standby {}", standby.name);
    let client = client.as_ref().map_err(Clone::clone)?;
    let began = Instant::now();
    let seen = match standby.by {
        By::Stream => in_time(end, &subject, chase::run(client, hunt)).await,
        By::Archive => in_time(end, &subject, chase::glance(client, hunt.silence)).await,
    };
    let came = match &seen {
        Ok(chased) => format!("{chased:?}"),
        Err(failure) => failure.to_string(),
    };
    cx.trail.note(subject, "whether it applied the mark", came, began.elapsed());
    seen
}

fn tell(cx: &Context, view: &View, unwritten: Option<&str>, took: Duration) {
    cx.trail.note("the primary", "its standbys and slots", format!("{view:?}"), took);
    cx.trail.note("the primary", "to write a mark", unwritten.unwrap_or("written"), took);
    cx.trail.untested("whether the standbys hold the same rows: that pages are applied is not that they are sound");
    cx.trail.untested("standbys of standbys that are not listed");
}
