//! SPF macros (RFC 7208, section 7): names that depend on who sends.

use std::net::IpAddr;

/// The longest name that a macro may yield, in characters; beyond it labels are dropped from the left.
const MAX_NAME: usize = 253;

/// A domain-spec: a name with macros in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spec(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Macro(Macro),
}

/// `%{` letter, digits, `r`, delimiters `}`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Macro {
    letter: char,
    escaped: bool,
    keep: usize,
    reversed: bool,
    delimiters: String,
}

/// What the letters stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    /// The mailbox that sends, `local@domain`.
    pub(super) sender: &'a str,
    /// The domain whose record is evaluated.
    pub(super) domain: &'a str,
    /// The address that sends.
    pub(super) ip: IpAddr,
    /// The name that the sender greets with.
    pub(super) helo: &'a str,
    /// The name that the address proves to have; `unknown` if none.
    pub(super) proven: &'a str,
}

impl Spec {
    /// Reads a domain-spec.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (pieces, ends_in_macro) = pieces(text, false)?;
        (ends_in_macro || ends_in_label(text)).then_some(Self(pieces))
    }

    /// Whether it asks for the name that the address proves to have.
    pub(super) fn needs_proof(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Macro(m) if m.letter == 'p'))
    }

    /// The name, given the values.
    pub(super) fn expand(&self, values: &Values<'_>) -> String {
        let mut name = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => name.push_str(text),
                Piece::Macro(m) => name.push_str(&m.expand(values)),
            }
        }
        let mut rest = name.trim_end_matches('.');
        while rest.len() > MAX_NAME {
            rest = rest.split_once('.').map_or("", |(_, right)| right);
        }
        rest.to_owned()
    }
}

/// Whether a text is a macro-string, as the value of a modifier that nobody knows has to be.
pub(super) fn is_macro_string(text: &str) -> bool {
    pieces(text, true).is_some()
}

/// The pieces, and whether the last is a macro. Some letters have a meaning in explanations alone.
fn pieces(text: &str, explains: bool) -> Option<(Vec<Piece>, bool)> {
    let (mut pieces, mut literal, mut ends_in_macro) = (Vec::new(), String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        ends_in_macro = c == '%';
        match c {
            '%' => match chars.next()? {
                '%' => literal.push('%'),
                '_' => literal.push(' '),
                '-' => literal.push_str("%20"),
                '{' => {
                    let (inside, after) = chars.as_str().split_once('}')?;
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    pieces.push(Piece::Macro(Macro::read(inside, explains)?));
                    chars = after.chars();
                }
                _ => return None,
            },
            '!'..='~' => literal.push(c),
            _ => return None,
        }
    }
    pieces.push(Piece::Literal(literal));
    Some((pieces, ends_in_macro))
}

/// Whether a text ends in a dot and a label that can be a top one, and perhaps a final dot.
fn ends_in_label(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let Some((_, label)) = text.rsplit_once('.') else { return false };
    let bytes = label.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    ends.is_some_and(|(a, b)| a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && bytes.iter().any(|b| b.is_ascii_alphabetic() || *b == b'-')
}

impl Macro {
    fn read(inside: &str, explains: bool) -> Option<Self> {
        let mut chars = inside.chars();
        let letter = chars.next()?;
        let lower = letter.to_ascii_lowercase();
        let known = if explains { "slodiphcrtv" } else { "slodiphv" };
        if !known.contains(lower) {
            return None;
        }
        let rest = chars.as_str();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = rest.split_at(digits);
        let keep = match digits {
            "" => usize::MAX,
            // More than can be counted is all there is.
            digits => digits.parse().unwrap_or(usize::MAX),
        };
        let (reversed, rest) = match rest.strip_prefix(['r', 'R']) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if keep == 0 || !rest.chars().all(|c| ".-+,/_=".contains(c)) {
            return None;
        }
        let delimiters = if rest.is_empty() { "." } else { rest }.to_owned();
        Some(Self { letter: lower, escaped: letter != lower, keep, reversed, delimiters })
    }

    fn expand(&self, values: &Values<'_>) -> String {
        let (local, sender_domain) =
            values.sender.rsplit_once('@').unwrap_or(("postmaster", values.sender));
        let value = match self.letter {
            's' => values.sender.to_owned(),
            'l' => local.to_owned(),
            'o' => sender_domain.to_owned(),
            'd' => values.domain.to_owned(),
            'i' => dotted(values.ip),
            'p' => values.proven.to_owned(),
            'v' => if values.ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
            'h' => values.helo.to_owned(),
            // The letters of explanations, which are not expanded.
            _ => String::new(),
        };
        let mut parts: Vec<&str> = value.split(|c| self.delimiters.contains(c)).collect();
        if self.reversed {
            parts.reverse();
        }
        let text = parts[parts.len().saturating_sub(self.keep)..].join(".");
        if self.escaped { escape(&text) } else { text }
    }
}

/// An address with dots between its parts: octets, or nibbles.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().flat_map(|b| [b >> 4, b & 15]);
            nibbles.map(|n| format!("{n:x}")).collect::<Vec<_>>().join(".")
        }
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_expand_as_the_rfc_shows() {
        let v6 = "2001:db8::cb01";
        let long = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.x.net";
        let rows = [
            ("the sender", "%{s}.x.net", "192.0.2.3", "strong-bad@email.example.com.x.net"),
            ("the sender's domain", "%{o}", "192.0.2.3", "email.example.com"),
            ("the domain", "%{d}", "192.0.2.3", "email.example.com"),
            ("four labels of three", "%{d4}", "192.0.2.3", "email.example.com"),
            ("two labels", "%{d2}", "192.0.2.3", "example.com"),
            ("one label", "%{d1}", "192.0.2.3", "com"),
            ("reversed", "%{dr}", "192.0.2.3", "com.example.email"),
            ("two reversed", "%{d2r}", "192.0.2.3", "example.email"),
            ("the mailbox", "%{l}.x.net", "192.0.2.3", "strong-bad.x.net"),
            ("split at dashes", "%{l-}.x.net", "192.0.2.3", "strong.bad.x.net"),
            ("reversed at dashes", "%{lr-}.x.net", "192.0.2.3", "bad.strong.x.net"),
            ("one at dashes", "%{l1r-}.x.net", "192.0.2.3", "strong.x.net"),
            ("address", "%{ir}.%{v}.x.net", "192.0.2.3", "3.2.0.192.in-addr.x.net"),
            ("address of version 6", "%{ir}.%{v}.x.net", v6, long),
            ("the greeting", "%{h}", "192.0.2.3", "mx.example.org"),
            ("nobody proven", "%{p}.x.net", "192.0.2.3", "unknown.x.net"),
            ("escaped", "%{S}.x.net", "192.0.2.3", "strong-bad%40email.example.com.x.net"),
            ("signs", "a%%b%_c%-d.x.net", "192.0.2.3", "a%b c%20d.x.net"),
            ("with its dot", "x.net.", "192.0.2.3", "x.net"),
        ];
        for (row, spec, ip, name) in rows {
            let values = Values {
                sender: "strong-bad@email.example.com",
                domain: "email.example.com",
                ip: ip.parse().expect("an address"),
                helo: "mx.example.org",
                proven: "unknown",
            };
            assert_eq!(Spec::read(spec).expect(row).expand(&values), name, "{row}");
        }
    }

    #[test]
    fn what_is_no_domain_spec_is_refused() {
        let rows = [
            ("nothing", ""),
            ("one label", "localhost"),
            ("a number on top", "example.123"),
            ("a dash at the end", "example.com-"),
            ("an open macro", "%{d"),
            ("a lone sign", "a%.example"),
            ("an unknown letter", "%{x}.example"),
            ("a letter of explanations", "%{c}.example"),
            ("no labels", "%{d0}.example"),
            ("a strange delimiter", "%{d:}.example"),
            ("a macro for a label's start", "%{d}com"),
            ("a blank", "a b.example"),
            ("no letter", "%{}.example"),
        ];
        for (row, text) in rows {
            assert_eq!(Spec::read(text), None, "{row}");
        }
        assert!(is_macro_string("%{c}%{r}%{t}") && is_macro_string(""));
    }

    #[test]
    fn names_that_are_too_long_lose_labels_from_the_left() {
        let values = Values {
            sender: "a@b.example",
            domain: &format!("{}.example.com", vec!["a".repeat(60); 5].join(".")),
            ip: "192.0.2.1".parse().expect("an address"),
            helo: "x",
            proven: "unknown",
        };
        let name = Spec::read("%{d}").expect("a spec").expand(&values);
        assert_eq!(name, format!("{}.example.com", vec!["a".repeat(60); 3].join(".")));
    }
}
