//! Addresses that are never looked at: cloud metadata, link-local, multicast and unspecified ones.
//!
//! Checked after resolution and at every connection, so that neither a name nor a redirect leads there. Private ranges
//! and loopback are allowed: looking at them is the job.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use launchgate_core::observation::{Cause, Failure};

/// Whether an address may be connected to.
///
/// # Errors
/// A failure that names the address and why it is refused.
pub fn permit(ip: IpAddr) -> Result<(), Failure> {
    let canonical = ip.to_canonical();
    let refused = match canonical {
        IpAddr::V4(v4) => refused_v4(v4),
        IpAddr::V6(v6) => refused_v6(v6),
    };
    match refused {
        Some(why) => Err(Failure::new(Cause::ProbeError, format!("{ip} is never probed: {why}"))),
        None => Ok(()),
    }
}

fn refused_v4(ip: Ipv4Addr) -> Option<&'static str> {
    match ip.octets() {
        [169, 254, 169, 254] | [169, 254, 170, 2] | [100, 100, 100, 200] | [168, 63, 129, 16] => {
            Some("it is a cloud metadata address")
        }
        [169, 254, ..] => Some("it is link-local"),
        [0, ..] => Some("it is unspecified"),
        [224..=239, ..] | [255, 255, 255, 255] => Some("it is multicast or broadcast"),
        _ => None,
    }
}

fn refused_v6(ip: Ipv6Addr) -> Option<&'static str> {
    const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    if ip == AWS_METADATA {
        Some("it is a cloud metadata address")
    } else if ip.is_unspecified() {
        Some("it is unspecified")
    } else if ip.is_multicast() {
        Some("it is multicast")
    } else if ip.segments()[0] & 0xffc0 == 0xfe80 {
        Some("it is link-local")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_refused_in_every_spelling_and_private_ranges_are_not() {
        let rows = [
            ("169.254.169.254", false),
            ("::ffff:169.254.169.254", false),
            ("fd00:ec2::254", false),
            ("169.254.1.1", false),
            ("fe80::1", false),
            ("224.0.0.1", false),
            ("0.0.0.0", false),
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("203.0.113.10", true),
            ("::1", true),
        ];
        for (ip, allowed) in rows {
            assert_eq!(permit(ip.parse().expect("an address")).is_ok(), allowed, "{ip}");
        }
    }
}
