//! The password of HTTP's basic authentication. Nothing is judged here.

/// What a browser may send as credentials, in base64; a token is far shorter.
const MAX: usize = 1 << 10;

/// The password in the credentials of a `Basic` header; none if they cannot be read.
pub(super) fn password(credentials: &str) -> Option<String> {
    let text = String::from_utf8(decode(credentials)?).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

/// Reads base64 in the standard alphabet, with or without padding.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    if text.len() > MAX {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.bytes() {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(sextet);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).expect("eight bits are left"));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::password;

    #[test]
    fn passwords_are_read_or_refused() {
        let rows: [(&str, &str, Option<&str>); 8] = [
            ("padded twice", "YWxpY2U6cw==", Some("s")),
            ("padded once", "YWxpY2U6c2U=", Some("se")),
            ("not padded", "YWxpY2U6c2Vj", Some("sec")),
            ("padding left out", "YWxpY2U6cw", Some("s")),
            ("a colon within", "YTpiOmM=", Some("b:c")),
            ("no colon", "YWxpY2U=", None),
            ("another alphabet", "YWxp_2U6cw==", None),
            ("no UTF-8", "/zr/", None),
        ];
        for (row, credentials, expected) in rows {
            assert_eq!(password(credentials).as_deref(), expected, "{row}");
        }
        assert_eq!(password(&"A".repeat(2_000)), None, "too long");
    }
}
