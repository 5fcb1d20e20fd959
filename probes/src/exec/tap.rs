//! Results in the Test Anything Protocol, versions 12 to 14.
//!
//! Source: testanything.org, "TAP 14 specification". Subtests are indented and are summed up by the line that follows
//! them, so that indented lines are passed over. A failing test that is marked `# todo` need not pass yet.

use launchgate_core::observation::{Cause, Failure};

use super::tally::Tally;

/// What a line begins with that tells of a test.
enum Line<'a> {
    Test { ok: bool, what: &'a str },
    Plan { tests: u32, why_none: &'a str },
    BailOut(&'a str),
    Other,
}

fn line(text: &str) -> Line<'_> {
    let after = |word: &str| {
        text.strip_prefix(word).filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    };
    if let Some(what) = after("not ok") {
        return Line::Test { ok: false, what };
    }
    if let Some(what) = after("ok") {
        return Line::Test { ok: true, what };
    }
    if let Some(why) = text.strip_prefix("Bail out!") {
        return Line::BailOut(why.trim());
    }
    let plan = text.strip_prefix("1..").map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        (rest[..digits].parse(), rest[digits..].trim_start_matches([' ', '#']))
    });
    match plan {
        Some((Ok(tests), why_none)) => Line::Plan { tests, why_none },
        _ => Line::Other,
    }
}

/// Reads the output of a run.
///
/// # Errors
/// It is no TAP.
pub fn read(text: &str) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let (mut plan, mut told, mut bailed) = (None, 0_u32, None);
    for text in text.lines() {
        match line(text.trim_end()) {
            Line::Test { ok, what } => {
                told = told.saturating_add(1);
                test(&mut tally, ok, what);
            }
            Line::Plan { tests, why_none } => plan = plan.or(Some((tests, why_none))),
            Line::BailOut(why) => bailed = bailed.or(Some(why)),
            Line::Other => {}
        }
    }
    tally.incomplete = match (bailed, plan) {
        (Some(why), _) => Some(format!("the tests bailed out: {why}")),
        (None, Some((0, why))) if told == 0 => {
            return Err(Failure::new(Cause::NoData, format!("all tests were skipped: {why}")));
        }
        (None, None) if told == 0 => {
            return Err(Failure::new(Cause::BadResponse, "what it prints is no TAP"));
        }
        (None, None) => {
            Some(format!("{told} tests are told of, and no plan says how many there are"))
        }
        (None, Some((planned, _))) if planned != told => {
            Some(format!("{planned} tests were planned and {told} are told of"))
        }
        (None, Some(_)) => None,
    };
    Ok(tally)
}

/// Takes one result in: ` 3 - a description # SKIP why`.
fn test(tally: &mut Tally, ok: bool, what: &str) {
    let (name, directive) = directive(what);
    let directive = directive.to_ascii_lowercase();
    if directive.starts_with("skip") || !ok && directive.starts_with("todo") {
        tally.skipped = tally.skipped.saturating_add(1);
    } else if ok {
        tally.passed = tally.passed.saturating_add(1);
    } else {
        let numberless = name.trim().trim_start_matches(|c: char| c.is_ascii_digit()).trim();
        let name = numberless.strip_prefix('-').unwrap_or(numberless).trim();
        tally.fail(if name.is_empty() { what.trim() } else { name });
    }
}

/// The description and the directive behind the first `#` that is not escaped.
fn directive(what: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in what.char_indices() {
        match c {
            '\\' => escaped = !escaped,
            '#' if !escaped => return (&what[..at], what[at + 1..].trim_start()),
            _ => escaped = false,
        }
    }
    (what, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted_as_they_are_meant() {
        let rows = [
            ("all pass", "1..2\nok 1 - a\nok 2 - b\n", "2/0/0 -"),
            ("the plan at the end", "TAP version 14\nok 1\nok 2\n1..2\n", "2/0/0 -"),
            ("one fails", "1..2\nok 1 - a\nnot ok 2 - pays # by card\n", "1/1/0 - pays"),
            ("without numbers", "1..2\nok\nnot ok\n", "1/1/0 - "),
            ("skipped", "1..2\nok 1\nok 2 # SKIP no network\n", "1/0/1 -"),
            ("not expected yet", "1..2\nok 1\nnot ok 2 - x # Todo later\n", "1/0/1 -"),
            ("a done to-do passes", "1..1\nok 1 - x # Todo later\n", "1/0/0 -"),
            (
                "subtests are summed up",
                "1..1\n    ok 1\n    not ok 2\n    1..2\nnot ok 1 - s\n",
                "0/1/0 - s",
            ),
            ("an escaped hash", "1..1\nnot ok 1 - item \\# SKIP 7\n", "0/1/0 - item \\# SKIP 7"),
            ("remarks and noise", "1..1\n# fine\nokay\nok 1\nnothing\n", "1/0/0 -"),
            (
                "fewer than planned",
                "1..3\nok 1\n",
                "1/0/0 - 3 tests were planned and 1 are told of",
            ),
            (
                "more than planned",
                "1..1\nok 1\nok 2\n",
                "2/0/0 - 1 tests were planned and 2 are told of",
            ),
            (
                "no plan",
                "ok 1\n",
                "1/0/0 - 1 tests are told of, and no plan says how many there are",
            ),
            (
                "it gives up",
                "1..3\nok 1\nBail out! no database\n",
                "1/0/0 - the tests bailed out: no database",
            ),
        ];
        for (row, text, expected) in rows {
            let tally = read(text).unwrap_or_else(|e| panic!("{row}: {e}"));
            let rest = tally.incomplete.clone().unwrap_or_else(|| tally.failed.join(","));
            let counts = format!("{}/{}/{} - {rest}", tally.passed, tally.failures, tally.skipped);
            assert_eq!(counts.trim_end(), expected.trim_end(), "{row}");
        }
    }

    #[test]
    fn what_is_no_tap_is_no_answer() {
        let rows = [
            ("nothing", "", Cause::BadResponse),
            ("a page", "<html>ok</html>", Cause::BadResponse),
            ("all skipped", "1..0 # SKIP no browser", Cause::NoData),
            ("a number that is none", "1..99999999999999999999\n", Cause::BadResponse),
        ];
        for (row, text, cause) in rows {
            assert_eq!(read(text).expect_err(row).cause, cause, "{row}");
        }
    }
}
