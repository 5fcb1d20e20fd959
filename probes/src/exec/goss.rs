//! Results as `goss validate --format json` prints them.
//!
//! Source: goss' manual, "Output formats": an object with `results`, each with `result` (0 ok, 1 failed, 2 skipped) or, in older
//! releases, `successful` alone, and a `summary` with the counts.

use launchgate_core::observation::{Cause, Failure};
use serde::Deserialize;

use super::tally::Tally;

#[derive(Deserialize)]
struct Output {
    results: Vec<Single>,
    summary: Summary,
}

#[derive(Deserialize)]
struct Single {
    #[serde(default)]
    result: Option<u32>,
    #[serde(default)]
    successful: bool,
    #[serde(default)]
    skipped: bool,
    #[serde(default, rename = "resource-type")]
    kind: String,
    #[serde(default, rename = "resource-id")]
    id: String,
    #[serde(default)]
    property: String,
}

#[derive(Deserialize)]
struct Summary {
    #[serde(rename = "failed-count")]
    failed: u32,
    #[serde(rename = "test-count")]
    tests: u32,
}

/// Reads the output of a run.
///
/// # Errors
/// It is not what goss prints.
pub fn read(text: &str) -> Result<Tally, Failure> {
    let output: Output = serde_json::from_str(text.trim()).map_err(|e| {
        Failure::new(Cause::BadResponse, format!("what it prints is not goss' JSON: {e}"))
    })?;
    let mut tally = Tally::default();
    for single in &output.results {
        match (single.result, single.skipped, single.successful) {
            (Some(0), ..) | (None, false, true) => tally.passed = tally.passed.saturating_add(1),
            (Some(2), ..) | (None, true, _) => tally.skipped = tally.skipped.saturating_add(1),
            (Some(1), ..) | (None, false, false) => {
                tally.fail(&format!("{} {}: {}", single.kind, single.id, single.property));
            }
            (Some(other), ..) => {
                let message = format!("goss knows no result {other}");
                return Err(Failure::new(Cause::BadResponse, message));
            }
        }
    }
    let told = u32::try_from(output.results.len()).unwrap_or(u32::MAX);
    if output.summary.tests != told || output.summary.failed != tally.failures {
        let Summary { tests, failed } = output.summary;
        tally.incomplete = Some(format!(
            "the summary says {failed} of {tests} failed, the results {} of {told}",
            tally.failures
        ));
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(results: &str, tests: u32, failed: u32) -> String {
        format!(
            "{{\"results\":[{results}],\"summary\":{{\"failed-count\":{failed},\"test-count\":{tests},\"total-duration\":1}}}}"
        )
    }

    #[test]
    fn both_ages_of_goss_are_read() {
        let new = "{\"result\":0},{\"result\":2},{\"result\":1,\"resource-type\":\"Port\",\"resource-id\":\"tcp:80\",\"property\":\"listening\"}";
        let old = "{\"successful\":true},{\"successful\":false,\"resource-id\":\"/etc/x\",\"resource-type\":\"File\",\"property\":\"exists\"}";
        let rows = [
            ("results by number", output(new, 3, 1), "1/1/1 Port tcp:80: listening"),
            ("results by success", output(old, 2, 1), "1/1/0 File /etc/x: exists"),
            (
                "a summary that differs",
                output(old, 9, 1),
                "1/1/0 the summary says 1 of 9 failed, the results 1 of 2",
            ),
            ("nothing ran", output("", 0, 0), "0/0/0"),
        ];
        for (row, text, expected) in rows {
            let tally = read(&text).unwrap_or_else(|e| panic!("{row}: {e}"));
            let rest = tally.incomplete.clone().unwrap_or_else(|| tally.failed.join(","));
            let counts = format!("{}/{}/{} {rest}", tally.passed, tally.failures, tally.skipped);
            assert_eq!(counts.trim_end(), expected, "{row}");
        }
        for (row, text) in [
            ("nothing", ""),
            ("other JSON", "{}"),
            ("a new result", &output("{\"result\":7}", 1, 0)),
        ] {
            assert_eq!(read(text).expect_err(row).cause, Cause::BadResponse, "{row}");
        }
    }
}
