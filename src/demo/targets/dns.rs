//! A name server for one zone, over UDP and TCP: as authority and as the resolver that everybody asks.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NS, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::{Tasks, listener};

type Addresses = Arc<Mutex<HashMap<String, (Ipv4Addr, u32)>>>;

/// A running name server.
#[derive(Debug)]
pub struct DnsTarget {
    address: SocketAddr,
    addresses: Addresses,
    _tasks: Tasks,
}

impl DnsTarget {
    /// Starts a server for `zone`, which holds nothing yet.
    ///
    /// # Errors
    /// Loopback has no free port.
    pub async fn start(zone: &str) -> io::Result<Self> {
        let zone = Name::from_str(zone).map_err(io::Error::other)?;
        let (tcp, address) = listener().await?;
        let udp = UdpSocket::bind(address).await?;
        let addresses = Addresses::default();
        let mut tasks = Tasks::default();
        let (known, apex) = (Arc::clone(&addresses), zone.clone());
        tasks.run(async move {
            let mut buffer = [0; 1_232];
            while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
                if let Some(answer) = answer(&buffer[..length], &apex, &known)
                    && udp.send_to(&answer, from).await.is_err()
                {
                    tracing::debug!(%from, "an answer could not be sent");
                }
            }
        });
        let known = Arc::clone(&addresses);
        tasks.run(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                let (apex, known) = (zone.clone(), Arc::clone(&known));
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &apex, &known).await {
                        tracing::debug!(%error, "a conversation over TCP ended");
                    }
                });
            }
        });
        Ok(Self { address, addresses, _tasks: tasks })
    }

    /// Where it listens, by UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets a name of the zone point to an address; `ttl` is in seconds.
    pub fn set(&self, name: &str, address: Ipv4Addr, ttl: u32) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.insert(format!("{}.", name.trim_end_matches('.')), (address, ttl));
    }
}

async fn converse(mut stream: TcpStream, apex: &Name, known: &Addresses) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut question = vec![0; usize::from(length)];
        stream.read_exact(&mut question).await?;
        let Some(answer) = answer(&question, apex, known) else { return Ok(()) };
        stream.write_u16(u16::try_from(answer.len()).unwrap_or_default()).await?;
        stream.write_all(&answer).await?;
    }
}

/// The answer to a question, as bytes; nothing to what is no question.
fn answer(question: &[u8], apex: &Name, known: &Addresses) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).ok()?;
    let query = asked.queries.first()?.clone();
    let name = query.name().clone();
    let mut reply = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
    reply.metadata.recursion_desired = asked.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.metadata.authoritative = true;
    let kind = query.query_type();
    reply.add_query(query);
    if !apex.zone_of(&name) {
        reply.metadata.authoritative = false;
        reply.metadata.response_code = ResponseCode::Refused;
        return reply.to_vec().ok();
    }
    let text = name.to_ascii().to_lowercase();
    let held = known.lock().unwrap_or_else(PoisonError::into_inner).get(&text).copied();
    let server = Name::from_str("ns1").ok()?.append_domain(apex).ok()?;
    match (kind, held) {
        (RecordType::A, Some((address, ttl))) => {
            reply.add_answer(Record::from_rdata(name, ttl, RData::A(A(address))));
        }
        (RecordType::SOA, _) if name == *apex => {
            reply.add_answer(soa(apex, server));
        }
        (RecordType::NS, _) if name == *apex => {
            reply.add_answer(Record::from_rdata(name, 300, RData::NS(NS(server))));
        }
        _ => {
            if held.is_none() && name != *apex {
                reply.metadata.response_code = ResponseCode::NXDomain;
            }
            reply.add_authority(soa(apex, server));
        }
    }
    reply.to_vec().ok()
}

fn soa(apex: &Name, server: Name) -> Record {
    let soa = SOA::new(server, apex.clone(), 1, 3_600, 600, 86_400, 60);
    Record::from_rdata(apex.clone(), 300, RData::SOA(soa))
}
