//! The client's first message: a `ClientHello` of any version from SSL 3 to TLS 1.3, and the one of SSL 2.
//!
//! It is never followed by another message, so it holds no key that anybody has: the share for X25519 is random bytes,
//! which are a share like any other.

use super::version::Version;
use super::wire::{block, put16};

/// The pseudo-suite of a client that was made to fall back.
pub(super) const FALLBACK: u16 = 0x5600;
/// The pseudo-suite that asks for secure renegotiation where there are no extensions.
const RENEGOTIATION: u16 = 0x00ff;
/// A suite that no server has, since it is reserved for nobody to have.
pub(super) const NOBODYS: u16 = 0x0a0a;

/// The groups that are asked about up to TLS 1.2, in the order of how common they are.
pub(super) const GROUPS: [u16; 19] =
    [29, 23, 24, 25, 30, 26, 27, 28, 22, 21, 20, 19, 18, 17, 16, 15, 0x0100, 0x0101, 0x0102];
/// Those of TLS 1.3.
pub(super) const MODERN_GROUPS: [u16; 13] =
    [0x11ec, 29, 23, 24, 25, 30, 0x11eb, 0x11ed, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104];

const SIGNATURES: [u16; 20] = [
    0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0603, 0x0806, 0x0601, 0x0807, 0x0808, 0x0809,
    0x080a, 0x080b, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0202,
];

/// What a hello offers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hello<'a> {
    /// The newest version.
    pub(super) version: Version,
    /// The version's number, where it is to be one that nobody has.
    pub(super) number: Option<u16>,
    pub(super) suites: &'a [u16],
    pub(super) groups: &'a [u16],
    /// The name that is asked for, where it is one.
    pub(super) server_name: Option<&'a str>,
    /// Whether TLS 1.3 gets a share of a key, so that it need not ask for one.
    pub(super) share: bool,
}

/// Random bytes for one hello: the random itself, a session's number, and a share.
pub(super) type Random = [u8; 96];

impl Hello<'_> {
    /// The hello in its record.
    pub(super) fn bytes(&self, random: &Random) -> Vec<u8> {
        let mut message = self.message(random, 0);
        // Servers there were that wait for ever after a hello of 256 to 511 bytes.
        if (256..512).contains(&message.len()) && self.version > Version::Ssl3 {
            let lacking = 512 - message.len();
            message = self.message(random, lacking.max(5) - 4);
        }
        let mut out = vec![22];
        put16(&mut out, Version::Tls10.wire().min(self.version.wire()));
        block(&mut out, 2, |out| out.extend_from_slice(&message));
        out
    }

    fn message(&self, random: &Random, padding: usize) -> Vec<u8> {
        let modern = self.version == Version::Tls13;
        let mut message = vec![1];
        block(&mut message, 3, |out| {
            put16(out, self.number.unwrap_or(self.version.wire().min(Version::Tls12.wire())));
            out.extend_from_slice(&random[..32]);
            let session = if modern { &random[32..64] } else { &[] };
            block(out, 1, |out| out.extend_from_slice(session));
            block(out, 2, |out| {
                self.suites.iter().for_each(|suite| put16(out, *suite));
                if self.version == Version::Ssl3 {
                    put16(out, RENEGOTIATION);
                }
            });
            let compressions: &[u8] = if modern { &[0] } else { &[1, 0] };
            block(out, 1, |out| out.extend_from_slice(compressions));
            if self.version > Version::Ssl3 {
                block(out, 2, |out| {
                    self.extensions(out, random);
                    if padding > 0 {
                        extension(out, 21, |out| out.resize(out.len() + padding, 0));
                    }
                });
            }
        });
        message
    }

    fn extensions(&self, out: &mut Vec<u8>, random: &Random) {
        if let Some(name) = self.server_name {
            extension(out, 0, |out| {
                block(out, 2, |out| {
                    out.push(0);
                    block(out, 2, |out| out.extend_from_slice(name.as_bytes()));
                });
            });
        }
        extension(out, 10, |out| {
            block(out, 2, |out| self.groups.iter().for_each(|group| put16(out, *group)));
        });
        if self.version >= Version::Tls12 {
            extension(out, 13, |out| {
                block(out, 2, |out| SIGNATURES.iter().for_each(|scheme| put16(out, *scheme)));
            });
        }
        if self.version < Version::Tls13 {
            extension(out, 11, |out| out.extend_from_slice(&[1, 0]));
            extension(out, 15, |out| out.push(1));
            extension(out, 23, |_| {});
            extension(out, 35, |_| {});
            extension(out, 0xff01, |out| out.push(0));
            return;
        }
        extension(out, 43, |out| out.extend_from_slice(&[2, 3, 4]));
        extension(out, 45, |out| out.extend_from_slice(&[1, 1]));
        extension(out, 51, |out| {
            block(out, 2, |out| {
                if self.share {
                    put16(out, 29);
                    block(out, 2, |out| out.extend_from_slice(&random[64..]));
                }
            });
        });
    }
}

fn extension(out: &mut Vec<u8>, number: u16, inside: impl FnOnce(&mut Vec<u8>)) {
    put16(out, number);
    block(out, 2, inside);
}

/// The hello of SSL 2, with every suite that it had.
pub(super) fn ancient(random: &Random) -> Vec<u8> {
    const SUITES: [[u8; 3]; 7] = [
        [1, 0, 0x80],
        [2, 0, 0x80],
        [3, 0, 0x80],
        [4, 0, 0x80],
        [5, 0, 0x80],
        [6, 0, 0x40],
        [7, 0, 0xc0],
    ];
    let mut body = vec![1, 0, 2, 0, 21, 0, 0, 0, 16];
    body.extend(SUITES.iter().flatten());
    body.extend_from_slice(&random[..16]);
    let mut out = Vec::new();
    block(&mut out, 2, |out| out.extend_from_slice(&body));
    // The first bit says that the length has two bytes.
    out[0] |= 0x80;
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fit_and_no_hello_is_of_the_size_that_hangs_servers() {
        for version in Version::COMMON {
            for lot in super::super::suite::Suite::lots(version) {
                for suites in [&lot[..], &lot[..lot.len().min(1)]] {
                    let hello = Hello {
                        version,
                        number: None,
                        suites,
                        groups: &GROUPS,
                        server_name: Some("www.example.test"),
                        share: true,
                    };
                    let bytes = hello.bytes(&[7; 96]);
                    let length = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
                    assert_eq!(bytes.len(), length + 5, "{version}");
                    let inner = usize::from(u16::from_be_bytes([bytes[7], bytes[8]]));
                    assert_eq!(length, inner + 4, "{version}");
                    let hangs = (256..512).contains(&length);
                    assert!(!hangs || version == Version::Ssl3, "{version}: {length}");
                }
            }
        }
        assert_eq!(ancient(&[0; 96])[..4], [0x80, 46, 1, 0]);
    }
}
