//! The forms of the report, pinned, and what a text from outside cannot do in any of them.

use clap::ValueEnum as _;

use super::sample::{HOSTILE, Sample};
use super::words;
use super::{Format, Options, render};

/// Escape, bell, delete, the eight-bit form of `ESC [`, a return, an override of direction.
const WILD: [char; 6] = ['\u{1b}', '\u{7}', '\u{7f}', '\u{9b}', '\r', '\u{202e}'];

fn scenes() -> [(&'static str, Sample); 4] {
    [
        ("preparing", Sample::preparing()),
        ("pending", Sample::pending()),
        ("needs_decision", Sample::needs_decision()),
        ("waits_for_hands", Sample::waits_for_hands()),
    ]
}

/// Every scene, with hostile texts where people and files write freely.
fn hostile() -> impl Iterator<Item = launchgate_core::report::Report> {
    scenes().into_iter().map(|(_, mut sample)| {
        let mut report = sample.report();
        HOSTILE.clone_into(&mut report.title);
        HOSTILE.clone_into(&mut report.version);
        HOSTILE.clone_into(&mut report.checklists[0].title);
        report.alarms.push(HOSTILE.to_owned());
        report.links.insert(HOSTILE.to_owned(), format!("https://{HOSTILE}"));
        for run in &mut report.runs {
            HOSTILE.clone_into(&mut run.cause);
        }
        report
    })
}

#[test]
fn forms_are_pinned() {
    for (scene, mut sample) in scenes() {
        let report = sample.report();
        for format in [Format::Text, Format::Markdown, Format::Junit, Format::Html] {
            let name = format!("{scene}_{}", format.name());
            let drawn = render(&report, format, Options::default());
            // The style is not what is pinned, and tags on lines of their own can be compared.
            let drawn = match format {
                Format::Html => drawn.replace(super::html::CSS, "").replace("><", ">\n<"),
                _ => drawn,
            };
            insta::assert_snapshot!(name, drawn);
        }
    }
}

#[test]
fn no_form_gives_orders_to_a_terminal() {
    for report in hostile() {
        for format in Format::value_variants() {
            for colour in [false, true] {
                let drawn = render(&report, *format, Options { colour });
                let plain = strip_colours(&drawn);
                let found = plain.chars().find(|c| WILD.contains(c));
                assert_eq!(found, None, "{}: {plain}", format.name());
                assert!(colour || plain == drawn, "colours that nobody asked for");
            }
        }
    }
}

/// A text without the styles that [`words::Tone`] has; whatever else is there stays.
fn strip_colours(text: &str) -> String {
    use words::Tone::{Bad, Calm, Good, Open};
    [Good, Open, Bad, Calm].iter().fold(text.to_owned(), |text, tone| {
        let style = tone.style();
        text.replace(&style.render().to_string(), "").replace(&style.render_reset().to_string(), "")
    })
}

#[test]
fn colour_changes_nothing_but_colour() {
    for (scene, mut sample) in scenes() {
        let report = sample.report();
        let [plain, coloured] =
            [false, true].map(|colour| render(&report, Format::Text, Options { colour }));
        assert_ne!(plain, coloured, "{scene}");
        assert_eq!(plain, strip_colours(&coloured), "{scene}");
    }
}

#[test]
fn markup_from_outside_is_text() {
    let rows: [(Format, &[&str]); 3] = [
        (Format::Html, &["<img", "<script", "href=\"javascript", "onerror=alert(1)>"]),
        (Format::Junit, &["<img", "<script"]),
        (Format::Markdown, &["<", "@channel", "` | b", "://", "`a`"]),
    ];
    for report in hostile() {
        for (format, banned) in rows {
            let drawn = render(&report, format, Options::default());
            let drawn = drawn.replace(super::html::CSS, "");
            for part in banned {
                assert!(!drawn.contains(part), "{part} in {}:\n{drawn}", format.name());
            }
        }
    }
}

#[test]
fn json_says_what_the_report_says() {
    for report in hostile() {
        let drawn = render(&report, Format::Json, Options::default());
        let read: serde_json::Value = serde_json::from_str(&drawn).unwrap();
        assert_eq!(read, serde_json::to_value(&report).unwrap());
    }
}

#[test]
fn lines_fit_a_split_window() {
    for (scene, mut sample) in scenes() {
        let drawn = render(&sample.report(), Format::Text, Options::default());
        for line in drawn.lines() {
            // A command is for copying and stays in one piece.
            let fits = line.chars().count() <= 100 || line.contains("launchgate run");
            assert!(fits, "{scene}: {line}");
        }
    }
}

#[test]
fn every_form_is_found_by_its_name() {
    for format in Format::value_variants() {
        assert_eq!(format.name().parse(), Ok(*format));
        assert_eq!(<Format as clap::ValueEnum>::from_str(format.name(), false), Ok(*format));
    }
    let error = "yaml".parse::<Format>().unwrap_err().to_string();
    assert_eq!(error, "`yaml` is no format: there are text, json, markdown, html and junit");
}

#[test]
fn a_text_has_eighty_columns_whatever_it_says() {
    use unicode_width::UnicodeWidthStr as _;

    const WIDTH: usize = 80;
    let wide = "数据库的迁移 🚀 and a sentence that goes on for longer than any line of a terminal would have room for it";
    let long = "x".repeat(63);
    let scenes = scenes().into_iter().flat_map(|(_, mut sample)| {
        let report = sample.report();
        let mut other = report.clone();
        wide.clone_into(&mut other.title);
        wide.repeat(3).clone_into(&mut other.question);
        other.links.insert("a link".to_owned(), format!("https://example.com/{long}{long}"));
        for list in &mut other.checklists {
            wide.clone_into(&mut list.title);
            for check in &mut list.checks {
                let check = std::sync::Arc::make_mut(check);
                check.because = format!("{wide} {long} {wide}");
                check.id = format!("{}/{long}", check.id.checklist).parse().expect("a path");
            }
        }
        [report, other]
    });
    for report in scenes {
        for colour in [false, true] {
            let drawn = strip_colours(&render(&report, Format::Text, Options { colour }));
            for line in drawn.lines() {
                // A word that is longer than any line stands alone, and can be copied whole.
                let fits = line.width() <= WIDTH || line.split_whitespace().count() == 1;
                assert!(fits, "{} columns: {line}", line.width());
            }
        }
    }
}

#[test]
fn a_report_that_is_read_back_says_the_same() {
    for report in hostile() {
        let written = serde_json::to_string(&report).expect("JSON");
        let read: launchgate_core::report::Report =
            serde_json::from_str(&written).expect("it is a report");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), written);
        let outcomes = |report: &launchgate_core::report::Report| -> Vec<_> {
            let checks = report.checklists.iter().flat_map(|list| &list.checks);
            checks.map(|check| check.outcome).collect()
        };
        assert_eq!(outcomes(&read), outcomes(&report), "why a check is unknown stands beside it");
        for format in Format::value_variants() {
            let drawn = |report| render(report, *format, Options::default());
            assert_eq!(drawn(&read), drawn(&report), "{}", format.name());
        }
    }
}
