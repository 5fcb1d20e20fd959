//! The report for CI systems: a checklist is a suite, a check a case. A failing check is a failure, an unknown one an
//! error; advisory ones that are not good are skipped with their reason, since they block nothing.

use std::fmt::Write as _;

use launchgate_core::check::{Level, Outcome};
use launchgate_core::report::{CheckReport, Report};

use super::words::tame;

pub(super) fn render(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    write(&mut out, report).expect("a String takes all");
    out
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "<testsuites name=\"{}\">", escape(report.launch.as_str()))?;
    for list in &report.checklists {
        let name = escape(list.id.as_str());
        writeln!(out, "  <testsuite name=\"{name}\" tests=\"{}\">", list.checks.len())?;
        for check in &list.checks {
            case(out, &name, check)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn case(out: &mut String, list: &str, check: &CheckReport) -> std::fmt::Result {
    let (name, because) = (escape(check.id.check.as_str()), escape(&check.because));
    write!(out, "    <testcase classname=\"{list}\" name=\"{name}\"")?;
    let element = match (check.outcome, check.level) {
        (Outcome::Pass | Outcome::Warn, _) => return writeln!(out, "/>"),
        (_, Level::Advisory) => "skipped",
        (Outcome::Fail, Level::Required) => "failure",
        (Outcome::Unknown(_), Level::Required) => "error",
    };
    writeln!(out, "><{element} message=\"{because}\"/></testcase>")
}

/// A text that XML takes as text.
fn escape(text: &str) -> String {
    let tamed = tame(text);
    let mut out = String::with_capacity(tamed.len());
    for c in tamed.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}
