//! The settings of the `dns` probe, and those that it has in common with `dns_propagation`.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::proto::rr::{Name, RecordType};
use launchgate_core::problem::Problem;
use launchgate_core::time::parse_duration;
use schemars::JsonSchema;
use serde::Deserialize;

/// The longest label of a view.
const MAX_VIEW: usize = 40;

/// Settings of the `dns` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The name that is asked for, in full: no search list is applied.
    pub name: String,
    /// The type of record that is asked for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The resolvers that are asked: a list of `ip` or `ip:port`, or a word: `system` for those of this machine, `public`
    /// for well-known public ones. If not given, those of the vantage, or else of this machine.
    #[serde(default)]
    pub resolvers: Option<ResolversSetting>,
    /// The zone's own name servers, `ip` or `ip:port`. They are found from the top of the tree downwards if not given; an
    /// empty list asks none.
    #[serde(default)]
    pub name_servers: Option<Vec<String>>,
    /// The port of name servers that are found; 53 if not given.
    #[serde(default)]
    pub name_server_port: Option<u16>,
    /// What counts as a low time to live, such as `5m`; the readings of the lead time are had only with it.
    #[serde(default)]
    pub low_ttl: Option<String>,
    /// The time to live before it was lowered, such as `1d`, for when nobody looked at that time.
    #[serde(default)]
    pub former_ttl: Option<String>,
    /// A label for what is seen from here, such as `internal`, where inside and outside are told different things.
    #[serde(default)]
    pub view: Option<String>,
    /// How long one server may take for all tries, such as `4s`, which is the default.
    #[serde(default)]
    pub timeout: Option<String>,
}

/// Resolvers by word or by address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ResolversSetting {
    /// `system` or `public`.
    Word(String),
    /// Addresses.
    List(Vec<String>),
}

/// A type of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// An alias.
    Cname,
    /// Mail exchangers.
    Mx,
    /// Texts.
    Txt,
    /// Name servers.
    Ns,
    /// The start of authority.
    Soa,
    /// Servers of a service.
    Srv,
    /// A pointer, such as from an address to a name.
    Ptr,
}

impl Kind {
    /// The type in queries.
    pub(crate) fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Cname => RecordType::CNAME,
            Self::Mx => RecordType::MX,
            Self::Txt => RecordType::TXT,
            Self::Ns => RecordType::NS,
            Self::Soa => RecordType::SOA,
            Self::Srv => RecordType::SRV,
            Self::Ptr => RecordType::PTR,
        }
    }
}

/// Reads a name in full.
pub(crate) fn name(text: &str, problems: &mut Vec<Problem>) -> Name {
    if let Some(mut name) = Name::from_utf8(text).ok().filter(|_| !text.is_empty()) {
        name.set_fqdn(true);
        return name;
    }
    problems.push(Problem::at("name", format!("`{text}` is no name")));
    Name::root()
}

/// Reads a length of time at the setting `key`, longer than nothing.
pub(crate) fn time(key: &str, text: Option<&str>, problems: &mut Vec<Problem>) -> Option<Duration> {
    match parse_duration(text?) {
        Ok(time) if !time.is_zero() => return Some(time),
        Ok(_) => problems.push(Problem::at(key, "it must be longer than nothing")),
        Err(e) => problems.push(Problem::at(key, e.to_string())),
    }
    None
}

/// Reads the label of a view.
pub(crate) fn view(text: Option<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let fits = |t: &String| {
        !t.is_empty() && t.chars().count() <= MAX_VIEW && !t.chars().any(char::is_control)
    };
    if text.as_ref().is_some_and(|text| !fits(text)) {
        problems.push(Problem::at("view", format!("a label has 1 to {MAX_VIEW} characters")));
    }
    text
}

/// Reads the port of name servers.
pub(crate) fn port(port: Option<u16>, problems: &mut Vec<Problem>) -> u16 {
    if port == Some(0) {
        problems.push(Problem::at("name_server_port", "nothing listens on port 0"));
    }
    port.unwrap_or(53)
}

/// Whether this asks nobody.
pub(crate) fn nobody(servers: Option<&Vec<SocketAddr>>) -> bool {
    servers.is_none_or(Vec::is_empty)
}
