//! Dialling: from a host to its addresses, and from an address to a connection, with every fault as a [`Failure`].
//!
//! Every address passes [`guard::permit`] before it is connected to, from where the look's vantage says. Nothing is
//! retried, cached or pooled here.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::guard;
use crate::probe::Context;

/// The most addresses of one name that are looked at.
pub const MAX_ADDRESSES: usize = 32;

/// Reads `ip` or `ip:port`, the former with `port`.
pub fn parse_address(text: &str, port: u16) -> Option<SocketAddr> {
    let ip = |t: &str| t.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
    text.parse().ok().or_else(|| ip(text))
}

/// All addresses of `host`, in the order of who resolves it, without doubles, [`MAX_ADDRESSES`] at most. The vantage's
/// resolvers are asked if it has any, else the system's.
///
/// # Errors
/// A timeout after `within`, or unreachable when the name has no address.
pub async fn resolve(
    cx: &Context,
    host: &str,
    port: u16,
    within: Duration,
) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let began = Instant::now();
    let (whom, found) = if cx.vantage.resolvers.is_empty() {
        ("the system's resolver", by_the_system(host, port, within).await)
    } else {
        let ask = crate::dns::addresses(cx, host, within);
        let found = ask.await.map(|ips| ips.into_iter().map(|ip| SocketAddr::new(ip, port)));
        ("the vantage's resolvers", found.map(Iterator::collect))
    };
    let found = found.and_then(|found| {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found {
            if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            let message = format!("the name {host} has no address");
            return Err(Failure::new(Cause::Unreachable, message));
        }
        Ok(addresses)
    });
    if cx.trail.is_kept() {
        let came = match &found {
            Ok(addresses) => {
                let ips: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
                ips.join(", ")
            }
            Err(failure) => failure.to_string(),
        };
        cx.trail.note(whom, format!("the addresses of {host}"), came, began.elapsed());
    }
    found
}

async fn by_the_system(
    host: &str,
    port: u16,
    within: Duration,
) -> Result<Vec<SocketAddr>, Failure> {
    match timeout(within, lookup_host((host, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(e)) => {
            let message = format!("the name {host} cannot be resolved: {e}");
            Err(Failure::new(Cause::Unreachable, message))
        }
        Err(_) => {
            let message = format!("resolving {host} took longer than {within:?}");
            Err(Failure::new(Cause::Timeout, message))
        }
    }
}

/// Connects to `address`, if it may be probed at all, from the vantage's local address if it has one.
///
/// # Errors
/// A refused address, a timeout after `within`, or the fault of the connection by its class.
pub async fn connect(
    cx: &Context,
    address: SocketAddr,
    within: Duration,
) -> Result<TcpStream, Failure> {
    let began = Instant::now();
    let outcome = async {
        guard::permit(address.ip())?;
        match timeout(within, open(address, cx.vantage.local_address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(e)) => Err(io_failure(&format!("connecting to {address}"), &e)),
            Err(_) => {
                let message = format!("connecting to {address}: no answer in time");
                Err(Failure::new(Cause::Timeout, message))
            }
        }
    };
    let outcome = outcome.await;
    let came = outcome.as_ref().err().map_or_else(|| "connected".to_owned(), ToString::to_string);
    cx.trail.note(address, "a TCP connection", came, began.elapsed());
    outcome
}

async fn open(address: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(from) = from else { return TcpStream::connect(address).await };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(address).await
}

/// The failure that an IO error means; `doing` says what was tried.
pub fn io_failure(doing: &str, error: &io::Error) -> Failure {
    use io::ErrorKind as Kind;
    let cause = match error.kind() {
        Kind::ConnectionRefused => Cause::Refused,
        Kind::TimedOut => Cause::Timeout,
        // Without a route, a local address or a descriptor the fault is on this side.
        Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable
        | Kind::AddrInUse
        | Kind::PermissionDenied => Cause::LocalFault,
        Kind::InvalidData => Cause::BadResponse,
        _ if matches!(error.raw_os_error(), Some(EMFILE | ENFILE)) => Cause::LocalFault,
        _ => Cause::Unreachable,
    };
    Failure::new(cause, format!("{doing}: {error}"))
}

const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_with_or_without_a_port() {
        let rows = [
            ("an address", "203.0.113.10", Some("203.0.113.10:53")),
            ("with a port", "203.0.113.10:5353", Some("203.0.113.10:5353")),
            ("of version 6", "2001:db8::1", Some("[2001:db8::1]:53")),
            ("of version 6 with a port", "[2001:db8::1]:5353", Some("[2001:db8::1]:5353")),
            ("a name", "dns.example", None),
            ("nothing", "", None),
        ];
        for (row, text, address) in rows {
            let read = parse_address(text, 53).map(|a| a.to_string());
            assert_eq!(read.as_deref(), address, "{row}");
        }
    }

    #[tokio::test]
    async fn what_may_not_be_probed_is_not_dialled() {
        let address = "169.254.169.254:80".parse().expect("an address");
        let cx = crate::client::tests::context(Duration::from_secs(1));
        let failure = connect(&cx, address, cx.remaining()).await.expect_err("it is refused");
        assert_eq!(failure.cause, Cause::ProbeError);
    }

    #[tokio::test]
    async fn the_vantages_resolvers_are_asked_from_the_vantages_address() {
        let resolver = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let mut cx = crate::client::tests::context(Duration::from_secs(5));
        let local_address = Some([127, 0, 0, 78].into());
        cx.vantage = std::sync::Arc::new(crate::vantage::Vantage {
            local_address,
            resolvers: vec![resolver.local_addr().expect("an address")],
            ..crate::vantage::Vantage::default()
        });
        let mut question = [0; 512];
        let asked = resolve(&cx, "www.example.test", 80, Duration::from_millis(500));
        let (_no_answer, heard) = tokio::join!(asked, resolver.recv_from(&mut question));
        let (_, from) = heard.expect("a question came");
        assert_eq!(Some(from.ip()), local_address);
    }

    #[tokio::test]
    async fn connections_come_from_the_vantages_address_and_leave_a_trail() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut cx = crate::client::tests::context(Duration::from_secs(5));
        let local_address = Some([127, 0, 0, 77].into());
        cx.vantage = std::sync::Arc::new(crate::vantage::Vantage {
            local_address,
            ..crate::vantage::Vantage::default()
        });
        cx.trail = crate::trail::Trail::kept();
        let stream = connect(&cx, address, cx.remaining()).await.expect("it listens");
        let (_there, from) = listener.accept().await.expect("it came");
        assert_eq!(Some(from.ip()), local_address);
        drop(stream);
        let exchanges = cx.trail.exchanges();
        assert_eq!(exchanges.len(), 1);
        assert_eq!(
            (exchanges[0].whom.as_str(), exchanges[0].came.as_str()),
            (address.to_string().as_str(), "connected")
        );
    }
}
