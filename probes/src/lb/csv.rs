//! Comma-separated values as HAProxy writes them (RFC 4180): a value with a comma, a quote or a line's end stands in quotes.

/// Why a text is no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// The text ends inside a row.
    #[error("it breaks off")]
    BreaksOff,
    /// Something follows a closing quote.
    #[error("something follows a quoted value")]
    AfterQuote,
}

/// Reads rows up to the first empty line, or to the end.
///
/// # Errors
/// A text that ends inside a row, or a quoted value that goes on after its quote.
pub(super) fn rows(text: &str) -> Result<Vec<Vec<String>>, Malformed> {
    let mut rows = Vec::new();
    let (mut row, mut value) = (Vec::new(), String::new());
    let mut chars = text.chars().filter(|c| *c != '\r').peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if value.is_empty() => {
                quoted(&mut chars, &mut value)?;
                if !matches!(chars.peek(), None | Some(',' | '\n')) {
                    return Err(Malformed::AfterQuote);
                }
            }
            ',' => row.push(std::mem::take(&mut value)),
            '\n' if row.is_empty() && value.is_empty() => return Ok(rows),
            '\n' => {
                row.push(std::mem::take(&mut value));
                rows.push(std::mem::take(&mut row));
            }
            c => value.push(c),
        }
    }
    if row.is_empty() && value.is_empty() { Ok(rows) } else { Err(Malformed::BreaksOff) }
}

/// Reads the rest of a quoted value; a doubled quote stands for one.
fn quoted(
    chars: &mut std::iter::Peekable<impl Iterator<Item = char>>,
    value: &mut String,
) -> Result<(), Malformed> {
    while let Some(c) = chars.next() {
        match c {
            '"' if chars.peek() == Some(&'"') => value.extend(chars.next()),
            '"' => return Ok(()),
            c => value.push(c),
        }
    }
    Err(Malformed::BreaksOff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole_or_the_text_is_refused() {
        let table = |rows: &[&[&str]]| {
            Ok(rows.iter().map(|r| r.iter().map(ToString::to_string).collect()).collect())
        };
        let rows = [
            ("nothing", "", table(&[])),
            ("two rows", "a,b,\nc,,\n", table(&[&["a", "b", ""], &["c", "", ""]])),
            ("up to an empty line", "a,b\n\nc\n", table(&[&["a", "b"]])),
            ("quoted", "\"a,\"\"b\"\"\nc\",d\n", table(&[&["a,\"b\"\nc", "d"]])),
            ("lines of another kind", "a,b\r\n", table(&[&["a", "b"]])),
            ("an empty quoted value", "\"\",b\n", table(&[&["", "b"]])),
            ("broken off", "a,b\nc", Err(Malformed::BreaksOff)),
            ("an open quote", "a,\"b\n", Err(Malformed::BreaksOff)),
            ("more after a quote", "\"a\"b\n", Err(Malformed::AfterQuote)),
        ];
        for (row, text, expected) in rows {
            assert_eq!(super::rows(text), expected, "{row}");
        }
    }
}
