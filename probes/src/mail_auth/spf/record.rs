//! An SPF record, by its grammar (RFC 7208, sections 4.6 and 12): one slip anywhere spoils all of it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::macros::{Spec, is_macro_string};

/// The most terms that are read of a record; one that fits into the largest answer has fewer.
const MAX_TERMS: usize = 10_000;

/// What is said of whoever a mechanism matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qualifier {
    /// `+`, or nothing.
    Pass,
    /// `-`.
    Fail,
    /// `~`.
    SoftFail,
    /// `?`.
    Neutral,
}

/// How many leading bits have to agree, by version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    /// Of 32.
    pub(super) four: u8,
    /// Of 128.
    pub(super) six: u8,
}

/// Whom a directive is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// Everybody.
    All,
    /// Whom another domain's record passes.
    Include(Spec),
    /// A name's addresses.
    A(Option<Spec>, Prefix),
    /// The addresses of a name's mail exchangers.
    Mx(Option<Spec>, Prefix),
    /// Whoever proves to be called so.
    Ptr(Option<Spec>),
    /// A network.
    Ip4(Ipv4Addr, u8),
    /// A network of version 6.
    Ip6(Ipv6Addr, u8),
    /// Everybody, if the name has an address.
    Exists(Spec),
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The directives, in order.
    pub(super) directives: Vec<(Qualifier, Mechanism)>,
    /// Whose record decides when no directive matches.
    pub(super) redirect: Option<Spec>,
}

/// A term that breaks the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` breaks the grammar")]
pub(super) struct Slip(String);

/// Whether a text is an SPF record at all: `v=spf1`, alone or before a blank.
pub(super) fn is_record(text: &[u8]) -> bool {
    let Some((version, rest)) = text.split_at_checked(6) else { return false };
    version.eq_ignore_ascii_case(b"v=spf1") && matches!(rest.first(), None | Some(b' '))
}

/// Reads a record that [is one](is_record).
///
/// # Errors
/// The first term that breaks the grammar.
pub(super) fn parse(text: &[u8]) -> Result<Record, Slip> {
    let slip = |term: &[u8]| Slip(String::from_utf8_lossy(&term[..term.len().min(100)]).into());
    let mut record = Record { directives: Vec::new(), redirect: None };
    let mut explained = false;
    let terms = text.get(6..).unwrap_or_default().split(|b| *b == b' ');
    for term in terms.filter(|term| !term.is_empty()).take(MAX_TERMS) {
        let known = std::str::from_utf8(term).ok().filter(|term| term.is_ascii());
        let Some(term) = known else { return Err(slip(term)) };
        let bad = || slip(term.as_bytes());
        match modifier(term) {
            Some(("redirect", value)) if record.redirect.is_none() => {
                record.redirect = Some(Spec::read(value).ok_or_else(bad)?);
            }
            Some(("exp", value)) if !explained => {
                Spec::read(value).ok_or_else(bad)?;
                explained = true;
            }
            Some(("redirect" | "exp", _)) => return Err(bad()),
            Some((_, value)) if is_macro_string(value) => {}
            Some(_) => return Err(bad()),
            None => record.directives.push(directive(term).ok_or_else(bad)?),
        }
    }
    Ok(record)
}

/// A modifier's name in lower case where it matters, and its value.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let mut bytes = name.bytes();
    let named = bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let name = ["redirect", "exp"].into_iter().find(|k| name.eq_ignore_ascii_case(k));
    named.then_some((name.unwrap_or(""), value))
}

fn directive(term: &str) -> Option<(Qualifier, Mechanism)> {
    let (qualifier, term) = match term.split_at_checked(1)? {
        ("+", rest) => (Qualifier::Pass, rest),
        ("-", rest) => (Qualifier::Fail, rest),
        ("~", rest) => (Qualifier::SoftFail, rest),
        ("?", rest) => (Qualifier::Neutral, rest),
        _ => (Qualifier::Pass, term),
    };
    let end = term.find([':', '/']).unwrap_or(term.len());
    let (name, rest) = term.split_at(end);
    let value = rest.strip_prefix(':');
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" if rest.is_empty() => Mechanism::All,
        "include" => Mechanism::Include(Spec::read(value?)?),
        "exists" => Mechanism::Exists(Spec::read(value?)?),
        "a" => {
            let (spec, prefix) = place(rest)?;
            Mechanism::A(spec, prefix)
        }
        "mx" => {
            let (spec, prefix) = place(rest)?;
            Mechanism::Mx(spec, prefix)
        }
        "ptr" if rest.is_empty() => Mechanism::Ptr(None),
        "ptr" => Mechanism::Ptr(Some(Spec::read(value?)?)),
        "ip4" => {
            let (ip, length) = network(value?, 32)?;
            Mechanism::Ip4(quad(ip)?, length)
        }
        "ip6" => {
            let (ip, length) = network(value?, 128)?;
            Mechanism::Ip6(ip.parse().ok()?, length)
        }
        _ => return None,
    };
    Some((qualifier, mechanism))
}

/// What may stand behind `a` and `mx`: a name, a prefix per version, either, both or nothing.
fn place(rest: &str) -> Option<(Option<Spec>, Prefix)> {
    let mut prefix = Prefix { four: 32, six: 128 };
    let mut rest = rest;
    if let Some((before, six)) = rest.rsplit_once("//")
        && !six.contains('}')
    {
        prefix.six = length(six, 128)?;
        rest = before;
    }
    if let Some((before, four)) = rest.rsplit_once('/')
        && !four.contains('}')
    {
        prefix.four = length(four, 32)?;
        rest = before;
    }
    match rest.strip_prefix(':') {
        Some(name) => Some((Some(Spec::read(name)?), prefix)),
        None => rest.is_empty().then_some((None, prefix)),
    }
}

fn network(text: &str, most: u8) -> Option<(&str, u8)> {
    match text.split_once('/') {
        Some((ip, bits)) => Some((ip, length(bits, most)?)),
        None => Some((text, most)),
    }
}

/// A length without leading zeros.
fn length(text: &str, most: u8) -> Option<u8> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    (digits && plain).then(|| text.parse().ok()).flatten().filter(|n| *n <= most)
}

/// Four numbers.
fn quad(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_record_is_told_by_its_version() {
        let rows = [
            ("alone", "v=spf1", true),
            ("in capitals", "V=SPF1 -all", true),
            ("before a blank", "v=spf1 ", true),
            ("another version", "v=spf10 -all", false),
            ("a blank before", " v=spf1 -all", false),
            ("a tab behind", "v=spf1\t-all", false),
            ("another text", "verify=abc", false),
            ("nothing", "", false),
        ];
        for (row, text, is) in rows {
            assert_eq!(is_record(text.as_bytes()), is, "{row}");
        }
    }

    #[test]
    fn terms_that_conform_are_read() {
        let rows = [
            ("nothing", "", 0),
            ("blanks", "   -all   ", 1),
            ("every mechanism", "a mx ptr ip4:192.0.2.0/24 ip6:2001:db8::/32 exists:a.b -all", 7),
            ("in capitals", "A MX IP4:192.0.2.1 INCLUDE:a.b ~ALL", 5),
            ("prefixes", "a/24 a//64 a/24//64 a:a.b/24 mx:a.b//64 mx:a.b/0//0", 6),
            ("a macro with a slash", "exists:%{d/}.a.b a:%{l/} -all", 3),
            ("unknown modifiers", "x=y foo.bar-baz_=%{d}/%{c} -all", 1),
            ("redirect", "redirect=_spf.a.b", 0),
            ("exp", "-all exp=a.b", 1),
            ("a plus", "+all", 1),
        ];
        for (row, terms, directives) in rows {
            let read = parse(format!("v=spf1 {terms}").as_bytes()).expect(row);
            assert_eq!(read.directives.len(), directives, "{row}");
        }
    }

    #[test]
    fn one_slip_spoils_a_record() {
        let rows = [
            ("an unknown mechanism", "all4 -all"),
            ("all with a value", "-all:a.b"),
            ("all with a prefix", "-all/8"),
            ("include without a name", "include"),
            ("include with a prefix", "include:a.b/24"),
            ("an empty include", "include:"),
            ("a name of one label", "a:localhost"),
            ("a prefix with a zero", "a/024"),
            ("a long prefix", "a/33"),
            ("a long prefix of version 6", "a//129"),
            ("an empty prefix", "a/"),
            ("an address that is none", "ip4:192.0.2"),
            ("an address with a zero", "ip4:192.0.2.01"),
            ("an address with a port", "ip4:192.0.2.1:25"),
            ("no address", "ip4"),
            ("version 6 in ip4", "ip4:2001:db8::1"),
            ("version 4 in ip6", "ip6:192.0.2.1"),
            ("two redirects", "redirect=a.b redirect=a.b"),
            ("two exps", "exp=a.b exp=a.b"),
            ("an empty redirect", "redirect="),
            ("a comma", "a,mx"),
            ("a tab", "a\tmx"),
            ("two signs", "--all"),
            ("a sign on a modifier", "-redirect=a.b"),
            ("a modifier with a bad macro", "x=%{"),
            ("no ASCII", "a:é.example"),
            ("a lone sign", "-"),
        ];
        for (row, terms) in rows {
            assert!(parse(format!("v=spf1 {terms}").as_bytes()).is_err(), "{row}");
        }
    }
}
