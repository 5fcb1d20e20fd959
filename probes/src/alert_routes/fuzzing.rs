//! What an Alertmanager answers, for `fuzz/`.

use super::tree::Tree;
use super::verdict::{Silence, Status, Targets};
use crate::alerts::server::{data, json};
use crate::fuzzing::{Parser, said, text};
use crate::metrics::selector::Labels;
use crate::prometheus::fuzzing::answer;

pub(crate) const PARSERS: &[Parser] = &[
    ("alert_routes_tree", |bytes| {
        if let Ok(tree) = Tree::parse(&text(bytes)) {
            let labels = [("alertname", "Down"), ("severity", "page"), ("team", "shop")];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            said(tree.reached(&Labels::from(labels)));
        }
    }),
    ("alert_routes_status", |bytes| said(json::<Status>(&answer(bytes)))),
    ("alert_routes_silences", |bytes| said(json::<Vec<Silence>>(&answer(bytes)))),
    ("alert_routes_targets", |bytes| said(data::<Targets>(&answer(bytes)))),
];
