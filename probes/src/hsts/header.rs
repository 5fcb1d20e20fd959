//! The `Strict-Transport-Security` header, by the grammar of RFC 6797: a header that breaks it counts for nothing.
//!
//! It reads one field's value. Which field counts, and whether the connection lets it count at all, is said elsewhere.

use std::collections::BTreeSet;
use std::time::Duration;

/// What a client keeps of a header that conforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// For how long; zero means that the policy is withdrawn.
    pub(crate) max_age: Duration,
    /// Whether it holds for all subdomains.
    pub(crate) include_subdomains: bool,
    /// Whether the site agrees to be on the browsers' lists.
    pub(crate) preload: bool,
}

/// Why a header does not conform, which obliges clients to ignore it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// Something stands where it may not.
    #[error("it breaks the grammar at byte {0}")]
    Grammar(usize),
    /// A directive occurs twice.
    #[error("the directive `{0}` occurs twice")]
    Twice(String),
    /// There is no `max-age`.
    #[error("`max-age` is missing")]
    NoMaxAge,
    /// The value of `max-age` is no number of seconds.
    #[error("`max-age` is no number of seconds")]
    MaxAge,
    /// `includeSubDomains` has a value, which it must not.
    #[error("`includeSubDomains` has a value")]
    Subdomains,
}

/// Reads a field's value.
///
/// # Errors
/// The first way in which it does not conform.
pub(crate) fn read(value: &[u8]) -> Result<Policy, Malformed> {
    let mut seen = BTreeSet::new();
    let mut max_age = None;
    let mut include_subdomains = false;
    let mut preload = false;
    let mut cursor = Cursor { text: value, at: 0 };
    loop {
        let directive = cursor.directive()?;
        cursor.blanks();
        let last = match cursor.next() {
            None => true,
            Some(b';') => false,
            Some(_) => return Err(Malformed::Grammar(cursor.at)),
        };
        cursor.at += 1;
        if let Some((name, value)) = directive {
            match name.as_str() {
                "max-age" => max_age = Some(seconds(value.as_deref())?),
                "includesubdomains" if value.is_some() => return Err(Malformed::Subdomains),
                "includesubdomains" => include_subdomains = true,
                // Beyond the RFC, and so never a reason to ignore the header.
                "preload" => preload = value.is_none(),
                _ => {}
            }
            if let Some(name) = seen.replace(name) {
                return Err(Malformed::Twice(name));
            }
        }
        if last {
            break;
        }
    }
    let max_age = max_age.ok_or(Malformed::NoMaxAge)?;
    Ok(Policy { max_age, include_subdomains, preload })
}

/// Digits alone; more than can be counted is as long as can be counted.
fn seconds(value: Option<&[u8]>) -> Result<Duration, Malformed> {
    match value {
        Some(digits) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let add = |sum: u64, d: &u8| sum.saturating_mul(10).saturating_add(u64::from(d - b'0'));
            Ok(Duration::from_secs(digits.iter().fold(0, add)))
        }
        _ => Err(Malformed::MaxAge),
    }
}

/// A directive's name in lower case, and its value without quotes.
type Directive = (String, Option<Vec<u8>>);

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn next(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// One directive, or nothing where there is none, which the grammar allows between semicolons.
    fn directive(&mut self) -> Result<Option<Directive>, Malformed> {
        self.blanks();
        let Some(name) = self.token() else { return Ok(None) };
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        self.blanks();
        if self.next() != Some(b'=') {
            return Ok(Some((name, None)));
        }
        self.at += 1;
        self.blanks();
        let value = if self.next() == Some(b'"') {
            self.quoted()?
        } else {
            let at = self.at;
            self.token().ok_or(Malformed::Grammar(at))?.to_vec()
        };
        Ok(Some((name, Some(value))))
    }

    fn token(&mut self) -> Option<&[u8]> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|b| is_token(**b)).count();
        self.at += length;
        (length > 0).then(|| &rest[..length])
    }

    fn quoted(&mut self) -> Result<Vec<u8>, Malformed> {
        let mut value = Vec::new();
        self.at += 1;
        loop {
            match self.next() {
                Some(b'"') => break,
                // A backslash makes the next character stand for itself.
                Some(b'\\') if self.text.get(self.at + 1).is_some_and(u8::is_ascii) => {
                    self.at += 1;
                    value.extend(self.next());
                }
                Some(b) if b != b'\\' && (b == b'\t' || !b.is_ascii_control()) => value.push(b),
                _ => return Err(Malformed::Grammar(self.at)),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(value)
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(seconds: u64, include_subdomains: bool, preload: bool) -> Policy {
        Policy { max_age: Duration::from_secs(seconds), include_subdomains, preload }
    }

    #[test]
    fn headers_that_conform_are_kept() {
        let rows = [
            ("plain", "max-age=31536000", policy(31_536_000, false, false)),
            ("with subdomains", "max-age=1; includeSubDomains", policy(1, true, false)),
            ("in another order", "includeSubDomains;max-age=1", policy(1, true, false)),
            ("preload", "max-age=1; includeSubDomains; preload", policy(1, true, true)),
            ("any case", "MAX-AGE=1; INCLUDESUBDOMAINS; Preload", policy(1, true, true)),
            ("quoted", "max-age=\"31536000\"", policy(31_536_000, false, false)),
            ("quoted with escapes", "max-age=\"\\3\\1\"", policy(31, false, false)),
            ("blanks", "  max-age = 1 ;\tincludeSubDomains  ", policy(1, true, false)),
            ("empty directives", ";;max-age=1;;", policy(1, false, false)),
            ("withdrawn", "max-age=0", policy(0, false, false)),
            ("an unknown directive", "max-age=1; x=\"a;b=c\"; y", policy(1, false, false)),
            ("preload with a value", "max-age=1; preload=yes", policy(1, false, false)),
            ("leading zeros", "max-age=007", policy(7, false, false)),
            ("endless", "max-age=99999999999999999999999", policy(u64::MAX, false, false)),
        ];
        for (row, value, kept) in rows {
            assert_eq!(read(value.as_bytes()), Ok(kept), "{row}");
        }
    }

    #[test]
    fn headers_that_do_not_are_ignored_for_a_reason() {
        let twice = |name: &str| Malformed::Twice(name.to_owned());
        let rows = [
            ("empty", "", Malformed::NoMaxAge),
            ("no age", "includeSubDomains", Malformed::NoMaxAge),
            ("an age without a value", "max-age", Malformed::MaxAge),
            ("an empty age", "max-age=", Malformed::Grammar(8)),
            ("an empty quoted age", "max-age=\"\"", Malformed::MaxAge),
            ("a negative age", "max-age=-1", Malformed::MaxAge),
            ("a fraction", "max-age=1.5", Malformed::MaxAge),
            ("a unit", "max-age=1y", Malformed::MaxAge),
            ("a blank inside", "max-age=1 000", Malformed::Grammar(10)),
            ("blanks in quotes", "max-age=\" 1 \"", Malformed::MaxAge),
            ("a comma", "max-age=1, includeSubDomains", Malformed::Grammar(9)),
            ("two ages", "max-age=1; max-age=1", twice("max-age")),
            ("two ages in two cases", "max-age=1; Max-Age=2", twice("max-age")),
            ("an unknown one twice", "max-age=1; x; X=1", twice("x")),
            ("subdomains twice", "max-age=1; includeSubDomains; includesubdomains", {
                twice("includesubdomains")
            }),
            ("subdomains with a value", "max-age=1; includeSubDomains=1", Malformed::Subdomains),
            ("a value without a name", "max-age=1; =1", Malformed::Grammar(11)),
            ("an open quote", "max-age=\"1", Malformed::Grammar(10)),
            ("a backslash at the end", "max-age=\"1\\", Malformed::Grammar(10)),
            ("more after a quote", "max-age=\"1\"2", Malformed::Grammar(11)),
            ("a colon", "max-age:1", Malformed::Grammar(7)),
        ];
        for (row, value, why) in rows {
            assert_eq!(read(value.as_bytes()), Err(why), "{row}");
        }
        assert_eq!(read(b"max-age=1; x=\"a\x01\""), Err(Malformed::Grammar(15)), "a control");
    }
}
