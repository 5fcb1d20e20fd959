//! Snapshots as fragments of zone files (RFC 1035, section 5): owners in full, so that they fit into any zone.
//!
//! What has no place among records stands in comments, which are read back. `$ORIGIN`, `$TTL`, `@`, names that are not in
//! full and records over several lines are not read.

use std::fmt::Write as _;

use super::record::{Absence, Record, Snapshot, quoted, record_type};

/// The largest snapshot that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Why a text is no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is too large.
    #[error("it is larger than 1 MiB")]
    Large,
    /// It is no text.
    #[error("it is no UTF-8")]
    Bytes,
    /// It begins like JSON and is none, or none of a snapshot.
    #[error("it is no snapshot in JSON: {0}")]
    Json(String),
    /// A line is no record in full.
    #[error("line {0} is no record in full, on one line")]
    Line(usize),
}

/// Reads a snapshot: JSON if it begins with a brace, else a zone file's fragment.
///
/// # Errors
/// The first thing that cannot be read.
pub fn parse(bytes: &[u8]) -> Result<Snapshot, Unreadable> {
    if bytes.len() > MAX_BYTES {
        return Err(Unreadable::Large);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::Bytes)?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|e| Unreadable::Json(e.to_string()));
    }
    let mut snapshot = Snapshot::default();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix(';') {
            read_comment(comment.trim(), &mut snapshot);
        } else if !line.is_empty() {
            snapshot.records.push(read_record(line).ok_or(Unreadable::Line(i + 1))?);
        }
    }
    Ok(snapshot)
}

fn read_comment(comment: &str, snapshot: &mut Snapshot) {
    let Some((key, value)) = comment.split_once(": ") else { return };
    let mut words = value.splitn(3, ' ');
    let mut word = || words.next().unwrap_or_default().to_owned();
    match key {
        "recorded" => snapshot.recorded = value.parse().ok(),
        "server" => snapshot.servers.push(value.to_owned()),
        "none" => {
            let (name, kind) = (word(), word());
            snapshot.absent.push(Absence { name, kind, unknown: None });
        }
        "not had" => {
            let (name, kind, why) = (word(), word(), word());
            snapshot.absent.push(Absence { name, kind, unknown: Some(why) });
        }
        _ => {}
    }
}

/// Reads `owner. ttl IN TYPE data`.
fn read_record(line: &str) -> Option<Record> {
    let mut words = line.split_ascii_whitespace();
    let (name, ttl, class, kind) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let name = in_full(name)?;
    let kind = record_type(kind)?.to_string();
    if !class.eq_ignore_ascii_case("IN") {
        return None;
    }
    // The data begins behind four words, however far apart those are.
    let mut rest = line;
    for _ in 0..4 {
        rest = rest.trim_start().split_once(|c: char| c.is_ascii_whitespace())?.1;
    }
    let tokens = tokens(rest)?;
    let plain = |i: usize| tokens.get(i).and_then(|t| std::str::from_utf8(t).ok());
    let number = |i: usize| plain(i)?.parse::<u16>().ok();
    let data = match (kind.as_str(), tokens.len()) {
        ("A", 1) => plain(0)?.parse::<std::net::Ipv4Addr>().ok()?.to_string(),
        ("AAAA", 1) => plain(0)?.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        ("CNAME" | "NS", 1) => in_full(plain(0)?)?,
        ("MX", 2) => format!("{} {}", number(0)?, in_full(plain(1)?)?),
        ("SRV", 4) => {
            format!("{} {} {} {}", number(0)?, number(1)?, number(2)?, in_full(plain(3)?)?)
        }
        ("CAA", 3) => format!("{} {} {}", number(0)?, plain(1)?, quoted(tokens.get(2)?)),
        ("TXT", 1..) if tokens.iter().all(|t| t.len() <= 255) => {
            tokens.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(" ")
        }
        _ => return None,
    };
    Some(Record { name, kind, ttl: ttl.parse().ok()?, data })
}

fn in_full(name: &str) -> Option<String> {
    name.ends_with('.').then(|| name.to_ascii_lowercase())
}

/// Splits data into words and quoted strings, with escapes undone in those; up to a comment.
fn tokens(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut tokens = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' => at += 1,
            b';' => break,
            b'"' => {
                let mut token = Vec::new();
                at += 1;
                loop {
                    match bytes.get(at)? {
                        b'"' => break,
                        b'\\' => {
                            let (byte, length) = escaped(&bytes[at + 1..])?;
                            token.push(byte);
                            at += 1 + length;
                        }
                        other => {
                            token.push(*other);
                            at += 1;
                        }
                    }
                }
                at += 1;
                tokens.push(token);
            }
            _ => {
                let end = bytes[at..]
                    .iter()
                    .position(|b| b" \t;\"".contains(b))
                    .map_or(bytes.len(), |length| at + length);
                tokens.push(bytes[at..end].to_vec());
                at = end;
            }
        }
    }
    Some(tokens)
}

/// What stands behind a backslash: three digits, or a character for itself; and how long that is.
fn escaped(rest: &[u8]) -> Option<(u8, usize)> {
    match rest {
        [a, b, c, ..] if [a, b, c].iter().all(|d| d.is_ascii_digit()) => {
            let value = [a, b, c].iter().fold(0_u16, |n, d| n * 10 + u16::from(**d - b'0'));
            Some((u8::try_from(value).ok()?, 3))
        }
        [byte, ..] => Some((*byte, 1)),
        [] => None,
    }
}

/// Writes a snapshot as a fragment of a zone file.
pub fn write(snapshot: &Snapshot) -> String {
    let mut text = String::from("; What the zone said, for the way back.\n");
    let mut line = |args: std::fmt::Arguments<'_>| {
        text.write_fmt(args).expect("a String takes all");
        text.push('\n');
    };
    if let Some(recorded) = snapshot.recorded {
        line(format_args!("; recorded: {recorded}"));
    }
    for server in &snapshot.servers {
        line(format_args!("; server: {server}"));
    }
    for Absence { name, kind, unknown } in &snapshot.absent {
        match unknown {
            None => line(format_args!("; none: {name} {kind}")),
            Some(why) => {
                let why: String =
                    why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                line(format_args!("; not had: {name} {kind} {why}"));
            }
        }
    }
    for Record { name, kind, ttl, data } in &snapshot.records {
        line(format_args!("{name}\t{ttl}\tIN\t{kind}\t{data}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let record = |kind: &str, data: &str| Record {
            name: "shop.example.".into(),
            kind: kind.into(),
            ttl: 300,
            data: data.into(),
        };
        let absence = |unknown: Option<&str>| Absence {
            name: "www.shop.example.".into(),
            kind: "MX".into(),
            unknown: unknown.map(str::to_owned),
        };
        let snapshot = Snapshot {
            recorded: Some("2026-11-30T09:00:00Z".parse().expect("an instant")),
            servers: vec!["192.0.2.53:53".into()],
            records: vec![
                record("A", "203.0.113.10"),
                record("AAAA", "2001:db8::1"),
                record("MX", "10 mx.shop.example."),
                record("TXT", &format!("{} \"\"", quoted(b"a \"b\"; \\ \x00\xff"))),
                record("SRV", "1 2 443 a.shop.example."),
                record("CAA", "0 issue \"ca.example; x=1\""),
            ],
            absent: vec![absence(None), absence(Some("timeout: no answer"))],
        };
        assert_eq!(parse(write(&snapshot).as_bytes()), Ok(snapshot.clone()));
        let json = serde_json::to_vec(&snapshot).expect("JSON");
        assert_eq!(parse(&json), Ok(snapshot));
    }

    #[test]
    fn what_is_no_record_in_full_is_refused() {
        let rows = [
            ("a relative name", "www 300 IN A 192.0.2.1"),
            ("no time to live", "www.a. IN A 192.0.2.1"),
            ("no class", "www.a. 300 A 192.0.2.1"),
            ("another class", "www.a. 300 CH TXT \"x\""),
            ("a type beyond", "www.a. 300 IN HINFO x y"),
            ("a bad address", "www.a. 300 IN A 192.0.2"),
            ("a relative target", "www.a. 300 IN CNAME b"),
            ("an open quote", "www.a. 300 IN TXT \"x"),
            ("an escape at the end", "www.a. 300 IN TXT \"x\\"),
            ("a large escape", "www.a. 300 IN TXT \"\\999\""),
            ("no data", "www.a. 300 IN TXT"),
            ("an origin", "$ORIGIN a."),
            ("a page", "<html>"),
        ];
        for (row, line) in rows {
            assert_eq!(parse(line.as_bytes()), Err(Unreadable::Line(1)), "{row}");
        }
        assert!(matches!(parse(b"{}"), Err(Unreadable::Json(_))));
        assert_eq!(parse(b"\xff"), Err(Unreadable::Bytes));
        let by_hand = parse(b"WWW.a.  300 in txt  x \"y\" ; why\n").expect("a record");
        assert_eq!(by_hand.records[0].data, "\"x\" \"y\"");
    }
}
