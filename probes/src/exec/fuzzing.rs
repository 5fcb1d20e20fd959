//! What programs print, for `fuzz/`.

use launchgate_core::reading::Unit;

use super::{goss, junit, perfdata, tap};
use crate::fuzzing::{Parser, said, text};

pub(crate) const PARSERS: &[Parser] = &[
    ("exec_goss", |bytes| said(goss::read(&text(bytes)))),
    ("exec_junit", |bytes| said(junit::read(&text(bytes)))),
    ("exec_perfdata", |bytes| {
        let (first, numbers) = perfdata::split(&text(bytes));
        let units = [Unit::One, Unit::Percent, Unit::Time, Unit::Bytes, Unit::PerSecond];
        numbers.iter().for_each(|told| said(units.map(|unit| told.in_unit(unit))));
        said(first);
    }),
    ("exec_tap", |bytes| said(tap::read(&text(bytes)))),
];
