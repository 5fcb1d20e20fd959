//! A selector: which series are meant, `http_requests_total{job="checkout",code=~"5.."}`.
//!
//! The one form for both probes of metrics. It names one metric, and knows neither ranges nor functions.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;

use super::lexer::{LexError, Lexer};

/// The most matchers in one selector.
const MAX_MATCHERS: usize = 32;

/// A series' labels, without the metric's name.
pub(crate) type Labels = BTreeMap<String, String>;

/// Which series are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selector {
    /// The metric's name.
    pub(crate) name: String,
    matchers: Vec<Matcher>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Matcher {
    label: String,
    op: Op,
    text: String,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// `=`
    Equal,
    /// `!=`
    Differs,
    /// `=~`
    Like,
    /// `!~`
    Unlike,
}

impl Op {
    fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Differs => "!=",
            Self::Like => "=~",
            Self::Unlike => "!~",
        }
    }
}

impl Selector {
    /// Reads a selector as `PromQL` writes it.
    ///
    /// # Errors
    /// Where it is no plain selector of one metric.
    pub(crate) fn parse(text: &str) -> Result<Self, LexError> {
        let mut lexer = Lexer::new(text);
        lexer.blanks();
        let mut name = lexer.name().to_owned();
        lexer.blanks();
        let mut matchers = Vec::new();
        if lexer.eat("{") {
            Self::braces(&mut lexer, &mut name, &mut matchers)?;
            lexer.blanks();
        }
        if name.is_empty() {
            return Err(lexer.error("a metric's name is missing"));
        }
        match lexer.rest().chars().next() {
            None => Ok(Self { name, matchers }),
            Some('(' | '[') => {
                let why = "a plain selector is expected, without functions and ranges";
                Err(lexer.error(why))
            }
            Some(c) => Err(lexer.error(format!("`{c}` does not belong in a selector"))),
        }
    }

    fn braces(
        lexer: &mut Lexer<'_>,
        name: &mut String,
        matchers: &mut Vec<Matcher>,
    ) -> Result<(), LexError> {
        loop {
            lexer.blanks();
            if lexer.eat("}") {
                return Ok(());
            }
            let quoted = lexer.rest().starts_with(['"', '\'', '`']);
            let label =
                if quoted { lexer.quoted(&QUOTES)?.into_owned() } else { lexer.name().to_owned() };
            if label.is_empty() {
                return Err(lexer.error("a label's name or `}` is expected"));
            }
            lexer.blanks();
            let op = [("=~", Op::Like), ("!~", Op::Unlike), ("!=", Op::Differs), ("=", Op::Equal)]
                .into_iter()
                .find_map(|(symbol, op)| lexer.eat(symbol).then_some(op));
            match op {
                Some(op) => {
                    lexer.blanks();
                    let text = lexer.quoted(&QUOTES)?.into_owned();
                    if label == "__name__" && op == Op::Equal && name.is_empty() {
                        *name = text;
                    } else {
                        matchers.push(Matcher { label, op, text });
                    }
                }
                // A name beyond the classic alphabet stands quoted among the matchers.
                None if quoted && name.is_empty() => *name = label,
                None => return Err(lexer.error("`=`, `!=`, `=~` or `!~` is expected")),
            }
            if matchers.len() > MAX_MATCHERS {
                return Err(lexer.error(format!("more than {MAX_MATCHERS} matchers")));
            }
            lexer.blanks();
            if !lexer.eat(",") && !lexer.rest().starts_with('}') {
                return Err(lexer.error("`,` or `}` is expected"));
            }
        }
    }

    /// The labels that are compared.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.matchers.iter().map(|m| m.label.as_str())
    }

    /// The same with one more matcher.
    pub(crate) fn and(&self, label: &str, op: Op, text: &str) -> Self {
        let mut more = self.clone();
        more.matchers.push(Matcher { label: label.to_owned(), op, text: text.to_owned() });
        more
    }

    /// The same of a histogram's buckets, whether its own name or that of its buckets was given.
    pub(crate) fn buckets(&self) -> Self {
        let name = self.name.strip_suffix("_bucket").unwrap_or(&self.name);
        Self { name: format!("{name}_bucket"), matchers: self.matchers.clone() }
    }

    /// Makes it ready to be compared with series.
    ///
    /// # Errors
    /// The first pattern that is no regular expression.
    pub(crate) fn compile(&self) -> Result<Filter, String> {
        let mut tests = Vec::new();
        for matcher in &self.matchers {
            let text = &matcher.text;
            let pattern = |text: &str| {
                let anchored = format!("^(?s:{text})$");
                let regex = regex::RegexBuilder::new(&anchored).size_limit(1 << 20).build();
                regex.map_err(|_| format!("`{text}` is no regular expression"))
            };
            let test = match matcher.op {
                Op::Equal => Test::Equal(text.clone()),
                Op::Differs => Test::Differs(text.clone()),
                Op::Like => Test::Like(pattern(text)?),
                Op::Unlike => Test::Unlike(pattern(text)?),
            };
            tests.push((matcher.label.clone(), test));
        }
        Ok(Filter { name: self.name.clone(), tests })
    }
}

const QUOTES: [char; 3] = ['"', '\'', '`'];

impl fmt::Display for Selector {
    /// As `PromQL`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut inside: Vec<String> = Vec::new();
        if Lexer::new(&self.name).name() == self.name {
            f.write_str(&self.name)?;
        } else {
            inside.push(quote(&self.name));
        }
        for matcher in &self.matchers {
            let label = &matcher.label;
            let plain = Lexer::new(label).name() == label;
            let label = if plain { label.clone() } else { quote(label) };
            inside.push(format!("{label}{}{}", matcher.op.symbol(), quote(&matcher.text)));
        }
        if inside.is_empty() { Ok(()) } else { write!(f, "{{{}}}", inside.join(",")) }
    }
}

fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// A selector that can be compared with series.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// The metric's name.
    pub(crate) name: String,
    tests: Vec<(String, Test)>,
}

#[derive(Debug, Clone)]
enum Test {
    Equal(String),
    Differs(String),
    Like(Regex),
    Unlike(Regex),
}

impl Filter {
    /// Whether a series is meant; a label that it lacks counts as empty.
    pub(crate) fn matches(&self, name: &str, labels: &Labels) -> bool {
        self.name == name
            && self.tests.iter().all(|(label, test)| {
                let value = labels.get(label).map_or("", String::as_str);
                match test {
                    Test::Equal(text) => value == text,
                    Test::Differs(text) => value != text,
                    Test::Like(regex) => regex.is_match(value),
                    Test::Unlike(regex) => !regex.is_match(value),
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_promql_writes_them() {
        let rows = [
            ("a name", "up", Ok("up")),
            ("a recording rule", "job:errors:rate1m", Ok("job:errors:rate1m")),
            ("matchers", r#"x{a="b", c=~'5..' ,}"#, Ok(r#"x{a="b",c=~"5.."}"#)),
            ("a brace in a value", r#"x{path="/{id}"}"#, Ok(r#"x{path="/{id}"}"#)),
            ("the name inside", r#"{__name__="x",a!="b"}"#, Ok(r#"x{a!="b"}"#)),
            ("a dotted name", r#"{"x.y",a="b"}"#, Ok(r#"{"x.y",a="b"}"#)),
            ("a backslash", r#"x{a=~"\\d+"}"#, Ok(r#"x{a=~"\\d+"}"#)),
            ("nothing", " ", Err((1, "a metric's name is missing"))),
            ("no name", r#"{a="b"}"#, Err((7, "a metric's name is missing"))),
            (
                "a function",
                "rate(x[1m])",
                Err((4, "a plain selector is expected, without functions and ranges")),
            ),
            (
                "a range",
                "x[1m]",
                Err((1, "a plain selector is expected, without functions and ranges")),
            ),
            ("arithmetic", "x / y", Err((2, "`/` does not belong in a selector"))),
            ("no quotes", "x{a=b}", Err((4, "a quoted text is expected"))),
            ("not closed", r#"x{a="b""#, Err((7, "`,` or `}` is expected"))),
        ];
        for (row, text, read) in rows {
            let got = Selector::parse(text).map(|s| s.to_string()).map_err(|e| (e.offset, e.why));
            let read = read.map(str::to_owned).map_err(|(at, why)| (at, why.to_owned()));
            assert_eq!(got, read, "{row}");
        }
    }

    #[test]
    fn series_are_matched_as_prometheus_does() {
        let labels = Labels::from([("code".into(), "503".into()), ("path".into(), "/a\nb".into())]);
        let rows = [
            ("no matcher", "x", true),
            ("another name", "y", false),
            ("equal", r#"x{code="503"}"#, true),
            ("like, anchored", r#"x{code=~"5"}"#, false),
            ("like", r#"x{code=~"5.."}"#, true),
            ("like, over lines", r#"x{path=~"/a.b"}"#, true),
            ("alternatives are anchored as one", r#"x{code=~"50|03"}"#, false),
            ("unlike", r#"x{code!~"2.."}"#, true),
            ("an absent label is empty", r#"x{method="",code!=""}"#, true),
            ("an absent label differs", r#"x{method!="GET"}"#, true),
        ];
        for (row, text, matches) in rows {
            let filter = Selector::parse(text).expect(row).compile().expect(row);
            assert_eq!(filter.matches("x", &labels), matches, "{row}");
        }
    }
}
