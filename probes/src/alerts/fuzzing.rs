//! What a Prometheus and an Alertmanager tell of alerts, for `fuzz/`.

use super::matcher::Matcher;
use super::server::{data, json};
use super::verdict::{AlertList, Managed};
use super::{rules, yaml};
use crate::fuzzing::{Parser, said, text};
use crate::prometheus::fuzzing::answer;

pub(crate) const PARSERS: &[Parser] = &[
    ("alerts_list", |bytes| said(data::<AlertList>(&answer(bytes)))),
    ("alerts_managed", |bytes| said(json::<Vec<Managed>>(&answer(bytes)))),
    ("alerts_matchers", |bytes| said(Matcher::parse_list(&text(bytes)))),
    ("alerts_rules", |bytes| said(rules::page(&answer(bytes)))),
    ("alerts_yaml", |bytes| said(yaml::parse(&text(bytes)))),
];
