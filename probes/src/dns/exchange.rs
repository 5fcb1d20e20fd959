//! One question to one server: over UDP with EDNS, sent twice, over TCP when the answer was cut or none came.
//!
//! The whole answer is kept as the server gave it. No cache, no hosts file, no search list stands between. Every question
//! has a socket, and so a source port, of its own.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_resolver::proto::rr::{Name, RecordType};
use launchgate_core::observation::{Cause, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::answer;
use crate::probe::Context;
use crate::trail::Trail;
use crate::{dial, guard};

/// The largest UDP answer that is asked for: what passes every common path unfragmented.
const UDP_SIZE: u16 = 1232;
/// The largest UDP answer that is read; a server that sends more than was asked for is heard up to here.
const UDP_BUFFER: usize = 4096;

/// From where questions go out, and where they are noted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asker<'a> {
    trail: Option<&'a Trail>,
    from: Option<IpAddr>,
}

impl<'a> Asker<'a> {
    /// Asks from the look's vantage and notes it in the look's trail.
    pub(crate) fn of(cx: &'a Context) -> Self {
        Self { trail: Some(&cx.trail), from: cx.vantage.local_address }
    }

    /// Asks from the look's vantage; who asks notes it in words of its own.
    pub(crate) fn unnoted(cx: &'a Context) -> Self {
        Self { trail: None, from: cx.vantage.local_address }
    }

    /// Notes what this look did not test.
    pub(crate) fn untested(&self, what: impl Into<String>) {
        if let Some(trail) = self.trail {
            trail.untested(what);
        }
    }
}

/// Whom a question goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A name server of the zone: it must know by itself.
    Authority,
    /// A resolver: it is asked to find out.
    Resolver,
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'q> {
    role: Role,
    name: &'q Name,
    kind: RecordType,
    signatures: bool,
    unchecked: bool,
    subnet: Option<ClientSubnet>,
}

impl<'q> Question<'q> {
    /// What are the records of `kind` at `name`?
    pub(crate) fn new(role: Role, name: &'q Name, kind: RecordType) -> Self {
        Self { role, name, kind, signatures: false, unchecked: false, subnet: None }
    }

    /// With the records' signatures (the DO bit).
    pub(crate) fn signed(self) -> Self {
        Self { signatures: true, ..self }
    }

    /// Whatever the signatures are worth (the CD bit).
    pub(crate) fn unchecked(self) -> Self {
        Self { unchecked: true, ..self }
    }

    /// As if asked from this network (RFC 7871).
    pub(crate) fn for_subnet(self, subnet: ClientSubnet) -> Self {
        Self { subnet: Some(subnet), ..self }
    }

    pub(super) fn message(&self, id: u16, with_edns: bool) -> Message {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = self.role == Role::Resolver;
        // Asks a resolver to say whether it has validated.
        message.metadata.authentic_data = self.role == Role::Resolver && with_edns;
        message.metadata.checking_disabled = self.unchecked;
        message.add_query(Query::query(self.name.clone(), self.kind));
        if with_edns {
            let mut edns = Edns::new();
            edns.set_max_payload(UDP_SIZE).set_version(0).set_dnssec_ok(self.signatures);
            if let Some(subnet) = self.subnet {
                edns.options_mut().insert(EdnsOption::Subnet(subnet));
            }
            message.set_edns(edns);
        }
        message
    }

    fn text(&self) -> String {
        let mut text = format!("{} {}", answer::plain(self.name), self.kind);
        if self.role == Role::Authority {
            text.push_str(", of its own knowledge");
        }
        if self.unchecked {
            text.push_str(", unchecked");
        }
        if let Some(subnet) = self.subnet {
            text.push_str(&format!(", for {}/{}", subnet.addr(), subnet.source_prefix()));
        }
        text
    }
}

/// Asks `server`; all tries together take `within` at most.
///
/// # Errors
/// An address that is never probed, silence, or an answer that cannot be read. A refusal by the server is an answer.
pub(crate) async fn ask(
    asker: Asker<'_>,
    server: SocketAddr,
    question: Question<'_>,
    within: Duration,
) -> Result<Message, Failure> {
    let mut noted = Noted { asker, server, question, began: Instant::now(), came: None };
    let outcome = tries(asker, server, question, within).await;
    if asker.trail.is_some_and(Trail::is_kept) {
        noted.came = Some(match &outcome {
            Ok(message) => answer::summary(message),
            Err(failure) => failure.to_string(),
        });
    }
    outcome
}

/// A question that is noted when it is over, also when its answer is no longer waited for.
struct Noted<'a> {
    asker: Asker<'a>,
    server: SocketAddr,
    question: Question<'a>,
    began: Instant,
    came: Option<String>,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        if let Some(trail) = self.asker.trail.filter(|trail| trail.is_kept()) {
            let came = self.came.take();
            let came = came.unwrap_or_else(|| "its answer was no longer waited for".to_owned());
            trail.note(self.server, self.question.text(), came, self.began.elapsed());
        }
    }
}

async fn tries(
    asker: Asker<'_>,
    server: SocketAddr,
    question: Question<'_>,
    within: Duration,
) -> Result<Message, Failure> {
    guard::permit(server.ip())?;
    let end = Instant::now() + within;
    let outcome = once(asker, server, question, true, within.mul_f64(0.4), end).await;
    if matches!(&outcome, Ok(m) if m.metadata.response_code == ResponseCode::FormErr) {
        // A server of the time before EDNS.
        let rest = end.saturating_duration_since(Instant::now());
        return once(asker, server, question, false, rest.mul_f64(0.4), end).await;
    }
    outcome
}

/// UDP twice, `each` long, on one socket, so that a late answer to the first counts; TCP if that was cut or silent.
async fn once(
    asker: Asker<'_>,
    server: SocketAddr,
    question: Question<'_>,
    with_edns: bool,
    each: Duration,
    end: Instant,
) -> Result<Message, Failure> {
    let message = question.message(random_id(), with_edns);
    let bytes = message.to_vec().map_err(|e| {
        Failure::new(Cause::ProbeError, format!("the question {}: {e}", question.text()))
    })?;
    let silent = match over_udp(asker, server, &message, &bytes, each).await {
        Ok(Some(answer)) if !answer.metadata.truncation => return Ok(answer),
        Ok(Some(_)) => false,
        Ok(None) => true,
        Err(failure) => return Err(failure),
    };
    let tcp = timeout_at(end, over_tcp(asker, server, &message, &bytes)).await;
    match tcp {
        Ok(Ok(answer)) => Ok(answer),
        _ if silent => {
            Err(Failure::new(Cause::Timeout, format!("{server} did not answer in time")))
        }
        Ok(Err(failure)) => Err(failure),
        Err(_) => {
            let message = format!("{server} cut its answer, and did not answer over TCP in time");
            Err(Failure::new(Cause::Timeout, message))
        }
    }
}

/// An identifier that nobody can guess.
fn random_id() -> u16 {
    let bytes = RandomState::new().hash_one(0_u8).to_be_bytes();
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// The answer, or nothing after two silences.
async fn over_udp(
    asker: Asker<'_>,
    server: SocketAddr,
    asked: &Message,
    bytes: &[u8],
    each: Duration,
) -> Result<Option<Message>, Failure> {
    let fault = |e: io::Error| dial::io_failure(&format!("asking {server}"), &e);
    let socket = UdpSocket::bind(local(asker, server)?).await.map_err(fault)?;
    socket.connect(server).await.map_err(fault)?;
    for _ in 0..2 {
        socket.send(bytes).await.map_err(fault)?;
        let until = Instant::now() + each;
        if let Ok(answer) = timeout_at(until, receive(&socket, asked)).await {
            let answer = answer.map_err(fault)?;
            return answer.map(Some).map_err(|e| unreadable(server, &e));
        }
    }
    Ok(None)
}

async fn receive(socket: &UdpSocket, asked: &Message) -> io::Result<Result<Message, String>> {
    let mut buffer = vec![0; UDP_BUFFER];
    loop {
        let size = socket.recv(&mut buffer).await?;
        match parse(buffer.get(..size).unwrap_or_default(), asked) {
            Parsed::Ours(message) => return Ok(Ok(message)),
            Parsed::Garbled(why) => return Ok(Err(why)),
            Parsed::Foreign => {}
        }
    }
}

async fn over_tcp(
    asker: Asker<'_>,
    server: SocketAddr,
    asked: &Message,
    bytes: &[u8],
) -> Result<Message, Failure> {
    let fault = |e: io::Error| dial::io_failure(&format!("asking {server} over TCP"), &e);
    let exchange = async {
        let socket = if server.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.bind(local(asker, server).map_err(|e| io::Error::other(e.message))?)?;
        let mut stream = socket.connect(server).await?;
        let mut framed =
            u16::try_from(bytes.len()).map_err(io::Error::other)?.to_be_bytes().to_vec();
        framed.extend_from_slice(bytes);
        stream.write_all(&framed).await?;
        let mut answer = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = exchange.await.map_err(fault)?;
    match parse(&answer, asked) {
        Parsed::Ours(message) => Ok(message),
        Parsed::Garbled(why) => Err(unreadable(server, &why)),
        Parsed::Foreign => Err(unreadable(server, "it answers another question")),
    }
}

fn unreadable(server: SocketAddr, why: &str) -> Failure {
    Failure::new(Cause::BadResponse, format!("the answer of {server} cannot be read: {why}"))
}

/// The address to ask from.
fn local(asker: Asker<'_>, server: SocketAddr) -> Result<SocketAddr, Failure> {
    let any = if server.is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    };
    let from = asker.from.unwrap_or(any);
    if from.is_ipv4() == server.is_ipv4() {
        return Ok(SocketAddr::new(from, 0));
    }
    let message = format!("{server} cannot be asked from {from}, which is of another IP version");
    Err(Failure::new(Cause::LocalFault, message))
}

/// What a packet is, seen from the question.
#[derive(Debug)]
pub(super) enum Parsed {
    /// The answer to it.
    Ours(Message),
    /// The answer to another one.
    Foreign,
    /// What should be the answer, and cannot be read.
    Garbled(String),
}

/// Reads a packet as the answer to a question. It takes any bytes.
pub(super) fn parse(bytes: &[u8], asked: &Message) -> Parsed {
    if bytes.get(..2) != Some(asked.metadata.id.to_be_bytes().as_slice()) {
        return Parsed::Foreign;
    }
    let message = match Message::from_vec(bytes) {
        Ok(message) => message,
        Err(e) => return Parsed::Garbled(e.to_string()),
    };
    if message.metadata.message_type != MessageType::Response {
        return Parsed::Foreign;
    }
    // A server that could not read the question need not repeat it.
    let unread = message.queries.is_empty()
        && !matches!(message.metadata.response_code, ResponseCode::NoError);
    if unread || message.queries == asked.queries { Parsed::Ours(message) } else { Parsed::Foreign }
}

#[cfg(test)]
mod tests {
    use ResponseCode::{FormErr, NoError};

    use super::*;

    #[test]
    fn only_the_answer_to_the_question_counts() {
        let name = Name::from_ascii("www.shop.example.").expect("a name");
        let other = Name::from_ascii("www.evil.example.").expect("a name");
        let asked = Question::new(Role::Resolver, &name, RecordType::A).message(7, true);
        let answer = |id: u16, name: &Name, code: ResponseCode, repeats: bool| {
            let mut answer = Message::response(id, OpCode::Query);
            answer.metadata.response_code = code;
            if repeats {
                answer.add_query(Query::query(name.clone(), RecordType::A));
            }
            answer.to_vec().expect("a message")
        };
        let upper = Name::from_ascii("WWW.shop.EXAMPLE.").expect("a name");
        let rows = [
            ("the answer", answer(7, &name, NoError, true), "ours"),
            ("in capitals", answer(7, &upper, NoError, true), "ours"),
            ("of another question", answer(7, &other, NoError, true), "foreign"),
            ("of another id", answer(8, &name, NoError, true), "foreign"),
            ("the question itself", asked.to_vec().expect("a message"), "foreign"),
            ("a complaint", answer(7, &name, FormErr, false), "ours"),
            ("an answer to nothing", answer(7, &name, NoError, false), "foreign"),
            ("rubbish", vec![0, 7, 0x80, 0, 0, 9], "garbled"),
            ("nothing", vec![], "foreign"),
        ];
        for (row, bytes, expected) in rows {
            let is = match parse(&bytes, &asked) {
                Parsed::Ours(_) => "ours",
                Parsed::Foreign => "foreign",
                Parsed::Garbled(_) => "garbled",
            };
            assert_eq!(is, expected, "{row}");
        }
    }

    #[tokio::test]
    async fn a_question_is_noted_also_when_nobody_waits_for_the_answer() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let server = silent.local_addr().expect("an address");
        let name = Name::from_ascii("x.example.").expect("a name");
        let trail = Trail::kept();
        let asker = Asker { trail: Some(&trail), from: None };
        let question = Question::new(Role::Authority, &name, RecordType::A);
        let asked = ask(asker, server, question, Duration::from_secs(60));
        let until = tokio::time::timeout(Duration::from_millis(50), asked);
        assert!(until.await.is_err(), "nobody answers");
        let [exchange] = &trail.exchanges()[..] else { panic!("one was made") };
        assert_eq!(exchange.asked, "x.example A, of its own knowledge");
        assert_eq!(exchange.came, "its answer was no longer waited for");
    }

    #[tokio::test]
    async fn a_server_of_the_other_ip_version_is_this_sides_fault() {
        let name = Name::from_ascii("x.example.").expect("a name");
        let asker = Asker { trail: None, from: Some([127, 0, 0, 9].into()) };
        let server = "[::1]:53".parse().expect("an address");
        let question = Question::new(Role::Resolver, &name, RecordType::A);
        let failure = ask(asker, server, question, Duration::from_secs(1)).await;
        assert_eq!(failure.expect_err("it cannot").cause, Cause::LocalFault);
    }
}
