//! The report as JSON, written once per published report however many ask for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use launchgate_core::name::Name;
use launchgate_core::report::Report;

/// The newest report of each launch, as it was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    newest: Mutex<HashMap<Name, (Arc<Report>, Bytes)>>,
}

impl Written {
    /// A report as JSON, on one line. Whoever asks while it is being written waits for it.
    pub(super) fn json(&self, report: &Arc<Report>) -> Bytes {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, bytes)) = newest.get(&report.launch)
            && Arc::ptr_eq(same, report)
        {
            return bytes.clone();
        }
        let bytes = serde_json::to_vec(&**report).expect("a report has no map with odd keys");
        let bytes = Bytes::from(bytes);
        newest.insert(report.launch.clone(), (Arc::clone(report), bytes.clone()));
        bytes
    }
}
