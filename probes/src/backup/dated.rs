//! The date in a file's name: `shop-2026-11-23T02-30.dump`, `shop_20261123.sql.gz`, in UTC.
//!
//! A copy of an old backup is a new file; its name still says from when it is.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// The first date in a name, with the time after it if there is one; else the start of that day, the earliest that it
/// can mean.
pub(super) fn date_in(name: &str) -> Option<Timestamp> {
    let starts = name.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at);
    // Digits that begin in the middle of a longer run are part of another number.
    let whole = |at: &usize| !name[..*at].ends_with(|c: char| c.is_ascii_digit());
    let (date, rest) = starts.filter(whole).find_map(|at| date(&name[at..]))?;
    let midnight = || (!rest.starts_with(|c: char| c.is_ascii_digit())).then_some(Time::midnight());
    let time = time(rest).or_else(midnight)?;
    let at = DateTime::from_parts(date, time);
    TimeZone::UTC.to_timestamp(at).ok()
}

/// A date at the beginning of a text, `YYYY-MM-DD` or `YYYYMMDD` with any of `-_.` between.
fn date(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = digits(text, 4)?;
    let (sign, rest) = separator(rest, &['-', '_', '.']);
    let (month, rest) = digits(rest, 2)?;
    let (second, rest) = separator(rest, &['-', '_', '.']);
    if sign != second {
        return None;
    }
    let (day, rest) = digits(rest, 2)?;
    let [month, day] = [month, day].map(i8::try_from);
    Some((Date::new(year, month.ok()?, day.ok()?).ok()?, rest))
}

/// A time after a date: `T02:30:15`, `-0230`, `_02-30`.
fn time(text: &str) -> Option<Time> {
    let rest = text.strip_prefix(['T', 't', '-', '_', '.', ' ']).unwrap_or(text);
    let between = [':', '-', '_', '.', 'h'];
    let (hour, rest) = digits(rest, 2)?;
    let (sign, rest) = separator(rest, &between);
    let (minute, rest) = digits(rest, 2)?;
    let (second_sign, after) = separator(rest, &between);
    // Without the same separator what follows is something else, such as `.sql`.
    let (second, rest) = match digits(after, 2) {
        Some((second, rest)) if second_sign == sign => (second, rest),
        _ => (0, rest),
    };
    let [hour, minute, second] = [hour, minute, second].map(i8::try_from);
    let ends = !rest.starts_with(|c: char| c.is_ascii_digit());
    ends.then_some(Time::new(hour.ok()?, minute.ok()?, second.ok()?, 0).ok()).flatten()
}

fn digits(text: &str, count: usize) -> Option<(i16, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then_some((digits.parse().ok()?, rest))
}

fn separator<'t>(text: &'t str, any: &[char]) -> (Option<char>, &'t str) {
    match text.strip_prefix(any) {
        Some(rest) => (text.chars().next(), rest),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_found_in_names_as_people_write_them() {
        let rows = [
            ("shop-2026-11-23.dump", Some("2026-11-23T00:00:00Z")),
            ("shop_20261123.sql.gz", Some("2026-11-23T00:00:00Z")),
            ("shop-2026-11-23T02:30:15Z.dump", Some("2026-11-23T02:30:15Z")),
            ("shop-2026-11-23T02-30-15.dump", Some("2026-11-23T02:30:15Z")),
            ("shop-20261123T0230.dump", Some("2026-11-23T02:30:00Z")),
            ("shop-20261123-023015.dump", Some("2026-11-23T02:30:15Z")),
            ("20261123023015.dump", Some("2026-11-23T02:30:15Z")),
            ("2026.11.23_02h30.tar", Some("2026-11-23T02:30:00Z")),
            ("db7-2026-11-23.dump", Some("2026-11-23T00:00:00Z")),
            ("2026-11-23-full.1.gz", Some("2026-11-23T00:00:00Z")),
            ("12345678-2026-11-23", Some("2026-11-23T00:00:00Z")),
            ("shop-2026-13-23.dump", None),
            ("shop-2026-11-231.dump", None),
            ("shop-2026-1123.dump", None),
            ("ü2026", None),
            ("shop.dump", None),
            ("", None),
        ];
        for (name, expected) in rows {
            let found = date_in(name).map(|at| at.to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }
}
