//! What expectations accept, refuse and say.

use super::*;
use crate::reading::ReadingType as T;

fn specs() -> Vec<ReadingSpec> {
    vec![
        ReadingSpec::new("days_left", T::Number(Unit::Time), ""),
        ReadingSpec::new("agreement", T::Number(Unit::Percent), ""),
        ReadingSpec::new("value", T::Number(Unit::One), ""),
        ReadingSpec::new("baseline", T::Number(Unit::One), ""),
        ReadingSpec::new("trusted", T::Flag, ""),
        ReadingSpec::new("issuer", T::Text, ""),
        ReadingSpec::new("answers", T::Texts, ""),
    ]
}

fn readings() -> Readings {
    Readings::new()
        .number("days_left", 87.0 * 86_400.0)
        .number("agreement", 75.0)
        .number("value", 5.0)
        .flag("trusted", true)
        .text("issuer", "Rig Root")
        .texts("answers", ["203.0.113.11", "203.0.113.10"])
}

fn say(text: &str, readings: &Readings) -> String {
    match Expectation::compile(text, &specs()) {
        Ok(expectation) => expectation.evaluate(readings).because,
        Err(problem) => format!(
            "{}: {}{}",
            problem.offset.unwrap_or_default(),
            problem.message,
            problem.hint.map(|h| format!(" ({h})")).unwrap_or_default()
        ),
    }
}

#[test]
fn expectations_explain_themselves_with_the_observed_value() {
    let rows = [
        ("days_left > 90d", "days_left 87d > 90d is false"),
        ("agreement == 100%", "agreement 75% == 100% is false"),
        ("trusted", "trusted is true"),
        ("not trusted", "not (trusted is true)"),
        ("trusted == true", "trusted true == true is true"),
        (
            "answers == [203.0.113.10, 203.0.113.11]",
            "answers [203.0.113.10, 203.0.113.11] == [203.0.113.10, 203.0.113.11] is true",
        ),
        (
            "answers contains 203.0.113.10",
            "answers [203.0.113.10, 203.0.113.11] contains \"203.0.113.10\" is true",
        ),
        ("issuer matches \"^Rig\"", "issuer \"Rig Root\" matches \"^Rig\" is true"),
        ("issuer in [\"Rig Root\", other]", "issuer \"Rig Root\" in [Rig Root, other] is true"),
        (
            "value < 4 + 2 and days_left > 1d",
            "value 5 < 4 + 2 is true and days_left 87d > 1d is true",
        ),
        ("value > 9 or value > 8", "value 5 > 9 is false or value 5 > 8 is false"),
        ("value <= baseline * 1.1", "baseline was not reported"),
    ];
    for (text, because) in rows {
        assert_eq!(say(text, &readings()), because, "{text}");
    }
}

#[test]
fn mistakes_are_found_at_their_place() {
    let rows = [
        ("days_lft > 90d", "0: no reading is called `days_lft` (did you mean `days_left`?)"),
        (
            "days_left > 90",
            "12: time cannot be compared with number by `>` (write a unit, such as `90d` or `800ms`)",
        ),
        (
            "agreement == 1",
            "13: percent cannot be compared with number by `==` (write it in percent, such as `5%`)",
        ),
        (
            "days_left > 90q",
            "12: `q` is no unit (units are ms, s, m, h, d, w, %, B, KiB, MiB, GiB, KB, MB, GB)",
        ),
        (
            "days_left",
            "9: a comparison is missing (operators are < <= == != >= > in contains matches)",
        ),
        (
            "answers == 203.0.113.10",
            "11: list of texts cannot be compared with text by `==` (write a list, such as `[203.0.113.10]`, or use `contains`)",
        ),
        (
            "issuer == other",
            "10: no reading is called `other` (a text is written in quotes: \"other\")",
        ),
        ("issuer matches \"(\"", "15: the pattern cannot be read: error: unclosed group"),
        ("(value > 1", "10: a `)` is missing"),
        (
            "value > 1 value < 2",
            "10: the expectation should end here (join two with `and` or `or`, or write them as two entries)",
        ),
        ("1 < 2", "2: this compares two constants, so it says nothing about the target"),
        ("value > \"x", "8: the quote is never closed"),
        (
            "value > 1 & trusted",
            "10: `&` has no meaning here (expectations read like `days_left > 90d` or `answers == [203.0.113.10]`)",
        ),
        ("", "0: a reading or a value is missing"),
    ];
    for (text, message) in rows {
        assert_eq!(say(text, &readings()), message, "{text}");
    }
}

#[test]
fn what_is_not_known_stays_unknown_under_every_spelling() {
    let nan = Readings::new().number("value", f64::NAN);
    let empty = Readings::new();
    for text in [
        "value > 5",
        "not value > 5",
        "value <= 5",
        "value != 5",
        "value == value",
        "not (value < 5)",
    ] {
        let expectation = Expectation::compile(text, &specs()).unwrap();
        assert_eq!(expectation.evaluate(&nan).truth, Truth::Unknown(Cause::Nan), "{text}");
        assert_eq!(expectation.evaluate(&empty).truth, Truth::Unknown(Cause::NoData), "{text}");
    }
    let mixed = Expectation::compile("value > 5 or trusted", &specs()).unwrap();
    assert_eq!(mixed.evaluate(&nan.clone().flag("trusted", true)).truth, Truth::True);
    assert_eq!(mixed.evaluate(&nan.flag("trusted", false)).truth, Truth::Unknown(Cause::Nan));
}

#[test]
fn a_limit_is_one_number_beyond_which_one_reading_lies() {
    let rows = [
        ("value > 5", Some((5.0, true))),
        ("value >= 5", Some((5.0, true))),
        ("value < 5", Some((5.0, false))),
        ("value <= 5", Some((5.0, false))),
        ("value == 5", None),
        ("value > 5 or trusted", None),
        ("not value > 5", None),
        ("trusted", None),
    ];
    for (text, limit) in rows {
        let expectation = Expectation::compile(text, &specs()).unwrap();
        let found = expectation.limit().map(|limit| (limit.value, limit.above));
        assert_eq!(found, limit, "{text}");
    }
}
