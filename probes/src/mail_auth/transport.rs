//! Whether others send to the domain over TLS alone: MTA-STS (RFC 8461), and TLS reports (RFC 8460).

use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::Readings;
use reqwest::{Method, Url};

use super::exchangers;
use super::names::{Names, addresses, texts};
use super::section::Section;
use super::tags::Tags;
use crate::client::{self, Client, Fault, Pin};
use crate::probe::Context;

/// The largest policy that is read, in bytes.
const MAX_POLICY: usize = 64 * 1024;
/// The longest time that a policy may ask to be kept.
const MAX_AGE: u64 = 31_557_600;

/// An MTA-STS policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    /// `enforce`, `testing` or `none`.
    pub(super) mode: &'static str,
    /// Who may take the mail: names, `*.` standing for one label.
    pub(super) exchangers: Vec<String>,
    /// For how long senders keep it.
    pub(super) max_age: Duration,
}

/// Reads a policy; none for what senders would not accept.
pub(super) fn parse(text: &[u8]) -> Option<Policy> {
    let text = std::str::from_utf8(text).ok()?;
    let (mut version, mut mode, mut max_age, mut exchangers) = (None, None, None, Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once(':')?;
        match (key.trim_end(), value.trim()) {
            ("version", value) => version = version.or(Some(value)),
            ("mode", value) => mode = mode.or(Some(value)),
            ("max_age", value) => max_age = max_age.or(Some(value)),
            ("mx", value) if exchangers.len() < 100 => exchangers.push(value.to_ascii_lowercase()),
            _ => {}
        }
    }
    let mode = ["enforce", "testing", "none"].into_iter().find(|m| Some(*m) == mode)?;
    let max_age = max_age?.parse().ok().filter(|age| *age <= MAX_AGE)?;
    let complete = version == Some("STSv1") && (mode == "none" || !exchangers.is_empty());
    complete.then_some(Policy { mode, exchangers, max_age: Duration::from_secs(max_age) })
}

/// Whether a pattern names a host: itself, or one more label in place of the `*`.
fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => pattern == host,
    }
}

/// Looks for the policy, by name and by HTTPS.
pub(super) async fn look(names: &impl Names, cx: &Context, domain: &str) -> Section {
    let announced = match texts(names, &format!("_mta-sts.{domain}")).await {
        Ok(texts) => announced(&texts),
        Err(failure) => return Section::failed("MTA-STS", failure),
    };
    if !announced {
        let readings = Readings::new().text("mta_sts_mode", "missing");
        return Section { readings, failure: None };
    }
    let unusable = |why: &str| {
        let readings = Readings::new().text("mta_sts_mode", "unusable");
        Section { readings: readings.part("MTA-STS", why, true), failure: None }
    };
    let policy = match fetch(names, cx, domain).await {
        Ok(Ok(body)) => parse(&body),
        Ok(Err(why)) => return unusable(&why),
        Err(failure) => return Section::failed("MTA-STS", failure),
    };
    let Some(policy) = policy else { return unusable("the policy breaks the grammar") };
    let mut readings = Readings::new()
        .text("mta_sts_mode", policy.mode)
        .time("mta_sts_max_age", policy.max_age)
        .part("MTA-STS", policy.mode, policy.mode != "enforce");
    let failure = match exchangers::hosts(names, domain).await {
        Ok(hosts) => {
            let covered = |host: &String| policy.exchangers.iter().any(|p| covers(p, host));
            let all = !hosts.is_empty() && hosts.iter().all(covered);
            readings = readings.flag("mta_sts_covers_mx", all);
            None
        }
        Err(failure) => Some(failure),
    };
    Section { readings, failure }
}

fn announced(texts: &[Vec<u8>]) -> bool {
    let mut records = texts.iter().map(|t| Tags::read(t));
    let is = |tags: &Tags| tags.first() == Some(("v", "STSv1"));
    let mut found = records.by_ref().filter(is);
    matches!((found.next(), found.next()), (Some(only), None) if only.get("id").is_some_and(|id| !id.is_empty()))
}

/// The policy's text, or why senders would not get one.
async fn fetch(
    names: &impl Names,
    cx: &Context,
    domain: &str,
) -> Result<Result<Vec<u8>, String>, Failure> {
    let host = format!("mta-sts.{domain}");
    let four = names.ask(&host, RecordType::A).await?;
    let six = names.ask(&host, RecordType::AAAA).await?;
    let found = addresses(&four.records).chain(addresses(&six.records)).next();
    let Some(address) = found else { return Ok(Err(format!("{host} has no address"))) };
    let url = Url::parse(&format!("https://{host}/.well-known/mta-sts.txt"))
        .map_err(|e| Failure::new(Cause::ProbeError, format!("the policy's URL: {e}")))?;
    let client = Client::new(&client::trust(None, cx).await?, Some(Pin { host, address }), cx)?;
    match client.send(client.request(Method::GET, url)).await {
        Ok(response) if response.status() != 200 => {
            Ok(Err(format!("the policy's page answers {}", response.status())))
        }
        Ok(mut response) => client::body(&mut response, MAX_POLICY).await.map(Ok),
        Err(Fault::Certificate(why)) => Ok(Err(why)),
        Err(Fault::Failure(failure)) => Err(failure),
    }
}

/// Looks whether reports about TLS are asked for.
pub(super) async fn look_for_reports(names: &impl Names, domain: &str) -> Section {
    match texts(names, &format!("_smtp._tls.{domain}")).await {
        Ok(texts) => {
            let readings = Readings::new().flag("tls_reports", reported(&texts));
            Section { readings, failure: None }
        }
        Err(failure) => Section::failed("TLS reports", failure),
    }
}

fn reported(texts: &[Vec<u8>]) -> bool {
    let mut records =
        texts.iter().map(|t| Tags::read(t)).filter(|t| t.first() == Some(("v", "TLSRPTv1")));
    let Some(only) = records.next() else { return false };
    let good = |uri: &str| {
        let uri = uri.trim().to_ascii_lowercase();
        uri.starts_with("https://") || (uri.starts_with("mailto:") && uri.contains('@'))
    };
    records.next().is_none() && only.get("rua").is_some_and(|rua| rua.split(',').any(good))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_senders_do() {
        let good = "version: STSv1\nmode: enforce\nmx: mx.shop.example\nmax_age: 604800\n";
        let rows = [
            ("plain", good.to_owned(), Some("enforce")),
            ("with carriage returns", good.replace('\n', "\r\n"), Some("enforce")),
            (
                "in another order",
                "max_age: 1\nmx: *.a.b\nmode: testing\nversion: STSv1".to_owned(),
                { Some("testing") },
            ),
            ("withdrawn", "version: STSv1\nmode: none\nmax_age: 1".to_owned(), Some("none")),
            ("no exchanger", good.replace("mx: mx.shop.example\n", ""), None),
            ("another version", good.replace("STSv1", "STSv2"), None),
            ("another mode", good.replace("enforce", "report"), None),
            ("no age", good.replace("max_age: 604800\n", ""), None),
            ("an endless age", good.replace("604800", "99999999999"), None),
            ("a page", "<html>".to_owned(), None),
            ("nothing", String::new(), None),
        ];
        for (row, text, mode) in rows {
            assert_eq!(parse(text.as_bytes()).map(|p| p.mode), mode, "{row}");
        }
    }

    #[test]
    fn patterns_stand_for_one_label() {
        let rows = [
            ("mx.a.b", "mx.a.b", true),
            ("*.a.b", "mx.a.b", true),
            ("*.a.b", "x.mx.a.b", false),
            ("*.a.b", "a.b", false),
            ("mx.a.b", "my.a.b", false),
        ];
        for (pattern, host, is) in rows {
            assert_eq!(covers(pattern, host), is, "{pattern} {host}");
        }
    }

    #[test]
    fn announcements_are_read() {
        let rows = [
            ("one", vec!["v=STSv1; id=20260101;"], true),
            ("no id", vec!["v=STSv1;"], false),
            ("two", vec!["v=STSv1; id=1", "v=STSv1; id=2"], false),
            ("beside another text", vec!["x", "v=STSv1; id=1"], true),
            ("none", vec![], false),
        ];
        for (row, texts, is) in rows {
            let texts: Vec<Vec<u8>> = texts.into_iter().map(|t| t.as_bytes().to_vec()).collect();
            assert_eq!(announced(&texts), is, "{row}");
        }
        let rows = [
            ("v=TLSRPTv1; rua=mailto:tls@shop.example", true),
            ("v=TLSRPTv1;rua=https://r.example/x", true),
            ("v=TLSRPTv1; rua=ftp://r.example", false),
            ("v=TLSRPTv1", false),
        ];
        for (text, is) in rows {
            assert_eq!(reported(&[text.as_bytes().to_vec()]), is, "{text}");
        }
    }
}
