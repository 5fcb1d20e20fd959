//! Small servers on loopback that answer with prepared bytes, for this module's tests and those of the probes by HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use launchgate_core::observation::Cause;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// What a server says to a request, given its head.
pub(crate) type Answer = Arc<dyn Fn(&str) -> Reply + Send + Sync>;

/// What is said, and how it goes on.
pub(crate) enum Reply {
    /// These bytes, and the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, and then these again and again until the client has had enough.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes one at a time, at this pace, and silence after the last.
    Slow(Vec<u8>, Duration),
}

/// An answer with a length that is right; `head` is the status and further lines.
pub(crate) fn reply(head: &str, body: &str) -> Reply {
    let text = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    Reply::Bytes(text.into_bytes())
}

/// A running server, for as long as the test runs.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Served {
    /// How many requests came.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Its address for `path` by number, over plain HTTP.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Serves on a free port of loopback, with TLS if asked.
pub(crate) async fn serve(
    tls: Option<ServerConfig>,
    answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = Served { address, asked: Arc::default() };
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let (asked, answer): (_, Answer) = (served.asked.clone(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, asked, answer) = (acceptor.clone(), asked.clone(), answer.clone());
            tokio::spawn(async move {
                match acceptor {
                    None => talk(stream, &asked, &answer).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            talk(stream, &asked, &answer).await;
                        }
                    }
                }
            });
        }
    });
    served
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, asked: &AtomicUsize, say: &Answer) {
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    // Writing fails once the client has had enough, which ends the talk.
    match say(&String::from_utf8_lossy(&head)) {
        Reply::Bytes(bytes) => {
            if stream.write_all(&bytes).await.is_ok() && stream.shutdown().await.is_ok() {
                // Until the client has read all and hangs up.
                while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
            }
        }
        Reply::Endless(head, part) => {
            let mut going = stream.write_all(&head).await.is_ok();
            while going {
                going = stream.write_all(&part).await.is_ok();
            }
        }
        Reply::Slow(bytes, pace) => {
            for byte in bytes {
                if stream.write_all(&[byte]).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                tokio::time::sleep(pace).await;
            }
            while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
        }
    }
}

/// A root of its own in a folder of its own, and leaves from it.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    folder: PathBuf,
}

impl Authority {
    /// Makes the root and writes it to `ca.pem` in the folder; `test` names the folder.
    pub(crate) fn new(test: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "Root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let folder = std::env::temp_dir().join(format!("launchgate-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let root = params.self_signed(&key).expect("a certificate");
        std::fs::write(folder.join("ca.pem"), root.pem()).expect("a file");
        Self { params, key, folder }
    }

    /// The configuration of a server that presents a leaf for `names`.
    pub(crate) fn server(&self, names: &[&str]) -> ServerConfig {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let params = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let leaf = params.signed_by(&key, &issuer).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![leaf], key)
            .expect("a certificate and its key")
    }

    /// A look of `timeout` that finds `ca.pem`.
    pub(crate) fn context(&self, timeout: Duration) -> Context {
        Context::new(timeout, Timestamp::UNIX_EPOCH, None, self.folder.clone())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // What is left behind in a temporary folder does no harm.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A look without a folder.
pub(crate) fn context(timeout: Duration) -> Context {
    Context::new(timeout, Timestamp::UNIX_EPOCH, None, "/".into())
}

/// A port of loopback where nobody listens.
pub(crate) async fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address")
}

/// A port of loopback where somebody says `text` before being asked.
async fn banner(text: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if stream.write_all(text).await.is_ok() {
                open.push(stream);
            }
        }
    });
    address
}

async fn get(client: &Client, url: &str) -> Result<Response, Fault> {
    client.send(client.request(Method::GET, url.parse().expect("a url"))).await
}

#[tokio::test]
async fn addresses_that_are_never_probed_are_refused_in_every_spelling() {
    let cx = context(Duration::from_secs(5));
    let tls = trust(None, &cx).await.expect("the public roots");
    let metadata: IpAddr = "169.254.169.254".parse().expect("an address");
    let pin = Pin { host: "shop.example".into(), address: metadata };
    let client = Client::new(&tls, Some(pin), &cx).expect("a client");
    let rows = [
        ("by number", "http://169.254.169.254/latest"),
        ("as one number", "http://2852039166/latest"),
        ("in hexadecimal", "http://0xa9fea9fe/latest"),
        ("mapped into version 6", "http://[::ffff:169.254.169.254]/latest"),
        ("of version 6", "http://[fd00:ec2::254]/latest"),
        ("behind a name", "http://shop.example/latest"),
        ("behind a name in another case", "https://SHOP.example/latest"),
    ];
    for (row, url) in rows {
        let failure = Failure::from(get(&client, url).await.expect_err(row));
        assert_eq!(failure.cause, Cause::ProbeError, "{row}: {failure}");
        assert!(failure.message.contains("never probed"), "{row}: {failure}");
    }
}

#[tokio::test]
async fn a_certificate_counts_by_the_roots_that_are_given() {
    let authority = Authority::new("client");
    let cx = authority.context(Duration::from_secs(10));
    let ours = serve(Some(authority.server(&["shop.example"])), |_| reply("200 OK", "x")).await;
    let url = format!("https://shop.example:{}/", ours.address.port());
    let pin = Pin { host: "shop.example".into(), address: ours.address.ip() };
    let tls = trust(Some(Path::new("ca.pem")), &cx).await.expect("our root");
    let client = Client::new(&tls, Some(pin.clone()), &cx).expect("a client");
    assert!(get(&client, &url).await.is_ok());

    let tls = trust(None, &cx).await.expect("the public roots");
    let client = Client::new(&tls, Some(pin), &cx).expect("a client");
    let fault = get(&client, &url).await.expect_err("an unknown root");
    assert!(
        matches!(&fault, Fault::Certificate(why) if why.contains("UnknownIssuer")),
        "{fault:?}"
    );
    assert_eq!(ours.asked(), 1, "nothing is sent to a server that is not trusted");

    let failure = trust(Some(Path::new("none.pem")), &cx).await.expect_err("no such file");
    assert_eq!(failure.cause, Cause::LocalFault);
}

#[tokio::test]
async fn faults_have_their_class_and_show_no_secret() {
    let plain = serve(None, |_| Reply::Bytes(b"220 mail.example ESMTP\r\n".to_vec())).await;
    let banner = banner(b"220 mail.example ESMTP\r\n").await;
    let silent = serve(None, |_| Reply::Slow(Vec::new(), Duration::ZERO)).await;
    let cut = serve(None, |_| Reply::Bytes(Vec::new())).await;
    let rows = [
        ("a closed port", format!("http://{}", closed().await), Cause::Refused),
        ("another protocol", format!("http://{}", plain.address), Cause::BadResponse),
        ("no TLS", format!("https://{banner}"), Cause::BadResponse),
        ("silence", format!("http://{}", silent.address), Cause::Timeout),
        ("no answer before the end", format!("http://{}", cut.address), Cause::BadResponse),
    ];
    for (row, url, cause) in rows {
        let cx = context(Duration::from_millis(600));
        let tls = trust(None, &cx).await.expect("the public roots");
        let client = Client::new(&tls, None, &cx).expect("a client");
        let failure = get(&client, &format!("{url}/?token=hunter2")).await.expect_err(row);
        let failure = Failure::from(failure);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
        assert!(!failure.message.contains("hunter2"), "{row}: {failure}");
    }
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_time() {
    let head = "HTTP/1.1 200 OK\r\n";
    let lie = format!("{head}Content-Length: 104857600\r\n\r\n").into_bytes();
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000)).into_bytes();
    let drip = format!("{head}Content-Length: 100\r\n\r\n{}", "x".repeat(99)).into_bytes();
    let short = format!("{head}Content-Length: 100\r\n\r\nx").into_bytes();
    let large = serve(None, move |head| {
        if head.contains("/lie") {
            Reply::Endless(lie.clone(), vec![b'x'; 4096])
        } else if head.contains("/chunked") {
            Reply::Endless(chunked.clone(), chunk.clone())
        } else if head.contains("/short") {
            Reply::Bytes(short.clone())
        } else {
            Reply::Slow(drip.clone(), Duration::from_millis(2))
        }
    })
    .await;
    let rows = [
        ("100 MB said beforehand", "/lie", Cause::BadResponse, "more than 65536 bytes"),
        ("no end", "/chunked", Cause::BadResponse, "more than 65536 bytes"),
        ("broken off", "/short", Cause::BadResponse, ""),
        ("a byte now and then", "/drip", Cause::Timeout, "no answer in time"),
    ];
    for (row, path, cause, said) in rows {
        let cx = context(Duration::from_secs(1));
        let tls = trust(None, &cx).await.expect("the public roots");
        let client = Client::new(&tls, None, &cx).expect("a client");
        let begun = Instant::now();
        let mut response = get(&client, &large.url(path)).await.expect(row);
        let failure = body(&mut response, 65536).await.expect_err(row);
        assert_eq!(failure.cause, cause, "{row}: {failure}");
        assert!(failure.message.contains(said), "{row}: {failure}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{row}");
    }
}
