//! An HTTPS site with a certificate authority of its own, and the plain site that leads to it.
//!
//! Every path has the same page, and every connection carries one request.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::{Tasks, listener, pki, serve};

/// The largest head of a request that is read, in bytes.
const MAX_HEAD: usize = 16 << 10;
const PAGE: &str = "Welcome, shopper\n";

/// A running site.
#[derive(Debug)]
pub struct SiteTarget {
    https: SocketAddr,
    http: SocketAddr,
    ca_file: PathBuf,
    _tasks: Tasks,
}

impl SiteTarget {
    /// Starts a site for `name` and `www.` before it, whose certificate lasts for another `days` (negative: it ended so
    /// long ago), and writes the authority's certificate to `ca.pem` in `folder`.
    ///
    /// # Errors
    /// Loopback has no free port, `folder` cannot be written, or no certificate can hold `name` or `days`.
    pub async fn start(name: &str, days: i64, folder: &Path) -> io::Result<Self> {
        let names = vec![name.to_owned(), format!("www.{name}")];
        let identity = pki::issue(names, days).map_err(io::Error::other)?;
        let ca_file = folder.join("ca.pem");
        std::fs::write(&ca_file, identity.authority)?;
        let acceptor = TlsAcceptor::from(Arc::new(identity.config));
        let (secure, https) = listener().await?;
        let (plain, http) = listener().await?;
        let mut tasks = Tasks::default();
        tasks.run(serve(secure, move |stream| {
            let acceptor = acceptor.clone();
            async move { answer(acceptor.accept(stream).await?, |_| welcome()).await }
        }));
        let origin: Arc<str> = format!("https://{name}:{}", https.port()).into();
        tasks.run(serve(plain, move |stream| {
            let origin = Arc::clone(&origin);
            async move { answer(stream, |head| redirect(&origin, head)).await }
        }));
        Ok(Self { https, http, ca_file, _tasks: tasks })
    }

    /// Where the site is.
    pub fn https(&self) -> SocketAddr {
        self.https
    }

    /// Where the plain site is.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The authority's certificate, in PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }
}

fn welcome() -> String {
    format!(
        "HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=31536000; includeSubDomains\r\n\
         content-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{PAGE}",
        PAGE.len()
    )
}

/// Sends a visitor to the page of `origin` that was asked for; to the first one if the request names none.
fn redirect(origin: &str, head: &[u8]) -> String {
    let path = head.split(|byte| *byte == b' ').nth(1).and_then(|path| str::from_utf8(path).ok());
    let sound = |path: &&str| path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
    let path = path.filter(sound).unwrap_or("/");
    format!(
        "HTTP/1.1 301 Moved Permanently\r\nlocation: {origin}{path}\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n"
    )
}

/// Reads a request's head, bounded, and answers it.
async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    say: impl FnOnce(&[u8]) -> String,
) -> io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 1_024];
    while head.len() < MAX_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(&buffer[..read]);
    }
    stream.write_all(say(&head).as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use launchgate_core::reading::{Readings, Value};
    use launchgate_probes::{Context, builtin};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;

    use super::super::PATIENCE;
    use super::*;

    const NAME: &str = "shop.demo.test";

    /// A folder that ends with its test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let name = format!("launchgate-site-{test}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).expect("the folder is ours");
        }
    }

    /// What the `tls` probe sees with the authority's certificate as `ca_file`.
    async fn look(site: &SiteTarget, folder: &Folder) -> Readings {
        let settings = serde_json::json!({
            "host": NAME,
            "address": site.https().to_string(),
            "ca_file": "ca.pem",
            "names": ["www.shop.demo.test"],
        });
        let probe = builtin().build("tls", settings).expect("settings");
        let cx = Context::new(PATIENCE, Timestamp::now(), None, folder.0.clone());
        probe.observe(&cx).await.expect("readings")
    }

    /// Sends a request and reads all that comes back.
    async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {NAME}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it listens");
        let mut answer = String::new();
        let all = stream.read_to_string(&mut answer);
        tokio::time::timeout(PATIENCE, all).await.expect("an answer in time").expect("an answer");
        answer
    }

    #[tokio::test]
    async fn the_probe_sees_the_chosen_validity() {
        let folder = Folder::new("validity");
        for (row, days, trusted) in
            [("long", 365, true), ("short", 3, true), ("ended yesterday", -1, false)]
        {
            let site = SiteTarget::start(NAME, days, &folder.0).await.expect(row);
            let r = look(&site, &folder).await;
            assert_eq!(r.get("trusted"), Some(&Value::Flag(trusted)), "{row}: {r:?}");
            assert_eq!(r.get("covers_names"), Some(&Value::Flag(true)), "{row}: {r:?}");
            let Some(Value::Number(left)) = r.get("days_left") else { panic!("{row}: {r:?}") };
            let expected = f64::from(i32::try_from(days).expect("few")) * 86_400.0;
            assert!((left - expected).abs() < 60.0, "{row}: {left} s are left");
        }
    }

    #[tokio::test]
    async fn a_visitor_who_trusts_the_authority_is_told_to_stay_on_https() {
        let folder = Folder::new("visitor");
        let site = SiteTarget::start(NAME, 90, &folder.0).await.expect("a site");
        let mut roots = rustls::RootCertStore::empty();
        let root = CertificateDer::from_pem_file(site.ca_file()).expect("a certificate");
        roots.add(root).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(site.https()).await.expect("a connection");
        let name = ServerName::try_from(NAME).expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        let answer = ask(connector.connect(name, stream).await.expect("trust"), "/").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nstrict-transport-security: max-age=31536000"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nWelcome, shopper\n"), "{answer}");
    }

    #[tokio::test]
    async fn the_plain_site_leads_to_the_same_page_of_the_secure_one() {
        let folder = Folder::new("redirect");
        let site = SiteTarget::start(NAME, 90, &folder.0).await.expect("a site");
        let port = site.https().port();
        for (row, path, leads_to) in [
            ("the first page", "/", "/"),
            ("another", "/basket?item=7", "/basket?item=7"),
            ("none of this site", "http://other.example/", "/"),
        ] {
            let stream = TcpStream::connect(site.http()).await.expect("a connection");
            let answer = ask(stream, path).await;
            assert!(answer.starts_with("HTTP/1.1 301 Moved Permanently\r\n"), "{row}: {answer}");
            let location = format!("\r\nlocation: https://{NAME}:{port}{leads_to}\r\n");
            assert!(answer.contains(&location), "{row}: {answer}");
        }
    }

    #[tokio::test]
    async fn it_ends_when_it_is_dropped_with_its_conversations() {
        let folder = Folder::new("drop");
        let site = SiteTarget::start(NAME, 90, &folder.0).await.expect("a site");
        let mut held = Vec::new();
        // The beginning of a request, and that of a handshake.
        for (address, beginning) in [(site.http(), b"G"), (site.https(), &[22])] {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(beginning).await.expect("it listens");
            held.push(stream);
        }
        let answer = ask(TcpStream::connect(site.http()).await.expect("a connection"), "/").await;
        assert!(!answer.is_empty(), "those before were accepted as well");
        drop(site);
        for mut stream in held {
            let end = tokio::time::timeout(PATIENCE / 2, stream.read(&mut [0; 8])).await;
            let ended = matches!(end, Ok(Ok(0) | Err(_)));
            assert!(ended, "a conversation goes on: {end:?}");
        }
    }
}
