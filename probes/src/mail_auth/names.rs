//! Names and what they resolve to: what the rules about mail ask, whoever answers.
//!
//! A name that does not exist and one without such records are the same here, as they are to those rules. That nobody
//! could say is a [`Failure`], and never an empty answer.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{RData, RecordType};
use launchgate_core::observation::{Cause, Failure};

use super::question::{self, Role};
use crate::probe::Context;

/// How long one resolver may take for one question.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most questions of one look; no launch needs nearly as many.
const MAX_QUESTIONS: usize = 2_000;
/// The most records of one answer that are read.
const MAX_RECORDS: usize = 100;

/// The records of one type at a name, aliases followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The records; empty when there is no such name or no such record.
    pub(super) records: Vec<RData>,
    /// Whether the name is an alias.
    pub(super) aliased: bool,
}

/// Who answers questions about names.
pub(super) trait Names: Sync {
    /// The records of `kind` at `name`, which is in full, with or without its final dot.
    fn ask(
        &self,
        name: &str,
        kind: RecordType,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send;
}

/// The texts at a name, each with its strings joined.
///
/// # Errors
/// When nobody could say.
pub(super) async fn texts(names: &impl Names, name: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let answer = names.ask(name, RecordType::TXT).await?;
    Ok(answer
        .records
        .iter()
        .filter_map(|data| match data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        })
        .collect())
}

/// The addresses among an answer's records.
pub(super) fn addresses(records: &[RData]) -> impl Iterator<Item = IpAddr> {
    records.iter().filter_map(|data| match data {
        RData::A(ip) => Some(IpAddr::V4(ip.0)),
        RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
        _ => None,
    })
}

/// A name as people write it: lower case, no final dot.
pub(super) fn plain(name: &hickory_resolver::proto::rr::Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    text.strip_suffix('.').map_or(text.clone(), str::to_owned)
}

/// The names by which an address is known in the reverse zone.
pub(super) fn reverse(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|b| [b & 15, b >> 4]);
            let labels: Vec<String> = nibbles.map(|n| format!("{n:x}")).collect();
            format!("{}.ip6.arpa", labels.join("."))
        }
    }
}

/// Resolvers that are asked in order, each answer once a look.
pub(super) struct Resolved<'a> {
    cx: &'a Context,
    resolvers: Vec<SocketAddr>,
    known: Mutex<BTreeMap<(String, u16), Result<Answer, Failure>>>,
    silent: Mutex<BTreeSet<SocketAddr>>,
}

impl<'a> Resolved<'a> {
    /// Asks `resolvers`.
    pub(super) fn new(cx: &'a Context, resolvers: Vec<SocketAddr>) -> Self {
        Self { cx, resolvers, known: Mutex::default(), silent: Mutex::default() }
    }

    async fn look_up(&self, text: &str, kind: RecordType) -> Result<Answer, Failure> {
        let Some(name) = question::name(text) else { return Ok(Answer::default()) };
        let mut last = Failure::new(Cause::Unreachable, "there is no resolver to ask");
        for resolver in &self.resolvers {
            if self.silent.lock().unwrap_or_else(PoisonError::into_inner).contains(resolver) {
                last = Failure::new(Cause::Timeout, format!("{resolver} was silent before"));
                continue;
            }
            // Half of what is left, so that another resolver and the telling have the other half.
            let within = PATIENCE.min(self.cx.remaining().mul_f64(0.5));
            let role = Role::Resolver;
            match question::ask(self.cx, *resolver, role, (&name, kind), within).await {
                Ok(message) => {
                    if let Some(answer) = read(&message, kind) {
                        return Ok(answer);
                    }
                    let code = message.metadata.response_code;
                    let said = format!("{resolver} answered {code} to {text} {kind}");
                    last = Failure::new(Cause::BadResponse, said);
                }
                Err(failure) => {
                    self.silent.lock().unwrap_or_else(PoisonError::into_inner).insert(*resolver);
                    last = Failure::new(
                        failure.cause,
                        format!("asking for {text} {kind}: {}", failure.message),
                    );
                }
            }
        }
        Err(last)
    }
}

impl Names for Resolved<'_> {
    async fn ask(&self, name: &str, kind: RecordType) -> Result<Answer, Failure> {
        let key = (name.trim_end_matches('.').to_ascii_lowercase(), u16::from(kind));
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(answer) = known.get(&key) {
                return answer.clone();
            }
            if known.len() >= MAX_QUESTIONS {
                let said = format!("a look asks {MAX_QUESTIONS} questions at most");
                return Err(Failure::new(Cause::ProbeError, said));
            }
        }
        let answer = self.look_up(name, kind).await;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, answer.clone());
        answer
    }
}

/// What a message says; none when the server would not or could not say.
fn read(message: &Message, kind: RecordType) -> Option<Answer> {
    match message.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        _ => return None,
    }
    let of = |kind| message.answers.iter().filter(move |r| r.record_type() == kind);
    Some(Answer {
        records: of(kind).take(MAX_RECORDS).map(|r| r.data.clone()).collect(),
        aliased: kind != RecordType::CNAME && of(RecordType::CNAME).next().is_some(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::str::FromStr as _;

    use hickory_resolver::proto::rr::Name;
    use hickory_resolver::proto::rr::rdata::{A, AAAA, MX, PTR, TXT};

    use super::*;

    /// Names in memory.
    #[derive(Debug, Default)]
    pub(in crate::mail_auth) struct Memory {
        records: BTreeMap<(String, u16), Vec<RData>>,
        aliases: BTreeSet<String>,
        broken: BTreeSet<String>,
    }

    impl Memory {
        /// Reads lines `NAME TYPE DATA`; TXT takes the rest of the line, with `|` between its strings. The type BROKEN
        /// makes every question about the name fail, ALIAS makes it an alias, and a line with `#` says nothing.
        pub(in crate::mail_auth) fn read(text: &str) -> Self {
            let mut memory = Self::default();
            for line in text.lines().map(str::trim_start) {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let mut parts = line.splitn(3, ' ');
                let name = parts.next().expect("a first part").to_ascii_lowercase();
                let kind = parts.next().expect(line);
                let data = parts.next().unwrap_or_default();
                match kind {
                    "BROKEN" => drop(memory.broken.insert(name)),
                    "ALIAS" => drop(memory.aliases.insert(name)),
                    _ => {
                        let data = rdata(kind, data);
                        let key = (name, u16::from(data.record_type()));
                        memory.records.entry(key).or_default().push(data);
                    }
                }
            }
            memory
        }
    }

    fn rdata(kind: &str, data: &str) -> RData {
        let name = |text: &str| Name::from_ascii(text).expect("a name");
        match kind {
            "A" => RData::A(A(data.parse().expect("an address"))),
            "AAAA" => RData::AAAA(AAAA(data.parse().expect("an address"))),
            "PTR" => RData::PTR(PTR(name(data))),
            "MX" => {
                let (preference, host) = data.split_once(' ').expect("an MX");
                RData::MX(MX::new(u16::from_str(preference).expect("a number"), name(host)))
            }
            "TXT" => RData::TXT(TXT::from_bytes(data.split('|').map(str::as_bytes).collect())),
            other => panic!("{other}"),
        }
    }

    impl Names for Memory {
        async fn ask(&self, name: &str, kind: RecordType) -> Result<Answer, Failure> {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            if self.broken.contains(&name) {
                return Err(Failure::new(Cause::Timeout, format!("{name} is silent")));
            }
            let aliased = self.aliases.contains(&name);
            let found = self.records.get(&(name, u16::from(kind)));
            Ok(Answer { records: found.cloned().unwrap_or_default(), aliased })
        }
    }

    #[test]
    fn addresses_are_known_by_their_reverse() {
        let rows = [
            ("192.0.2.10", "10.2.0.192.in-addr.arpa"),
            (
                "2001:db8::cb01",
                "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
        ];
        for (ip, name) in rows {
            assert_eq!(reverse(ip.parse().expect("an address")), name);
        }
    }
}
