//! The probe against servers on loopback that speak for networks, and one that does not know of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::op::{Edns, Message, OpCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_resolver::proto::rr::{RData, Record};
use launchgate_core::observation::Failure;
use launchgate_core::reading::{Readings, Value};
use serde_json::json;
use tokio::net::UdpSocket;

use super::DnsPropagation;
use crate::dns::edns;
use crate::probe::{Context, Probe};

/// What a server answers: the last byte of its address for those in 10.0.0.0/8 or not, and the scope that it tells.
#[derive(Debug, Clone, Copy)]
struct Answers {
    here: u8,
    elsewhere: u8,
    scope: Option<u8>,
    extended: Option<u16>,
}

const PLAIN: Answers = Answers { here: 1, elsewhere: 1, scope: None, extended: None };

async fn serve(answers: Answers) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((size, from)) = socket.recv_from(&mut buffer).await {
            let request = Message::from_vec(&buffer[..size]).expect("a message");
            let query = request.queries.first().expect("a question").clone();
            let asked_for = edns::subnet(&request);
            let inside = asked_for.is_some_and(|s| s.addr() == Ipv4Addr::new(10, 0, 0, 0));
            let last = if inside { answers.here } else { answers.elsewhere };
            let mut reply = Message::response(request.metadata.id, OpCode::Query);
            reply.metadata.authoritative = !request.metadata.recursion_desired;
            let data = RData::A(A(Ipv4Addr::new(203, 0, 113, last)));
            reply.add_answer(Record::from_rdata(query.name.clone(), 60, data));
            reply.add_query(query);
            let mut edns = Edns::new();
            if let Some((subnet, scope)) = asked_for.zip(answers.scope) {
                let echo = ClientSubnet::new(subnet.addr(), subnet.source_prefix(), scope);
                edns.options_mut().insert(EdnsOption::Subnet(echo));
            }
            if let Some(code) = answers.extended {
                edns.options_mut().insert(EdnsOption::Unknown(15, code.to_be_bytes().to_vec()));
            }
            reply.set_edns(edns);
            socket.send_to(&reply.to_vec().expect("a message"), from).await.expect("an answer");
        }
    });
    address
}

async fn look(settings: serde_json::Value) -> Result<Readings, Failure> {
    let probe = DnsPropagation::new(crate::strict::read(settings).expect("settings"));
    let probe = probe.expect("a probe");
    let (now, timeout) = (jiff::Timestamp::UNIX_EPOCH, Duration::from_secs(5));
    let readings = probe.observe(&Context::new(timeout, now, None, "/".into())).await?;
    let declared: Vec<_> = probe.readings().into_iter().map(|spec| spec.name).collect();
    assert!(readings.values.keys().all(|name| declared.contains(name)), "{readings:?}");
    Ok(readings)
}

fn number(readings: &Readings, name: &str) -> Option<f64> {
    match readings.get(name) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    }
}

#[tokio::test]
async fn a_region_is_heard_through_those_who_answer_for_its_network() {
    let zone = serve(PLAIN).await.to_string();
    let core = serve(PLAIN).await.to_string();
    let by_place = Answers { here: 9, scope: Some(24), ..PLAIN };
    // Of the region: what is expected there, the share and whether it is heard.
    let rows = [
        ("its own records", by_place, "203.0.113.9", Some(100.0), 0.0),
        ("another region's", by_place, "203.0.113.7", Some(75.0), 0.0),
        ("the network is ignored", PLAIN, "203.0.113.9", None, 1.0),
        ("for everybody", Answers { scope: Some(0), ..by_place }, "203.0.113.9", None, 1.0),
    ];
    for (row, answers, expected, share, missing) in rows {
        let through = serve(answers).await.to_string();
        let r = look(json!({
            "name": "shop.example", "type": "A", "name_servers": [zone], "queries": 1,
            "resolvers": {"core": [core], "eu": [serve(PLAIN).await.to_string()],
                          "us": [serve(PLAIN).await.to_string()]},
            "by_region": {"india": {"subnet": "10.0.0.0/24", "expected": [expected]}},
            "subnet_resolvers": [through],
        }));
        let r = r.await.expect(row);
        assert_eq!(number(&r, "share"), share, "{row}: {r:?}");
        assert_eq!(number(&r, "regions_missing"), Some(missing), "{row}: {r:?}");
    }
}

#[tokio::test]
async fn what_resolvers_say_of_their_answer_counts() {
    let zone = serve(PLAIN).await.to_string();
    let old = Answers { elsewhere: 7, ..PLAIN };
    let rows = [
        ("new", PLAIN, "new"),
        ("old", old, "old"),
        ("strange", Answers { elsewhere: 8, ..PLAIN }, "other"),
        ("stale", Answers { extended: Some(3), ..old }, "stale"),
        ("blocked", Answers { extended: Some(15), ..old }, "filtered"),
        ("forged by order", Answers { extended: Some(4), ..old }, "old"),
    ];
    for (row, answers, class) in rows {
        let r = look(json!({
            "name": "shop.example", "type": "A", "name_servers": [zone],
            "old": ["203.0.113.7"], "resolvers": {"core": [serve(answers).await.to_string()]},
        }));
        let r = r.await.expect(row);
        for reading in ["new", "old", "other", "stale", "filtered", "errors", "nxdomain"] {
            let expected = if reading == class { 1.0 } else { 0.0 };
            assert_eq!(number(&r, reading), Some(expected), "{row}: {reading} of {r:?}");
        }
    }
}
