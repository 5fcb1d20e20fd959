//! HTTP to a source of metrics: one client per look, one attempt per request, nothing followed, every body bounded.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use tokio::io::AsyncReadExt;

use super::access::Access;
use crate::probe::Context;
use crate::secret::shown_url;
use crate::{dial, guard};

/// The largest file of extra roots, in bytes.
const MAX_CA_FILE: u64 = 1024 * 1024;

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Who answered, for messages.
    pub(crate) from: String,
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// A client for one look at one address.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    access: &'a Access,
    client: Client,
    cx: &'a Context,
}

impl<'a> Session<'a> {
    /// Makes the client: reads the secrets, resolves the host, and refuses addresses that are never probed.
    ///
    /// # Errors
    /// What keeps it from being made, by its class.
    pub(crate) async fn open(access: &'a Access, cx: &'a Context) -> Result<Self, Failure> {
        Ok(Self { access, client: client(access, cx).await?, cx })
    }

    /// Gets the address itself, with at most `limit` bytes.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub(crate) async fn get(&self, accept: &'static str, limit: usize) -> Result<Answer, Failure> {
        let request = self.client.get(self.access.url.clone()).header(ACCEPT, accept);
        self.send(request, &self.access.url, limit).await
    }

    /// Posts a form to `path` below the address, and takes at most `limit` bytes.
    ///
    /// # Errors
    /// See [`Session::send`].
    pub(super) async fn post(
        &self,
        path: &str,
        form: &[(&str, String)],
        limit: usize,
    ) -> Result<Answer, Failure> {
        let url = self.access.below(path);
        self.send(self.client.post(url.clone()).form(form), &url, limit).await
    }

    /// Sends once.
    ///
    /// # Errors
    /// The fault of the transport by its class, credentials that are refused, or a body beyond the limit.
    async fn send(
        &self,
        request: RequestBuilder,
        url: &Url,
        limit: usize,
    ) -> Result<Answer, Failure> {
        let from = shown_url(url);
        let mut request = request.timeout(self.within());
        if let Some(bearer) = &self.access.bearer {
            request = request.bearer_auth(bearer.resolve(self.cx)?.expose_secret());
        }
        if let Some(basic) = &self.access.basic {
            let password = basic.password.resolve(self.cx)?;
            request = request.basic_auth(&basic.user, Some(password.expose_secret()));
        }
        let mut response = request.send().await.map_err(|e| transport(&from, &e.without_url()))?;
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Failure::new(Cause::Auth, format!("{from} answers {status}")));
        }
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
        let mut body = Vec::new();
        while let Some(part) =
            response.chunk().await.map_err(|e| transport(&from, &e.without_url()))?
        {
            if body.len() + part.len() > limit {
                let message = format!("{from} answers with more than {limit} bytes");
                return Err(Failure::new(Cause::BadResponse, message));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { from, status, content_type, body })
    }

    /// What is left of the look, less what is needed to tell how it went.
    pub(super) fn within(&self) -> Duration {
        self.cx.remaining().mul_f64(0.95)
    }
}

/// The client: TLS by aws-lc-rs, no proxy from the environment, no redirect, no retry, and only the addresses that the
/// host has now and that may be probed.
async fn client(access: &Access, cx: &Context) -> Result<Client, Failure> {
    let host = access.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = access.url.port_or_known_default().unwrap_or(80);
    let addresses = dial::resolve(host, port, cx.remaining().mul_f64(0.5)).await?;
    for address in &addresses {
        guard::permit(address.ip())?;
    }
    let fault = |e: &dyn std::fmt::Display| {
        Failure::new(Cause::LocalFault, format!("no client for HTTP can be made: {e}"))
    };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| fault(&e))?
        .with_root_certificates(roots(access, cx).await?)
        .with_no_client_auth();
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .user_agent(concat!("launchgate/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(cx.remaining().mul_f64(0.9))
        .resolve_to_addrs(host, &addresses)
        .default_headers(headers(access, cx)?);
    builder.build().map_err(|e| fault(&e))
}

fn headers(access: &Access, cx: &Context) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in &access.headers {
        let secret = value.resolve(cx)?;
        let Ok(mut value) = HeaderValue::from_str(secret.expose_secret()) else {
            let message = format!("the value for the header `{name}` holds control characters");
            return Err(Failure::new(Cause::Auth, message));
        };
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
    Ok(headers)
}

/// The public roots, and those of `ca_file`.
async fn roots(access: &Access, cx: &Context) -> Result<RootCertStore, Failure> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let Some(file) = &access.ca_file else { return Ok(roots) };
    let path = cx.folder.join(file);
    let fail = |why: &dyn std::fmt::Display| {
        Failure::new(Cause::LocalFault, format!("the file of roots {}: {why}", path.display()))
    };
    let mut pem = Vec::new();
    let opened = tokio::fs::File::open(&path).await.map_err(|e| fail(&e))?;
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
    Ok(roots)
}

/// The failure that an error of the client means.
fn transport(from: &str, error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::new(Cause::Timeout, format!("{from}: no answer in time"));
    }
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
        let Some(io) = source.downcast_ref::<io::Error>() else { continue };
        let inside = io.get_ref();
        if let Some(tls) = inside.and_then(|e| e.downcast_ref::<rustls::Error>()) {
            return Failure::new(Cause::BadResponse, format!("{from}: TLS: {tls}"));
        }
        if inside.is_none() {
            return dial::io_failure(from, io);
        }
    }
    let cause =
        if error.is_body() || error.is_decode() { Cause::BadResponse } else { Cause::Unreachable };
    Failure::new(cause, format!("{from}: {innermost}"))
}
