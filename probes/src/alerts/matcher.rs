//! Matchers of labels as Alertmanager writes them: `severity="critical"`, `team!=shop`, `{a=~"b|c", d!~e}`.

use regex::Regex;

use crate::metrics::selector::Labels;

/// The most matchers of one list.
const MAX_MATCHERS: usize = 64;

/// One condition on one label. A label that is not there counts as empty.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    label: String,
    test: Test,
    wanted: bool,
}

#[derive(Debug, Clone)]
enum Test {
    Text(String),
    Pattern(Regex),
}

impl Matcher {
    /// A matcher from its parts; a pattern holds for the whole value.
    ///
    /// # Errors
    /// A pattern that is no regular expression.
    pub(crate) fn new(
        label: &str,
        value: &str,
        pattern: bool,
        wanted: bool,
    ) -> Result<Self, String> {
        let test = if pattern {
            let built =
                regex::RegexBuilder::new(&format!("^(?s:{value})$")).size_limit(1 << 20).build();
            Test::Pattern(built.map_err(|_| format!("`{value}` is no regular expression"))?)
        } else {
            Test::Text(value.to_owned())
        };
        Ok(Self { label: label.to_owned(), test, wanted })
    }

    /// Reads a list, with or without braces.
    ///
    /// # Errors
    /// What does not belong there.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let bare = text.trim();
        let mut rest = match bare.strip_prefix('{') {
            Some(inside) => inside.strip_suffix('}').ok_or("a `}` is missing")?,
            None => bare,
        }
        .trim();
        let mut list = Vec::new();
        while !rest.is_empty() {
            if list.len() >= MAX_MATCHERS {
                return Err(format!("more than {MAX_MATCHERS} matchers"));
            }
            let (matcher, after) = Self::parse_one(rest)?;
            list.push(matcher);
            rest = after.trim();
        }
        if list.is_empty() { Err("a matcher is missing".to_owned()) } else { Ok(list) }
    }

    fn parse_one(text: &str) -> Result<(Self, &str), String> {
        let end = text.find(['=', '!', '"', ',']).unwrap_or(text.len());
        let (label, rest) = text.split_at(end);
        let label = label.trim();
        if label.is_empty() || label.contains(char::is_whitespace) {
            return Err(format!("a label's name is missing before `{rest}`"));
        }
        let ops =
            [("=~", true, true), ("!~", true, false), ("!=", false, false), ("=", false, true)];
        let found = ops.into_iter().find_map(|(op, pattern, wanted)| {
            rest.strip_prefix(op).map(|after| (after, pattern, wanted))
        });
        let Some((rest, pattern, wanted)) = found else {
            return Err(format!("`=`, `!=`, `=~` or `!~` is missing after `{label}`"));
        };
        let (value, rest) = value(rest.trim_start())?;
        Ok((Self::new(label, &value, pattern, wanted)?, rest))
    }

    /// Whether these labels satisfy it.
    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.label).map_or("", String::as_str);
        let holds = match &self.test {
            Test::Text(text) => value == text,
            Test::Pattern(pattern) => pattern.is_match(value),
        };
        holds == self.wanted
    }

    /// Whether labels that may be joined by others can never satisfy it.
    pub(crate) fn excludes(&self, labels: &Labels) -> bool {
        labels.contains_key(&self.label) && !self.matches(labels)
    }
}

/// A value, quoted or up to the next comma, and what follows that comma.
fn value(text: &str) -> Result<(String, &str), String> {
    let Some(inside) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(',').unwrap_or((text, ""));
        let value = value.trim_end();
        return if value.contains('"') {
            Err(format!("`{value}` is quoted by half"))
        } else {
            Ok((value.to_owned(), rest))
        };
    };
    let mut value = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let rest = inside[at + 1..].trim_start();
                return match rest.strip_prefix(',') {
                    Some(rest) => Ok((value, rest)),
                    None if rest.is_empty() => Ok((value, "")),
                    None => Err(format!("`,` is missing before `{rest}`")),
                };
            }
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                // Alertmanager keeps an escape that it does not know.
                Some((_, c)) => value.extend(['\\', c]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a closing `\"` is missing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_read_as_alertmanager_writes_them() {
        let labels: Labels = [("severity", "critical"), ("team", "shop"), ("path", "a\"b,c")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        let rows = [
            ("equal", r#"severity="critical""#, Ok(true)),
            ("unquoted", "severity = critical", Ok(true)),
            ("differs", "severity!=critical", Ok(false)),
            ("a pattern", r#"severity=~"crit.*|page""#, Ok(true)),
            ("a pattern is of the whole value", "severity=~crit", Ok(false)),
            ("not like", "severity!~warn.*", Ok(true)),
            ("all must hold", r#"{severity="critical", team="mail"}"#, Ok(false)),
            ("a quote and a comma within", r#"path="a\"b,c",team=shop"#, Ok(true)),
            ("a missing label is empty", r#"region="""#, Ok(true)),
            ("nothing", " ", Err(())),
            ("no operator", "severity", Err(())),
            ("no label", r#"="x""#, Err(())),
            ("no closing quote", r#"a="x"#, Err(())),
            ("no comma", r#"a="x" b="y""#, Err(())),
            ("no closing brace", r#"{a="x""#, Err(())),
            ("no pattern", "a=~(", Err(())),
        ];
        for (row, text, expected) in rows {
            let got = Matcher::parse_list(text).map(|l| l.iter().all(|m| m.matches(&labels)));
            assert_eq!(got.map_err(|_| ()), expected, "{row}");
        }
    }
}
