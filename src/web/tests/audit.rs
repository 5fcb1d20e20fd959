//! The audit log over HTTP: JSON lines, a bounded page at a time.

use std::sync::PoisonError;

use launchgate_core::audit::Line;
use launchgate_core::milestone::{Milestone, Reached};
use launchgate_core::name::Name;
use launchgate_core::state::Record;

use super::site::Site;
use crate::render::sample::Sample;

const AUDIT: &str = "/api/v1/launches/checkout-2-4/audit";

/// A site whose launch has this many entries, each under a head.
async fn filled(entries: usize) -> Site {
    let site = Site::of(Sample::preparing()).await;
    let mut store = site.app.store.lock().unwrap_or_else(PoisonError::into_inner);
    let at = "2026-12-01T09:00:00Z".parse().unwrap();
    for i in 0..entries {
        let by = format!("person {i}");
        let reached = Record::Reached(Reached { milestone: Milestone::Live, at, by });
        store.commit(&Name::of("checkout-2-4"), at, &[reached]).unwrap();
    }
    drop(store);
    site
}

#[tokio::test]
async fn pages_are_json_lines_and_bounded() {
    let site = filled(1_002).await;
    let rows = [
        ("as it is asked", "", (1, 500)),
        ("a shorter one", "?limit=3", (1, 3)),
        ("the next", "?after=3&limit=2", (4, 5)),
        ("none is one", "?limit=0", (1, 1)),
        ("too many", "?limit=9999", (1, 1_000)),
        ("the last", "?after=1001", (1_002, 1_002)),
    ];
    for (row, query, (first, last)) in rows {
        let answer = site.get(&format!("{AUDIT}{query}")).await;
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"), "{row}");
        let lines = answer.body.lines().map(|line| serde_json::from_str(line).unwrap());
        let lines: Vec<Line> = lines.collect();
        let expected: Vec<u64> = (first..=last).flat_map(|seq| [seq, seq]).collect();
        assert_eq!(lines.iter().map(Line::seq).collect::<Vec<_>>(), expected, "{row}");
    }
    for query in ["?after=1002", "?after=18446744073709551615"] {
        let end = site.get(&format!("{AUDIT}{query}")).await;
        assert_eq!((end.status, end.body.as_str()), (200, ""), "{query}");
    }
    for (path, status) in [(format!("{AUDIT}?after=-1"), 400), (AUDIT.replace("2-4", "0"), 404)] {
        assert_eq!(site.get(&path).await.refusal().0, status, "{path}");
    }
}
