//! The probe that docs/how-to-add-a-probe.md builds, compiled and held to tests. It is no kind of launchgate's own.

// The page shows what follows, up to the tests.
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::Problem;
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_probes::{Context, Probe, dial};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

/// Settings of the `port` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The host: a name, each of whose addresses is tried, or an address.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
}

/// The `port` probe; see the module's documentation.
#[derive(Debug)]
pub(crate) struct Port {
    settings: Settings,
}

/// What came of one address: how long it took to connect, or why it did not work.
type Look = (SocketAddr, Result<Duration, Failure>);

impl Probe for Port {
    const KIND: &'static str = "port";
    const EXAMPLE: &'static str = "host: shop.example\nport: 443\n";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if settings.host.is_empty() {
            problems.push(Problem::at("host", "a host is a name or an address"));
        }
        if settings.port == 0 {
            problems.push(Problem::at("port", "nothing listens on port 0"));
        }
        if problems.is_empty() { Ok(Self { settings }) } else { Err(problems) }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number};
        let spec = ReadingSpec::new;
        vec![
            spec("open", Flag, "whether every address takes connections"),
            spec("latency", Number(Unit::Time), "the longest time to connect, if all did"),
            spec("addresses", Number(Unit::One), "how many addresses were tried"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        vec![format!("{}:{}", self.settings.host, self.settings.port)]
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let Settings { host, port } = &self.settings;
        let found = dial::resolve(cx, host, *port, cx.remaining().mul_f64(0.5)).await?;
        // The rest of the time is what is left when the name is resolved.
        let within = cx.remaining().mul_f64(0.9);
        read(join_all(found.into_iter().map(|address| look(cx, address, within))).await)
    }
}

async fn look(cx: &Context, address: SocketAddr, within: Duration) -> Look {
    let began = Instant::now();
    (address, dial::connect(cx, address, within).await.map(|_| began.elapsed()))
}

/// Reads all looks together: one closed port makes it false, one silent address leaves it open.
///
/// # Errors
/// The first failure, when no address said yes or no.
fn read(looks: Vec<Look>) -> Result<Readings, Failure> {
    let refuses = |l: &Look| matches!(&l.1, Err(failure) if failure.cause == Cause::Refused);
    let times: Vec<Duration> = looks.iter().filter_map(|l| l.1.as_ref().ok().copied()).collect();
    let refused = looks.iter().any(refuses);
    if times.is_empty() && !refused {
        let first = looks.into_iter().find_map(|l| l.1.err());
        return Err(first.unwrap_or_else(|| Failure::new(Cause::NoData, "nothing was tried")));
    }
    let tried = u32::try_from(looks.len()).unwrap_or(u32::MAX);
    let mut readings = Readings::new().number("addresses", f64::from(tried));
    if refused {
        readings = readings.flag("open", false);
    } else if times.len() == looks.len() {
        let longest = times.into_iter().max().unwrap_or_default();
        readings = readings.flag("open", true).time("latency", longest);
    }
    for (address, outcome) in &looks {
        let says = outcome.as_ref().map_or_else(ToString::to_string, |_| "open".to_owned());
        readings = readings.part(address.to_string(), says, outcome.is_err());
    }
    Ok(readings)
}

mod tests {
    use launchgate_core::reading::Value;

    use super::*;

    #[test]
    fn the_worst_address_decides_and_a_silent_one_leaves_it_open() {
        type Row = (&'static str, Vec<Result<Duration, Failure>>, Result<Option<bool>, Cause>);
        let quick = || Ok(Duration::from_millis(3));
        let refused = || Err(Failure::new(Cause::Refused, "no"));
        let silent = || Err(Failure::new(Cause::Timeout, "nothing"));
        let rows: [Row; 6] = [
            ("all open", vec![quick(), quick()], Ok(Some(true))),
            ("one closed", vec![quick(), refused()], Ok(Some(false))),
            ("all closed", vec![refused()], Ok(Some(false))),
            ("one silent", vec![quick(), silent()], Ok(None)),
            ("one closed, one silent", vec![refused(), silent()], Ok(Some(false))),
            ("all silent", vec![silent()], Err(Cause::Timeout)),
        ];
        for (row, outcomes, expected) in rows {
            let address = SocketAddr::from(([127, 0, 0, 1], 443));
            let looks = outcomes.into_iter().map(|outcome| (address, outcome)).collect();
            let open = read(looks)
                .map_err(|failure| failure.cause)
                .map(|readings| readings.get("open").map(|open| *open == Value::Flag(true)));
            assert_eq!(open, expected, "{row}");
        }
    }

    #[tokio::test]
    async fn a_port_that_listens_is_open_and_one_that_does_not_is_closed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let probe = Port::new(Settings { host: "127.0.0.1".to_owned(), port }).unwrap();
        let cx = Context::new(Duration::from_secs(5), jiff::Timestamp::now(), None, "/".into());
        let open = probe.observe(&cx).await.unwrap();
        assert_eq!(open.get("open"), Some(&Value::Flag(true)));
        drop(listener);
        let closed = probe.observe(&cx).await.unwrap();
        assert_eq!(closed.get("open"), Some(&Value::Flag(false)), "{closed:?}");
    }

    #[test]
    fn settings_and_readings_are_declared_as_the_registry_wants_them() {
        let registry = launchgate_probes::Registry::default().with::<Port>();
        let settings = launchgate::settings::document::value(Port::EXAMPLE).unwrap();
        let probe = registry.build("port", settings).unwrap();
        assert_eq!(probe.readings().len(), 3);
        assert_eq!(probe.hosts(), ["shop.example:443"]);
        let wrong = serde_json::json!({ "host": "", "port": 0, "prt": 1 });
        let problems = registry.build("port", wrong).err().unwrap();
        assert!(problems.iter().any(|p| p.to_string().contains("did you mean `port`?")));
    }
}
