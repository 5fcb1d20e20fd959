//! Taking a snapshot: every name and type is asked of the zone's own name servers, whose times to live do not count down.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use jiff::Timestamp;
use launchgate_core::observation::Failure;

use super::record::{Absence, Record, Snapshot, data, full};
use crate::mail_auth::question::{self, Role};
use crate::probe::Context;

/// How long one server may take for one question.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most name servers of a zone that are asked.
const MAX_SERVERS: usize = 8;
/// The most records of one answer that are kept.
const MAX_RECORDS: usize = 100;

/// What to record.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The names, in full.
    pub names: Vec<Name>,
    /// The types.
    pub types: Vec<RecordType>,
    /// The zone's name servers; found through the resolvers if empty.
    pub servers: Vec<SocketAddr>,
    /// The resolvers that find them; the vantage's, or this machine's, if empty.
    pub resolvers: Vec<SocketAddr>,
}

/// Records what is wanted, as far as it can be had; what cannot is an absence with its reason.
///
/// # Errors
/// When this machine's resolvers are needed and cannot be told.
pub async fn take(wanted: &Wanted, cx: &Context, now: Timestamp) -> Result<Snapshot, Failure> {
    let mut snapshot = Snapshot { recorded: Some(now), ..Snapshot::default() };
    let resolvers = if wanted.servers.is_empty() {
        question::resolvers(&wanted.resolvers, cx)?
    } else {
        Vec::new()
    };
    for name in &wanted.names {
        let servers = if wanted.servers.is_empty() {
            find(cx, name, &resolvers).await
        } else {
            wanted.servers.clone()
        };
        for server in servers.iter().map(ToString::to_string) {
            if !snapshot.servers.contains(&server) {
                snapshot.servers.push(server);
            }
        }
        // An alias stands for all types, so it is asked for first.
        let alias = ask(cx, &servers, name, RecordType::CNAME).await;
        if matches!(&alias, Ok(records) if !records.is_empty()) {
            snapshot.add(name, RecordType::CNAME, alias);
            continue;
        }
        let others = wanted.types.iter().copied().filter(|kind| *kind != RecordType::CNAME);
        let asked = others.map(|kind| {
            let servers = &servers;
            async move { (kind, ask(cx, servers, name, kind).await) }
        });
        let found = join_all(asked).await;
        if wanted.types.contains(&RecordType::CNAME) {
            snapshot.add(name, RecordType::CNAME, alias);
        }
        for (kind, outcome) in found {
            snapshot.add(name, kind, outcome);
        }
    }
    snapshot.records.sort();
    snapshot.records.dedup();
    Ok(snapshot)
}

impl Snapshot {
    fn add(&mut self, name: &Name, kind: RecordType, found: Result<Vec<Record>, String>) {
        let unknown = match found {
            Ok(records) if records.is_empty() => None,
            Ok(records) => return self.records.extend(records),
            Err(why) => Some(why),
        };
        self.absent.push(Absence { name: full(name), kind: kind.to_string(), unknown });
    }
}

/// What the zone's servers say; they have to agree.
async fn ask(
    cx: &Context,
    servers: &[SocketAddr],
    name: &Name,
    kind: RecordType,
) -> Result<Vec<Record>, String> {
    let within = PATIENCE.min(cx.remaining().mul_f64(0.5));
    let asked = servers.iter().map(|server| async move {
        let answer = question::ask(cx, *server, Role::Authority, (name, kind), within).await;
        (server, answer.map_err(|e| e.to_string()).and_then(|m| read(&m, name, kind)))
    });
    let mut known: Option<Vec<Record>> = None;
    let mut why = "the zone's name servers were not found".to_owned();
    for (server, outcome) in join_all(asked).await {
        match (outcome, &known) {
            (Ok(records), None) => known = Some(records),
            (Ok(records), Some(first)) if records == *first => {}
            (Ok(_), Some(_)) => return Err(format!("{server} says otherwise than the others")),
            (Err(said), _) => why = format!("{server}: {said}"),
        }
    }
    known.ok_or(why)
}

pub(super) fn read(
    message: &Message,
    name: &Name,
    kind: RecordType,
) -> Result<Vec<Record>, String> {
    match message.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        code => return Err(format!("it answers {code}")),
    }
    if !message.metadata.authoritative {
        return Err("it is no authority for this name".to_owned());
    }
    let own = message.answers.iter().filter(|r| r.name == *name && r.record_type() == kind);
    let mut records: Vec<Record> = own
        .take(MAX_RECORDS)
        .filter_map(|r| {
            let data = data(&r.data)?;
            Some(Record { name: full(name), kind: kind.to_string(), ttl: r.ttl, data })
        })
        .collect();
    records.sort();
    Ok(records)
}

/// The addresses of the name servers of the zone that a name is in, going up label by label.
async fn find(cx: &Context, name: &Name, resolvers: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut zone = name.clone();
    while !zone.is_root() {
        let answers = resolve(cx, resolvers, &zone, RecordType::NS).await;
        let hosts: Vec<Name> = answers
            .into_iter()
            .filter_map(|data| if let RData::NS(host) = data { Some(host.0) } else { None })
            .take(MAX_SERVERS)
            .collect();
        if !hosts.is_empty() {
            let asked = hosts.iter().map(|host| resolve(cx, resolvers, host, RecordType::A));
            let found = join_all(asked).await.into_iter().flatten();
            let mut addresses: Vec<SocketAddr> = found
                .filter_map(|data| match data {
                    RData::A(ip) => Some(SocketAddr::new(IpAddr::V4(ip.0), 53)),
                    _ => None,
                })
                .collect();
            addresses.sort_unstable();
            addresses.dedup();
            addresses.truncate(MAX_SERVERS);
            return addresses;
        }
        zone = zone.base_name();
    }
    Vec::new()
}

async fn resolve(
    cx: &Context,
    resolvers: &[SocketAddr],
    name: &Name,
    kind: RecordType,
) -> Vec<RData> {
    for resolver in resolvers {
        let within = PATIENCE.min(cx.remaining().mul_f64(0.3));
        let answer = question::ask(cx, *resolver, Role::Resolver, (name, kind), within).await;
        if let Ok(message) = answer
            && message.metadata.response_code == ResponseCode::NoError
        {
            return message.answers.into_iter().map(|record| record.data).collect();
        }
    }
    Vec::new()
}
