//! A server's first flight, as far as it comes in the clear: an alert, or its hello with what follows.
//!
//! [`parse`] and [`ancient`] take any bytes: they never panic, and keep no more than they are given.

use std::fmt;

use super::suite::{Exchange, Suite};
use super::version::Version;
use super::wire::Reader;

/// The alert of a server that was asked in a version it should not be asked in.
pub(super) const INAPPROPRIATE_FALLBACK: u8 = 86;
/// The most certificates of a chain that are kept.
const MAX_CHAIN: usize = 16;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// The random bytes of a hello that asks for another hello (RFC 8446, section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It refuses, with this alert.
    Alert(u8),
    /// It chooses.
    Hello(Box<Flight>),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(code) => write!(f, "the alert {code}"),
            Self::Hello(flight) => write!(f, "{} {}", flight.version, flight.suite),
        }
    }
}

/// A server's hello and what followed it in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flight {
    pub(super) version: Version,
    pub(super) suite: Suite,
    /// What the key exchange rests on, where that was told.
    pub(super) exchange: Option<Exchange>,
    /// The certificates, the leaf first; none where they are encrypted.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) compression: bool,
    pub(super) renegotiation: bool,
    pub(super) heartbeat: bool,
    pub(super) ticket: bool,
    pub(super) extended_master_secret: bool,
}

/// Why an answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// The bytes are no record of TLS.
    #[error("it does not speak TLS")]
    Foreign,
    /// A message breaks its format, or chooses what was not offered.
    #[error("its answer breaks the format")]
    Broken,
}

/// Reads what came so far; nothing when more has to come. `ended` says that nothing more will.
///
/// # Errors
/// What is no answer of a TLS server.
pub(super) fn parse(bytes: &[u8], ended: bool) -> Result<Option<Answer>, Malformed> {
    let mut reader = Reader(bytes);
    let mut messages = Vec::new();
    let mut complete = ended;
    while let Some((kind, body)) = record(&mut reader)? {
        match (kind, body) {
            (HANDSHAKE, body) => messages.extend_from_slice(body),
            // A warning before the hello, such as about the name, leaves it to the client to go on.
            (ALERT, [1, code]) if messages.is_empty() && *code != 0 => {}
            (ALERT, [_, code]) if messages.is_empty() => return Ok(Some(Answer::Alert(*code))),
            _ if messages.is_empty() => return Err(Malformed::Broken),
            // From here on everything is encrypted.
            _ => {
                complete = true;
                break;
            }
        }
    }
    flight(Reader(&messages), complete)
}

/// The next whole record.
fn record<'a>(reader: &mut Reader<'a>) -> Result<Option<(u8, &'a [u8])>, Malformed> {
    if let [kind, rest @ ..] = reader.0
        && (!(20..=24).contains(kind) || rest.first().is_some_and(|major| *major != 3))
    {
        return Err(Malformed::Foreign);
    }
    let mut ahead = *reader;
    let whole = (|| {
        let kind = ahead.u8()?;
        ahead.u16()?;
        Some((kind, ahead.block16()?))
    })();
    if whole.is_some() {
        *reader = ahead;
    }
    Ok(whole)
}

fn flight(mut messages: Reader<'_>, complete: bool) -> Result<Option<Answer>, Malformed> {
    let mut flight: Option<Flight> = None;
    let mut done = complete;
    while !messages.is_empty() {
        let (Some(kind), Some(body)) = (messages.u8(), messages.block24()) else { break };
        match (kind, &mut flight) {
            (2, None) => {
                let hello = server_hello(Reader(body)).ok_or(Malformed::Broken)?;
                done |= hello.version == Version::Tls13;
                flight = Some(hello);
            }
            // Asking for a hello is idle when one is there already.
            (0, None) => {}
            (_, None) => return Err(Malformed::Broken),
            (11, Some(flight)) => {
                flight.chain = certificates(Reader(body)).ok_or(Malformed::Broken)?;
            }
            (12, Some(flight)) => flight.exchange = exchange(flight.suite, Reader(body)),
            (14, Some(_)) => done = true,
            _ => {}
        }
    }
    Ok(flight.filter(|_| done).map(|flight| Answer::Hello(Box::new(flight))))
}

fn server_hello(mut body: Reader<'_>) -> Option<Flight> {
    let mut wire = body.u16()?;
    let retry = body.take(32)? == RETRY;
    body.block8()?;
    let suite = Suite::of(body.u16()?)?;
    let compression = body.u8()? != 0;
    let mut flight = Flight {
        version: Version::Ssl3,
        suite,
        exchange: None,
        chain: Vec::new(),
        compression,
        renegotiation: false,
        heartbeat: false,
        ticket: false,
        extended_master_secret: false,
    };
    if !body.is_empty() {
        let mut extensions = Reader(body.block16()?);
        while !extensions.is_empty() {
            let number = extensions.u16()?;
            let mut inside = Reader(extensions.block16()?);
            match number {
                15 => flight.heartbeat = true,
                23 => flight.extended_master_secret = true,
                35 => flight.ticket = true,
                0xff01 => flight.renegotiation = true,
                43 => wire = inside.u16()?,
                51 => flight.exchange = Some(Exchange::Group(inside.u16()?)),
                _ => {}
            }
        }
    }
    flight.version = Version::of(wire)?;
    let modern = flight.version == Version::Tls13;
    (flight.suite.fits(flight.version) && (modern || !retry)).then_some(flight)
}

fn certificates(mut body: Reader<'_>) -> Option<Vec<Vec<u8>>> {
    let mut list = Reader(body.block24()?);
    let mut chain = Vec::new();
    while !list.is_empty() && chain.len() < MAX_CHAIN {
        chain.push(list.block24()?.to_vec());
    }
    Some(chain)
}

/// What a server says of its key for this handshake, as far as it is understood.
fn exchange(suite: Suite, mut body: Reader<'_>) -> Option<Exchange> {
    if suite.has_group() {
        // A curve that is given by its name.
        let named = body.u8()? == 3;
        named.then(|| body.u16().map(Exchange::Group))?
    } else if suite.has_prime() {
        Some(Exchange::Prime(bits(body.block16()?)))
    } else if suite.is_rsa_export() {
        Some(Exchange::Rsa(bits(body.block16()?)))
    } else {
        None
    }
}

/// The bits of a number, without leading zeros.
fn bits(number: &[u8]) -> u32 {
    let digits = number.iter().position(|byte| *byte != 0).map_or(&[][..], |at| &number[at..]);
    let whole = u32::try_from(digits.len()).unwrap_or(u32::MAX).saturating_mul(8);
    whole.saturating_sub(digits.first().map_or(0, |byte| byte.leading_zeros()))
}

/// Reads an answer to the hello of SSL 2: whether it is offered with any suite.
///
/// # Errors
/// None; the form is that of [`parse`].
pub(super) fn ancient(bytes: &[u8], ended: bool) -> Result<Option<bool>, Malformed> {
    let mut reader = Reader(bytes);
    let hello = (|| {
        reader.u16()?;
        let [kind, version, suites] = [reader.u8()?, reader.take(4)?[3], reader.take(4)?[3]];
        Some(kind == 4 && version == 2 && suites > 0)
    })();
    // An alert, in whatever form, says no.
    let other = bytes.first().is_some_and(|first| first & 0x80 == 0);
    Ok(hello.or_else(|| (other || ended).then_some(false)))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
