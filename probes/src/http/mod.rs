//! `http`: what one or several addresses answer to one request: status, time, headers, and what their bodies say.
//!
//! A target that answers with an error has answered, which is a reading; one that cannot be asked is a failure. It does
//! not judge certificates beyond trusting them (see `tls`), and runs no script of a page.

mod exchange;
mod facts;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod json;
#[cfg(test)]
mod live;
mod settings;
mod timing;
mod verdict;
pub(crate) mod wire;

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, Readings};
use reqwest::Url;
use rustls::ClientConfig;

use crate::client::{self, Client, Pin};
use crate::dial;
use crate::probe::{Context, Probe};
use exchange::Request;
pub use json::{JsonForm, JsonReading};
use settings::Plan;
pub use settings::{Method, Settings};
use verdict::{Look, Seen};

/// The most pairs of URL and address that one look asks.
const MAX_LOOKS: usize = 64;

/// The `http` probe; see the module's documentation.
#[derive(Debug)]
pub struct Http {
    plan: Plan,
}

impl Probe for Http {
    const KIND: &'static str = "http";
    const EXAMPLE: &'static str = "\
url: https://shop.example/healthz
json:
  version: { pointer: /version, as: text }
";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        Ok(Self { plan: settings.check()? })
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        verdict::specs(&self.plan.facts, self.plan.is_several())
    }

    fn hosts(&self) -> Vec<String> {
        let port = |url: &Url| url.port_or_known_default().unwrap_or_default();
        let host = |url: &Url| format!("{}:{}", url.host_str().unwrap_or_default(), port(url));
        self.plan.urls.iter().map(host).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let request = Request::new(&self.plan, cx)?;
        let tls = client::trust(self.plan.ca_file.as_deref(), cx).await?;
        let found = join_all(self.plan.urls.iter().map(|url| self.addresses(url, cx))).await;
        let mut looks = Vec::new();
        let mut targets = Vec::new();
        for (url, found) in self.plan.urls.iter().zip(found) {
            match found {
                Ok(found) => targets.extend(found.into_iter().map(|ip| (url, ip))),
                Err(failure) => looks.push(Look::new(url, None, Err(failure))),
            }
        }
        if targets.len() > MAX_LOOKS {
            let message = format!("{} addresses to ask, the most is {MAX_LOOKS}", targets.len());
            return Err(Failure::new(Cause::BadResponse, message));
        }
        let asked = targets
            .into_iter()
            .map(async |(url, ip)| Look::new(url, ip, self.ask(url, ip, &request, &tls, cx).await));
        looks.extend(join_all(asked).await);
        verdict::read(looks, &self.plan.facts, self.plan.is_several())
    }
}

impl Http {
    /// Where to look for a URL's host: the given addresses, all that it has, or wherever the client finds it.
    async fn addresses(&self, url: &Url, cx: &Context) -> Result<Vec<Option<IpAddr>>, Failure> {
        if !self.plan.addresses.is_empty() {
            return Ok(self.plan.addresses.iter().copied().map(Some).collect());
        }
        if !self.plan.every_address {
            return Ok(vec![None]);
        }
        let host = url.host_str().unwrap_or_default();
        let found = dial::resolve(cx, host, 0, cx.remaining().mul_f64(0.5)).await?;
        Ok(found.iter().map(SocketAddr::ip).map(Some).collect())
    }

    async fn ask(
        &self,
        url: &Url,
        address: Option<IpAddr>,
        request: &Request,
        tls: &ClientConfig,
        cx: &Context,
    ) -> Result<Seen, Failure> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let pin = address.map(|address| Pin { host, address });
        let client = Client::new(tls, pin, cx)?;
        let answer = exchange::exchange(&client, url, request).await?;
        let mut facts = self.plan.facts.read(&answer, cx.now);
        if self.plan.facts.timings {
            timing::add(&mut facts, &self.plan, url, address, request, tls, cx).await;
        }
        Ok(Seen { ok: self.plan.is_ok(answer.status), facts })
    }
}
