//! `backup`: how old the last *good* backup is in every repository, by the time at which it ended, whether its size is
//! sane, how far back one can go, and for how long there is room.
//!
//! Each tool has a file that brings what the tool says into one form (`listing`); one place (`judge`) makes readings of it.
//! It restores nothing: that a backup can be read back is for a person to try and to sign.

mod barman;
mod borg;
mod capacity;
mod dated;
mod fetch;
mod folder;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod judge;
mod listing;
mod pattern;
mod pgbackrest;
mod pitr;
mod report;
mod restic;
mod s3;
mod sizes;
mod tool;
mod velero;
mod wal;
mod walg;

use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::time::parse_duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use barman::BarmanSettings;
pub use borg::BorgSettings;
pub use folder::{DatedBy, FolderSettings};
pub use pgbackrest::PgBackRestSettings;
pub use report::ReportSettings;
pub use restic::ResticSettings;
pub use s3::S3Settings;
pub use velero::VeleroSettings;
pub use walg::WalGSettings;

use crate::{Context, Probe};
use judge::{Terms, When};
use listing::Listing;

/// `with:` of a `backup` check: exactly one tool, and what is asked of its list.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Backups that are files in a folder.
    #[serde(default)]
    pub folder: Option<FolderSettings>,
    /// Backups that pgBackRest keeps.
    #[serde(default)]
    pub pgbackrest: Option<PgBackRestSettings>,
    /// Backups that Barman keeps.
    #[serde(default)]
    pub barman: Option<BarmanSettings>,
    /// Backups that WAL-G keeps.
    #[serde(default)]
    pub walg: Option<WalGSettings>,
    /// Snapshots that restic keeps.
    #[serde(default)]
    pub restic: Option<ResticSettings>,
    /// Archives that Borg keeps.
    #[serde(default)]
    pub borg: Option<BorgSettings>,
    /// Backups of Kubernetes that Velero keeps.
    #[serde(default)]
    pub velero: Option<VeleroSettings>,
    /// Backups that are objects in a bucket.
    #[serde(default)]
    pub s3: Option<S3Settings>,
    /// A document in JSON, behind a URL, that tells of the last backup.
    #[serde(default)]
    pub http: Option<ReportSettings>,
    /// The kinds of backup of which every repository must have a good one, such as `[full, incr]`; any will do if not
    /// given.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// After how long backups are removed, such as `14d`, for `capacity_days`. Without it nothing is taken to be removed.
    #[serde(default)]
    pub retention: Option<String>,
    /// How much each repository can hold, such as `2TiB`, for `free` and `capacity_days`. A folder's file system tells
    /// that itself.
    #[serde(default)]
    pub capacity: Option<String>,
}

/// What keeps the backups.
#[derive(Debug)]
enum Source {
    Folder(FolderSettings),
    PgBackRest(PgBackRestSettings),
    Barman(BarmanSettings),
    WalG(WalGSettings),
    Restic(ResticSettings),
    Borg(BorgSettings),
    Velero(VeleroSettings),
    S3(S3Settings),
    Report(ReportSettings),
}

/// The `backup` probe; see the module's documentation.
#[derive(Debug)]
pub struct Backup {
    source: Source,
    terms: Terms,
}

impl Settings {
    /// Every source that is named, in the order of the settings.
    fn sources(&mut self) -> Vec<Source> {
        let named = [
            self.folder.take().map(Source::Folder),
            self.pgbackrest.take().map(Source::PgBackRest),
            self.barman.take().map(Source::Barman),
            self.walg.take().map(Source::WalG),
            self.restic.take().map(Source::Restic),
            self.borg.take().map(Source::Borg),
            self.velero.take().map(Source::Velero),
            self.s3.take().map(Source::S3),
            self.http.take().map(Source::Report),
        ];
        named.into_iter().flatten().collect()
    }

    fn terms(&self) -> Result<Terms, Vec<Problem>> {
        let mut problems = Vec::new();
        if let Some(at) = self.kinds.iter().position(String::is_empty) {
            let path = KeyPath::root().entry("kinds").index(at);
            problems.push(Problem::new(path, "a kind is not empty"));
        }
        let retention = self.retention.as_deref().map(parse_duration).transpose();
        let retention = retention.unwrap_or_else(|error| {
            problems.push(Problem::at("retention", error.to_string()));
            None
        });
        let capacity = self.capacity.as_deref().and_then(sizes::parse);
        if self.capacity.is_some() && capacity.is_none() {
            let problem = Problem::at("capacity", "it is no size");
            problems.push(problem.hint("write it like `500GiB` or `2TB`"));
        }
        if problems.is_empty() {
            Ok(Terms { kinds: self.kinds.clone(), retention, capacity })
        } else {
            Err(problems)
        }
    }
}

impl Source {
    fn name(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::PgBackRest(_) => "pgbackrest",
            Self::Barman(_) => "barman",
            Self::WalG(_) => "walg",
            Self::Restic(_) => "restic",
            Self::Borg(_) => "borg",
            Self::Velero(_) => "velero",
            Self::S3(_) => "s3",
            Self::Report(_) => "http",
        }
    }

    fn check(&self) -> Result<(), Vec<Problem>> {
        match self {
            Self::Folder(settings) => folder::check(settings),
            Self::PgBackRest(settings) => pgbackrest::check(settings),
            Self::Barman(settings) => barman::check(settings),
            Self::WalG(settings) => walg::check(settings),
            Self::Restic(settings) => restic::check(settings),
            Self::Borg(settings) => borg::check(settings),
            Self::Velero(settings) => velero::check(settings),
            Self::S3(settings) => s3::check(settings),
            Self::Report(settings) => report::check(settings),
        }
    }

    async fn list(&self, cx: &Context) -> Result<Listing, Failure> {
        match self {
            Self::Folder(settings) => folder::list(settings, cx).await,
            Self::PgBackRest(settings) => pgbackrest::list(settings, cx).await,
            Self::Barman(settings) => barman::list(settings, cx).await,
            Self::WalG(settings) => walg::list(settings, cx).await,
            Self::Restic(settings) => restic::list(settings, cx).await,
            Self::Borg(settings) => borg::list(settings, cx).await,
            Self::Velero(settings) => velero::list(settings, cx).await,
            Self::S3(settings) => s3::list(settings, cx).await,
            Self::Report(settings) => report::list(settings, cx).await,
        }
    }
}

/// The size of WAL segments by the settings under `entry`.
fn wal_settings(entry: &str, asked: bool, size: Option<&str>) -> Result<u64, Vec<Problem>> {
    let Some(text) = size else { return Ok(wal::SEGMENT) };
    if !asked {
        return Err(vec![Problem::at(entry, "`wal_segment` says nothing unless `wal` is set")]);
    }
    sizes::parse(text).filter(|bytes| wal::is_segment_size(*bytes)).ok_or_else(|| {
        let message = format!("a WAL segment is not of {text}");
        vec![Problem::at(entry, message).hint("it has 1MiB, 2MiB, 4MiB and so on up to 1GiB")]
    })
}

impl Probe for Backup {
    const KIND: &'static str = "backup";
    const EXAMPLE: &'static str = "\
folder: { path: /var/backups/shop, pattern: \"shop-*.dump\" }
";
    type Settings = Settings;

    fn new(mut settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut sources = settings.sources();
        let terms = settings.terms();
        let source = match (sources.pop(), sources.first()) {
            (Some(source), None) => source.check().map(|()| source),
            (Some(second), Some(first)) => {
                let message = format!("give `{}` or `{}`, not both", first.name(), second.name());
                Err(vec![Problem::at(second.name(), message)])
            }
            (None, _) => {
                let problem = Problem::new(KeyPath::root(), "no backup is named");
                Err(vec![problem.hint(
                    "give `folder`, `pgbackrest`, `barman`, `walg`, `restic`, `borg`, `velero`, `s3` or `http`",
                )])
            }
        };
        match (source, terms) {
            (Ok(source), Ok(terms)) => Ok(Self { source, terms }),
            (Err(mut problems), Err(more)) => {
                problems.extend(more);
                Err(problems)
            }
            (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number};
        use Unit::{Bytes, One, Percent, Time};
        let number = |name, unit, doc| ReadingSpec::new(name, Number(unit), doc);
        let flag = |name, doc| ReadingSpec::new(name, Flag, doc);
        vec![
            number(
                "age",
                Time,
                "since the last good backup ended; of several repositories, the oldest",
            ),
            number("size", Bytes, "the size of that backup"),
            number("size_ratio", Percent, "its size against the median of up to seven before it"),
            flag(
                "size_suspicious",
                "whether the size of a last good one is more than half off that median",
            ),
            number("count", One, "how many good backups there are"),
            number("bad", One, "how many are there that are not good"),
            number("covered", Percent, "the repositories that have a good backup"),
            flag("healthy", "whether the tool itself says that all is well"),
            flag("running", "whether a backup is being made"),
            number(
                "longest_interval",
                Time,
                "the longest time between two of the last eight good ones",
            ),
            number("oldest_age", Time, "since the oldest good backup ended"),
            number("verified_age", Time, "since one was last restored and found to be whole"),
            number("kept_after_go_live", Time, "how long after go-live the last good one is kept"),
            number(
                "pitr_from",
                Time,
                "how long ago the first point in time lies that one can go back to",
            ),
            number("pitr_to", Time, "how long ago the last such point lies"),
            flag("wal_gap", "whether archived WAL is missing since the newest full backup began"),
            number("free", Bytes, "the room left for further backups"),
            number("capacity_days", Time, "how long until a backup does not fit, as they grow"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        let host = match &self.source {
            Source::Velero(settings) => settings.url.as_deref().and_then(fetch::host),
            Source::S3(settings) => s3::host(settings),
            Source::Report(settings) => fetch::host(&settings.url),
            Source::Folder(_)
            | Source::PgBackRest(_)
            | Source::Barman(_)
            | Source::WalG(_)
            | Source::Restic(_)
            | Source::Borg(_) => None,
        };
        host.into_iter().collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let listing = self.source.list(cx).await?;
        let readings =
            judge::read(&listing, &self.terms, When { now: cx.now, go_live: cx.go_live })?;
        cx.trail.untested("whether a backup can be restored");
        Ok(readings)
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
