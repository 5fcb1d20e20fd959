//! The numeric score: protocols 30 %, key exchange 30 %, ciphers 40 %, in exact hundredths.

use std::fmt;

use super::facts::{Answered, Facts, Key};
use super::grade::{Grade, Range};
use super::suite::{Exchange, Suite};
use super::version::Version;

/// The three parts of a score and their sum. Protocols and ciphers are kept doubled, since each is half of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Score {
    hundredths: u32,
    protocols_doubled: u32,
    key_exchange: u32,
    ciphers_doubled: u32,
}

impl Score {
    /// A score of best and worst protocol, the weakest key, and best and worst cipher, each of 100. If one part has
    /// nothing to it, all is nothing.
    pub(super) fn of(protocols: [u32; 2], key_exchange: u32, ciphers: [u32; 2]) -> Self {
        let protocols_doubled = protocols[0] + protocols[1];
        let ciphers_doubled = ciphers[0] + ciphers[1];
        let none = protocols_doubled == 0 || key_exchange == 0 || ciphers_doubled == 0;
        let sum = 15 * protocols_doubled + 30 * key_exchange + 20 * ciphers_doubled;
        let hundredths = if none { 0 } else { sum };
        Self { hundredths, protocols_doubled, key_exchange, ciphers_doubled }
    }

    /// The score, of 100.
    pub(super) fn value(self) -> f64 {
        f64::from(self.hundredths) / 100.0
    }

    /// The parts: protocols, key exchange and ciphers, each of 100.
    pub(super) fn parts(self) -> [f64; 3] {
        [
            f64::from(self.protocols_doubled) / 2.0,
            f64::from(self.key_exchange),
            f64::from(self.ciphers_doubled) / 2.0,
        ]
    }

    /// The letter of the score alone; the best stands for `A+` until something caps it.
    pub(super) fn letter(self) -> Grade {
        match self.hundredths {
            8_000.. => Grade::APlus,
            6_500.. => Grade::B,
            5_000.. => Grade::C,
            3_500.. => Grade::D,
            2_000.. => Grade::E,
            _ => Grade::F,
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

/// The score of what was found; its lower end takes what got no answer for as bad as it can be.
pub(super) fn score(facts: &Facts) -> Range<Score> {
    let of = |worst: bool| {
        let ciphers = ends(suites(facts, worst).map(|suite| cipher_points(suite.bits())));
        let keys = key_exchange(facts, worst);
        Score::of(ends(protocols(facts, worst).map(Version::points)), keys, ciphers)
    };
    Range { lower: of(true), upper: of(false) }
}

/// The offered versions, and of those that gave no answer the old ones at worst and the new ones at best.
fn protocols(facts: &Facts, worst: bool) -> impl Iterator<Item = Version> {
    let open = facts.versions(Answered::Open).filter(move |v| (*v < Version::Tls12) == worst);
    facts.versions(Answered::Offered).chain(open)
}

fn suites(facts: &Facts, worst: bool) -> impl Iterator<Item = Suite> {
    facts.suites().chain(facts.open().filter(move |_| worst))
}

/// Best and worst; nothing at all counts as nothing.
fn ends(points: impl Iterator<Item = u32>) -> [u32; 2] {
    let ends = points.fold(None, |ends: Option<[u32; 2]>, p| {
        Some(ends.map_or([p, p], |[best, worst]| [best.max(p), worst.min(p)]))
    });
    ends.unwrap_or_default()
}

fn cipher_points(bits: u32) -> u32 {
    step(bits, &[(1, 0), (128, 20), (256, 80)], 100)
}

/// The points of a key or a group by the bits of an RSA key that is as strong.
fn key_points(bits: u32) -> u32 {
    step(bits, &[(512, 20), (1024, 40), (2048, 80), (4096, 90)], 100)
}

/// What the first limit above `value` stands for, or `rest` where there is none.
fn step(value: u32, limits: &[(u32, u32)], rest: u32) -> u32 {
    limits.iter().find(|(limit, _)| value < *limit).map_or(rest, |(_, stands)| *stands)
}

fn key_exchange(facts: &Facts, worst: bool) -> u32 {
    let picks = facts.picks().map(|pick| match pick.exchange {
        _ if pick.suite.is_anonymous() => 0,
        _ if pick.suite.is_export() => 40,
        Some(exchange) => exchange.strength().map_or(100, key_points),
        None => 100,
    });
    let mut keys: Vec<u32> = facts
        .certificates
        .iter()
        .map(|c| c.key.strength().map_or(if worst { 20 } else { 100 }, key_points))
        .chain(picks)
        .collect();
    if worst && facts.certificates.is_empty() && !facts.is_anonymous_only() {
        keys.push(20);
    }
    keys.into_iter().min().unwrap_or_default()
}

impl Key {
    /// The bits of an RSA key that is as strong; nothing for an algorithm that is not known.
    pub(super) fn strength(self) -> Option<u32> {
        match self {
            Self::Rsa { bits, .. } | Self::Dsa(bits) => Some(bits),
            Self::Curve(bits) => Some(curve_strength(bits)),
            Self::Unknown => None,
        }
    }
}

impl Exchange {
    /// The bits of an RSA key that is as strong; nothing for a group that is not known.
    pub(super) fn strength(self) -> Option<u32> {
        match self {
            Self::Prime(bits) | Self::Rsa(bits) => Some(bits),
            Self::Group(number) => group(number).map(|(_, strength)| strength),
        }
    }
}

/// As NIST compares them (SP 800-57, part 1): 160 bits with 1024, 224 with 2048, 256 with 3072, 384 with 7680.
fn curve_strength(bits: u32) -> u32 {
    let limits = [(112, 511), (160, 1023), (224, 1024), (253, 2048), (384, 3072), (512, 7680)];
    step(bits, &limits, 15_360)
}

/// A group's name, and the bits of an RSA key that is as strong. One that joins a curve with a newer scheme counts for
/// its curve.
pub(super) fn group(number: u16) -> Option<(&'static str, u32)> {
    let found = match number {
        15 => ("secp160k1", 1024),
        16 => ("secp160r1", 1024),
        17 => ("secp160r2", 1024),
        18 => ("secp192k1", 1024),
        19 => ("secp192r1", 1024),
        20 => ("secp224k1", 2048),
        21 => ("secp224r1", 2048),
        22 => ("secp256k1", 3072),
        23 => ("secp256r1", 3072),
        24 => ("secp384r1", 7680),
        25 => ("secp521r1", 15_360),
        26 => ("brainpoolP256r1", 3072),
        27 => ("brainpoolP384r1", 7680),
        28 => ("brainpoolP512r1", 15_360),
        29 => ("x25519", 3072),
        30 => ("x448", 7680),
        31 => ("brainpoolP256r1tls13", 3072),
        32 => ("brainpoolP384r1tls13", 7680),
        33 => ("brainpoolP512r1tls13", 15_360),
        0x0100 => ("ffdhe2048", 2048),
        0x0101 => ("ffdhe3072", 3072),
        0x0102 => ("ffdhe4096", 4096),
        0x0103 => ("ffdhe6144", 6144),
        0x0104 => ("ffdhe8192", 8192),
        0x11eb => ("SecP256r1MLKEM768", 3072),
        0x11ec => ("X25519MLKEM768", 3072),
        0x11ed => ("SecP384r1MLKEM1024", 7680),
        _ => return None,
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_exact() {
        let rows = [
            // 30 + 27 + 36 = 93.
            (
                "TLS 1.2 and 1.3, RSA 2048 (group 3072), AES 128 and 256",
                [100, 100],
                90,
                [100, 80],
                93.0,
                Grade::APlus,
            ),
            // 30 + 30 + 40.
            ("the best", [100, 100], 100, [100, 100], 100.0, Grade::APlus),
            // (100 + 95) / 2 * 0.3 = 29.25; 27; 36.
            ("TLS 1.1 besides", [100, 95], 90, [100, 80], 92.25, Grade::APlus),
            // 90 * 0.3 = 27; 24; (80 + 20) / 2 * 0.4 = 20.
            ("TLS 1.0, RSA 1024, 3DES", [90, 90], 80, [80, 20], 71.0, Grade::B),
            // 24; 12; 8.
            ("SSL 3, RSA 512, DES", [80, 80], 40, [20, 20], 44.0, Grade::D),
            // (100 + 0) / 2 * 0.3 = 15; 27; 40: half of nothing is still something.
            ("SSL 2 besides", [100, 0], 90, [100, 100], 82.0, Grade::APlus),
            ("anonymous", [100, 100], 0, [100, 100], 0.0, Grade::F),
            ("no encryption", [100, 100], 100, [0, 0], 0.0, Grade::F),
        ];
        for (row, protocols, keys, ciphers, value, letter) in rows {
            let score = Score::of(protocols, keys, ciphers);
            assert!((score.value() - value).abs() < 1e-9, "{row}: {score}");
            assert_eq!(score.letter(), letter, "{row}");
        }
    }

    #[test]
    fn points_change_where_the_guide_says() {
        let keys = [
            (511, 20),
            (512, 40),
            (1023, 40),
            (1024, 80),
            (2047, 80),
            (2048, 90),
            (4095, 90),
            (4096, 100),
        ];
        for (bits, points) in keys {
            assert_eq!(key_points(bits), points, "{bits}");
        }
        let ciphers = [(0, 0), (40, 20), (127, 20), (128, 80), (255, 80), (256, 100)];
        for (bits, points) in ciphers {
            assert_eq!(cipher_points(bits), points, "{bits}");
        }
        let letters = [(79.99, Grade::B), (80.0, Grade::APlus)];
        assert_eq!(Score::of([99, 100], 60, [80, 80]).letter(), letters[0].1);
        // 15 * 200 + 30 * 80 + 20 * 130 = 8000.
        assert_eq!(Score::of([100, 100], 80, [100, 30]).letter(), letters[1].1);
    }
}
