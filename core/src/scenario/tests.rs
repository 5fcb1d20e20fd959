//! What can be written, and what is said of what cannot.

use super::*;

/// The samples of the series `value`, as short texts.
fn samples(line: &str) -> Vec<String> {
    let scenario = parse(&format!("value {line}")).expect(line);
    let shown = |sample: &Sample| match sample {
        Sample::Value(value) => value.to_string(),
        Sample::Absent => "_".to_owned(),
        Sample::Stale => "stale".to_owned(),
        Sample::Refused => "error".to_owned(),
    };
    scenario.series[0].samples.iter().map(shown).collect()
}

#[test]
fn samples_are_written_as_in_promtool() {
    let rows = [
        ("one", "9", "9"),
        ("several", "1 2.5 -3", "1 2.5 -3"),
        ("a number repeated stands once more than it says", "1x3", "1 1 1 1"),
        ("repeated zero times", "1x0", "1"),
        ("growing", "1+2x3", "1 3 5 7"),
        ("shrinking", "1-2x3", "1 -1 -3 -5"),
        ("from below zero", "-2+4x3", "-2 2 6 10"),
        ("by parts of ten", "1e-1+1e-1x1", "0.1 0.2"),
        ("not finite", "NaN Inf -Inf +Inf", "NaN inf -inf inf"),
        ("not finite, repeated", "NaNx1", "NaN NaN"),
        ("absent", "_ _x3", "_ _ _ _"),
        ("gone", "1 stale _", "1 stale _"),
        ("refused", "error errorx2", "error error error"),
        ("a comment", "1 # 2 3", "1"),
        ("tabs", "1\t2", "1 2"),
    ];
    for (row, line, expected) in rows {
        assert_eq!(samples(line).join(" "), expected, "{row}");
    }
}

#[test]
fn a_scenario_says_when_what_happened() {
    let text = "\
# a rollout
every 30s
deploy 2m
incident 10m..40m
restart 20m..21m   # and again
restart 14m..15m30s
value 1x9
health/errors/traffic 100x9
";
    let scenario = parse(text).expect("it is well written");
    let window = |text: &str| text.parse::<Window>().expect("a span");
    assert_eq!(scenario.every, Some(Duration::from_secs(30)));
    assert_eq!(scenario.deploy, Some(Duration::from_secs(120)));
    assert_eq!(scenario.restarts, [window("14m..15m30s"), window("20m..21m")]);
    assert_eq!(scenario.incidents, [window("10m..40m")]);
    assert_eq!(scenario.series.len(), 2);
    assert_eq!(scenario.series[1].check.as_deref(), Some("health/errors"));
    assert_eq!(scenario.series[1].reading.as_str(), "traffic");
    assert_eq!(scenario.series[1].samples.len(), 10);
    assert_eq!(scenario.series[1].place, Place { line: 8, column: 1 });
}

#[test]
fn a_span_ends_before_its_end() {
    let window: Window = "1m..2m".parse().expect("a span");
    let rows = [(59, false), (60, true), (119, true), (120, false)];
    for (second, within) in rows {
        assert_eq!(window.contains(Duration::from_secs(second)), within, "{second}");
    }
}

#[test]
fn mistakes_are_told_with_their_place_and_what_to_do() {
    const FORMS: &str =
        "a sample is `9`, `9x4`, `0+2x4`, `NaN`, `Inf`, `_`, `_x4`, `stale`, `error` or `errorx4`";
    let forms = |what: &str| format!("{what} ({FORMS})");
    let rows = [
        ("nothing", "# nothing\n", "1:1: there are no samples (write a line such as `value 1x10 9x5`)".to_owned()),
        ("no sample", "value 1 two", forms("1:9: `two` is no sample")),
        ("no second number", "value 1+bx3", forms("1:8: `+b` is no sample")),
        ("too large", "value 1e999", forms("1:7: `1e999` is too large")),
        ("how often is no number", "value 1xfive", "1:9: `five` is no number of times (a whole number stands after the `x`)".into()),
        ("how often is not said", "value 1 0+2", "1:12: `0+2` does not say how often it grows (write it like `0+2x4`)".into()),
        ("nothing, repeated", "value 1 _x0", "1:11: `_x0` stands for no sample (leave it out)".into()),
        ("stale, repeated", "value stalex3", "1:7: `stale` stands for one sample (after it there is no series: write `stale _x4`)".into()),
        ("too many", "value 1x99999 1", "1:15: more than 100000 samples (take a longer `every`, or a part of it)".into()),
        ("far too many", "value 1x4294967295", "1:7: more than 100000 samples (take a longer `every`, or a part of it)".into()),
        ("no samples", "value", "1:1: `value` has no samples (`_` stands for a slot without a sample, `_x3` for three)".into()),
        ("of two lengths", "value 1x3\ntraffic 1", "2:1: `traffic` has 1 samples where `value` has 4 (`_` stands for a slot without a sample, `_x3` for three)".into()),
        ("twice", "value 1\nvalue 2", "2:1: `value` stands twice (line 1 has it already)".into()),
        ("every what", "value 1\nevery", "2:1: `every` says nothing (write it like `every 1m`)".into()),
        ("every twice", "every 1m\nevery 2m\nvalue 1", "2:1: `every` stands twice (leave one of the lines out)".into()),
        ("no time apart", "every 0s\nvalue 1", "1:7: samples are some time apart (write it like `1m`)".into()),
        ("no unit", "every 60\nvalue 1", "1:7: `60` is no duration: a unit is missing, such as `s`, `m`, `h` or `d` (write it like `1m`)".into()),
        ("one word too many", "every 1m 2m\nvalue 1", "1:10: `2m` is one too many (each stands on a line of its own)".into()),
        ("no span", "restart 5m\nvalue 1", "1:9: `5m` is no span of time: write it like `10m..40m` (write it like `14m..15m`)".into()),
        ("backwards", "incident 5m..4m\nvalue 1", "1:10: `5m..4m` is no span of time: it ends before it begins (write it like `14m..15m`)".into()),
        ("down twice at once", "restart 1m..3m\nrestart 2m..4m\nvalue 1", "2:9: it begins while the daemon is down already (write one span for both)".into()),
        ("no reading", "häh 1", "1:1: the name `häh` holds `ä`: names are letters, digits, `-` and `_`, and begin with a letter or digit (a line begins with a reading, or with `every`, `deploy`, `restart` or `incident`)".into()),
    ];
    for (row, text, told) in rows {
        let flaws = parse(text).expect_err(row);
        let flaws: Vec<String> = flaws.iter().map(placed).collect();
        assert_eq!(flaws, [told], "{row}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_up_to_a_bound() {
    let flaws = parse("every x\nvalue 1 ? !\nrestart y").expect_err("much is wrong");
    assert_eq!(flaws.iter().map(|f| f.place.line).collect::<Vec<_>>(), [1, 2, 2, 3]);
    let flaws = parse(&"value ?\n".repeat(1000)).expect_err("everything is wrong");
    assert_eq!(flaws.len(), MAX_FLAWS);
}

#[test]
fn whatever_is_written_is_survived() {
    let parts = ["1", "x", "+", "-", "e", "_", "NaN", "stale", "..", "ü", " ", "\n", "value", "#"];
    for a in parts {
        for b in parts {
            for c in parts {
                // What matters is that there is an answer.
                drop(parse(&format!("value {a}{b}{c}")));
                drop(parse(&format!("{a}{b}{c}")));
            }
        }
    }
}

fn placed(flaw: &Flaw) -> String {
    let (Place { line, column }, message) = (flaw.place, &flaw.message);
    let hint = flaw.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    format!("{line}:{column}: {message}{hint}")
}
