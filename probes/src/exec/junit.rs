//! Results in the XML of `JUnit`, as most runners of tests can write it.
//!
//! There is no standard; what all dialects have in common is read: `testsuites` or `testsuite` at the root, in it
//! `testcase`s, each with `failure`, `error` or `skipped` if it did not pass. What a suite announces in `tests` must be there.

use launchgate_core::observation::{Cause, Failure};
use roxmltree::{Document, Node, ParsingOptions};

use super::tally::Tally;

/// The most elements and texts of a report.
const MAX_NODES: u32 = 500_000;
/// The most suites within each other.
const MAX_DEPTH: usize = 64;

/// Reads a report.
///
/// # Errors
/// It is no XML, or no report of tests.
pub fn read(text: &str) -> Result<Tally, Failure> {
    let bad = |why: String| Failure::new(Cause::BadResponse, why);
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text.trim_start(), options)
        .map_err(|e| bad(format!("the report is no XML: {e}")))?;
    let root = document.root_element();
    if !matches!(root.tag_name().name(), "testsuites" | "testsuite") {
        let name = root.tag_name().name();
        return Err(bad(format!("the report's root is `{name}`, not `testsuites` or `testsuite`")));
    }
    let deep = |node: Node<'_, '_>| node.ancestors().take(MAX_DEPTH + 2).count() > MAX_DEPTH + 1;
    if root.descendants().any(deep) {
        return Err(bad(format!(
            "the report's elements stand in each other more than {MAX_DEPTH} deep"
        )));
    }
    let mut tally = Tally::default();
    for case in root.descendants().filter(|node| node.has_tag_name("testcase")) {
        let has = |name: &str| case.children().any(|child| child.tag_name().name() == name);
        if has("failure") || has("error") {
            tally.fail(&name(case));
        } else if has("skipped") {
            tally.skipped = tally.skipped.saturating_add(1);
        } else {
            tally.passed = tally.passed.saturating_add(1);
        }
    }
    let suites = root.descendants().filter(|node| node.has_tag_name("testsuite"));
    for suite in suites.chain([root]) {
        let within = |tag: &str| suite.descendants().filter(|n| n.has_tag_name(tag)).count();
        let announced = |key| suite.attribute(key).and_then(|n| n.trim().parse::<usize>().ok());
        let told = within("testcase");
        if announced("tests").is_some_and(|tests| tests > told) {
            let tests = announced("tests").unwrap_or_default();
            let suite = suite.attribute("name").unwrap_or("the report");
            tally.incomplete = Some(format!("{suite} announces {tests} tests and tells of {told}"));
        }
        // A suite that could not start has an error of its own, and no test.
        let own = suite.children().any(|n| n.has_tag_name("error") || n.has_tag_name("failure"));
        if own {
            tally.fail(suite.attribute("name").unwrap_or("a suite"));
        }
        let failures =
            announced("failures").unwrap_or(0).saturating_add(announced("errors").unwrap_or(0));
        if failures > 0 && tally.failures == 0 {
            tally.incomplete = Some(format!("it announces {failures} failures and tells of none"));
        }
    }
    Ok(tally)
}

fn name(case: Node<'_, '_>) -> String {
    let name = case.attribute("name").unwrap_or("a test without a name");
    match case.attribute("classname") {
        Some(class) if !class.is_empty() => format!("{class}: {name}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_all_dialects_are_counted() {
        let rows = [
            (
                "one suite",
                r#"<testsuite tests="2"><testcase name="a"/><testcase name="b"/></testsuite>"#,
                "2/0/0",
            ),
            (
                "suites in suites",
                r#"<?xml version="1.0"?><testsuites><testsuite name="s"><testsuite><testcase name="a"/></testsuite></testsuite></testsuites>"#,
                "1/0/0",
            ),
            (
                "a failure and an error",
                r#"<testsuites><testsuite><testcase classname="shop" name="pays"><failure>no</failure></testcase><testcase name="b"><error/></testcase></testsuite></testsuites>"#,
                "0/2/0 shop: pays,b",
            ),
            (
                "skipped",
                r#"<testsuite><testcase name="a"><skipped/></testcase><testcase name="b"/></testsuite>"#,
                "1/0/1",
            ),
            (
                "fewer than announced",
                r#"<testsuite name="s" tests="3"><testcase name="a"/></testsuite>"#,
                "1/0/0 s announces 3 tests and tells of 1",
            ),
            (
                "failures that are not told",
                r#"<testsuite failures="1"><testcase name="a"/></testsuite>"#,
                "1/0/0 it announces 1 failures and tells of none",
            ),
            (
                "a suite that could not start",
                r#"<testsuites><testsuite name="s" tests="0"><error>no browser</error></testsuite></testsuites>"#,
                "0/1/0 s",
            ),
            ("nothing ran", r#"<testsuites tests="0"/>"#, "0/0/0"),
        ];
        for (row, text, expected) in rows {
            let tally = read(text).unwrap_or_else(|e| panic!("{row}: {e}"));
            let rest = tally.incomplete.clone().unwrap_or_else(|| tally.failed.join(","));
            let counts = format!("{}/{}/{} {rest}", tally.passed, tally.failures, tally.skipped);
            assert_eq!(counts.trim_end(), expected, "{row}");
        }
    }

    #[test]
    fn what_is_no_report_is_no_answer() {
        let bomb = "<!DOCTYPE b [<!ENTITY a \"aaaa\">]><testsuite>&a;</testsuite>";
        let deep = format!("{}{}", "<testsuite>".repeat(100_000), "</testsuite>".repeat(100_000));
        let rows = [
            ("nothing", ""),
            ("a page", "<html/>"),
            ("broken off", "<testsuite><testcase"),
            ("entities", bomb),
            ("very deep", &deep),
        ];
        for (row, text) in rows {
            assert_eq!(read(text).expect_err(row).cause, Cause::BadResponse, "{row}");
        }
    }
}
