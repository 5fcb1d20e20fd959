//! What the core reads: the words of launch files, scenarios, and lines of audit logs. What is written back is read again.

use std::collections::HashMap;

use launchgate_core::audit::{Chain, Head, Line};
use launchgate_core::expectation::Expectation;
use launchgate_core::milestone::Milestone;
use launchgate_core::name::{CheckPath, Name};
use launchgate_core::reading::{ReadingSpec, ReadingType, Readings, Unit};
use launchgate_core::scenario::{self, Window};
use launchgate_core::time::{Due, format_duration, format_exact, parse_duration};

use crate::{Parser, said, text};

pub(crate) const PARSERS: &[Parser] = &[
    ("core_audit", audit),
    ("core_due", |bytes| {
        if let Ok(due) = text(bytes).parse::<Due>() {
            assert_eq!(due.to_string().parse(), Ok(due), "what is shown is read again");
            let zoned = "2026-12-01T09:00:00+01:00[Europe/Berlin]".parse().expect("it is a time");
            said(due.resolve(&zoned));
        }
    }),
    ("core_duration", |bytes| {
        if let Ok(duration) = parse_duration(&text(bytes)) {
            assert_eq!(parse_duration(&format_exact(duration)), Ok(duration), "no loss");
            said(format_duration(duration));
        }
    }),
    ("core_expectation", expectation),
    ("core_head", |bytes| {
        if let Ok(head) = text(bytes).parse::<Head>() {
            assert_eq!(head.to_string().parse(), Ok(head.clone()), "what is shown is read again");
            let mut chain = Chain::new(head.launch.clone());
            chain.must_hold(&head);
            said(chain.end().cloned());
        }
    }),
    ("core_name", |bytes| {
        let text = text(bytes);
        said((text.parse::<Name>(), text.parse::<CheckPath>(), text.parse::<Milestone>()));
    }),
    ("core_scenario", |bytes| said(scenario::parse(&text(bytes)))),
    ("core_window", |bytes| said(text(bytes).parse::<Window>())),
];

fn audit(bytes: &[u8]) {
    let mut chains: HashMap<Name, Chain> = HashMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(1_000) {
        let Ok(line) = serde_json::from_slice::<Line>(line) else { return };
        let launch = line.launch().clone();
        let chain = chains.entry(launch.clone()).or_insert_with(|| Chain::new(launch));
        said((line.seq(), chain.take(&line, &|_, _| true)));
    }
    for chain in chains.values() {
        said(chain.end().cloned());
    }
}

fn expectation(bytes: &[u8]) {
    let specs = [
        ReadingSpec::new("days_left", ReadingType::Number(Unit::Time), "time"),
        ReadingSpec::new("share", ReadingType::Number(Unit::Percent), "percent"),
        ReadingSpec::new("size", ReadingType::Number(Unit::Bytes), "bytes"),
        ReadingSpec::new("status", ReadingType::Number(Unit::One), "number"),
        ReadingSpec::new("trusted", ReadingType::Flag, "flag"),
        ReadingSpec::new("body", ReadingType::Text, "text"),
        ReadingSpec::new("answers", ReadingType::Texts, "texts"),
    ];
    let Ok(expectation) = Expectation::compile(&text(bytes), &specs) else { return };
    let readings = Readings::new().number("share", 1.0).number("status", 200.0);
    let readings = readings.flag("trusted", true).texts("answers", ["203.0.113.10"]);
    said((expectation.evaluate(&readings), expectation.evaluate(&Readings::new())));
}
