//! The report for programs, as the API has it.

use std::fmt::Write as _;

use launchgate_core::report::Report;

use super::words::is_wild;

pub(super) fn render(report: &Report) -> String {
    let text = serde_json::to_string_pretty(report).expect("a report has no map with odd keys");
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // JSON lets some characters stand that a terminal obeys; they occur in strings alone, where an escape says the same.
        if c != '\n' && is_wild(c) {
            write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes all");
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}
