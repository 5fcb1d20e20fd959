//! From the answer of a database to readings.

use launchgate_core::observation::{Cause, Failure};
use launchgate_core::reading::{Readings, Value, cut, number};

use super::{ColumnType, Declared, ROWS};

/// The most rows that are counted.
pub(super) const MAX_ROWS: usize = 1_000;

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) columns: Vec<String>,
    /// The first row, as text; none for NULL.
    pub(super) first: Option<Vec<Option<String>>>,
    /// How many rows came; counting ends after [`MAX_ROWS`] and one.
    pub(super) rows: usize,
}

/// The readings: those of the only row, where there is only one.
///
/// # Errors
/// A declared column that the answer does not have, or has twice.
pub(super) fn read(declared: &[Declared], answer: &Answer) -> Result<Readings, Failure> {
    let mut readings = Readings::new();
    if answer.rows > MAX_ROWS {
        readings = readings.note(format!("more than {MAX_ROWS} rows came: they were not counted"));
    } else {
        readings = readings.number(ROWS, f64::from(u32::try_from(answer.rows).unwrap_or(u32::MAX)));
    }
    let first = match (&answer.first, answer.rows) {
        (Some(first), 1) => Some(first),
        (_, 0) => {
            readings = readings.note("no row came, so that nothing is known of its columns");
            None
        }
        _ => {
            readings = readings.note("several rows came, so that no column has one value");
            None
        }
    };
    for Declared { name, column, kind } in declared {
        let at = place(&answer.columns, column)?;
        let Some(first) = first else { continue };
        match first.get(at).and_then(Option::as_deref) {
            None => readings = readings.note(format!("`{column}` is NULL")),
            Some(text) => match value(text, *kind) {
                Some(value) => readings.set(name.clone(), value),
                None => readings = readings.note(format!("`{column}` is no {}", kind.reading())),
            },
        }
    }
    Ok(readings)
}

/// Where a column stands. Databases disagree on capitals, so these do not matter.
fn place(columns: &[String], wanted: &str) -> Result<usize, Failure> {
    let mut found =
        columns.iter().enumerate().filter(|(_, name)| name.eq_ignore_ascii_case(wanted));
    let why = match (found.next(), found.next()) {
        (Some((at, _)), None) => return Ok(at),
        (None, _) => format!("has no column `{wanted}`; it has {}", columns.join(", ")),
        (Some(_), Some(_)) => format!("has several columns `{wanted}`"),
    };
    Err(Failure::new(Cause::BadResponse, format!("the answer {why}")))
}

pub(super) fn value(text: &str, kind: ColumnType) -> Option<Value> {
    match kind {
        ColumnType::Text => Some(Value::Text(cut(text.to_owned()))),
        ColumnType::Flag => match text.to_ascii_lowercase().as_str() {
            "t" | "true" | "1" => Some(Value::Flag(true)),
            "f" | "false" | "0" => Some(Value::Flag(false)),
            _ => None,
        },
        ColumnType::Number
        | ColumnType::Percent
        | ColumnType::Time
        | ColumnType::Bytes
        | ColumnType::PerSecond => text.trim().parse().ok().map(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use launchgate_core::name::Name;
    use launchgate_core::reading::Unit;

    fn declared(kind: ColumnType) -> Vec<Declared> {
        vec![Declared { name: Name::of("it"), column: "n".to_owned(), kind }]
    }

    fn answer(columns: &[&str], first: Option<&[Option<&str>]>, rows: usize) -> Answer {
        let texts = |row: &[Option<&str>]| row.iter().map(|v| v.map(str::to_owned)).collect();
        Answer {
            columns: columns.iter().map(ToString::to_string).collect(),
            first: first.map(texts),
            rows,
        }
    }

    #[test]
    fn only_the_value_of_one_row_is_a_reading() {
        use ColumnType::{Flag, Number, Text, Time};
        let rows: [(&str, ColumnType, Answer, &str); 13] = [
            ("a number", Number, answer(&["n"], Some(&[Some("3")]), 1), "1 3"),
            ("in capitals", Number, answer(&["N"], Some(&[Some("3")]), 1), "1 3"),
            ("a decimal", Time, answer(&["a", "n"], Some(&[None, Some("2.50")]), 1), "1 2.5s"),
            ("yes", Flag, answer(&["n"], Some(&[Some("t")]), 1), "1 true"),
            ("no", Flag, answer(&["n"], Some(&[Some("0")]), 1), "1 false"),
            ("neither", Flag, answer(&["n"], Some(&[Some("2")]), 1), "1 -"),
            ("a text", Text, answer(&["n"], Some(&[Some("ok")]), 1), "1 \"ok\""),
            ("NULL", Number, answer(&["n"], Some(&[None]), 1), "1 -"),
            ("no number", Number, answer(&["n"], Some(&[Some("three")]), 1), "1 -"),
            ("not a number", Number, answer(&["n"], Some(&[Some("NaN")]), 1), "1 NaN"),
            ("no row", Number, answer(&["n"], None, 0), "0 -"),
            ("two rows", Number, answer(&["n"], Some(&[Some("3")]), 2), "2 -"),
            ("too many", Number, answer(&["n"], Some(&[Some("3")]), MAX_ROWS + 1), "- -"),
        ];
        for (row, kind, answer, expected) in rows {
            let readings = read(&declared(kind), &answer).unwrap_or_else(|e| panic!("{row}: {e}"));
            let unit = if kind == Time { Unit::Time } else { Unit::One };
            let show = |name, unit| readings.get(name).map_or("-".to_owned(), |v| v.show(unit));
            assert_eq!(
                format!("{} {}", show(ROWS, Unit::One), show("it", unit)),
                expected,
                "{row}"
            );
        }
    }

    #[test]
    fn a_column_that_is_not_there_once_is_no_answer() {
        for (row, columns) in [("none", ["a", "b"]), ("twice", ["n", "N"])] {
            let answer = answer(&columns, Some(&[Some("1"), Some("2")]), 1);
            let failure = read(&declared(ColumnType::Number), &answer).expect_err(row);
            assert_eq!(failure.cause, Cause::BadResponse, "{row}: {failure}");
        }
    }
}
