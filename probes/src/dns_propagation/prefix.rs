//! A network: an address and how many of its bits count.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    /// Its first address.
    pub(super) address: IpAddr,
    /// How many bits count.
    pub(super) bits: u8,
}

impl Prefix {
    /// The network of these bits that an address is in.
    fn new(address: IpAddr, bits: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits.into())?).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & mask))
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits.into())?).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
            }
        };
        Some(Self { address, bits })
    }

    /// Whether an address is in it.
    pub(super) fn contains(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.address.is_ipv4() && Self::new(ip, self.bits) == Some(self)
    }
}

/// It is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network")]
pub(super) struct NoPrefix(String);

impl FromStr for Prefix {
    type Err = NoPrefix;

    fn from_str(text: &str) -> Result<Self, NoPrefix> {
        let fail = || NoPrefix(text.to_owned());
        let (address, bits) = text.split_once('/').ok_or_else(fail)?;
        let address = address.parse().map_err(|_| fail())?;
        let prefix = Self::new(address, bits.parse().map_err(|_| fail())?).ok_or_else(fail)?;
        // Bits beyond the length are a slip: which network was meant cannot be told.
        if prefix.address == address { Ok(prefix) } else { Err(fail()) }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_hold_addresses() {
        let rows = [
            ("inside", "192.0.2.0/25", "192.0.2.127", Some(true)),
            ("outside", "192.0.2.0/25", "192.0.2.128", Some(false)),
            ("everything", "0.0.0.0/0", "192.0.2.1", Some(true)),
            ("one address", "192.0.2.1/32", "192.0.2.1", Some(true)),
            ("version 6", "2001:db8::/32", "2001:db8:1::1", Some(true)),
            ("all of version 6", "::/0", "2001:db8:1::1", Some(true)),
            ("another version", "::/0", "192.0.2.1", Some(false)),
            ("no length", "192.0.2.0", "192.0.2.1", None),
            ("too long", "192.0.2.0/33", "192.0.2.1", None),
            ("bits beyond the length", "192.0.2.1/24", "192.0.2.1", None),
            ("words", "europe/24", "192.0.2.1", None),
        ];
        for (row, text, ip, contains) in rows {
            let prefix: Option<Prefix> = text.parse().ok();
            let ip = ip.parse().expect("an address");
            assert_eq!(prefix.map(|prefix| prefix.contains(ip)), contains, "{row}");
        }
    }
}
