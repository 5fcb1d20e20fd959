//! The probe against DNS servers on loopback that answer, decline, cut their answers or say nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NS, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use jiff::Timestamp;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use crate::dns::Dns;
use crate::dns::exchange::Asker;
use crate::dns::zone::Finder;
use crate::probe::{Context, Probe};

/// How a server of the tests behaves.
#[derive(Debug, Clone, Copy)]
enum Behaviour {
    /// It answers with `203.0.113.` and this.
    Says(u8),
    /// The same, but cut over UDP.
    Cuts(u8),
    /// It has no such name.
    NoName,
    /// It has no such records.
    NoData,
    /// It answers with SERVFAIL.
    Fails,
    /// It never answers.
    Drops,
    /// It answers over TCP alone, with `203.0.113.` and this.
    Streams(u8),
    /// It answers with rubbish.
    Garbles,
    /// It knows that `example.` has the name server `ns.example.` at 127.0.0.53.
    Delegates,
}
use Behaviour::{Cuts, Delegates, Drops, Fails, Garbles, NoData, NoName, Says, Streams};

fn reply(request: &Message, behaviour: Behaviour, authoritative: bool, udp: bool) -> Message {
    let query = request.queries.first().expect("a question").clone();
    let soa = {
        let name = |t: &str| Name::from_ascii(t).expect("a name");
        let data = SOA::new(name("ns.example."), name("admin.example."), 7, 1, 1, 1, 60);
        Record::from_rdata(name("example."), 60, RData::SOA(data))
    };
    let mut answer = Message::response(request.metadata.id, OpCode::Query);
    answer.metadata.authoritative = authoritative;
    answer.add_query(query.clone());
    match behaviour {
        Fails => answer.metadata.response_code = ResponseCode::ServFail,
        NoName => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            answer.add_authority(soa);
        }
        Cuts(_) if udp => answer.metadata.truncation = true,
        Says(last) | Cuts(last) | Streams(last) if query.query_type == RecordType::A => {
            let data = RData::A(A(Ipv4Addr::new(203, 0, 113, last)));
            answer.add_answer(Record::from_rdata(query.name, 300, data));
        }
        Delegates => match (query.name.to_ascii().as_str(), query.query_type) {
            ("example.", RecordType::NS) => {
                let data = RData::NS(NS(Name::from_ascii("ns.example.").expect("a name")));
                answer.add_answer(Record::from_rdata(query.name, 300, data));
            }
            ("ns.example.", RecordType::A) => {
                let data = RData::A(A(Ipv4Addr::new(127, 0, 0, 53)));
                answer.add_answer(Record::from_rdata(query.name, 300, data));
            }
            _ => {
                answer.add_authority(soa);
            }
        },
        Says(_) | Cuts(_) | Streams(_) | NoData | Drops | Garbles => {
            answer.add_authority(soa);
        }
    }
    answer
}

/// Serves over UDP and TCP on one free port of loopback for as long as the test runs.
async fn serve(behaviour: Behaviour, authoritative: bool) -> SocketAddr {
    let (tcp, udp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().expect("an address")).await {
            break (tcp, udp);
        }
    };
    let address = tcp.local_addr().expect("an address");
    let answer = move |bytes: &[u8], over_udp| {
        let request = Message::from_vec(bytes).expect("a message");
        reply(&request, behaviour, authoritative, over_udp).to_vec().expect("a message")
    };
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((size, from)) = udp.recv_from(&mut buffer).await {
            let said = match behaviour {
                Drops | Streams(_) => continue,
                Garbles => [&buffer[..2], &[0x80; 7]].concat(),
                _ => answer(&buffer[..size], true),
            };
            udp.send_to(&said, from).await.expect("an answer");
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            if matches!(behaviour, Drops) {
                continue;
            }
            let size = stream.read_u16().await.expect("a size");
            let mut request = vec![0; size.into()];
            stream.read_exact(&mut request).await.expect("a request");
            let said = answer(&request, false);
            stream.write_u16(u16::try_from(said.len()).expect("short")).await.expect("a size");
            stream.write_all(&said).await.expect("an answer");
        }
    });
    address
}

async fn all(behaviours: &[Behaviour], authoritative: bool) -> Vec<String> {
    let mut addresses = Vec::new();
    for behaviour in behaviours {
        addresses.push(serve(*behaviour, authoritative).await.to_string());
    }
    addresses
}

async fn look(authorities: &[Behaviour], resolvers: &[Behaviour]) -> Result<Readings, Failure> {
    let settings = serde_json::json!({
        "name": "shop.example",
        "type": "A",
        "name_servers": all(authorities, true).await,
        "resolvers": all(resolvers, false).await,
        "timeout": "1s",
    });
    let probe = Dns::new(crate::strict::read(settings).expect("settings")).expect("a probe");
    let timeout = Duration::from_secs(5);
    probe.observe(&Context::new(timeout, Timestamp::UNIX_EPOCH, None, "/".into())).await
}

fn number(readings: &Readings, name: &str) -> Option<f64> {
    match readings.get(name) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    }
}

struct Row {
    name: &'static str,
    authorities: &'static [Behaviour],
    resolvers: &'static [Behaviour],
    answers: Option<&'static [&'static str]>,
    agreement: f64,
    responding: f64,
    rcode: &'static str,
    odd: usize,
}

#[tokio::test]
async fn each_server_is_heard() {
    let ten: Option<&[&str]> = Some(&["203.0.113.10"]);
    let row = |name, authorities, resolvers, answers, (agreement, responding), rcode, odd| Row {
        name,
        authorities,
        resolvers,
        answers,
        agreement,
        responding,
        rcode,
        odd,
    };
    let (says, two): (&[_], &[_]) = (&[Says(10)], &[Says(10), Says(10)]);
    let rows = [
        row("all agree", two, two, ten, (100.0, 100.0), "NOERROR", 0),
        row("one is old", says, &[Says(10), Says(9)], ten, (50.0, 100.0), "NOERROR", 1),
        row("cut, then over TCP", &[Cuts(10)], &[Cuts(10)], ten, (100.0, 100.0), "NOERROR", 0),
        row("over TCP alone", &[Streams(10)], &[Streams(10)], ten, (100.0, 100.0), "NOERROR", 0),
        row("one fails", says, &[Says(10), Fails], ten, (50.0, 100.0), "NOERROR", 1),
        row("silent does not agree", &[], &[Says(10), Drops], ten, (50.0, 50.0), "NOERROR", 1),
        row("none exists", &[NoName], &[NoName], Some(&[]), (100.0, 100.0), "NXDOMAIN", 0),
        row("no such records", &[NoData], &[NoData], Some(&[]), (100.0, 100.0), "NOERROR", 0),
        row("all fail", &[], &[Fails, Fails], None, (0.0, 100.0), "SERVFAIL", 2),
        row("the zone outvotes", says, &[Says(9), Says(9)], ten, (0.0, 100.0), "NOERROR", 2),
    ];
    for row in rows {
        let r = look(row.authorities, row.resolvers).await.expect(row.name);
        let answers = row.answers.map(|a| Value::Texts(a.iter().map(|&t| t.into()).collect()));
        assert_eq!(r.get("answers"), answers.as_ref(), "{}: {r:?}", row.name);
        assert_eq!(number(&r, "agreement"), Some(row.agreement), "{}: {r:?}", row.name);
        assert_eq!(number(&r, "responding"), Some(row.responding), "{}: {r:?}", row.name);
        assert_eq!(r.get("rcode"), Some(&Value::Text(row.rcode.into())), "{}", row.name);
        assert_eq!(r.parts.iter().filter(|p| p.odd).count(), row.odd, "{}: {r:?}", row.name);
        let has_records = !row.authorities.is_empty() && row.answers == ten;
        assert_eq!(number(&r, "ttl"), has_records.then_some(300.0), "{}", row.name);
        if !row.authorities.is_empty() && !matches!(row.authorities, [Cuts(_) | Streams(_)]) {
            assert_eq!(r.get("serials"), Some(&Value::Texts(vec!["7".into()])), "{}", row.name);
        }
    }
}

#[tokio::test]
async fn name_servers_that_differ_are_told_apart() {
    let r = look(&[Says(10), Says(9)], &[Says(10)]).await.expect("readings");
    assert_eq!(r.get("authorities_agree"), Some(&Value::Flag(false)));
    assert_eq!(r.get("answers"), Some(&Value::Texts(vec!["203.0.113.10".into()])));
    let lame = look(&[Says(10), Fails], &[Says(10)]).await.expect("readings");
    assert_eq!(lame.get("authorities_agree"), Some(&Value::Flag(false)));
}

#[tokio::test]
async fn silence_everywhere_is_a_failure_that_names_the_servers() {
    let failure = look(&[Drops], &[Drops]).await.expect_err("nobody answers");
    assert_eq!(failure.cause, Cause::Timeout);
    assert_eq!(failure.message.matches("127.0.0.1:").count(), 2, "{failure}");
}

#[tokio::test]
async fn rubbish_is_no_answer() {
    let failure = look(&[Garbles], &[Garbles]).await.expect_err("nobody can be understood");
    assert_eq!(failure.cause, Cause::BadResponse, "{failure}");
}

#[tokio::test]
async fn name_servers_are_found_from_the_name_upwards() {
    let name = Name::from_ascii("www.shop.example.").expect("a name");
    let step = Duration::from_millis(300);
    let resolvers = [serve(Fails, false).await, serve(Delegates, false).await];
    let finder = |resolvers| Finder { asker: Asker::default(), resolvers, port: 53, step };
    let zone = finder(&resolvers).find(&name).await.expect("a zone");
    assert_eq!(zone.apex.to_ascii(), "example.");
    let found = zone.addresses(53);
    assert_eq!(found, [("ns.example".to_owned(), SocketAddr::from(([127, 0, 0, 53], 53)))]);
    assert_eq!(finder(&resolvers[..1]).find(&name).await, None);
}
