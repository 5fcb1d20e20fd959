//! A snapshot: the records that a zone had at a time, in the words of zone files, and what could not be had.

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The types that a snapshot can hold.
const TYPES: [RecordType; 8] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::CNAME,
    RecordType::MX,
    RecordType::TXT,
    RecordType::NS,
    RecordType::SRV,
    RecordType::CAA,
];

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Whose it is: in full, lower case, with the final dot.
    pub name: String,
    /// Its type, such as `MX`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The time to live that the zone gives, in seconds.
    pub ttl: u32,
    /// Its data as zone files write it.
    pub data: String,
}

/// A question that brought no record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// The name that was asked for.
    pub name: String,
    /// The type that was asked for.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why the answer could not be had; none when the zone says that there is no such record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// What a zone said at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// When; none for a file that does not say.
    pub recorded: Option<Timestamp>,
    /// Who was asked, `ip:port`.
    #[serde(default)]
    pub servers: Vec<String>,
    /// What there is.
    pub records: Vec<Record>,
    /// What there is not, or could not be had.
    #[serde(default)]
    pub absent: Vec<Absence>,
}

impl Snapshot {
    /// Whether it says what there is of `kind` at `name`: records, an alias in their place, or that there are none.
    pub fn covers(&self, name: &str, kind: &str) -> bool {
        let alias_or = |r: &Record| r.kind == kind || r.kind == "CNAME";
        self.records.iter().any(|r| r.name == name && alias_or(r))
            || self.absent.iter().any(|a| a.name == name && a.kind == kind && a.unknown.is_none())
    }

    /// The records of a name as they compare: of these types or an alias in their place, sorted, time to live apart.
    pub fn said(&self, name: &str, kinds: &[String]) -> Vec<(&str, &str)> {
        let asked = |r: &&Record| r.kind == "CNAME" || kinds.contains(&r.kind);
        let of = self.records.iter().filter(|r| r.name == name).filter(asked);
        let mut said: Vec<_> = of.map(|r| (r.kind.as_str(), r.data.as_str())).collect();
        said.sort_unstable();
        said.dedup();
        said
    }
}

/// A type by its name in zone files; none for one that a snapshot does not hold.
pub fn record_type(name: &str) -> Option<RecordType> {
    TYPES.into_iter().find(|kind| kind.to_string().eq_ignore_ascii_case(name))
}

/// A name in full as zone files write it, lower case.
pub(super) fn full(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    if text.ends_with('.') { text } else { format!("{text}.") }
}

/// A record's data as zone files write it; none for a type that a snapshot does not hold.
pub(super) fn data(data: &RData) -> Option<String> {
    Some(match data {
        RData::A(ip) => ip.0.to_string(),
        RData::AAAA(ip) => ip.0.to_string(),
        RData::CNAME(name) => full(&name.0),
        RData::NS(name) => full(&name.0),
        RData::MX(mx) => format!("{} {}", mx.preference, full(&mx.exchange)),
        RData::TXT(txt) => {
            let strings: Vec<String> = txt.txt_data.iter().map(|s| quoted(s)).collect();
            strings.join(" ")
        }
        RData::SRV(srv) => {
            format!("{} {} {} {}", srv.priority, srv.weight, srv.port, full(&srv.target))
        }
        RData::CAA(caa) => format!("{} {} {}", caa.flags(), caa.tag, quoted(&caa.value)),
        _ => return None,
    })
}

/// A string in quotes, with everything escaped that a zone file would read otherwise.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            0x20..=0x7e => text.push(char::from(*byte)),
            other => text.push_str(&format!("\\{other:03}")),
        }
    }
    text.push('"');
    text
}
