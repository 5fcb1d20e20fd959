//! The text that `/metrics` serves, read strictly: one sample a line, wanted names only, an error with its line.
//!
//! Text format 0.0.4 and `OpenMetrics`. Types and help are not looked at; exemplars are passed over.

use std::collections::BTreeMap;

use launchgate_core::observation::{Cause, Failure};

use prometheus_parse::LineInfo;

use super::lexer::{LexError, Lexer};
use super::selector::Labels;

/// The most series that are kept of one scrape.
pub(super) const MAX_SERIES: usize = 10_000;
/// The most labels of one series.
const MAX_LABELS: usize = 64;

/// A series: the metric's name and its labels.
pub(super) type Series = (String, Labels);

/// A value, and when it was true if the text says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) value: f64,
    /// In seconds since 1970.
    pub(super) at: Option<f64>,
}

/// Which of the two formats a text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The text format: times in milliseconds.
    Text,
    /// `OpenMetrics`: times in seconds, and a last line that says so.
    OpenMetrics,
}

impl Format {
    /// The format by the answer's content type; without one, the text format.
    pub(super) fn of(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// Reads the series whose metric is wanted.
///
/// # Errors
/// A line that is no sample, a series that is there twice, no sample at all: [`Cause::BadResponse`]. Too many wanted
/// series, or an `OpenMetrics` text without its end: [`Cause::TooManySeries`] and [`Cause::Partial`].
pub(super) fn read(
    bytes: &[u8],
    format: Format,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<Series, Point>, Failure> {
    let bad = |why: String| Failure::new(Cause::BadResponse, why);
    let text = std::str::from_utf8(bytes).map_err(|e| {
        bad(format!("the metrics are not valid UTF-8 after {} bytes", e.valid_up_to()))
    })?;
    let mut found = BTreeMap::new();
    let (mut samples, mut ended) = (0_usize, false);
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            ended |= line == "# EOF";
            continue;
        }
        let at_line = |e: LexError| bad(format!("line {number} of the metrics: {e}"));
        samples += 1;
        let Some((series, point)) = sample(line, format, &wanted).map_err(at_line)? else {
            continue;
        };
        if found.len() == MAX_SERIES {
            let message = format!("more than {MAX_SERIES} series have a wanted name");
            return Err(Failure::new(Cause::TooManySeries, message));
        }
        if found.insert(series, point).is_some() {
            return Err(bad(format!("line {number} of the metrics: the series was there before")));
        }
    }
    if samples == 0 {
        return Err(bad("there is no metric in the answer".to_owned()));
    }
    if format == Format::OpenMetrics && !ended {
        let message = "the metrics end without `# EOF`, and so are incomplete";
        return Err(Failure::new(Cause::Partial, message));
    }
    Ok(found)
}

/// Reads one line; nothing if its metric is not wanted.
fn sample(
    line: &str,
    format: Format,
    wanted: &impl Fn(&str) -> bool,
) -> Result<Option<(Series, Point)>, LexError> {
    let mut lexer = Lexer::new(line);
    let mut name = lexer.name().to_owned();
    if name.is_empty() && !lexer.rest().starts_with('{') {
        return Err(lexer.error("a metric's name is expected"));
    }
    if !name.is_empty() {
        if !lexer.rest().starts_with(['{', ' ', '\t']) {
            return Err(lexer.error("`{` or a blank is expected after the name"));
        }
        if !wanted(&name) {
            return Ok(None);
        }
        if let Some(found) = plain(line, format) {
            return Ok(Some(found));
        }
    }
    lexer.blanks();
    let labels = if lexer.eat("{") { labels(&mut lexer, &mut name)? } else { Labels::new() };
    if name.is_empty() {
        return Err(lexer.error("a metric's name is missing"));
    }
    lexer.blanks();
    let value = lexer.word();
    let value = number(value).ok_or_else(|| lexer.error(format!("`{value}` is no number")))?;
    lexer.blanks();
    let mut at = None;
    if !lexer.rest().is_empty() && !lexer.rest().starts_with('#') {
        let word = lexer.word();
        let time = number(word).filter(|t| t.is_finite());
        let time = time.ok_or_else(|| lexer.error(format!("`{word}` is no time")))?;
        at = Some(if format == Format::Text { time / 1000.0 } else { time });
        lexer.blanks();
    }
    // What follows a `#` here is an exemplar.
    if !lexer.rest().is_empty() && !lexer.rest().starts_with('#') {
        return Err(lexer.error("the line goes on after the value"));
    }
    Ok(wanted(&name).then_some(((name, labels), Point { value, at })))
}

/// Reads a line that `prometheus-parse` takes apart faithfully. It loses names with `:`, label values with `}`, `,` or an
/// escape, and whatever follows a time: such lines are left to the lexer, which also says what is wrong with a line.
fn plain(line: &str, format: Format) -> Option<(Series, Point)> {
    let LineInfo::Sample { metric_name, labels, value, timestamp } = LineInfo::parse(line) else {
        return None;
    };
    let mut read = Labels::new();
    for pair in labels.into_iter().flat_map(|labels| labels.split(',')) {
        let (label, quoted) = pair.split_once('=')?;
        let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let odd = text.contains(['"', '\\', '{', '=']) || label.trim() != label || label.is_empty();
        if odd || read.insert(label.to_owned(), text.to_owned()).is_some() {
            return None;
        }
    }
    // Nothing of the line may be left over: the crate passes over what it does not know.
    let taken = metric_name.len()
        + labels.map_or(0, |l| l.len() + 2)
        + value.len()
        + timestamp.map_or(0, str::len);
    if line.chars().filter(|c| !c.is_whitespace()).map(char::len_utf8).sum::<usize>()
        != taken
            - labels
                .map_or(0, |l| l.chars().filter(|c| c.is_whitespace()).map(char::len_utf8).sum())
    {
        return None;
    }
    let value = number(value)?;
    let at = match timestamp {
        Some(text) => Some(number(text).filter(|t| t.is_finite())?),
        None => None,
    };
    let at = at.map(|at| if format == Format::Text { at / 1000.0 } else { at });
    if read.len() > MAX_LABELS {
        return None;
    }
    Some(((metric_name.to_owned(), read), Point { value, at }))
}

fn labels(lexer: &mut Lexer<'_>, name: &mut String) -> Result<Labels, LexError> {
    let mut labels = Labels::new();
    loop {
        lexer.blanks();
        if lexer.eat("}") {
            return Ok(labels);
        }
        let quoted = lexer.rest().starts_with('"');
        let label =
            if quoted { lexer.quoted(&['"'])?.into_owned() } else { lexer.name().to_owned() };
        if label.is_empty() {
            return Err(lexer.error("a label's name or `}` is expected"));
        }
        lexer.blanks();
        if lexer.eat("=") {
            lexer.blanks();
            let value = lexer.quoted(&['"'])?.into_owned();
            if labels.insert(label, value).is_some() {
                return Err(lexer.error("a label is there twice"));
            }
        } else if quoted && name.is_empty() {
            *name = label;
        } else {
            return Err(lexer.error("`=` is expected"));
        }
        if labels.len() > MAX_LABELS {
            return Err(lexer.error(format!("more than {MAX_LABELS} labels")));
        }
        lexer.blanks();
        if !lexer.eat(",") && !lexer.rest().starts_with('}') {
            return Err(lexer.error("`,` or `}` is expected"));
        }
    }
}

/// A number as metrics write it: `1`, `1.5e3`, `NaN`, `+Inf`.
fn number(text: &str) -> Option<f64> {
    // `parse` takes words such as `infinity` as well, which the formats have too.
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, format: Format) -> Result<(String, f64, Option<f64>), String> {
        let read = read(text.as_bytes(), format, |_| true).map_err(|f| f.to_string())?;
        let ((name, labels), point) = read.into_iter().next().expect("a sample");
        let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        Ok((format!("{name}[{}]", labels.join("|")), point.value, point.at))
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let rows = [
            ("plain", "x 1", "x[]", 1.0, None),
            ("comments around", "# HELP x y\n# TYPE x counter\n\nx 1.5e3\n", "x[]", 1500.0, None),
            ("labels", r#"x{a="b",c="d"} 2"#, "x[a=b|c=d]", 2.0, None),
            ("empty labels", "x{} 2", "x[]", 2.0, None),
            ("blanks and a last comma", "x { a = \"b\" , } 2", "x[a=b]", 2.0, None),
            ("a recording rule", "job:x:rate1m 3", "job:x:rate1m[]", 3.0, None),
            ("a path template", r#"x{path="/x/{id}"} 3"#, "x[path=/x/{id}]", 3.0, None),
            ("commas and signs", r#"x{q="a,b=c d"} 3"#, "x[q=a,b=c d]", 3.0, None),
            ("escapes", r#"x{q="a\"b\\c"} 3"#, r#"x[q=a"b\c]"#, 3.0, None),
            ("a dotted name", r#"{"x.y",a="b"} 3"#, "x.y[a=b]", 3.0, None),
            ("a time", "x 1 1700000000500", "x[]", 1.0, Some(1_700_000_000.5)),
            ("an exemplar", "x_bucket{le=\"1\"} 4 # {t=\"a\"} 0.5", "x_bucket[le=1]", 4.0, None),
            ("infinite", "x +Inf", "x[]", f64::INFINITY, None),
        ];
        for (row, text, series, value, at) in rows {
            assert_eq!(one(text, Format::Text), Ok((series.to_owned(), value, at)), "{row}");
        }
        let (_, value, _) = one("x NaN", Format::Text).expect("a sample");
        assert!(value.is_nan());
        let open = one("x_total 1 1700000000.5\n# EOF\n", Format::OpenMetrics);
        assert_eq!(open, Ok(("x_total[]".to_owned(), 1.0, Some(1_700_000_000.5))));
    }

    #[test]
    fn what_is_no_metric_is_refused_with_its_line() {
        let rows = [
            (
                "a web page",
                "<html>",
                "bad_response: line 1 of the metrics: a metric's name is expected",
            ),
            ("nothing", "", "bad_response: there is no metric in the answer"),
            ("comments alone", "# HELP x y\n", "bad_response: there is no metric in the answer"),
            (
                "no value",
                "y 1\nx ",
                "bad_response: line 2 of the metrics: `{` or a blank is expected after the name",
            ),
            ("no number", "x one", "bad_response: line 1 of the metrics: `one` is no number"),
            (
                "cut in a label",
                "x{a=\"b",
                "bad_response: line 1 of the metrics: a closing quote is missing",
            ),
            (
                "more after it",
                "x 1 2 3",
                "bad_response: line 1 of the metrics: the line goes on after the value",
            ),
            (
                "twice",
                "x 1\nx 2",
                "bad_response: line 2 of the metrics: the series was there before",
            ),
            (
                "JSON",
                "{\"status\": \"ok\"}",
                "bad_response: line 1 of the metrics: `,` or `}` is expected",
            ),
        ];
        for (row, text, said) in rows {
            assert_eq!(one(text, Format::Text), Err(said.to_owned()), "{row}");
        }
        let cut = one("x 1\n", Format::OpenMetrics).expect_err("no end");
        assert!(cut.starts_with("partial"), "{cut}");
        let failure = read(b"x{a=\"\xff\"} 1", Format::Text, |_| true).expect_err("no UTF-8");
        assert_eq!(failure.cause, Cause::BadResponse);
    }

    #[test]
    fn both_ways_of_reading_a_line_agree() {
        let rows = [
            ("x 1", true),
            ("x{a=\"b\",c=\"d e\"} 2.5 1700000000500", true),
            ("x{le=\"+Inf\"} 7", true),
            ("x{a=\"b,c\"} 2", false),
            ("x{a=\"}\"} 2", false),
            ("x{a=\"b\\n\"} 2", false),
            ("a:b 2", false),
            ("x 1 2 3", false),
            ("x 1 # {t=\"a\"} 0.5", false),
        ];
        for (line, takes) in rows {
            let plain = plain(line, Format::Text);
            assert_eq!(plain.is_some(), takes, "{line}");
            // A brace first makes the lexer read it.
            if let Some((series, point)) = plain {
                let by_lexer = line.replacen('x', "{\"x\",", 1).replacen(",{", ",", 1);
                let by_lexer =
                    if line.contains('{') { by_lexer } else { by_lexer.replacen(", ", "} ", 1) };
                let read = read(by_lexer.as_bytes(), Format::Text, |_| true).expect("a sample");
                assert_eq!(read.into_iter().next(), Some((series, point)), "{line}");
            }
        }
    }

    #[test]
    fn only_what_is_wanted_is_kept_and_that_is_bounded() {
        let text = "a{x=\"1\"} 1\nb 2\n";
        let read_names = read(text.as_bytes(), Format::Text, |name| name == "b").expect("metrics");
        assert_eq!(read_names.len(), 1);
        let many: Vec<String> = (0..=MAX_SERIES).map(|i| format!("x{{i=\"{i}\"}} 1")).collect();
        let many = many.join("\n");
        let failure = read(many.as_bytes(), Format::Text, |_| true).expect_err("too many");
        assert_eq!(failure.cause, Cause::TooManySeries);
    }
}
