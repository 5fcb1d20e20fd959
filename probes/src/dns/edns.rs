//! What stands in an answer's EDNS options: extended errors (RFC 8914), and the network that it was given for (RFC 7871).

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};

/// The option code of an extended error.
const EXTENDED_ERROR: u16 = 15;
/// The most extended errors of one answer that are read.
const MAX_ERRORS: usize = 16;

/// The codes of an answer's extended errors, in order.
pub(crate) fn extended_errors(message: &Message) -> Vec<u16> {
    let options = message.edns.iter().flat_map(|edns| &edns.options().options);
    options
        .filter_map(|(_, option)| match option {
            EdnsOption::Unknown(EXTENDED_ERROR, data) => extended_error(data),
            _ => None,
        })
        .take(MAX_ERRORS)
        .collect()
}

/// Reads the data of an extended error: its code. The text behind it is not kept. It takes any bytes.
fn extended_error(data: &[u8]) -> Option<u16> {
    data.first_chunk().map(|code| u16::from_be_bytes(*code))
}

/// The network that an answer says it was given for, when it says so at all.
pub(crate) fn subnet(message: &Message) -> Option<ClientSubnet> {
    match message.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(*subnet),
        _ => None,
    }
}

/// What an extended error says, for people.
pub(crate) fn error_name(code: u16) -> String {
    let name = match code {
        3 => "stale answer",
        6 => "DNSSEC bogus",
        7 => "signature expired",
        8 => "signature not yet valid",
        9 => "DNSKEY missing",
        10 => "signatures missing",
        15 => "blocked",
        16 => "censored",
        17 => "filtered",
        18 => "prohibited",
        19 => "stale NXDOMAIN",
        20 => "not authoritative",
        22 => "no reachable authority",
        23 => "network error",
        _ => return format!("extended error {code}"),
    };
    format!("{name} (EDE {code})")
}

/// Whether an extended error says that DNSSEC does not validate.
pub(crate) fn is_bogus(code: u16) -> bool {
    (6..=10).contains(&code)
}

/// Whether an extended error says that the answer was withheld on purpose.
pub(crate) fn is_filtered(code: u16) -> bool {
    (15..=18).contains(&code)
}

/// Whether an extended error says that the answer is past its time (RFC 8767).
pub(crate) fn is_stale(code: u16) -> bool {
    matches!(code, 3 | 19)
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::{Edns, OpCode};

    use super::*;

    #[test]
    fn extended_errors_are_read_and_rubbish_is_not() {
        let rows: [(&str, &[u8], Option<u16>); 4] = [
            ("a code alone", &[0, 9], Some(9)),
            ("with a text", &[0, 18, b'n', b'o'], Some(18)),
            ("half a code", &[0], None),
            ("nothing", &[], None),
        ];
        for (row, data, code) in rows {
            assert_eq!(extended_error(data), code, "{row}");
            let mut edns = Edns::new();
            edns.options_mut().insert(EdnsOption::Unknown(EXTENDED_ERROR, data.to_vec()));
            let mut message = Message::response(1, OpCode::Query);
            message.set_edns(edns);
            assert_eq!(extended_errors(&message), code.into_iter().collect::<Vec<_>>(), "{row}");
        }
        assert!(extended_errors(&Message::response(1, OpCode::Query)).is_empty());
    }
}
