//! Public resolvers by region. Those that filter or block are asked and shown, and never counted.

use std::net::{IpAddr, Ipv4Addr};

/// The region whose resolvers answer from many places.
pub(super) const CORE: &str = "core";

/// A public resolver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Public {
    address: [u8; 4],
    /// Who runs it.
    pub(super) operator: &'static str,
    /// Whether it withholds or replaces answers on purpose.
    pub(super) filters: bool,
}

impl Public {
    /// Its address.
    pub(super) fn ip(&self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(self.address))
    }
}

const fn open(address: [u8; 4], operator: &'static str) -> Public {
    Public { address, operator, filters: false }
}

const fn filter(address: [u8; 4], operator: &'static str) -> Public {
    Public { address, operator, filters: true }
}

/// The resolvers of each region. There are none for Africa and India that anybody may ask: a client subnet stands in.
pub(super) const PUBLIC: [(&str, &[Public]); 10] = [
    (
        CORE,
        &[
            open([8, 8, 8, 8], "Google"),
            open([8, 8, 4, 4], "Google"),
            open([1, 1, 1, 1], "Cloudflare"),
            open([1, 0, 0, 1], "Cloudflare"),
            open([9, 9, 9, 9], "Quad9"),
            open([149, 112, 112, 112], "Quad9"),
            open([208, 67, 222, 222], "OpenDNS"),
            open([208, 67, 220, 220], "OpenDNS"),
            open([76, 76, 2, 0], "ControlD"),
            open([64, 6, 64, 6], "UltraDNS"),
            filter([185, 228, 168, 9], "CleanBrowsing"),
        ],
    ),
    (
        "north_america",
        &[
            open([4, 2, 2, 2], "Level3"),
            open([205, 171, 3, 66], "Lumen"),
            open([74, 82, 42, 42], "Hurricane Electric"),
            open([149, 112, 121, 10], "CIRA"),
            filter([8, 26, 56, 26], "Comodo"),
            filter([208, 91, 112, 53], "FortiGuard"),
        ],
    ),
    (
        "europe",
        &[
            open([86, 54, 11, 100], "DNS4EU"),
            open([193, 17, 47, 1], "CZ.NIC"),
            open([185, 222, 222, 222], "DNS.SB"),
            open([95, 85, 95, 85], "Gcore"),
            open([84, 200, 69, 80], "DNS.WATCH"),
            filter([94, 140, 14, 14], "AdGuard"),
        ],
    ),
    (
        "russia",
        &[
            open([77, 88, 8, 8], "Yandex"),
            filter([195, 46, 39, 39], "SafeDNS"),
            filter([83, 220, 169, 155], "Comss"),
        ],
    ),
    ("middle_east", &[open([192, 115, 106, 10], "Bezeq")]),
    (
        "china",
        &[
            open([223, 5, 5, 5], "AliDNS"),
            open([223, 6, 6, 6], "AliDNS"),
            open([119, 29, 29, 29], "DNSPod"),
            open([114, 114, 114, 114], "114DNS"),
            open([180, 76, 76, 76], "Baidu"),
            open([1, 2, 4, 8], "CNNIC"),
            open([101, 226, 4, 6], "360"),
        ],
    ),
    ("korea", &[open([168, 126, 63, 1], "KT"), open([164, 124, 101, 2], "LG U+")]),
    ("taiwan", &[open([168, 95, 1, 1], "HiNet")]),
    ("oceania", &[open([139, 130, 4, 4], "Telstra"), filter([104, 197, 28, 121], "SafeSurfer")]),
    ("south_america", &[open([200, 221, 11, 100], "UOL")]),
];

/// Resolvers that pass a client subnet on to the zone.
pub(super) const PASS_SUBNETS: [[u8; 4]; 4] =
    [[8, 8, 8, 8], [9, 9, 9, 11], [208, 67, 222, 222], [119, 29, 29, 29]];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_resolver_stands_twice_and_every_region_has_one_that_counts() {
        let mut seen = BTreeSet::new();
        for (region, resolvers) in PUBLIC {
            assert!(resolvers.iter().any(|r| !r.filters), "{region}");
            for resolver in resolvers {
                assert!(seen.insert(resolver.ip()), "{} stands twice", resolver.ip());
            }
        }
    }
}
