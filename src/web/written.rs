//! The report as JSON, written once per published report however many ask for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use jiff::Timestamp;
use launchgate_core::name::Name;
use launchgate_core::report::Report;
use sha2::{Digest as _, Sha256};

/// A report as it was written, with a tag that changes when what it says does.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// On one line.
    pub(super) json: Bytes,
    /// A weak entity tag (RFC 9110, section 8.8.3): the same while nothing but the clock has moved.
    pub(super) tag: String,
}

/// The newest report of each launch, as it was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    newest: Mutex<HashMap<Name, (Arc<Report>, Page)>>,
}

impl Written {
    /// A report as JSON, on one line. Whoever asks while it is being written waits for it.
    pub(super) fn json(&self, report: &Arc<Report>) -> Page {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, page)) = newest.get(&report.launch)
            && Arc::ptr_eq(same, report)
        {
            return page.clone();
        }
        let page = Page { json: written(report).into(), tag: tag(report) };
        newest.insert(report.launch.clone(), (Arc::clone(report), page.clone()));
        page
    }
}

fn written(report: &Report) -> Vec<u8> {
    serde_json::to_vec(report).expect("a report has no map with odd keys")
}

fn tag(report: &Report) -> String {
    use std::fmt::Write as _;
    let mut still = report.clone();
    still.as_of = Timestamp::UNIX_EPOCH;
    still.seconds_to_go_live = 0;
    let digest = Sha256::digest(written(&still));
    let hex = digest.iter().take(12).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    });
    format!("W/\"{hex}\"")
}
