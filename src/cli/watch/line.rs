//! A launch in a line, for logs and chats: what must change for another line to be printed.

use serde_json::Value;

use crate::render::words::tame;

/// When the report is of, and what it says.
pub(super) fn of(report: &Value) -> (String, String) {
    let word = |key: &str| tame(report[key].as_str().unwrap_or_default());
    let list = |key: &str| report[key].as_array().cloned().unwrap_or_default();
    let mut line =
        format!("{}  {} · {}", word("verdict"), word("question"), word("phase").replace('_', " "));
    let blockers: Vec<String> = list("blockers")
        .iter()
        .map(|blocker| {
            let what = blocker["check"].as_str().or(blocker["title"].as_str()).unwrap_or_default();
            format!(
                "{} ({})",
                tame(what),
                blocker["why"].as_str().unwrap_or_default().replace('_', " ")
            )
        })
        .collect();
    if !blockers.is_empty() {
        line += &format!(" · blocked by {}", blockers.join(", "));
    }
    let calm = ["disarmed", "watching", "expired"];
    let triggers = list("triggers");
    let loud = triggers.iter().filter(|t| !calm.contains(&t["state"].as_str().unwrap_or_default()));
    for trigger in loud {
        let word = |key: &str| trigger[key].as_str().unwrap_or_default();
        line += &format!(" · trigger {} {}", word("id"), word("state"));
    }
    // The last one alone: what became of those before it is no news.
    if let Some(run) = list("runs").first() {
        let word = |key: &str| run[key].as_str().unwrap_or_default();
        line += &format!(" · run {} {}", word("id"), word("status").replace('_', " "));
    }
    (
        word("as_of").split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned() + "Z",
        line,
    )
}

/// The first line of a reason.
pub(super) fn first(why: &str) -> &str {
    why.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::Sample;

    #[test]
    fn a_line_says_the_verdict_what_blocks_and_what_is_about_to_happen() {
        let rows = [
            ("before", Sample::preparing(), "NO-GO  May we launch? · preparing", false),
            ("in breach", Sample::pending(), "NO-GO  May we declare success? · launching", true),
        ];
        for (row, mut sample, begins, trigger) in rows {
            let report = serde_json::to_value(sample.report()).expect("JSON");
            let (at, line) = of(&report);
            assert!(line.starts_with(begins), "{row}: {line}");
            assert!(line.contains(" · blocked by ") && !line.contains('\u{1b}'), "{row}: {line}");
            assert_eq!(line.contains("trigger error-rate pending"), trigger, "{row}: {line}");
            assert!(at.starts_with("2026-11-27T0") && at.ends_with('Z'), "{row}: {at}");
        }
    }
}
