//! The numbers in a plug-in's output: `'label'=value[unit];warning;critical;minimum;maximum`, after a `|`.
//!
//! Source: the Monitoring Plugins Development Guidelines, "Performance data". The limits in it are not read: limits stand
//! in the launch file.

use launchgate_core::reading::Unit;

/// How many numbers are read.
const MAX_NUMBERS: usize = 1_000;

/// A number as it was told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) label: String,
    /// The value with its unit.
    pub(super) text: String,
}

/// The first line without its numbers, and all numbers: those of the first line and those after a later `|`.
pub(super) fn split(output: &str) -> (String, Vec<Told>) {
    let mut lines = output.lines();
    let first = lines.next().unwrap_or_default();
    let (text, data) = first.split_once('|').unwrap_or((first, ""));
    let mut all = data.to_owned();
    let mut in_data = false;
    for line in lines {
        let data = match (in_data, line.split_once('|')) {
            (true, _) => line,
            (false, Some((_, data))) => {
                in_data = true;
                data
            }
            (false, None) => continue,
        };
        all.push(' ');
        all.push_str(data);
    }
    (text.trim().to_owned(), numbers(&all))
}

fn numbers(mut data: &str) -> Vec<Told> {
    let mut all = Vec::new();
    while all.len() < MAX_NUMBERS {
        data = data.trim_start();
        if data.is_empty() {
            break;
        }
        let Some((label, rest)) = label(data) else {
            // Not readable: go on behind the next blank.
            data = data.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
            continue;
        };
        let (told, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let text = told.split(';').next().unwrap_or_default().to_owned();
        all.push(Told { label, text });
        data = rest;
    }
    all
}

/// A label, plain or in quotes, where two of them stand for one; and what follows its `=`.
fn label(data: &str) -> Option<(String, &str)> {
    let Some(quoted) = data.strip_prefix('\'') else {
        let (label, rest) = data.split_once('=')?;
        return (!label.contains(char::is_whitespace)).then(|| (label.to_owned(), rest));
    };
    let mut label = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('\'')?;
        label.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                label.push('\'');
                rest = more;
            }
            None => return Some((label, after.strip_prefix('=')?)),
        }
    }
}

impl Told {
    /// The value in the base of a unit; nothing if it is told in another, or is no finite number.
    pub(super) fn in_unit(&self, unit: Unit) -> Option<f64> {
        let (number, told) = self.text.split_at(end_of_number(&self.text));
        let value: f64 = number.parse().ok().filter(|value: &f64| value.is_finite())?;
        let factor = match (unit, told) {
            (Unit::One | Unit::PerSecond, "" | "c")
            | (Unit::Percent, "%" | "")
            | (Unit::Time, "s" | "")
            | (Unit::Bytes, "B" | "") => 1.0,
            (Unit::Time, "ms") => 1e-3,
            (Unit::Time, "us") => 1e-6,
            (Unit::Time, "ns") => 1e-9,
            (Unit::Bytes, "KB" | "kB") => 1e3,
            (Unit::Bytes, "MB") => 1e6,
            (Unit::Bytes, "GB") => 1e9,
            (Unit::Bytes, "TB") => 1e12,
            (Unit::Bytes, "PB") => 1e15,
            (Unit::Bytes, "KiB") => 1024.0,
            (Unit::Bytes, "MiB") => 1024.0 * 1024.0,
            (Unit::Bytes, "GiB") => 1024.0 * 1024.0 * 1024.0,
            (Unit::Bytes, "TiB") => 1024.0 * 1024.0 * 1024.0 * 1024.0,
            _ => return None,
        };
        Some(value * factor)
    }
}

/// Where a number ends. An exponent belongs to it only where digits follow: `1e3`, but not `1EB`.
fn end_of_number(text: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let end = text.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(text.len());
    let Some(power) = text[end..].strip_prefix(['e', 'E']) else { return end };
    let unsigned = power.strip_prefix(['+', '-']).unwrap_or(power);
    match digits(unsigned) {
        0 => end,
        n => end + 1 + (power.len() - unsigned.len()) + n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_wherever_they_stand() {
        let rows = [
            ("none", "all well", "all well", vec![]),
            ("limits are left out", "ok | load1=0.5;1;2;0;", "ok", vec![("load1", "0.5")]),
            ("quotes", "ok | 'it''s here'=3s b=4%", "ok", vec![("it's here", "3s"), ("b", "4%")]),
            (
                "later lines",
                "ok | a=1\nmore text\nlast | b=2\nc=3",
                "ok",
                vec![("a", "1"), ("b", "2"), ("c", "3")],
            ),
            ("rubbish between", "ok | nonsense a=1", "ok", vec![("a", "1")]),
        ];
        for (row, output, text, expected) in rows {
            let (got, numbers) = split(output);
            let pairs: Vec<(&str, &str)> =
                numbers.iter().map(|n| (n.label.as_str(), n.text.as_str())).collect();
            assert_eq!((got.as_str(), pairs), (text, expected), "{row}");
        }
    }

    #[test]
    fn units_are_brought_to_their_base() {
        let rows = [
            ("35ms", Unit::Time, Some(0.035)),
            ("2", Unit::Time, Some(2.0)),
            ("1.5GB", Unit::Bytes, Some(1.5e9)),
            ("-3.5", Unit::One, Some(-3.5)),
            ("7c", Unit::One, Some(7.0)),
            ("5MB", Unit::Time, None),
            ("U", Unit::One, None),
            ("nan", Unit::One, None),
            ("1e3", Unit::One, Some(1_000.0)),
            ("1.5e-3s", Unit::Time, Some(0.0015)),
            ("1E", Unit::Bytes, None),
            ("2KiB", Unit::Bytes, Some(2_048.0)),
            ("3", Unit::Bytes, Some(3.0)),
            ("5%", Unit::One, None),
            ("", Unit::One, None),
        ];
        for (text, unit, expected) in rows {
            let told = Told { label: "x".into(), text: text.into() };
            assert_eq!(told.in_unit(unit), expected, "{text}");
        }
    }
}
