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
mod samples;
mod settings;
mod timing;
mod verdict;
pub(crate) mod wire;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, Readings};
use reqwest::Url;
use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::time::Instant;

use crate::client::{self, Client, Pin};
use crate::dial;
use crate::probe::{Context, Probe};
use exchange::{Answer, Request};
use facts::Facts;
pub use json::{JsonForm, JsonReading};
use samples::Samples;
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

    fn least_timeout(&self) -> Duration {
        self.plan.facts.samples.map_or(Duration::ZERO, |_| samples::LEAST * self.requests())
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let request = Request::new(&self.plan, cx)?;
        let mut tls = client::trust(self.plan.ca_file.as_deref(), cx).await?;
        if self.plan.facts.samples.is_some() {
            // A resumed handshake takes a time that no new client has.
            tls.resumption = Resumption::disabled();
        }
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

    /// How many requests each target is sent.
    fn requests(&self) -> u32 {
        let Facts { samples, timings, .. } = &self.plan.facts;
        u32::from(samples.unwrap_or(1)) + u32::from(*timings)
    }

    async fn ask(
        &self,
        url: &Url,
        address: Option<IpAddr>,
        request: &Request,
        tls: &ClientConfig,
        cx: &Context,
    ) -> Result<Seen, Failure> {
        let (answer, samples) = match self.plan.facts.samples {
            None => (self.once(url, address, request, tls, cx).await?, None),
            Some(count) => {
                let (answer, samples) = self.often(count, url, address, request, tls, cx).await?;
                (answer, Some(samples))
            }
        };
        let mut facts = self.plan.facts.read(&answer, cx.now);
        if self.plan.facts.timings {
            timing::add(&mut facts, &self.plan, url, address, request, tls, cx).await;
        }
        facts.remarks.extend(samples.as_ref().and_then(Samples::remark));
        Ok(Seen { ok: self.plan.is_ok(answer.status), facts, samples })
    }

    /// One request, over connections of its own.
    async fn once(
        &self,
        url: &Url,
        address: Option<IpAddr>,
        request: &Request,
        tls: &ClientConfig,
        cx: &Context,
    ) -> Result<Answer, Failure> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let pin = address.map(|address| Pin { host, address });
        let client = Client::new(tls, pin, cx)?;
        exchange::exchange(&client, url, request).await
    }

    /// One request after another, each with its share of the time, and the worst of the answers: one that is not as it
    /// should be before one that is, then the highest status, then the slowest.
    async fn often(
        &self,
        count: u16,
        url: &Url,
        address: Option<IpAddr>,
        request: &Request,
        tls: &ClientConfig,
        cx: &Context,
    ) -> Result<(Answer, Samples), Failure> {
        let share = cx.remaining() / self.requests();
        let rank = |answer: &Answer| {
            (!self.plan.is_ok(answer.status), answer.status.as_u16(), answer.latency)
        };
        let (mut worst, mut samples) = (None::<Answer>, Samples::default());
        for _ in 0..count {
            let cx = Context { deadline: Instant::now() + share, ..cx.clone() };
            match self.once(url, address, request, tls, &cx).await {
                Ok(answer) => {
                    if self.plan.is_ok(answer.status) {
                        samples.good(answer.latency);
                    } else {
                        samples.bad(answer.status);
                    }
                    if worst.as_ref().is_none_or(|worst| rank(worst) < rank(&answer)) {
                        worst = Some(answer);
                    }
                }
                Err(failure) if verdict::is_ours(&failure) => return Err(failure),
                Err(failure) => samples.silent(failure),
            }
        }
        let none = || Failure::new(Cause::NoData, "nothing was asked");
        match worst {
            Some(answer) => Ok((answer, samples)),
            None => Err(samples.silence().cloned().unwrap_or_else(none)),
        }
    }
}
