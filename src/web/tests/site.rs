//! The router over a real listener, with launches that take orders, and a client that can say anything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use launchgate_core::name::Name;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsConnector;

use crate::engine::{Handle, Message, Refused};
use crate::render::sample::Sample;
use crate::store::MemoryStore;
use crate::web::auth::{Role, Token, Tokens};
use crate::web::rate::Rate;
use crate::web::tls::{Peer, Tls, TlsListener};
use crate::web::{App, Door, router};

/// No answer of these tests is longer, or takes longer.
const MAX_ANSWER: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon's web side.
pub(super) struct Site {
    address: SocketAddr,
    pub(super) app: App,
    /// How its clients speak TLS, if they do.
    pub(super) by: Option<TlsConnector>,
}

/// A connection, with TLS or without.
pub(super) trait Line: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// What was read until the other end had said everything.
    pub(super) fn of(read: Vec<u8>) -> Self {
        let text = String::from_utf8(read).expect("answers are text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The status and the code of an error.
    pub(super) fn refusal(&self) -> (u16, String) {
        let json = self.json();
        assert!(json["message"].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
        (self.status, json["code"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Tokens are `NAME-token`.
fn token(identity: &'static str, role: Role, expires: Option<&str>) -> Token {
    let digest = Sha256::digest(format!("{identity}-token").as_bytes());
    let sha256 = format!("{digest:x}");
    let expires = expires.map(|at| at.parse().expect("a time"));
    Token { identity: Name::of(identity), roles: vec![role], sha256, expires }
}

pub(super) fn tokens() -> Tokens {
    let list = vec![
        token("vera", Role::Viewer, None),
        token("carol", Role::Owner, None),
        token("dan", Role::Owner, Some("2999-01-01T00:00:00Z")),
        token("alice", Role::Commander, None),
        token("tom", Role::Operator, None),
        token("ada", Role::Admin, None),
        token("eve", Role::Admin, Some("2020-01-01T00:00:00Z")),
    ];
    Tokens { list, ..Tokens::default() }
}

/// A launch whose engine is the core itself; it keeps nothing when its store is said to be broken.
fn launch(name: &'static str, mut sample: Sample, broken: bool) -> Handle {
    let (send, mut inbox) = mpsc::channel::<Message>(8);
    let (publish, reports) = watch::channel(Arc::new(sample.report()));
    tokio::spawn(async move {
        while let Some(message) = inbox.recv().await {
            let result = match (broken, sample.order(message.event)) {
                (true, _) => Err(Refused::NotKept("disk is full".to_owned())),
                (false, result) => result.map_err(Refused::from),
            };
            publish.send_replace(Arc::new(sample.report()));
            if let Some(answer) = message.answer {
                answer.send(result).expect("whoever ordered waits");
            }
        }
    });
    Handle::new(Name::of(name), send, reports)
}

impl Site {
    /// A site with one launch.
    pub(super) async fn of(sample: Sample) -> Self {
        Self::with(tokens(), vec![launch("checkout-2-4", sample, false)]).await
    }

    /// A site whose launch cannot keep anything.
    pub(super) async fn broken() -> Self {
        Self::with(tokens(), vec![launch("checkout-2-4", Sample::pending(), true)]).await
    }

    /// A site whose launch's engine is gone.
    pub(super) async fn ended() -> Self {
        let (send, inbox) = mpsc::channel(1);
        let (publish, reports) = watch::channel(Arc::new(Sample::preparing().report()));
        drop((inbox, publish));
        Self::with(tokens(), vec![Handle::new(Name::of("checkout-2-4"), send, reports)]).await
    }

    /// A site with two launches.
    pub(super) async fn of_two() -> Self {
        let two = [("checkout-2-4", Sample::preparing()), ("other", Sample::needs_decision())];
        let two = two.map(|(name, sample)| launch(name, sample, false));
        Self::with(tokens(), two.into()).await
    }

    /// A site with other tokens.
    pub(super) async fn guarded(tokens: Tokens) -> Self {
        Self::with(tokens, vec![launch("checkout-2-4", Sample::pending(), false)]).await
    }

    /// A site that may be asked so often.
    pub(super) async fn rated(rate: Rate) -> Self {
        let launches = vec![launch("checkout-2-4", Sample::pending(), false)];
        Self::at_rate(tokens(), launches, rate, None).await
    }

    /// A site that speaks TLS, and may be asked so often.
    pub(super) async fn secured(tokens: Tokens, rate: Rate, tls: Tls) -> Self {
        let launches = vec![launch("checkout-2-4", Sample::pending(), false)];
        Self::at_rate(tokens, launches, rate, Some(tls)).await
    }

    /// The same site, asked in the same way.
    pub(super) fn asked_again(&self) -> Self {
        Self { address: self.address, app: self.app.clone(), by: self.by.clone() }
    }

    /// The same site, asked otherwise.
    pub(super) fn asked_by(&self, by: TlsConnector) -> Self {
        Self { address: self.address, app: self.app.clone(), by: Some(by) }
    }

    async fn with(tokens: Tokens, launches: Vec<Handle>) -> Self {
        // No test is a client that asks too often, but those that mean to be.
        let rate = Rate { reads_per_second: 0, orders_per_second: 0 };
        Self::at_rate(tokens, launches, rate, None).await
    }

    async fn at_rate(tokens: Tokens, launches: Vec<Handle>, rate: Rate, tls: Option<Tls>) -> Self {
        let launches: BTreeMap<_, _> =
            launches.into_iter().map(|handle| (handle.launch().clone(), handle)).collect();
        let store = Arc::new(Mutex::new(MemoryStore::default()));
        let app = App::new(
            launches,
            store,
            tokens,
            Door {
                hosts: vec!["gate.example".to_owned()],
                origins: vec!["https://status.example".to_owned()],
                rate,
                tls: tls.clone(),
            },
            crate::telemetry::Measures::default(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback is there");
        let address = listener.local_addr().expect("it is bound");
        let service = router(app.clone()).into_make_service_with_connect_info::<Peer>();
        tokio::spawn(async move {
            match tls {
                Some(tls) => axum::serve(TlsListener::new(listener, tls), service).await,
                None => axum::serve(listener, service).await,
            }
        });
        Self { address, app, by: None }
    }

    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// An order by the holder of a token.
    pub(super) async fn post(&self, who: &str, path: &str, body: &Value) -> Answer {
        let token = format!("Bearer {who}-token");
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
        self.ask("POST", path, &headers, &body.to_string()).await
    }

    /// Any request. Headers win over those that would be sent anyway.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut stream = self.open(method, path, headers, body).await.take(MAX_ANSWER);
        let mut read = Vec::new();
        let all = stream.read_to_end(&mut read);
        tokio::time::timeout(PATIENCE, all).await.expect("an answer comes").expect("and whole");
        Answer::of(read)
    }

    /// A connection on which nothing was said yet.
    pub(super) async fn connect(&self) -> Box<dyn Line> {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        let Some(by) = &self.by else { return Box::new(stream) };
        let name = "localhost".try_into().expect("it is a name");
        Box::new(by.connect(name, stream).await.expect("a handshake"))
    }

    /// Sends a request and leaves the answer to be read.
    async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Box<dyn Line> {
        let mut stream = self.connect().await;
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let own = [("Host", self.host()), ("Content-Length", body.len().to_string())];
        for (name, value) in &own {
            if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
                head += &format!("{name}: {value}\r\n");
            }
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.expect("it reads");
        stream
    }

    /// A live stream.
    pub(super) async fn listen(&self) -> Live {
        let path = "/api/v1/launches/checkout-2-4/events";
        Live { stream: self.open("GET", path, &[], "").await, heard: String::new() }
    }

    /// The live stream of a reader who comes back.
    pub(super) async fn listen_after(&self, id: &str) -> Live {
        let path = "/api/v1/launches/checkout-2-4/events";
        let headers = [("Last-Event-ID", id)];
        Live { stream: self.open("GET", path, &headers, "").await, heard: String::new() }
    }
}

/// A live stream and what was heard of it.
pub(super) struct Live {
    stream: Box<dyn Line>,
    pub(super) heard: String,
}

impl Live {
    /// Reads until the stream has said something so many times.
    pub(super) async fn hear(&mut self, what: &str, times: usize) {
        let heard = async {
            while self.heard.matches(what).count() < times {
                let mut part = [0; 4096];
                let n = self.stream.read(&mut part).await.expect("it can be read");
                assert!(n > 0, "the stream ended: {}", self.heard);
                self.heard += &String::from_utf8_lossy(&part[..n]);
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("it says so in time");
    }
}
