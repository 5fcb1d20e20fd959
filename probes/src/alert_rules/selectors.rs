//! The selectors of an expression: what it reads series by.
//!
//! Prometheus has said that it is an expression; this only cuts it. What stands within `absent(…)` is left out: it is meant to
//! be missing.

/// Words that take a list of labels, which are no metrics.
const GROUPING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Words that stand where a metric could, and are none.
const WORDS: [&str; 9] =
    ["and", "or", "unless", "atan2", "bool", "offset", "inf", "nan", "anchored"];
/// Aggregations can have their labels between name and parenthesis.
const AGGREGATIONS: [&str; 14] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "limitk",
    "limit_ratio",
];

struct Cutter<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cutter<'t> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if self.peek() != Some('#') {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    /// Over a quoted text whose first quote is next.
    fn skip_quoted(&mut self) {
        let Some(quote) = self.peek() else { return };
        self.at += quote.len_utf8();
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            if c == quote {
                return;
            }
            if c == '\\' && quote != '`' {
                self.at += self.peek().map_or(0, char::len_utf8);
            }
        }
    }

    /// Over what is in brackets, whose first is next, with those within.
    fn skip_nested(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek() {
            match c {
                '"' | '\'' | '`' => {
                    self.skip_quoted();
                    continue;
                }
                '(' | '{' | '[' => depth += 1,
                ')' | '}' | ']' => depth -= 1,
                _ => {}
            }
            self.at += c.len_utf8();
            if depth == 0 {
                return;
            }
        }
    }
}

/// The selectors in the order in which they stand, each once.
pub(super) fn selectors(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut cut = Cutter { text, at: 0 };
    loop {
        cut.skip_blank();
        let start = cut.at;
        let selector = match cut.peek() {
            None => return found,
            Some('"' | '\'' | '`') => {
                cut.skip_quoted();
                None
            }
            // A range, or a subquery with its step: durations, no metrics.
            Some('[') => {
                cut.skip_nested();
                None
            }
            Some('{') => {
                cut.skip_nested();
                Some(&text[start..cut.at])
            }
            Some(c) if c.is_ascii_digit() || c == '.' => {
                cut.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
                None
            }
            Some(c) if c.is_ascii_alphabetic() || matches!(c, '_' | ':') => {
                let word = cut.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
                after_word(&mut cut, word, start)
            }
            Some(c) => {
                cut.at += c.len_utf8();
                None
            }
        };
        if let Some(selector) = selector.filter(|selector| !found.contains(selector)) {
            found.push(selector);
        }
    }
}

/// What a word is, by what follows it: a selector, or nothing that reads series.
fn after_word<'t>(cut: &mut Cutter<'t>, word: &str, start: usize) -> Option<&'t str> {
    let end = cut.at;
    cut.skip_blank();
    let lower = word.to_ascii_lowercase();
    let of = |list: &[&str]| list.contains(&lower.as_str());
    match cut.peek() {
        Some('(') if of(&GROUPING) || matches!(word, "absent" | "absent_over_time") => {
            cut.skip_nested();
            None
        }
        Some('(') => None,
        Some('{') => {
            cut.skip_nested();
            Some(&cut.text[start..cut.at])
        }
        _ if of(&GROUPING) || of(&WORDS) || of(&AGGREGATIONS) => None,
        _ => Some(&cut.text[start..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_series_is_found_and_nothing_else() {
        let rows: [(&str, &str, &[&str]); 20] = [
            ("a metric", "up", &["up"]),
            ("with labels", "up{job=\"a\"} == 0", &["up{job=\"a\"}"]),
            ("without a name", "{__name__=~\"a.*\"}", &["{__name__=~\"a.*\"}"]),
            ("a blank between", "up {job='a'}", &["up {job='a'}"]),
            ("a function", "rate(x_total[5m])", &["x_total"]),
            ("an aggregation, labels first", "sum by (job) (x)", &["x"]),
            ("labels last", "sum(x) by (job, le)", &["x"]),
            ("labels and no blank", "sum without(a)(x)", &["x"]),
            ("matching", "a / on(b) group_left(c) d", &["a", "d"]),
            ("set operators", "a and b unless c or d", &["a", "b", "c", "d"]),
            ("numbers and durations", "x offset 5m > 1e3 * 0.5", &["x"]),
            ("an instant", "x @ 1609746000.5 + y @ end()", &["x", "y"]),
            ("a subquery", "max_over_time(rate(x[5m])[1h:30s])", &["x"]),
            ("twice", "x / x", &["x"]),
            ("absent", "absent(x{a=\"b\"}) or absent_over_time(y[5m])", &[]),
            ("braces in quotes", "x{a=\"}\\\"{\"} + y", &["x{a=\"}\\\"{\"}", "y"]),
            ("a comment", "x # not y\n+ z", &["x", "z"]),
            ("a recording", "job:x:rate5m > bool 3", &["job:x:rate5m"]),
            ("a metric called like a word", "count{a=\"b\"}", &["count{a=\"b\"}"]),
            ("cut off", "sum by (a", &[]),
        ];
        for (row, text, expected) in rows {
            assert_eq!(selectors(text), expected, "{row}");
        }
    }
}
