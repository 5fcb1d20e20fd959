//! The `PromQL` that the ready-made forms ask. Shares are never divided by Prometheus: both sides are asked for alone, so
//! that an empty one is told from a zero.

use std::time::Duration;

use crate::metrics::selector::Selector;

/// How far back series are sought that are not there now.
pub(super) const LATELY: &str = "1h";

/// A duration as `PromQL` writes it, in whole milliseconds.
pub(super) fn range(window: Duration) -> String {
    let millis = window.as_millis();
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

/// When the newest sample of any of these series was taken.
pub(super) fn newest(series: &Selector) -> String {
    format!("max(timestamp({series}))")
}

/// When the newest native histogram of any of these series was taken; numbers of that name do not count.
pub(super) fn newest_native(series: &Selector) -> String {
    format!("max(timestamp({series}) and histogram_count({series}))")
}

/// How many native histograms of these series there were lately.
pub(super) fn lately_native(series: &Selector) -> String {
    format!("count(histogram_count(last_over_time({series}[{LATELY}])))")
}

/// The series of `which` that began within the window at a target that was already being watched: all that they count
/// happened since, and `increase` does not see what came before their first sample.
pub(super) fn born(which: &Selector, total: &Selector, window: &str) -> String {
    format!(
        "(({which} unless {which} offset {window}) and on (job, instance) ({total} offset {window}))"
    )
}

/// How much the counters of `which` grew within the window, summed up `by` (such as `by (le)`, or nothing).
pub(super) fn happened(which: &Selector, total: &Selector, window: &str, by: &str) -> String {
    let born = born(which, total, window);
    format!("sum {by} ((increase({which}[{window}]) unless {born}) or {born})")
}

/// The most samples that one series has within the window.
pub(super) fn density(series: &Selector, window: &str) -> String {
    format!("max(count_over_time({series}[{window}]))")
}

/// Whether each target of the series' jobs could be scraped.
pub(super) fn targets(series: &Selector) -> String {
    format!("up and on (job) {series}")
}

/// The same where the series are gone, by those that there were.
pub(super) fn former_targets(series: &Selector) -> String {
    format!("up and on (job) last_over_time({series}[{LATELY}])")
}

/// How many of the series there were lately.
pub(super) fn lately(series: &Selector) -> String {
    format!("count(last_over_time({series}[{LATELY}]))")
}

/// How many of the series there are now.
pub(super) fn count(series: &str) -> String {
    format!("count({series})")
}

/// The series of `total` by the labels that `errors` compares.
pub(super) fn labelled(total: &Selector, errors: &Selector) -> String {
    let labels: Vec<&str> = errors.labels().collect();
    format!("count by ({}) ({total})", labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_read_as_promql() {
        let selector = |text| Selector::parse(text).expect("a selector");
        let total = selector("r{job=\"shop\"}");
        let errors = selector("r{job=\"shop\",code=~\"5..\"}");
        let rows = [
            ("age", newest(&total), "max(timestamp(r{job=\"shop\"}))"),
            ("labels", labelled(&total, &errors), "count by (job, code) (r{job=\"shop\"})"),
            (
                "growth",
                happened(&selector("e"), &selector("t"), "60s", "by (le)"),
                "sum by (le) ((increase(e[60s]) unless ((e unless e offset 60s) and on (job, instance) (t offset 60s))) \
                 or ((e unless e offset 60s) and on (job, instance) (t offset 60s)))",
            ),
            ("targets", targets(&selector("t")), "up and on (job) t"),
        ];
        for (row, got, expected) in rows {
            assert_eq!(got, expected, "{row}");
        }
    }

    #[test]
    fn ranges_are_exact() {
        let rows = [("whole", 90_000, "90s"), ("broken", 1_500, "1500ms")];
        for (row, millis, text) in rows {
            assert_eq!(range(Duration::from_millis(millis)), text, "{row}");
        }
    }
}
