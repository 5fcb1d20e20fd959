//! `grpc`: whether services say that they serve, by gRPC's health checking protocol, at every address behind a name.
//!
//! It speaks `grpc.health.v1.Health/Check` and nothing else. Source: the gRPC Health Checking Protocol
//! (`grpc/doc/health-checking.md`).

mod exchange;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Context, Probe, client, dial};
use exchange::Asked;
pub use wire::{Status, read_answer};

/// The most services that are asked for.
const MAX_SERVICES: usize = 32;

/// Settings of the `grpc` probe.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The host: a name, each of whose addresses is asked, or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The services that are asked for, such as `shop.v1.Cart`; without any, the server as a whole.
    #[serde(default)]
    pub services: Vec<String>,
    /// Whether it speaks TLS, which it does unless this says `false`.
    #[serde(default = "yes")]
    pub tls: bool,
    /// A PEM file of roots that are trusted besides the public ones, relative to the launch file.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

fn yes() -> bool {
    true
}

/// The `grpc` probe; see the module's documentation.
#[derive(Debug)]
pub struct Grpc {
    settings: Settings,
    name: Option<ServerName<'static>>,
    services: Vec<String>,
}

/// What one address said of one service.
type Look = (String, Answer);

/// What a service said, and after what time; or why it said nothing.
type Answer = Result<(Status, Duration), Failure>;

impl Probe for Grpc {
    const KIND: &'static str = "grpc";
    const EXAMPLE: &'static str = "host: cart.shop.example\nport: 443\nservices: [shop.v1.Cart]\n";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let name = ServerName::try_from(settings.host.clone()).ok();
        if name.is_none() {
            let message = format!("`{}` is neither a name nor an address", settings.host);
            problems.push(Problem::at("host", message));
        }
        if settings.port == 0 {
            problems.push(Problem::at("port", "nothing listens on port 0"));
        }
        for (i, service) in settings.services.iter().enumerate() {
            if service.is_empty() || service.len() > wire::MAX_NAME {
                let path = KeyPath::root().entry("services").index(i);
                let message = "the name of a service has 1 to 200 bytes";
                problems.push(
                    Problem::new(path, message)
                        .hint("leave `services` out to ask for the server as a whole"),
                );
            }
        }
        if settings.services.len() > MAX_SERVICES {
            problems.push(Problem::at("services", format!("more than {MAX_SERVICES} services")));
        }
        if settings.ca_file.is_some() && !settings.tls {
            problems.push(Problem::at("ca_file", "it means nothing without TLS"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let whole = || vec![String::new()];
        let services =
            if settings.services.is_empty() { whole() } else { settings.services.clone() };
        Ok(Self { settings, name, services })
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Text};
        let spec = ReadingSpec::new;
        vec![
            spec("serving", Flag, "whether every service serves at every address"),
            spec("status", Text, "the worst that any of them says: SERVING, NOT_SERVING …"),
            spec("serving_share", Number(Unit::Percent), "the answers that say SERVING"),
            spec("answers", Number(Unit::One), "how many services at addresses answered"),
            spec("silent", Number(Unit::One), "how many did not"),
            spec(
                "latency",
                Number(Unit::Time),
                "the longest time to an answer, from the connection on",
            ),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        vec![format!("{}:{}", self.settings.host, self.settings.port)]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let Settings { host, port, tls, ca_file, .. } = &self.settings;
        let tls = match tls {
            false => None,
            true => {
                let mut config = client::trust(ca_file.as_deref(), cx).await?;
                config.alpn_protocols = vec![b"h2".to_vec()];
                self.name.clone().map(|name| (config, name))
            }
        };
        let found = dial::resolve(cx, host, *port, cx.remaining().mul_f64(0.4)).await?;
        let within = cx.remaining().mul_f64(0.9);
        let asked = Asked { host, port: *port, tls: tls.as_ref(), services: &self.services };
        let looks = found.into_iter().map(|address| self.look(cx, address, &asked, within));
        read(&join_all(looks).await.concat())
    }
}

impl Grpc {
    /// Asks one address for every service, over one connection.
    async fn look(
        &self,
        cx: &Context,
        address: SocketAddr,
        asked: &Asked<'_>,
        within: Duration,
    ) -> Vec<Look> {
        let named = |service: &str| match service {
            "" => address.to_string(),
            service => format!("{service} at {address}"),
        };
        match tokio::time::timeout(within, exchange::ask(cx, address, asked, within)).await {
            Ok(Ok(answers)) => self.services.iter().map(|s| named(s)).zip(answers).collect(),
            Ok(Err(failure)) => vec![(address.to_string(), Err(failure))],
            Err(_) => {
                let message = format!("{address} did not answer in time");
                vec![(address.to_string(), Err(Failure::new(Cause::Timeout, message)))]
            }
        }
    }
}

/// Reads all answers together: one that does not serve makes it false, one that is missing leaves it open.
///
/// # Errors
/// The first failure, when nobody answered.
fn read(looks: &[Look]) -> Result<Readings, Failure> {
    let said: Vec<(Status, Duration)> =
        looks.iter().filter_map(|(_, look)| look.as_ref().ok().copied()).collect();
    let Some(worst) = said.iter().map(|(status, _)| *status).max() else {
        let first = looks.iter().find_map(|(_, look)| look.as_ref().err().cloned());
        return Err(first.unwrap_or_else(|| Failure::new(Cause::NoData, "nobody was asked")));
    };
    let number = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let silent = looks.len() - said.len();
    let serving = said.iter().filter(|(status, _)| *status == Status::Serving).count();
    let mut readings = Readings::new()
        .text("status", worst.name())
        .number("answers", number(said.len()))
        .number("silent", number(silent))
        .number("serving_share", 100.0 * number(serving) / number(said.len()));
    if serving < said.len() {
        readings = readings.flag("serving", false);
    } else if silent == 0 {
        let longest = said.iter().map(|(_, took)| *took).max().unwrap_or_default();
        readings = readings.flag("serving", true).time("latency", longest);
    }
    for (who, look) in looks {
        readings = match look {
            Ok((status, _)) => readings.part(who, status.name(), *status != Status::Serving),
            Err(failure) => readings.part(who, failure.to_string(), true),
        };
    }
    Ok(readings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_together() {
        let took = Duration::from_millis(2);
        let good = || Ok((Status::Serving, took));
        let bad = || Ok((Status::NotServing, took));
        let gone = || Err(Failure::new(Cause::Timeout, "no answer"));
        let rows: [(&str, Vec<Answer>, &str); 5] = [
            ("all serve", vec![good(), good()], "true \"SERVING\" 100 0"),
            ("one does not", vec![good(), bad()], "false \"NOT_SERVING\" 50 0"),
            ("one is silent", vec![good(), gone()], "- \"SERVING\" 100 1"),
            ("one does not, one is silent", vec![bad(), gone()], "false \"NOT_SERVING\" 0 1"),
            (
                "one is not known",
                vec![bad(), Ok((Status::ServiceUnknown, took))],
                "false \"SERVICE_UNKNOWN\" 0 0",
            ),
        ];
        for (row, answers, expected) in rows {
            let looks: Vec<Look> = answers.into_iter().map(|a| ("x".to_owned(), a)).collect();
            let readings = read(&looks).unwrap_or_else(|e| panic!("{row}: {e}"));
            let shown = ["serving", "status", "serving_share", "silent"].map(|name| {
                readings.get(name).map_or_else(|| "-".to_owned(), |v| v.show(Unit::One))
            });
            assert_eq!(shown.join(" "), expected, "{row}");
        }
        assert_eq!(read(&[("x".to_owned(), gone())]).expect_err("nobody").cause, Cause::Timeout);
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let rows = [
            ("no host", serde_json::json!({"host": "", "port": 1}), "host"),
            ("no port", serde_json::json!({"host": "x", "port": 0}), "port"),
            (
                "an empty service",
                serde_json::json!({"host": "x", "port": 1, "services": [""]}),
                "services[0]",
            ),
            (
                "roots without TLS",
                serde_json::json!({"host": "x", "port": 1, "tls": false, "ca_file": "r"}),
                "ca_file",
            ),
        ];
        for (row, settings, path) in rows {
            let settings = crate::strict::read(settings).expect("it has the right shape");
            let problems = Grpc::new(settings).expect_err(row);
            assert_eq!(problems[0].path.to_string(), path, "{row}");
        }
    }
}
