//! The pieces that selectors and metric lines are made of: names, quoted texts and single characters.

use std::borrow::Cow;

/// The longest quoted text that is taken, in bytes.
const MAX_QUOTED: usize = 64 * 1024;

/// A place in a text, moving forward.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    rest: &'a str,
}

/// Where a text cannot be read on, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct LexError {
    /// The offset, in characters.
    pub(crate) offset: usize,
    /// What was expected there, as a lowercase fragment.
    pub(crate) why: String,
}

impl<'a> Lexer<'a> {
    /// At the beginning of `text`.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, rest: text }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    /// An error at this place.
    pub(super) fn error(&self, why: impl Into<String>) -> LexError {
        let read = self.text.len() - self.rest.len();
        let offset = self.text.get(..read).unwrap_or_default().chars().count();
        LexError { offset, why: why.into() }
    }

    /// Goes past blanks.
    pub(super) fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Goes past `token` if it is next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A name of letters, digits, `_` and `:`; empty if none is next.
    pub(super) fn name(&mut self) -> &'a str {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        self.rest = rest;
        name
    }

    /// Everything up to the next blank.
    pub(super) fn word(&mut self) -> &'a str {
        let end = self.rest.find([' ', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// A text in one of the quotes given, with its escapes undone.
    ///
    /// # Errors
    /// No quote here, no closing quote, an escape that is not known, or a text of more than 64 KiB.
    pub(super) fn quoted(&mut self, quotes: &[char]) -> Result<Cow<'a, str>, LexError> {
        let Some(quote) = self.rest.chars().next().filter(|c| quotes.contains(c)) else {
            return Err(self.error("a quoted text is expected"));
        };
        let inside = self.rest.get(quote.len_utf8()..).unwrap_or_default();
        let raw = quote == '`';
        let mut escaped = false;
        let end = inside.find(|c| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped && !raw;
            ends
        });
        let Some(end) = end else { return Err(self.error("a closing quote is missing")) };
        if end > MAX_QUOTED {
            return Err(self.error("a text of more than 64 KiB"));
        }
        let (text, rest) = inside.split_at(end);
        let text = if raw { Cow::Borrowed(text) } else { self.unescaped(text)? };
        self.rest = rest.get(quote.len_utf8()..).unwrap_or_default();
        Ok(text)
    }

    fn unescaped(&self, text: &'a str) -> Result<Cow<'a, str>, LexError> {
        if !text.contains('\\') {
            return Ok(Cow::Borrowed(text));
        }
        let mut plain = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                plain.push(c);
                continue;
            }
            match chars.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(c @ ('\\' | '"' | '\'')) => plain.push(c),
                other => {
                    let escape = other.map_or_else(String::new, String::from);
                    return Err(self.error(format!("`\\{escape}` is no known escape")));
                }
            }
        }
        Ok(Cow::Owned(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_lose_their_quotes_and_escapes() {
        let rows = [
            ("plain", r#""a b" rest"#, Ok("a b")),
            ("a closing brace", r#""/x/{id}""#, Ok("/x/{id}")),
            ("a comma and a sign", r#""a,b=c""#, Ok("a,b=c")),
            ("escapes", r#""a\"b\\c\nd""#, Ok("a\"b\\c\nd")),
            ("single quotes", r"'5..'", Ok("5..")),
            ("raw", r"`\d+`", Ok(r"\d+")),
            ("ends in an escaped backslash", r#""a\\""#, Ok("a\\")),
            ("not closed", r#""a\""#, Err("a closing quote is missing")),
            ("another escape", r#""\d""#, Err("`\\d` is no known escape")),
            ("no quote", "a", Err("a quoted text is expected")),
        ];
        for (row, text, read) in rows {
            let got = Lexer::new(text).quoted(&['"', '\'', '`']);
            assert_eq!(
                got.as_deref().map_err(|e| e.why.clone()),
                read.map_err(str::to_owned),
                "{row}"
            );
        }
    }
}
