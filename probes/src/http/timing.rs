//! How long each phase of a request takes, by a second request over a connection of its own.
//!
//! A full client does not tell its phases apart, so that these are not of the answer that the other readings are of.
//! The first answer counts: redirects are not followed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use launchgate_core::name::Name;
use launchgate_core::observation::Failure;
use launchgate_core::reading::number;
use reqwest::Url;
use rustls::ClientConfig;

use super::exchange::Request;
use super::facts::Found;
use super::settings::Plan;
use super::wire::{self, Ask};
use crate::probe::Context;

/// The readings of the phases, and what each is.
pub(super) const PHASES: [(&str, &str); 5] = [
    ("time_dns", "from the name to its addresses; absent where none was resolved"),
    ("time_connect", "the TCP connection"),
    ("time_tls", "the TLS handshake; absent without TLS"),
    ("time_first_byte", "from the request to the first byte of the answer"),
    ("time_total", "from the beginning to the last byte of the answer, all phases together"),
];

/// Adds the times of a request to what was found by another.
pub(super) async fn add(
    found: &mut Found,
    plan: &Plan,
    url: &Url,
    address: Option<IpAddr>,
    request: &Request,
    tls: &ClientConfig,
    cx: &Context,
) {
    let port = url.port_or_known_default().unwrap_or_default();
    let ask = Ask {
        method: &plan.method,
        url,
        address: address.map(|ip| SocketAddr::new(ip, port)),
        headers: &request.headers(),
        limit: plan.max_body,
    };
    match wire::ask(cx, tls, &ask).await.map_err(Failure::from) {
        Ok(heard) => {
            let times = heard.times;
            let each = [
                times.dns,
                Some(times.connect),
                times.tls,
                Some(times.first_byte),
                Some(times.total),
            ];
            for ((name, _), time) in PHASES.into_iter().zip(each) {
                if let Some(value) = time.as_ref().map(Duration::as_secs_f64).map(number) {
                    found.values.insert(Name::of(name), value);
                }
            }
        }
        Err(failure) => found.remarks.push(format!("its phases were not timed: {failure}")),
    }
}
