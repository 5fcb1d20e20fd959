//! `backup`: how old the last *good* backup is, by the time at which it ended, and whether its size is sane.
//!
//! Looks at files in a folder or asks pgBackRest. It restores nothing: that a backup can be read back is for a person to
//! try and to sign.

mod dated;
mod folder;
mod judge;
mod pgbackrest;

use std::path::PathBuf;

use launchgate_core::observation::Failure;
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Context, Probe};

/// `with:` of a `backup` check: exactly one of `folder` and `pgbackrest`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Backups that are files in a folder.
    #[serde(default)]
    pub folder: Option<FolderSettings>,
    /// Backups that pgBackRest keeps.
    #[serde(default)]
    pub pgbackrest: Option<PgBackRestSettings>,
}

/// Backups that are files, one each.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderSettings {
    /// The folder; a relative one counts from the launch file's.
    pub path: PathBuf,
    /// Which files in it are backups: a name in which `*` stands for anything and `?` for one character.
    pub pattern: String,
    /// What says when a backup ended: `written` (the default), when the file was last written, or `name`, the date in
    /// its name, in UTC.
    #[serde(default)]
    pub dated_by: DatedBy,
}

/// What says when a backup that is a file ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatedBy {
    /// When it was last written. A copy is as young as the copying.
    #[default]
    Written,
    /// The date in its name, and the time after it if there is one; else the start of that day.
    Name,
}

/// Backups that pgBackRest keeps.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgBackRestSettings {
    /// The stanza.
    pub stanza: String,
    /// pgBackRest's configuration file, where it is not the usual one.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// The program and what stands before its own arguments, such as `[sudo, -u, postgres, pgbackrest]`.
    #[serde(default = "pgbackrest")]
    pub command: Vec<String>,
    /// Which kind of backup counts: `full`, `diff` or `incr`; any if not given.
    #[serde(default)]
    pub kind: Option<String>,
    /// Which repository counts, by its number; each must have a backup if not given.
    #[serde(default)]
    pub repository: Option<u32>,
}

fn pgbackrest() -> Vec<String> {
    vec!["pgbackrest".to_owned()]
}

/// The probe.
#[derive(Debug)]
pub enum Backup {
    /// Files.
    Folder(FolderSettings),
    /// pgBackRest.
    PgBackRest(PgBackRestSettings),
}

impl Probe for Backup {
    const KIND: &'static str = "backup";
    const EXAMPLE: &'static str = "\
folder: { path: /var/backups/shop, pattern: \"shop-*.dump\" }
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        match (settings.folder, settings.pgbackrest) {
            (Some(folder), None) if folder.pattern.is_empty() || folder.pattern.contains('/') => {
                let problem =
                    Problem::at("folder", "the pattern is a file's name, with `*` and `?`");
                Err(vec![problem])
            }
            (Some(folder), None) => Ok(Self::Folder(folder)),
            (None, Some(asked)) => {
                let known = ["full", "diff", "incr"];
                let odd = asked.kind.as_ref().is_some_and(|kind| !known.contains(&kind.as_str()));
                if odd {
                    return Err(vec![Problem::at(
                        "pgbackrest",
                        "`kind` is `full`, `diff` or `incr`",
                    )]);
                }
                if asked.command.first().is_none_or(String::is_empty) {
                    return Err(vec![Problem::at("pgbackrest", "there is no program to run")]);
                }
                Ok(Self::PgBackRest(asked))
            }
            (Some(_), Some(_)) => {
                Err(vec![Problem::at("pgbackrest", "give `folder` or `pgbackrest`, not both")])
            }
            (None, None) => {
                let problem =
                    Problem::new(launchgate_core::problem::KeyPath::root(), "no backup is named");
                Err(vec![problem.hint("give `folder` or `pgbackrest`")])
            }
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number};
        let spec = ReadingSpec::new;
        vec![
            spec(
                "age",
                Number(Unit::Time),
                "since the last good backup ended; of several repositories, the oldest",
            ),
            spec("size", Number(Unit::Bytes), "the size of that backup"),
            spec(
                "size_ratio",
                Number(Unit::Percent),
                "its size against the median of up to seven before it",
            ),
            spec("count", Number(Unit::One), "how many good backups there are"),
            spec("bad", Number(Unit::One), "how many are there that are not good"),
            spec("covered", Number(Unit::Percent), "the repositories that have a good backup"),
            spec("healthy", Flag, "whether the tool itself says that all is well"),
        ]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        match self {
            Self::Folder(settings) => folder::look(settings, cx).await,
            Self::PgBackRest(settings) => pgbackrest::look(settings, cx).await,
        }
    }
}
