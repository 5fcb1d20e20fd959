//! A cipher suite and what its name says of it: key exchange, who vouches, cipher and mode.

use std::fmt;

use super::suite_table::{MODERN, ODD, ORDINARY};
use super::version::Version;

/// A suite of the [table](super::suite_table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Suite {
    number: u16,
    name: &'static str,
}

/// What a key exchange rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Diffie-Hellman over a prime of so many bits.
    Prime(u32),
    /// Diffie-Hellman over the group of this number in IANA's registry.
    Group(u16),
    /// A passing RSA key of so many bits, as suites for export have it.
    Rsa(u32),
}

impl Suite {
    /// The suite of a number, if it is in the table.
    pub(super) fn of(number: u16) -> Option<Self> {
        let mut all = MODERN.iter().chain(&ORDINARY).chain(&ODD);
        let found = all.find(|(n, _)| *n == number);
        found.map(|&(number, name)| Self { number, name })
    }

    /// The suites that `version` can have, in two lots: the common ones and the odd ones.
    pub(super) fn lots(version: Version) -> [Vec<u16>; 2] {
        let pick = |entries: &[(u16, &'static str)]| {
            let suites = entries.iter().map(|&(number, name)| Self { number, name });
            suites.filter(|s| s.fits(version)).map(Self::number).collect()
        };
        match version {
            Version::Tls13 => [pick(&MODERN), Vec::new()],
            _ => [pick(&ORDINARY), pick(&ODD)],
        }
    }

    /// The number on the wire.
    pub(super) fn number(self) -> u16 {
        self.number
    }

    /// The name in IANA's registry.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// Whether `version` can have it.
    pub(super) fn fits(self, version: Version) -> bool {
        let digest = ["_SHA256", "_SHA384"].iter().any(|end| self.name.ends_with(end));
        let young = self.is_aead() || digest;
        match version {
            Version::Ssl2 => false,
            Version::Ssl3 => !self.is_modern() && !young && !self.exchange().starts_with("EC"),
            Version::Tls10 | Version::Tls11 => !self.is_modern() && !young,
            Version::Tls12 => !self.is_modern(),
            Version::Tls13 => self.is_modern(),
        }
    }

    /// Whether it is one of TLS 1.3, which leave key exchange and signature to other parts of the handshake.
    fn is_modern(self) -> bool {
        !self.name.contains("_WITH_")
    }

    /// `ECDHE_RSA`, `RSA_EXPORT`, `DH_anon`; empty for TLS 1.3.
    fn exchange(self) -> &'static str {
        let before = self.name.split_once("_WITH_").map_or("", |(before, _)| before);
        before.strip_prefix("TLS_").unwrap_or(before)
    }

    fn cipher(self) -> &'static str {
        self.name.split_once("_WITH_").map_or(self.name, |(_, cipher)| cipher)
    }

    /// Whether a key that is stolen later opens nothing.
    pub(super) fn is_forward_secret(self) -> bool {
        let exchange = self.exchange();
        self.is_modern() || exchange.starts_with("ECDHE") || exchange.starts_with("DHE")
    }

    /// Whether its key exchange runs over a named group.
    pub(super) fn has_group(self) -> bool {
        self.exchange().starts_with("ECDHE") || self.exchange() == "ECDH_anon"
    }

    /// Whether its key exchange runs over a prime that the server chooses.
    pub(super) fn has_prime(self) -> bool {
        self.exchange().starts_with("DHE") || self.exchange().starts_with("DH_anon")
    }

    /// Whether the client encrypts a secret to the server's RSA key.
    pub(super) fn is_rsa_exchange(self) -> bool {
        self.exchange() == "RSA" || self.is_rsa_export()
    }

    /// Whether it may use a passing RSA key.
    pub(super) fn is_rsa_export(self) -> bool {
        self.exchange().starts_with("RSA_EXPORT")
    }

    /// Whether the server proves nothing.
    pub(super) fn is_anonymous(self) -> bool {
        self.exchange().contains("anon")
    }

    /// Whether it was weakened for export.
    pub(super) fn is_export(self) -> bool {
        self.exchange().contains("EXPORT")
    }

    /// Whether encryption and integrity are one.
    pub(super) fn is_aead(self) -> bool {
        ["_GCM", "_CCM", "POLY1305"].iter().any(|mode| self.name.contains(mode))
    }

    /// Whether blocks are chained, and padded after the checksum.
    pub(super) fn is_cbc(self) -> bool {
        self.name.contains("_CBC")
    }

    /// Whether that is AES.
    pub(super) fn is_aes_cbc(self) -> bool {
        self.is_cbc() && self.cipher().starts_with("AES")
    }

    /// Whether it is RC4.
    pub(super) fn is_rc4(self) -> bool {
        self.cipher().starts_with("RC4")
    }

    /// Whether its blocks have 64 bits.
    pub(super) fn is_block64(self) -> bool {
        ["3DES", "DES", "IDEA", "RC2"].iter().any(|c| self.cipher().starts_with(c))
    }

    /// The bits of its cipher's strength.
    pub(super) fn bits(self) -> u32 {
        let cipher = self.cipher();
        if cipher.starts_with("NULL") {
            0
        } else if cipher.starts_with("3DES") {
            112
        } else if self.exchange().ends_with("EXPORT1024") {
            56
        } else if self.is_export() {
            40
        } else if cipher.starts_with("DES") {
            56
        } else if cipher.contains("_256") || cipher.contains("CHACHA20") {
            256
        } else {
            128
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_a_suite_is() {
        // Bits, forward secret, AEAD, CBC, of the first version that has it.
        let rows = [
            (0x1301, 128, true, true, false, Version::Tls13),
            (0xcca8, 256, true, true, false, Version::Tls12),
            (0xc02f, 128, true, true, false, Version::Tls12),
            (0x009f, 256, true, true, false, Version::Tls12),
            (0xc014, 256, true, false, true, Version::Tls10),
            (0x002f, 128, false, false, true, Version::Ssl3),
            (0x000a, 112, false, false, true, Version::Ssl3),
            (0x0005, 128, false, false, false, Version::Ssl3),
            (0x0003, 40, false, false, false, Version::Ssl3),
            (0x0062, 56, false, false, true, Version::Ssl3),
            (0x0009, 56, false, false, true, Version::Ssl3),
            (0x0002, 0, false, false, false, Version::Ssl3),
            (0x003b, 0, false, false, false, Version::Tls12),
            (0x0034, 128, false, false, true, Version::Ssl3),
            (0xc09c, 128, false, true, false, Version::Tls12),
        ];
        for (number, bits, secret, aead, cbc, first) in rows {
            let suite = Suite::of(number).expect("it is in the table");
            assert_eq!(suite.bits(), bits, "{suite}");
            assert_eq!(suite.is_forward_secret(), secret, "{suite}");
            assert_eq!((suite.is_aead(), suite.is_cbc()), (aead, cbc), "{suite}");
            let fits = Version::ALL.into_iter().find(|v| suite.fits(*v));
            assert_eq!(fits, Some(first), "{suite}");
        }
        assert!(Suite::of(0x0034).is_some_and(Suite::is_anonymous));
        assert!(Suite::of(0x0003).is_some_and(|s| s.is_export() && s.is_rsa_exchange()));
        assert!(Suite::of(0x000a).is_some_and(Suite::is_block64));
        assert_eq!(Suite::of(0x0a0a), None);
    }

    #[test]
    fn no_number_stands_twice_and_no_lot_is_too_long_for_old_servers() {
        let mut numbers: Vec<u16> =
            MODERN.iter().chain(&ORDINARY).chain(&ODD).map(|(number, _)| *number).collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
        assert!(Version::ALL.iter().all(|v| Suite::lots(*v).iter().all(|lot| lot.len() <= 128)));
    }
}
