//! Arbitrary bytes for every parser of bytes from outside.
//!
//! One program with all parsers: `PARSER` says which one is meant; without it their names are told. A parser must not
//! panic, overflow, take long or take much memory. `run.sh` runs them one by one.

#![no_main]

mod core;
mod files;

use std::borrow::Cow;
use std::sync::OnceLock;

use launchgate_probes::fuzzing::Parser;
use libfuzzer_sys::fuzz_target;

static CHOSEN: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(init: choose(), |bytes: &[u8]| {
    if let Some(parse) = CHOSEN.get() {
        parse(bytes);
    }
});

fn parsers() -> Vec<Parser> {
    let mut all = [core::PARSERS, files::PARSERS, &launchgate::fuzzing::parsers()].concat();
    all.sort_unstable_by_key(|(name, _)| *name);
    all
}

fn choose() {
    let all = parsers();
    let Ok(wanted) = std::env::var("PARSER") else {
        all.iter().for_each(|(name, _)| println!("{name}"));
        std::process::exit(0);
    };
    let Some((_, parse)) = all.iter().find(|(name, _)| *name == wanted) else {
        eprintln!("there is no parser `{wanted}`");
        std::process::exit(2);
    };
    CHOSEN.get_or_init(|| *parse);
}

/// Takes what a parser said, so that the call is not optimised away.
fn said<T>(of: T) {
    drop(std::hint::black_box(of));
}

/// Bytes as those parsers get them that take text.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
