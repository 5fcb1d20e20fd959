//! Files that people write: settings, launch files, and samples for a replay.

use std::path::PathBuf;
use std::sync::LazyLock;

use jiff::Timestamp;
use launchgate::replay::{Subject, tape};
use launchgate::settings::{document::Document, launch::compile_text};
use launchgate_core::scenario;
use launchgate_probes::{Registry, builtin};

use crate::{Parser, said, text};

static KINDS: LazyLock<Registry> = LazyLock::new(builtin);

/// What the samples are of.
static SUBJECT: LazyLock<Subject> = LazyLock::new(|| {
    let launch = include_str!("../../tests/fixtures/replay/launch.yaml");
    let compiled = compile_text("launch.yaml", launch, PathBuf::from("."), &KINDS);
    let compiled = compiled.map_err(|problems| problems.to_string()).expect("it compiles");
    let trigger = compiled.plan.triggers.first().expect("it has a trigger").id.clone();
    Subject::of(&compiled, &trigger).expect("the trigger is its own")
});

pub(crate) const PARSERS: &[Parser] = &[
    ("file_document", |bytes| {
        if let Ok(document) = Document::parse(&text(bytes)) {
            said(document.value());
        }
    }),
    ("file_launch", |bytes| {
        let compiled = compile_text("launch.yaml", &text(bytes), PathBuf::from("."), &KINDS);
        if let Err(problems) = compiled {
            said(problems.to_string());
        }
    }),
    ("file_samples", |bytes| {
        if let Ok(scenario) = scenario::parse(&text(bytes)) {
            said(tape::of_scenario(&scenario, &SUBJECT, Timestamp::UNIX_EPOCH));
        }
    }),
];
