//! The words of an expectation: names, numbers with units, texts and symbols, each with its place.

use crate::problem::{KeyPath, Problem};
use crate::reading::Unit;
use crate::time::parse_duration;

/// A word of an expectation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A bare word: a reading, a keyword, or a text such as `203.0.113.10`.
    Word(String),
    /// A quoted text.
    Text(String),
    /// A number in the base of its unit.
    Number(f64, Unit),
    /// An operator, bracket or comma.
    Symbol(&'static str),
}

/// A word with its place, in characters from the start of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
}

const SYMBOLS: [&str; 15] =
    ["<=", ">=", "==", "!=", "<", ">", "(", ")", "[", "]", ",", "+", "*", "/", "-"];

/// Splits a text into words.
pub(super) fn lex(text: &str) -> Result<Vec<Placed>, Problem> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if c.is_whitespace() {
            i += 1;
        } else if c == '"' || c == '\'' {
            let (token, end) = quoted(&chars, i)?;
            out.push(Placed { token, at: i });
            i = end;
        } else if starts_word(&chars, i) {
            let end = word_end(&chars, i);
            let word: String = chars[i..end].iter().collect();
            out.push(Placed { token: classify(&word, i)?, at: i });
            i = end;
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|s| starts_with(&chars[i..], s)) {
            out.push(Placed { token: Token::Symbol(symbol), at: i });
            i += symbol.len();
        } else {
            return Err(problem(format!("`{c}` has no meaning here"), i)
                .hint("expectations read like `days_left > 90d` or `answers == [203.0.113.10]`"));
        }
    }
    Ok(out)
}

pub(super) fn problem(message: impl Into<String>, at: usize) -> Problem {
    Problem::new(KeyPath::root(), message).offset(at)
}

fn starts_with(chars: &[char], symbol: &str) -> bool {
    symbol.chars().enumerate().all(|(i, s)| chars.get(i) == Some(&s))
}

/// A word begins with a letter or digit, `_`, or a minus that belongs to a number.
fn starts_word(chars: &[char], i: usize) -> bool {
    let c = chars[i];
    let blank_before = i == 0 || chars[i - 1].is_whitespace() || "([,<>=".contains(chars[i - 1]);
    c.is_alphanumeric()
        || c == '_'
        || (c == '-' && blank_before && chars.get(i + 1).is_some_and(char::is_ascii_digit))
}

fn word_end(chars: &[char], start: usize) -> usize {
    let part = |c: char| c.is_alphanumeric() || "_.:-%".contains(c);
    (start + 1..chars.len()).find(|&i| !part(chars[i])).unwrap_or(chars.len())
}

fn quoted(chars: &[char], start: usize) -> Result<(Token, usize), Problem> {
    let quote = chars[start];
    let mut text = String::new();
    let mut i = start + 1;
    while i < chars.len() {
        match chars[i] {
            c if c == quote => return Ok((Token::Text(text), i + 1)),
            '\\' if chars.get(i + 1).is_some_and(|n| *n == quote || *n == '\\') => {
                text.push(chars[i + 1]);
                i += 2;
            }
            c => {
                text.push(c);
                i += 1;
            }
        }
    }
    Err(problem("the quote is never closed", start))
}

/// Tells numbers with units from other words.
fn classify(word: &str, at: usize) -> Result<Token, Problem> {
    let digits = word.trim_start_matches('-');
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Token::Word(word.to_owned()));
    }
    if let Ok(number) = word.parse::<f64>() {
        return Ok(Token::Number(number, Unit::One));
    }
    let cut =
        word.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(word.len());
    let (number, unit) = word.split_at(cut);
    if let Ok(number) = number.parse::<f64>() {
        let scale = |unit: Unit, by: f64| Ok(Token::Number(number * by, unit));
        match unit {
            "%" => return scale(Unit::Percent, 1.0),
            "B" => return scale(Unit::Bytes, 1.0),
            "KiB" => return scale(Unit::Bytes, 1024.0),
            "MiB" => return scale(Unit::Bytes, 1_048_576.0),
            "GiB" => return scale(Unit::Bytes, 1_073_741_824.0),
            "TiB" => return scale(Unit::Bytes, 1_099_511_627_776.0),
            "KB" | "kB" => return scale(Unit::Bytes, 1e3),
            "MB" => return scale(Unit::Bytes, 1e6),
            "GB" => return scale(Unit::Bytes, 1e9),
            "TB" => return scale(Unit::Bytes, 1e12),
            _ => {}
        }
        if let Ok(duration) = parse_duration(word.trim_start_matches('-')) {
            let sign = if word.starts_with('-') { -1.0 } else { 1.0 };
            return Ok(Token::Number(sign * duration.as_secs_f64(), Unit::Time));
        }
        if unit.chars().all(char::is_alphabetic) {
            return Err(problem(format!("`{unit}` is no unit"), at)
                .hint("units are ms, s, m, h, d, w, %, B, KiB, MiB, GiB, KB, MB, GB"));
        }
    }
    Ok(Token::Word(word.to_owned()))
}
