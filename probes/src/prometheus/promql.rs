//! What a query's text gives away without being understood: fallbacks that make numbers of missing data, and ranges.
//!
//! It is no parser: Prometheus itself says whether a query is one.

use std::time::Duration;

use launchgate_core::time::parse_duration;

/// A word or a single sign, with its place in characters.
type Token<'a> = (usize, &'a str);

/// Where `or vector(…)` stands, in characters: with it, series that are missing yield a number.
pub(super) fn fallback(text: &str) -> Option<usize> {
    let tokens = tokens(text);
    let word = |i: usize| tokens.get(i).map_or("", |token| token.1);
    let stands = |i: &usize| {
        let before = i.checked_sub(4).is_some_and(|vector| {
            word(vector) == "vector" && word(vector + 1) == "(" && word(vector + 3) == ")"
        });
        let mut next = i + 1;
        if matches!(word(next).to_ascii_lowercase().as_str(), "on" | "ignoring") {
            while !matches!(word(next), ")" | "") {
                next += 1;
            }
            next += 1;
        }
        while matches!(word(next), "(" | "+" | "-") {
            next += 1;
        }
        before || (word(next) == "vector" && word(next + 1) == "(")
    };
    let or = (0..tokens.len()).filter(|i| word(*i).eq_ignore_ascii_case("or")).find(stands)?;
    tokens.get(or).map(|token| token.0)
}

/// Whether a metric of this name, or anything else of it, stands in a query outside of quotes.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    tokens(text).iter().any(|token| token.1 == name)
}

/// The shortest range, such as that of `x[5m]`; subqueries and units that we do not know do not count.
pub(super) fn shortest_range(text: &str) -> Option<Duration> {
    let tokens = tokens(text);
    let range = |window: &[Token<'_>]| match window {
        [(_, "["), (_, range), (_, "]")] => parse_duration(range).ok(),
        _ => None,
    };
    tokens.windows(3).filter_map(range).filter(|range| !range.is_zero()).min()
}

/// Words and signs; quoted texts, comments and blanks are left out.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().enumerate().peekable();
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.');
    while let Some((place, (start, c))) = chars.next() {
        match c {
            '"' | '\'' | '`' => {
                let mut escaped = false;
                for (_, (_, inside)) in chars.by_ref() {
                    if inside == c && !escaped {
                        break;
                    }
                    escaped = inside == '\\' && !escaped && c != '`';
                }
            }
            '#' => {
                for (_, (_, inside)) in chars.by_ref() {
                    if inside == '\n' {
                        break;
                    }
                }
            }
            c if c.is_whitespace() => {}
            c => {
                let mut end = start + c.len_utf8();
                while let Some((_, (at, more))) =
                    chars.next_if(|(_, (_, more))| in_word(c) && in_word(*more))
                {
                    end = at + more.len_utf8();
                }
                tokens.extend(text.get(start..end).map(|token| (place, token)));
            }
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fallbacks_are_found_however_they_are_written() {
        let rows = [
            ("plain", "x or vector(0)", Some(2)),
            ("with matching", "sum(x) or on() vector(0)", Some(7)),
            ("with labels", "x or ignoring (a, b) vector(0)", Some(2)),
            ("in capitals, over lines", "x OR\n  vector (1)", Some(2)),
            ("in parentheses", "x or (vector(0))", Some(2)),
            ("negative", "x or -vector(1)", Some(2)),
            ("within one side", "(sum(e) or vector(0)) / sum(t)", Some(8)),
            ("after a comment", "x # or\n or vector(0)", Some(8)),
            ("beyond other letters", "ü{a=\"é\"} or vector(0)", Some(9)),
            ("the wrong way round", "vector(0) or x", Some(10)),
            ("the second of two", "a or b or vector(0)", Some(7)),
            ("another or", "a or b", None),
            ("vectors elsewhere", "x > vector(0)", None),
            ("within quotes", "x{a=\"or vector(0)\"}", None),
            ("within quotes with escapes", r#"x{a="\" or vector(0)"}"#, None),
            ("within a comment", "x # or vector(0)", None),
            ("a metric of that name", "x or vector_total", None),
            ("a label of that name", "x{or=\"vector(0)\"}", None),
            ("cut", "x or on(", None),
            ("nothing", "", None),
        ];
        for (row, text, at) in rows {
            assert_eq!(fallback(text), at, "{row}");
        }
    }

    #[test]
    fn the_shortest_range_counts() {
        let rows = [
            ("one", "rate(x[5m])", Some(300)),
            ("two", "rate(x[5m]) / rate(y[ 1m30s ])", Some(90)),
            ("a subquery", "max_over_time(rate(x[2m])[1h:5s])", Some(120)),
            ("within quotes", "x{a=\"[1s]\"}", None),
            ("none", "x", None),
            ("nought", "x[0s]", None),
        ];
        for (row, text, seconds) in rows {
            assert_eq!(shortest_range(text), seconds.map(Duration::from_secs), "{row}");
        }
    }

    #[test]
    fn names_are_found_outside_of_quotes() {
        let text = "rate(x_total{a=\"y_total\"}[1m])";
        assert!(mentions(text, "x_total"));
        assert!(!mentions(text, "y_total"));
        assert!(!mentions(text, "x"));
    }
}
