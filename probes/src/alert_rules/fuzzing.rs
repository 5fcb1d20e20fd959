//! Rule files and expressions, for `fuzz/`.

use super::{expected, selectors};
use crate::fuzzing::{Parser, said, text};

pub(crate) const PARSERS: &[Parser] = &[
    ("alert_rules_file", |bytes| said(expected::rules(&text(bytes)))),
    ("alert_rules_selectors", |bytes| said(selectors::selectors(&text(bytes)))),
];
