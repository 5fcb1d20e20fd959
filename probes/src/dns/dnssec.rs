//! What can be seen of DNSSEC from outside: when the signatures end, and whether a resolver that validates says *bogus*.
//!
//! It does not validate: that is the resolvers' business, and theirs is the word that people's machines go by.

use std::time::Duration;

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::{RData, RecordType};
use jiff::Timestamp;

use super::answer::Said;
use super::edns;
use super::verdict::Server;

/// The end of the signature that ends first; nothing where there are none.
pub(super) fn earliest_end(message: &Message, now: Timestamp) -> Option<Timestamp> {
    let signatures = message.answers.iter().chain(&message.authorities);
    signatures
        .filter_map(|record| match &record.data {
            RData::Unknown { code: RecordType::RRSIG, rdata } => expiration(&rdata.anything),
            _ => None,
        })
        .filter_map(|end| at(end, now))
        .min()
}

/// Reads when a signature (RFC 4034 §3.1) ends, in the seconds of its 32 bits. It takes any bytes.
fn expiration(rdata: &[u8]) -> Option<u32> {
    rdata.get(8..12)?.first_chunk().map(|end| u32::from_be_bytes(*end))
}

/// The time of 32 bits of seconds that is nearest to now (RFC 4034 §3.1.5).
fn at(seconds: u32, now: Timestamp) -> Option<Timestamp> {
    let now = now.as_second();
    let low = u32::try_from(now.rem_euclid(1 << 32)).ok()?;
    let ahead = seconds.wrapping_sub(low).cast_signed();
    Timestamp::from_second(now.checked_add(ahead.into())?).ok()
}

/// What is left of a signature at a time, in seconds; negative when it has ended.
pub(super) fn left(end: Timestamp, at: Timestamp) -> f64 {
    let between = end.duration_since(at);
    let length = Duration::from_secs(between.as_secs().unsigned_abs()).as_secs_f64();
    if between.is_negative() { -length } else { length }
}

/// Whether the answers are bogus to a resolver that validates. `delegated_signed` is whether the parent vouches for
/// the zone's keys. Nothing when nobody who would know was asked.
pub(super) fn is_bogus(resolvers: &[Server], delegated_signed: Option<bool>) -> Option<bool> {
    if resolvers.iter().any(rejects) {
        return Some(true);
    }
    let validated = resolvers.iter().any(|r| r.authentic && r.said.known().is_some());
    (validated || delegated_signed == Some(false)).then_some(false)
}

/// Whether a resolver has an answer that it does not give since it does not validate.
pub(super) fn rejects(server: &Server) -> bool {
    matches!(server.said, Said::Declines(_))
        && (server.unchecked.as_ref().is_some_and(|said| said.known().is_some())
            || server.errors.iter().any(|code| edns::is_bogus(*code)))
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::ResponseCode;
    use launchgate_core::observation::{Cause, Failure};

    use super::super::answer::Known;
    use super::*;

    #[test]
    fn the_end_of_a_signature_is_read_around_the_corner() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let end = |seconds: i64| Timestamp::from_second(seconds).ok();
        let rows = [
            ("ahead", 1_800_000_009, end(1_800_000_009)),
            ("past", 1_799_999_990, end(1_799_999_990)),
            ("past 2106", 5, end((1 << 32) + 5)),
        ];
        for (row, seconds, expected) in rows {
            let later = if row == "past 2106" { end((1 << 32) - 5) } else { Some(now) };
            assert_eq!(at(seconds, later.expect("a time")), expected, "{row}");
        }
        let mut rdata = vec![0_u8; 18];
        rdata[8..12].copy_from_slice(&7_u32.to_be_bytes());
        assert_eq!(expiration(&rdata), Some(7));
        assert_eq!(expiration(&rdata[..11]), None, "cut");
        let (a, b) = (now, end(1_800_000_060).expect("a time"));
        assert_eq!((left(b, a), left(a, b)), (60.0, -60.0));
    }

    #[test]
    fn bogus_is_said_by_those_who_validate() {
        let address = "192.0.2.53:53".parse().expect("an address");
        let knows = || Said::knows(Known::NoData);
        let fails = || Said::Declines(ResponseCode::ServFail);
        let silent = Said::Silent(Failure::new(Cause::Timeout, "no answer"));
        let server = |said| Server::new(address, said);
        let secure = Server { authentic: true, ..server(knows()) };
        let opened = Server { unchecked: Some(knows()), ..server(fails()) };
        let told = Server { errors: vec![7], ..server(fails()) };
        let broken = Server { unchecked: Some(fails()), ..server(fails()) };
        let rows = [
            ("nobody", vec![], None, None),
            ("no one validates", vec![server(knows())], None, None),
            ("not signed", vec![server(knows())], Some(false), Some(false)),
            ("validated", vec![secure], Some(true), Some(false)),
            ("opened by not checking", vec![server(knows()), opened], Some(true), Some(true)),
            ("told by an extended error", vec![told], Some(true), Some(true)),
            ("broken otherwise", vec![broken], Some(true), None),
            ("silent", vec![server(silent)], Some(true), None),
        ];
        for (row, resolvers, signed, bogus) in rows {
            assert_eq!(is_bogus(&resolvers, signed), bogus, "{row}");
        }
    }
}
