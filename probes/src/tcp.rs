//! `tcp`: whether ports take connections, at every address behind a name, and what they say first.
//!
//! A refused connection is an answer, silence is none. Nothing is sent, so that a service which waits to be spoken to is
//! seen as open and no more.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use launchgate_core::observation::{Cause, Failure};
use launchgate_core::problem::{KeyPath, Problem};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::{Context, Probe, dial};

/// The most targets of one check.
const MAX_TARGETS: usize = 64;
/// The longest banner that is kept, in bytes.
const MAX_BANNER: usize = 256;

/// Settings of the `tcp` probe.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The targets, `host:port` each: every address of a name is connected to. An address of version 6 stands in brackets.
    pub targets: Vec<String>,
    /// Whether to wait for what the service says first, as SMTP and SSH do; the first line becomes `banner`.
    #[serde(default)]
    pub banner: bool,
}

/// The `tcp` probe; see the module's documentation.
#[derive(Debug)]
pub struct Tcp {
    targets: Vec<(String, u16)>,
    banner: bool,
}

/// What came of one address.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    /// It took the connection after this time, and said this first.
    Open(Duration, Option<String>),
    Refused(String),
    Unknown(Failure),
}

type Look = (String, Seen);

impl Probe for Tcp {
    const KIND: &'static str = "tcp";
    const EXAMPLE: &'static str = "targets: [\"shop.example:443\", \"mail.shop.example:25\"]\n";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut targets = Vec::new();
        for (i, text) in settings.targets.iter().enumerate() {
            match host_and_port(text) {
                Some(target) => targets.push(target),
                None => problems.push(
                    Problem::new(
                        KeyPath::root().entry("targets").index(i),
                        format!("`{text}` is no host with a port"),
                    )
                    .hint("write it like `shop.example:443`"),
                ),
            }
        }
        if settings.targets.is_empty() {
            problems.push(Problem::at("targets", "there is nothing to connect to"));
        }
        if targets.len() > MAX_TARGETS {
            problems.push(Problem::at("targets", format!("more than {MAX_TARGETS} targets")));
        }
        if problems.is_empty() {
            Ok(Self { targets, banner: settings.banner })
        } else {
            Err(problems)
        }
    }

    fn readings(&self) -> Vec<ReadingSpec> {
        use ReadingType::{Flag, Number, Texts};
        let spec = ReadingSpec::new;
        vec![
            spec("open", Flag, "whether every address of every target takes connections"),
            spec(
                "open_share",
                Number(Unit::Percent),
                "those that do, of those that said yes or no",
            ),
            spec("addresses", Number(Unit::One), "the addresses that were tried"),
            spec("silent", Number(Unit::One), "those that said neither yes nor no"),
            spec("latency", Number(Unit::Time), "the longest time to connect, if all are open"),
            spec("banner", Texts, "what the services said first, each once"),
        ]
    }

    fn hosts(&self) -> Vec<String> {
        self.targets.iter().map(|(host, port)| format!("{host}:{port}")).collect()
    }

    async fn observe(&self, cx: &Context) -> Result<Readings, Failure> {
        let within = cx.remaining().mul_f64(0.4);
        let looks = self.targets.iter().map(|(host, port)| async move {
            match dial::resolve(cx, host, *port, within).await {
                Err(failure) => vec![(format!("{host}:{port}"), Seen::Unknown(failure))],
                Ok(found) => {
                    let left = cx.remaining().mul_f64(0.9);
                    let named = |a: SocketAddr| name_of(host, *port, a);
                    join_all(found.into_iter().map(|address| async move {
                        (named(address), self.look(cx, address, left).await)
                    }))
                    .await
                }
            }
        });
        read(&join_all(looks).await.concat())
    }
}

impl Tcp {
    async fn look(&self, cx: &Context, address: SocketAddr, within: Duration) -> Seen {
        let began = Instant::now();
        match dial::connect(cx, address, within).await {
            Err(failure) if failure.cause == Cause::Refused => Seen::Refused(failure.message),
            Err(failure) => Seen::Unknown(failure),
            Ok(stream) => {
                let took = began.elapsed();
                let within = cx.remaining().mul_f64(0.8);
                let banner = if self.banner { first_line(stream, within).await } else { None };
                Seen::Open(took, banner)
            }
        }
    }
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty() && !host.contains(['/', '@', ' '])).then(|| (host.to_owned(), port))
}

fn name_of(host: &str, port: u16, address: SocketAddr) -> String {
    let named = format!("{host}:{port}");
    let number = address.to_string();
    if named == number { named } else { format!("{named} ({number})") }
}

/// The first line that the service says, if it says one in time.
async fn first_line(mut stream: TcpStream, within: Duration) -> Option<String> {
    let mut said = Vec::new();
    let reading = async {
        let mut buffer = [0; MAX_BANNER];
        while said.len() < MAX_BANNER && !said.contains(&b'\n') {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) => said.extend_from_slice(&buffer[..read]),
            }
        }
    };
    // What was said until then is what there is.
    drop(timeout(within, reading).await);
    said.truncate(MAX_BANNER);
    let line = said.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Reads all looks together: one refusal makes it false, one silent address leaves it open.
///
/// # Errors
/// The first failure, when no address said yes or no.
fn read(looks: &[Look]) -> Result<Readings, Failure> {
    let count = |of: fn(&Seen) -> bool| {
        u32::try_from(looks.iter().filter(|(_, seen)| of(seen)).count()).unwrap_or(u32::MAX)
    };
    let open = count(|seen| matches!(seen, Seen::Open(..)));
    let refused = count(|seen| matches!(seen, Seen::Refused(_)));
    let silent = count(|seen| matches!(seen, Seen::Unknown(_)));
    if open + refused == 0 {
        let first = looks.iter().find_map(|(_, seen)| match seen {
            Seen::Unknown(failure) => Some(failure.clone()),
            _ => None,
        });
        return Err(first.unwrap_or_else(|| Failure::new(Cause::NoData, "nothing was tried")));
    }
    let mut readings = Readings::new()
        .number("addresses", f64::from(open + refused + silent))
        .number("silent", f64::from(silent))
        .number("open_share", 100.0 * f64::from(open) / f64::from(open + refused));
    if refused > 0 {
        readings = readings.flag("open", false);
    } else if silent == 0 {
        let times = looks.iter().filter_map(|(_, seen)| match seen {
            Seen::Open(took, _) => Some(*took),
            _ => None,
        });
        readings = readings.flag("open", true).time("latency", times.max().unwrap_or_default());
    }
    let banners: Vec<&String> = looks
        .iter()
        .filter_map(|(_, seen)| match seen {
            Seen::Open(_, banner) => banner.as_ref(),
            _ => None,
        })
        .collect();
    if !banners.is_empty() {
        readings = readings.texts("banner", banners);
    }
    for (target, seen) in looks {
        readings = match seen {
            Seen::Open(_, None) => readings.part(target, "open", false),
            Seen::Open(_, Some(banner)) => readings.part(target, format!("open: {banner}"), false),
            Seen::Refused(why) => readings.part(target, why, true),
            Seen::Unknown(failure) => readings.part(target, failure.to_string(), true),
        };
    }
    Ok(readings)
}

#[cfg(test)]
mod tests {
    use launchgate_core::reading::Value;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::client::tests::{closed, context};

    #[test]
    fn addresses_are_judged_together() {
        let open = Seen::Open(Duration::from_millis(3), None);
        let refused = Seen::Refused("refused".to_owned());
        let silent = Seen::Unknown(Failure::new(Cause::Timeout, "no answer"));
        let rows = [
            ("all open", vec![open.clone(), open.clone()], "true 100 0"),
            ("one refuses", vec![open.clone(), refused.clone()], "false 50 0"),
            ("one is silent", vec![open.clone(), silent.clone()], "- 100 1"),
            ("refused and silent", vec![refused.clone(), silent.clone()], "false 0 1"),
            ("all refuse", vec![refused.clone()], "false 0 0"),
        ];
        for (row, seen, expected) in rows {
            let looks: Vec<Look> = seen.into_iter().map(|s| ("x:1".to_owned(), s)).collect();
            let readings = read(&looks).unwrap_or_else(|e| panic!("{row}: {e}"));
            let shown = ["open", "open_share", "silent"].map(|name| {
                readings.get(name).map_or_else(|| "-".to_owned(), |v| v.show(Unit::One))
            });
            assert_eq!(shown.join(" "), expected, "{row}");
        }
        let failure = read(&[("x:1".to_owned(), silent)]).expect_err("nobody answers");
        assert_eq!(failure.cause, Cause::Timeout);
    }

    #[test]
    fn targets_are_hosts_with_ports() {
        let rows = [
            ("a name", "shop.example:443", true),
            ("an address", "192.0.2.1:25", true),
            ("of version 6", "[2001:db8::1]:25", true),
            ("no port", "shop.example", false),
            ("port zero", "shop.example:0", false),
            ("a URL", "https://shop.example:443", false),
            ("no host", ":443", false),
        ];
        for (row, text, good) in rows {
            let settings = Settings { targets: vec![text.to_owned()], banner: false };
            assert_eq!(Tcp::new(settings).is_ok(), good, "{row}");
        }
        assert!(Tcp::new(Settings { targets: Vec::new(), banner: false }).is_err());
    }

    #[tokio::test]
    async fn real_ports_are_open_closed_and_say_what_they_say() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = listener.local_addr().expect("an address").to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let greeting = b"220 mail.shop.example ESMTP\r\nmore";
                if stream.write_all(greeting).await.is_err() {
                    break;
                }
            }
        });
        let probe = |targets, banner| Tcp::new(Settings { targets, banner }).expect("settings");
        let cx = context(Duration::from_secs(5));
        let seen = probe(vec![target.clone()], true).observe(&cx).await.expect("it answers");
        assert_eq!(seen.get("open"), Some(&Value::Flag(true)));
        let banner = Value::Texts(vec!["220 mail.shop.example ESMTP".to_owned()]);
        assert_eq!(seen.get("banner"), Some(&banner));
        let nobody = closed().await.to_string();
        let seen = probe(vec![target, nobody], false).observe(&cx).await.expect("they answer");
        assert_eq!(seen.get("open"), Some(&Value::Flag(false)));
        assert_eq!(seen.get("banner"), None);
        let nowhere = probe(vec!["no-such-host.invalid:1".to_owned()], false);
        let failure = nowhere.observe(&cx).await.expect_err("no such host");
        assert_eq!(failure.cause, Cause::Unreachable);
    }
}
