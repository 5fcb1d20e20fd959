//! Who takes the domain's mail (MX), and whether the senders' addresses have names that lead back to them.

use std::net::IpAddr;

use futures_util::future::{join, join_all};
use hickory_resolver::proto::rr::{RData, RecordType};
use launchgate_core::observation::Failure;
use launchgate_core::reading::Readings;

use super::names::{Names, addresses, plain, reverse};
use super::section::Section;

/// The most exchangers, and names of an address, that are looked at.
const MAX_NAMES: usize = 20;

/// The hosts that take the domain's mail; an empty name among them means that nobody does.
///
/// # Errors
/// When nobody could say.
pub(super) async fn hosts(names: &impl Names, domain: &str) -> Result<Vec<String>, Failure> {
    let answer = names.ask(domain, RecordType::MX).await?;
    let hosts = answer.records.iter().filter_map(|data| match data {
        RData::MX(mx) => Some(plain(&mx.exchange)),
        _ => None,
    });
    Ok(hosts.take(MAX_NAMES).collect())
}

/// Looks at every exchanger: each has addresses, and is no alias.
pub(super) async fn look(names: &impl Names, domain: &str) -> Section {
    let hosts = match hosts(names, domain).await {
        Ok(hosts) => hosts,
        Err(failure) => return Section::failed("MX", failure),
    };
    let null = hosts == [String::new()];
    let mut readings = Readings::new().flag("mx_null", null);
    if null || hosts.is_empty() {
        let says = if null { "the domain takes no mail" } else { "there is no exchanger" };
        readings = readings.flag("mx_ok", false).texts("mx_broken", Vec::<String>::new());
        return Section { readings: readings.part("MX", says, true), failure: None };
    }
    let (mut broken, mut failure) = (Vec::new(), None);
    let asked = hosts.iter().map(|host| async move { (host, fault(names, host).await) });
    for (host, fault) in join_all(asked).await {
        let says = match fault {
            Ok(None) => "has addresses".to_owned(),
            Ok(Some(why)) => {
                broken.push(host.clone());
                why.to_owned()
            }
            Err(silence) => {
                let says = silence.to_string();
                failure = failure.or(Some(silence));
                says
            }
        };
        readings = readings.part(format!("MX {host}"), &says, says != "has addresses");
    }
    if failure.is_none() || !broken.is_empty() {
        readings = readings.flag("mx_ok", broken.is_empty());
    }
    if failure.is_none() {
        readings = readings.texts("mx_broken", broken);
    }
    Section { readings, failure }
}

async fn fault(names: &impl Names, host: &str) -> Result<Option<&'static str>, Failure> {
    let ask = |kind| names.ask(host, kind);
    let (four, six) = join(ask(RecordType::A), ask(RecordType::AAAA)).await;
    let (four, six) = (four?, six?);
    Ok(if four.aliased || six.aliased {
        Some("is an alias, which an exchanger must not be")
    } else if four.records.is_empty() && six.records.is_empty() {
        Some("has no address")
    } else {
        None
    })
}

/// Looks whether each address has a name that leads back to it.
pub(super) async fn look_back(names: &impl Names, senders: &[IpAddr]) -> Section {
    let asked = senders.iter().map(|ip| async move { (*ip, leads_back(names, *ip).await) });
    let (mut readings, mut failure, mut unconfirmed) = (Readings::new(), None, Vec::new());
    for (ip, outcome) in join_all(asked).await {
        match outcome {
            Ok(Some(name)) => readings = readings.part(format!("PTR of {ip}"), name, false),
            Ok(None) => {
                unconfirmed.push(ip.to_string());
                readings = readings.part(format!("PTR of {ip}"), "no name leads back", true);
            }
            Err(silence) => {
                readings = readings.part(format!("PTR of {ip}"), silence.to_string(), true);
                failure = failure.or(Some(silence));
            }
        }
    }
    if failure.is_none() || !unconfirmed.is_empty() {
        readings = readings.flag("ptr_confirmed", unconfirmed.is_empty());
    }
    if failure.is_none() {
        readings = readings.texts("ptr_unconfirmed", unconfirmed);
    }
    Section { readings, failure }
}

async fn leads_back(names: &impl Names, ip: IpAddr) -> Result<Option<String>, Failure> {
    let kind = if ip.is_ipv4() { RecordType::A } else { RecordType::AAAA };
    let answer = names.ask(&reverse(ip), RecordType::PTR).await?;
    for data in answer.records.iter().take(MAX_NAMES) {
        let RData::PTR(name) = data else { continue };
        let name = plain(&name.0);
        if addresses(&names.ask(&name, kind).await?.records).any(|found| found == ip) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value;

    use super::*;
    use crate::mail_auth::names::tests::Memory;

    #[tokio::test]
    async fn exchangers_have_addresses_and_senders_names() {
        let names = Memory::read(
            "good.t MX 10 mx.good.t\nmx.good.t A 203.0.113.5\n5.113.0.203.in-addr.arpa PTR mx.good.t
             none.t MX 10 gone.t\nalias.t MX 10 www.t\nwww.t ALIAS\nwww.t A 203.0.113.6
             null.t MX 0 .\nmute.t MX 10 broken.t\nbroken.t BROKEN
             6.113.0.203.in-addr.arpa PTR mx.good.t",
        );
        let rows = [
            ("good.t", Some(true), false),
            ("none.t", Some(false), false),
            ("alias.t", Some(false), false),
            ("nobody.t", Some(false), false),
            ("null.t", Some(false), true),
            ("mute.t", None, false),
        ];
        for (domain, ok, null) in rows {
            let section = look(&names, domain).await;
            assert_eq!(section.readings.get("mx_ok"), ok.map(Value::Flag).as_ref(), "{domain}");
            assert_eq!(section.readings.get("mx_null"), Some(&Value::Flag(null)), "{domain}");
        }
        let rows = [("203.0.113.5", true), ("203.0.113.6", false), ("203.0.113.7", false)];
        for (ip, confirmed) in rows {
            let section = look_back(&names, &[ip.parse().expect("an address")]).await;
            let expected = Some(&Value::Flag(confirmed));
            assert_eq!(section.readings.get("ptr_confirmed"), expected, "{ip}");
        }
    }
}
