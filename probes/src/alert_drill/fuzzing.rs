//! What an Alertmanager says of a drill, and what was remembered of one, for `fuzz/`.

use super::verdict::{Drill, Seen};
use crate::alerts::server::json;
use crate::fuzzing::{Parser, said, text};
use crate::prometheus::fuzzing::answer;

pub(crate) const PARSERS: &[Parser] = &[
    ("alert_drill_seen", |bytes| said(json::<Vec<Seen>>(&answer(bytes)))),
    ("alert_drill_memory", |bytes| {
        said(serde_json::from_str(&text(bytes)).ok().and_then(|memory| Drill::remembered(&memory)));
    }),
];
