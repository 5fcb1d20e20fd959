//! HTTP for probes: clients that connect to nothing they may not, wait for nothing too long, and read nothing too large.
//!
//! A client makes one attempt per request, follows nothing, pools nothing between looks and takes no proxy but the
//! vantage's. Whether a certificate is acceptable is for the public roots and a `ca_file` to say, never for a setting.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use launchgate_core::observation::{Cause, Failure};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Method, Proxy, RequestBuilder, Response, Url};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::probe::Context;
use crate::secret::shown_url;
use crate::trail::Trail;
use crate::{dial, guard};

/// The largest file of extra roots, in bytes.
const MAX_CA_FILE: u64 = 1024 * 1024;

/// What clients trust: the public roots, and those of `ca_file`, which is relative to the launch file.
///
/// # Errors
/// A [`Cause::LocalFault`] that names the file and why it cannot be used.
pub async fn trust(ca_file: Option<&Path>, cx: &Context) -> Result<ClientConfig, Failure> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    if let Some(file) = ca_file {
        add_roots(&mut roots, &cx.folder.join(file)).await?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| unmade(&e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), Failure> {
    let fail = |why: &dyn fmt::Display| {
        Failure::new(Cause::LocalFault, format!("the file of roots {}: {why}", path.display()))
    };
    let mut pem = Vec::new();
    let opened = tokio::fs::File::open(path).await.map_err(|e| fail(&e))?;
    opened.take(MAX_CA_FILE + 1).read_to_end(&mut pem).await.map_err(|e| fail(&e))?;
    if pem.len() as u64 > MAX_CA_FILE {
        return Err(fail(&"it is larger than 1 MiB"));
    }
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|e| fail(&e))?).map_err(|e| fail(&e))?;
    }
    if roots.len() == before {
        return Err(fail(&"it holds no certificate"));
    }
    Ok(())
}

fn unmade(why: &dyn fmt::Display) -> Failure {
    Failure::new(Cause::LocalFault, format!("no client for HTTP can be made: {why}"))
}

/// Where one host is found, whatever the system's resolver says.
#[derive(Debug, Clone)]
pub struct Pin {
    /// The host's name as it stands in URLs.
    pub host: String,
    /// The address that is connected to, at the URL's port.
    pub address: IpAddr,
}

/// A client for one look.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    until: Instant,
    trail: Trail,
}

impl Client {
    /// A client that trusts `tls`, finds one host where `pin` says, and ends a little before the look must.
    ///
    /// # Errors
    /// A [`Cause::LocalFault`] when none can be made.
    pub fn new(tls: &ClientConfig, pin: Option<Pin>, cx: &Context) -> Result<Self, Failure> {
        // The rest of the time is for telling how it went.
        let until = Instant::now() + cx.remaining().mul_f64(0.9);
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .dns_resolver(Arc::new(Guarded { pin, until, cx: cx.clone() }))
            .local_address(cx.vantage.local_address);
        let builder = match &cx.vantage.proxy {
            None => builder.no_proxy(),
            Some(proxy) => builder.proxy(Proxy::all(proxy.clone()).map_err(|e| unmade(&e))?),
        };
        let http = builder
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("launchgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| unmade(&e))?;
        Ok(Self { http, until, trail: cx.trail.clone() })
    }

    /// Begins a request; [`Client::send`] sends it.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends once, and waits until the head of the answer is there. The body has to come by the same deadline.
    ///
    /// # Errors
    /// An address that is never probed, a certificate that is not trusted, or the transport's fault by its class.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, Fault> {
        let mut request = request.build().map_err(|e| {
            Failure::new(Cause::ProbeError, format!("the request: {}", e.without_url()))
        })?;
        if let Some(ip) = literal(request.url()) {
            guard::permit(ip)?;
        }
        let from = shown_url(request.url());
        *request.timeout_mut() = Some(self.until.saturating_duration_since(Instant::now()));
        let (asked, began) = (request.method().clone(), Instant::now());
        let answer = self.http.execute(request).await.map_err(|e| fault(&from, &e.without_url()));
        if self.trail.is_kept() {
            let came = match &answer {
                Ok(response) => format!("{:?} {}", response.version(), response.status()),
                Err(Fault::Certificate(why)) => why.clone(),
                Err(Fault::Failure(failure)) => failure.to_string(),
            };
            self.trail.note(&from, asked, came, began.elapsed());
        }
        answer
    }
}

/// The address that a URL names outright, in any of its spellings.
pub fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// Reads a body of at most `limit` bytes, counted after decompression.
///
/// # Errors
/// [`Cause::BadResponse`] for a body that is larger or breaks off, [`Cause::Timeout`] for one that does not end in time.
pub async fn body(response: &mut Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let from = shown_url(response.url());
    let large =
        || Failure::new(Cause::BadResponse, format!("{from} answers with more than {limit} bytes"));
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(large());
    }
    let mut body = Vec::new();
    while let Some(part) =
        response.chunk().await.map_err(|e| Failure::from(fault(&from, &e.without_url())))?
    {
        if part.len() > limit - body.len() {
            return Err(large());
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The server's certificate is not trusted for its name: where, and why.
    Certificate(String),
    /// Anything else.
    Failure(Failure),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Certificate(message) => Self::new(Cause::BadResponse, message),
            Fault::Failure(failure) => failure,
        }
    }
}

fn fault(from: &str, error: &reqwest::Error) -> Fault {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
        if let Some(Unresolved(failure)) = source.downcast_ref() {
            return failure.clone().into();
        }
        let Some(mut io) = source.downcast_ref::<io::Error>() else { continue };
        // An IO error's source is its content's source, so that what it holds is only found from outside.
        while let Some(inner) = io.get_ref().and_then(|e| e.downcast_ref()) {
            io = inner;
        }
        let Some(inside) = io.get_ref() else { return dial::io_failure(from, io).into() };
        match inside.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidCertificate(why)) => {
                return Fault::Certificate(format!(
                    "{from}: its certificate is not trusted: {why}"
                ));
            }
            Some(other) => {
                return Failure::new(Cause::BadResponse, format!("{from}: TLS: {other}")).into();
            }
            None => {}
        }
    }
    let (cause, why) = if error.is_timeout() {
        (Cause::Timeout, "no answer in time".to_owned())
    } else if error.is_connect() {
        (Cause::Unreachable, innermost.to_string())
    } else {
        (Cause::BadResponse, innermost.to_string())
    };
    Failure::new(cause, format!("{from}: {why}")).into()
}

/// A resolver that gives no address away that is never probed.
#[derive(Debug)]
struct Guarded {
    pin: Option<Pin>,
    until: Instant,
    cx: Context,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let pinned = self.pin.as_ref().filter(|pin| pin.host.eq_ignore_ascii_case(name.as_str()));
        let pinned = pinned.map(|pin| pin.address);
        let (cx, until) = (self.cx.clone(), self.until);
        Box::pin(async move {
            let found = addresses(&cx, name.as_str(), pinned, until).await;
            let addresses = found.map_err(Unresolved)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses of `host`, with the port zero, which stands for the URL's.
async fn addresses(
    cx: &Context,
    host: &str,
    pinned: Option<IpAddr>,
    until: Instant,
) -> Result<Vec<SocketAddr>, Failure> {
    let found = match pinned {
        Some(ip) => vec![SocketAddr::new(ip, 0)],
        None => dial::resolve(cx, host, 0, until.saturating_duration_since(Instant::now())).await?,
    };
    for address in &found {
        guard::permit(address.ip())?;
    }
    Ok(found)
}

/// A failure on its way through the client's errors.
#[derive(Debug)]
struct Unresolved(Failure);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for Unresolved {}

#[cfg(test)]
#[path = "client_tests.rs"]
pub(crate) mod tests;
