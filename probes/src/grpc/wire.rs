//! The two messages of the protocol, as protocol buffers, and gRPC's frame around them.

use launchgate_core::observation::{Cause, Failure};

/// The longest name of a service, in bytes.
pub(super) const MAX_NAME: usize = 200;
/// The longest answer: a status is a few bytes.
pub(super) const MAX_ANSWER: usize = 4 * 1024;

/// What a server says of a service, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It serves.
    Serving,
    /// The server does not say.
    Unknown,
    /// It does not serve.
    NotServing,
    /// The server knows no such service.
    ServiceUnknown,
}

impl Status {
    /// The protocol's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Serving => "SERVING",
            Self::Unknown => "UNKNOWN",
            Self::NotServing => "NOT_SERVING",
            Self::ServiceUnknown => "SERVICE_UNKNOWN",
        }
    }
}

/// A framed `HealthCheckRequest`: field 1 is the service's name.
pub(super) fn question(service: &str) -> Vec<u8> {
    let name = &service.as_bytes()[..service.len().min(MAX_NAME)];
    let mut message = Vec::with_capacity(name.len() + 3);
    if !name.is_empty() {
        message.push(0x0a);
        varint(name.len(), &mut message);
        message.extend_from_slice(name);
    }
    let mut frame = vec![0];
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&message);
    frame
}

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// Reads a framed `HealthCheckResponse`: field 1 is the status. Other fields are passed over.
///
/// # Errors
/// It is compressed, cut, or no such message.
pub fn read_answer(bytes: &[u8]) -> Result<Status, Failure> {
    let bad = |why: &str| Failure::new(Cause::BadResponse, format!("the answer {why}"));
    let (frame, message) = bytes.split_at_checked(5).ok_or_else(|| bad("has no frame"))?;
    if frame[0] != 0 {
        return Err(bad("is compressed, which was not asked for"));
    }
    let length = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
    if usize::try_from(length).ok() != Some(message.len()) {
        return Err(bad("is not as long as it says"));
    }
    let mut rest = message;
    // A field at its default is left out: the first status is UNKNOWN.
    let mut status = 0;
    while !rest.is_empty() {
        let (key, after) = number(rest).ok_or_else(|| bad("breaks off"))?;
        rest = after;
        let value = match key & 7 {
            0 => {
                let (value, after) = number(rest).ok_or_else(|| bad("breaks off"))?;
                rest = after;
                Some(value)
            }
            1 | 5 => {
                let width = if key & 7 == 1 { 8 } else { 4 };
                rest = rest.get(width..).ok_or_else(|| bad("breaks off"))?;
                None
            }
            2 => {
                let (length, after) = number(rest).ok_or_else(|| bad("breaks off"))?;
                let length = usize::try_from(length).map_err(|_| bad("breaks off"))?;
                rest = after.get(length..).ok_or_else(|| bad("breaks off"))?;
                None
            }
            _ => return Err(bad("is no protocol buffer")),
        };
        if key >> 3 == 1 {
            status = value.ok_or_else(|| bad("has a status that is no number"))?;
        }
    }
    match status {
        0 => Ok(Status::Unknown),
        1 => Ok(Status::Serving),
        2 => Ok(Status::NotServing),
        3 => Ok(Status::ServiceUnknown),
        other => Err(bad(&format!("has a status that is not known: {other}"))),
    }
}

/// A variable-length number at the front, and what follows it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(i * 7).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_what_other_clients_send() {
        assert_eq!(question(""), [0, 0, 0, 0, 0]);
        assert_eq!(question("a.B"), [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
        let long = question(&"x".repeat(150));
        assert_eq!(&long[..8], [0, 0, 0, 0, 153, 0x0a, 0x96, 0x01]);
    }

    #[test]
    fn answers_are_read_or_refused() {
        let rows: [(&str, &[u8], Result<Status, ()>); 14] = [
            ("serving", &[0, 0, 0, 0, 2, 8, 1], Ok(Status::Serving)),
            ("not serving", &[0, 0, 0, 0, 2, 8, 2], Ok(Status::NotServing)),
            ("no such service", &[0, 0, 0, 0, 2, 8, 3], Ok(Status::ServiceUnknown)),
            ("at its default", &[0, 0, 0, 0, 0], Ok(Status::Unknown)),
            ("another field before", &[0, 0, 0, 0, 5, 0x12, 1, b'x', 8, 1], Ok(Status::Serving)),
            ("fixed fields", &[0, 0, 0, 0, 7, 0x15, 1, 2, 3, 4, 8, 1], Ok(Status::Serving)),
            ("a status of later days", &[0, 0, 0, 0, 2, 8, 9], Err(())),
            ("nothing", &[], Err(())),
            ("half a frame", &[0, 0, 0], Err(())),
            ("compressed", &[1, 0, 0, 0, 2, 8, 1], Err(())),
            ("shorter than it says", &[0, 0, 0, 0, 9, 8, 1], Err(())),
            ("a number that breaks off", &[0, 0, 0, 0, 2, 8, 0x80], Err(())),
            ("a field beyond the end", &[0, 0, 0, 0, 2, 0x12, 9], Err(())),
            ("a status that is text", &[0, 0, 0, 0, 3, 0x0a, 1, b'x'], Err(())),
        ];
        for (row, bytes, expected) in rows {
            assert_eq!(read_answer(bytes).map_err(|_| ()), expected, "{row}");
        }
    }
}
