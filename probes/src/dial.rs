//! Dialling: from a host to its addresses, and from an address to a connection, with every fault as a [`Failure`].
//!
//! Every address passes [`guard::permit`] before it is connected to. Nothing is retried, cached or pooled here.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use launchgate_core::observation::{Cause, Failure};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::guard;

/// The most addresses of one name that are looked at.
pub const MAX_ADDRESSES: usize = 32;

/// Reads `ip` or `ip:port`, the former with `port`.
pub fn parse_address(text: &str, port: u16) -> Option<SocketAddr> {
    let ip = |t: &str| t.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
    text.parse().ok().or_else(|| ip(text))
}

/// All addresses of `host` by the system's resolver, in its order, without doubles, [`MAX_ADDRESSES`] at most.
///
/// # Errors
/// A timeout after `within`, or unreachable when the name has no address.
pub async fn resolve(host: &str, port: u16, within: Duration) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let found = match timeout(within, lookup_host((host, port))).await {
        Ok(Ok(found)) => found,
        Ok(Err(e)) => {
            let message = format!("the name {host} cannot be resolved: {e}");
            return Err(Failure::new(Cause::Unreachable, message));
        }
        Err(_) => {
            let message = format!("resolving {host} took longer than {within:?}");
            return Err(Failure::new(Cause::Timeout, message));
        }
    };
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Failure::new(Cause::Unreachable, format!("the name {host} has no address")));
    }
    Ok(addresses)
}

/// Connects to `address`, if it may be probed at all.
///
/// # Errors
/// A refused address, a timeout after `within`, or the fault of the connection by its class.
pub async fn connect(address: SocketAddr, within: Duration) -> Result<TcpStream, Failure> {
    guard::permit(address.ip())?;
    match timeout(within, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(e)) => Err(io_failure(&format!("connecting to {address}"), &e)),
        Err(_) => {
            Err(Failure::new(Cause::Timeout, format!("connecting to {address}: no answer in time")))
        }
    }
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
        let failure = connect(address, Duration::from_secs(1)).await.expect_err("it is refused");
        assert_eq!(failure.cause, Cause::ProbeError);
    }
}
