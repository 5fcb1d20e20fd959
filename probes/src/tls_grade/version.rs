//! The versions of the protocol, from SSL 2 to TLS 1.3.

use std::fmt;

/// A version, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Version {
    Ssl2,
    Ssl3,
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl Version {
    /// Every version, the oldest first.
    pub(super) const ALL: [Self; 6] =
        [Self::Ssl2, Self::Ssl3, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];
    /// Every version that shares its hello with the others: all but SSL 2.
    pub(super) const COMMON: [Self; 5] =
        [Self::Ssl3, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// The number on the wire.
    pub(super) fn wire(self) -> u16 {
        match self {
            Self::Ssl2 => 0x0002,
            Self::Ssl3 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    /// The version of a number on the wire.
    pub(super) fn of(wire: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.wire() == wire)
    }

    /// The version's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ssl2 => "SSL 2",
            Self::Ssl3 => "SSL 3",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }

    /// What it is worth, of 100.
    pub(super) fn points(self) -> u32 {
        match self {
            Self::Ssl2 => 0,
            Self::Ssl3 => 80,
            Self::Tls10 => 90,
            Self::Tls11 => 95,
            Self::Tls12 | Self::Tls13 => 100,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
