//! Packets of DNS, for `fuzz/`: the question is always the same, and its id is put in front.

use hickory_resolver::proto::rr::{Name, RecordType};
use jiff::Timestamp;

use super::exchange::{Parsed, Question, Role};
use super::{answer, delegation, dnssec, edns, exchange, soa, verdict};
use crate::fuzzing::{Parser, said, text};

pub(crate) const PARSERS: &[Parser] = &[
    ("dns_address", |bytes| message(bytes, RecordType::A)),
    ("dns_alias", |bytes| message(bytes, RecordType::CNAME)),
    ("dns_text", |bytes| message(bytes, RecordType::TXT)),
    ("dns_servers", |bytes| {
        let lines: Vec<String> = text(bytes).lines().take(64).map(str::to_owned).collect();
        said(super::servers::read("servers", &lines, &mut Vec::new()));
    }),
];

/// Reads a packet behind its id as the answer to a question, and everything that is read out of an answer.
fn message(bytes: &[u8], kind: RecordType) {
    let name = Name::from_ascii("www.shop.example.").expect("the name is one");
    let asked = Question::new(Role::Resolver, &name, kind).message(0x4c47, true);
    let packet = [b"LG", bytes].concat();
    let Parsed::Ours(message) = exchange::parse(&packet, &asked) else { return };
    let heard = answer::read(&message, &name, kind);
    said((heard.to_string(), delegation::lameness(&heard), verdict::ttl(&heard)));
    said((answer::summary(&message), edns::extended_errors(&message), edns::subnet(&message)));
    said((soa::read(&message), dnssec::earliest_end(&message, Timestamp::UNIX_EPOCH)));
}
