//! Snapshots of a zone, and the messages that they are taken from, for `fuzz/`.

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::{Name, RecordType};

use super::{take, zone_file};
use crate::fuzzing::{Parser, said};

pub(crate) const PARSERS: &[Parser] = &[
    ("dns_snapshot_file", |bytes| said(zone_file::parse(bytes))),
    ("dns_snapshot_message", |bytes| {
        let name = Name::from_ascii("www.shop.example.").expect("the name is one");
        let Ok(message) = Message::from_vec(&[b"LG", bytes].concat()) else { return };
        for kind in [RecordType::A, RecordType::TXT, RecordType::SRV, RecordType::CAA] {
            said(take::read(&message, &name, kind));
        }
    }),
];
