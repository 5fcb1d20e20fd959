//! A name server for one zone, over UDP and TCP: as authority and as the resolver that everybody asks.
//!
//! It holds addresses of version 4 and what every zone must have. It recurses for nobody, signs nothing and hands its
//! zone to no other server.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::proto::ProtoError;
use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NS, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::{Tasks, listener, serve};

/// The time to live of what every zone has, in seconds.
const TTL: u32 = 300;
/// How often a port is looked for that is free for UDP as it is for TCP.
const TRIES: usize = 16;

/// A running name server.
#[derive(Debug)]
pub struct DnsTarget {
    address: SocketAddr,
    zone: Arc<Zone>,
    _tasks: Tasks,
}

impl DnsTarget {
    /// Starts a server for `zone`, which holds its name server `ns1` and no other address yet.
    ///
    /// # Errors
    /// `zone` is no name, or loopback has no free port.
    pub async fn start(zone: &str) -> io::Result<Self> {
        let zone = Arc::new(Zone::new(zone).map_err(io::Error::other)?);
        let (tcp, udp, address) = sockets().await?;
        let mut tasks = Tasks::default();
        tasks.run(listen(udp, Arc::clone(&zone)));
        let known = Arc::clone(&zone);
        tasks.run(serve(tcp, move |stream| converse(stream, Arc::clone(&known))));
        Ok(Self { address, zone, _tasks: tasks })
    }

    /// Where it listens, by UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets a name of the zone, in full and in any case, point to an address from now on; `ttl` is in seconds. The
    /// zone's serial rises.
    pub fn set(&self, name: &str, address: Ipv4Addr, ttl: u32) {
        let mut held = self.zone.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.serial = held.serial.wrapping_add(1);
        held.addresses.insert(key(name), (address, ttl));
    }
}

/// A port of loopback that is free for both protocols.
async fn sockets() -> io::Result<(TcpListener, UdpSocket, SocketAddr)> {
    let mut tries = 1;
    loop {
        let (tcp, address) = listener().await?;
        match UdpSocket::bind(address).await {
            Ok(udp) => return Ok((tcp, udp, address)),
            Err(error) if tries == TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

async fn listen(udp: UdpSocket, zone: Arc<Zone>) {
    let mut buffer = [0; 1_232];
    loop {
        let answered = async {
            let (length, from) = udp.recv_from(&mut buffer).await?;
            match zone.answer(&buffer[..length]) {
                Some(answer) => udp.send_to(&answer, from).await.map(drop),
                None => Ok(()),
            }
        };
        if let Err(error) = answered.await {
            tracing::debug!(%error, "a question over UDP was lost");
            tokio::time::sleep(super::REST).await;
        }
    }
}

async fn converse(mut stream: TcpStream, zone: Arc<Zone>) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut question = vec![0; usize::from(length)];
        stream.read_exact(&mut question).await?;
        let Some(answer) = zone.answer(&question) else { return Ok(()) };
        stream.write_u16(u16::try_from(answer.len()).map_err(io::Error::other)?).await?;
        stream.write_all(&answer).await?;
    }
}

/// A name as addresses are held by it.
fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// What is known, and how often that has changed.
#[derive(Debug)]
struct Held {
    serial: u32,
    addresses: HashMap<String, (Ipv4Addr, u32)>,
}

#[derive(Debug)]
struct Zone {
    apex: Name,
    server: Name,
    held: Mutex<Held>,
}

impl Zone {
    fn new(apex: &str) -> Result<Self, ProtoError> {
        let mut apex = Name::from_str(apex)?;
        apex.set_fqdn(true);
        let server = Name::from_str("ns1")?.append_domain(&apex)?;
        let addresses = [(key(&server.to_ascii()), (Ipv4Addr::LOCALHOST, TTL))].into();
        Ok(Self { apex, server, held: Mutex::new(Held { serial: 1, addresses }) })
    }

    /// The answer to a question, as bytes; nothing to what is no question.
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let asked = Message::from_vec(question).ok()?;
        if asked.metadata.message_type != MessageType::Query {
            return None;
        }
        let query = asked.queries.first()?.clone();
        let (name, kind) = (query.name().clone(), query.query_type());
        let mut reply = Message::response(asked.metadata.id, asked.metadata.op_code);
        reply.metadata.recursion_desired = asked.metadata.recursion_desired;
        reply.add_query(query);
        if asked.metadata.op_code != OpCode::Query {
            reply.metadata.response_code = ResponseCode::NotImp;
        } else if self.apex.zone_of(&name) {
            // Whoever takes it for a resolver expects to hear that it is one.
            reply.metadata.recursion_available = true;
            reply.metadata.authoritative = true;
            self.fill(&mut reply, name, kind);
        } else {
            reply.metadata.response_code = ResponseCode::Refused;
        }
        reply.to_vec().ok()
    }

    /// Puts into `reply` what the zone says of one of its names.
    fn fill(&self, reply: &mut Message, name: Name, kind: RecordType) {
        let (address, serial) = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            (held.addresses.get(&key(&name.to_ascii())).copied(), held.serial)
        };
        let at_apex = name == self.apex;
        match (kind, address) {
            (RecordType::A, Some((address, ttl))) => {
                reply.add_answer(Record::from_rdata(name, ttl, RData::A(A(address))));
            }
            (RecordType::SOA, _) if at_apex => {
                reply.add_answer(self.soa(serial));
            }
            (RecordType::NS, _) if at_apex => {
                let server = RData::NS(NS(self.server.clone()));
                reply.add_answer(Record::from_rdata(name, TTL, server));
            }
            _ => {
                if address.is_none() && !at_apex {
                    reply.metadata.response_code = ResponseCode::NXDomain;
                }
                reply.add_authority(self.soa(serial));
            }
        }
    }

    fn soa(&self, serial: u32) -> Record {
        let soa = SOA::new(self.server.clone(), self.apex.clone(), serial, 3_600, 600, 86_400, 60);
        Record::from_rdata(self.apex.clone(), TTL, RData::SOA(soa))
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::Query;
    use jiff::Timestamp;
    use launchgate_core::reading::{Readings, Value};
    use launchgate_probes::{Context, builtin};

    use super::super::PATIENCE;
    use super::*;

    const ZONE: &str = "shop.demo.test";

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(203, 0, 113, last)
    }

    /// What the `dns` probe sees, with the target as both authority and resolver.
    async fn look(target: &DnsTarget, name: &str, kind: &str) -> Readings {
        let address = target.address().to_string();
        let settings = serde_json::json!({
            "name": name, "type": kind, "resolvers": [address], "name_servers": [address],
        });
        let probe = builtin().build("dns", settings).expect("settings");
        let cx = Context::new(PATIENCE, Timestamp::UNIX_EPOCH, None, "/".into());
        probe.observe(&cx).await.expect("readings")
    }

    fn question(name: &str, kind: RecordType) -> Vec<u8> {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_str(name).expect("a name"), kind));
        message.to_vec().expect("a message")
    }

    async fn ask_tcp(stream: &mut TcpStream, question: &[u8]) -> io::Result<Message> {
        stream.write_u16(u16::try_from(question.len()).expect("short")).await?;
        stream.write_all(question).await?;
        let mut answer = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut answer).await?;
        Message::from_vec(&answer).map_err(io::Error::other)
    }

    async fn start() -> DnsTarget {
        let target = DnsTarget::start(ZONE).await.expect("a port");
        target.set(ZONE, ip(10), 60);
        target.set("WWW.Shop.Demo.Test.", ip(11), 120);
        target
    }

    #[tokio::test]
    async fn the_probe_sees_what_the_zone_holds() {
        let target = start().await;
        let rows = [
            ("the apex", ZONE, "A", vec!["203.0.113.10"], "NOERROR", Some(60.0)),
            (
                "set in capitals",
                "www.shop.demo.test",
                "A",
                vec!["203.0.113.11"],
                "NOERROR",
                Some(120.0),
            ),
            (
                "asked in capitals",
                "SHOP.demo.test",
                "A",
                vec!["203.0.113.10"],
                "NOERROR",
                Some(60.0),
            ),
            ("no such type", ZONE, "MX", vec![], "NOERROR", None),
            ("no such name", "old.shop.demo.test", "A", vec![], "NXDOMAIN", None),
            ("the name servers", ZONE, "NS", vec!["ns1.shop.demo.test"], "NOERROR", Some(300.0)),
            (
                "the name server itself",
                "ns1.shop.demo.test",
                "A",
                vec!["127.0.0.1"],
                "NOERROR",
                Some(300.0),
            ),
        ];
        for (row, name, kind, answers, rcode, ttl) in rows {
            let r = look(&target, name, kind).await;
            let answers = Value::Texts(answers.into_iter().map(Into::into).collect());
            assert_eq!(r.get("answers"), Some(&answers), "{row}");
            assert_eq!(r.get("rcode"), Some(&Value::Text(rcode.into())), "{row}");
            assert_eq!(r.get("ttl"), ttl.map(Value::Number).as_ref(), "{row}");
            assert_eq!(r.get("agreement"), Some(&Value::Number(100.0)), "{row}");
        }
    }

    #[tokio::test]
    async fn a_change_is_seen_at_once_and_raises_the_serial() {
        let target = start().await;
        let before = look(&target, ZONE, "A").await;
        target.set(ZONE, ip(99), 30);
        let after = look(&target, ZONE, "A").await;
        assert_eq!(after.get("answers"), Some(&Value::Texts(vec!["203.0.113.99".into()])));
        assert_eq!(after.get("ttl"), Some(&Value::Number(30.0)));
        assert!(before.get("serials").is_some());
        assert_ne!(before.get("serials"), after.get("serials"));
    }

    #[tokio::test]
    async fn it_answers_over_tcp_as_an_authority_and_for_its_zone_only() {
        let target = start().await;
        let mut stream = TcpStream::connect(target.address()).await.expect("a connection");
        let rows = [
            ("held", ZONE, ResponseCode::NoError, true, 1, 0),
            ("not held", "old.shop.demo.test", ResponseCode::NXDomain, true, 0, 1),
            ("not ours", "demo.test", ResponseCode::Refused, false, 0, 0),
        ];
        for (row, name, code, authoritative, answers, authorities) in rows {
            let said = ask_tcp(&mut stream, &question(name, RecordType::A)).await.expect(row);
            assert_eq!(said.metadata.response_code, code, "{row}");
            assert_eq!(said.metadata.authoritative, authoritative, "{row}");
            assert_eq!(said.answers.len(), answers, "{row}");
            assert_eq!(said.authorities.len(), authorities, "{row}");
            assert!(said.authorities.iter().all(|r| r.record_type() == RecordType::SOA), "{row}");
        }
    }

    #[tokio::test]
    async fn what_asks_nothing_gets_no_answer() {
        let zone = Zone::new(ZONE).expect("a name");
        let mut response = Message::new(7, MessageType::Response, OpCode::Query);
        response.add_query(Query::query(zone.apex.clone(), RecordType::A));
        let rows = [
            ("nothing", vec![]),
            ("noise", vec![0xff; 40]),
            (
                "an answer, which two servers would play back and forth",
                response.to_vec().expect("a message"),
            ),
        ];
        for (row, bytes) in rows {
            assert_eq!(zone.answer(&bytes), None, "{row}");
        }
    }

    #[tokio::test]
    async fn it_ends_when_it_is_dropped_with_its_conversations() {
        let target = start().await;
        let address = target.address();
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let question = question(ZONE, RecordType::A);
        ask_tcp(&mut stream, &question).await.expect("an answer");
        drop(target);
        let freed = async {
            while UdpSocket::bind(address).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, freed).await.expect("the port is free again");
        assert!(ask_tcp(&mut stream, &question).await.is_err(), "the conversation went on");
    }
}
