//! The report for CI systems: a checklist is a suite, a check a case. A failing check is a failure, an unknown one an
//! error; advisory ones that are not good are skipped with their reason, since they block nothing.
//!
//! The answer itself is the first suite's only case, so that what blocks without being a check is not lost on CI.

use std::fmt::{Result, Write as _};

use launchgate_core::check::{Level, Outcome};
use launchgate_core::gate::Verdict;
use launchgate_core::report::{CheckReport, Report};

use super::words::tame;

pub(super) fn render(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    write(&mut out, report).expect("a String takes all");
    out
}

fn write(out: &mut String, report: &Report) -> Result {
    writeln!(out, "<testsuites name=\"{}\">", escape(report.launch.as_str()))?;
    answer(out, report)?;
    for list in &report.checklists {
        let name = escape(list.id.as_str());
        let tests = list.checks.len();
        writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" timestamp=\"{:.0}\">",
            report.as_of
        )?;
        for check in &list.checks {
            case(out, &name, check)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// The launch's own suite: its question, answered.
fn answer(out: &mut String, report: &Report) -> Result {
    let (launch, question) = (escape(report.launch.as_str()), escape(&report.question));
    writeln!(out, "  <testsuite name=\"{launch}\" tests=\"1\" timestamp=\"{:.0}\">", report.as_of)?;
    write!(out, "    <testcase classname=\"{launch}\" name=\"{question}\"")?;
    let element = match report.verdict {
        Verdict::Go => None,
        Verdict::Hold => Some("error"),
        Verdict::NoGo => Some("failure"),
    };
    match element {
        None => writeln!(out, "/>")?,
        Some(element) => {
            writeln!(out, ">\n      <{element} message=\"{}\">", report.verdict.name())?;
            for blocker in &report.blockers {
                let (why, title) = (blocker.why.name(), escape(&blocker.title));
                writeln!(out, "{why}: {title}: {}", escape(&blocker.because))?;
            }
            writeln!(out, "</{element}>\n    </testcase>")?;
        }
    }
    writeln!(out, "  </testsuite>")
}

fn case(out: &mut String, list: &str, check: &CheckReport) -> Result {
    let (name, because) = (escape(check.id.check.as_str()), escape(&check.because));
    write!(out, "    <testcase classname=\"{list}\" name=\"{name}\"")?;
    let element = match (check.outcome, check.level) {
        (Outcome::Pass, _) => return writeln!(out, "/>"),
        (Outcome::Warn, _) => {
            return writeln!(out, "><system-out>warn: {because}</system-out></testcase>");
        }
        (Outcome::Waived, _) | (Outcome::Fail | Outcome::Unknown(_), Level::Advisory) => "skipped",
        (Outcome::Fail, Level::Required) => "failure",
        (Outcome::Unknown(_), Level::Required) => "error",
    };
    let kind = check.reason.map_or("fail", launchgate_core::check::Reason::name);
    let kind = if element == "skipped" { String::new() } else { format!(" type=\"{kind}\"") };
    writeln!(out, "><{element} message=\"{because}\"{kind}/></testcase>")
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
            '\'' => out.push_str("&apos;"),
            // No XML document may hold these, not even as a reference.
            '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}
