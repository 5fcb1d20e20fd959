//! `dns_snapshot`: whether the zone's records of before the cutover are on file, and whether the zone still says the same.
//!
//! `launchgate snapshot dns` writes the file; the probe reads it, in JSON or as a zone file's fragment. Times to live are
//! kept in it but not compared.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub mod record;
mod take;
pub mod zone_file;

use std::net::SocketAddr;
use std::path::PathBuf;

use hickory_resolver::proto::rr::{Name, RecordType};
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use crate::dns::servers;
use crate::mail_auth::question;
use crate::probe::{Context, Probe};
use record::{Snapshot, full, record_type};
pub use take::{Wanted, take};

/// The types that are recorded if none are given.
pub const DEFAULT_TYPES: [&str; 5] = ["A", "AAAA", "CNAME", "MX", "TXT"];
/// The most names of one snapshot.
const MAX_NAMES: usize = 100;

/// Settings of the `dns_snapshot` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The snapshot's file, relative to the launch file.
    pub file: PathBuf,
    /// The names that it has to cover, in full, 100 at most.
    pub names: Vec<String>,
    /// The types that it has to cover for each: of A, AAAA, CNAME, MX, TXT, NS, SRV and CAA; the first five if not given.
    #[serde(default)]
    pub types: Option<Vec<String>>,
    /// The zone's name servers, `ip` or `ip:port`, that are asked whether it is still so; found through the resolvers if
    /// not given.
    #[serde(default)]
    pub name_servers: Vec<String>,
    /// The resolvers that find them, `ip` or `ip:port`; the vantage's, or this machine's, if not given.
    #[serde(default)]
    pub resolvers: Vec<String>,
}

/// The `dns_snapshot` probe; see the module's documentation.
#[derive(Debug)]
pub struct DnsSnapshot {
    file: PathBuf,
    wanted: Wanted,
}

/// Reads names and types as a person wrote them.
///
/// # Errors
/// Every name and type that is none, under `names` and `types`.
pub fn wanted(
    names: &[String],
    types: &[String],
) -> Result<(Vec<Name>, Vec<RecordType>), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut list = |key: &str, i: usize, said: String| {
        problems.push(Problem::new(KeyPath::root().entry(key).index(i), said));
    };
    let (mut read_names, mut read_types) = (Vec::new(), Vec::new());
    for (i, text) in names.iter().enumerate() {
        match question::name(text) {
            Some(name) => read_names.push(name.to_lowercase()),
            None => list("names", i, format!("`{text}` is no name")),
        }
    }
    for (i, text) in types.iter().enumerate() {
        match record_type(text) {
            Some(kind) => read_types.push(kind),
            None => list("types", i, format!("`{text}` is no type that a snapshot holds")),
        }
    }
    if names.is_empty() || names.len() > MAX_NAMES {
        problems.push(Problem::at("names", format!("there must be 1 to {MAX_NAMES} of them")));
    }
    if types.is_empty() {
        problems.push(Problem::at("types", "there must be one at least"));
    }
    if problems.is_empty() { Ok((read_names, read_types)) } else { Err(problems) }
}

impl Probe for DnsSnapshot {
    const KIND: &'static str = "dns_snapshot";
    const EXAMPLE: &'static str = "\
file: before/shop.example.zone
names: [shop.example, www.shop.example]
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let types = settings.types.unwrap_or_else(|| DEFAULT_TYPES.map(str::to_owned).to_vec());
        let read = wanted(&settings.names, &types).unwrap_or_else(|found| {
            problems.extend(found);
            (Vec::new(), Vec::new())
        });
        let servers = servers::read("name_servers", &settings.name_servers, &mut problems);
        let resolvers = servers::read("resolvers", &settings.resolvers, &mut problems);
        if problems.is_empty() {
            let wanted = Wanted { names: read.0, types: read.1, servers, resolvers };
            Ok(Self { file: settings.file, wanted })
        } else {
            Err(problems)
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Texts};
        let spec = ReadingSpec::new;
        vec![
            spec("recorded", Flag, "whether there is a snapshot that covers all names and types"),
            spec("names_missing", Texts, "the names, with their types, that it does not cover"),
            spec("records", Number(Unit::One), "the records in it that are of these names"),
            spec("age", Number(Unit::Time), "how long ago it was taken, if it says so"),
            spec("unchanged", Flag, "whether the zone still says the same of all names"),
            spec("changed", Texts, "the names of which it says something else"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        let all = self.wanted.servers.iter().chain(&self.wanted.resolvers);
        all.map(SocketAddr::to_string).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let path = cx.folder.join(&self.file);
        let fail = |cause, why: &dyn std::fmt::Display| {
            Failure::new(cause, format!("the snapshot {}: {why}", path.display()))
        };
        let mut bytes = Vec::new();
        match tokio::fs::File::open(&path).await {
            Ok(file) => {
                let most = zone_file::MAX_BYTES as u64 + 1;
                let read = file.take(most).read_to_end(&mut bytes).await;
                read.map_err(|e| fail(Cause::LocalFault, &e))?;
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let said = format!("there is no file {}", path.display());
                return Ok(Readings::new().flag("recorded", false).note(said));
            }
            Err(e) => return Err(fail(Cause::LocalFault, &e)),
        }
        let kept = zone_file::parse(&bytes).map_err(|e| fail(Cause::BadResponse, &e))?;
        let now = take(&self.wanted, cx, cx.now).await.unwrap_or_default();
        let mut readings = read(&kept, &now, &self.wanted);
        if let Some(recorded) = kept.recorded {
            readings = readings.number("age", cx.now.duration_since(recorded).as_secs_f64());
        }
        Ok(readings)
    }
}

/// Compares what is on file with what the zone says now.
fn read(kept: &Snapshot, now: &Snapshot, wanted: &Wanted) -> Readings {
    let kinds: Vec<String> = wanted.types.iter().map(ToString::to_string).collect();
    let (mut missing, mut changed) = (Vec::new(), Vec::new());
    let (mut records, mut asked) = (0_u32, true);
    let mut readings = Readings::new();
    for name in wanted.names.iter().map(full) {
        let lacks: Vec<&str> =
            kinds.iter().map(String::as_str).filter(|k| !kept.covers(&name, k)).collect();
        let said = kept.said(&name, &kinds);
        if said.is_empty() {
            missing.push(format!("{name} (no record at all)"));
        } else if !lacks.is_empty() {
            missing.push(format!("{name} {}", lacks.join(" ")));
        }
        records += u32::try_from(said.len()).unwrap_or(u32::MAX);
        let known = kinds.iter().all(|kind| now.covers(&name, kind));
        let is_same = now.said(&name, &kinds) == said;
        let says = match (known, is_same) {
            (false, _) => "could not be asked for now",
            (true, true) => "as it was",
            (true, false) => "otherwise than it was",
        };
        asked &= known;
        if known && !is_same {
            changed.push(name.clone());
        }
        readings = readings.part(&name, says, !known);
    }
    readings = readings
        .flag("recorded", missing.is_empty())
        .texts("names_missing", missing)
        .number("records", f64::from(records));
    if asked || !changed.is_empty() {
        readings = readings.flag("unchanged", changed.is_empty());
    }
    if asked { readings.texts("changed", changed) } else { readings }
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value;

    use super::*;

    #[test]
    fn what_is_on_file_is_compared_with_now() {
        let (names, types) =
            wanted(&["a.t".to_owned(), "b.t".to_owned()], &["A".to_owned(), "TXT".to_owned()])
                .expect("names and types");
        let wanted = Wanted { names, types, servers: Vec::new(), resolvers: Vec::new() };
        let full = "a.t. 60 IN A 192.0.2.1\n; none: a.t. TXT\nb.t. 60 IN CNAME a.t.\n";
        let cut = "a.t. 60 IN A 192.0.2.1\nb.t. 60 IN CNAME a.t.\n";
        let moved = "a.t. 5 IN A 192.0.2.9\n; none: a.t. TXT\nb.t. 60 IN CNAME a.t.\n";
        let aged = "a.t. 5 IN A 192.0.2.1\n; none: a.t. TXT\nb.t. 60 IN CNAME a.t.\n";
        let more = format!("{full}a.t. 60 IN CAA 0 issue \"ca.t\"\n");
        let nobody = "; none: a.t. A\n; none: a.t. TXT\nb.t. 60 IN CNAME a.t.\n";
        let unknown = "a.t. 60 IN A 192.0.2.1\n; not had: a.t. TXT timeout: x\n";
        let rows = [
            ("the same", full, full, true, Some(true)),
            ("with more types", more.as_str(), full, true, Some(true)),
            ("another time to live", full, aged, true, Some(true)),
            ("moved", full, moved, true, Some(false)),
            ("cut", cut, full, false, Some(true)),
            ("a name without records", nobody, full, false, Some(false)),
            ("silence now", full, unknown, true, None),
            ("not had then", unknown, full, false, Some(false)),
            ("empty", "", full, false, Some(false)),
        ];
        for (row, kept, now, recorded, unchanged) in rows {
            let parse = |text: &str| zone_file::parse(text.as_bytes()).expect(row);
            let r = read(&parse(kept), &parse(now), &wanted);
            assert_eq!(r.get("recorded"), Some(&Value::Flag(recorded)), "{row}: {r:?}");
            assert_eq!(r.get("unchanged"), unchanged.map(Value::Flag).as_ref(), "{row}: {r:?}");
        }
    }
}
