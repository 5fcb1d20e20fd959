//! `sql`: one question to a database, whose answer is one row, for assertions about the data itself.
//!
//! The question is asked in a transaction that can only read, with an end set to it on the server. The columns that
//! matter are declared, so that what is expected of them is checked when the launch file is compiled. No row, several
//! rows, NULL and what is not of the declared type leave a reading absent; none of them is ever a zero.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod mysql;
mod postgres;
mod verdict;

use std::collections::BTreeMap;
use std::path::PathBuf;

use launchgate_core::name::Name;
use launchgate_core::observation::Failure;
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::replication::in_time;
use crate::secret::TextOrCredential;
use crate::{Context, Probe};

/// The most columns that are declared.
const MAX_COLUMNS: usize = 64;
/// The longest question, in bytes.
const MAX_QUERY: usize = 64 * 1024;
/// The reading that every question has.
const ROWS: &str = "rows";

/// `with:` of an `sql` check.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The database: the name of a source of the launch file, or the source itself.
    pub source: Source,
    /// The question: one statement that begins with `select`, `with`, `values` or `table`, and answers with one row.
    pub query: String,
    /// The columns that become readings, by the reading's name.
    #[serde(default)]
    pub columns: BTreeMap<String, Column>,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// A database.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The kind of source.
    pub kind: SourceKind,
    /// The address, `postgres://user@host:port/database` or `mysql://…`. One with a password is given by reference.
    pub url: TextOrCredential,
}

/// The kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A PostgreSQL server.
    Postgres,
    /// A MySQL or MariaDB server.
    Mysql,
}

/// A column that becomes a reading.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The column's name in the answer, where it is not the reading's.
    #[serde(default)]
    pub column: Option<String>,
    /// What it holds: `number` (if not given), `percent`, `time` (seconds), `bytes`, `per_second`, `flag` or `text`.
    #[serde(default, rename = "type")]
    pub kind: ColumnType,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// A plain number.
    #[default]
    Number,
    /// A share: 5 means 5 %.
    Percent,
    /// A length of time, in seconds.
    Time,
    /// An amount of data, in bytes.
    Bytes,
    /// A rate.
    PerSecond,
    /// Yes or no.
    Flag,
    /// A text.
    Text,
}

impl ColumnType {
    fn reading(self) -> ReadingType {
        match self {
            Self::Number => ReadingType::Number(Unit::One),
            Self::Percent => ReadingType::Number(Unit::Percent),
            Self::Time => ReadingType::Number(Unit::Time),
            Self::Bytes => ReadingType::Number(Unit::Bytes),
            Self::PerSecond => ReadingType::Number(Unit::PerSecond),
            Self::Flag => ReadingType::Flag,
            Self::Text => ReadingType::Text,
        }
    }
}

/// A reading that is declared: its name, the column that it comes from, and what that holds.
#[derive(Debug, Clone)]
struct Declared {
    name: Name,
    column: String,
    kind: ColumnType,
}

/// The probe.
#[derive(Debug)]
pub struct Sql {
    settings: Settings,
    query: String,
    declared: Vec<Declared>,
}

impl Probe for Sql {
    const KIND: &'static str = "sql";
    const EXAMPLE: &'static str = "\
source: { kind: postgres, url: { env: ORDERS_DATABASE_URL } }
query: select count(*) as orphans from order_lines l left join orders o on o.id = l.order_id where o.id is null
columns: { orphans: { type: number } }
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let query = settings.query.trim().trim_end_matches(';').trim_end().to_owned();
        if query.len() > MAX_QUERY {
            problems.push(Problem::at("query", "it is longer than 64 KiB"));
        } else if !is_question(&query) {
            let problem = Problem::at("query", "it does not ask anything");
            problems.push(
                problem.hint(
                    "a look changes nothing: begin with `select`, `with`, `values` or `table`",
                ),
            );
        }
        if settings.columns.len() > MAX_COLUMNS {
            problems.push(Problem::at("columns", format!("more than {MAX_COLUMNS} columns")));
        }
        let mut declared = Vec::new();
        for (text, column) in &settings.columns {
            let path = KeyPath::root().entry("columns").entry(text);
            match Name::try_new(text) {
                Ok(_) if text == ROWS => {
                    let message = format!("`{ROWS}` is a reading of every `sql`");
                    let hint = "choose another name and give the `column`";
                    problems.push(Problem::new(path, message).hint(hint).at_key());
                }
                Ok(name) => declared.push(Declared {
                    name,
                    column: column.column.clone().unwrap_or_else(|| text.clone()),
                    kind: column.kind,
                }),
                Err(why) => problems.push(Problem::new(path, why.to_string()).at_key()),
            }
        }
        if problems.is_empty() { Ok(Self { settings, query, declared }) } else { Err(problems) }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        let rows = ReadingSpec::new(
            ROWS,
            ReadingType::Number(Unit::One),
            "how many rows the answer has; absent beyond a thousand",
        );
        let declared = self.declared.iter().map(|declared| ReadingSpec {
            name: declared.name.clone(),
            kind: declared.kind.reading(),
            doc: format!("the column `{}` of the only row", declared.column),
        });
        std::iter::once(rows).chain(declared).collect()
    }

    fn hosts(&self) -> Vec<String> {
        let Source { kind, url } = &self.settings.source;
        let host = match kind {
            SourceKind::Postgres => crate::postgres::host(url),
            SourceKind::Mysql => crate::mysql::host(url),
        };
        host.into_iter().collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let end = Instant::now() + cx.remaining().mul_f64(0.9);
        let Settings { source, ca_file, .. } = &self.settings;
        let began = Instant::now();
        let asking = async {
            match source.kind {
                SourceKind::Postgres => {
                    postgres::ask(&source.url, ca_file.as_deref(), &self.query, cx, end).await
                }
                SourceKind::Mysql => {
                    mysql::ask(&source.url, ca_file.as_deref(), &self.query, cx, end).await
                }
            }
        };
        let answer = Box::pin(in_time(end, "the database", asking)).await;
        // What is in the rows may be nobody's business.
        let came = match &answer {
            Ok(answer) => format!("{} rows of {} columns", answer.rows, answer.columns.len()),
            Err(failure) => failure.to_string(),
        };
        cx.trail.note("the database", &self.query, came, began.elapsed());
        verdict::read(&self.declared, &answer?)
    }
}

/// Whether a statement asks, by its first word. What it then does is for the transaction to hold.
fn is_question(query: &str) -> bool {
    let mut rest = query;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*").filter(|c| !c.starts_with(['!', 'M']))
        {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else {
            break;
        }
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    ["select", "with", "values", "table"].iter().any(|word| rest[..end].eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(query: &str, columns: &serde_json::Value) -> Vec<String> {
        let json = json!({
            "source": { "kind": "mysql", "url": "mysql://u@db.example/shop" },
            "query": query,
            "columns": columns,
        });
        let probe = Sql::new(serde_json::from_value(json).unwrap());
        probe.err().into_iter().flatten().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn only_questions_are_asked() {
        let rows = [
            ("plain", "select 1;", true),
            ("a comment before", "-- why\n/* and how */ (SELECT 1)", true),
            ("with", "with a as (select 1) select * from a", true),
            ("a change", "delete from orders", false),
            ("a change in a comment that is run", "/*! delete from orders */", false),
            ("the end of a transaction", "commit", false),
            ("another word", "selection", false),
            ("nothing", " ; ", false),
        ];
        for (row, query, fine) in rows {
            assert_eq!(problems(query, &json!({})).is_empty(), fine, "{row}");
        }
    }

    #[test]
    fn a_reading_is_named_as_readings_are() {
        assert_eq!(
            problems("select 1", &json!({ "rows": {}, "a b": {}, "fine": {} })),
            [
                "columns.a b: the name `a b` holds ` `: names are letters, digits, `-` and `_`, and begin with a letter or digit",
                "columns.rows: `rows` is a reading of every `sql` (choose another name and give the `column`)",
            ]
        );
    }
}
